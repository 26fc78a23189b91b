"""A Python that has imported already; each program runs in a fork of it, as the only one there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_MAIN = """
import json, os, sys, traceback
{imports}

def run(request):
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv, sys.path[0] = ["-c"], ""
    try:
        exec(compile(request["source"], "<string>", "exec"), {{"__name__": "__main__"}})
    except BaseException:
        traceback.print_exc()
        sys.exit(1)

for line in sys.stdin:
    if not (child := os.fork()):
        run(json.loads(line))
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class WarmPython:
    """Runs programs one after the other.

    Args:
        imports: A statement that is run once, before all of them.
    """

    def __init__(self, imports: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MAIN.format(imports=imports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=10)

    def run(self, source: str, folder: Path) -> tuple[int, str]:
        """Runs a program in a folder; returns its exit code and all that it printed."""
        output = folder / "output.txt"
        request = {
            "source": source,
            "folder": str(folder),
            "environment": dict(os.environ),
            "output": str(output),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline()), output.read_text()
