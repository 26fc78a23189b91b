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


LATER = (
    "importlib.metadata",
    "numpy",
    "packaging",
    "pandas",
    "tabulate",
    "tqdm",
    "nitocris.check",
    "nitocris.downloads",
    "nitocris.installed",
    "nitocris.local_resolver",
    "nitocris.matching",
    "nitocris.packages",
    "nitocris.pip_resolver",
    "nitocris.plan",
    "nitocris.preparation",
    "nitocris.provenance",
)
"""What only some executions need, or only the end of one."""

STARTED = f"""
import sys
from nitocris import DistributedExecution

with DistributedExecution(local_workers=1, host="127.0.0.1", progress=False):
    print([name for name in {LATER!r} if name in sys.modules])
"""


def test_an_execution_starts_without_what_it_may_never_need() -> None:
    """A script that maps once over a local worker waits for no search of packages."""
    done = subprocess.run(
        [sys.executable, "-c", STARTED], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
