"""Bytes to a tree: strict JSON with caps, and safe steps into the tree.

The tree is plain dicts, lists, strings, booleans, ints and Decimals; nothing is coerced. Every problem of the text is
found before any of it is believed.

A text is parsed natively where it can be shown to have no problem (`parsed_natively`); any other is parsed again by a
parser that looks at every pair and number, and words what it finds.
"""

from __future__ import annotations

import gc
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn

import msgspec
import orjson

from cds.errors import Issue, UnusableInput
from cds.intake.remarks import shown

Json = Mapping[str, object]

_BOM: Final = b"\xef\xbb\xbf"
_BACKSLASH: Final = ord("\\")
# Possessive quantifiers keep the scan linear whatever the input is.
_MARKS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|[\[\]{}]', re.DOTALL)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most: bytes, nesting, JSON elements (texts and brackets), entries of a bundle, bytes of one text;
    and how large a number may be (powers of ten, digits).

    >>> Limits(depth=10).size
    20000000
    """

    size: int = 20_000_000
    depth: int = 64
    elements: int = 3_000_000
    entries: int = 200_000
    text: int = 10_000_000
    exponent: int = 30
    digits: int = 40


def parse_document(source: bytes | Mapping[str, object], limits: Limits) -> dict[str, object]:
    """The JSON object in `source`. Raises `UnusableInput` with every problem of its form.

    >>> parse_document(b'{"a": 1.50}', Limits())
    {'a': Decimal('1.50')}
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
        tree = parsed_natively(content, limits) or parsed_strictly(content, limits)
    elif isinstance(source, Mapping):
        tree = _copied(source, limits)
    else:
        raise TypeError(f"`{type(source).__name__}` is no bundle; give its bytes, or a mapping of parsed JSON")
    entries = tree.get("entry")
    if isinstance(entries, list) and len(entries) > limits.entries:
        told = f"the bundle has {len(entries)} entries; at most {limits.entries} are read; send less"
        _refuse("too-many-entries", told)
    return tree


# ---------------------------------------------------------------------------------------------- without any problem


class _Odd(Exception):
    """Something that the other parser has to look at."""


def parsed_natively(source: bytes, limits: Limits) -> dict[str, object] | None:
    """The tree of a text that certainly has no problem; `None` of any other.

    The parser refuses what is no JSON, no UTF-8 or no character. It says nothing of a key that stands twice, of nesting
    and of large integers; writing the tree again shows these: a key that was dropped took its quotation marks with it,
    nesting is indented, and no integer of more than 64 bits is written.
    """
    if len(source) > limits.size or _may_hold_long_text(source, limits):
        return None

    def decimal(text: str) -> Decimal:
        number = _within(text, limits)
        if number is None:
            raise _Odd
        return number

    # A tree that grows holds no cycle, and looking for cycles in it meanwhile costs as much as parsing. Whoever finds
    # the collector at work sets it to work again, so no thread can leave it off.
    collecting = gc.isenabled()
    gc.disable()
    try:
        tree = msgspec.json.Decoder(float_hook=decimal).decode(source)
        written = orjson.dumps(tree, default=float, option=orjson.OPT_INDENT_2)
    except (msgspec.MsgspecError, orjson.JSONEncodeError, UnicodeDecodeError, RecursionError, _Odd):
        return None
    finally:
        if collecting:
            gc.enable()
    marks = written.count(b'"')
    if marks != source.count(b'"') or rb"\u0022" in source:
        return None
    # What stands in a list or object of the last level is indented by two spaces a level.
    if b"\n" + b"  " * limits.depth in written:
        return None
    # No line begins two lists or objects.
    if len(source) > limits.elements and marks // 2 + 2 * (written.count(b"\n") + 1) > limits.elements:
        return None
    return tree if isinstance(tree, dict) else None


def _may_hold_long_text(source: bytes, limits: Limits) -> bool:
    """Whether one text may be longer than is read; `False` is certain: it would cover one of these stretches."""
    half = max(limits.text // 2, 1)
    return len(source) > limits.text and any(not _closed(source, at, half) for at in range(0, len(source) - half, half))


def _closed(source: bytes, start: int, length: int) -> bool:
    """Whether a quotation mark that certainly ends or begins a text stands in a stretch."""
    at = source.find(b'"', start + 1, start + length)
    while at > 0 and source[at - 1] == _BACKSLASH:
        at = source.find(b'"', at + 1, start + length)
    return at > 0


def _within(text: str, limits: Limits) -> Decimal | None:
    """The number that a text says; `None` where it is larger or finer than any measurement."""
    if len(text) > limits.digits:
        return None
    number = Decimal(text)
    if number.is_zero():
        return Decimal(0)
    return number if abs(number.adjusted()) <= limits.exponent else None


# ---------------------------------------------------------------------------------------------------- with problems


def _refuse(code: str, details: str) -> NoReturn:
    raise UnusableInput([Issue("error", code, "", details)])


def parsed_strictly(source: bytes, limits: Limits) -> dict[str, object]:
    """The tree of a text. Raises `UnusableInput` with every problem of it."""
    return _Text(limits).parse(source)


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
                "not-json",
                f"the input is not JSON: line {error.lineno}, column {error.colno}: {error.msg.lower()}; "
                "send one JSON object",
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
        number = _within(text, self.limits)
        return number if number is not None else self._too_big(text)

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


def _refuse_text(limits: Limits) -> NoReturn:
    _refuse("text-too-long", f"one text has more than {limits.text} bytes; at most that many are read; leave it out")


def _check_depth(source: bytes, limits: Limits) -> None:
    """Count the nesting without recursion, before anything recurses over it; measure the texts on the way."""
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
        elif len(mark) - 2 > limits.text:
            _refuse_text(limits)
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
                target[_text(key, limits)] = copy
            else:
                _refuse("not-json", f"the key `{shown(key)}` is not text; JSON's keys are")
    return result


def _leaf(value: object, limits: Limits) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, limits)
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


def _text(value: str, limits: Limits) -> str:
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        _refuse("lone-surrogate", "a text holds half of a surrogate pair, which is no character; send Unicode text")
    if size > limits.text:
        _refuse_text(limits)
    return value


def _kind(tree: object) -> str:
    return {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(tree), "number")


# ------------------------------------------------------------------------------------------------ steps into the tree


def child(node: object, key: str) -> Json:
    """The object under `key`; an empty one where there is none, or something else."""
    value = node.get(key) if isinstance(node, dict) else None
    return value if isinstance(value, dict) else {}


def children(node: object, key: str) -> list[Json]:
    """The objects in the list under `key`; what is no object is left out."""
    value = node.get(key) if isinstance(node, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def string(node: object, key: str) -> str | None:
    """The text under `key`, trimmed; `None` where there is none, or something else."""
    value = node.get(key) if isinstance(node, dict) else None
    return value.strip() if isinstance(value, str) else None


def strings(node: object, key: str) -> list[str]:
    """The texts in the list under `key`."""
    value = node.get(key) if isinstance(node, dict) else None
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
