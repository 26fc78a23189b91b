"""The owner's own modules on a worker: unpacked, and importable while their map computes.

    map A: enter --> its folder first on the path, its modules in sys.modules
    map B: enter --> A's modules are put aside, B's come in their place

Each map has a workspace.  Two maps may have different versions of a module, and maps with the
same modules share them, as a process that imports them once would.  Files lie in a folder, so that
modules find their data beside them.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import io
import shutil
import sys
import tempfile
import weakref
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from ..protocol import Buffer

KEPT_WORKSPACES = 4
"""Those that were used last stay, so that a map that is started again imports nothing anew."""

_LIBRARY_SUFFIXES = (".so", ".pyd", ".dll", ".dylib")


class Workspace:
    """Own modules of one map; its folder goes when nobody has it any more."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._archives: dict[str, str] = {}
        self._modules: dict[str, ModuleType] = {}
        """Its modules while another workspace is in use."""
        self._hidden: dict[str, ModuleType] = {}
        """The worker's own modules of these names while this one is in use."""

    @property
    def is_empty(self) -> bool:
        """Whether it has no modules."""
        return not self._archives

    def bring(self, name: str, digest: str, content: Buffer) -> None:
        """Makes one more module importable, unless it is there, maybe in an older version.

        May be interrupted and called again.
        """
        if name not in self._archives:
            _unpack(content, self._own_folder())
            self._hidden |= _taken([name])
            self._archives[name] = digest
            importlib.invalidate_caches()

    def show(self) -> None:
        """Makes its modules those that are imported."""
        self._hidden |= _taken(self._archives)
        sys.modules.update(self._modules)
        self._modules = {}
        if self.folder:
            sys.path.insert(0, str(self.folder))
            importlib.invalidate_caches()

    def hide(self) -> None:
        """Puts its modules aside, and those that were there before in their place."""
        self._modules |= _taken(self._archives)
        sys.modules.update(self._hidden)
        self._hidden = {}
        if self.folder and str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))

    def _own_folder(self) -> Path:
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="nitocris-modules-", dir=_parent_folder))
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
            sys.path.insert(0, str(self.folder))
        return self.folder


_parent_folder: str | None = None
_current = Workspace()
_kept: OrderedDict[tuple[tuple[str, str], ...], Workspace] = OrderedDict()


def keep_under(folder: str) -> None:
    """Has modules unpacked into a folder that somebody else removes, if this process is killed."""
    global _parent_folder
    _parent_folder = folder


def current() -> Workspace:
    """Returns the workspace in use."""
    return _current


def enter(workspace: Workspace) -> None:
    """Has a workspace's modules imported from now on, and no other ones of the owner's."""
    global _current
    if workspace is not _current:
        _current.hide()
        _current = workspace
        workspace.show()


def bring(names: Sequence[tuple[str, str]], contents: Sequence[Buffer]) -> None:
    """Makes own modules importable in the workspace in use; what shipments begin with.

    Args:
        names: Top-level modules, each with a text that is the same only for the same content.
        contents: Their archives.
    """
    key = tuple(names)
    if _current.is_empty:
        enter(_kept.setdefault(key, _current))
        _kept.move_to_end(key)
        if len(_kept) > KEPT_WORKSPACES:
            _kept.popitem(last=False)
    else:
        # With more in it than it is kept for, it is not what another map needs.
        for each in [each for each, kept in _kept.items() if kept is _current and each != key]:
            del _kept[each]
    for (name, digest), content in zip(names, contents, strict=True):
        _current.bring(name, digest, content)


def explained(error: BaseException) -> BaseException:
    """Returns an error that says more where a module looks for a file that has not travelled."""
    folder = _current.folder
    if not isinstance(error, FileNotFoundError) or folder is None:
        return error
    missing = error.filename
    if not isinstance(missing, str) or not Path(missing).is_relative_to(folder):
        return error
    name = Path(missing).relative_to(folder).as_posix()
    better = type(error)(
        error.errno,
        f"{name} has not travelled: a module that is a single file travels alone; put it and the "
        "files that it reads into a package (a folder with an __init__.py), or pass their content "
        "as an argument. Missing",
        missing,
    )
    better.__cause__, better.__context__ = error.__cause__, error.__context__
    return better.with_traceback(error.__traceback__)


def _taken(names: Iterable[str]) -> dict[str, ModuleType]:
    """Takes top-level modules out of `sys.modules`, with all inside them."""
    tops = set(names)
    found = [name for name in sys.modules if name.partition(".")[0] in tops] if tops else []
    return {name: sys.modules.pop(name) for name in found}


def _unpack(content: Buffer, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
        for each in archive.namelist():
            if each.endswith(_LIBRARY_SUFFIXES) and not _fits(each):
                _explain_library(folder / each)


def _fits(file: str) -> bool:
    _, dot, suffix = file.rpartition("/")[2].partition(".")
    if sys.platform == "emscripten":
        return sys.platform in suffix  # `.so` and `.abi3.so` may be from anywhere
    return f"{dot}{suffix}" in importlib.machinery.EXTENSION_SUFFIXES


def _explain_library(path: Path) -> None:
    """Leaves a module that says why it cannot be imported, unless there is one in Python."""
    stand_in = path.with_name(f"{path.name.partition('.')[0]}.py")
    where = "a browser" if sys.platform == "emscripten" else f"a worker on {sys.platform}"
    text = (
        f"{path.name} is a C extension made for another platform, and {where} cannot import it: "
        "put what is mapped into a module in Python, or have only native workers of the owner's "
        "platform compute it"
    )
    if not stand_in.exists():
        stand_in.write_text(f"raise ImportError({text!r}, name=__name__)\n")
