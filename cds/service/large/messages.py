"""What the service and a process for large bodies say to each other.

The service is believed: what it says is pickled. A process has read what anybody may have sent, so what it answers is
plain data (MessagePack), checked as it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from cds.errors import Issue
from cds.intake.document import Limits
from cds.records import Author, Prepared
from cds.ruleset import RuleSet
from cds.service.recording import Making
from cds.service.requests import Asked

READY: Final = b"ready"
"""What a process says first, once it has answered for the first time."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a process is given once: the rules that it answers by for as long as it lives, and how."""

    rules: RuleSet
    limits: Limits
    making: Making
    log_level: str = "warning"


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `request` is its id in the logs, `seconds` is how long its answer may take."""

    ask: Asked | Callable[[], Asked]
    door: str
    author: Author | None
    request: str | None
    seconds: float


class Answered(msgspec.Struct, frozen=True, tag=True):
    """An answer, ready to be recorded and given out."""

    content: bytes
    rules: str
    record: Prepared | None


class NotUsable(msgspec.Struct, frozen=True, tag=True):
    """The input cannot be used: every problem of it."""

    issues: tuple[Issue, ...]


class NotAdvised(msgspec.Struct, frozen=True, tag=True):
    """There is no advice: the code of the error, and its words."""

    code: str
    message: str


class Broken(msgspec.Struct, frozen=True, tag=True):
    """A defect, which was logged where it arose."""

    kind: Literal["incident"] = "incident"


Reply = Answered | NotUsable | NotAdvised | Broken
