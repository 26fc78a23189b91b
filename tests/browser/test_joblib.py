"""joblib's tasks in a real browser, which has no joblib."""

from __future__ import annotations

import sys

import cloudpickle
import numpy as np
import pytest

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
    """Arrays go there, numbers come back, and an exception of NumPy's is one here as well."""
    import nitocris.joblib  # noqa: F401  # registers the backend

    vectors = [np.arange(n) for n in range(1, 30)]
    with Execution(packages=["numpy"]) as d:
        volunteer(d.url).start()
        with joblib.parallel_config(backend="nitocris", execution=d):
            found = joblib.Parallel()(joblib.delayed(norm)(vector, power=3) for vector in vectors)
            with pytest.raises(np.linalg.LinAlgError, match="an empty vector"):
                joblib.Parallel()([joblib.delayed(norm)(np.array([]))])

    assert found == [float(np.sum(vector**3)) for vector in vectors]
