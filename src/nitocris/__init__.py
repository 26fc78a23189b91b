"""Map a function over a list on every device whose owner opens a link.

from nitocris import DistributedExecution

with DistributedExecution() as d:
    d.map(function, items)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .credibility import Credibility
    from .errors import (
        ClosedError,
        ConfigurationError,
        DisagreementError,
        EncodeError,
        ItemTimeoutError,
        JournalError,
        NitocrisError,
        NotSendableError,
        PackageError,
        PortInUseError,
        RefusedError,
        RemoteError,
        RemoteTraceback,
        WorkerLostError,
    )
    from .execution import DistributedExecution
    from .report import Report
    from .server_limits import ServerLimits
    from .stats import Stats
    from .verify import Verify
    from .worker.shared import Shared

__all__ = [
    "ClosedError",
    "ConfigurationError",
    "Credibility",
    "DisagreementError",
    "DistributedExecution",
    "EncodeError",
    "ItemTimeoutError",
    "JournalError",
    "NitocrisError",
    "NotSendableError",
    "PackageError",
    "PortInUseError",
    "RefusedError",
    "RemoteError",
    "RemoteTraceback",
    "Report",
    "ServerLimits",
    "Shared",
    "Stats",
    "Verify",
    "WorkerLostError",
]


def __getattr__(name: str) -> object:
    """Imports on first use (PEP 562), so that a worker never imports the server."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "DistributedExecution":
        from .execution import DistributedExecution

        return DistributedExecution
    if name == "Shared":
        from .worker.shared import Shared

        return Shared
    from . import credibility, errors, report, server_limits, stats, verify

    modules = {
        "Credibility": credibility,
        "Report": report,
        "ServerLimits": server_limits,
        "Stats": stats,
        "Verify": verify,
    }
    module = modules.get(name, errors)
    return getattr(module, name)
