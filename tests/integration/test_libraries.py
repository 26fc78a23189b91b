"""Other libraries on the workers of an execution: what each of them gives without us, or with its
own pool, it gives with us."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from typing import Any

import cloudpickle
import dask.array
import dask.bag
import emcee
import joblib
import numpy as np
import pandas as pd
import pytest
from dask.base import compute
from dask.delayed import delayed as lazy
from joblib import Parallel, delayed
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.svm import SVC
from tqdm import tqdm

import nitocris.joblib
import nitocris.pandas
from nitocris import ClosedError, ConfigurationError, DistributedExecution, RemoteError
from nitocris.testing import LocalExecution

cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def d() -> Iterator[DistributedExecution]:
    """Results are plain data, as from browsers."""
    with LocalExecution(local_workers=2) as execution:
        yield execution


@pytest.fixture
def over_ours(d: DistributedExecution) -> Iterator[None]:
    """joblib computes with the execution."""
    with joblib.parallel_config(backend="nitocris", execution=d):
        yield


def square(x: int) -> int:
    return x * x


def sum_of_squares(n: int) -> int:
    return int(sum(Parallel(n_jobs=2)(delayed(square)(x) for x in range(n))))


def active_backend() -> str:
    return type(joblib.parallel.get_active_backend()[0]).__name__


class OddError(Exception):
    """One of the owner's own, with arguments that `__init__` does not hand on."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(number, why)


def even(x: int) -> int:
    if x % 2:
        raise OddError(x, "it is odd")
    return x


@pytest.mark.usefixtures("over_ours")
def test_joblib_in_order_and_as_a_generator() -> None:
    """Many short tasks come in batches, in their order; a generator gives them one by one."""
    numbers = range(1000)
    squares = [x * x for x in numbers]

    assert Parallel()(delayed(square)(x) for x in numbers) == squares
    assert list(Parallel(return_as="generator")(delayed(square)(x) for x in numbers)) == squares
    unordered = Parallel(return_as="generator_unordered")(delayed(square)(x) for x in numbers)
    assert sorted(unordered) == squares


@pytest.mark.usefixtures("over_ours")
def test_joblib_groups_short_tasks() -> None:
    """joblib learns to send several at once."""
    parallel = Parallel()
    parallel(delayed(square)(x) for x in range(1000))

    assert parallel.n_dispatched_batches < 500


@pytest.mark.usefixtures("over_ours")
def test_joblib_mixes_functions() -> None:
    """A batch may have several, with arguments by name."""
    calls = [delayed(square)(3), delayed(int)("11", base=2), delayed(abs)(-1)]

    assert Parallel(batch_size=3)(calls) == [9, 3, 1]


@pytest.mark.usefixtures("over_ours")
def test_joblib_inside_of_tasks() -> None:
    """The inner one computes where it is, one task after the other."""
    assert Parallel()(delayed(sum_of_squares)(n) for n in (2, 3)) == [1, 5]
    assert Parallel()([delayed(active_backend)()]) == ["SequentialBackend"]


@pytest.mark.usefixtures("over_ours")
def test_joblib_raises_the_type_of_the_worker() -> None:
    """An exception of the owner's modules is one of that class, with its arguments and cause."""
    with pytest.raises(OddError, match="it is odd") as caught:
        Parallel()(delayed(even)(x) for x in (0, 3))

    error = caught.value
    assert isinstance(error, RemoteError)
    assert error.args == (3, "it is odd")
    assert "in even" in str(error.__cause__)
    assert Parallel()(delayed(even)(x) for x in (0, 2)) == [0, 2]  # and it goes on


@pytest.mark.parametrize(
    "name", ["builtins.StopIteration", "nowhere.Error", "os.path", "concurrent.futures.Future", "x"]
)
def test_a_worker_chooses_no_other_class(name: str) -> None:
    """Whatever a worker calls its error, it is one of the owner's exceptions or a plain one."""
    error = RemoteError("text")
    error.type_name = name

    assert nitocris.joblib.as_raised(error) is error


def test_joblib_needs_an_execution() -> None:
    """The message says what to write."""
    with pytest.raises(ConfigurationError, match=r"parallel_config\(backend='nitocris', exec"):
        Parallel(backend="nitocris")
    with pytest.raises(ConfigurationError, match="not 4"):
        joblib.parallel_config(backend="nitocris", execution=4)


def test_without_joblib(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.delitem(sys.modules, "nitocris.joblib")
    for name in [name for name in sys.modules if name.partition(".")[0] == "joblib"]:
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nitocris\[joblib\]'"):
        importlib.import_module("nitocris.joblib")


def test_joblib_after_the_end() -> None:
    """A closed execution is named as the reason."""
    with LocalExecution() as closed:
        closed.close()

    with joblib.parallel_config(backend="nitocris", execution=closed), pytest.raises(ClosedError):
        Parallel()(delayed(square)(x) for x in range(3))
    with LocalExecution() as d, joblib.parallel_config(backend="nitocris", execution=d):
        results = Parallel(return_as="generator")(delayed(time.sleep)(60) for _ in range(3))
        d.close()
        with pytest.raises(ClosedError, match="while joblib computed"):
            next(results)


def test_scikit_learn_gives_the_same_as_with_loky(d: DistributedExecution) -> None:
    """To the bit: a search, a cross-validation, and the probabilities of a forest."""
    flowers, kinds = load_iris(return_X_y=True)

    def results() -> list[np.ndarray]:
        search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "gamma": [0.01, 0.1]}, cv=3, n_jobs=2)
        search.fit(flowers, kinds)
        scores = cross_val_score(SVC(), flowers, kinds, cv=3, n_jobs=2)
        return [
            search.cv_results_["mean_test_score"],
            search.cv_results_["rank_test_score"],
            scores,
        ]

    def forest() -> np.ndarray:
        model = RandomForestClassifier(8, random_state=0, n_jobs=2).fit(flowers, kinds)
        return np.asarray(model.predict_proba(flowers))

    with joblib.parallel_config(backend="loky"):
        expected, trees = results(), forest()
    with joblib.parallel_config(backend="nitocris", execution=d):
        found = results()
        with pytest.raises(RemoteError, match="DecisionTreeClassifier"):
            forest()  # trees are no plain data
    with (
        LocalExecution(results="pickle") as pickling,
        joblib.parallel_config(backend="nitocris", execution=pickling),
    ):
        assert np.array_equal(forest(), trees)

    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_dask_takes_an_execution_as_scheduler(d: DistributedExecution) -> None:
    """Delayed calls, bags and arrays."""
    numbers = dask.bag.from_sequence(range(20), npartitions=4)
    table = dask.array.arange(10_000, chunks=2_500)
    total = lazy(sum)([lazy(square)(x) for x in range(5)])

    with dask.config.set(scheduler=d, num_workers=8):
        found = compute(total, numbers.map(square).sum(), (table**2).sum())
        with pytest.raises(KeyError):
            compute(lazy({}.__getitem__)("missing"))

    squares = [x * x for x in range(10_000)]
    assert found == (sum(squares[:5]), sum(squares[:20]), sum(squares))


def log_normal(x: np.ndarray) -> float:
    return float(-0.5 * np.sum(x**2))


def test_emcee(d: DistributedExecution) -> None:
    """An execution is a pool."""
    start = np.random.default_rng(1).normal(size=(8, 2))

    def chain(pool: Any) -> np.ndarray:
        sampler = emcee.EnsembleSampler(8, 2, log_normal, pool=pool)
        sampler.random_state = np.random.RandomState(1).get_state()
        sampler.run_mcmc(start, 3)
        return np.asarray(sampler.get_chain())

    assert np.array_equal(chain(d), chain(None))


def test_tqdm_asyncio_and_as_completed(d: DistributedExecution) -> None:
    """What takes an iterator or an executor of the standard library's takes ours."""

    async def in_loop() -> int:
        return await asyncio.get_running_loop().run_in_executor(d, square, 3)

    assert list(tqdm(d.imap(square, range(5)), total=5, disable=True)) == [0, 1, 4, 9, 16]
    assert asyncio.run(in_loop()) == 9
    futures = [d.submit(square, x) for x in range(5)]
    assert {future.result() for future in as_completed(futures)} == {0, 1, 4, 9, 16}


TABLE = pd.DataFrame(
    {
        "city": list("abcabcab"),
        "kind": pd.Categorical(list("xyxyxyxy"), categories=list("xyz")),
        "value": np.arange(8.0),
    }
)


@pytest.mark.parametrize(
    "function",
    [
        lambda group: group["value"].sum(),
        lambda group: group.head(2),
        lambda group: group.assign(share=group["value"] / group["value"].sum()),
        lambda group: pd.Series({"mean": group["value"].mean(), "rows": len(group)}),
        lambda group: str(group.name),
    ],
    ids=["number", "some rows", "same index", "row", "name"],
)
@pytest.mark.parametrize(
    "options",
    [
        {"by": "city"},
        {"by": "city", "as_index": False},
        {"by": "city", "group_keys": False, "sort": False},
        {"by": ["city", "kind"], "observed": False},
    ],
    ids=["plain", "no index", "no keys", "two"],
)
@pytest.mark.filterwarnings("ignore:DataFrameGroupBy.apply operated:DeprecationWarning")
def test_pandas_groups(
    d: DistributedExecution, function: Callable[[pd.DataFrame], Any], options: dict[str, Any]
) -> None:
    """The result is that of `groupby(...).apply(function)`, in type, order, index and values."""
    expected: Any = TABLE.groupby(**options).apply(function)

    found: Any = nitocris.pandas.apply(TABLE.groupby(**options), function, d)

    assert type(found) is type(expected)
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(expected))
