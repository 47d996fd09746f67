"""Mutants of real resources: whatever the derived schema accepts of them, fhir.resources has to accept.

Mutant number n of a seed is always the same one, so that a run can be resumed and a failure looked at.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from cds.intake.acceptance import accepts, problems
from cds.intake.bundle import RESOURCE_TYPES

Json = dict[str, Any]
Holder = dict[str, Any] | list[Any]

LARGEST: Final = 6000
"""Resources of more characters than this take the judge too long, and hold nothing that smaller ones do not."""
SPACES: Final = (" ", "\t", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\u2003", "\u200b", "\ufeff", "\0")
CHARACTERS: Final = (*SPACES, *"0123456789-:.TZ+/=_#|aé٣\U0001f600")
LEAVES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 2147483647, 2147483648, -2147483649, 10**18, 10**25,
    Decimal("1.0"), Decimal("-0.5"), Decimal("1E+5"), Decimal("1E-7"), Decimal("12345678901234567890.5"),
    "", " ", "x", "X y", "X  y", " x", "x ", "x\n", "1", "0", "-1", "1.5", "1e3", "true", "null", "é", "\U0001f600",
    "2024", "2024-02", "2024-13", "2024-00", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2024-04-31",
    "2024-1-1", "0000", "0000-01-01", "0001-01-01", "9999-12-31", "20240101", "2024-01-01T10:00", "2024-01-01T10:00:00",
    "2024-01-01T10:00:00Z", "2024-01-01T10:00:00z", "2024-01-01 10:00:00Z", "2024-01-01T24:00:00Z",
    "2016-12-31T23:59:60Z", "2024-02-30T10:00:00Z", "2024-01-01T10:00:00.123456789Z", "2024-01-01T10:00:00.1234567Z",
    "2024-01-01T10:00:00+14:00", "2024-01-01T10:00:00+14:01", "2024-01-01T10:00:00-00:00", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "1704067200", "10:00", "10:00:00", "23:59:60", "24:00:00", "10:00:00Z", "10:00:00.1",
    "http://x.org", "https://x.org:99999/a b", "http://[", "http://", "urn:oid:1.2.3", "urn:oid:3.01",
    "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", "53fefa32-fcbb-4ff8-8a92-55ee120877b7", "#", "#a", "mailto:a@b.c",
    "AAAA", "AAA=", "AA==", "A===", "A", "AA", "AA\nAA", "=AAA", "a" * 64, "a" * 255, "a" * 256, "a_b", "a.b-c",
    [], {}, [None], [[]], [{}], {"": 1}, {"extension": []}, {"id": "a"}, {"value": "x"}, {"reference": "Patient/1"},
    {"coding": []}, {"coding": [None]}, {"extension": [{"url": "u", "valueString": "s"}]}, {"fhir_comments": "x"},
    {"extension": [{"url": "u"}]}, {"extension": [{"valueString": "s"}]}, {"resourceType": "Patient"},
    {"extension": [{"url": "u", "valueString": "s", "valueCode": "s"}]}, {"resourceType": "Nothing"}, '{"text": "x"}',
)  # fmt: skip
KEYS: Final = (
    "", "id", "_id", "url", "_url", "extension", "modifierExtension", "fhir_comments", "resource_type", "resourceType",
    "contained", "code", "status", "_status", "status__ext", "value", "valueString", "valueCode", "valueInteger",
    "valueQuantity", "valueDecimal", "valueDateTime", "valueDate", "valueTime", "valueInstant", "valueBoolean",
    "valueUri", "valueUrl", "valueUuid", "valueOid", "valueId", "valueBase64Binary", "valueMarkdown", "valuePeriod",
    "valueCodeableConcept", "valueReference", "valueRange", "_valueString", "_valueDateTime", "onsetDateTime",
    "onsetString", "deceasedBoolean", "deceasedDateTime", "effectiveDateTime", "effectivePeriod", "effectiveInstant",
    "medicationCodeableConcept", "medicationReference", "performedDateTime", "performedPeriod", "text", "meta",
    "language", "implicitRules", "start", "end", "system", "unit", "anything", "__class__", "value__ext", "root",
)  # fmt: skip


@dataclass(slots=True)
class Count:
    """What was tried: mutants, those accepted without the judge, and what the judge would not have accepted."""

    mutants: int = 0
    accepted: int = 0
    judged: int = 0
    left: int = 0
    wrong: list[str] = field(default_factory=list)


def resources(tree: Any) -> Iterator[Json]:
    """Every resource in a JSON tree, those of a bundle one by one."""
    if isinstance(tree, dict):
        if tree.get("resourceType") == "Bundle" and "entry" in tree:
            for entry in tree["entry"]:
                yield from resources(entry.get("resource"))
        elif tree.get("resourceType") in RESOURCE_TYPES:
            yield tree
        else:
            for value in tree.values():
                yield from resources(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from resources(value)


def seeds(files: Sequence[Path]) -> list[Json]:
    """One resource of each shape in the files, the smallest."""
    found: dict[tuple[str, ...], tuple[int, Json]] = {}
    for file in files:
        for resource in resources(json.loads(file.read_bytes(), parse_float=Decimal)):
            size = len(json.dumps(resource, default=str))
            shape = tuple(sorted({".".join(p for p in place if isinstance(p, str)) for place in places(resource)}))
            if size <= LARGEST and (shape not in found or size < found[shape][0]):
                found[shape] = (size, resource)
    return [resource for _, resource in found.values()]


def places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of everything below a node."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def copied(node: Any) -> Any:
    """A deep copy of JSON."""
    if isinstance(node, dict):
        return {key: copied(value) for key, value in node.items()}
    return [copied(value) for value in node] if isinstance(node, list) else node


def mutant(number: int, seed: int, originals: Sequence[Json]) -> Json:
    """Mutant `number` of a seed."""
    chance = random.Random(f"{seed}:{number}")
    resource: Json = copied(chance.choice(originals))
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        all_places = list(places(resource))
        if not all_places:
            break
        *way, key = chance.choice(all_places)
        holder: Any = resource
        for step in way:
            holder = holder[step]
        chance.choice(MUTATIONS)(holder, key, chance, originals)
    return resource


def _delete(holder: Any, key: Any, chance: random.Random, originals: Sequence[Json]) -> None:
    del holder[key]


def _leaf(holder: Any, key: Any, chance: random.Random, originals: Sequence[Json]) -> None:
    holder[key] = copied(chance.choice(LEAVES))


def _characters(holder: Any, key: Any, chance: random.Random, originals: Sequence[Json]) -> None:
    """Change one character of a text."""
    text = holder[key]
    if isinstance(text, str):
        place = chance.randint(0, len(text))
        holder[key] = text[:place] + chance.choice(CHARACTERS) + text[place + chance.randint(0, 1) :]


def _retyped(holder: Any, key: Any, chance: random.Random, originals: Sequence[Json]) -> None:
    """The same in another JSON type."""
    value = holder[key]
    ways: list[Any] = [[value], {"value": value}, str(value), [value, copied(value)]]
    if isinstance(value, list) and value:
        ways += [value[0], [*value, None], [None, *value], [*value, copied(value[0])]]
    if isinstance(value, (int, Decimal)):
        ways += [Decimal(value), int(value), -value, bool(value)]
    if isinstance(value, str) and value.replace(".", "", 1).isdecimal():
        ways.append(Decimal(value))
    holder[key] = chance.choice(ways)


def _renamed(holder: Any, key: Any, chance: random.Random, originals: Sequence[Json]) -> None:
    if isinstance(holder, dict):
        others = (f"_{key}", key.upper(), f"{key} ", f"{key}__ext", key.removeprefix("_"), chance.choice(KEYS))
        holder[chance.choice(others)] = holder.pop(key)


def _added(holder: Any, key: Any, chance: random.Random, originals: Sequence[Json]) -> None:
    """Another element, with a leaf or with something that stands elsewhere."""
    if isinstance(holder, dict):
        name = chance.choice((*KEYS, f"_{key}", f"_{key}"))
        holder[name] = copied(chance.choice(LEAVES)) if chance.random() < 0.5 else copied(_elsewhere(chance, originals))
    else:
        holder.append(copied(_elsewhere(chance, originals)))


def _moved(holder: Any, key: Any, chance: random.Random, originals: Sequence[Json]) -> None:
    holder[key] = copied(_elsewhere(chance, originals))


def _contained(holder: Any, key: Any, chance: random.Random, originals: Sequence[Json]) -> None:
    if isinstance(holder, dict):
        holder["contained"] = [copied(chance.choice(originals))]


def _of_another_type(holder: Any, key: Any, chance: random.Random, originals: Sequence[Json]) -> None:
    if isinstance(holder, dict):
        holder["resourceType"] = chance.choice(originals)["resourceType"]


def _elsewhere(chance: random.Random, originals: Sequence[Json]) -> Any:
    node: Any = chance.choice(originals)
    for _ in range(chance.randint(1, 4)):
        if isinstance(node, (dict, list)) and node:
            node = node[chance.choice(list(node))] if isinstance(node, dict) else chance.choice(node)
    return node


MUTATIONS: Final[Sequence[Callable[[Any, Any, random.Random, Sequence[Json]], None]]] = (
    _delete, _leaf, _leaf, _leaf, _characters, _characters, _characters, _retyped, _renamed, _added, _added, _moved,
    _contained, _of_another_type,
)  # fmt: skip


def compare(numbers: range, seed: int, originals: Sequence[Json], count: Count, *, every: int = 50) -> None:
    """Try mutants. Of those that the derived schema leaves to the judge, one in `every` is judged, too: `left` counts
    the valid ones among these.
    """
    for number in numbers:
        resource = mutant(number, seed, originals)
        type_ = resource.get("resourceType")
        count.mutants += 1
        accepted = accepts(resource)
        count.accepted += accepted
        if accepted and (found := problems(resource, str(type_))):
            count.wrong.append(f"seed {seed}, mutant {number}: {found[0]}")
        elif not accepted and number % every == 0 and isinstance(type_, str) and type_ in RESOURCE_TYPES:
            count.judged += 1
            count.left += not problems(resource, type_)
