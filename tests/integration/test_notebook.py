"""A real kernel runs a notebook: what its cells define can be mapped."""

from __future__ import annotations

import nbclient
import nbformat.v4 as nb
import pytest

CELLS = [
    """
from nitocris import DistributedExecution
import dataclasses, math
d = DistributedExecution(host="127.0.0.1", local_workers=1)
d.wait_for_workers(1, timeout=30)
""",
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


@pytest.mark.timeout(120)
# What Jupyter's own packages warn about is not ours.
@pytest.mark.filterwarnings("ignore")
def test_functions_and_classes_of_a_notebook_travel() -> None:
    """Also after a cell has changed what they use, and beside the notebook's own running loop."""
    notebook = nb.new_notebook(cells=[nb.new_code_cell(source) for source in CELLS])

    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()

    texts = [
        "".join(output.get("text", "") or output.get("data", {}).get("text/plain", ""))
        for cell in notebook.cells
        for output in cell.outputs
    ]
    assert any("to compute, open http://127.0.0.1:" in text for text in texts)
    assert "[Point(x=3), Point(x=6)]" in texts
    assert "[Point(x=4), Point(x=8)]" in texts
    assert "[Point(x=12), Point(x=16)]" in texts
    assert "[Point(x=20), Point(x=24)]" in texts
    assert "def scaled(x):\n    return Point(factor * math.floor(x))\n" in texts
    assert not any("Traceback" in text for text in texts)
