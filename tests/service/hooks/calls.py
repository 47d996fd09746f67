"""Calls of CDS Hooks as an EHR would send them, made from the example patients."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2

Json = dict[str, Any]
Post = Callable[..., httpx2.Response]

INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
FHIR = "https://ehr.example.org/fhir"
PUBLIC = "https://cds.example.org"
TOKEN = "an-opaque-token-that-nobody-may-log"
# Surgery, ablation by freezing, ablation by heat, and something else: codes of the rule set's own value sets.
LARYNGECTOMY = ("http://snomed.info/sct", "232544002")
CRYOABLATION = ("http://snomed.info/sct", "609173003")
RADIOFREQUENCY = ("http://snomed.info/sct", "879916008")
BLOOD_COUNT = ("http://loinc.org", "58410-2")
FAMILIES = {
    "Condition": "conditions", "BodyStructure": "bodyStructures", "Procedure": "procedures",
    "ServiceRequest": "requests", "Observation": "findings", "ImagingStudy": "imaging",
    "MedicationRequest": "medications",
    "MedicationStatement": "medicationStatements", "MedicationAdministration": "medicationAdministrations",
    "MedicationDispense": "medicationDispenses",
    "Consent": "consents", "QuestionnaireResponse": "forms",
}  # fmt: skip


def searchset(*entries: Json, **members: Any) -> Json:
    """A searchset of entries that already have their `resource`."""
    total = sum(entry.get("resource", {}).get("resourceType") != "OperationOutcome" for entry in entries)
    return {"resourceType": "Bundle", "type": "searchset", "total": total, "entry": list(entries), **members}


def outcome(severity: str, code: str) -> Json:
    """An OperationOutcome with one issue."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}


def prefetch_of(bundle: Json) -> Json:
    """The whole prefetch that a client with this record would send: `null` where it has nothing.

    A Patient that is read alone has no fullUrl, so whatever refers to it does so by its id.
    """
    patient = next(e for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    url, name = patient.get("fullUrl"), f"Patient/{patient['resource']['id']}"
    bundle = json.loads(json.dumps(bundle).replace(f'"reference": "{url}"', f'"reference": "{name}"'))
    found: dict[str, list[Json]] = {}
    prefetch: Json = {}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "Patient":
            prefetch["patient"] = resource
        else:
            found.setdefault(FAMILIES[resource["resourceType"]], []).append({**entry, "search": {"mode": "match"}})
    others = ("staging", "performance", "labs")
    for key in (*FAMILIES.values(), *others):
        prefetch[key] = searchset(*found[key]) if key in found else None
    return prefetch


def draft(code: tuple[str, str], patient: str, id_: str = "order-1", **members: Any) -> Json:
    """A draft order with one code."""
    return {
        "resourceType": "ServiceRequest", "id": id_, "status": "draft", "intent": "order",
        "code": {"coding": [{"system": code[0], "code": code[1]}]}, "subject": {"reference": f"Patient/{patient}"},
        **members,
    }  # fmt: skip


def grant() -> Json:
    """What a client sends so that its server may be asked."""
    return {
        "access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "user/Patient.rs user/*.read",
        "subject": "cds-service",
    }  # fmt: skip


def issues(response: httpx2.Response) -> list[Json]:
    """The issues of an OperationOutcome, checked to be one that names what is wrong."""
    assert response.headers["content-type"] == "application/fhir+json"
    told = response.json()
    assert told["resourceType"] == "OperationOutcome"
    for issue in told["issue"]:
        assert issue["severity"] in ("fatal", "error", "warning", "information")
        assert issue["code"]
        assert issue["diagnostics"]
    return list(told["issue"])


def empties(node: Any, path: str = "") -> Iterator[str]:
    """Every place of JSON that holds null, or an empty text, list or object."""
    if node is None or (isinstance(node, (str, list, dict)) and not node):
        yield path
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from empties(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from empties(value, f"{path}[{index}]")


def trace(card: Json) -> Json:
    """What a card says in our extension."""
    return dict(card["extension"]["org.example.hnc-cds.trace"])


class Examples:
    """The example patients, as calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """The numbers of those that are here."""
        return sorted(each.parent.name[:2] for each in self.folder.glob("*/bundle.json"))

    def bundle(self, number: str) -> Json:
        """The bundle of one."""
        (file,) = self.folder.glob(f"{number}-*/bundle.json")
        return dict(json.loads(file.read_text(encoding="utf-8")))

    def patient(self, number: str) -> str:
        """The id of its Patient."""
        entries = self.bundle(number)["entry"]
        return next(str(e["resource"]["id"]) for e in entries if e["resource"]["resourceType"] == "Patient")

    def view(self, number: str, **members: Any) -> Json:
        """A call of `patient-view`."""
        patient = self.patient(number)
        return {
            "hook": "patient-view", "hookInstance": INSTANCE,
            "context": {"userId": "Practitioner/a", "patientId": patient}, "prefetch": prefetch_of(self.bundle(number)),
            **members,
        }  # fmt: skip

    def sign(self, number: str, *orders: Json, **members: Any) -> Json:
        """A call of `order-sign`."""
        drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order} for order in orders]}
        context = {"userId": "Practitioner/a", "patientId": self.patient(number), "draftOrders": drafts}
        return {**self.view(number), "hook": "order-sign", "context": context, **members}

    def dispatch(self, number: str, *references: str, **members: Any) -> Json:
        """A call of `order-dispatch`."""
        orders: Json = {"dispatchedOrders": list(references), "performer": "Organization/radiology"}
        context = {"patientId": self.patient(number), **orders}
        return {**self.view(number), "hook": "order-dispatch", "context": context, **members}
