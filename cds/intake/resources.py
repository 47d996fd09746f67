"""Validation of the resources that a mapping can read, against FHIR R4B's published structure.

The library's models accept some things that FHIR does not, and raise other errors than their own for a few; both are
guarded here. A resource that fails is quarantined: its content is unknown, not absent.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Final

from cds.intake.bundle import RESOURCE_TYPES, Entry
from cds.intake.document import Json
from cds.intake.remarks import Remarks, one_line, shown

# The library reads a number in these as seconds since 1970, and other types as it can.
_TEXT_ELEMENTS: Final = re.compile(
    r"(\w*(DateTime|Instant|Date|Time|Timestamp)|issued|authored|authoredOn|recorded|start|end|lastUpdated|created|"
    r"status|code|system|reference|url|unit|comparator|id|versionId|fullUrl|display|text|resourceType)"
)
_OBJECT_TEXTS: Final = frozenset({"text", "code", "status"})
"""Names that are a text in one type and an object in another; only a number or a boolean is wrong in both."""


# The elements that FHIR requires of what is read here: without one of them the rest is quarantined with it.
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "BodyStructure": ("patient",),
    "Condition": ("subject",),
    "ImagingStudy": ("status", "subject"),
    "MedicationRequest": ("status", "intent", "medicationCodeableConcept", "medicationReference", "subject"),
    "MedicationStatement": ("status", "medicationCodeableConcept", "medicationReference", "subject"),
    "Observation": ("status", "code"),
    "Procedure": ("status", "subject"),
    "QuestionnaireResponse": ("status",),
    "ServiceRequest": ("status", "intent", "subject"),
}
REQUIRED_WITHIN: Final[Mapping[str, str]] = {"component": "code", "item": "linkId"}
"""The same for an item of a list of these names: an Observation's component, an item of a form."""


def required_by(path: str) -> Iterator[str]:
    """The elements that FHIR requires of the items of lists through which a path leads.

    >>> list(required_by("QuestionnaireResponse.item[1].item[0].answer[0].valueString"))
    ['QuestionnaireResponse.item[1].linkId', 'QuestionnaireResponse.item[1].item[0].linkId']
    """
    parts = path.split(".")
    for number, part in enumerate(parts):
        needed = REQUIRED_WITHIN.get(part.partition("[")[0]) if "[" in part else None
        if needed is not None:
            yield ".".join((*parts[: number + 1], needed))


def is_valid(entry: Entry, remarks: Remarks) -> bool:
    """Whether a resource is what FHIR says its type is; every fault is reported, with its place."""
    problems = [*_shape_problems(entry), *_model_problems(entry)]
    for path, details in dict.fromkeys(problems):
        remarks.warn(
            "invalid-resource",
            entry.at(path),
            f"`{shown(entry.key)}` is not used: {details}; what it would have said counts as unknown",
        )
    return not problems


def _shape_problems(entry: Entry) -> Iterator[tuple[str, str]]:
    """What the library lets pass: nulls and empty lists (dropped there), numbers for dates, unknown contained types."""
    stack: list[tuple[str, object]] = [("", entry.resource)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, Mapping):
            if not node:
                yield path, "an object is empty; leave the element out"
            for key, value in node.items():
                place = f"{path}.{shown(key)}" if path else shown(key)
                if value is None:
                    yield place, f"`{shown(key)}` is null; leave the element out"
                elif isinstance(value, list):
                    yield from _list_problems(node, key, value, place)
                    stack += [(f"{place}[{i}]", item) for i, item in enumerate(value)]
                elif isinstance(value, Mapping):
                    stack.append((place, value))
                elif not isinstance(value, str) and _TEXT_ELEMENTS.fullmatch(key):
                    yield place, f"`{shown(value)}` is no text, which `{shown(key)}` has to be"
            if "resourceType" in node and node is not entry.resource:
                given = node["resourceType"]
                if not isinstance(given, str) or given not in RESOURCE_TYPES:
                    yield f"{path}.resourceType", f"`{shown(given)}` is no FHIR resource"
    contained = entry.resource.get("contained")
    for index, inner in enumerate(contained if isinstance(contained, list) else ()):
        if not isinstance(inner, Mapping) or "resourceType" not in inner:
            yield f"contained[{index}]", "a contained resource says no resourceType"


def _list_problems(node: Json, key: str, value: list[object], place: str) -> Iterator[tuple[str, str]]:
    if not value:
        yield place, f"`{shown(key)}` is an empty list; leave the element out"
    # A list of primitives may hold null where the element beside it (`_given`) carries an extension, and the reverse.
    twin = node.get(key.removeprefix("_") if key.startswith("_") else f"_{key}")
    for index, item in enumerate(value):
        if item is None and not isinstance(twin, list):
            yield f"{place}[{index}]", f"an item of `{shown(key)}` is null; leave it out"


def _model_problems(entry: Entry) -> Iterator[tuple[str, str]]:
    from pydantic import ValidationError

    try:
        module = importlib.import_module(f"fhir.resources.R4B.{entry.type.lower()}")
        getattr(module, entry.type).model_validate(_trimmed(entry.resource))
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            yield _path(problem["loc"]), _words(str(problem["msg"]))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
        yield "", f"it cannot be read as a {entry.type} ({type(error).__name__})"


def _trimmed(resource: Json) -> Json:
    """The resource with its status trimmed: senders pad it, and a padded "entered-in-error " still withdraws."""
    status = resource.get("status")
    return {**resource, "status": status.strip()} if isinstance(status, str) and status != status.strip() else resource


def _path(location: tuple[int | str, ...]) -> str:
    """A pydantic location as a FHIRPath below the resource.

    >>> _path(("component", 0, "valueQuantity", "value"))
    'component[0].valueQuantity.value'
    """
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f"{'.' if path else ''}{shown(part)}"
    return path


def _words(message: str) -> str:
    text = message.removeprefix("Value error, ")
    if text.startswith("Invalid JSON"):
        text = "a text stands where an object belongs"
    return one_line(f"{text[:1].lower()}{text[1:]}".rstrip("."), 200)
