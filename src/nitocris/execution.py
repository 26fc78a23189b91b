"""`DistributedExecution`: the one face that the owner sees, an `Executor` for any thread."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar, Unpack

from . import takeover
from .call import (
    DEFAULT_TIMEOUT,
    Call,
    Limits,
    MapOptions,
    check_count,
    check_function,
    in_step,
    starred,
)
from .errors import ClosedError, ConfigurationError
from .function import share
from .futures import RemoteFuture
from .journal_writer import Durability
from .lifetime import Lifetime
from .mapping import run_map
from .options import Options, checked, display_for
from .preflight import check
from .report import Report
from .server_limits import DEFAULT_MAX_DEVICES, ServerLimits
from .serving import Serving
from .stats import Stats
from .stream import Stream
from .streaming import AsyncResults, Results, read_async
from .verify import Verify, chosen
from .worker.shared import Shared

if TYPE_CHECKING:
    from .check import Check

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

BUFFER_ITEMS = 10_000
"""Of a stream, so that workers keep busy while the owner looks at a result, and memory stays
flat."""


class DistributedExecution(Executor):
    """Maps functions over lists on every device whose owner opens the link.

    The server runs from entering `with` until leaving it; volunteers stay for all that happens
    between.  It is an executor as of `concurrent.futures`, except that `map` returns a list.

    Args:
        packages: What browsers need besides the standard library, as for pip: `["numpy>=2"]`,
            `["./mywheel.whl"]`.
        timeout_in_seconds: After so long without any result from a chunk, it is given to another
            worker.
        chunk_size: Items per chunk; by default learnt from each worker's speed.
        item_timeout: Seconds that a function may take for one item; by default as long as its
            chunk may.
        retries: How often an item is computed again that raised one of `retry_on`.
        retry_on: Types of exceptions that are worth another try.
        server_port: The port of page, files and WebSocket; by default one that is free, the same
            one for a script that runs again within a day.
        websocket_port: A second port with the same services, for scripts of the 2021
            implementation.
        host: The address to listen on; by default all of this machine.
        public_url: The address that volunteers use, if a tunnel or proxy stands before this
            machine, such as `"https://example.org"`.
        max_devices: How many devices may be connected before browsers have to wait for a place.
        local_workers: Native workers on this machine, as child processes.
        wheels: Folders with wheels, looked into before any download.
        progress: Whether to show the link and how far maps are, in the terminal or the notebook;
            or a function that gets `Stats` a few times a second while `map` runs, and at its end,
            in the place of that.
        check: Whether to look at each new function before others compute it: `d.check` says at
            what. The first item is computed on this machine as well, and if that fails, the map
            does. By default where the link is printed and there are no local workers.
        results: `"safe"`: results come back as plain data, never as pickles. `"pickle"`: results
            may be anything, and whoever has the worker link can run code on this machine; there
            is no link for volunteers then.
        journal: A file in which results are kept, so that after a crash, a kill or a reboot the
            same script computes only what is missing.
        durability: How soon they are kept: within a second ("batched"), or each one before you
            get it ("always").
        verify: How results of volunteers come to be believed. `"outside"`: as they come, until a
            volunteer joins from another machine than this one; from then on as with `"auto"`,
            except that browsers on this machine are believed. `"auto"`: those of all volunteers
            are confirmed, by other devices or this machine. A `Verify`: as that says. None: as
            they come, which is for volunteers whom you trust.
        title: What volunteers see; by default the name of the script.
        description: What the work is for, in some sentences of plain text for volunteers.
        certfile: A certificate as a PEM file, so that links begin with `https://`.
        keyfile: Its private key, if that is not in `certfile`.
        trusted_proxies: The addresses or networks of proxies before this machine, which say in
            `Forwarded` or `X-Forwarded-For` from where a request came.
        limits: How much strangers may take of this machine.

    Raises:
        ConfigurationError: An option cannot work.
        PortInUseError: A requested port is taken.
        JournalError: When the server starts: the journal is in use, or damaged.
    """

    _serving: Callable[[Options], Serving] = Serving
    """What it starts."""

    def __init__(
        self,
        packages: Sequence[str | os.PathLike[str]] = (),
        timeout_in_seconds: float = DEFAULT_TIMEOUT,
        chunk_size: int | None = None,
        *,
        item_timeout: float | None = None,
        retries: int = 0,
        retry_on: type[Exception] | tuple[type[Exception], ...] = (OSError,),
        server_port: int | None = None,
        websocket_port: int | None = None,
        host: str = "0.0.0.0",  # noqa: S104  # other devices are the point
        public_url: str | None = None,
        max_devices: int = DEFAULT_MAX_DEVICES,
        local_workers: int = 0,
        wheels: Sequence[str | os.PathLike[str]] = (),
        progress: bool | Callable[[Stats], object] = True,
        check: bool | None = None,
        results: Literal["safe", "pickle"] = "safe",
        journal: str | os.PathLike[str] | None = None,
        durability: Durability = "batched",
        verify: Verify | Literal["outside", "auto"] | None = "outside",
        title: str | None = None,
        description: str | None = None,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        trusted_proxies: Sequence[str] = (),
        limits: ServerLimits | None = None,
    ) -> None:
        self._limits = Limits(
            timeout_in_seconds=timeout_in_seconds,
            chunk_size=chunk_size,
            item_timeout=item_timeout,
            retries=retries,
            retry_on=retry_on,
        )
        self._verify = chosen(verify)
        self._display = display_for(progress)
        self._check = progress is True and not local_workers if check is None else check
        self._options = checked(
            title=title,
            description=description,
            packages=packages,
            wheels=wheels,
            host=host,
            server_port=server_port,
            websocket_port=websocket_port,
            public_url=public_url,
            max_devices=max_devices,
            local_workers=local_workers,
            results=results,
            display=self._display,
            journal=journal,
            durability=durability,
            limits=limits,
            trusted_proxies=trusted_proxies,
            certfile=certfile,
            keyfile=keyfile,
        )
        self._classes: tuple[type, ...] = ()
        self._lifetime = Lifetime(partial(_serve, weakref.ref(self)), self._display)
        # For the garbage collector and the end of the interpreter; its second call does nothing.
        weakref.finalize(self, self._lifetime.close)

    def __enter__(self) -> Self:
        self._lifetime.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.shutdown(wait=True)
        else:
            self.close()

    def __repr__(self) -> str:
        # Without the fragments: they are the tokens, and this may end up in a log.
        serving = self._lifetime.serving
        running = serving.worker_url.partition("/worker#")[0] if serving else "not started"
        return f"<DistributedExecution {'closed' if self._lifetime.closed else running}>"

    @property
    def url(self) -> str:
        """The link for volunteers: whoever opens it computes in a browser, in a sandbox.

        Raises:
            ConfigurationError: With `results="pickle"` there are no volunteers.
        """
        url = self._lifetime.start().url
        if not url:
            raise ConfigurationError(
                "with results='pickle' only native workers take part: use worker_url"
            )
        return url

    @property
    def worker_url(self) -> str:
        """The link for native workers, which run your functions with all rights of their user."""
        return self._lifetime.start().worker_url

    @property
    def dashboard_url(self) -> str:
        """The link to the dashboard, for you alone: it shows all that goes on, errors included.

        Whoever has it can also send devices away.
        """
        return self._lifetime.start().dashboard_url

    def map(  # type: ignore[override]  # the paper promises a list, the standard an iterator
        self,
        function: Callable[..., R],
        /,
        *iterables: Iterable[Any],
        **options: Unpack[MapOptions],
    ) -> list[R]:
        """Returns `[function(x) for x in iterable]`, computed by the workers.

        Several iterables are read in step, as by the built-in `map`.  They are read only as far as
        the workers keep up.

        Args:
            function: A function, lambda or other callable that cloudpickle can pickle.
            *iterables: Where its arguments come from.
            **options: `errors`, `timeout`, `retries` and others: see `MapOptions`.

        Raises:
            RemoteError: The function raised; also an instance of what it raised, if that is a
                built-in exception. The remote traceback is its cause.
            WorkerLostError: Some item crashed or hung its worker again and again.
            TimeoutError: `timeout` seconds were not enough.
            NotSendableError: The function or an item cannot be pickled.
            PackageError: A package cannot be had.
            ConfigurationError: An argument cannot work.
            ClosedError: The execution is closed.
        """
        items, total = in_step("map", function, iterables)
        return self._map(self._call(options, function, items, total))

    def starmap(
        self,
        function: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        /,
        **options: Unpack[MapOptions],
    ) -> list[R]:
        """Returns `[function(*arguments) for arguments in iterable]`; see `map`."""
        items, total = starred(function, iterable)
        return self._map(self._call(options, function, items, total))

    def imap(
        self,
        function: Callable[..., R],
        /,
        *iterables: Iterable[Any],
        **options: Unpack[MapOptions],
    ) -> Results[R]:
        """Returns an iterator over the results, in the order of the items.

        The iterables are read in another thread, at most `buffersize` items ahead, so they may be
        endless.  Closing or dropping the iterator cancels what is left.  Results are handed over as
        soon as they are believed: those of volunteers who are found to lie later cannot be taken
        back, but you are told of them, also by `report().trust.doubtful`.

        Args:
            function: As for `map`.
            *iterables: As for `map`.
            **options: As for `map`. With `errors="raise"`, an error is raised in its place and
                ends the iteration.

        Raises:
            NotSendableError, PackageError, ConfigurationError, ClosedError: As of `map`; all others
                come from the iterator.
        """
        items, total = in_step("imap", function, iterables)
        stream = self._stream(self._call(options, function, items, total), ordered=True)
        return Results(stream, self._lifetime.ready)

    def imap_unordered(
        self,
        function: Callable[..., R],
        /,
        *iterables: Iterable[Any],
        **options: Unpack[MapOptions],
    ) -> Results[R]:
        """Returns an iterator over the results as they come; see `imap`."""
        items, total = in_step("imap_unordered", function, iterables)
        stream = self._stream(self._call(options, function, items, total), ordered=False)
        return Results(stream, self._lifetime.ready)

    def amap(
        self,
        function: Callable[..., R],
        /,
        *iterables: Iterable[Any] | AsyncIterable[Any],
        ordered: bool = True,
        **options: Unpack[MapOptions],
    ) -> AsyncResults[R]:
        """Returns the results for `async for`, or as a list for `await`.

        The running loop is never blocked: the function is encoded and iterables are read in
        another thread, except for asynchronous ones.  Cancelling the task cancels the map.

        Args:
            function: As for `map`.
            *iterables: As for `map`; asynchronous ones as well.
            ordered: Whether the results come in the order of the items.
            **options: As for `imap`.
        """
        loop = asyncio.get_running_loop()
        readable = tuple(
            read_async(aiter(each), loop) if isinstance(each, AsyncIterable) else each
            for each in iterables
        )
        items, total = in_step("amap", function, readable)
        stream = self._stream(self._call(options, function, items, total), ordered=ordered)
        return AsyncResults(stream, self._lifetime.ready, loop)

    def submit(
        self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> RemoteFuture[R]:
        """Has a worker call a function, and returns a future for its result.

        Futures whose functions are equal share them: each worker gets the function once.
        With a journal, results are kept and found as those of `map`.  As with `imap`, the results
        of volunteers who are found to lie later cannot be taken back.

        Args:
            function: As for `map`.
            *args: Its arguments.
            **kwargs: Its arguments by name.

        Raises:
            NotSendableError, PackageError, ConfigurationError, ClosedError: As of `map`; all others
                come from the future.
        """
        check_function("submit", function)
        call = self._call({"chunk_size": 1, "errors": "return"}, function)
        return self._lifetime.futures().submit(call, args, kwargs, self)

    def check(
        self, function: Callable[..., Any], /, *arguments: Any, **options: Unpack[MapOptions]
    ) -> Check:
        """Looks at a function before anybody else computes it; shares nothing.

        The item is computed in a fresh process on this machine, which knows no more than a worker
        elsewhere, some times if it takes little time.

        Args:
            function: As for `map`.
            *arguments: Those of one item, such as the first one; without them nothing is computed.
            **options: As for `map`; `timeout` is for the dry run.

        Returns:
            The packages with their versions here and there, own modules, what the function takes
            along, and from the item its time, its bytes and whether sharing is worth it.

        Raises:
            NotSendableError, ConfigurationError: As of `map`.
            TimeoutError: The item took longer than `timeout`.
        """
        check_function("check", function)
        return self._look(self._call(options, function), [arguments] if arguments else [])

    def share(self, value: T) -> Shared[T]:
        """Encodes a value once, for all functions and items that it is needed for.

        The handle goes where the value would go: into what a function refers to, or into items,
        also inside of other objects; there, `handle.value` is the value.  It travels once to each
        device, and is unpickled once by each worker process, whose functions all get the same
        object.  Workers let go of it when the maps are over that needed it.  What is changed in it
        afterwards does not travel.  A handle may be used by any execution, as long as it is
        referred to.

        Args:
            value: Anything that a function could refer to, such as a model or a large table.

        Raises:
            NotSendableError: It cannot be pickled.
            ClosedError: The execution is closed.
        """
        if self._lifetime.closed:
            raise ClosedError("this execution is closed; create another DistributedExecution")
        return share(value)

    def register(self, *classes: type) -> None:
        """Lets results contain instances of these dataclasses, Enums and namedtuples.

        Classes that the mapped function mentions are found without this.
        """
        self._classes = (*self._classes, *classes)

    def revoke(self) -> None:
        """Makes new links for volunteers and native workers, and shows them.

        The old ones are refused from now on, and the devices that came by them are sent away; what
        they had is computed by others.  Local workers and the dashboard's link stay.

        Raises:
            ClosedError: The execution is closed.
        """
        self._lifetime.revoke()

    def wait_for_workers(self, workers: int, timeout: float | None = None) -> None:
        """Waits until devices have joined that compute `workers` chunks at once, all together.

        Raises:
            TimeoutError: They did not come within `timeout` seconds.
        """
        check_count("workers", workers, low=0)
        self._lifetime.start().wait_for_workers(workers, timeout)

    def stats(self) -> Stats:
        """Returns what is known of running maps and connected workers at this moment.

        Raises:
            ClosedError: The execution is closed.
        """
        return self._lifetime.start().stats()

    def report(self) -> Report:
        """Returns where the time of the latest map went, and what its results came from.

        Streams and futures are maps as well; futures of equal functions share one.  While a map
        runs, the report says how it is so far; it is still there when the execution is closed.

        Raises:
            ConfigurationError: There was no map yet.
        """
        report = self._lifetime.report()
        if report is None:
            raise ConfigurationError("there is no report before the first map")
        return report

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more work, and closes as soon as all maps, streams and futures are done.

        A stream that only this thread could read, or one that has ended, is not waited for.

        Args:
            wait: Whether to return when all is closed; else it is closed in the background.
            cancel_futures: Whether to cancel the futures that are not done.
        """
        self._lifetime.shutdown(wait=wait, cancel_futures=cancel_futures)

    def close(self) -> None:
        """Sends the workers away and ends all threads, processes and ports; may be repeated.

        Maps and streams that still run raise `ClosedError`; futures are cancelled.
        """
        self._lifetime.close()

    def _call(
        self,
        options: MapOptions,
        function: Callable[..., Any],
        items: Iterable[tuple[Any, ...]] = (),
        total: int | None = None,
    ) -> Call:
        return Call(
            function=function,
            items=iter(items),
            total=total,
            limits=self._limits,
            classes=None if self._options.pickled_results else self._classes,
            examine=not self._options.packages,
            display=self._display,
            check=self._check and not self._options.pickled_results,
            verify=self._verify,
        ).with_options(options)

    def _look(self, call: Call, items: Sequence[tuple[Any, ...]]) -> Check:
        return check(call, items, self._options.packages, self._options.wheels)

    def _map(self, call: Call) -> list[Any]:
        with self._lifetime.running.call(self):
            return run_map(self._lifetime.ready(), call)

    def _stream(self, call: Call, *, ordered: bool) -> Stream:
        if call.buffersize is None:
            call = replace(call, buffersize=BUFFER_ITEMS)
        # A stream in order raises an error in its place, so others go on until that comes.
        call = replace(call, keep_going=call.keep_going or ordered)
        return Stream(call, self._lifetime.running, ordered=ordered)


def _serve(reference: weakref.ref[DistributedExecution]) -> Serving:
    """Starts the server of an execution, which its lifetime must not keep alive."""
    execution = reference()
    assert execution is not None  # it is being used
    former = takeover.former(execution)
    if former is not None and not former._lifetime.running.works():
        former.close()
    return execution._serving(execution._options)
