"""Who fails much more often than the others, and what follows."""

from __future__ import annotations

import pytest

from nitocris.health import MAX_RESTS, MAX_STRIKES, REST_SECONDS, Record


def records(failures: int, answers: int, others_failed: int, others_answered: int) -> list[Record]:
    """Returns the record of a worker that failed last, and that of all of them."""
    worker, everybody = Record(), Record()
    for _ in range(answers):
        worker.answered()
        everybody.answered()
    for _ in range(failures):
        worker.failed()
        everybody.failed()
    everybody.failures += others_failed
    everybody.answers += others_answered
    return [worker, everybody]


@pytest.mark.parametrize(
    ("failures", "answers", "others_failed", "others_answered", "worse"),
    [
        (MAX_STRIKES, 0, 0, 20, True),
        (MAX_STRIKES, 1000, 0, 20, True),  # it was good for long, and is not any more
        (MAX_STRIKES - 1, 0, 0, 20, False),
        (MAX_STRIKES, 0, 0, 0, False),  # nobody to compare it with
        (MAX_STRIKES, 0, 10, 20, False),  # they fail as well
        (100, 0, 2, 20, True),
    ],
)
def test_a_worker_is_judged_by_the_others(
    failures: int, answers: int, others_failed: int, others_answered: int, worse: bool
) -> None:
    """It must fail again and again while they do not."""
    worker, everybody = records(failures, answers, others_failed, others_answered)

    assert worker.is_worse_than(everybody) == worse


def test_answers_make_up_for_failures() -> None:
    """A worker that fails now and then is not sent away for it."""
    worker, everybody = records(0, 0, 0, 100)
    for record in (worker, everybody) * 50:
        record.failed()
        record.answered()

    assert not worker.is_worse_than(everybody)


def test_after_a_rest_one_failure_is_enough() -> None:
    """Each rest is longer, and after the last one it is over."""
    worker, everybody = records(MAX_STRIKES, 0, 0, 100)
    rests = []
    for _ in range(MAX_RESTS + 1):
        assert worker.is_worse_than(everybody)
        rests.append(worker.rest())
        assert not worker.is_worse_than(everybody)
        worker.failed()

    assert rests == [REST_SECONDS, 2 * REST_SECONDS, None]
