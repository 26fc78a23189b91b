"""A real kernel runs a notebook: what its cells define can be mapped; it keeps little."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import nbclient
import nbformat.v4 as nb
import pytest

pytestmark = [
    pytest.mark.timeout(120),
    # What Jupyter's own packages warn about is not ours.
    pytest.mark.filterwarnings("ignore"),
]

OPEN = """
from nitocris import DistributedExecution
import dataclasses, math, os, signal, threading, time
d = DistributedExecution(host="127.0.0.1", local_workers=1)
d.wait_for_workers(1, timeout=30)
"""

CELLS = [
    OPEN,
    """
factor = 3

@dataclasses.dataclass
class Point:
    x: int

def scaled(x):
    return Point(factor * math.floor(x))

d.map(scaled, [1.5, 2.5])
""",
    """
factor = 4
d.map(scaled, [1.5, 2.5])
""",
    "[point async for point in d.amap(scaled, [3.5])] + await d.amap(scaled, [4.5])",
    "[*d.imap(scaled, [5.5]), d.submit(scaled, x=6.5).result()]",
    "from nitocris.job import MappedFunction; print(MappedFunction.of(scaled).source)",
    "d.shutdown()",
]

TOKEN = re.compile(r"#[\w-]{22}")


def run(cells: Sequence[str], *, allow_errors: bool = False) -> tuple[Any, list[list[str]]]:
    """Runs cells one after the other.

    Returns:
        The notebook as it would be saved, and what all outputs showed after each cell.
    """
    notebook = nb.new_notebook(cells=[nb.new_code_cell(source) for source in cells])
    seen: list[list[str]] = []
    nbclient.NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        allow_errors=allow_errors,
        on_cell_executed=lambda **_: seen.append([*texts(notebook), *pages(notebook)]),
    ).execute()
    return notebook, seen


def outputs(notebook: Any) -> list[Any]:
    """Returns all outputs of all cells."""
    return [output for cell in notebook.cells for output in cell.outputs]


def texts(notebook: Any) -> list[str]:
    """Returns the outputs as text."""
    return [
        "".join(
            output.get("text", "")
            or output.get("data", {}).get("text/plain", "")
            or output.get("traceback", "")
        )
        for output in outputs(notebook)
    ]


def pages(notebook: Any) -> list[str]:
    """Returns the outputs as HTML."""
    return ["".join(output.get("data", {}).get("text/html", "")) for output in outputs(notebook)]


def test_functions_and_classes_of_a_notebook_travel() -> None:
    """Also after a cell has changed what they use, and beside the notebook's own running loop."""
    notebook, _ = run(CELLS)

    found = texts(notebook)
    assert "[Point(x=3), Point(x=6)]" in found
    assert "[Point(x=4), Point(x=8)]" in found
    assert "[Point(x=12), Point(x=16)]" in found
    assert "[Point(x=20), Point(x=24)]" in found
    assert "def scaled(x):\n    return Point(factor * math.floor(x))\n" in found
    assert not any("Traceback" in text for text in found)


def test_the_link_is_there_as_long_as_it_is_of_use() -> None:
    """With a code for phones; a notebook that is saved afterwards has no token and nothing live."""
    notebook, seen = run(
        [OPEN, "d._display.warn('a <b>stranger</b> is amiss')", "d.map(abs, range(5))", "d.close()"]
    )

    opened, warned, mapped, _ = ("\n".join(each) for each in seen)
    assert TOKEN.search(opened)
    assert "to compute, open http://127.0.0.1:" in opened
    assert "<svg" in opened
    assert "a &lt;b&gt;stranger&lt;/b&gt; is amiss" in warned
    assert "abs: 5 items in" in mapped
    saved = str(notebook)
    assert not TOKEN.search(saved)
    assert "127.0.0.1:" not in saved
    assert "<svg" not in saved
    assert "<progress" not in saved
    assert "amiss" not in "".join(texts(notebook))
    assert re.findall(r"abs: 5 items in [\d.]+ s", "\n".join(texts(notebook)))
    assert "Nitocris: the execution has ended." in texts(notebook)


def test_what_items_print_stays_in_the_notebook() -> None:
    """As what the notebook itself prints, and as text."""
    notebook, _ = run(
        [OPEN, "d.map(lambda x: print(f'<b>{x}</b>'), [7])", "d.close()"],
    )

    assert any("item 0: <b>7</b>" in text for text in texts(notebook))
    assert not any("<b>" in page for page in pages(notebook))


def test_a_cell_can_be_interrupted_and_run_again() -> None:
    """The map ends, its line says so, and the same workers do the next one."""
    interrupted = """
def slow(x):
    time.sleep(0.01 if x < 3 else 60)

# As the stop button does it: when some items are done.
def stop():
    while d.stats().done < 3:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=stop).start()
d.map(slow, range(5))
"""
    cells = [OPEN, interrupted, "d.map(abs, [-1, -2])", "d.close()"]

    notebook, _ = run(cells, allow_errors=True)

    found = texts(notebook)
    assert any("KeyboardInterrupt" in text for text in found)
    assert any(re.match(r"slow: 3 of 5 items in [\d.]+ s, then it ended early", t) for t in found)
    assert "[1, 2]" in found
    assert not TOKEN.search(str(notebook))


def test_a_cell_that_opens_an_execution_can_be_run_again() -> None:
    """The first execution is closed as soon as nothing refers to it, and its link goes."""
    notebook, seen = run(
        [OPEN, OPEN, "import gc; gc.collect(); None", "d.map(abs, [-3])", "d.close()"]
    )

    assert "[3]" in texts(notebook)
    assert len(TOKEN.findall("\n".join(seen[2]))) > 0
    assert texts(notebook).count("Nitocris: the execution has ended.") == 2
    assert not TOKEN.search(str(notebook))
