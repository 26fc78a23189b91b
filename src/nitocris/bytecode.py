"""Modules compiled before they are sent: to compile them costs a browser more than to run them.

    wheel -> the same files with a .pyc for each .py, not compressed, and a gzipped copy of that

A browser inflates what comes over the network much faster than a worker what is in a zip, and one
stream is smaller than many.  Both are kept in the cache.

Coordinator and workers have the same minor version of Python, so they have the same bytecode; where
an interpreter finds another magic number after all, it takes the source.
"""

from __future__ import annotations

import gzip
import importlib.util
import logging
import marshal
import os
import shutil
import struct
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

import platformdirs

logger = logging.getLogger("nitocris.bytecode")

_UNCHECKED_HASH = 0b01
"""PEP 552: the source is not looked at, whatever its time or content."""
_GZIP_LEVEL = 6
_MARSHAL_VERSION = 2
"""The last one whose bytes do not depend on reference counts: same source, same bytes."""


def compiled(source: bytes, filename: str) -> bytes | None:
    """Returns the content of a module's .pyc, or None if this Python cannot compile it.

    Args:
        source: The content of its .py.
        filename: What tracebacks say, unless the import system knows better.
    """
    try:
        code = compile(source, filename, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError):
        return None  # such as a template, or tests of what is no Python
    head = importlib.util.MAGIC_NUMBER + struct.pack("<I", _UNCHECKED_HASH)
    return head + importlib.util.source_hash(source) + marshal.dumps(code, _MARSHAL_VERSION)


def compiled_wheel(wheel: Path, sha256: str, cache: Path | None = None) -> Path:
    """Returns a copy of a wheel that has bytecode besides, or the wheel where none can be made.

    Beside the copy is what travels: `gzipped(copy)`.

    Args:
        wheel: The wheel, a zip.
        sha256: Its hash, under which the copy is kept.
        cache: Where copies are kept, by default a folder of this user's cache.
    """
    if cache is None:
        cache = platformdirs.user_cache_path("nitocris") / "bytecode"
    copy = cache / f"{sha256}-{importlib.util.MAGIC_NUMBER.hex()}.stored.whl"
    try:
        if not copy.exists():
            cache.mkdir(parents=True, exist_ok=True)
            _write(wheel, copy)
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:
        logger.info("%s goes to browsers without bytecode: %s", wheel.name, error)
        return wheel
    return copy


def gzipped(file: Path) -> Path:
    """Returns where a file's gzipped copy is, if it has one."""
    return file.with_name(f"{file.name}.gz")


def _write(wheel: Path, copy: Path) -> None:
    """Writes the copy last, so that where it is, the other one is too."""
    with tempfile.TemporaryDirectory(dir=copy.parent) as folder:
        plain = Path(folder, "plain")
        with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(plain, "w") as target:
            _add_all(source, target)
        with plain.open("rb") as file, gzip.open(gzipped(plain), "wb", _GZIP_LEVEL) as packed:
            shutil.copyfileobj(file, packed)
        os.replace(gzipped(plain), gzipped(copy))
        os.replace(plain, copy)


def _add_all(source: zipfile.ZipFile, target: zipfile.ZipFile) -> None:
    names = set(source.namelist())
    for entry in source.infolist():
        content = source.read(entry)
        target.writestr(entry.filename, content)
        path = PurePosixPath(entry.filename)
        bytecode = f"{path.parent / '__pycache__' / path.stem}.{sys.implementation.cache_tag}.pyc"
        if path.suffix != ".py" or bytecode in names:
            continue
        code = compiled(content, entry.filename)
        if code is not None:
            target.writestr(bytecode, code)
