"""The real locks of the bundled releases, and a real NumPy for them."""

from __future__ import annotations

import base64
import hashlib
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from nitocris.packages import Places, resolve
from nitocris.pyodide_lock import find_lock
from tests.support.numpy_wheel import BUILDS, numpy_wheel


@pytest.mark.parametrize("python", [(3, 11), (3, 12), (3, 13)])
def test_lock_is_whole(python: tuple[int, int]) -> None:
    """Each bundled release comes with its lock, in which every dependency is a package."""
    lock = find_lock(python)

    assert lock.minor == python
    assert {"numpy", "pandas", "scikit-learn"} <= {*lock.packages}
    needed = {each for package in lock.packages.values() for each in package.depends}
    assert needed <= {*lock.packages}
    assert lock.suggestions("sklearn") == ["scikit-learn"]
    assert lock.suggestions("cv2") == ["opencv-python"]


@pytest.mark.parametrize("python", BUILDS)
def test_numpy_from_a_folder(python: tuple[int, int], tmp_path: Path) -> None:
    """The repackaged NumPy is a wheel by the standard, and the one that this release gets."""
    wheel = numpy_wheel(python)
    shutil.copy(wheel, tmp_path)

    (found,) = resolve(["numpy>=2"], Places(find_lock(python), [tmp_path]))

    assert found.filename == wheel.name
    assert found.sha256 == hashlib.sha256(wheel.read_bytes()).hexdigest()
    with ZipFile(wheel) as archive:
        (record,) = (name for name in archive.namelist() if name.endswith("/RECORD"))
        lines = [line.split(",") for line in archive.read(record).decode().splitlines()]
        assert {name for name, _, _ in lines} == {*archive.namelist()}
        for name, digest, _ in lines:
            actual = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest())
            assert name == record or digest == f"sha256={actual.decode().rstrip('=')}"


def test_numpy_is_made_the_same_again(tmp_path: Path) -> None:
    """Two machines make the same bytes, so what one test recorded the other may compare."""
    python = next(iter(BUILDS))

    assert numpy_wheel(python, tmp_path).read_bytes() == numpy_wheel(python).read_bytes()
