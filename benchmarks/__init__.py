"""Measures Nitocris against what its users would pick instead, and against its paper.

    workloads -> runner -> one child process per system -> results (CSV) -> report, plot

`docs/performance.md` says how to run it, and what was found.
"""
