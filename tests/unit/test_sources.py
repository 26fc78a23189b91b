"""Own modules on a worker: each map sees its own, and nothing is left of them afterwards."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from nitocris import codec, protocol
from nitocris.function import encode_function, encode_items
from nitocris.worker import sources
from nitocris.worker.core import WorkerCore
from nitocris.worker.sources import Workspace
from tests.support import clock

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[None]:
    """This process as a worker; afterwards it is as it was before."""
    path, modules = list(sys.path), set(sys.modules)
    sources.keep_under(str(tmp_path))
    sources.enter(Workspace())
    yield
    sources.enter(Workspace())
    assert sys.path == path
    assert {name for name in sys.modules if name.startswith("own_")} <= modules
    sources._kept.clear()
    sources._parent_folder = None


def bring(**modules: str) -> None:
    """Brings modules with these sources, as a shipment does."""
    names = [(name, f"{name} {text}") for name, text in modules.items()]
    sources.bring(names, [zipped(name, text) for name, text in modules.items()])


def zipped(name: str, text: str, suffix: str = ".py") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{name}{suffix}", text)
    return buffer.getvalue()


def imported(name: str) -> Any:
    return importlib.import_module(name)


def test_two_maps_have_their_own_versions() -> None:
    """Alternately; each keeps the state of its modules meanwhile."""
    first, second = Workspace(), Workspace()
    sources.enter(first)
    bring(own_a="NAME = 'first'")
    imported("own_a").state = 1
    sources.enter(second)
    bring(own_a="NAME = 'second'")

    assert imported("own_a").NAME == "second"
    sources.enter(first)
    assert (imported("own_a").NAME, imported("own_a").state) == ("first", 1)
    sources.enter(Workspace())
    with pytest.raises(ModuleNotFoundError):
        imported("own_a")


def test_what_is_imported_after_a_change_of_maps_is_the_owner_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the worker could import something of that name itself."""
    (tmp_path / "stale").mkdir()
    (tmp_path / "stale" / "own_a.py").write_text("NAME = 'stale'")
    monkeypatch.syspath_prepend(str(tmp_path / "stale"))
    first = Workspace()
    sources.enter(first)
    bring(own_a="NAME = 'own'")
    sources.enter(Workspace())

    sources.enter(first)

    assert imported("own_a").NAME == "own"
    sources.enter(Workspace())
    monkeypatch.undo()


LAZY = """
class Box:
    def double(self):
        import own_lazy
        return own_lazy.__name__
"""


def test_modules_of_items_stay_for_the_whole_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a second map that finds them kept from the first, and after another map came."""
    (tmp_path / "own_lazy.py").write_text(LAZY)
    monkeypatch.syspath_prepend(str(tmp_path))
    box = imported("own_lazy").Box()
    items = encode_items([(box,), (box,)], 0)
    function = encode_function(lambda box: box.double())
    other = encode_function(abs)
    del sys.modules["own_lazy"]
    monkeypatch.undo()
    core = WorkerCore(clock.now)
    chunk = protocol.Chunk(9, 1, 0, 2, items.blob_ids, True)

    for _ in range(2):
        core.receive(protocol.encode(protocol.Map(1, ()), function.payload))
        core.receive(protocol.encode(chunk, items.payload), [blob.data for blob in items.blobs])
        for _ in range(2):
            core.receive(protocol.encode(protocol.Map(2, ()), other.payload))
            frame = core.step()
            assert frame is not None
            decoded: Any = codec.decode(protocol.decode_from_worker(frame)[1])
            assert decoded == (["own_lazy"], [])
        assert core.step() is None


def test_maps_with_the_same_modules_share_them() -> None:
    """So that a map that runs again imports nothing anew; other content is another workspace."""
    bring(own_a="A = []")
    module = imported("own_a")

    sources.enter(Workspace())
    bring(own_a="A = []")
    assert imported("own_a") is module

    sources.enter(Workspace())
    bring(own_a="A = ['other']")
    assert imported("own_a") is not module


def test_items_add_to_what_the_function_brought() -> None:
    """What is there stays; and with more in it, the workspace is not that of other maps."""
    bring(own_a="A = 1")
    module = imported("own_a")
    bring(own_b="import own_a; B = own_a.A")
    bring(own_a="A = 2")

    assert imported("own_b").B == 1
    assert imported("own_a") is module
    sources.enter(Workspace())
    bring(own_a="A = 1")
    with pytest.raises(ModuleNotFoundError):
        imported("own_b")


def test_the_worker_s_own_modules_come_back() -> None:
    """A module of the worker's that has the same name is hidden meanwhile."""
    sys.modules["own_a"] = original = type(sys)("own_a")
    bring(own_a="A = 1")
    assert imported("own_a") is not original

    sources.enter(Workspace())

    assert sys.modules.pop("own_a") is original


def test_folders_go_when_nobody_needs_them(tmp_path: Path) -> None:
    """The latest workspaces stay for maps that start again."""
    for number in range(sources.KEPT_WORKSPACES + 2):
        sources.enter(Workspace())
        bring(own_a=f"A = {number}")
    sources.enter(Workspace())
    gc.collect()

    assert len(list(tmp_path.iterdir())) == sources.KEPT_WORKSPACES


def test_a_missing_file_beside_a_module_is_explained() -> None:
    """Other missing files are left as they are."""
    bring(own_a="")
    missing = str(Path(imported("own_a").__file__).parent / "data" / "table.csv")

    error = sources.explained(FileNotFoundError(errno.ENOENT, "No such file", missing))

    assert "data/table.csv has not travelled" in str(error)
    assert isinstance(error, FileNotFoundError)
    assert error.filename == missing
    for other in (FileNotFoundError(errno.ENOENT, "No such file", "x.csv"), ValueError("x")):
        assert sources.explained(other) is other


@pytest.mark.parametrize("suffix", [".cpython-38-darwin.so", ".cp312-win_amd64.pyd"])
def test_a_c_extension_of_another_platform_says_so(suffix: str) -> None:
    """Instead of a module that is missing."""
    sources.bring([("own_fast", "1")], [zipped("own_fast", "binary", suffix)])

    with pytest.raises(ImportError, match=r"own_fast.* is a C extension made for another platform"):
        imported("own_fast")
