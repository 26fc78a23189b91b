"""The import name of the paper and of the 2021 implementation; `nitocris` is the one to use."""

from nitocris import DistributedExecution

__all__ = ["DistributedExecution"]
