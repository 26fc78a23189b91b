"""What a check of `nitocris doctor` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """How something is.

    Attributes:
        about: What was looked at.
        status: "ok"; "warning", what may be in the way; "error", what must be mended.
        text: How it is.
        remedy: What to do, None where nothing is to be done.
    """

    about: str
    status: Status
    text: str
    remedy: str | None = None

    def __str__(self) -> str:
        line = f"{self.status:8} {self.about}: {self.text}"
        return line if self.remedy is None else f"{line}\n{'':8} {self.remedy}"
