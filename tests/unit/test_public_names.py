"""What users may import, pinned."""

from __future__ import annotations

import subprocess
import sys

import pytest

import distributed_execution
import nitocris


def test_the_public_names() -> None:
    """A new public name, or a lost one, is a decision."""
    assert nitocris.__all__ == [
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
    assert all(getattr(nitocris, name).__name__ == name for name in nitocris.__all__)


def test_the_paper_s_name_is_the_same_class() -> None:
    """`from distributed_execution import *` brings just the one name."""
    assert distributed_execution.__all__ == ["DistributedExecution"]
    assert distributed_execution.DistributedExecution is nitocris.DistributedExecution


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = nitocris.nothing_such


def test_a_worker_never_imports_the_server() -> None:
    """Importing the package costs next to nothing until a name is used."""
    program = "import nitocris, sys; print({'aiohttp', 'asyncio'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "set()\n"
