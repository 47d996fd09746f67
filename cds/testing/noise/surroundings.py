"""What stands around the content and says nothing of it: narrative, metadata, extensions, notes."""

from __future__ import annotations

from typing import Final

from cds.testing.generation import Choices
from cds.testing.noise.bundle import EHR, Json, nodes_of, of_type, resources_of


def narrative(bundle: Json, choices: Choices) -> None:
    """A narrative that says otherwise, and a language."""
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Refuted: INR 9, carotid encased 360°, "T4b".</p></div>'
    for resource in resources_of(bundle):
        if resource["resourceType"] not in ("Binary", "Bundle", "Parameters") and choices.chance(0.6):
            resource["text"] = {"status": "generated", "div": div}
            resource["language"] = "de-AT"


def meta(bundle: Json, choices: Choices) -> None:
    """Versions, sources, profiles, tags and labels."""
    stamped = choices.chance(0.5)  # all of them or none: when a resource was updated settles ties
    for resource in resources_of(bundle):
        meta = resource.setdefault("meta", {})
        if stamped and not {"lastUpdated", "versionId"} & set(meta):
            meta |= {"lastUpdated": "2026-11-21T09:30:00.123+01:00", "versionId": "7"}
        if choices.chance(0.3):
            meta["source"] = f"{EHR}#x17"
        if choices.chance(0.3):
            meta.setdefault("profile", []).append(f"{EHR}/StructureDefinition/house-{resource['resourceType']}|2.1")
        if choices.chance(0.3):
            meta.setdefault("tag", []).append({"system": f"{EHR}/tags", "code": "migrated"})
        if choices.chance(0.2):
            label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}
            meta.setdefault("security", []).append(label)
        if not meta:
            del resource["meta"]


_NEVER_EXTENDED: Final = frozenset({"resourceType", "id", "url", "div", "reference", "resource", "meta", "text"})


def extensions(bundle: Json, choices: Choices) -> None:
    """Extensions that do not modify: on resources, on elements, and beside primitive values."""
    own = {"url": f"{EHR}/StructureDefinition/entered-by", "valueString": "Station 7"}
    for resource in resources_of(bundle):
        if resource["resourceType"] == "Binary":
            continue
        if choices.chance(0.3):
            resource.setdefault("extension", []).append(dict(own))
        for node in [node for node in nodes_of(resource) if "url" not in node]:
            for key, value in list(node.items()):
                if key.startswith("_") or key in _NEVER_EXTENDED or f"_{key}" in node:
                    continue
                if isinstance(value, str | bool | int | float) and choices.chance(0.1):
                    node[f"_{key}"] = {"extension": [dict(own)]}
                elif isinstance(value, dict) and "resourceType" not in value and choices.chance(0.05):
                    value.setdefault("id", "e1")


def notes(bundle: Json, choices: Choices) -> None:
    """Free text, and encounters that were not sent."""
    for resource in of_type(bundle, "Observation", "Condition", "Procedure"):
        if choices.chance(0.3):
            resource.setdefault("note", []).append({"text": "Patient denies surgery?? see letter; INR 4.5"})
        if choices.chance(0.2) and "encounter" not in resource:
            resource["encounter"] = {"reference": "Encounter/not-sent", "display": "clinic"}
