"""An execution for tests: real but for the network, with local workers only.

Functions and items are pickled, own modules travel, results go through the codec, time limits and
crashes are what they are elsewhere; no port is opened.  The worker is no thread of the test's
process, where the modules that travelled would stand in the place of those under test.
"""

from __future__ import annotations

from typing import Any, NoReturn

from .call import check_count
from .errors import ConfigurationError
from .execution import DistributedExecution
from .serving import Serving


class LocalExecution(DistributedExecution):
    """An execution whose only worker is a child process, and which opens no port.

    It takes the arguments of `DistributedExecution`, so that a test may put it in the place of
    that.  Those of server and links mean nothing here, and nothing is shown or looked at before
    the map unless `progress` and `check` ask for it.

    Args:
        *arguments: As for `DistributedExecution`.
        local_workers: How many chunks are computed at once, each in a process of its own; at
            least one.
        **options: As for `DistributedExecution`.
    """

    def __init__(self, *arguments: Any, local_workers: int = 1, **options: Any) -> None:
        processes = max(check_count("local_workers", local_workers, low=0), 1)
        options = {"progress": False, "check": False, **options, "local_workers": processes}
        super().__init__(*arguments, **options)
        self._serving = _LocalServing

    @property
    def url(self) -> NoReturn:
        """There is none: raises `ConfigurationError`."""
        raise ConfigurationError("an execution without a network has no links")

    worker_url = dashboard_url = url

    def revoke(self) -> NoReturn:
        """There is nothing to revoke: raises `ConfigurationError`."""
        raise ConfigurationError("an execution without a network has no links")


class _LocalServing(Serving):
    """What runs behind a `LocalExecution`: no server."""

    async def _open(self) -> None:
        self.url = self.worker_url = self.dashboard_url = ""
        self._coordinate()
