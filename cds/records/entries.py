"""What is recorded: a decision, the cards shown of it, what became of them, and what people filled in and decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cds.case import Case

Kind = Literal["decision", "card", "feedback", "questionnaire-response", "board-decision", "erasure"]
Outcome = Literal["accepted", "overridden"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who asked or wrote: a name within what vouches for it (`None`: nobody does, as in development)."""

    name: str
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer that is about to be given out.

    `answer` is its JSON, byte for byte as it goes out, `case` the facts that it was made of; `door` the address that
    was asked; `rule_set` and `engines` say what decided; `seconds` what each step took; `bundle` the record as it
    came, where an installation keeps it, and `responses` what was put beside it as its last entries; `server` the base
    address of the FHIR server whose patient it is, where that is known; `patient` digests by which the patient is told
    from others.
    """

    case: Case
    answer: bytes
    phase: str
    rule_set: Mapping[str, object]
    engines: Mapping[str, str]
    door: str
    author: Author | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    bundle: bytes | None = None
    server: str | None = None
    responses: tuple[Mapping[str, Any], ...] = ()
    patient: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """A card that was shown: its uuid, the ids of the rules it speaks for, and its suggestions (uuid to label)."""

    uuid: str
    rules: tuple[str, ...]
    suggestions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of a card, as the EHR reports it.

    `outcome_at` is the `outcomeTimestamp` as it came; `suggestions` the uuids of those that were taken up; `reason` the
    Coding of the override (`code`, `system`), `comment` the clinician's own words.
    """

    card: str
    outcome: Outcome
    outcome_at: str
    service: str
    suggestions: tuple[str, ...] = ()
    reason: Mapping[str, str] | None = None
    comment: str | None = None
    author: Author | None = None


@dataclass(frozen=True, slots=True)
class Overridden:
    """A rule that a board decided against: its id, and its sentence as it stood in the answer."""

    rule: str
    says: str


@dataclass(frozen=True, slots=True)
class BoardDecision:
    """What a tumour board decided about a lesion, beside the answer that it had before it.

    `decision` is the id of the record of that answer, `option` what was chosen (an option's or an alternative's id, or
    words of the board's own), `label` what it is called and `verdict` what the answer says of it; `follows` whether
    that is what the answer leaves open (`None`: it says nothing of it), `members` who took part. `supersedes` is the id
    of the decision that this one corrects.
    """

    decision: str
    option: str
    decided_on: dt.date
    lesion: str | None = None
    rationale: str = ""
    follows: bool | None = None
    members: tuple[str, ...] = ()
    author: Author | None = None
    label: str = ""
    verdict: str | None = None
    overridden: tuple[Overridden, ...] = ()
    supersedes: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the chain, as it is stored.

    `body` holds what may stay for ever (versions, digests, who asked); what speaks of the patient is in its content.
    `about` is the id of the entry that it belongs to: a card's decision, the card of a feedback.
    """

    number: int
    id: str
    kind: Kind
    recorded_at: dt.datetime
    about: str | None
    body: Mapping[str, Any]
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class OverrideRate:
    """How often the cards of one rule were shown, accepted and overridden, and the reasons given.

    A card counts once, by the last feedback about it. `reasons` counts the codes of overrides.
    """

    rule: str
    shown: int
    accepted: int
    overridden: int
    reasons: Mapping[str, int]
