"""Errors that say the same are one group."""

from __future__ import annotations

from nitocris import events as ev
from nitocris.error_groups import MAX_GROUPS, OTHERS, ErrorGroups


def test_messages_that_name_their_item_do_not_fill_the_memory() -> None:
    """Beyond so many groups all others are one."""
    groups = ErrorGroups()

    for index in range(3 * MAX_GROUPS):
        groups.add(1, index, ev.Failed(ValueError(f"item {index}"), "native worker 1", 1))

    stats = groups.stats()
    assert len(stats) == MAX_GROUPS + 1
    assert (stats[0].error, stats[0].count) == (OTHERS, 2 * MAX_GROUPS)
