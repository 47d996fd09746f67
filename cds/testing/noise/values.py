"""The same value written otherwise: its type, its unit, its date, its status."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from cds.testing.generation import Choices, pick
from cds.testing.noise.bundle import SNOMED, UCUM, Json, concept, nodes_of, of_type, resources_of

_UNITS: Final[Mapping[str, tuple[tuple[str, Fraction], ...]]] = {
    "mm": (("cm", Fraction(1, 10)), ("m", Fraction(1, 1000)), ("um", Fraction(1000))),
    "cm": (("mm", Fraction(10)),),
    "Gy": (("cGy", Fraction(100)),),
    "cGy": (("Gy", Fraction(1, 100)),),
    "10*9/L": (("10*3/uL", Fraction(1)), ("10*6/mL", Fraction(1))),
    "kg": (("g", Fraction(1000)),),
    "a": (("mo", Fraction(12)),),
    "wk": (("d", Fraction(7)),),
    "d": (("h", Fraction(24)),),
    "mo": (("d", Fraction(487, 16)),),  # UCUM: the mean Julian month, a twelfth of 365.25 days
    "1": (("{INR}", Fraction(1)), ("{score}", Fraction(1))),
}
"""Other UCUM units of the same dimension, and how many of them one of the unit is."""
_WITHOUT_SYSTEM: Final = frozenset({"mm", "cm", "deg"})
"""Units that are so common as text that their code may be left out."""
_UCUM_ADDRESSES: Final = (UCUM, f"{UCUM}/", "urn:oid:2.16.840.1.113883.6.8")


def _exactly(value: Fraction) -> int | float | None:
    """The number as JSON writes it, if that is the number itself."""
    if value.denominator == 1 and abs(value) < 10**15:
        return int(value)
    number = float(value)
    return number if Fraction(repr(number)) == value and "e" not in repr(number) else None


def units(bundle: Json, choices: Choices) -> None:
    """Quantities in other units of their dimension, with or without the system."""
    for resource in resources_of(bundle):
        for node in nodes_of(resource):
            number, code = node.get("value"), node.get("code")
            if node.get("system") != UCUM or isinstance(number, bool) or not isinstance(number, int | float):
                continue
            others = _UNITS.get(str(code), ())
            unit = choices.below(len(others) + 1)
            if unit:
                name, factor = others[unit - 1]
                value = _exactly(Fraction(repr(number)) * factor)
                if value is not None:
                    node |= {"value": value, "unit": name, "code": name}
            if node["code"] in _WITHOUT_SYSTEM and choices.chance(0.2):
                del node["system"]
                if choices.chance(0.5):
                    del node["code"]
            else:
                node["system"] = pick(choices, _UCUM_ADDRESSES)


def value_forms(bundle: Json, choices: Choices) -> None:
    """Integers as quantities, yes and no as codes, exact quantities as ranges."""
    for resource in of_type(bundle, "Observation"):
        for node in (resource, *resource.get("component", ())):
            if "valueInteger" in node and choices.chance(0.5):
                node["valueQuantity"] = {"value": node.pop("valueInteger"), "system": UCUM, "code": "1"}
            if isinstance(node.get("valueBoolean"), bool) and choices.chance(0.4):
                yes = node.pop("valueBoolean")
                node["valueCodeableConcept"] = concept(SNOMED, "52101004" if yes else "2667000")
            exact = node.get("valueQuantity")
            if isinstance(exact, dict) and "comparator" not in exact and choices.chance(0.3):
                del node["valueQuantity"]
                node["valueRange"] = {"low": exact, "high": copy.deepcopy(exact)}


def dates(bundle: Json, choices: Choices) -> None:
    """Days as periods of that day, and as times on it."""
    for resource in of_type(bundle, "Observation"):
        day = resource.get("effectiveDateTime")
        if isinstance(day, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", day):
            form = choices.below(4)
            if form:
                del resource["effectiveDateTime"]
            if form == 1:
                resource["effectivePeriod"] = {"start": day, "end": day}
            elif form == 2:
                resource["effectiveDateTime"] = f"{day}T12:00:00Z"
            elif form == 3:
                resource["effectiveInstant"] = f"{day}T12:00:00.000+00:00"


def statuses(bundle: Json, choices: Choices) -> None:
    """Final Observations as amended or corrected ones."""
    for resource in of_type(bundle, "Observation"):
        if resource.get("status") == "final":
            resource["status"] = pick(choices, ("final", "amended", "corrected"))
