"""The smallest use: five squares, computed by two workers on this machine.

Open the printed link in a browser, here or on a phone in the same network, and it helps too;
with `local_workers=0`, the default, such volunteers do everything.
"""

from nitocris import DistributedExecution

with DistributedExecution(local_workers=2) as execution:
    squares = execution.map(lambda number: number * number, range(5))

print(squares)
