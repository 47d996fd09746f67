"""Resources that say nothing of any fact: of another subject matter, or of somebody else."""

from __future__ import annotations

from cds.testing.generation import Choices, pick
from cds.testing.noise.bundle import (
    EHR,
    LOINC,
    SNOMED,
    Json,
    add_entry,
    concept,
    of_type,
    otherwise,
    patient_of,
    quantity,
    resources_of,
)


def _strangers(patient: Json) -> list[Json]:
    """Resources of an ordinary record that no rule set of this system asks for."""
    listed = "http://terminology.hl7.org/CodeSystem/condition-category"
    systolic = {"code": concept(LOINC, "8480-6"), "valueQuantity": quantity(132, "mm[Hg]")}
    diastolic = {"code": concept(LOINC, "8462-4"), "valueQuantity": quantity(81, "mm[Hg]")}
    lab: Json = {"resourceType": "Observation", "status": "final", "subject": patient}
    lab["effectiveDateTime"] = "2026-10-02"
    return [
        {**lab, "code": concept(LOINC, "8302-2", "Body height"), "valueQuantity": quantity(172, "cm")},
        {**lab, "code": concept(LOINC, "85354-9"), "component": [systolic, diastolic]},
        {**lab, "code": concept(LOINC, "2160-0"), "valueQuantity": quantity(88, "umol/L")},
        {**lab, "code": concept(LOINC, "718-7"), "status": "cancelled", "dataAbsentReason": concept(
            "http://terminology.hl7.org/CodeSystem/data-absent-reason", "error")},
        {**lab, "code": concept(f"{EHR}/CodeSystem/wards", "SMILE"), "valueString": "cheerful"},
        {"resourceType": "Encounter", "status": "finished", "subject": patient, "class": {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
        {"resourceType": "FamilyMemberHistory", "status": "completed", "patient": patient,
         "relationship": concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "FTH"),
         "condition": [{"code": concept("http://hl7.org/fhir/sid/icd-10", "C01")},
                       {"code": concept("http://hl7.org/fhir/sid/icd-10", "D66")}]},
        {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": patient,
         "medicationCodeableConcept": concept("http://www.whocc.no/atc", "N02BE01", "paracetamol")},
        {"resourceType": "MedicationStatement", "status": "active", "subject": patient,
         "medicationCodeableConcept": concept("http://www.whocc.no/atc", "A02BC01")},
        {"resourceType": "MedicationAdministration", "status": "completed", "subject": patient,
         "medicationCodeableConcept": concept("http://www.whocc.no/atc", "J01CR02"),
         "effectiveDateTime": "2026-10-02"},
        {"resourceType": "Procedure", "status": "completed", "subject": patient,
         "code": concept(SNOMED, "80146002"), "performedDateTime": "1999-05"},
        {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": patient,
         "code": concept(LOINC, "24627-2")},
        {"resourceType": "Condition", "subject": patient, "code": concept("http://hl7.org/fhir/sid/icd-10-cm", "I10"),
         "category": [concept(listed, "encounter-diagnosis")], "recordedDate": "2015-03"},
        {"resourceType": "AllergyIntolerance", "patient": patient, "code": concept(SNOMED, "91936005")},
        {"resourceType": "Immunization", "status": "completed", "patient": patient,
         "vaccineCode": concept("http://hl7.org/fhir/sid/cvx", "140"), "occurrenceDateTime": "2025-10-01"},
        {"resourceType": "DiagnosticReport", "status": "final", "subject": patient,
         "code": concept(LOINC, "24627-2"), "conclusion": "No tumour seen near the carotid artery."},
        {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": patient,
         "questionnaire": f"{EHR}/Questionnaire/phq-9",
         "item": [{"linkId": "patient.ecog", "answer": [{"valueInteger": 4}]}]},
        {"resourceType": "ImagingStudy", "status": "available", "subject": patient, "started": "2026-10-01",
         "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "MR"}]},
        {"resourceType": "Organization", "name": "Ward 7"},
        {"resourceType": "Practitioner", "name": [{"family": "Holm", "given": ["Åse"]}]},
        {"resourceType": "RelatedPerson", "patient": patient, "relationship": [
            concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "DAU")]},
        {"resourceType": "Binary", "contentType": "text/plain", "data": "VDE="},
    ]  # fmt: skip


def unrelated(bundle: Json, choices: Choices) -> None:
    """Some of the strangers, anywhere among the entries."""
    for number, resource in enumerate(_strangers(patient_of(bundle))):
        if choices.chance(0.3):
            name = f"other-{number}"
            at = choices.below(len(bundle.get("entry", ())) + 1)
            add_entry(bundle, {"resourceType": resource.pop("resourceType"), "id": name, **resource}, at)


def other_people(bundle: Json, choices: Choices) -> None:
    """The same kinds of findings, of a relative, a ward, a device."""
    patient = patient_of(bundle)
    relative: Json = {"resourceType": "RelatedPerson", "id": "donor", "patient": patient}
    about: list[Json] = [
        {"subject": patient, "focus": [{"reference": "RelatedPerson/donor"}]},
        {"subject": {"reference": "Group/ward-7"}},
        {"subject": {"reference": f"{EHR}/Device/analyser-2"}},
        {"subject": {"type": "Location", "display": "theatre 3"}},
    ]
    own = [o for o in of_type(bundle, "Observation") if "focus" not in o and otherwise(o)]
    for number, observation in enumerate(own[:20]):
        if choices.chance(0.2):
            whom = pick(choices, about)
            if "focus" in whom and "donor" not in [resource.get("id") for resource in resources_of(bundle)]:
                add_entry(bundle, relative)
                bundle["entry"][-1].pop("fullUrl", None)
            told = {key: value for key, value in observation.items() if key not in ("id", "subject", "contained")}
            add_entry(bundle, {**told, **otherwise(told), "id": f"other-person-{number}", **whom}, choices.below(2))
