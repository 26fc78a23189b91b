"""The scheduler in a simulated world; `python -m tests.simulation --help` says how to use it."""
