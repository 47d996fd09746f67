"""YAML files of a rule set, with the place of every value kept.

YAML 1.2's core schema, in the strict part that rules need: only `true` and `false` are booleans (YAML 1.1 reads `no`
and `on` as such), numbers are exact decimals, dates stay text, a key stands once, and there are no anchors and no tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import yaml

from cds.errors import Finding, Position

Key = str | int
KeyPath = tuple[Key, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is a good ten times faster where it was built
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_DECIMAL: Final = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)")


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its data, the position of each value by key path, and what is wrong with its form."""

    name: str
    data: Any
    positions: dict[KeyPath, Position]
    quoted: frozenset[KeyPath]
    findings: tuple[Finding, ...] = field(default=())

    def position(self, path: KeyPath) -> Position:
        """Where the value at `path` stands; where it is missing, the nearest thing around it that stands somewhere."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, Position(self.name, 1, 1))

    def text_position(self, path: KeyPath) -> Position:
        """Where the first character of a text stands: after its opening quotation mark, if it has one."""
        place = self.position(path)
        return Position(place.file, place.line, place.column + 1) if path in self.quoted else place


def read_document(file: Path, name: str) -> Document:
    """Read a file; problems of its form are findings of the document, never an exception."""
    return parse_document(file.read_text(encoding="utf-8"), name)


def parse_document(text: str, name: str) -> Document:
    """Read a YAML text. `name` is what positions call the file.

    >>> parse_document("a: {b: [1, no]}", "x.yaml").data
    {'a': {'b': [1, 'no']}}
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
        refused = tuple(_refused(text, name))
    except yaml.YAMLError as error:
        return Document(name, None, {}, frozenset(), (_not_yaml(error, text, name),))
    reader = _Reader(name)
    reader.findings += refused
    data = None if root is None else reader.value(root, ())
    return Document(name, data, reader.positions, frozenset(reader.quoted), tuple(reader.findings))


def _not_yaml(error: yaml.YAMLError, text: str, name: str) -> Finding:
    """What is wrong with the form of a file, at its place."""
    place, problem = Position(name, 1, 1), "the text cannot be read"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark
        place = Position(name, mark.line + 1, mark.column + 1) if mark else place
        problem = error.problem or error.context or problem
    elif isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position].split("\n")
        place = Position(name, len(before), len(before[-1]) + 1)
        problem = f"a character that YAML does not allow ({error.reason})"
    return Finding("not-yaml", place, f"not YAML: {problem}; mend the file's form first")


def _refused(text: str, name: str) -> Iterator[Finding]:
    """Aliases and tags, which the composed nodes no longer show: a reader of the file must see each value as it is."""
    for token in yaml.scan(text, Loader=_Loader):
        place = Position(name, token.start_mark.line + 1, token.start_mark.column + 1)
        if isinstance(token, yaml.TagToken):
            handle, suffix = token.value
            message = f"the tag `{handle or ''}{suffix}` has no meaning here; write the value without it"
            yield Finding("tag", place, message)
        elif isinstance(token, yaml.AliasToken):
            yield Finding("alias", place, "an alias repeats another part of the file; write the value out")


class _Reader:
    """Turns the node graph of one file into data, noting positions on the way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.positions: dict[KeyPath, Position] = {}
        self.quoted: set[KeyPath] = set()
        self.findings: list[Finding] = []

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.positions[path] = self._place(node)
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode):
            raise TypeError(f"`{type(node).__name__}` is no node of YAML")
        if node.style in ("'", '"'):
            self.quoted.add(path)
        return scalar(str(node.value), plain=not node.style)  # libyaml: '' where PyYAML has None

    def _entries(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in seen:
                message = f"`{key}` stands twice in one mapping; keep one of the two"
                self._report("duplicate-key", self._place(key_node), message)
                continue
            seen.add(key)
            yield key, self.value(value_node, (*path, key))

    def _place(self, node: yaml.Node) -> Position:
        return Position(self.name, node.start_mark.line + 1, node.start_mark.column + 1)

    def _report(self, code: str, place: Position, message: str) -> None:
        self.findings.append(Finding(code, place, message))


def scalar(text: str, *, plain: bool) -> bool | int | Decimal | str | None:
    """The value of a scalar; a quoted one is always text.

    >>> scalar("1.50", plain=True), scalar("no", plain=True), scalar("true", plain=False)
    (Decimal('1.50'), 'no', 'true')
    """
    if not plain:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    return text
