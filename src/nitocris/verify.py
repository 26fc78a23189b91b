"""What an owner wants done about results of strangers, checked before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal, TypeAlias

from .errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """How results of volunteers come to be believed.

    Native workers are the owner's own and believed as they are.

    Attributes:
        check: Called on this machine with the item (the tuple of its arguments where the function
            takes several) and a result; whether that is right. Then nothing is computed twice.
        quorum: By how many devices one result must lead over all others of its item.
        max_replicas: Devices that compute an item at most, before `arbiter` decides.
        trust_after: After so many answers that were confirmed, a device is not confirmed always.
        recheck: The share of a trusted device's answers that is compared with others, those
            included by which it confirms others; up to one and a half times as many where devices
            lie that had been trusted.
        spot: Beside this share of the chunks, another chunk is lent to volunteers that looks like
            them and holds items of `known`.
        known: Pairs of an item (the tuple of its arguments where the function takes several) and
            its right result, of the type that the function returns. Whoever answers one of them
            wrongly has lied; a right answer counts as confirmed.
        equal: Called with two results; whether they are the same. "auto" compares values exactly,
            and numbers from a browser and a native worker within `rtol` and `atol`.
        rtol: Relative tolerance between browsers and native workers.
        atol: Absolute tolerance between them.
        arbiter: "local": where devices disagree, or nobody else is there, a fresh process on this
            machine decides. None: more devices are waited for, and without a majority of
            `quorum` among `max_replicas` the item fails.

    Raises:
        ConfigurationError: A value cannot work.
    """

    check: Callable[[Any, Any], bool] | None = None
    quorum: int = 2
    max_replicas: int = 5
    trust_after: int = 10
    recheck: float = 0.05
    spot: float = 0.0
    known: Sequence[tuple[Any, Any]] = field(default=(), compare=False)
    equal: Literal["auto"] | Callable[[Any, Any], bool] = "auto"
    rtol: float = 1e-9
    atol: float = 0.0
    arbiter: Literal["local"] | None = "local"

    def __post_init__(self) -> None:
        _check_whole("quorum", self.quorum, 2)
        _check_whole("max_replicas", self.max_replicas, self.quorum)
        _check_whole("trust_after", self.trust_after, 1)
        if not _is_number(self.recheck) or not 0 < self.recheck <= 1:
            raise ConfigurationError(
                f"recheck must be a share above 0 and at most 1, not {self.recheck!r}; "
                "a device that is never confirmed may lie from then on"
            )
        object.__setattr__(self, "known", _pairs(self.known))
        self._check_spot()
        for name in ("rtol", "atol"):
            value = getattr(self, name)
            if not _is_number(value) or value < 0:
                raise ConfigurationError(f"{name} must be a number of at least 0, not {value!r}")
        if self.equal != "auto" and not callable(self.equal):
            raise ConfigurationError(f"equal must be 'auto' or a function, not {self.equal!r}")
        if self.check is not None and not callable(self.check):
            raise ConfigurationError(f"check must be a function, not {self.check!r}")
        if self.arbiter not in ("local", None):
            raise ConfigurationError(f"arbiter must be 'local' or None, not {self.arbiter!r}")

    def _check_spot(self) -> None:
        if not _is_number(self.spot) or not 0 <= self.spot <= 1:
            raise ConfigurationError(f"spot must be a share from 0 to 1, not {self.spot!r}")
        if self.known and not self.spot:
            raise ConfigurationError(
                "known needs spot, the share of chunks that it is used for, such as spot=0.1"
            )
        if self.spot and not self.known:
            raise ConfigurationError(
                f"spot={self.spot!r} needs known=[(item, result), ...]; to compare more answers of "
                "volunteers with each other, raise recheck"
            )


VerifyOption: TypeAlias = Verify | Literal["auto", "outside", False] | None


def chosen(option: VerifyOption) -> Verify | None:
    """Returns what an option means, None for no verification.

    Raises:
        ConfigurationError: It means nothing.
    """
    if option is None or option is False:
        return None
    if isinstance(option, Verify):
        return option
    if option == "auto":
        return AUTO
    if option == "outside":
        return OUTSIDE
    raise ConfigurationError(
        f"verify={option!r} is not known; use 'outside', 'auto', Verify(...), or False for none"
    )


def _pairs(known: object) -> tuple[tuple[Any, Any], ...]:
    if not isinstance(known, list | tuple):
        raise ConfigurationError(f"known must be a list of (item, result), not {known!r:.80}")
    for each in known:
        if not isinstance(each, list | tuple) or len(each) != 2:
            raise ConfigurationError(f"known must hold pairs (item, result), not {each!r:.80}")
    return tuple((item, result) for item, result in known)


def _check_whole(name: str, value: int, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigurationError(f"{name} must be a whole number of at least {low}, not {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


AUTO = Verify(trust_after=5, recheck=0.3)
"""What `verify="auto"` means; docs/trust.md has what it achieves and costs."""

OUTSIDE = Verify(trust_after=AUTO.trust_after, recheck=AUTO.recheck)
"""What `verify="outside"` means: the same, once a volunteer has come from another machine.

It is told from `AUTO` by identity.
"""
