"""`python -m nitocris` is the command `nitocris`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
