"""fhir.resources as the judge of a resource, and what it lets pass that FHIR does not.

The library's models accept some things that FHIR does not, and raise other errors than their own for a few; both are
guarded here.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Final

from cds.intake.bundle import RESOURCE_TYPES
from cds.intake.document import Json
from cds.intake.remarks import one_line, shown

# The library reads a number in these as seconds since 1970, and other types as it can.
TEXT_ELEMENTS: Final = re.compile(
    r"(\w*(DateTime|Instant|Date|Time|Timestamp)|issued|authored|authoredOn|recorded|start|end|lastUpdated|created|"
    r"status|code|system|reference|url|unit|comparator|id|versionId|fullUrl|display|text|resourceType)"
)
"""Names that are a text in one type and an object in another; only a number or a boolean is wrong in both."""


def problems(resource: Json, type_: str) -> list[tuple[str, str]]:
    """What keeps a resource from being what FHIR says its type is: paths below the resource, and words.

    >>> problems({"resourceType": "Patient", "active": None}, "Patient")
    [('active', '`active` is null; leave the element out')]
    """
    return [*_shape_problems(resource), *_model_problems(resource, type_)]


def _shape_problems(resource: Json) -> Iterator[tuple[str, str]]:
    """What the library lets pass: nulls and empty lists (dropped there), numbers for dates, unknown contained types."""
    stack: list[tuple[str, object]] = [("", resource)]
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
                elif not isinstance(value, str) and TEXT_ELEMENTS.fullmatch(key):
                    yield place, f"`{shown(value)}` is no text, which `{shown(key)}` has to be"
            if "resourceType" in node and node is not resource:
                given = node["resourceType"]
                if not isinstance(given, str) or given not in RESOURCE_TYPES:
                    yield f"{path}.resourceType", f"`{shown(given)}` is no FHIR resource"
    contained = resource.get("contained")
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


def _model_problems(resource: Json, type_: str) -> Iterator[tuple[str, str]]:
    from pydantic import ValidationError

    try:
        module = importlib.import_module(f"fhir.resources.R4B.{type_.lower()}")
        getattr(module, type_).model_validate(_trimmed(resource))
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            yield _path(problem["loc"]), _words(str(problem["msg"]))
    except (ImportError, TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
        yield "", f"it cannot be read as a {type_} ({type(error).__name__})"


def _trimmed(resource: Json) -> Json:
    """The resource with its status trimmed, and with a zone where its times have none.

    Senders pad a status, and a padded "entered-in-error " still withdraws. A time without zone is no FHIR, but says all
    that is read of it here: its day, and its order where the others have none either.
    """
    status = resource.get("status")
    trimmed = {**resource, "status": status.strip()} if isinstance(status, str) else dict(resource)
    for element in _TIMES & set(trimmed):
        trimmed[element] = _zoned(trimmed[element])
    return trimmed


_TIMES: Final = frozenset(
    {"effectiveDateTime", "effectivePeriod", "issued", "authored", "authoredOn", "recordedDate", "onsetDateTime",
     "onsetPeriod", "performedDateTime", "performedPeriod", "started", "dateAsserted", "dateTime"}
)  # fmt: skip
"""The elements of a resource that date it."""
_WITHOUT_ZONE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?")


def _zoned(value: object) -> object:
    if isinstance(value, str):
        return f"{value}Z" if _WITHOUT_ZONE.fullmatch(value) else value
    return {key: _zoned(inner) for key, inner in value.items()} if isinstance(value, Mapping) else value


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
