"""A bundle as the noises walk through it: its entries and resources, every object below them, and what is added."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any, Final

Json = dict[str, Any]

EHR: Final = "https://ehr.example.org/fhir"
"""The base address of a made-up sender."""
UCUM: Final = "http://unitsofmeasure.org"
SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"


def entries_of(bundle: Json) -> list[Json]:
    """The entries that hold a resource."""
    return [entry for entry in bundle.get("entry", ()) if isinstance(entry.get("resource"), dict)]


def resources_of(bundle: Json) -> list[Json]:
    """The resources of the entries."""
    return [entry["resource"] for entry in entries_of(bundle)]


def nodes_of(node: object) -> Iterator[Json]:
    """An object and every object below it."""
    stack = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            yield here
            stack += here.values()
        elif isinstance(here, list):
            stack += here


def concepts_of(bundle: Json) -> Iterator[Json]:
    """Every CodeableConcept that has codings."""
    for resource in resources_of(bundle):
        for node in nodes_of(resource):
            if isinstance(node.get("coding"), list) and node["coding"]:
                yield node


def of_type(bundle: Json, *types: str) -> list[Json]:
    """The resources of these types."""
    return [resource for resource in resources_of(bundle) if resource.get("resourceType") in types]


def _uuid(name: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{EHR}/{name}')}"


def patient_of(bundle: Json) -> Json:
    """A reference to the bundle's patient as the bundle itself would write it."""
    for entry in entries_of(bundle):
        if entry["resource"].get("resourceType") == "Patient":
            if "fullUrl" in entry:
                return {"reference": entry["fullUrl"]}
            if "id" in entry["resource"]:
                return {"reference": f"Patient/{entry['resource']['id']}"}
    return {}


def add_entry(bundle: Json, resource: Json, at: int | None = None) -> None:
    """Add an entry, with a fullUrl where the bundle's entries have one."""
    entry: Json = {"resource": json.loads(json.dumps(resource))}  # shares nothing with another
    if any("fullUrl" in other for other in entries_of(bundle)):
        entry = {"fullUrl": _uuid(f"{resource['resourceType']}/{resource['id']}"), **entry}
    entries = bundle.setdefault("entry", [])
    entries.insert(len(entries) if at is None else at, entry)


def concept(system: str, code: str, display: str | None = None) -> Json:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}


def quantity(value: float, unit: str) -> Json:
    """A Quantity with a UCUM unit."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def otherwise(observation: Json) -> Json:
    """Another value than that of an Observation; nothing where it has none of a type that tells."""
    match observation:
        case {"valueBoolean": bool(yes)}:
            return {"valueBoolean": not yes}
        case {"valueInteger": int(number)}:
            return {"valueInteger": 1 if number != 1 else 2}
        case {"valueQuantity": {"value": int() | float() as number, **rest}}:
            return {"valueQuantity": {**rest, "value": number + 1}}
        case {"valueDateTime": str()}:
            return {"valueDateTime": "2001-02-03"}
        case _:
            return {}
