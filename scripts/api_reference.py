"""Writes docs/api.md from the docstrings of what users import; `--check` only compares.

griffe reads the sources and the sections of the docstrings, ruff breaks long signatures.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "api.md"

INTRODUCTION = """# API

What the docstrings say, written by `make docs`.
The [reference](reference.md) has the same in tables, with examples.
What names no module of its own is imported from `nitocris`.
"""

RELATED = ("call.MapOptions", "streaming.Results", "streaming.AsyncResults", "futures.RemoteFuture")
"""What is not imported by users, but is taken or returned by what is."""

INTEGRATIONS = (
    "pandas.apply",
    "testing.LocalExecution",
    "pytest_plugin.nitocris_execution",
    "engines.dask.join",
    "engines.ray.join",
    "engines.joining.Joined",
)
"""What goes under other libraries and on engines, in modules of their own."""


def main() -> int:
    """Returns 1 if the file is not up to date and was to be checked only."""
    text = "\n".join([INTRODUCTION, *_page()])
    if "--check" not in sys.argv:
        TARGET.write_text(text)
        return 0
    if TARGET.exists() and TARGET.read_text() == text:
        return 0
    print(f"{TARGET.relative_to(ROOT)} is not what the docstrings say; run make docs")
    return 1


def _page() -> Iterator[str]:
    package = griffe.load(
        "nitocris",
        search_paths=[str(ROOT / "src")],
        docstring_parser="google",
        resolve_aliases=True,
    )
    exported = [package[str(name).strip("'\"")] for name in package.exports or ()]
    errors = [each for each in exported if each.final_target.path.startswith("nitocris.errors.")]
    others = [each for each in exported if each not in errors]
    for each in others:
        yield from _class(each)
    for path in RELATED:
        yield from _class(package[path], f" (`nitocris.{path.rpartition('.')[0]}`)")
    yield "## `NitocrisBackend` (`nitocris.joblib`)\n"
    yield from _text(package["joblib.NitocrisBackend"])  # its methods are for joblib
    for path in INTEGRATIONS:
        found = package[path]
        if isinstance(found, griffe.Function):
            yield f"## `nitocris.{path}`\n"
            yield _signature(found.signature(return_type=True))
            yield from _text(found)
        else:
            yield from _class(found, f" (`nitocris.{path.rpartition('.')[0]}`)")
    for each in errors:
        yield from _class(each)


def _class(thing: griffe.Object | griffe.Alias, where: str = "") -> Iterator[str]:
    found = thing.final_target if isinstance(thing, griffe.Alias) else thing
    assert isinstance(found, griffe.Class)
    yield f"## `{found.name}`{where}\n"
    bases = [str(base) for base in found.bases]
    if bases and not where:
        yield f"Is also {' and '.join(f'`{base}`' for base in bases)}.\n"
    if found.name == "DistributedExecution":
        yield _signature(found.signature())
    yield from _text(found)
    for name, member in found.members.items():
        if name.startswith("_") or member.docstring is None:
            continue
        if isinstance(member, griffe.Function):
            yield f"### `{found.name}.{name}`\n"
            yield _signature(member.signature(return_type=True))
            yield from _text(member)
        elif isinstance(member, griffe.Attribute) and "property" in member.labels:
            yield f"### `{found.name}.{name}`\n"
            yield from _text(member)


def _signature(source: str | None) -> str:
    program = f"def {source}: ..."
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--line-length=88", "-"],
        input=program,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return f"```py\n{formatted.strip().removeprefix('def ').removesuffix(': ...')}\n```\n"


def _text(found: griffe.Object) -> Iterator[str]:
    for section in found.docstring.parsed if found.docstring else ():
        match section:
            case griffe.DocstringSectionText():
                yield f"{_sentences(section.value)}\n"
            case griffe.DocstringSectionParameters() | griffe.DocstringSectionAttributes():
                yield from (f"- `{each.name}`: {_one_line(each)}" for each in section.value)
                yield ""
            case griffe.DocstringSectionRaises():
                yield "Raises:\n"
                for each in section.value:
                    yield f"- `{str(each.annotation).strip('()')}`: {_one_line(each)}"
                yield ""
            case griffe.DocstringSectionReturns():
                yield from (f"Returns {_one_line(each)}" for each in section.value)
                yield ""
            case _:
                raise ValueError(f"{found.path}: the section {section.kind} is not known here")


def _one_line(element: griffe.DocstringElement) -> str:
    return " ".join(element.description.split())


def _sentences(text: str) -> str:
    """Returns paragraphs, each on a line, and what is indented as it is."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        each if each.startswith(" ") else re.sub(r"\s+", " ", each) for each in paragraphs
    )


if __name__ == "__main__":
    sys.exit(main())
