"""Bytes to a tree: strict JSON with caps, and safe steps into the tree.

The tree is plain dicts, lists, strings, booleans, ints and Decimals; nothing is coerced. Every problem of the text is
found before any of it is believed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn

from cds.errors import Issue, UnusableInput
from cds.intake.remarks import shown

Json = Mapping[str, object]

_BOM: Final = b"\xef\xbb\xbf"
# Possessive quantifiers keep the scan linear whatever the input is.
_MARKS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|[\[\]{}]', re.DOTALL)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most: bytes, nesting, JSON elements; and how large a number may be (powers of ten).

    >>> Limits(depth=10).size
    20000000
    """

    size: int = 20_000_000
    depth: int = 64
    elements: int = 3_000_000
    exponent: int = 30
    digits: int = 40


def parse_document(source: bytes | Mapping[str, object], limits: Limits) -> dict[str, object]:
    """The JSON object in `source`. Raises `UnusableInput` with every problem of its form.

    >>> parse_document(b'{"a": 1.50}', Limits())
    {'a': Decimal('1.50')}
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _Text(limits).parse(bytes(source))
    if isinstance(source, Mapping):
        return _copied(source, limits)
    raise TypeError(f"`{type(source).__name__}` is no bundle; give its bytes, or a mapping of parsed JSON")


def _refuse(code: str, details: str) -> NoReturn:
    raise UnusableInput([Issue("error", code, "", details)])


class _Text:
    """One text being parsed; keeps what is wrong with it until all is read."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.issues: dict[tuple[str, str], Issue] = {}

    def parse(self, source: bytes) -> dict[str, object]:
        if not source.strip():
            _refuse("empty-input", "the input is empty; send a FHIR Bundle as JSON")
        if len(source) > self.limits.size:
            _refuse("too-large", f"the input has {len(source)} bytes; at most {self.limits.size} are read; send less")
        if source.startswith(_BOM):
            _refuse("byte-order-mark", "the input starts with a byte order mark; send UTF-8 without one")
        try:
            text = source.decode("utf-8")
        except UnicodeDecodeError as error:
            _refuse("not-utf-8", f"byte {error.start} is not UTF-8; send UTF-8")
        _check_depth(source, self.limits)
        try:
            tree = json.loads(
                text,
                object_pairs_hook=self._object,
                parse_float=self._decimal,
                parse_int=self._integer,
                parse_constant=self._constant,
            )
        except json.JSONDecodeError as error:
            _refuse(
                "not-json", f"the input is not JSON: line {error.lineno}, column {error.colno}: {error.msg.lower()}"
            )
        if self.issues:
            raise UnusableInput(tuple(self.issues.values()))
        if not isinstance(tree, dict):
            _refuse("not-an-object", f"the input is a JSON {_kind(tree)}; send one JSON object, a FHIR Bundle")
        return _copied(tree, self.limits) if _SURROGATE.search(text) else tree

    def _report(self, code: str, details: str) -> None:
        self.issues.setdefault((code, details), Issue("error", code, "", details))

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    self._report("duplicate-key", f"`{shown(key)}` stands twice in one object; keep one of the two")
                seen.add(key)
        return result

    def _decimal(self, text: str) -> Decimal:
        if len(text) <= self.limits.digits:
            number = Decimal(text)
            if number.is_zero() or abs(number.adjusted()) <= self.limits.exponent:
                return number if not number.is_zero() else Decimal(0)
        return self._too_big(text)

    def _integer(self, text: str) -> int:
        return int(text) if len(text) <= self.limits.digits else int(self._too_big(text))

    def _too_big(self, text: str) -> Decimal:
        self._report(
            "number-out-of-range", f"`{text[:40]}` has more digits than any measurement; send the number itself"
        )
        return Decimal(0)

    def _constant(self, text: str) -> Decimal:
        self._report("not-a-number", f"`{text}` is not JSON; leave the value out and say why in dataAbsentReason")
        return Decimal(0)


def _check_depth(source: bytes, limits: Limits) -> None:
    """Count the nesting without recursion, before anything recurses over it."""
    depth = count = 0
    for match in _MARKS.finditer(source):
        mark = match[0]
        count += 1
        if mark in (b"{", b"["):
            depth += 1
            if depth > limits.depth:
                _refuse("too-deep", f"the input nests deeper than {limits.depth} levels; no FHIR record needs that")
        elif mark in (b"}", b"]"):
            depth -= 1
    if count > limits.elements:
        _refuse("too-large", f"the input has more than {limits.elements} elements; send less")


def _copied(source: Mapping[str, object], limits: Limits) -> dict[str, object]:
    """A copy of parsed JSON that holds nothing but JSON; without recursion, so that nothing can nest too deep."""
    result: dict[str, object] = {}
    stack: list[tuple[object, dict[str, object] | list[object], int]] = [(source, result, 1)]
    count = 0
    while stack:
        node, target, depth = stack.pop()
        if depth > limits.depth:
            _refuse("too-deep", f"the input nests deeper than {limits.depth} levels; no FHIR record needs that")
        pairs: Iterator[tuple[object, object]]
        pairs = iter(node.items()) if isinstance(node, Mapping) else enumerate(node if isinstance(node, list) else ())
        for key, value in pairs:
            count += 1
            if count > limits.elements:
                _refuse("too-large", f"the input has more than {limits.elements} elements; send less")
            copy: object
            if isinstance(value, Mapping):
                copy = {}
                stack.append((value, copy, depth + 1))
            elif isinstance(value, (list, tuple)):
                copy = []
                stack.append((list(value), copy, depth + 1))
            else:
                copy = _leaf(value, limits)
            if isinstance(target, list):
                target.append(copy)
            elif isinstance(key, str):
                target[_text(key)] = copy
            else:
                _refuse("not-json", f"the key `{shown(key)}` is not text; JSON's keys are")
    return result


def _leaf(value: object, limits: Limits) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            _refuse("not-a-number", f"`{value}` is not JSON; leave the value out and say why in dataAbsentReason")
        value = Decimal(repr(value))
    if isinstance(value, int):
        if abs(value) >= 10**limits.digits:
            _refuse("number-out-of-range", "an integer has more digits than any measurement; send the number itself")
        return value
    if isinstance(value, Decimal):
        if not value.is_finite() or (not value.is_zero() and abs(value.adjusted()) > limits.exponent):
            _refuse("number-out-of-range", f"`{str(value)[:40]}` is no measurement; send the number itself")
        return value if not value.is_zero() else Decimal(0)
    _refuse(
        "not-json",
        f"a value of type `{type(value).__name__}` is not JSON; send text, numbers, booleans, lists, objects",
    )


def _text(value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        _refuse("lone-surrogate", "a text holds half of a surrogate pair, which is no character; send Unicode text")
    return value


def _kind(tree: object) -> str:
    return {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(tree), "number")


# ------------------------------------------------------------------------------------------------ steps into the tree


def child(node: object, key: str) -> Json:
    """The object under `key`; an empty one where there is none, or something else."""
    value = node.get(key) if isinstance(node, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def children(node: object, key: str) -> list[Json]:
    """The objects in the list under `key`; what is no object is left out."""
    value = node.get(key) if isinstance(node, Mapping) else None
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def string(node: object, key: str) -> str | None:
    """The text under `key`, trimmed; `None` where there is none, or something else."""
    value = node.get(key) if isinstance(node, Mapping) else None
    return value.strip() if isinstance(value, str) else None


def strings(node: object, key: str) -> list[str]:
    """The texts in the list under `key`."""
    value = node.get(key) if isinstance(node, Mapping) else None
    return [item.strip() for item in value if isinstance(item, str)] if isinstance(value, list) else []


def number(value: object) -> Decimal | None:
    """A JSON number; `None` for anything else, a boolean and a text that looks like one among them."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value)
    try:
        return value if isinstance(value, Decimal) and value.is_finite() else None
    except InvalidOperation:  # a signalling NaN from a mapping; `_leaf` refuses it before
        return None
