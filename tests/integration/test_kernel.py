"""A real kernel, as people use it all day: cells that run again, are interrupted, await."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

pytestmark = [
    pytest.mark.timeout(120),
    # What Jupyter's own packages warn about is not ours.
    pytest.mark.filterwarnings("ignore"),
]

START = """
from nitocris import DistributedExecution
d = DistributedExecution(host="127.0.0.1", local_workers=1)
d.wait_for_workers(1, timeout=30)
"""
PID = "import os; d.starmap(os.getpid, [()])[0]"
"""The process of the local worker that computes."""

THREADS = "import threading; sorted(t.name for t in threading.enumerate() if 'nitocris' in t.name)"


@dataclass(frozen=True)
class Ran:
    """What a cell has shown."""

    printed: str
    value: str | None
    error: str | None


class Kernel:
    """An IPython kernel of one's own."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        homes = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("STATE", "CACHE")}
        self.manager.start_kernel(cwd=str(folder), env=os.environ | homes)
        self._connect()
        self._has_execution = False

    def _connect(self) -> None:
        self._client: BlockingKernelClient = self.manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def have_execution(self) -> None:
        """Runs the cell that starts one, unless it has run."""
        if not self._has_execution:
            assert self.run(START).error is None
            self._has_execution = True

    def run(self, source: str, *, meanwhile: Callable[[str], object] = lambda _: None) -> Ran:
        """Runs a cell.

        Args:
            source: Its text.
            meanwhile: Called with each piece of text that it prints.
        """
        printed, value, error = "", None, None
        request = self._client.execute(source)
        while True:
            message = self._client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    printed += content["text"]
                    meanwhile(content["text"])
                case "execute_result":
                    value = content["data"]["text/plain"]
                case "error":
                    error = f"{content['ename']}: {content['evalue']}"
                case "status" if content["execution_state"] == "idle":
                    self._client.get_shell_msg(timeout=60)
                    return Ran(printed, value, error)

    def value(self, source: str) -> str | None:
        """Runs a cell that must not fail, and returns the value of its last expression."""
        ran = self.run(source)
        assert ran.error is None, ran
        return ran.value

    def restart(self) -> None:
        """Does what the button does."""
        self._client.stop_channels()
        self.manager.restart_kernel()
        self._connect()

    def interrupt_at(self, word: str) -> Callable[[str], object]:
        """Returns what interrupts the running cell as soon as it has printed a word."""
        return lambda text: word in text and self.manager.interrupt_kernel()

    def close(self) -> None:
        """Ends the kernel."""
        self._client.stop_channels()
        self.manager.shutdown_kernel()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for all tests, as somebody has it open the whole day."""
    kernel = Kernel(tmp_path_factory.mktemp("notebook"))
    yield kernel
    kernel.close()


def test_what_is_defined_anew_is_used(kernel: Kernel) -> None:
    """A function, a class that results are made of, and what another function calls."""
    kernel.have_execution()
    kernel.run("""
import dataclasses

@dataclasses.dataclass
class Answer:
    value: int

def inner(x): return x
def outer(x): return Answer(inner(x))
""")
    assert kernel.value("d.map(outer, [1])") == "[Answer(value=1)]"

    kernel.run("""
@dataclasses.dataclass
class Answer:
    value: int
    unit: str = "m"

def inner(x): return x * 10
""")

    assert kernel.value("d.map(outer, [1])") == "[Answer(value=10, unit='m')]"
    assert kernel.value("isinstance(d.map(outer, [1])[0], Answer)") == "True"


def test_a_cell_that_runs_again_keeps_its_link(kernel: Kernel) -> None:
    """The execution before is gone with its worker, its threads and its port."""
    kernel.run(START)
    link = kernel.value("d.url")
    worker = int(kernel.value(PID) or 0)
    threads = kernel.value(THREADS)

    kernel.run(START)

    assert kernel.value("d.url") == link
    assert kernel.value(THREADS) == threads
    assert kernel.value("d.map(abs, [-1])") == "[1]"
    assert not alive(worker)


def test_what_a_notebook_remembers_keeps_no_link(kernel: Kernel) -> None:
    """It remembers what its cells have shown, and the frames of its last error."""
    kernel.run(START + "d")
    link = kernel.value("d.url")
    kernel.run("d.map(int, ['no number'])")

    kernel.run(START + "d")

    assert kernel.value("d.url") == link
    assert kernel.value("d.map(abs, [-1])") == "[1]"


def test_a_script_by_magic(kernel: Kernel, tmp_path: Path) -> None:
    """`%run` of a script with an execution of its own; what it defined can be mapped afterwards."""
    kernel.have_execution()
    script = tmp_path / "script.py"
    script.write_text("""
import dataclasses
from nitocris import DistributedExecution

@dataclasses.dataclass
class Result:
    value: int

def double(x):
    return Result(2 * x)

if __name__ == "__main__":
    with DistributedExecution(host="127.0.0.1", local_workers=1) as execution:
        print(execution.map(double, [1, 2]))
""")

    ran = kernel.run(f"%run {script}")

    assert ran.error is None
    assert "[Result(value=2), Result(value=4)]" in ran.printed
    assert kernel.value("d.map(double, [3])") == "[Result(value=6)]"
    assert kernel.run(f"%run {script}").error is None


def test_a_module_beside_the_notebook(kernel: Kernel) -> None:
    """It travels, also after it was edited and loaded again."""
    kernel.have_execution()
    kernel.run("""
%load_ext autoreload
%autoreload 2
import pathlib
module = pathlib.Path("rates.py")
_ = module.write_text("def rate(x):\\n    return x + 100\\n")
import rates
""")
    assert kernel.value("d.map(rates.rate, [1])") == "[101]"

    kernel.run('_ = module.write_text("def rate(x):\\n    return x + 2000\\n")')
    changed = kernel.run("d.map(rates.rate, [1]) + d.map(lambda x: rates.rate(x), [2])")

    assert changed.value == "[2001, 2002]"
    assert "has changed since" not in changed.printed


def test_interrupting_a_map(kernel: Kernel) -> None:
    """The button ends the map, and the next one finds its worker idle."""
    kernel.have_execution()
    ran = kernel.run(
        """
import threading

def items():
    yield 0
    print("under way", flush=True)
    yield from range(1, 1000)

d.map(lambda _: threading.Event().wait(), items())
""",
        meanwhile=kernel.interrupt_at("under way"),
    )

    assert ran.error == "KeyboardInterrupt: "
    assert kernel.value("d.map(abs, [-1, 2])") == "[1, 2]"


def test_interrupting_an_awaited_map(kernel: Kernel) -> None:
    """The same in a cell that awaits."""
    kernel.have_execution()
    ran = kernel.run(
        """
import threading

async def items():
    yield 0
    print("under way", flush=True)
    for number in range(1, 1000):
        yield number

await d.amap(lambda _: threading.Event().wait(), items())
""",
        meanwhile=kernel.interrupt_at("under way"),
    )

    assert ran.error is not None
    assert re.match("KeyboardInterrupt|CancelledError", ran.error)
    assert kernel.value("await d.amap(abs, [-1, 2])") == "[1, 2]"


def test_the_running_loop(kernel: Kernel) -> None:
    """Both kinds of map in asynchronous cells, alone and several at once."""
    kernel.have_execution()

    assert kernel.value("[each async for each in d.amap(abs, [-1])] + d.map(abs, [-2])") == "[1, 2]"
    assert (
        kernel.value("""
import asyncio

async def both():
    return await asyncio.gather(d.amap(abs, [-1, -2]), d.amap(str, [3])), d.map(abs, [-4])

await both()
""")
        == "([[1, 2], ['3']], [4])"
    )


def test_restarting_the_kernel(kernel: Kernel) -> None:
    """The link stays, so open pages rejoin; the worker of the old kernel has ended."""
    kernel.run(START)
    link = kernel.value("d.url")
    worker = int(kernel.value(PID) or 0)

    kernel.restart()
    kernel.run(START)

    assert kernel.value("d.url") == link
    assert kernel.value("d.map(abs, [-1])") == "[1]"
    assert not alive(worker)


def alive(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
