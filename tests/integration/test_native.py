"""The whole way with native workers: a real server, real processes, real NumPy."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import numpy as np
import pytest

from nitocris import (
    ClosedError,
    ConfigurationError,
    DistributedExecution,
    EncodeError,
    NotSendableError,
    PackageError,
    PortInUseError,
    RemoteError,
    RemoteTraceback,
    WorkerLostError,
    links,
)
from nitocris.records import MAX_WAITING_FIXED
from tests.support.wheels import write_wheel

cloudpickle.register_pickle_by_value(sys.modules[__name__])
Execution = partial(DistributedExecution, host="127.0.0.1", progress=False)


@pytest.fixture(scope="module")
def execution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DistributedExecution]:
    """One execution with two workers for all tests that leave it whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        with Execution(local_workers=2) as d:
            d.wait_for_workers(2, timeout=30)
            yield d


@dataclasses.dataclass(frozen=True)
class Point:
    """A result of the owner's own kind."""

    x: int
    y: float


class Colour(enum.Enum):
    """Another one."""

    RED = 1


class Pair(NamedTuple):
    """And another."""

    first: int
    second: str


def sieve(n: int) -> int:
    """Returns the nth prime by the Sieve of Eratosthenes."""
    limit = max(15, int(n * (n.bit_length() * 0.7 + 2)))
    composite = bytearray(limit)
    for candidate in range(2, limit):
        if not composite[candidate]:
            n -= 1
            if n == 0:
                return candidate
            composite[candidate * candidate :: candidate] = b"\1" * len(
                range(candidate * candidate, limit, candidate)
            )
    raise AssertionError("the limit was too low")


def test_the_paper_s_listing(execution: DistributedExecution) -> None:
    """`d.map(np.square, range(5))` is what the paper promises."""
    assert execution.map(np.square, range(5)) == [0, 1, 4, 9, 16]


def test_results_keep_the_order_of_the_items(execution: DistributedExecution) -> None:
    """Whoever is first, the list is in order."""

    def slow_start(x: int) -> int:
        time.sleep(0.2 if x == 0 else 0)
        return x

    assert execution.map(slow_start, range(500)) == list(range(500))


def test_several_iterables_are_read_in_step(execution: DistributedExecution) -> None:
    """Like the built-in `map`, it ends with the shortest."""
    assert execution.map(pow, [2, 3, 4], iter([5, 2])) == [32, 9]


@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
def test_a_fixed_chunk_size_changes_nothing_but_the_chunks(
    execution: DistributedExecution, chunk_size: int
) -> None:
    """The paper's option is obeyed, and the results are the same."""
    assert execution.map(lambda x: -x, range(50), chunk_size=chunk_size) == [-x for x in range(50)]


def test_closures_lambdas_partials_and_methods_travel(execution: DistributedExecution) -> None:
    """What a notebook defines can be mapped."""
    offset = np.arange(3)

    class Adder:
        def __init__(self, by: int) -> None:
            self.by = by

        def add(self, x: int) -> int:
            return self.by + x

    def recursive(n: int) -> int:
        return 1 if n == 0 else n * recursive(n - 1)

    assert execution.map(lambda x: int((offset + x).sum()), [0, 1]) == [3, 6]
    assert execution.map(Adder(2).add, [1]) == [3]
    assert execution.map(partial(pow, 2), [3]) == [8]
    assert execution.map(recursive, [5]) == [120]
    assert execution.map(sieve, [1, 2, 3, 100]) == [2, 3, 5, 541]


def test_large_arrays_travel_as_blobs_both_ways(execution: DistributedExecution) -> None:
    """A matrix that the function closes over and large items arrive bit by bit as they were."""
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((300, 300))
    vectors = [rng.standard_normal(300) for _ in range(20)]
    large = [rng.standard_normal(100_000) for _ in range(4)]

    products = execution.map(lambda v: matrix @ v, vectors)
    moved = execution.map(lambda a: a + 1, large)

    np.testing.assert_allclose(products, [matrix @ v for v in vectors], rtol=1e-12)
    np.testing.assert_array_equal(moved, [a + 1 for a in large])


def test_arrays_are_writable_where_they_were(execution: DistributedExecution) -> None:
    """A function may work in place, as it could at home."""

    def double(array: np.ndarray[Any, Any]) -> float:
        array *= 2
        return float(array.sum())

    assert execution.map(double, [np.ones(10), np.ones(10_000)]) == [20.0, 20_000.0]


def test_a_generator_may_yield_the_same_array_again(execution: DistributedExecution) -> None:
    """Items are copied when they are taken, so reusing a buffer is safe."""

    def frames() -> Iterator[np.ndarray[Any, Any]]:
        buffer = np.zeros(10_000)
        for step in range(5):
            buffer[:] = step
            yield buffer

    assert execution.map(lambda a: float(a[0]), frames(), chunk_size=1) == [0, 1, 2, 3, 4]


def test_the_owner_s_classes_come_back(execution: DistributedExecution) -> None:
    """Dataclasses, Enums and namedtuples that the function mentions need no registration."""
    results = execution.map(lambda x: (Point(x, x / 2), Colour.RED, Pair(x, "a")), [3])

    assert results == [(Point(3, 1.5), Colour.RED, Pair(3, "a"))]
    assert isinstance(results[0][0], Point)


def test_an_exception_comes_back_as_itself(execution: DistributedExecution) -> None:
    """`except ValueError` catches a remote one; its traceback is the cause; the next map works."""

    def fail(x: int) -> int:
        if x == 3:
            raise ValueError(f"no {x}")
        return x

    with pytest.raises(ValueError, match="no 3") as caught:
        execution.map(fail, range(10))

    assert isinstance(caught.value, RemoteError)
    assert caught.value.index == 3
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert 'raise ValueError(f"no {x}")' in str(caught.value.__cause__)
    assert execution.map(abs, [-1]) == [1]


@pytest.mark.parametrize("exception", [SystemExit, KeyboardInterrupt, StopIteration])
def test_exceptions_that_would_end_the_owner_are_tamed(
    execution: DistributedExecution, exception: type[BaseException]
) -> None:
    """A remote exit or interrupt is an error like any other."""

    def leave(x: int) -> None:
        raise exception(x)

    with pytest.raises(RemoteError, match=exception.__name__):
        execution.map(leave, [1])


def test_a_missing_module_is_named(execution: DistributedExecution) -> None:
    """A function that needs what a worker lacks fails with that name."""

    def needs() -> None:
        import not_a_module  # type: ignore[import-not-found]  # noqa: F401

    with pytest.raises(ModuleNotFoundError, match="not_a_module"):
        execution.map(lambda _: needs(), [1])


def test_a_result_that_cannot_travel_says_what_to_return(execution: DistributedExecution) -> None:
    """The item fails with advice, whether it stands alone or among others."""
    with pytest.raises(EncodeError, match=r"list\(") as caught:
        execution.map(lambda x: (y for y in "ab") if x == 5 else x, range(10), chunk_size=10)

    assert isinstance(caught.value, RemoteError)
    assert caught.value.index == 5


def test_results_larger_than_a_frame_are_split(execution: DistributedExecution) -> None:
    """Twelve results of 8 MiB in one chunk come back in several frames."""
    size = 1 << 20

    results = execution.map(lambda x: np.full(size, x, "f8"), range(12), chunk_size=12)

    assert [float(array[-1]) for array in results] == list(range(12))


def test_a_result_that_is_too_large_is_explained(execution: DistributedExecution) -> None:
    """One item's result beyond the limit fails with both sizes."""
    with pytest.raises(EncodeError, match="64"):
        execution.map(lambda x: bytes(65 << 20), [1])


def test_an_infinite_generator_is_read_only_as_far_as_needed(
    execution: DistributedExecution,
) -> None:
    """The input is lazy: an error ends a map over endless items."""
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    def fail_at_100(x: int) -> int:
        if x == 100:
            raise ArithmeticError("enough")
        time.sleep(60 * (x > 100))  # lest the other worker run away until the error is back
        return x

    with pytest.raises(ArithmeticError, match="enough"):
        execution.map(fail_at_100, endless(), chunk_size=5)

    # Two places, each with a chunk that runs and others that wait, and one chunk on its way.
    assert taken < 100 + 5 * (2 * (1 + MAX_WAITING_FIXED) + 2)


def test_an_error_of_the_input_itself_reaches_the_owner(execution: DistributedExecution) -> None:
    """A generator that raises ends the map with that very error, and the next one works."""

    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("the file ended")

    with pytest.raises(LookupError, match="the file ended"):
        execution.map(abs, broken())

    assert execution.map(abs, [-1]) == [1]


def test_two_maps_at_once(execution: DistributedExecution) -> None:
    """Threads of the owner may map at the same time."""
    results: dict[int, list[int]] = {}

    def run(factor: int) -> None:
        results[factor] = execution.map(lambda x: x * factor, range(100))

    threads = [threading.Thread(target=run, args=(factor,)) for factor in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == {factor: [x * factor for x in range(100)] for factor in range(4)}


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda d: d.map(5, [1]), ConfigurationError, "needs a function first, not 5"),
        (lambda d: d.map(abs), ConfigurationError, "at least one iterable"),
        (lambda d: d.map(abs, 5), ConfigurationError, "cannot iterate over 5"),
        (lambda d: d.map(abs, [1], chunk_size=0), ConfigurationError, "chunk_size.*at least 1"),
        (lambda d: d.map(abs, [1], chunk_size=1.5), ConfigurationError, "chunk_size.*not 1.5"),
        (lambda d: d.map(abs, [1], timeout_in_seconds=0), ConfigurationError, "timeout.*above 0"),
        (lambda d: d.map(abs, [1], timeout_in_seconds="x"), ConfigurationError, "timeout.*'x'"),
        (lambda d: d.map(threading.Lock().acquire, [1]), NotSendableError, "acquire.*lock"),
        (lambda d: d.map(abs, [1, 2, threading.Lock()]), NotSendableError, "item 2 .*lock"),
        (lambda d: d.wait_for_workers(99, timeout=0.01), TimeoutError, "2 of 99 workers"),
        (lambda d: d.wait_for_workers(-1), ConfigurationError, "at least 0"),
    ],
)
def test_a_wrong_call_is_a_clear_error_and_loses_nothing(
    execution: DistributedExecution, call: Any, error: type[Exception], says: str
) -> None:
    """The message names the value and the remedy, and the next map works."""
    with pytest.raises(error, match=says):
        call(execution)

    assert execution.map(abs, [-1]) == [1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"packages": "numpy"}, r"\['numpy'\]"),
        ({"chunk_size": -1}, "chunk_size"),
        ({"timeout_in_seconds": -1}, "timeout_in_seconds"),
        ({"server_port": 70000}, "at most 65535"),
        ({"websocket_port": "x"}, "websocket_port"),
        ({"local_workers": -1}, "local_workers"),
        ({"max_devices": 0}, "max_devices must be a whole number of at least 1"),
        ({"public_url": "example.org"}, "https://example.org"),
        ({"results": "fast"}, "'fast'"),
        ({"wheels": "folder"}, r"wheels must be a list.*\['folder'\]"),
    ],
)
def test_a_wrong_option_is_a_clear_error(options: dict[str, Any], says: str) -> None:
    """The constructor refuses what cannot work before anything starts."""
    with pytest.raises(ConfigurationError, match=says):
        DistributedExecution(**options)


def test_a_closed_execution_says_so() -> None:
    """Nothing hangs after `close`, which may be called again."""
    d = Execution()
    d.close()
    d.close()

    with pytest.raises(ClosedError, match="create another"):
        d.map(abs, [1])


def test_a_forgotten_execution_ends_with_its_last_reference() -> None:
    """Without `with` and `close`, the threads go when the object does."""
    before = threading.active_count()
    d = Execution()
    assert d.url

    del d
    gc.collect()

    assert threading.active_count() == before


def test_closing_ends_a_map_in_another_thread() -> None:
    """The other thread gets an error instead of waiting for ever."""
    errors: list[BaseException] = []

    def run(d: DistributedExecution) -> None:
        try:
            d.map(abs, [1])
        except BaseException as error:
            errors.append(error)

    with Execution() as d:
        thread = threading.Thread(target=run, args=(d,))
        thread.start()
        while not d._lifetime.serving or not d._lifetime.serving.coordinator._maps:
            time.sleep(0.001)
        d.close()
    thread.join()

    assert [type(error) for error in errors] == [ClosedError]


def test_a_taken_port_is_a_clear_error() -> None:
    """The second execution on a fixed port names it."""
    with Execution(server_port=0) as first:
        port = int(first.url.rpartition(":")[2].partition("/")[0])
        with pytest.raises(PortInUseError, match=f"port {port} is in use"):
            Execution(server_port=port).__enter__()


def test_both_of_the_paper_s_ports_may_be_the_same() -> None:
    """One port serves page and WebSocket, whichever option names it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    with Execution(server_port=port, websocket_port=port, local_workers=1) as d:
        assert f":{port}/" in d.url
        assert d.map(abs, [-1]) == [1]


def test_a_host_that_is_not_here_is_a_clear_error() -> None:
    """The message names the address and what would work."""
    with pytest.raises(ConfigurationError, match=r"host='192\.0\.2\.77'.*0\.0\.0\.0"):
        DistributedExecution(host="192.0.2.77", progress=False).__enter__()


def test_the_repr_does_not_tell_the_token() -> None:
    """It may end up in a log or a saved notebook."""
    with Execution() as d:
        base, _, token = d.url.partition("#")

        assert base.rstrip("/") in repr(d)
        assert token not in repr(d)


def test_threads_that_start_an_execution_share_one_server() -> None:
    """Without `with`, the first use starts it, also when several are first."""
    d = Execution()
    urls: set[str] = set()
    threads = [threading.Thread(target=lambda: urls.add(d.url)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    d.close()

    assert len(urls) == 1


def test_the_same_script_gets_the_same_link_again() -> None:
    """Port and tokens are remembered, so open pages rejoin; two at once have different links."""
    with Execution() as first, Execution() as beside:
        link, other = first.url, beside.url
    with Execution() as again:
        assert again.url == link
    assert other != link


def test_the_link_leads_to_this_machine_from_outside() -> None:
    """By default the address is one that other devices of the network can reach."""
    with DistributedExecution(progress=False) as d:
        base = d.url.partition("/#")[0]
        # 503 is what answers where the page has not been built.
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(base) as answer:
            assert answer.status == 200
        assert links.reachable_address("0.0.0.0") in base


def test_the_remembered_link_is_private(own_home: Path) -> None:
    """Only the owner's account can read the tokens."""
    with Execution():
        (file,) = (own_home / "xdg_state_home").rglob("*.json")

    assert file.stat().st_mode & 0o777 == 0o600


def test_an_unknown_package_is_one_clear_error_at_map() -> None:
    """Before any volunteer is bothered, `map` says which name is wrong."""
    with Execution(packages=["nunpy"]) as d, pytest.raises(PackageError, match="nunpy"):
        d.map(abs, [1])


def test_a_wheel_with_a_wrong_hash_is_one_clear_error_at_map(tmp_path: Path) -> None:
    """A folder's own checksums are believed more than its files."""
    wheel = write_wheel(tmp_path, "tiny", "1.0")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  {wheel.name}\n")

    with (
        Execution(packages=["tiny"], wheels=[tmp_path]) as d,
        pytest.raises(PackageError, match=rf"{wheel.name}.*{'0' * 64}"),
    ):
        d.map(abs, [1])


def test_local_processes_that_die_are_started_again() -> None:
    """In the middle of an item, which is computed again, or idle, which nobody notices."""

    def wait(x: int) -> tuple[int, int]:
        time.sleep(0.01)
        return x, os.getpid()

    with DistributedExecution(local_workers=2, host="127.0.0.1", progress=False) as d:
        stream = d.imap(wait, range(200))
        first = [next(stream) for _ in range(20)]
        for killed in {pid for _, pid in first}:
            os.kill(killed, signal.SIGKILL)
        rest = list(stream)
        for killed in {pid for _, pid in rest[-10:]}:
            os.kill(killed, signal.SIGKILL)

        assert [x for x, _ in (*first, *rest)] == list(range(200))
        assert d.map(abs, [-1]) == [1]


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are listed on Linux only")
def test_a_worker_listens_nowhere() -> None:
    """It dials out; there is nothing that others could reach."""
    with (
        Execution() as d,
        subprocess.Popen(
            [sys.executable, "-m", "nitocris", "worker", d.worker_url, "--processes", "1"]
        ) as worker,
    ):
        d.wait_for_workers(1, timeout=30)
        child = d.map(lambda _: __import__("os").getpid(), [0])[0]
        group = [str(worker.pid), str(child)]
        listening = _listening_sockets()

        assert [pid for pid in group if _sockets_of(pid) & listening] == []
        assert _sockets_of("self") & listening
        worker.terminate()


def _sockets_of(pid: str) -> set[str]:
    links = []
    for descriptor in list(Path(f"/proc/{pid}/fd").iterdir()):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.append(os.readlink(descriptor))
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def _listening_sockets() -> set[str]:
    lines = [
        line.split()
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    # State 0A listens; 07 is a datagram socket that anybody may send to.
    return {fields[9] for fields in lines if fields[3] in ("0A", "07")}


def test_workers_forget_what_a_map_has_brought() -> None:
    """The function's data go with their map; a worker does not grow from map to map."""

    def memory(_: int) -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    with Execution(local_workers=1) as d:
        before = d.map(memory, [0])[0]
        for step in range(4):
            data = bytearray([step]) * 50_000_000
            assert d.map(lambda x: data[x], [0], chunk_size=1) == [step]  # noqa: B023
        after = d.map(memory, [0])[0]

    assert after - before < 100_000_000


def test_pickled_results_carry_anything_and_admit_no_volunteers() -> None:
    """The loud opt-out: any object comes back, and there is no link for strangers."""
    with Execution(results="pickle", local_workers=1) as d:
        assert d.map(lambda x: {x: complex}, [1]) == [{1: complex}]
        with pytest.raises(ValueError, match="boom"):
            d.map(lambda x: exec("raise ValueError('boom')"), [1])
        with pytest.raises(EncodeError, match="cannot be pickled"):
            d.map(lambda x: threading.Lock(), [1])
        with pytest.raises(ConfigurationError, match="worker_url"):
            assert d.url


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (lambda d: d.map(abs, [1]), ClosedError),
        (lambda d: next(d.imap(abs, [1])), ClosedError),
        (lambda d: d.submit(abs, 1).result(), CancelledError),
    ],
)
def test_nobody_comes_is_said_once(
    capsys: pytest.CaptureFixture[str], wait: Any, expected: type[Exception]
) -> None:
    """Whoever waits, for a map, a stream or a future, is told once what it waits for."""
    from nitocris import watch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "REFRESH_SECONDS", 0.01)
        patch.setattr(watch, "LONELY_SECONDS", 0.02)
        with DistributedExecution(host="127.0.0.1") as d:
            thread = threading.Timer(0.3, d.close)
            thread.start()
            with pytest.raises(expected):
                wait(d)
            thread.join()

    assert capsys.readouterr().err.count("no worker yet") == 1


def test_a_function_that_hangs_ends_by_its_lease() -> None:
    """`while True` is killed, its process replaced, and the map ends with an error in words."""

    def hang(x: int) -> int:
        while x == 1:
            pass
        return x

    with Execution(local_workers=1, timeout_in_seconds=0.5) as d:
        d.wait_for_workers(1, timeout=30)
        with pytest.raises(WorkerLostError, match=r"item 1 .*no result within 0\.5 s"):
            d.map(hang, range(3))
        assert d.map(abs, [-1], timeout_in_seconds=30) == [1]


def test_a_function_that_kills_its_process_ends_in_words() -> None:
    """A crash is reported, the process replaced, and the next map works."""
    with Execution(local_workers=1) as d:
        d.wait_for_workers(1, timeout=30)
        with pytest.raises(WorkerLostError, match=r"item 0 .*exit code 3"):
            d.map(lambda x: os._exit(3), [1])
        assert d.map(abs, [-1]) == [1]


def test_another_link_s_worker_is_refused_in_words() -> None:
    """The command ends with the coordinator's reason, not with a traceback."""
    with Execution() as d:
        worker = subprocess.run(
            [sys.executable, "-m", "nitocris", "worker", d.url],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert worker.returncode == 2
    assert "d.worker_url" in worker.stderr
    assert "Traceback" not in worker.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "is no link"),
        (["http://127.0.0.1:1/worker#short"], "incomplete"),
        (["http://127.0.0.1:1/worker"], "incomplete"),
        ([], "link is missing"),
        (["http://127.0.0.1:1/worker#" + "x" * 22, "--processes", "0"], "between 1 and 1024"),
        (["http://127.0.0.1:1/worker#" + "x" * 22, "--processes", "x"], "--processes"),
        (["http://127.0.0.1:1/worker#" + "x" * 22, "--max-memory", "5"], "at least 256M"),
        (["http://127.0.0.1:1/worker#" + "x" * 22, "--max-memory", "255M"], "at least 256M"),
        (["http://127.0.0.1:1/worker#" + "x" * 22, "--max-memory", "1.5G"], "at least 256M"),
    ],
)
def test_a_wrong_command_line_is_explained(arguments: list[str], says: str) -> None:
    """A wrong or truncated link, or a wrong number, is said in words."""
    worker = subprocess.run(
        [sys.executable, "-m", "nitocris", "worker", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert worker.returncode == 2
    assert says in worker.stderr
    assert "Traceback" not in worker.stderr


INTERRUPTED = """
import sys, time
from nitocris import DistributedExecution

def main():
    with DistributedExecution(host="127.0.0.1", local_workers=1, progress=False) as d:
        d.wait_for_workers(1)
        print(d.url, flush=True)
        d.map(lambda x: __import__("time").sleep(60), range(3))

if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        import threading
        assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
        print("interrupted", flush=True)
"""


def test_ctrl_c_ends_a_map_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Within a second the script is over; no thread, process or port remains."""
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    owner = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert owner.stdout is not None
    port = int(owner.stdout.readline().rpartition(":")[2].partition("/")[0])
    time.sleep(0.2)

    began = time.monotonic()
    os.kill(owner.pid, signal.SIGINT)
    with owner:
        output = owner.stdout.read()
    took = time.monotonic() - began

    assert output == "interrupted\n"
    assert took < 1.5
    with Execution(server_port=port):
        pass
    # The folders of its children, which their command lines name, would lie there.
    children = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, check=False)
    assert children.stdout == b""
    assert list(tmp_path.glob("nitocris-*")) == []


def test_a_worker_gives_up_when_nobody_is_there() -> None:
    """Where nobody ends it, it must not wait for ever."""
    done = subprocess.run(
        [sys.executable, "-m", "nitocris", "worker", "--give-up", "0.3"],
        env=os.environ | {"NITOCRIS_WORKER_URL": "http://127.0.0.1:9/worker#" + 22 * "x"},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 4, done.stderr
    assert "no coordinator at http://127.0.0.1:9 for 0.3 s" in done.stderr
