"""Small FHIR resources for tests, written out as a sender would."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from cds.case import Absent, Case, Conflicting, Fact, Known
from cds.intake import read_bundle
from cds.ruleset.mapping import MappingTables
from cds.vocabulary import Vocabulary

Json = dict[str, Any]

AS_OF = dt.date(2026, 11, 22)
SCT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
LOCAL = "https://example.org/fhir/CodeSystem/hnc-cds-"
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/"
SIDES = {"left": "7771000", "right": "24028007", "both": "51440002"}


def concept(system: str, code: str, display: str | None = None) -> Json:
    coding = {"system": system, "code": code}
    return {"coding": [{**coding, "display": display} if display else coding]}


def quantity(value: object, code: str = "1", **more: Any) -> Json:
    return {"value": value, "unit": code, "system": UCUM, "code": code, **more}


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", "id": "p1", "birthDate": "1957-04-02", **more}


def tumour(id_: str = "T1", **more: Any) -> Json:
    return {
        "resourceType": "BodyStructure",
        "id": id_.lower(),
        "meta": {"profile": [f"{MCODE}mcode-tumor"]},
        "identifier": [{"system": "urn:example:tumour-board", "value": id_}],
        "location": concept(SCT, "47975008"),
        "locationQualifier": [concept(SCT, SIDES["left"])],
        "patient": {"reference": "Patient/p1"},
        **more,
    }


def recurrence(id_: str = "c1", **more: Any) -> Json:
    return {
        "resourceType": "Condition",
        "id": id_,
        "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "recurrence"),
        "verificationStatus": concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
        "category": [concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
        "code": concept("http://hl7.org/fhir/sid/icd-10", "C01"),
        "subject": {"reference": "Patient/p1"},
        "onsetDateTime": "2026-09-01",
        **more,
    }


def problem(code: str, id_: str = "c2", system: str = "http://hl7.org/fhir/sid/icd-10-cm", **more: Any) -> Json:
    active = concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")
    base = recurrence(id_, clinicalStatus=active, code=concept(system, code))
    return {**base, **more}


def observation(code: Json | str, id_: str = "o1", **more: Any) -> Json:
    """An Observation by a full code, or by the kebab-case name of a fact."""
    said = concept(f"{LOCAL}observation", code) if isinstance(code, str) else code
    base = {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": said,
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-10-30",
    }
    return {key: value for key, value in {**base, **more}.items() if value is not None}


def about(id_: str = "t1") -> list[Json]:
    return [{"reference": f"BodyStructure/{id_}"}]


def site(name: str, side: str | None = None) -> Json:
    said = concept(f"{LOCAL}structure", name)
    if side is None:
        return said
    qualifier = {"url": f"{MCODE}mcode-laterality-qualifier", "valueCodeableConcept": concept(SCT, SIDES[side])}
    return {"extension": [qualifier], **said}


def procedure(code: Json, id_: str = "pr1", **more: Any) -> Json:
    return {
        "resourceType": "Procedure",
        "id": id_,
        "status": "completed",
        "code": code,
        "subject": {"reference": "Patient/p1"},
        "performedPeriod": {"start": "2022-01-10", "end": "2022-02-22"},
        **more,
    }


def bundle(*resources: Mapping[str, Any], patient_first: bool = True, **more: Any) -> Json:
    """A collection with the patient before the resources."""
    all_ = [patient(), *resources] if patient_first else list(resources)
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in all_], **more}


class Reader:
    """Reads bundles with the tables of one rule set."""

    def __init__(self, vocabulary: Vocabulary, mapping: MappingTables) -> None:
        self.vocabulary = vocabulary
        self.mapping = mapping

    def __call__(self, *resources: Mapping[str, Any], **more: Any) -> Case:
        return self.read(bundle(*resources), **more)

    def read(self, source: bytes | Mapping[str, Any], **more: Any) -> Case:
        text = source if isinstance(source, bytes) else json.dumps(source).encode()
        return read_bundle(text, vocabulary=self.vocabulary, mapping=self.mapping, as_of=AS_OF, **more)


def said(fact: Fact) -> str:
    """A fact's state in a few words, for comparisons that read well."""
    match fact.state:
        case Known(value):
            return str(value).lower() if isinstance(value, bool) else str(value)
        case Absent(reason):
            return f"absent: {reason.value}"
        case Conflicting(values):
            return "conflict: " + ", ".join(sorted(map(str, values)))


def codes(case: Case) -> set[str]:
    return {issue.code for issue in case.issues}
