"""joblib's tasks and scikit-learn's folds in a real browser."""

from __future__ import annotations

import sys
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

import cloudpickle
import numpy as np
import pytest

from nitocris import PackageError
from nitocris.packages import resolve
from nitocris.pip_resolver import Pip
from nitocris.preparation import find_places
from tests.browser.conftest import Execution, Open

joblib = pytest.importorskip("joblib", reason="the other Pythons have only what most tests need")

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def norm(vector: np.ndarray, power: int = 2) -> float:
    """Raises for an empty vector."""
    if not len(vector):
        raise np.linalg.LinAlgError("an empty vector")
    return float(np.sum(vector**power))


@pytest.mark.usefixtures("numpy_in_browsers")
def test_tasks_with_numpy(volunteer: Open) -> None:
    """Arrays go there, numbers come back, and an exception of NumPy's is one here as well.

    The browser has no joblib.
    """
    import nitocris.joblib  # noqa: F401  # registers the backend

    vectors = [np.arange(n) for n in range(1, 30)]
    with Execution(packages=["numpy"]) as d:
        volunteer(d.url).start()
        with joblib.parallel_config(backend="nitocris", execution=d):
            found = joblib.Parallel()(joblib.delayed(norm)(vector, power=3) for vector in vectors)
            with pytest.raises(np.linalg.LinAlgError, match="an empty vector"):
                joblib.Parallel()([joblib.delayed(norm)(np.array([]))])

    assert found == [float(np.sum(vector**3)) for vector in vectors]


def norms(vectors: list[np.ndarray]) -> tuple[list[float], str, str]:
    """Computes with a `Parallel` of its own; says with which backend, and where."""
    parallel = joblib.Parallel(n_jobs=2)
    found = parallel(joblib.delayed(norm)(each) for each in vectors)
    return found, type(joblib.parallel.get_active_backend()[0]).__name__, sys.platform


@pytest.mark.usefixtures("numpy_in_browsers")
def test_joblib_inside_of_tasks(volunteer: Open, tmp_path: Path) -> None:
    """The inner one computes one after the other: a browser has neither processes nor threads."""
    import nitocris.joblib  # noqa: F401  # registers the backend

    with Execution(packages=["numpy", installed("joblib", tmp_path)]) as d:
        volunteer(d.url).start()
        with joblib.parallel_config(backend="nitocris", execution=d):
            found = joblib.Parallel()([joblib.delayed(norms)([np.arange(3), np.arange(4)])])

    assert found == [([5.0, 14.0], "SequentialBackend", "emscripten")]


def installed(name: str, folder: Path) -> Path:
    """Writes a wheel of what is installed here of a package in pure Python."""
    package = distribution(name)
    wheel = folder / f"{name}-{package.version}-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        for each in package.files or ():
            if each.suffix != ".pyc":
                archive.write(str(each.locate()), str(each))
    return wheel


def test_a_search_of_scikit_learn(volunteer: Open) -> None:
    """Its folds are computed in the browser if the wheels can be had, natively otherwise.

    The page is there in both cases, and without the wheels gets nothing that it cannot compute.
    """
    import nitocris.joblib  # noqa: F401  # registers the backend

    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    flowers, kinds = datasets.load_iris(return_X_y=True)
    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=3)
    alone = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=3).fit(flowers, kinds)
    there = in_browsers("scikit-learn")

    with Execution(local_workers=0 if there else 1) as d:
        volunteer(d.url).start()
        with joblib.parallel_config(backend="nitocris", execution=d):
            search.fit(flowers, kinds)
        kinds_of_workers = {each.kind for each in d.stats().workers if each.items}

    assert kinds_of_workers == {"browser" if there else "native"}
    assert np.allclose(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"], rtol=1e-12
    )
    assert search.best_params_ == alone.best_params_


def in_browsers(package: str) -> bool:
    """Whether its wheels for browsers can be had on this machine."""
    places = find_places([], Pip())
    try:
        return places is not None and bool(resolve([package], places))
    except PackageError:
        return False
