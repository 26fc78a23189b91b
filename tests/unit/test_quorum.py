"""What is believed, and what follows from a lie."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from nitocris import events as ev
from nitocris.errors import ConfigurationError, DisagreementError, WorkerLostError
from nitocris.lone import AT_ONCE
from nitocris.quorum import Quorum
from nitocris.trust import Trust, network_of
from nitocris.verdicts import Arbitrate, Regret, Verdict
from nitocris.verify import AUTO, OUTSIDE, Verify, chosen

OWN = 9
HERE = 8
KNOWN: dict[str, Any] = {"spot": 1.0, "known": [("item", "right")]}


class Bench:
    """A quorum with strangers 1 to 5, of whom 1 and 2 share a network, and a worker of one's own.

    Args:
        chance: What chance gives each time; near 1 leaves trusted devices alone.
    """

    def __init__(
        self,
        *,
        chance: float = 0.99,
        hold: bool = True,
        keep_going: bool = False,
        trust_here: bool = False,
        **verify: Any,
    ) -> None:
        self.trust = Trust(lambda: chance)
        for worker in range(1, 6):
            network = network_of(f"10.0.{max(worker, 2)}.{worker}")
            self.trust.joined(worker, f"worker {worker}", network, own=False)
        self.trust.joined(OWN, "native", "", own=True)
        self.trust.joined(HERE, "browser", "", own=False, here=True)
        self.present = {1, 2, 3, 4, 5, OWN, HERE}
        self.quorum = Quorum(
            1,
            Verify(**verify),
            self.trust,
            arguments=lambda _payload, place: place,
            present=lambda: self.present,
            keep_going=keep_going,
            hold=hold,
            trust_here=trust_here,
        )

    def answer(
        self, worker: int, values: Sequence[object], start: int = 0, copy: int = 0
    ) -> list[Verdict]:
        failures = {
            index: ev.Failed(value, f"worker {worker}", 1)
            for index, value in enumerate(values, start)
            if isinstance(value, Exception)
        }
        return self.quorum.answered(
            ev.Answered(1, worker, copy, min(start, 0), b"", start, list(values), failures)
        )

    def earn(self, worker: int) -> None:
        for _ in range(10):
            self.trust.confirmed(worker)


def of(kind: type[Any], verdicts: list[Verdict]) -> list[Any]:
    return [verdict for verdict in verdicts if isinstance(verdict, kind)]


def test_a_stranger_is_confirmed_by_another_device() -> None:
    """Elsewhere, if possible; then it is told, and delivered when the map is over."""
    bench = Bench()

    assert bench.answer(1, ["a", "b"]) == [
        ev.Doubted(1, 0, 0, 2, 1, frozenset({1}), frozenset({"10.0.2.0/24"}))
    ]
    assert bench.answer(3, ["a", "b"], copy=1) == [ev.Held(1, 2, 0)]
    assert bench.quorum.all_answered() == [
        ev.Deliver(1, 0, ["a", "b"], {}, counted=True),
        ev.Settled(1, 0, 2),
    ]
    assert bench.quorum.credibility().quorum == 2


def test_own_workers_are_believed_at_once() -> None:
    """Nothing is computed twice."""
    assert Bench().answer(OWN, ["a"]) == [ev.Deliver(1, 0, ["a"]), ev.Settled(1, 0, 1)]


def test_a_trusted_device_is_left_alone_but_not_always() -> None:
    """Chance decides, and is never one for ever."""
    lucky, unlucky = Bench(chance=0.99, hold=False), Bench(chance=0.01, hold=False)
    for bench in (lucky, unlucky):
        bench.earn(1)

    assert of(ev.Deliver, lucky.answer(1, ["a"]))
    assert of(ev.Doubted, unlucky.answer(1, ["a"]))


@pytest.mark.parametrize(
    ("recheck", "compared", "left_alone"),
    [(0.2, 3, 0.95), (0.2, 1, 0.6), (0.2, 2, 0.6), (1.0, 10, 0.0), (0.9, 10, 0.775)],
)
def test_a_device_is_rechecked_more_that_was_compared_less(
    recheck: float, compared: int, left_alone: float
) -> None:
    """Never for certain, except that all is compared where the owner wants that."""
    chances = iter(number / 1000 for number in range(1000))
    trust = Trust(lambda: next(chances))
    trust.joined(1, "", "", own=False)
    for number in range(10):
        trust.answered(1, recheck, compared=number < compared)
    for _ in range(10_000):
        trust.confirmed(1)

    alone = sum(trust.leaves_alone(1, 5, recheck) for _ in range(1000))

    assert alone / 1000 == pytest.approx(left_alone)


def test_all_are_rechecked_more_where_trusted_devices_lie() -> None:
    """From then on; one that lies before it is trusted says nothing of those that are."""
    chances = itertools.cycle(number / 1000 for number in range(1000))
    trust = Trust(lambda: next(chances))
    for worker in range(1, 4):
        trust.joined(worker, "", "", own=False)
        for _ in range(10_000):
            trust.confirmed(worker)

    def left_alone() -> float:
        trust.answered(1, 0.2, compared=True)  # ahead of its share: a fourth of that
        return sum(trust.leaves_alone(1, 5, 0.2) for _ in range(1000)) / 1000

    assert left_alone() == pytest.approx(0.95)
    trust.lied(2)
    assert left_alone() == pytest.approx(0.95)
    trust.leaves_alone(3, 5, 0.2)
    trust.lied(3)
    assert left_alone() == pytest.approx(1 - 1.5 * 0.2 / 4, abs=0.002)


def test_what_a_liar_also_answered_is_believed_and_what_differs_is_doubted() -> None:
    """So a device that takes the place of a liar is compared, though nothing more is computed."""
    bench = Bench()
    for worker in (1, 3):
        bench.earn(worker)
    bench.answer(1, ["a", "lie"])
    assert of(ev.Doubted, bench.quorum.lied(1))

    verdicts = bench.answer(3, ["a", "b"], copy=1)

    assert [(each.start, each.stop) for each in of(ev.Doubted, verdicts)] == [(1, 2)]
    assert bench.quorum.credibility().compared == 0.5


def test_liars_who_agree_one_after_the_other_gain_nothing() -> None:
    """A liar's answer is no vote, and who repeats it without being trusted is confirmed."""
    bench = Bench()
    bench.earn(1)
    bench.answer(1, ["lie"])
    bench.quorum.lied(1)

    assert of(ev.Doubted, bench.answer(3, ["lie"], copy=1))
    assert bench.answer(4, ["a"], copy=2) == [Arbitrate(0, b"", 0)]


def test_a_lie_ends_the_trust_and_undoes_what_rested_on_it() -> None:
    """What the liar answered alone is computed again, by others."""
    bench = Bench(arbiter=None)
    bench.earn(1)
    assert bench.answer(1, ["lie"]) == [ev.Held(1, 1, 0)]
    bench.answer(3, ["b"], start=1)
    bench.answer(1, ["another lie"], start=1, copy=1)
    bench.answer(4, ["b"], start=1, copy=2)

    verdicts = bench.answer(5, ["b"], start=1, copy=3)

    assert [each.worker for each in of(ev.Dismiss, verdicts)] == [1]
    (doubted,) = of(ev.Doubted, verdicts)
    assert (doubted.start, doubted.stop, doubted.voters) == (0, 1, frozenset({1}))
    assert of(ev.Deliver, bench.quorum.all_answered()) == []
    bench.answer(3, ["a"], copy=4)
    delivered = of(ev.Deliver, bench.answer(4, ["a"], copy=5))
    assert [value for each in delivered for value in each.values] == ["a", "b"]


def test_two_liars_who_agree_are_undone_when_both_are_found() -> None:
    """What several devices agreed on stands as long as one of them is believed."""
    bench = Bench()
    bench.answer(1, ["lie", "lie"])
    assert bench.answer(2, ["lie"], copy=1) == [ev.Held(1, 1, 0)]

    first = bench.answer(OWN, ["a"], start=1, copy=1)
    bench.answer(2, ["lie"], start=2)
    second = bench.answer(OWN, ["a"], start=2, copy=3)

    assert [each.worker for each in of(ev.Dismiss, first)] == [1]
    assert of(ev.Doubted, first) == []
    assert [each.worker for each in of(ev.Dismiss, second)] == [2]
    assert [(each.start, each.voters) for each in of(ev.Doubted, second)] == [
        (0, frozenset({1, 2}))
    ]


def test_the_first_disagreement_is_for_this_machine() -> None:
    """It computes twice, and so knows that the function is deterministic."""
    bench = Bench()
    bench.answer(1, ["a"])

    assert bench.answer(3, ["lie"], copy=1) == [Arbitrate(0, b"", 0)]
    assert bench.quorum.arbitrated(0, "a", None) == [Arbitrate(0, b"", 0)]
    verdicts = bench.quorum.arbitrated(0, "a", None)

    assert [each.worker for each in of(ev.Dismiss, verdicts)] == [3]
    assert of(ev.Deliver, verdicts) == [ev.Deliver(1, 0, ["a"])]
    bench.answer(1, ["b"], start=1)
    assert of(ev.Doubted, bench.answer(4, ["lie"], start=1, copy=2)), "from then on devices vote"


def test_a_function_that_is_not_deterministic_is_reported() -> None:
    """Nobody is blamed for it, and the message has the remedy."""
    bench = Bench()
    bench.answer(1, [0.1])
    bench.answer(3, [0.2], copy=1)
    bench.quorum.arbitrated(0, 0.3, None)

    (failed,) = bench.quorum.arbitrated(0, 0.4, None)

    assert isinstance(failed, ev.Fail)
    assert isinstance(failed.failed.error, DisagreementError)
    assert "seed=" in str(failed.failed.error)
    assert not any(bench.trust.is_banned(worker) for worker in range(1, 6))


@pytest.mark.parametrize(
    "error", [WorkerLostError("could not be computed"), ModuleNotFoundError("No module 'scipy'")]
)
def test_a_machine_that_cannot_compute_blames_nobody(error: Exception) -> None:
    """A package that only browsers have is no proof of a lie."""
    bench = Bench()
    bench.answer(1, ["a"])
    bench.answer(3, ["b"], copy=1)

    verdicts = bench.quorum.arbitrated(0, None, ev.Failed(error, "this machine", 1))

    assert [type(each) for each in verdicts] == [ev.Fail]
    assert not bench.trust.is_banned(1)


def test_without_an_arbiter_the_majority_must_lead() -> None:
    """By two votes; with none among max_replicas the item fails."""
    bench = Bench(arbiter=None, max_replicas=3)
    bench.answer(1, ["a"])
    bench.answer(2, ["b"], copy=1)

    (failed,) = bench.answer(3, ["c"], copy=2)

    assert isinstance(failed, ev.Fail)
    assert "3 devices gave 3 different results for item 0" in str(failed.failed.error)


def test_an_invented_exception_ends_no_map() -> None:
    """It is a vote like any other; one that others confirm ends the map as without verify."""
    lied, true = Bench(), Bench()
    for bench in (lied, true):
        bench.earn(1)
        assert of(ev.Doubted, bench.answer(1, [ValueError("no")]))

    assert of(ev.Fail, lied.answer(OWN, ["a"], copy=1)) == []
    assert lied.trust.is_banned(1)
    assert of(ev.Fail, true.answer(3, [ValueError("no")], copy=1))


def test_a_check_is_enough() -> None:
    """What it takes is delivered, what it refuses is a lie, and nothing else is computed twice."""
    bench = Bench(check=lambda item, value: value == -item)

    assert bench.answer(1, [0, -1]) == [ev.Deliver(1, 0, [0, -1]), ev.Settled(1, 0, 2)]
    verdicts = bench.answer(3, [5], start=2)
    assert [each.worker for each in of(ev.Dismiss, verdicts)] == [3]
    assert of(ev.Deliver, bench.answer(4, [-2], start=2, copy=1)) == [ev.Deliver(1, 2, [-2])]


@pytest.mark.parametrize("name", ["check", "equal"])
def test_an_error_in_what_the_owner_gave_is_the_owners(name: str) -> None:
    """It says which function raised for which item, and blames nobody."""

    def broken(_one: object, _other: object) -> bool:
        raise KeyError("oops")

    options: dict[str, Any] = {name: broken}
    bench = Bench(**options)
    if name == "equal":
        bench.answer(1, ["a"])

    (failed,) = of(ev.Fail, bench.answer(3, ["a"], copy=int(name == "equal")))

    assert isinstance(failed.failed.error, ConfigurationError)
    assert f"Verify({name}=...) raised KeyError for item 0" in str(failed.failed.error)
    assert not bench.trust.is_banned(3)


def test_nobody_else_is_there() -> None:
    """Then this machine confirms, at once or when the others have left."""
    bench = Bench()
    assert of(ev.Doubted, bench.answer(1, ["a"]))

    bench.present = {1}

    assert bench.quorum.left() == [Arbitrate(0, b"", 0)]
    assert bench.quorum.left() == [], "once is enough"
    assert of(ev.Deliver, bench.quorum.arbitrated(0, "a", None))
    assert bench.answer(1, ["b"], start=1) == [Arbitrate(1, b"", 1)]


def test_a_single_device_is_confirmed_by_samples() -> None:
    """Else this machine would compute everything again, each item in a process of its own."""
    bench = Bench(trust_after=3, hold=False)
    bench.present = {1}

    verdicts = bench.answer(1, ["a"] * 100)
    assert of(Arbitrate, verdicts) == [Arbitrate(index, b"", index) for index in range(3)]
    assert of(ev.Deliver, verdicts) == [], "nothing is known of it yet"

    verdicts = [each for index in range(3) for each in bench.quorum.arbitrated(index, "a", None)]
    assert len(of(Arbitrate, verdicts)) == AT_ONCE
    delivered = sum(len(each.values) for each in of(ev.Deliver, verdicts))
    trust = bench.quorum.credibility()
    assert delivered == 100 - AT_ONCE
    assert (trust.arbiter, trust.single) == (3, 97 - AT_ONCE)
    assert trust.compared == pytest.approx((3 + AT_ONCE) / 100)


def test_a_single_device_that_lies_is_found_by_a_sample() -> None:
    """Then all that it said waits for somebody else; this machine does not do the work alone."""
    bench = Bench(trust_after=3)
    bench.present = {1}
    bench.answer(1, ["lie"] * 100)
    bench.present = set()

    verdicts = [*bench.quorum.arbitrated(1, "a", None), *bench.quorum.arbitrated(1, "a", None)]

    assert [each.worker for each in of(ev.Dismiss, verdicts)] == [1]
    doubted = sum(each.stop - each.start for each in of(ev.Doubted, verdicts))
    assert doubted == 96, "but for the four that this machine computes already"
    assert of(ev.Deliver, verdicts) == [ev.Deliver(1, 1, ["a"])]


def test_a_known_answer_is_trusted_and_is_no_item_of_the_map() -> None:
    """Right ones count as confirmed; nothing of them is delivered."""
    bench = Bench(**KNOWN, trust_after=2)
    bench.quorum.expect(-2, ["right", "right"])

    for start in (-2, -1):
        assert bench.answer(1, ["right"], start=start, copy=1) == []

    assert of(ev.Held, bench.answer(1, ["a"])), "it is left alone from now on"
    trust = bench.quorum.credibility()
    assert (trust.known, trust.single, trust.quorum, trust.compared) == (2, 0, 0, 2 / 3)


def test_a_wrong_answer_to_a_known_item_is_a_lie_once_this_machine_has_seen_it() -> None:
    """One item is computed for each liar; what rested on it is doubted; the map waits for that."""
    bench = Bench(**KNOWN)
    bench.earn(1)
    bench.quorum.expect(-2, ["right", "right"])
    bench.answer(1, ["lie"])

    assert bench.answer(1, ["wrong", ValueError("x")], start=-2, copy=1) == [Arbitrate(-2, b"", 0)]
    assert bench.quorum.all_answered() == []
    verdicts = bench.quorum.arbitrated(-2, "right", None)

    assert of(ev.Dismiss, verdicts) == [
        ev.Dismiss(1, "its result for an item whose result is known was found to be wrong")
    ]
    assert [(each.start, each.stop) for each in of(ev.Doubted, verdicts)] == [(0, 1)]


def test_without_an_arbiter_the_owner_is_believed() -> None:
    """The device is sent away at once."""
    bench = Bench(**KNOWN, arbiter=None)
    bench.quorum.expect(-1, ["right"])

    assert of(ev.Dismiss, bench.answer(1, ["wrong"], start=-1, copy=1))


@pytest.mark.parametrize(
    ("value", "failed", "told"),
    [
        ("wrong", None, "has the result 'right' for an item of which this machine computes 'wrong"),
        (None, ev.Failed(ValueError("no"), "here", 1), "this machine raises ValueError"),
    ],
)
def test_a_known_answer_that_is_wrong_is_the_owners_mistake(
    value: object, failed: ev.Failed | None, told: str
) -> None:
    """The map ends with it, and no honest device is sent away."""
    bench = Bench(**KNOWN)
    bench.quorum.expect(-1, ["right"])
    bench.answer(1, ["wrong"], start=-1, copy=1)

    (failure,) = bench.quorum.arbitrated(-1, value, failed)

    assert isinstance(failure, ev.Fail)
    assert told in str(failure.failed.error)
    assert not bench.trust.is_banned(1)


def test_a_lack_of_memory_for_a_known_item_is_no_lie() -> None:
    """Nor is what an own worker or a browser here answers of any interest."""
    bench = Bench(**KNOWN, trust_here=True)
    bench.quorum.expect(-1, ["right"])

    assert bench.answer(1, [MemoryError()], start=-1, copy=1) == []
    assert bench.answer(OWN, ["wrong"], start=-1, copy=1) == []
    assert bench.answer(HERE, ["wrong"], start=-1, copy=1) == []


def test_a_browser_on_this_machine_is_believed_where_that_is_wanted() -> None:
    """With "outside"; "auto" and `Verify` confirm it like any other."""
    assert of(ev.Deliver, Bench(trust_here=True).answer(HERE, ["a"]))
    assert of(ev.Doubted, Bench().answer(HERE, ["a"]))


def test_what_was_handed_over_because_of_a_liar_is_told() -> None:
    """Of a stream, which takes nothing back: of one device, or of two who agreed."""
    bench = Bench(hold=False)
    bench.earn(1)
    assert of(ev.Deliver, bench.answer(1, ["lie"], start=7))
    bench.answer(2, ["lie"], start=8)
    assert of(ev.Deliver, bench.answer(1, ["lie"], start=8, copy=1))

    bench.answer(3, ["a"], start=1)
    bench.answer(1, ["lie"], start=1, copy=2)
    bench.quorum.arbitrated(1, "a", None)
    (first,) = of(Regret, bench.quorum.arbitrated(1, "a", None))
    (second,) = of(Regret, bench.quorum.lied(2))

    assert (first.items, second.items) == ([7], [8])
    assert bench.quorum.credibility().doubtful == (7, 8)
    assert "1 handed over before a lie was found" in str(
        replace(bench.quorum.credibility(), doubtful=(7,))
    )
    assert (
        "worker 1 was found to lie after 1 results of f had been handed over that rest on it"
        in (first.told("f", indexed=False, kept=False))
    )
    assert ": items 7." in first.told("f", indexed=True, kept=True)


def test_the_bound_is_the_published_formula() -> None:
    """f / (1 - f) / (q n e), for a tenth of the devices."""
    bench = Bench(chance=0.99, hold=False)
    bench.earn(1)
    for start in range(100):
        bench.answer(1, ["a"], start=start)
    trust = bench.quorum.credibility()

    assert (trust.single, trust.compared, trust.answers) == (100, 0.0, 100)
    assert trust.error_bound(0.1) == 0.1, "without any comparison, all that they answer"
    some = replace(trust, single=90, quorum=10, compared=0.1)
    assert some.error_bound(0.1) == pytest.approx(0.1 / 0.9 / (0.1 * 100 * math.e))
    with pytest.raises(ValueError, match="saboteurs must be a share"):
        trust.error_bound(1.5)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        (None, ""),
        ("nonsense", ""),
    ],
)
def test_networks_are_parts_of_addresses(address: str | None, network: str) -> None:
    """As wide as one person's may be."""
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quorum": 1}, "quorum must be a whole number of at least 2, not 1"),
        ({"max_replicas": 1}, "max_replicas must be a whole number of at least 2, not 1"),
        ({"trust_after": 0}, "trust_after"),
        ({"recheck": 0}, "a device that is never confirmed may lie"),
        ({"rtol": -1.0}, "rtol"),
        ({"atol": float("nan")}, "atol"),
        ({"equal": "exact"}, "equal must be 'auto' or a function"),
        ({"check": 5}, "check must be a function"),
        ({"arbiter": "remote"}, "arbiter must be 'local' or None"),
        ({"known": 5, "spot": 0.1}, r"known must be a list of \(item, result\), not 5"),
        ({"known": [5], "spot": 0.1}, r"known must hold pairs \(item, result\), not 5"),
        ({"known": [(1, 2)]}, "known needs spot, .* such as spot=0.1"),
        ({"known": [(1, 2)], "spot": 1.5}, "spot must be a share from 0 to 1, not 1.5"),
        ({"known": [(1, 2)], "spot": True}, "spot must be a share"),
        ({"spot": 0.1}, "needs known=.*raise recheck"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    """With the value and what would do."""
    with pytest.raises(ConfigurationError, match=message):
        Verify(**options)


def test_what_verify_means() -> None:
    """None and False are none, "auto" and "outside" are documented, anything else is an error."""
    assert (chosen(None), chosen(False)) == (None, None)
    assert chosen("auto") is AUTO
    assert chosen("outside") is OUTSIDE is not AUTO
    assert AUTO == OUTSIDE
    assert Verify(spot=0.5, known=[({"un": "hashable"}, [])]).known == (({"un": "hashable"}, []),)
    unknown: Callable[[Any], object] = chosen
    with pytest.raises(ConfigurationError, match="verify='yes' is not known"):
        unknown("yes")
