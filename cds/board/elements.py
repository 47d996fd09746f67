"""The record behind the answer: each resource that was used as text, with the elements marked that facts rest on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Final

import orjson

from cds.recommendation.model import SourcePart

MOST_CHARACTERS: Final = 3_000
"""Of one resource; of a longer one only the marked elements are shown."""
MOST_IN_ALL: Final = 40_000
"""Of all resources; what comes after is named by its path alone."""
WIDTH: Final = 150
"""Columns of a line: a laptop's. A narrower screen wraps it, and on paper the record is left out."""
_ENTRY: Final = re.compile(r"Bundle\.entry\[([0-9]{1,6})\]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text; `anchor` names it where it is an element that a fact rests on."""

    text: str
    anchor: str | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class ShownResource:
    """One resource as it came, cut into pieces; `whole` says whether nothing of it was left out."""

    reference: str
    anchor: str
    pieces: tuple[Piece, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Elements:
    """The resources that were used, and where each element is shown: none where the bundle is not at hand."""

    shown: tuple[ShownResource, ...] = ()
    anchors: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def anchor(self, source: SourcePart) -> str | None:
        """The anchor of an element on the page; `None` where the page does not show it."""
        return self.anchors.get((source.resource, source.path))


def telling(sources: Iterable[SourcePart]) -> tuple[SourcePart, ...]:
    """The elements that carried a value, or said that there is none; without any, all of them."""
    every = tuple(sources)
    first = tuple(each for each in every if each.role != "context")
    return tuple({(each.resource, each.path): each for each in first or every}.values())


def elements_of(bundle: Mapping[str, object] | None, sources: Iterable[SourcePart]) -> Elements:
    """The resources of a bundle that sources name, in the order in which they are first named."""
    if bundle is None:
        return Elements()
    wanted: dict[str, dict[str, SourcePart]] = {}
    for source in sources:
        wanted.setdefault(source.resource, {}).setdefault(source.path, source)
    anchors: dict[tuple[str, str], str] = {}
    shown: list[ShownResource] = []
    size = 0
    for reference, by_path in wanted.items():
        resource = _resource(bundle, next(iter(by_path.values())))
        if resource is None:
            continue
        number = len(shown) + 1
        marks = {path: f"element-{number}-{place}" for place, path in enumerate(by_path, 1)}
        resource_shown = _shown(reference, resource, marks, f"resource-{number}")
        size += sum(len(piece.text) for piece in resource_shown.pieces)
        if size > MOST_IN_ALL:
            break
        shown.append(resource_shown)
        anchors |= {(reference, p.path): p.anchor for p in resource_shown.pieces if p.anchor is not None}
    return Elements(tuple(shown), anchors)


def _resource(bundle: Mapping[str, object], source: SourcePart) -> Mapping[str, object] | None:
    """The resource that a source names, found where it stood; `None` where it is not there (any more)."""
    place = _ENTRY.match(source.entry or "")
    entries = bundle.get("entry")
    if place is None or not isinstance(entries, list) or int(place[1]) >= len(entries):
        return None
    entry = entries[int(place[1])]
    resource = entry.get("resource") if isinstance(entry, Mapping) else None
    kind = source.resource.partition("/")[0]
    return resource if isinstance(resource, Mapping) and resource.get("resourceType") == kind else None


def _shown(reference: str, resource: Mapping[str, object], marks: Mapping[str, str], anchor: str) -> ShownResource:
    kind = str(resource.get("resourceType", ""))
    pieces = _joined(_pieces(resource, kind, marks, 0))
    if sum(len(piece.text) for piece in pieces) <= MOST_CHARACTERS:
        return ShownResource(reference, anchor, pieces, whole=True)
    cut: list[Piece] = []
    for piece in pieces:
        if piece.anchor is not None:
            shown = Piece(piece.text[:MOST_CHARACTERS], piece.anchor, piece.path)
            cut += [Piece(f"{piece.path}: "), shown, Piece("\n")]
    return ShownResource(reference, anchor, tuple(cut), whole=False)


def _pieces(value: object, path: str, marks: Mapping[str, str], depth: int) -> Iterator[Piece]:
    if path in marks:
        yield Piece("".join(piece.text for piece in _pieces(value, path, {}, depth)), marks[path], path)
        return
    if depth and _width(value, WIDTH - depth) >= 0:
        # What is short stands on one line: a resource is then read at a glance, and weighs half as much.
        if any(each.startswith(path) for each in marks):
            yield from _line(value, path, marks)
        else:
            yield Piece(_text(value))
        return
    indent, close = " " * (depth + 1), " " * depth
    if isinstance(value, Mapping) and value:
        yield Piece("{\n")
        for place, (name, member) in enumerate(value.items()):
            yield Piece(f"{indent}{_text(name)}: ")
            yield from _pieces(member, f"{path}.{name}", marks, depth + 1)
            yield Piece(",\n" if place < len(value) - 1 else "\n")
        yield Piece(f"{close}}}")
    elif isinstance(value, list) and value:
        yield Piece("[\n")
        for place, member in enumerate(value):
            yield Piece(indent)
            yield from _pieces(member, f"{path}[{place}]", marks, depth + 1)
            yield Piece(",\n" if place < len(value) - 1 else "\n")
        yield Piece(f"{close}]")
    else:
        yield Piece(_text(value))


def _line(value: object, path: str, marks: Mapping[str, str]) -> Iterator[Piece]:
    """A value on one line."""
    if path in marks:
        yield Piece(_text(value), marks[path], path)
    elif isinstance(value, Mapping) and value:
        for place, (name, member) in enumerate(value.items()):
            yield Piece(f"{', ' if place else '{'}{_text(name)}: ")
            yield from _line(member, f"{path}.{name}", marks)
        yield Piece("}")
    elif isinstance(value, list) and value:
        for place, member in enumerate(value):
            yield Piece(", " if place else "[")
            yield from _line(member, f"{path}[{place}]", marks)
        yield Piece("]")
    else:
        yield Piece(_text(value))


def _text(value: object) -> str:
    """A value as JSON on one line; a number that was read exactly stands as it was sent, with its last zeros."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(name)}: {_text(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, Decimal):
        return str(value)
    return orjson.dumps(value, default=str).decode("utf-8")


def _width(value: object, room: int) -> int:
    """The room that is left on a line after a value; negative where it does not fit."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            room = _width(member, room - len(name) - 6)
            if room < 0:
                return room
        return room - 2
    if isinstance(value, list):
        for member in value:
            room = _width(member, room - 2)
            if room < 0:
                return room
        return room - 2
    return room - len(_text(value))


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    joined: list[Piece] = []
    for is_marked, group in groupby(pieces, lambda piece: piece.anchor is not None):
        run = list(group)
        joined += run if is_marked else [Piece("".join(piece.text for piece in run))]
    return tuple(joined)
