"""The same resources named otherwise, or contained where they are named."""

from __future__ import annotations

import copy

from cds.testing.generation import Choices, pick
from cds.testing.noise.bundle import EHR, Json, entries_of, nodes_of, of_type, resources_of


def _by_name(bundle: Json) -> dict[str, Json]:
    """The entries by the texts that a reference may give for them; an ambiguous one names none."""
    found: dict[str, list[Json]] = {}
    for entry in entries_of(bundle):
        resource = entry["resource"]
        names = {entry.get("fullUrl")} - {None}
        names |= {f"{resource['resourceType']}/{resource['id']}"} if "id" in resource else set()
        for name in names:
            found.setdefault(str(name), []).append(entry)
    return {name: entries[0] for name, entries in found.items() if len(entries) == 1}


def _references(bundle: Json) -> list[tuple[Json, Json]]:
    """Every reference of the bundle to one of its entries, with that entry."""
    targets = _by_name(bundle)
    return [
        (node, targets[node["reference"]])
        for resource in resources_of(bundle)
        for node in nodes_of(resource)
        if isinstance(node.get("reference"), str) and node["reference"] in targets
    ]


def _identifier(resource: Json) -> Json | None:
    """An identifier that names the resource and no other; a tumour keeps those by which it is known."""
    for identifier in resource.get("identifier", ()):
        if identifier.get("system") and identifier.get("value"):
            return {"system": identifier["system"], "value": identifier["value"]}
    if resource["resourceType"] in ("BodyStructure", "Condition", "QuestionnaireResponse"):
        return None
    own = {"system": f"{EHR}/ids", "value": f"{resource['resourceType']}-{resource['id']}"}
    resource["identifier"] = [own]
    return own


def reference_styles(bundle: Json, choices: Choices) -> None:
    """Each reference in one of the ways that the addresses of the entries allow."""
    if any("id" not in resource for resource in resources_of(bundle)):
        return
    found = _references(bundle)
    kept = all("fullUrl" in entry for entry in entries_of(bundle))
    addresses = pick(choices, ("as they are", "of a server", "none"))
    for entry in entries_of(bundle):
        resource = entry["resource"]
        if addresses == "of a server":
            entry["fullUrl"] = f"{EHR}/{resource['resourceType']}/{resource['id']}"
        elif addresses == "none":
            entry.pop("fullUrl", None)
    for node, entry in found:
        resource = entry["resource"]
        relative = f"{resource['resourceType']}/{resource['id']}"
        styles = [entry.get("fullUrl", relative), relative, f"{relative}/_history/3"]
        if addresses == "as they are" and not kept:
            styles = [node["reference"]]
        if addresses == "of a server":
            styles.append(f"{entry['fullUrl']}/_history/1")
        style = choices.below(len(styles) + 2)
        if style < len(styles):
            node["reference"] = styles[style]
            continue
        identifier = _identifier(resource)
        if identifier is None:
            node["reference"] = styles[0]
        elif style == len(styles):
            node["reference"] = f"{resource['resourceType']}?identifier={identifier['system']}|{identifier['value']}"
        else:
            del node["reference"]
            node |= {"type": resource["resourceType"], "identifier": identifier}


def contained(bundle: Json, choices: Choices) -> None:
    """Drugs, tumours and performers inside the resources that name them."""
    targets = _by_name(bundle)
    for resource in of_type(bundle, "Observation", "MedicationStatement", "MedicationRequest"):
        if "medicationCodeableConcept" in resource and choices.chance(0.5):
            drug = {"resourceType": "Medication", "id": "drug", "code": resource.pop("medicationCodeableConcept")}
            resource.setdefault("contained", []).append(drug)
            resource["medicationReference"] = {"reference": "#drug"}
        for reference in resource.get("focus", ()):
            target = targets.get(reference.get("reference", ""), {}).get("resource", {})
            if target.get("resourceType") == "BodyStructure" and target.get("identifier") and choices.chance(0.3):
                body = {key: copy.deepcopy(value) for key, value in target.items() if key != "contained"}
                for versioned in ("versionId", "lastUpdated"):  # what is contained has no version of its own
                    body.get("meta", {}).pop(versioned, None)
                if any(inner.get("id") == "body" for inner in resource.get("contained", ())):
                    continue
                resource.setdefault("contained", []).append({**body, "id": "body"})
                reference["reference"] = "#body"
        if resource["resourceType"] == "Observation" and "performer" not in resource and choices.chance(0.2):
            doctor = {"resourceType": "Practitioner", "id": "who", "name": [{"text": "Dr. Ó Súilleabháin"}]}
            resource.setdefault("contained", []).append(doctor)
            resource["performer"] = [{"reference": "#who"}]
