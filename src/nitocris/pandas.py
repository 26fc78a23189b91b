"""Groups of a pandas table, computed by the workers of an execution.

    apply(df.groupby("city"), fn, d)  ==  df.groupby("city").apply(fn)

pandas itself cuts the table and puts the results together, so both are as they always are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .worker.calls import Named

if TYPE_CHECKING:
    import pandas as pd
    from pandas.api.typing import DataFrameGroupBy, SeriesGroupBy

    from .execution import DistributedExecution


def apply(
    groups: DataFrameGroupBy[Any, Any] | SeriesGroupBy[Any, Any],
    function: Callable[[Any], Any],
    execution: DistributedExecution,
) -> pd.DataFrame | pd.Series[Any]:
    """Returns `groups.apply(function)`, with the function computed by the workers.

    Args:
        groups: What `groupby` gives, of a table or of a column.
        function: What pandas would call with each group; the group has its `name`.
        execution: Who computes.

    Raises:
        Exception: As of `DistributedExecution.map`; the index of an item is that of its group, in
            the order of `groups`.
    """
    parts: list[Any] = []
    groups.apply(parts.append)  # type: ignore[call-overload]  # None is a result as well
    named = Named(function)
    results = iter(execution.map(named, parts, [part.name for part in parts]))
    return groups.apply(lambda _: next(results))
