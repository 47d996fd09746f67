"""A bundle as JSON, in one of the many ways in which JSON can be written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from cds.testing.generation import Choices, pick


def spell(bundle: Mapping[str, Any], choices: Choices) -> bytes:
    """The bundle as JSON: members in another order, white space, escapes, numbers with zeros at the end.

    >>> import json, random
    >>> from cds.testing.sampling import SeededChoices
    >>> json.loads(spell({"value": 1.5, "b": "ü"}, SeededChoices(random.Random(3))))["value"]
    1.5
    """
    order = choices.below(3)
    zeros = choices.chance(0.4)
    tree = _respelt(bundle, order, zeros=zeros)
    indent = pick(choices, (None, 1, "\t"))
    separators = pick(choices, ((",", ":"), (", ", ": "), (" ,", " : ")))
    text = json.dumps(tree, indent=indent, separators=separators, ensure_ascii=choices.chance(0.5))
    text = re.sub(r'"\\u0000([^"]*)"', r"\1", text)
    if choices.chance(0.3):
        text = text.replace("/", "\\/")
    if choices.chance(0.3):
        text = re.sub(r'"(resourceType|code|status)"', lambda found: _escaped(found[1]), text)
    if choices.chance(0.3):
        text = f"\r\n\t {text}".replace("\n", "\r\n") + " \n"
    return text.encode()


def _escaped(name: str) -> str:
    """A member's name with its first letter as an escape."""
    return f'"\\u{ord(name[0]):04x}{name[1:]}"'


def _respelt(node: object, order: int, *, zeros: bool) -> object:
    match node:
        case Mapping():
            keys = list(node) if order == 0 else sorted(node) if order == 1 else list(reversed(list(node)))
            return {key: _number(node[key]) if zeros and key == "value" else _respelt(node[key], order, zeros=zeros)
                    for key in keys}  # fmt: skip
        case list():
            return [_respelt(item, order, zeros=zeros) for item in node]
        case _:
            return node


def _number(value: object) -> object:
    """A number with zeros at its end, marked so that it is written without quotes; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or "e" in repr(value):
        return value
    return f"\x00{value}{'0' if '.' in repr(value) else '.0'}"
