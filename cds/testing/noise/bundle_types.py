"""The bundle in another of its types: how the resources came here, not what they say."""

from __future__ import annotations

import copy

from cds.testing.generation import Choices, pick
from cds.testing.noise.bundle import EHR, LOINC, Json, add_entry, concept, otherwise, patient_of


def bundle_types(bundle: Json, choices: Choices) -> None:
    """The bundle in one of the types of FHIR, with what that type asks for."""
    if bundle.get("type") not in ("collection", "searchset", "transaction", "batch", "batch-response"):
        return
    if any("request" in e or "response" in e or "search" in e for e in bundle.get("entry", ())):
        return
    pick(choices, (
        _as_collection, _as_searchset, _as_request, _as_response, _as_history, _as_document, _as_message,
    ))(bundle, choices)  # fmt: skip


def _as_collection(bundle: Json, choices: Choices) -> None:
    bundle |= {"type": "collection", "timestamp": "2026-11-22T10:00:00Z"}
    bundle["identifier"] = {"system": f"{EHR}/bundles", "value": "b-1"}


def _as_searchset(bundle: Json, choices: Choices) -> None:
    bundle |= {"type": "searchset", "total": 1, "link": [{"relation": "self", "url": f"{EHR}/Patient?_id=1"}]}
    for entry in bundle.get("entry", ()):
        entry["search"] = {"mode": "match" if entry["resource"]["resourceType"] == "Patient" else "include"}


def _as_request(bundle: Json, choices: Choices) -> None:
    bundle["type"] = pick(choices, ("transaction", "batch"))
    for entry in bundle.get("entry", ()):
        resource = entry["resource"]
        request = {"method": "POST", "url": resource["resourceType"]}
        if "id" in resource and choices.chance(0.5):
            request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
        entry["request"] = request


def _as_response(bundle: Json, choices: Choices) -> None:
    bundle["type"] = pick(choices, ("batch-response", "transaction-response"))
    for entry in bundle.get("entry", ()):
        entry["response"] = {"status": "200 OK", "etag": 'W/"1"'}


def _as_history(bundle: Json, choices: Choices) -> None:
    """Every resource in its newest version; of some, an older one behind it that said something else."""
    older = []
    for entry in bundle.get("entry", ()):
        resource = entry["resource"]
        if "id" not in resource:
            return
    bundle["type"] = "history"
    seen: set[str] = set()
    for entry in bundle.get("entry", ()):
        resource = entry["resource"]
        name = f"{resource['resourceType']}/{resource['id']}"
        resource.setdefault("meta", {}).update(versionId="2", lastUpdated="2026-11-21T09:30:00Z")
        entry |= {"request": {"method": "PUT", "url": name}, "response": {"status": "200"}}
        if resource["resourceType"] == "Observation" and name not in seen and choices.chance(0.3):
            past = copy.deepcopy(entry)
            past["resource"]["meta"].update(versionId="1", lastUpdated="2026-11-20T09:30:00Z")
            past["resource"] |= otherwise(resource) or {"status": "entered-in-error"}
            older.append(past)
        seen.add(name)
    bundle["entry"] += older
    gone: Json = {"request": {"method": "DELETE", "url": "Observation/never-here"}, "response": {"status": "204"}}
    if bundle["entry"] and "fullUrl" in bundle["entry"][0]:
        gone = {"fullUrl": f"{EHR}/Observation/never-here", **gone}
    bundle["entry"].append(gone)


def _as_document(bundle: Json, choices: Choices) -> None:
    bundle |= {"type": "document", "timestamp": "2026-11-22T10:00:00Z"}
    bundle["identifier"] = {"system": f"{EHR}/documents", "value": "d-1"}
    listed = [{"reference": entry["fullUrl"]} for entry in bundle.get("entry", ()) if "fullUrl" in entry]
    composition: Json = {
        "resourceType": "Composition",
        "id": "composition",
        "status": "final",
        "type": concept(LOINC, "60591-5"),
        "subject": patient_of(bundle),
        "date": "2026-11-22",
        "author": [{"display": "clinic"}],
        "title": "Tumour board",
        "section": [{"title": "All", "entry": listed} if listed else {"title": "None", "text": {
            "status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">none</div>'}}],
    }  # fmt: skip
    add_entry(bundle, composition, 0)


def _as_message(bundle: Json, choices: Choices) -> None:
    bundle["type"] = "message"
    header: Json = {
        "resourceType": "MessageHeader",
        "id": "header",
        "eventUri": f"{EHR}/events/referral",
        "source": {"endpoint": EHR},
    }
    add_entry(bundle, header, 0)
