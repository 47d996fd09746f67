"""What became of cards, as the client reports it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from cds.records import Author
from cds.records import Feedback as Recorded
from cds.service.hooks.envelope import UUID, Sent, problems_of
from cds.service.hooks.problems import NotAnswered


def _instant(text: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
        moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueError("it is no instant; write it as 2026-11-22T10:00:00Z") from None
    if moment.utcoffset() is None or len(text) < len("2026-11-22T10:00:00Z"):
        raise ValueError("it says no instant in UTC; write it as 2026-11-22T10:00:00Z")
    return text


class Coding(Sent):
    """A reason chosen from a list."""

    code: Annotated[str, Field(min_length=1, max_length=200)]
    system: Annotated[str, Field(max_length=500)] | None = None
    display: Annotated[str, Field(max_length=500)] | None = None


class OverrideReason(Sent):
    """Why a card was set aside: a reason of the list, the clinician's own words, or both."""

    reason: Coding | None = None
    userComment: Annotated[str, Field(max_length=10_000)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> OverrideReason:
        if self.reason is None and not self.userComment:
            raise ValueError("it holds neither `reason` nor `userComment`; send at least one of them")
        return self


class Accepted(Sent):
    """A suggestion that was taken up."""

    id: Annotated[str, Field(min_length=1, max_length=64)]


class Item(Sent):
    """One report about one card."""

    card: Annotated[str, Field(pattern=UUID)]
    outcome: Literal["accepted", "overridden"]
    outcomeTimestamp: Annotated[str, AfterValidator(_instant)]
    acceptedSuggestions: tuple[Accepted, ...] = ()
    overrideReason: OverrideReason | None = None

    @model_validator(mode="after")
    def _says_what_was_accepted(self) -> Item:
        if self.outcome == "accepted" and not self.acceptedSuggestions:
            raise ValueError("an accepted card names no acceptedSuggestions; send the uuid of each")
        return self


class Report(Sent):
    """The body of one call: many cards, of one invocation or of several."""

    feedback: Annotated[tuple[Item, ...], Field(min_length=1, max_length=1000)]


def read_report(body: Mapping[str, object], service: str, author: Author | None) -> tuple[Recorded, ...]:
    """What is to be recorded. Raises `NotAnswered` (400) with every problem."""
    given = body.get("feedback")
    try:
        report = Report.model_validate({**body, "feedback": _items(given)} if isinstance(given, list) else body)
    except ValidationError as error:
        raise NotAnswered(400, problems_of(error)) from None
    return tuple(_recorded(item, service, author) for item in report.feedback)


def _items(given: list[object]) -> tuple[object, ...]:
    return tuple(
        {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in each.items()
            if value is not None
        }
        if isinstance(each, Mapping) else each
        for each in given
    )  # fmt: skip


def _recorded(item: Item, service: str, author: Author | None) -> Recorded:
    why = item.overrideReason
    chosen = why.reason if why is not None else None
    # Without its words: a reason stays for ever, and what a client writes there may speak of the patient.
    coding = chosen.model_dump(include={"code", "system"}, exclude_none=True) if chosen is not None else None
    moment = dt.datetime.fromisoformat(item.outcomeTimestamp).astimezone(dt.UTC)
    return Recorded(
        card=item.card.lower(), outcome=item.outcome, outcome_at=moment.isoformat().replace("+00:00", "Z"),
        service=service, suggestions=tuple(each.id for each in item.acceptedSuggestions), reason=coding,
        comment=why.userComment if why else None, author=author,
    )  # fmt: skip
