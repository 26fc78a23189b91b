"""What volunteers may read about the work, whatever the owner maps."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nitocris import DistributedExecution
from nitocris.errors import ConfigurationError
from nitocris.job import CUT, MAX_FUNCTIONS, MAX_SOURCE_LENGTH, Job, MappedFunction
from nitocris.protocol import Progress
from tests.support.fake_coordinator import FakeExecution


def doubled(x: int) -> int:
    return 2 * x  # as written


SOURCE = "def doubled(x: int) -> int:\n    return 2 * x  # as written"


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        return function(*arguments)

    return wrapper


class Scale:
    def __init__(self, factor: int = 2) -> None:
        self.factor = factor

    def __call__(self, x: int) -> int:
        return self.factor * x

    def by(self, x: int) -> int:
        return self.factor * x

    @classmethod
    def made(cls, x: int) -> Scale:
        return cls(x)


class Unruly:
    """Says nothing of itself."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __call__(self, x: int) -> int:
        return x


class Misnamed(Scale):
    __name__ = 5


METHOD = "def by(self, x: int) -> int:\n    return self.factor * x"
MADE = "@classmethod\ndef made(cls, x: int) -> Scale:\n    return cls(x)"


@pytest.mark.parametrize(
    ("function", "name", "source"),
    [
        (doubled, "doubled", SOURCE),
        (functools.partial(functools.partial(doubled), 5), "doubled", SOURCE),
        (logged(doubled), "doubled", SOURCE),
        (functools.lru_cache(doubled), "doubled", SOURCE),
        (Scale().by, "by", METHOD),
        (functools.partial(Scale().by, 5), "by", METHOD),
        (Scale.made, "made", MADE),
        (Scale, "Scale", None),
        (Scale(), "Scale", None),
        (Misnamed(), "Misnamed", None),
        (abs, "abs", None),
        ([].append, "append", None),
        (eval("lambda x: x"), "<lambda>", None),
    ],
)
def test_a_function_is_shown_as_it_was_written(
    function: Callable[..., Any], name: str, source: str | None
) -> None:
    """Through what wraps it; what has no text has its name."""
    assert MappedFunction.of(function) == MappedFunction(name, source)


def test_a_callable_that_says_nothing_of_itself_is_named_by_its_type() -> None:
    """A map never fails because its function cannot be shown."""
    mapped = MappedFunction.of(Unruly())

    assert mapped == MappedFunction("Unruly", None)


def test_a_function_whose_file_is_gone_is_shown_without_its_text() -> None:
    """As one from an archive, or from a text that was executed."""
    names: dict[str, Any] = {}
    exec(compile("def gone(x): return x", "/nowhere/gone.py", "exec"), names)

    assert MappedFunction.of(names["gone"]) == MappedFunction("gone", None)


def test_functions_of_one_text_are_known_again_whatever_they_carry() -> None:
    """A map of the same code over a new matrix is as fast as the one before."""
    one, other = (MappedFunction.of(partial(doubled, each)) for each in (1, 2))

    assert one.code == other.code is not None
    assert MappedFunction.of(str.upper).code is None


def test_a_lambda_is_shown_with_its_line() -> None:
    """Nobody knows where in the line it ends."""
    mapped = MappedFunction.of(lambda x: x + 1)

    assert mapped == MappedFunction("<lambda>", "mapped = MappedFunction.of(lambda x: x + 1)")


def test_a_long_function_is_cut_between_two_lines(tmp_path: Path) -> None:
    """With a line that says so, and no longer than a page should have to show."""
    body = "\n".join(f"    x += {number + 10000}" for number in range(5000))
    script = tmp_path / "long.py"
    script.write_text(f"def long(x):\n{body}\n    return x\n")
    names: dict[str, Any] = {}
    exec(compile(script.read_text(), script, "exec"), names)

    source = MappedFunction.of(names["long"]).source

    assert source is not None
    assert MAX_SOURCE_LENGTH - 100 < len(source) <= MAX_SOURCE_LENGTH
    *lines, last = source.splitlines()
    assert last == CUT
    assert len(lines[-1]) == len("    x += 10000")


def test_the_answer_has_what_runs_and_how_far_it_is() -> None:
    """What is unknown is null."""
    job = Job("primes", "Looks for primes.")
    functions = {3: MappedFunction("doubled", SOURCE), 4: MappedFunction("abs", None)}

    running = json.loads(job.text(functions, Progress(5, 10, 2.5)))
    idle = json.loads(Job("primes").text({}, Progress(5, 0, 0.0, 0)))

    assert running == {
        "title": "primes",
        "description": "Looks for primes.",
        "functions": [
            {"map": 3, "name": "doubled", "source": SOURCE},
            {"map": 4, "name": "abs", "source": None},
        ],
        "devices": 5,
        "progress": {"done": 10, "total": None, "rate": 2.5, "remaining": None},
    }
    assert idle == {
        "title": "primes",
        "description": None,
        "functions": [],
        "devices": 5,
        "progress": None,
    }


def test_only_the_latest_of_many_functions_are_told() -> None:
    """A thousand futures of a thousand functions do not make an answer of megabytes."""
    functions = {number: MappedFunction(f"f{number}", None) for number in range(1000)}

    told = json.loads(Job("many").text(functions, Progress(0, 0, 0.0)))["functions"]

    assert [each["map"] for each in told] == list(range(1000 - MAX_FUNCTIONS, 1000))


def test_every_kind_of_map_shows_its_function() -> None:
    """Also futures and streams, and nothing else of what was mapped."""
    with FakeExecution() as d:
        d.map(doubled, [1])
        d.starmap(doubled, [(1,)])
        list(d.imap(doubled, [1]))
        d.submit(doubled, x=1).result(10)

        assert d.coordinator.mapped == [MappedFunction("doubled", SOURCE)] * 4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"title": ""}, "title must be a text"),
        ({"title": " \n"}, "title must be a text"),
        ({"title": 5}, "title must be a text that says something, not 5"),
        ({"title": "x" * 201}, "title must have at most 200 characters, not 201"),
        ({"description": ""}, "description must be a text"),
        ({"description": ["x"]}, "description must be a text"),
        ({"description": "x" * 2001}, "description must have at most 2,000 characters, not 2,001"),
    ],
)
def test_texts_for_volunteers_are_checked(options: dict[str, Any], says: str) -> None:
    """Before anything is started."""
    with pytest.raises(ConfigurationError, match=says):
        DistributedExecution(**options)


def test_texts_may_be_as_long_as_they_may() -> None:
    """The limits themselves are still allowed, and nothing need be given."""
    options = DistributedExecution(title="x" * 200, description="é" * 2000)._options
    silent = DistributedExecution()._options

    assert (options.title, options.description) == ("x" * 200, "é" * 2000)
    assert silent.title
    assert silent.description is None
