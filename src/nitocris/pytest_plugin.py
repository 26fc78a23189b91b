"""The pytest plugin: `nitocris_execution`, an execution for tests of code that uses one.

Every pytest in an environment with Nitocris imports this, so it imports the rest only when a test
asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import LocalExecution


@pytest.fixture
def nitocris_execution() -> Iterator[LocalExecution]:
    """An execution with one worker process and no network; see `nitocris.testing`."""
    from .testing import LocalExecution

    with LocalExecution() as execution:
        yield execution
        execution.close()
