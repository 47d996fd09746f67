"""What durable-rules is given: names of attributes, integers for values, rules as plain data.

The engine compares names by a 32-bit hash alone and has its own ideas of numbers, so names come from an allow-list and
are checked for collisions when rules are compiled, and every value is an integer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, assert_never

from cds.case import Fact
from cds.errors import EngineFailure
from cds.language.syntax import ComparisonOperator
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import Interval
from cds.reasoning.forward_chaining.lowering import (
    All,
    Atom,
    Attribute,
    Formula,
    Part,
    Some,
    code_number,
    doubled,
)
from cds.vocabulary import FactDefinition

GUARD: Final = "kind_"
"""The attribute that every fact has and every rule asks first: the engine's own state messages lack it."""
BEGIN: Final = "begin"
END: Final = "end"
LARGEST_INTEGER: Final = 2**53
"""Beyond it, JSON's readers need not agree on an integer."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}", re.ASCII)
# What the engine itself writes into messages, looks for in rules, or keeps in its network.
_RESERVED: Final = (
    "id", "sid", "name", "all", "any", "pri", "count", "cap", "dist",
    "$s", "$i", "$m", "$l", "$r", "$lt", "$lte", "$gt", "$gte", "$eq", "$neq", "$mt", "$imt", "$ex", "$nex",
    "$and", "$or", "$not", "$all", "$any", "$iall", "$iany", "$add", "$sub", "$mul", "$div", "$forward",
    "$time", "$timerName", "$baseTime", "label", "chart", "running", "exception", GUARD,
)  # fmt: skip
_OPERATORS: Final[Mapping[ComparisonOperator, str]] = {
    "!=": "$neq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte",
}  # fmt: skip


def fnv1a_32(text: str) -> int:
    """The hash by which durable-rules knows an attribute (FNV-1a, 32 bits).

    >>> fnv1a_32("sid"), fnv1a_32("costarring") == fnv1a_32("liquid")
    (3593476751, True)
    """
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def check_names(names: Iterable[str]) -> None:
    """Raises `EngineFailure` unless durable-rules can tell these attributes from one another and from its own.

    >>> check_names(["costarring", "liquid"])
    Traceback (most recent call last):
    cds.errors.EngineFailure: durable-rules: it cannot tell the attribute `liquid` from `costarring` (same hash); ...
    """
    by_hash = {fnv1a_32(name): name for name in _RESERVED}
    for name in names:
        if not _NAME.fullmatch(name):
            raise EngineFailure(
                f"durable-rules: `{name}` cannot name an attribute; "
                "ASCII letters, digits and underscores can, up to 100; rename the fact in the vocabulary"
            )
        hashed = fnv1a_32(name)
        if hashed in by_hash:
            raise EngineFailure(
                f"durable-rules: it cannot tell the attribute `{name}` from `{by_hash[hashed]}` (same hash); "
                "names need different 32-bit FNV-1a hashes; rename one of the two facts in the vocabulary"
            )
        by_hash[hashed] = name


def condition_of(formula: Formula, names: Mapping[Attribute, str]) -> dict[str, object]:
    """A formula in durable-rules' own notation, without the guard.

    >>> from cds.reasoning.forward_chaining.lowering import FactAttribute
    >>> low = FactAttribute("lesion", "depth", "low")
    >>> condition_of(Atom(low, ">", 8), {low: "lesion_depth_low"})
    {'$gt': {'lesion_depth_low': 8}}
    """
    match formula:
        case Atom(attribute, operator, constant):
            test: dict[str, object] = {names[attribute]: checked(constant)}
            return test if operator == "=" else {_OPERATORS[operator]: test}
        case All(parts):
            return {"$and": [condition_of(part, names) for part in parts]}
        case Some(parts):
            return {"$or": [condition_of(part, names) for part in parts]}
        case bool():
            raise AssertionError("a settled formula needs no rule")
        case _:
            assert_never(formula)


def ruleset_of(formulas: Iterable[Formula], names: Mapping[Attribute, str]) -> dict[str, dict[str, object]]:
    """Rules `r0`, `r1`, … for formulas, in their order, between a `begin` and an `end` that every fact fires.

    >>> ruleset_of([], {})["end"]
    {'all': [{'m': {'kind_': 1}}], 'pri': 60000}
    """
    rules: dict[str, dict[str, object]] = {BEGIN: {"all": [{"m": {GUARD: 1}}]}}
    for index, formula in enumerate(formulas):
        condition = condition_of(formula, names)
        parts = condition["$and"] if isinstance(formula, All) else [condition]
        assert isinstance(parts, list)
        rules[f"r{index}"] = {"all": [{"m": {"$and": [{GUARD: 1}, *parts]}}], "pri": 1}
    rules[END] = {"all": [{"m": {GUARD: 1}}], "pri": 60000}
    return rules


def encoded(definition: FactDefinition, fact: Fact) -> dict[Part, int]:
    """The integers of a fact. What is not known is not there: absent, conflicting, an end without a bound.

    Raises `EngineFailure` where the value is not one that the vocabulary allows.
    """
    value = fact.value
    if value is None:
        return {}
    match definition.type:
        case BooleanType() if isinstance(value, bool):
            return {"flag": int(value)}
        case CodeType() as declared if isinstance(value, str) and value in declared.values:
            return {"code": code_number(declared, value)}
        case NumberType(decimals=decimals) | QuantityType(decimals=decimals) if isinstance(value, Interval):
            return _ends(definition, value, decimals)
        case BooleanType() | CodeType() | NumberType() | QuantityType() | DateType():
            raise EngineFailure(
                f"durable-rules: the value of `{definition.path}` is not a {definition.type} of the vocabulary; "
                "intake gives only declared values; report it with the mapping that read the value"
            )
        case _:
            assert_never(definition.type)


def _ends(definition: FactDefinition, value: Interval, decimals: int) -> dict[Part, int]:
    ends: dict[Part, int] = {}
    if value.low is not None:
        ends["low"] = _place(definition, doubled(value.low, decimals)) + value.low_open
    if value.high is not None:
        ends["high"] = _place(definition, doubled(value.high, decimals)) - value.high_open
    return ends


def _place(definition: FactDefinition, place: int | None) -> int:
    if place is None:
        raise EngineFailure(
            f"durable-rules: the value of `{definition.path}` does not lie on its declared grid; "
            "intake rounds outward to it (`Interval.on_grid`); report it with the mapping that read the value"
        )
    return checked(place)


def checked(number: int) -> int:
    """The number, if every reader of JSON reads it alike; else raises `EngineFailure`."""
    if abs(number) >= LARGEST_INTEGER:
        raise EngineFailure(
            "durable-rules: a number is too large for it; numbers stay below 2^53 when doubled on their grid; "
            "declare fewer decimals or narrower plausible bounds in the vocabulary"
        )
    return number
