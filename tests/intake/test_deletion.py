"""Removing an element that no fact, lesion, exclusion or issue names leaves every fact as it was."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cds.case import Case
from cds.errors import UnusableInput
from tests.intake import records as r
from tests.intake import test_forms as forms
from tests.intake.records import Json, Reader

RICH = r.bundle(
    r.tumour(extension=[{"url": f"{r.MCODE}mcode-related-condition", "valueReference": {"reference": "Condition/c1"}}]),
    r.recurrence(note=[{"text": "seen in clinic"}]),
    r.problem("I10", "c3", onsetDateTime="2010"),
    r.problem(
        "D66",
        "c4",
        verificationStatus=r.concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted"),
    ),
    r.observation(r.concept(r.LOINC, "6301-6"), "inr1", valueQuantity=r.quantity(1.2), issued="2026-10-30T08:00:00Z"),
    r.observation(r.concept(r.LOINC, "6301-6"), "inr2", valueQuantity=r.quantity(1.4), effectiveDateTime="2026-10-01"),
    r.observation(r.concept(r.LOINC, "8302-2"), "height", valueQuantity=r.quantity(170, "cm")),
    r.observation(
        r.concept(r.LOINC, "777-3"), "plt", status="entered-in-error", valueQuantity=r.quantity(90, "10*9/L")
    ),
    r.observation(
        "tumour-distance",
        "d1",
        focus=r.about(),
        bodySite=r.site("carotid-artery", "left"),
        valueQuantity=r.quantity(4.5, "mm"),
        method=r.concept(r.SCT, "113091000"),
    ),
    r.observation("nothing-else-within", "d2", focus=r.about(), valueQuantity=r.quantity(10, "mm")),
    r.observation("declines-surgery", "ch", focus=r.about(), valueBoolean=False),
    r.observation("mdt-discussed", "m1", valueBoolean=True),
    r.procedure(r.concept(r.SCT, "1217123003"), bodySite=[r.concept(r.SCT, "31389004")]),
    {
        "resourceType": "MedicationStatement",
        "id": "ms",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": r.concept("http://www.whocc.no/atc", "B01AA03"),
        "effectiveDateTime": "2026-01",
    },
    {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p1"},
    },
)


SECOND = r.bundle(
    r.tumour(),
    r.tumour(
        "T2", location=r.concept(r.SCT, "81502006"), morphology=r.concept(r.SCT, "11671000"), description="behind"
    ),
    r.problem("C50.9", "breast", note=[{"text": "left breast"}]),
    r.problem("D69.6", "low", recordedDate="2020"),
    r.problem(
        "D68.0", "vw", clinicalStatus=r.concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "resolved")
    ),
    r.observation("max-diameter", "nofocus", valueQuantity=r.quantity(2, "cm"), note=[{"text": "x"}]),
    r.observation(
        "tumour-distance",
        "noside",
        focus=r.about(),
        bodySite=r.site("carotid-artery"),
        valueQuantity=r.quantity(2, "mm"),
    ),
    r.observation("recurrence-date", "rd", focus=r.about("t2"), valueDateTime="2026-09"),
    r.observation("mdt-discussed", "mdt", valueBoolean=True, effectiveDateTime="2026-08-01"),
    r.observation("inr", "later", valueQuantity=r.quantity(1.2), effectiveDateTime="2027-01-01"),
    r.observation("ecog", "first", valueInteger=1, effectiveDateTime="2026-10"),
    r.observation("ecog", "other", valueInteger=2, effectiveDateTime="2026-10-05"),
    r.procedure(r.concept(r.SCT, "1217123003"), "rt1", bodySite=[r.concept(r.SCT, "71836000")], note=[{"text": "x"}]),
    r.procedure(r.concept(r.SCT, "1217123003"), "rt2", bodySite=[r.concept(r.SCT, "20233005")]),
    r.procedure(r.concept(r.SCT, "1217123003"), "rt3", bodySite=[r.concept(r.SCT, "81502006")], status="in-progress"),
    r.procedure(
        r.concept(r.SCT, "66478002"),
        "op",
        status="not-done",
        statusReason=r.concept(r.SCT, "105480006"),
        reasonReference=r.about("t2"),
    ),
    r.procedure(r.concept(r.SCT, "80146002"), "appendix"),
    {
        "resourceType": "MedicationRequest",
        "id": "mr",
        "status": "active",
        "intent": "plan",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "#m"},
        "contained": [
            {"resourceType": "Medication", "id": "m", "code": r.concept("http://www.whocc.no/atc", "B01AC06")}
        ],
    },
    forms.form(
        forms.day({"valueDate": "2026-11-01"}),
        forms.item("patient.asa", {"valueInteger": 2}),
        forms.lesion(
            "T2",
            forms.item("lesion.maxDiameter", forms.MM),
            forms.structure("skin", None, forms.item("structure.tumourDistance", forms.MM)),
        ),
    ),
)


UUID = "urn:uuid:00000000-0000-4000-8000-00000000000"
LINKED = r.bundle(
    r.tumour(
        extension=[{"url": f"{r.MCODE}mcode-related-condition", "valueReference": {"reference": f"{UUID}2"}}],
        description="left base of tongue",
    ),
    r.recurrence(),
    r.tumour(
        "T2",
        location=r.concept(r.SCT, "81105003"),
        extension=[{"url": f"{r.MCODE}mcode-related-condition", "valueReference": {"reference": f"{UUID}4"}}],
    ),
    r.recurrence(
        "c2", verificationStatus=r.concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted")
    ),
    r.observation(
        r.concept(r.LOINC, "21889-1"),
        "size",
        focus=[{"reference": f"{UUID}1"}],
        component=[{"code": r.concept(r.LOINC, "33728-7"), "valueQuantity": r.quantity(21, "mm")}],
    ),
    r.observation("bleeding-disorder", "wrong", status="entered-in-error", valueBoolean=True),
    {
        "resourceType": "ServiceRequest",
        "id": "declined",
        "status": "revoked",
        "intent": "proposal",
        "code": r.concept(r.SCT, "72791001"),
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2026-11-01",
        "reasonReference": [{"reference": f"{UUID}1"}],
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/request-statusReason",
                "valueCodeableConcept": r.concept(r.SCT, "105480006"),
            }
        ],
    },
    forms.form(
        forms.item("patient", items=[forms.item("patient.asa", {"valueInteger": 2})]),
        forms.lesion("T1", forms.structure("vagus-nerve", "left", forms.item("structure.tumourDistance", forms.MM))),
    ),
)
for number, entry_ in enumerate(LINKED["entry"]):
    entry_["fullUrl"] = f"{UUID}{number}"


def _series(site: str) -> Json:
    body_site = {"system": r.SCT, "code": site}
    return {"uid": "1.2.3", "modality": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "MR"},
            "bodySite": body_site, "description": "axial"}  # fmt: skip


DOUBTFUL = r.bundle(
    r.tumour(description="left base of tongue"),
    r.tumour("T2", location=r.concept(r.SCT, "81502006")),
    r.recurrence(stage=[{"assessment": [{"reference": "Observation/group"}], "type": {"text": "clinical"}}]),
    r.problem("C50.9", "breast", note=[{"text": "left"}]),
    r.problem("K74.60", "liver", note=[{"text": "compensated"}]),
    r.observation(r.concept(r.SCT, "399537006"), "group", hasMember=[{"reference": "Observation/t3"}],
                  focus=[{"reference": "Condition/c1"}], effectiveDateTime="2022-01-10",
                  valueCodeableConcept=r.concept(r.SCT, "1222806003"), note=[{"text": "x"}]),
    r.observation(r.concept(r.SCT, "399504009"), "t3", effectiveDateTime="2022-01-10",
                  valueCodeableConcept=r.concept(r.SCT, "1228938002"), note=[{"text": "x"}]),
    r.observation("infection-at-site", "old", focus=r.about(), valueBoolean=False, effectiveDateTime="2026-10-01"),
    r.observation("infection-at-site", "lost", focus=[*r.about(), {"reference": "BodyStructure/gone"}],
                  valueBoolean=True, effectiveDateTime="2026-10-02", note=[{"text": "x"}]),
    r.observation("infection-at-sit", "misspelt", focus=r.about("t2"), valueBoolean=True, note=[{"text": "x"}]),
    r.observation("max-diameter", "elsewhere", focus=[{"reference": "Condition/breast"}],
                  valueQuantity=r.quantity(21, "mm"), note=[{"text": "x"}]),
    r.observation("max-diameter", "far", bodySite=r.concept(r.SCT, "20233005"), valueQuantity=r.quantity(9, "mm"),
                  note=[{"text": "x"}]),
    {
        "resourceType": "Consent",
        "id": "declined",
        "status": "active",
        "scope": r.concept("http://terminology.hl7.org/CodeSystem/consentscope", "treatment"),
        "category": [{"text": "treatment"}],
        "patient": {"reference": "Patient/p1"},
        "dateTime": "2026-11-01",
        "provision": {"type": "deny", "code": [r.concept(r.SCT, "72791001")], "period": {"start": "2026"}},
    },
    {
        "resourceType": "ImagingStudy",
        "id": "mri",
        "status": "available",
        "subject": {"reference": "Patient/p1"},
        "started": "2026-11-12",
        "reasonReference": r.about("t2"),
        "series": [_series("774007")],
        "description": "neck",
    },
    {
        "resourceType": "Encounter",
        "id": "visit",
        "status": "finished",
        "class": {"code": "AMB"},
        "contained": [{"resourceType": "Condition", "id": "held", "code": {"text": "bleeds"}}],
    },
    forms.form(
        forms.day({"valueDate": "2026-11-01"}, {"valueDate": "2026-11-02"}),
        forms.lesion("BodyStructure/t1", forms.item("lesion.maxDiametre", forms.MM)),
        forms.lesion("t 2", forms.item("lesion.safePath", {"valueString": "path"})),
        forms.lesion("left neck", forms.item("lesion.side", {"valueString": "left"})),
    ),
)  # fmt: skip


ATC = "http://www.whocc.no/atc"
BOUNDS = {"timing": {"repeat": {"boundsPeriod": {"start": "2024-01-01", "end": "2024-01-10"}}}}
BESIDE = r.bundle(
    r.tumour(),
    r.recurrence("c2", recordedDate="2026-01-01",
                 contained=[{"resourceType": "BodyStructure", "id": "b", "location": r.concept(r.SCT, "4596009"),
                             "patient": {"reference": "Patient/p1"}, "description": "larynx"}],
                 bodySite=[{"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/bodySite",
                                           "valueReference": {"reference": "#b"}}]}]),
    r.recurrence("c3", recordedDate="2026-05-01", note=[{"text": "x"}],
                 verificationStatus=r.concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted")),
    r.problem("C77.0", "node", note=[{"text": "x"}]),
    r.observation(r.concept(r.LOINC, "6301-6"), "bare", subject={"reference": "p1"}, valueQuantity={"value": 12.1},
                  referenceRange=[{"low": {"value": 9.4, "unit": "s"}, "text": "x"}], note=[{"text": "x"}]),
    r.observation("max-diameter", "laboratory", focus=r.about(), valueQuantity=r.quantity(9, "mm"),
                  category=[r.concept("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")],
                  note=[{"text": "x"}]),
    r.observation(r.concept(r.SCT, "399537006"), "group", focus=r.about(),
                  hasMember=[{"reference": "Observation/member"}], note=[{"text": "x"}]),
    r.observation("infection-at-site", "member", valueBoolean=True, note=[{"text": "x"}]),
    r.observation("carotid-encasement", "both", focus=r.about(), valueQuantity=r.quantity(90, "deg"),
                  dataAbsentReason={"text": "not measured"}, note=[{"text": "x"}]),
    {"resourceType": "MedicationRequest", "id": "order", "status": "active", "intent": "order",
     "subject": {"reference": "Patient/p1"}, "medicationCodeableConcept": r.concept(ATC, "B01AA03"),
     "authoredOn": "2024-01-01", "note": [{"text": "x"}]},
    {"resourceType": "MedicationStatement", "id": "not", "status": "not-taken", "subject": {"reference": "Patient/p1"},
     "medicationCodeableConcept": r.concept(ATC, "B01AA03"), "dateAsserted": "2026-11-01", "note": [{"text": "x"}]},
    {"resourceType": "MedicationRequest", "id": "short", "status": "active", "intent": "order",
     "subject": {"reference": "Patient/p1"}, "medicationCodeableConcept": r.concept(ATC, "B01AC06"),
     "authoredOn": "2024-01-01", "dosageInstruction": [BOUNDS], "note": [{"text": "x"}]},
    forms.form(forms.lesion("c3", forms.item("lesion.safePath", {"valueString": "path"}))),
)  # fmt: skip


def places(node: object, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Every element of a bundle's resources that may be missing without making the resource invalid."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key)
            yield from places(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from places(value, (*path, index))


def fhirpath(path: tuple[str | int, ...]) -> str:
    text = "Bundle"
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text


def named(case: Case) -> set[str]:
    """The paths from the bundle of all elements that the case names."""
    levels = [case.patient]
    for lesion in case.lesions:
        levels += [lesion.facts, *(structure.facts for structure in lesion.structures)]
    sources = [s for facts in levels for fact in facts.values() for s in fact.sources]
    sources += [*case.excluded, *(s for lesion in case.lesions for s in lesion.sources)]
    paths = {s.path if s.path.startswith("Bundle") else s.entry + "".join(s.path.partition(".")[1:]) for s in sources}
    return paths | {issue.expression for issue in case.issues if issue.expression}


def covers(name: str, path: str) -> bool:
    """Whether a named path is an element's path, holds it or lies in it; without index it means every item."""
    plain = re.compile(r"\[\d+\]$")
    return any(
        a == b or a.startswith((f"{b}.", f"{b}[")) for a, b in ((name, path), (path, name), (name, plain.sub("", path)))
    )


def without(source: Json, path: tuple[str | int, ...]) -> Json:
    changed: Any = copy.deepcopy(source)
    node = changed
    for part in path[:-1]:
        node = node[part]
    del node[path[-1]]
    return changed  # type: ignore[no-any-return]


def tidied(node: Any) -> Any:
    """What FHIR allows: no list and no object that is empty."""
    if isinstance(node, dict):
        inner = {key: tidied(value) for key, value in node.items()}
        return {key: value for key, value in inner.items() if value not in ({}, [])}
    return [item for item in map(tidied, node) if item not in ({}, [])] if isinstance(node, list) else node


def states(case: Case) -> dict[str, object]:
    found: dict[str, object] = {name: fact.state for name, fact in case.patient.items()}
    for lesion in case.lesions:
        found |= {f"{lesion.id}.{name}": fact.state for name, fact in lesion.facts.items()}
        for structure in lesion.structures:
            found |= {f"{lesion.id}.{structure.key}.{name}": fact.state for name, fact in structure.facts.items()}
    return found


def test_removing_an_element_that_is_not_named_changes_no_fact_and_leaves_no_broken_resource(read: Reader) -> None:
    before = read.read(LINKED)
    assert [lesion.id for lesion in before.lesions] == ["T1"]
    names, removed = named(before), 0
    for index, entry in enumerate(LINKED["entry"]):
        start = ("entry", index, "resource")
        for path in [("entry", index, "fullUrl"), *places(entry["resource"], start)]:
            if path[-1] == "resourceType" or any(covers(name, fhirpath(path)) for name in names):
                continue
            after = read.read(tidied(without(LINKED, path)))
            assert states(after) == states(before), fhirpath(path)
            removed += 1
    assert removed > 10


@pytest.mark.parametrize(
    "source",
    [RICH, SECOND, DOUBTFUL, BESIDE],
    ids=["one lesion", "two lesions and a third tumour", "much in doubt", "what speaks against something else"],
)
def test_removing_an_element_that_is_not_named_changes_no_fact(source: Json, read: Reader) -> None:
    before = read.read(source)
    names = named(before)
    removed = 0
    for index in range(len(source["entry"])):
        start = ("entry", index, "resource")
        for path in places(source["entry"][index]["resource"], start):
            text = fhirpath(path)
            if path[-1] == "resourceType" or any(covers(name, text) for name in names):
                continue
            changed = without(source, path)
            try:
                after = read.read(changed)
            except UnusableInput as error:
                pytest.fail(f"{text}: {error}")
            if any(issue.code == "invalid-resource" for issue in after.issues):
                continue  # what is left is no FHIR resource any more
            assert states(after) == states(before), text
            removed += 1
    assert removed > 20


def test_removing_a_named_element_can_change_a_fact(read: Reader) -> None:
    before = states(read.read(RICH))
    index = next(i for i, e in enumerate(RICH["entry"]) if e["resource"].get("id") == "inr1")
    after = states(read.read(without(RICH, ("entry", index, "resource", "valueQuantity"))))
    assert after["inr"] != before["inr"]


def test_an_address_that_keeps_a_reference_from_being_followed_is_named(read: Reader) -> None:
    drug = {"resourceType": "Medication", "id": "w", "code": r.concept("http://www.whocc.no/atc", "B01AA03")}
    taken = {
        "resourceType": "MedicationStatement",
        "id": "m",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "https://one.example/fhir/Medication/w"},
    }
    source = r.bundle(drug, taken)
    source["entry"][1]["fullUrl"] = "https://other.example/fhir/Medication/w"
    case = read.read(source)
    assert r.said(case.patient["vitaminKAntagonist"]) == "absent: quarantined"
    assert "Bundle.entry[1].fullUrl" in named(case)
    del source["entry"][1]["fullUrl"]
    assert r.said(read.read(source).patient["vitaminKAntagonist"]) == "true"
