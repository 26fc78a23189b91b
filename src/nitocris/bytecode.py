"""Modules compiled before they are sent: to compile them costs a browser more than to run them.

    wheel -> the same wheel with a .pyc for each .py, kept in the cache

Coordinator and workers have the same minor version of Python, so they have the same bytecode; where
an interpreter finds another magic number after all, it takes the source.
"""

from __future__ import annotations

import importlib.util
import logging
import marshal
import os
import struct
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

import platformdirs

logger = logging.getLogger("nitocris.bytecode")

_UNCHECKED_HASH = 0b01
"""PEP 552: the source is not looked at, whatever its time or content."""
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

    Args:
        wheel: The wheel, a zip.
        sha256: Its hash, under which the copy is kept.
        cache: Where copies are kept, by default a folder of this user's cache.
    """
    if cache is None:
        cache = platformdirs.user_cache_path("nitocris") / "bytecode"
    copy = cache / f"{sha256}-{importlib.util.MAGIC_NUMBER.hex()}.whl"
    try:
        if not copy.exists():
            cache.mkdir(parents=True, exist_ok=True)
            _write(wheel, copy)
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:
        logger.info("%s goes to browsers without bytecode: %s", wheel.name, error)
        return wheel
    return copy


def _write(wheel: Path, copy: Path) -> None:
    """Writes the copy under another name first: two coordinators may do so at once."""
    with tempfile.NamedTemporaryFile(dir=copy.parent, delete=False) as file:
        try:
            with (
                zipfile.ZipFile(wheel) as source,
                zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target,
            ):
                _add_all(source, target)
            file.close()
            os.replace(file.name, copy)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


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
