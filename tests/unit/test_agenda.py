"""What is due when: against a plain dictionary."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nitocris.agenda import SPARE_ENTRIES, Agenda

Step = tuple[str, int, float]
steps = st.lists(
    st.tuples(st.sampled_from(["set", "cancel", "due"]), st.integers(0, 4), st.floats(0, 100)),
    max_size=60,
)


@given(steps)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_an_agenda_is_a_dictionary_of_times(taken: list[Step]) -> None:
    """However things are put off, brought forward and cancelled."""
    agenda = Agenda()
    model: dict[int, float] = {}

    for action, number, time in taken:
        if action == "set":
            agenda.set(number, time)
            model[number] = time
        elif action == "cancel":
            agenda.cancel(number)
            model.pop(number, None)
        else:
            due = list(agenda.due(time))
            expected = [each for each in model if model[each] <= time]
            assert sorted(due) == sorted(expected)
            assert [model[each] for each in due] == sorted(model.pop(each) for each in expected)
        assert agenda.next() == min(model.values(), default=None)
        assert all((each in agenda) == (each in model) for each in range(5))


def test_what_was_cancelled_is_forgotten() -> None:
    """Leases that end long before they expire leave nothing behind."""
    agenda = Agenda()

    for number in range(100_000):
        agenda.set(number, number + 1e6)
        agenda.cancel(number)

    assert len(agenda._heap) <= SPARE_ENTRIES + 1


def test_putting_off_does_not_grow() -> None:
    """A lease that is renewed a million times has one entry."""
    agenda = Agenda()

    for time in range(10_000):
        agenda.set(1, float(time))
        agenda.next()

    assert len(agenda._heap) == 1
