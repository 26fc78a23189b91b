"""joblib's own tests of its backends, run over ours: those that apply (docs/guides/joblib.md).

joblib ships them in its wheel.  Each one here is joblib's function, with our backend in the place
of joblib's; `make joblib` runs them, with joblib's own settings of pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joblib.parallel import register_parallel_backend

from nitocris import DistributedExecution
from nitocris.joblib import NAME, NitocrisBackend

execution = DistributedExecution(
    local_workers=2, host="127.0.0.1", progress=False, check=False, results="pickle"
)


class Backend(NitocrisBackend):
    """Ours as joblib's tests name it: without an execution."""

    def __init__(self, nesting_level: int | None = None, **others: Any) -> None:
        super().__init__(execution, nesting_level=nesting_level, **others)


register_parallel_backend(NAME, Backend)  # before joblib's tests make a list of all backends

from joblib.test import test_parallel as theirs  # noqa: E402

APPLY = (
    "test_simple_parallel",
    "test_parallel_pretty_print",
    "test_main_thread_renamed_no_warning",
    "test_background_thread_parallelism",
    "test_parallel_as_context_manager",
    "test_parallel_timeout_success",
    "test_parallel_timeout_fail",
    "test_parallel_timeout_fail_with_generator",
    "test_error_in_task_iterator",
    "test_dispatch_one_job",
    "test_batching_auto_subprocesses",
    "test_nested_exception_dispatch",
    "test_invalid_njobs",
    "test_nested_backend_in_sequential",
    "test_parallel_unordered_generator_returns_fastest_first",
    "test_abort_backend",
    "test_deadlock_with_generator",
    "test_multiple_generator_call",
    "test_multiple_generator_call_managed",
    "test_multiple_generator_call_separated",
    "test_no_blas_crash_or_freeze_with_subprocesses",
    "test_lambda_expression",
    "test_backend_batch_statistics_reset",
    "test_thread_bomb_mitigation",
)


def over_ours(test: Callable[..., None]) -> Callable[..., None]:
    """Returns a test of joblib's that runs with our backend only."""
    marks = vars(test)["pytestmark"]
    assert any(mark.args[:1] == ("backend",) for mark in marks), test
    vars(test)["pytestmark"] = [
        pytest.mark.parametrize("backend", [NAME]).mark if mark.args[:1] == ("backend",) else mark
        for mark in marks
    ]
    return test


globals().update({name: over_ours(getattr(theirs, name)) for name in APPLY})


@pytest.fixture(autouse=True, scope="session")
def workers() -> Iterator[None]:
    """The execution has its workers while the tests run."""
    with execution:
        execution.wait_for_workers(2, timeout=60)
        yield
        execution.close()


def test_nested_loop() -> None:
    """joblib's test of all pairs of backends, for the pairs with ours outside."""
    for child in ("threading", "sequential", "loky", "multiprocessing"):
        theirs.test_nested_loop(NAME, child)


def test_finicky_exception() -> None:
    """The end of joblib's `test_error_capture`, the rest of which is about its pool."""
    with pytest.raises(theirs.MyExceptionWithFinickyInit):
        theirs.Parallel(n_jobs=2, backend=NAME)(
            theirs.delayed(theirs.exception_raiser)(i, custom_exception=True) for i in range(30)
        )
