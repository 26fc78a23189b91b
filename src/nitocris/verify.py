"""What an owner wants done about results of strangers, checked before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
        recheck: The share of a trusted device's answers that is confirmed at least.
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


VerifyOption: TypeAlias = Verify | Literal["auto", False] | None


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
    raise ConfigurationError(
        f"verify={option!r} is not known; use 'auto', Verify(...), or False for none"
    )


def _check_whole(name: str, value: int, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigurationError(f"{name} must be a whole number of at least {low}, not {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


AUTO = Verify(trust_after=5, recheck=0.12)
"""What `verify="auto"` means; docs/trust.md has what it achieves and costs."""
