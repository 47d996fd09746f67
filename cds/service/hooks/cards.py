"""The response: cards as the specification has them, checked before they leave.

Nothing empty leaves: an optional member without a value is not there. Members are named as the specification names
them. Neither `systemActions` nor `actionSelectionBehavior` is ever sent: advice about a treatment is seen by a person,
and no client has said that it knows the latter.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

LONGEST_SUMMARY: Final = 139
Indicator = Literal["info", "warning", "critical"]
Text = Annotated[str, Field(min_length=1)]


def _absolute(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("https", "http") or not parts.netloc:
        raise ValueError("it is no absolute address")
    return address


Url = Annotated[str, AfterValidator(_absolute)]


class Sent(BaseModel):
    """Frozen, and closed to members that the specification does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Coding(Sent):
    """A code with its system, and always with words."""

    system: Text
    code: Text
    display: Text


class Source(Sent):
    """Whose advice it is; `url` is the same for every patient."""

    label: Text
    url: Url
    topic: Coding


class Action(Sent):
    """One draft to be created."""

    type: Literal["create"] = "create"
    description: Text
    resource: dict[str, Any]


class Suggestion(Sent):
    """A proposal that a person may accept."""

    label: Text
    uuid: Text
    actions: Annotated[tuple[Action, ...], Field(min_length=1)]


class Link(Sent):
    """Where to read on; a `smart` link may carry a context for the app it launches."""

    label: Text
    url: Url
    type: Literal["absolute", "smart"] = "absolute"
    appContext: str | None = None

    @model_validator(mode="after")
    def _context_is_for_apps(self) -> Link:
        if self.appContext is not None and self.type != "smart":
            raise ValueError("only a smart link has an appContext")
        return self


class Card(Sent):
    """One card, about one lesion."""

    uuid: Text
    summary: Annotated[str, Field(min_length=1, max_length=LONGEST_SUMMARY)]
    indicator: Indicator
    source: Source
    detail: Text
    suggestions: tuple[Suggestion, ...] = ()
    selectionBehavior: Literal["any"] | None = None
    overrideReasons: tuple[Coding, ...] = ()
    links: tuple[Link, ...] = ()
    extension: dict[str, Any]

    @model_validator(mode="after")
    def _suggestions_say_how_to_select(self) -> Card:
        if bool(self.suggestions) != (self.selectionBehavior is not None):
            raise ValueError("selectionBehavior goes with suggestions")
        return self


def response(cards: tuple[Card, ...]) -> dict[str, object]:
    """The body of a 200: `cards`, which alone may be empty.

    >>> response(())
    {'cards': []}
    """
    return {"cards": [without_empty(card.model_dump(mode="json")) for card in cards]}


def without_empty(node: Any) -> Any:
    """JSON without members and items that are null or empty, at any depth.

    >>> without_empty({"a": {"b": []}, "c": [None, 0, False, ""]})
    {'c': [0, False]}
    """
    if isinstance(node, dict):
        pruned = {key: without_empty(value) for key, value in node.items()}
        return {key: value for key, value in pruned.items() if not _empty(value)}
    if isinstance(node, (list, tuple)):
        return [item for item in map(without_empty, node) if not _empty(item)]
    return node


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, (str, list, dict)) and not value)
