"""`joblib.Parallel`, and so scikit-learn, on the workers of an execution.

    import nitocris.joblib

    with joblib.parallel_config(backend="nitocris", execution=d):
        GridSearchCV(...).fit(x, y)

joblib knows no entry points, so the import registers the backend.

    Parallel --BatchedCalls--> Gathering --Batch(function), calls--> d.submit --> worker
    BatchCompletionCallBack <-- futures <------------------------------------ list of results

joblib hands tasks over only as others are done, so it groups them into batches itself, by its own
rule of 0.2 to 2 seconds.  Those that are short all the same travel together.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from types import ModuleType
from typing import Any

from .errors import ClosedError, ConfigurationError, RemoteError
from .execution import DistributedExecution
from .gathering import Gathering
from .worker.calls import Batch

try:
    from joblib._parallel_backends import FallbackToBackend
    from joblib.parallel import (
        AutoBatchingMixin,
        BatchedCalls,
        ParallelBackendBase,
        SequentialBackend,
        register_parallel_backend,
    )
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "nitocris.joblib needs joblib 1.5 or later: pip install 'nitocris[joblib]'", name=error.name
    ) from error

NAME = "nitocris"

LEAST_JOBS = 16
"""What joblib is told of at least: it keeps twice as many tasks ready, and devices may still come.
With 1 it would compute everything here."""


class NitocrisBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]  # untyped
    """A backend of joblib's whose tasks an execution computes.

    Args:
        execution: The execution, which the caller opens and closes.
        nesting_level: How many backends are around it; joblib sets it.

    Raises:
        ConfigurationError: There is no execution.
    """

    default_n_jobs = -1
    supports_retrieve_callback = True

    def __init__(
        self,
        execution: DistributedExecution | None = None,
        *,
        nesting_level: int | None = None,
        **others: Any,
    ) -> None:
        if not isinstance(execution, DistributedExecution):
            given = "" if execution is None else f", not {execution!r:.80}"
            raise ConfigurationError(
                f"joblib's backend {NAME!r} needs a DistributedExecution{given}: write "
                f"`with joblib.parallel_config(backend={NAME!r}, execution=d):` around the call"
            )
        super().__init__(nesting_level=nesting_level, **others)
        self._execution = execution
        self._gathering = Gathering(
            lambda function, calls: execution.submit(Batch(function), calls),
            lambda: execution.stats().capacity,
        )

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Returns how many tasks can be computed at once, or will be when more devices come.

        1 means what it always means in joblib: without any parallelism, here.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs == 1:
            return 1
        return max(n_jobs or 0, self._execution.stats().capacity, LEAST_JOBS)

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        """Takes the call that follows; options for processes of joblib's own mean nothing here."""
        n_jobs = self.effective_n_jobs(n_jobs)
        if n_jobs == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        return n_jobs

    def submit(
        self, func: BatchedCalls, callback: Callable[[Any], object] | None = None
    ) -> Future[list[Any]]:
        """Has a worker compute a batch of tasks."""
        function, calls = _parts(func.items)
        future = self._gathering.submit(function, calls, getattr(callback, "parallel", None))
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[list[Any]]) -> list[Any]:
        """Returns the results of a batch that is done.

        Raises:
            Exception: What a task raised, of the same type where that is known here, else
                `RemoteError`.
            ClosedError: The execution was closed.
        """
        try:
            return out.result()
        except CancelledError:
            raise ClosedError("the execution was closed while joblib computed") from None
        except RemoteError as error:
            raise as_raised(error)  # noqa: B904  # the remote traceback is its cause

    def abort_everything(self, ensure_ready: bool = True) -> None:  # noqa: ARG002  # it stays ready
        """Cancels what is left of a call of `Parallel` that failed or was given up."""
        # Others may use this backend, too.
        self._gathering.cancel(lambda parallel: getattr(parallel, "_aborting", True))

    def terminate(self) -> None:
        """Forgets what was learnt of the tasks' times; the workers stay."""
        self.reset_batch_stats()
        self._gathering.forget()

    def get_nested_backend(self) -> tuple[SequentialBackend, int]:
        """Returns what `Parallel` inside a task uses."""
        return SequentialBackend(nesting_level=(self.nesting_level or 0) + 1), 1


def as_raised(error: RemoteError) -> RemoteError:
    """Returns an error of the type that was raised on the worker, if that is a known one.

    Known are the exceptions of modules that are imported here.  None is imported for this and no
    constructor called, so that a worker can choose only among types, and run nothing.
    """
    module, _, name = error.type_name.rpartition(".")
    base = _known(module, name)
    if type(error) is not RemoteError or base is None:  # a built-in type is there already
        return error
    body = {"__module__": __name__, "__str__": lambda self: self.remote_text}
    rebuilt: RemoteError
    try:
        rebuilt = BaseException.__new__(type(f"Remote{name}", (base, RemoteError), body))
    except TypeError:
        return error
    rebuilt.__dict__.update(vars(error))
    # The interpreter's own ones, whatever the class has in their place.
    vars(BaseException)["args"].__set__(rebuilt, error.remote_args)
    vars(BaseException)["__cause__"].__set__(rebuilt, error.__cause__)
    return rebuilt


def _known(module: str, name: str) -> type[Exception] | None:
    """Returns an exception that a module which is imported here has, and that a name may choose."""
    imported = sys.modules.get(module)
    if not isinstance(imported, ModuleType):
        return None
    # The dictionary itself: attributes of modules may be imported by being asked for.
    found = object.__getattribute__(imported, "__dict__").get(name)
    if type(found) is not type or not issubclass(found, Exception) or issubclass(found, _CONTROLS):
        return None
    runs = any("__init_subclass__" in vars(each) for each in found.__mro__[:-1])
    return None if runs else found


_CONTROLS = (StopIteration, StopAsyncIteration, CancelledError)
"""Types that mean something to the interpreter or to whoever waits."""


def _parts(
    items: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]],
) -> tuple[Callable[..., Any], list[tuple[tuple[Any, ...], dict[str, Any]]]]:
    """Takes the function out of its calls, since functions travel once to each device."""
    function = items[0][0]
    if all(each is function for each, _, _ in items):
        return function, [(arguments, keywords) for _, arguments, keywords in items]
    return operator.call, [((each, *arguments), keywords) for each, arguments, keywords in items]


register_parallel_backend(NAME, NitocrisBackend)
