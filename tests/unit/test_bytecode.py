"""Modules compiled before they are sent."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nitocris.bytecode import compiled, compiled_wheel, gzipped

SOURCE = b"def where():\n    raise KeyError('here')\n"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with a module, a template that is no Python, and some data."""
    path = tmp_path / "tool-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tool/__init__.py", SOURCE)
        archive.writestr("tool/template.py", b"def {{ name }}():\n")
        archive.writestr("tool/data.bin", b"\0\1")
    return path


def test_a_wheel_gets_bytecode_for_each_module(wheel: Path, tmp_path: Path) -> None:
    """All that was there is there unchanged, and imports do not look at the sources."""
    copy = compiled_wheel(wheel, "abc", tmp_path / "cache")

    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(copy) as after:
        added = set(after.namelist()) - set(before.namelist())
        assert {name: before.read(name) for name in before.namelist()} == {
            name: after.read(name) for name in before.namelist()
        }
        after.extractall(tmp_path / "there")
    assert added == {f"tool/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"}
    # With other content, of the same age or newer: it is the bytecode that runs.
    (tmp_path / "there/tool/__init__.py").write_text("nothing")
    program = f"import sys; sys.path.insert(0, {str(tmp_path / 'there')!r}); import tool\n"
    program += "print(tool.where.__name__)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "where"


def test_what_travels_is_one_stream(wheel: Path, tmp_path: Path) -> None:
    """Files in the copy are stored, so that nothing but the network's own gzip is undone."""
    copy = compiled_wheel(wheel, "abc", tmp_path / "cache")

    with zipfile.ZipFile(copy) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    assert gzip.decompress(gzipped(copy).read_bytes()) == copy.read_bytes()
    assert len(list(copy.parent.iterdir())) == 2


def test_a_copy_is_made_once(wheel: Path, tmp_path: Path) -> None:
    """Compiling a large package takes seconds."""
    copy = compiled_wheel(wheel, "abc", tmp_path)
    made = copy.stat().st_mtime_ns
    wheel.unlink()

    assert compiled_wheel(wheel, "abc", tmp_path) == copy
    assert copy.stat().st_mtime_ns == made


def test_the_same_source_gives_the_same_bytes() -> None:
    """Devices recognise files by their hash, also when another process has made them."""
    program = "import sys; from nitocris.bytecode import compiled\n"
    program += f"sys.stdout.buffer.write(compiled({SOURCE!r}, 'x.py'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout == compiled(SOURCE, "x.py")


def test_what_cannot_be_copied_goes_as_it_is(wheel: Path, tmp_path: Path) -> None:
    """A cache that cannot be written, or a wheel that is no zip, costs time only."""
    (tmp_path / "file").write_text("")
    assert compiled_wheel(wheel, "abc", tmp_path / "file" / "cache") == wheel
    wheel.write_bytes(b"no zip")
    assert compiled_wheel(wheel, "def", tmp_path / "cache") == wheel
    assert list((tmp_path / "cache").iterdir()) == []
