"""FHIR's datatypes as the plain JSON that they are."""

from __future__ import annotations

import re
from typing import Any, Final

Json = dict[str, Any]

TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
_LITERAL: Final = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}")
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")


def coding(system: str, code: str, display: str = "") -> Json:
    """A Coding.

    >>> coding("http://loinc.org", "6301-6")
    {'system': 'http://loinc.org', 'code': '6301-6'}
    """
    return {"system": system, "code": code, **({"display": display} if display else {})}


def concept(system: str, code: str, text: str = "") -> Json:
    """A CodeableConcept of one Coding, with words for people."""
    return {"coding": [coding(system, code)], **({"text": text} if text else {})}


def record_reference(resource: str, version: str | None) -> Json:
    """A reference to a resource of the record, to the version that was read where the record says which.

    What has no address of its own (a resource without id) is named for people alone.

    >>> record_reference("Observation/inr", "2")
    {'reference': 'Observation/inr/_history/2'}
    >>> record_reference("Observation/entry-3 of a page", None)
    {'display': 'Observation/entry-3 of a page'}
    """
    if resource.startswith(("urn:", "http://", "https://")) and not re.search(r"\s", resource):
        return {"reference": resource}
    if not _LITERAL.fullmatch(resource):
        return {"display": resource}
    return {"reference": f"{resource}/_history/{version}" if version and _ID.fullmatch(version) else resource}


def present(**members: object) -> Json:
    """The members that hold something: FHIR has no empty element.

    >>> present(status="draft", note=[], title="", count=0)
    {'status': 'draft', 'count': 0}
    """
    return {name: value for name, value in members.items() if value is not None and value not in ("", [], {}, ())}
