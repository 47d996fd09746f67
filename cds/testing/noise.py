"""Noise: what senders may write differently without saying anything else.

`NOISES` holds the ways, each with the reason for which FHIR lets a record be written so. `add_noise` puts some of them
over a bundle, in an order in which they do not undo each other; `spell` writes the result as JSON in one of the many
ways in which JSON can be written. Both follow the choices that they are given, so that Hypothesis can make a failing
bundle simpler (`noisy_bundles` in `cds.testing`), and a seeded generator can make many quickly.

The property they are made for: whatever of this is done to a bundle, it is read as the same facts (`said`). The
elements that the facts name may be others.

>>> import random
>>> from cds.testing.sampling import SeededChoices
>>> bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient"}}]}
>>> noisy, names = add_noise(bundle, SeededChoices(random.Random(1)), [noise_called("narrative")])
>>> names, noisy["entry"][0]["resource"]["text"]["status"]
(('narrative',), 'generated')
"""

from __future__ import annotations

import copy
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from cds.case import Absent, Case, Conflicting, Facts, Known
from cds.testing.generation import Choices, pick

Json = dict[str, Any]

EHR: Final = "https://ehr.example.org/fhir"
"""The base address of a made-up sender."""
UCUM: Final = "http://unitsofmeasure.org"
SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"


@dataclass(frozen=True, slots=True)
class Noise:
    """A way in which a record may be written differently, and why it says the same.

    `change` works on a bundle in place. A choice of 0, or of `False`, changes nothing or as little as possible.
    """

    name: str
    why: str
    change: Callable[[Json, Choices], None]


def add_noise(
    bundle: Mapping[str, Any], choices: Choices, noises: Sequence[Noise] = ()
) -> tuple[Json, tuple[str, ...]]:
    """The bundle with noise over it, and the names of what was done.

    `noises` are all done; without them, some of `NOISES` are, one in four. The given bundle stays as it is.
    """
    noisy: Json = json.loads(json.dumps(bundle))  # no object of it stands in two places
    done = list(noises) or [noise for noise in NOISES if choices.chance(0.25)]
    for noise in done:
        noise.change(noisy, choices)
        noisy = json.loads(json.dumps(noisy))
    return noisy, tuple(noise.name for noise in done)


@dataclass(frozen=True, slots=True)
class NoisyBundle:
    """A bundle with noise over it: the case as which it has to be read, if known; what was done; and its JSON."""

    case: Case | None
    noises: tuple[str, ...]
    bundle: Json = field(repr=False)
    source: bytes = field(repr=False)

    @classmethod
    def made(
        cls, bundle: Mapping[str, Any], choices: Choices, *, case: Case | None = None, noises: Sequence[Noise] = ()
    ) -> NoisyBundle:
        """The bundle with some of these noises, or all of the named ones, in one of the spellings of JSON."""
        changed, names = add_noise(bundle, choices, noises)
        return cls(case, names, changed, spell(changed, choices))


def noise_called(name: str) -> Noise:
    """One of `NOISES` by its name; `KeyError` where there is none."""
    return {noise.name: noise for noise in NOISES}[name]


# --- what a case says ----------------------------------------------------------------------------------------------

Said = tuple[str, object]


def said(case: Case) -> dict[str, Said]:
    """What a case says of each fact, by `patient.inr`, `T1.site`, `T1/skin/none.relation`; without notes and sources.

    >>> import datetime as dt
    >>> from cds.case import assemble
    >>> from cds.testing import sample_vocabulary
    >>> case = assemble(sample_vocabulary(), as_of=dt.date(2026, 11, 22), patient={}, lesions=[])
    >>> said(case)["patient.booked"]
    ('known', False)
    """
    found = _said_of("patient", case.patient)
    for lesion in case.lesions:
        found |= _said_of(lesion.id, lesion.facts)
        for structure in lesion.structures:
            found |= _said_of(f"{lesion.id}/{structure.key}", structure.facts)
    return found


def _said_of(subject: str, facts: Facts) -> dict[str, Said]:
    found: dict[str, Said] = {}
    for name, fact in facts.items():
        match fact.state:
            case Known(value):
                found[f"{subject}.{name}"] = ("known", value)
            case Absent(reason):
                found[f"{subject}.{name}"] = ("absent", reason)
            case Conflicting(values):
                found[f"{subject}.{name}"] = ("conflicting", frozenset(values))
    return found


# --- steps through a bundle ----------------------------------------------------------------------------------------


def _entries(bundle: Json) -> list[Json]:
    """The entries that hold a resource."""
    return [entry for entry in bundle.get("entry", ()) if isinstance(entry.get("resource"), dict)]


def _resources(bundle: Json) -> list[Json]:
    return [entry["resource"] for entry in _entries(bundle)]


def _nodes(node: object, *, contained: bool = True) -> Iterator[Json]:
    """An object and every object below it."""
    stack = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            yield here
            stack += [value for key, value in here.items() if contained or key != "contained"]
        elif isinstance(here, list):
            stack += here


def _concepts(bundle: Json) -> Iterator[Json]:
    """Every CodeableConcept that has codings."""
    for resource in _resources(bundle):
        for node in _nodes(resource):
            if isinstance(node.get("coding"), list) and node["coding"]:
                yield node


def _of_type(bundle: Json, *types: str) -> list[Json]:
    return [resource for resource in _resources(bundle) if resource.get("resourceType") in types]


def _uuid(name: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{EHR}/{name}')}"


def _patient(bundle: Json) -> Json:
    """A reference to the bundle's patient as the bundle itself would write it."""
    for entry in _entries(bundle):
        if entry["resource"].get("resourceType") == "Patient":
            if "fullUrl" in entry:
                return {"reference": entry["fullUrl"]}
            if "id" in entry["resource"]:
                return {"reference": f"Patient/{entry['resource']['id']}"}
    return {}


def _add(bundle: Json, resource: Json, at: int | None = None) -> None:
    """Add an entry, with a fullUrl where the bundle's entries have one."""
    entry: Json = {"resource": json.loads(json.dumps(resource))}  # shares nothing with another
    if any("fullUrl" in other for other in _entries(bundle)):
        entry = {"fullUrl": _uuid(f"{resource['resourceType']}/{resource['id']}"), **entry}
    entries = bundle.setdefault("entry", [])
    entries.insert(len(entries) if at is None else at, entry)


def _concept(system: str, code: str, display: str | None = None) -> Json:
    return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}


def _quantity(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


# --- resources that say nothing of any fact ------------------------------------------------------------------------


def _strangers(patient: Json) -> list[Json]:
    """Resources of an ordinary record that no rule set of this system asks for."""
    listed = "http://terminology.hl7.org/CodeSystem/condition-category"
    systolic = {"code": _concept(LOINC, "8480-6"), "valueQuantity": _quantity(132, "mm[Hg]")}
    diastolic = {"code": _concept(LOINC, "8462-4"), "valueQuantity": _quantity(81, "mm[Hg]")}
    lab: Json = {"resourceType": "Observation", "status": "final", "subject": patient}
    lab["effectiveDateTime"] = "2026-10-02"
    return [
        {**lab, "code": _concept(LOINC, "8302-2", "Body height"), "valueQuantity": _quantity(172, "cm")},
        {**lab, "code": _concept(LOINC, "85354-9"), "component": [systolic, diastolic]},
        {**lab, "code": _concept(LOINC, "2160-0"), "valueQuantity": _quantity(88, "umol/L")},
        {**lab, "code": _concept(LOINC, "718-7"), "status": "cancelled", "dataAbsentReason": _concept(
            "http://terminology.hl7.org/CodeSystem/data-absent-reason", "error")},
        {**lab, "code": _concept(f"{EHR}/CodeSystem/wards", "SMILE"), "valueString": "cheerful"},
        {"resourceType": "Encounter", "status": "finished", "subject": patient, "class": {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
        {"resourceType": "FamilyMemberHistory", "status": "completed", "patient": patient,
         "relationship": _concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "FTH"),
         "condition": [{"code": _concept("http://hl7.org/fhir/sid/icd-10", "C01")},
                       {"code": _concept("http://hl7.org/fhir/sid/icd-10", "D66")}]},
        {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": patient,
         "medicationCodeableConcept": _concept("http://www.whocc.no/atc", "N02BE01", "paracetamol")},
        {"resourceType": "MedicationStatement", "status": "active", "subject": patient,
         "medicationCodeableConcept": _concept("http://www.whocc.no/atc", "A02BC01")},
        {"resourceType": "MedicationAdministration", "status": "completed", "subject": patient,
         "medicationCodeableConcept": _concept("http://www.whocc.no/atc", "J01CR02"),
         "effectiveDateTime": "2026-10-02"},
        {"resourceType": "Procedure", "status": "completed", "subject": patient,
         "code": _concept(SNOMED, "80146002"), "performedDateTime": "1999-05"},
        {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": patient,
         "code": _concept(LOINC, "24627-2")},
        {"resourceType": "Condition", "subject": patient, "code": _concept("http://hl7.org/fhir/sid/icd-10-cm", "I10"),
         "category": [_concept(listed, "encounter-diagnosis")], "recordedDate": "2015-03"},
        {"resourceType": "AllergyIntolerance", "patient": patient, "code": _concept(SNOMED, "91936005")},
        {"resourceType": "Immunization", "status": "completed", "patient": patient,
         "vaccineCode": _concept("http://hl7.org/fhir/sid/cvx", "140"), "occurrenceDateTime": "2025-10-01"},
        {"resourceType": "DiagnosticReport", "status": "final", "subject": patient,
         "code": _concept(LOINC, "24627-2"), "conclusion": "No tumour seen near the carotid artery."},
        {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": patient,
         "questionnaire": f"{EHR}/Questionnaire/phq-9",
         "item": [{"linkId": "patient.ecog", "answer": [{"valueInteger": 4}]}]},
        {"resourceType": "ImagingStudy", "status": "available", "subject": patient, "started": "2026-10-01",
         "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "MR"}]},
        {"resourceType": "Organization", "name": "Ward 7"},
        {"resourceType": "Practitioner", "name": [{"family": "Holm", "given": ["Åse"]}]},
        {"resourceType": "RelatedPerson", "patient": patient, "relationship": [
            _concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "DAU")]},
        {"resourceType": "Binary", "contentType": "text/plain", "data": "VDE="},
    ]  # fmt: skip


def _unrelated(bundle: Json, choices: Choices) -> None:
    for number, resource in enumerate(_strangers(_patient(bundle))):
        if choices.chance(0.3):
            name = f"other-{number}"
            at = choices.below(len(bundle.get("entry", ())) + 1)
            _add(bundle, {"resourceType": resource.pop("resourceType"), "id": name, **resource}, at)


def _other_people(bundle: Json, choices: Choices) -> None:
    """The same kinds of findings, of a relative, a ward, a device."""
    patient = _patient(bundle)
    relative: Json = {"resourceType": "RelatedPerson", "id": "donor", "patient": patient}
    about: list[Json] = [
        {"subject": patient, "focus": [{"reference": "RelatedPerson/donor"}]},
        {"subject": {"reference": "Group/ward-7"}},
        {"subject": {"reference": f"{EHR}/Device/analyser-2"}},
        {"subject": {"type": "Location", "display": "theatre 3"}},
    ]
    own = [o for o in _of_type(bundle, "Observation") if "focus" not in o and _otherwise(o)]
    for number, observation in enumerate(own[:20]):
        if choices.chance(0.2):
            whom = pick(choices, about)
            if "focus" in whom and "donor" not in [resource.get("id") for resource in _resources(bundle)]:
                _add(bundle, relative)
                bundle["entry"][-1].pop("fullUrl", None)
            told = {key: value for key, value in observation.items() if key not in ("id", "subject", "contained")}
            _add(bundle, {**told, **_otherwise(told), "id": f"other-person-{number}", **whom}, choices.below(2))


def _otherwise(observation: Json) -> Json:
    """Another value than that of an Observation; nothing where it has none of a type that tells."""
    match observation:
        case {"valueBoolean": bool(yes)}:
            return {"valueBoolean": not yes}
        case {"valueInteger": int(number)}:
            return {"valueInteger": 1 if number != 1 else 2}
        case {"valueQuantity": {"value": int() | float() as number, **rest}}:
            return {"valueQuantity": {**rest, "value": number + 1}}
        case {"valueDateTime": str()}:
            return {"valueDateTime": "2001-02-03"}
        case _:
            return {}


# --- the same resources elsewhere ----------------------------------------------------------------------------------


def _shuffled(bundle: Json, choices: Choices) -> None:
    if bundle.get("type") in ("history", "document", "message"):
        return  # there the order means something
    entries = bundle.get("entry", [])
    for last in range(len(entries) - 1, 0, -1):
        other = last - choices.below(last + 1)
        entries[last], entries[other] = entries[other], entries[last]


def _duplicates(bundle: Json, choices: Choices) -> None:
    entries = bundle.get("entry", [])
    for entry in _entries(bundle):
        if choices.chance(0.2):
            entries.insert(entries.index(entry) + 1 + choices.below(2), copy.deepcopy(entry))


def _copies(bundle: Json, choices: Choices) -> None:
    for number, observation in enumerate(_of_type(bundle, "Observation")):
        if choices.chance(0.2):
            copied = copy.deepcopy(observation)
            copied["id"] = f"copy-{number}"
            copied["identifier"] = [{"system": f"{EHR}/ids/merged", "value": f"copy-{number}"}]
            _add(bundle, copied)


def _by_name(bundle: Json) -> dict[str, Json]:
    """The entries by the texts that a reference may give for them; an ambiguous one names none."""
    found: dict[str, list[Json]] = {}
    for entry in _entries(bundle):
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
        for resource in _resources(bundle)
        for node in _nodes(resource)
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


def _reference_styles(bundle: Json, choices: Choices) -> None:
    if any("id" not in resource for resource in _resources(bundle)):
        return
    found = _references(bundle)
    kept = all("fullUrl" in entry for entry in _entries(bundle))
    addresses = pick(choices, ("as they are", "of a server", "none"))
    for entry in _entries(bundle):
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


def _contained(bundle: Json, choices: Choices) -> None:
    targets = _by_name(bundle)
    for resource in _of_type(bundle, "Observation", "MedicationStatement", "MedicationRequest"):
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


# --- the same value written otherwise ------------------------------------------------------------------------------

_UNITS: Final[Mapping[str, tuple[tuple[str, Fraction], ...]]] = {
    "mm": (("cm", Fraction(1, 10)), ("m", Fraction(1, 1000)), ("um", Fraction(1000))),
    "cm": (("mm", Fraction(10)),),
    "Gy": (("cGy", Fraction(100)),),
    "cGy": (("Gy", Fraction(1, 100)),),
    "10*9/L": (("10*3/uL", Fraction(1)), ("10*6/mL", Fraction(1))),
    "kg": (("g", Fraction(1000)),),
    "a": (("mo", Fraction(12)),),
    "wk": (("d", Fraction(7)),),
    "d": (("h", Fraction(24)),),
    "mo": (("d", Fraction(487, 16)),),  # UCUM: the mean Julian month, a twelfth of 365.25 days
    "1": (("{INR}", Fraction(1)), ("{score}", Fraction(1))),
}
"""Other UCUM units of the same dimension, and how many of them one of the unit is."""
_WITHOUT_SYSTEM: Final = frozenset({"mm", "cm", "deg"})
"""Units that are so common as text that their code may be left out."""
_UCUM_ADDRESSES: Final = (UCUM, f"{UCUM}/", "urn:oid:2.16.840.1.113883.6.8")


def _exactly(value: Fraction) -> int | float | None:
    """The number as JSON writes it, if that is the number itself."""
    if value.denominator == 1 and abs(value) < 10**15:
        return int(value)
    number = float(value)
    return number if Fraction(repr(number)) == value and "e" not in repr(number) else None


def _units(bundle: Json, choices: Choices) -> None:
    for resource in _resources(bundle):
        for node in _nodes(resource):
            number, code = node.get("value"), node.get("code")
            if node.get("system") != UCUM or isinstance(number, bool) or not isinstance(number, int | float):
                continue
            others = _UNITS.get(str(code), ())
            unit = choices.below(len(others) + 1)
            if unit:
                name, factor = others[unit - 1]
                value = _exactly(Fraction(repr(number)) * factor)
                if value is not None:
                    node |= {"value": value, "unit": name, "code": name}
            if node["code"] in _WITHOUT_SYSTEM and choices.chance(0.2):
                del node["system"]
                if choices.chance(0.5):
                    del node["code"]
            else:
                node["system"] = pick(choices, _UCUM_ADDRESSES)


def _value_forms(bundle: Json, choices: Choices) -> None:
    for resource in _of_type(bundle, "Observation"):
        for node in (resource, *resource.get("component", ())):
            if "valueInteger" in node and choices.chance(0.5):
                node["valueQuantity"] = {"value": node.pop("valueInteger"), "system": UCUM, "code": "1"}
            if isinstance(node.get("valueBoolean"), bool) and choices.chance(0.4):
                yes = node.pop("valueBoolean")
                node["valueCodeableConcept"] = _concept(SNOMED, "52101004" if yes else "2667000")
            exact = node.get("valueQuantity")
            if isinstance(exact, dict) and "comparator" not in exact and choices.chance(0.3):
                del node["valueQuantity"]
                node["valueRange"] = {"low": exact, "high": copy.deepcopy(exact)}


def _dates(bundle: Json, choices: Choices) -> None:
    for resource in _of_type(bundle, "Observation"):
        day = resource.get("effectiveDateTime")
        if isinstance(day, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", day):
            form = choices.below(4)
            if form:
                del resource["effectiveDateTime"]
            if form == 1:
                resource["effectivePeriod"] = {"start": day, "end": day}
            elif form == 2:
                resource["effectiveDateTime"] = f"{day}T12:00:00Z"
            elif form == 3:
                resource["effectiveInstant"] = f"{day}T12:00:00.000+00:00"


def _statuses(bundle: Json, choices: Choices) -> None:
    for resource in _of_type(bundle, "Observation"):
        if resource.get("status") == "final":
            resource["status"] = pick(choices, ("final", "amended", "corrected"))


# --- panels and components -----------------------------------------------------------------------------------------

_PANEL: Final = {"coding": [{"system": f"{EHR}/CodeSystem/panels", "code": "board-sheet"}]}
_STATES: Final = re.compile(r"_?value[A-Z].*|_?dataAbsentReason")


def _components(bundle: Json, choices: Choices) -> None:
    """Observations that differ in nothing but what they state become components of one."""
    groups: dict[str, list[Json]] = {}
    for entry in _entries(bundle):
        resource = entry["resource"]
        if resource["resourceType"] == "Observation" and not {"component", "hasMember", "contained"} & set(resource):
            moved = {key for key in resource if _STATES.fullmatch(key)} | {"id", "code", "extension", "text"}
            context = {key: value for key, value in resource.items() if key not in moved}
            groups.setdefault(json.dumps(context, sort_keys=True), []).append(entry)
    for number, (context_text, group) in enumerate(groups.items()):
        taken = [entry for entry in group if choices.chance(0.4)]
        if not taken:
            continue
        context = json.loads(context_text)
        components = []
        for entry in taken:
            resource = entry["resource"]
            kept = {key: value for key, value in resource.items() if _STATES.fullmatch(key) or key == "extension"}
            components.append({"code": resource["code"], **kept})
            bundle["entry"].remove(entry)
        panel = {"resourceType": "Observation", "id": f"panel-{number}", "code": copy.deepcopy(_PANEL)}
        _add(bundle, {**panel, **context, "component": components})


def _panels(bundle: Json, choices: Choices) -> None:
    observations = [e for e in _entries(bundle) if e["resource"]["resourceType"] == "Observation"]
    named = [e for e in observations if "fullUrl" in e or "id" in e["resource"]]
    if not named:
        return
    members = [{"reference": e.get("fullUrl", f"Observation/{e['resource'].get('id')}")} for e in named]
    panel: Json = {"status": "final", "code": copy.deepcopy(_PANEL), "subject": _patient(bundle)}
    _add(bundle, {"resourceType": "Observation", "id": "sheet", **panel, "hasMember": members}, choices.below(2))
    if choices.chance(0.5):
        _add(bundle, {"resourceType": "DiagnosticReport", "id": "report", **copy.deepcopy(panel), "result": members})


# --- codes ---------------------------------------------------------------------------------------------------------

_ADDRESSES: Final[Mapping[str, tuple[str, ...]]] = {
    SNOMED: (
        "urn:oid:2.16.840.1.113883.6.96",
        f"{SNOMED}/900000000000207008/version/20240301",
        f"{SNOMED}/11000274103",
        f"{SNOMED}/",
    ),
    LOINC: ("urn:oid:2.16.840.1.113883.6.1", f"{LOINC}/"),
    "http://hl7.org/fhir/sid/icd-10": ("urn:oid:2.16.840.1.113883.6.3",),
    "http://hl7.org/fhir/sid/icd-10-cm": ("urn:oid:2.16.840.1.113883.6.90",),
    "http://terminology.hl7.org/CodeSystem/icd-o-3": ("urn:oid:2.16.840.1.113883.6.43.1",),
    "http://www.whocc.no/atc": ("urn:oid:2.16.840.1.113883.6.73",),
    "http://www.nlm.nih.gov/research/umls/rxnorm": ("urn:oid:2.16.840.1.113883.6.88",),
}
"""Other addresses of the same code systems: their OIDs (HL7's registry), editions and versions, a slash at the end."""


def _systems(bundle: Json, choices: Choices) -> None:
    for concept in _concepts(bundle):
        for coding in concept["coding"]:
            others = (*_ADDRESSES.get(str(coding.get("system")), ()), f"{coding.get('system')}/")
            other = choices.below(len(others) + 1)
            if other and coding.get("system", "").startswith("http"):
                coding["system"] = others[other - 1]


_DISPLAYS: Final = ("Zungengrund, links", "liežuvio šaknis\u200b", "舌根", "NOS (unspecified)", "Encased ≥ 270°")


def _codings(bundle: Json, choices: Choices) -> None:
    for concept in list(_concepts(bundle)):
        if choices.chance(0.3):
            concept["text"] = pick(choices, _DISPLAYS)
        if choices.chance(0.3):
            concept["coding"][0]["display"] = pick(choices, _DISPLAYS)
        if choices.chance(0.2):
            concept["coding"][0] |= {"version": "2024-03", "userSelected": True}
        if choices.chance(0.3):
            own = {"system": f"{EHR}/CodeSystem/house", "code": "H-17", "display": pick(choices, _DISPLAYS)}
            concept["coding"].insert(choices.below(len(concept["coding"]) + 1), own)
        if choices.chance(0.1):
            concept["coding"].append({"display": pick(choices, _DISPLAYS)})


# --- what surrounds the content ------------------------------------------------------------------------------------


def _narrative(bundle: Json, choices: Choices) -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Refuted: INR 9, carotid encased 360°, "T4b".</p></div>'
    for resource in _resources(bundle):
        if resource["resourceType"] not in ("Binary", "Bundle", "Parameters") and choices.chance(0.6):
            resource["text"] = {"status": "generated", "div": div}
            resource["language"] = "de-AT"


def _meta(bundle: Json, choices: Choices) -> None:
    stamped = choices.chance(0.5)  # all of them or none: when a resource was updated settles ties
    for resource in _resources(bundle):
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


def _extensions(bundle: Json, choices: Choices) -> None:
    """Extensions that do not modify: on resources, on elements, and beside primitive values."""
    own = {"url": f"{EHR}/StructureDefinition/entered-by", "valueString": "Station 7"}
    for resource in _resources(bundle):
        if resource["resourceType"] == "Binary":
            continue
        if choices.chance(0.3):
            resource.setdefault("extension", []).append(dict(own))
        for node in [node for node in _nodes(resource) if "url" not in node]:
            for key, value in list(node.items()):
                if key.startswith("_") or key in _NEVER_EXTENDED or f"_{key}" in node:
                    continue
                if isinstance(value, str | bool | int | float) and choices.chance(0.1):
                    node[f"_{key}"] = {"extension": [dict(own)]}
                elif isinstance(value, dict) and "resourceType" not in value and choices.chance(0.05):
                    value.setdefault("id", "e1")


def _notes(bundle: Json, choices: Choices) -> None:
    for resource in _of_type(bundle, "Observation", "Condition", "Procedure"):
        if choices.chance(0.3):
            resource.setdefault("note", []).append({"text": "Patient denies surgery?? see letter; INR 4.5"})
        if choices.chance(0.2) and "encounter" not in resource:
            resource["encounter"] = {"reference": "Encounter/not-sent", "display": "clinic"}


# --- the bundle around it ------------------------------------------------------------------------------------------


def _bundle_types(bundle: Json, choices: Choices) -> None:
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
            past["resource"] |= _otherwise(resource) or {"status": "entered-in-error"}
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
        "type": _concept(LOINC, "60591-5"),
        "subject": _patient(bundle),
        "date": "2026-11-22",
        "author": [{"display": "clinic"}],
        "title": "Tumour board",
        "section": [{"title": "All", "entry": listed} if listed else {"title": "None", "text": {
            "status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">none</div>'}}],
    }  # fmt: skip
    _add(bundle, composition, 0)


def _as_message(bundle: Json, choices: Choices) -> None:
    bundle["type"] = "message"
    header: Json = {
        "resourceType": "MessageHeader",
        "id": "header",
        "eventUri": f"{EHR}/events/referral",
        "source": {"endpoint": EHR},
    }
    _add(bundle, header, 0)


# --- all of them ---------------------------------------------------------------------------------------------------

NOISES: Final[tuple[Noise, ...]] = (
    Noise("value forms", "3 is a quantity of 3, a number a range of one, yes the code `present`", _value_forms),
    Noise("units", "UCUM codes of one dimension convert exactly; very common ones come without their system", _units),
    Noise("dates", "a day, the period of that day and a time on it are the same day", _dates),
    Noise("statuses", "an amended or corrected Observation is a final one", _statuses),
    Noise("unrelated resources", "what speaks of nothing here changes nothing here", _unrelated),
    Noise("other people", "a finding whose subject or focus is another says nothing of the patient", _other_people),
    Noise("components", "a component has its own code and value, and its Observation's subject and date", _components),
    Noise("panels", "a panel or report repeats no value by naming its members", _panels),
    Noise("copies", "a record merged from two systems says the same thing twice, under two ids", _copies),
    Noise("codings", "one of several codings is enough, and no display or text is a key", _codings),
    Noise("systems", "a code system is the same by its OID, in its editions and versions", _systems),
    Noise("contained", "a contained resource with the same identifier is the same thing", _contained),
    Noise("references", "FHIR lets a reference name its target in six ways", _reference_styles),
    Noise("extensions", "an extension that is no modifier changes nothing that it stands beside", _extensions),
    Noise("notes", "no fact is read from free text", _notes),
    Noise("narrative", "no fact is read from the narrative", _narrative),
    Noise("meta", "where a resource came from and when it was stored is not what it says", _meta),
    Noise("duplicates", "the same entry twice says it once", _duplicates),
    Noise("shuffled", "the order of entries has no meaning", _shuffled),
    Noise("bundle types", "the type says how the resources came here, not what they say", _bundle_types),
)
"""Every noise, in the order in which they are laid over a bundle."""


# --- JSON ----------------------------------------------------------------------------------------------------------


def spell(bundle: Mapping[str, Any], choices: Choices) -> bytes:
    """The bundle as JSON: members in another order, white space, escapes, numbers with zeros at the end.

    >>> import json, random
    >>> from cds.testing.sampling import SeededChoices
    >>> json.loads(spell({"value": 1.5, "b": "ü"}, SeededChoices(random.Random(3))))["value"]
    1.5
    """
    order = choices.below(3)
    zeros = choices.chance(0.4)
    tree = _respelt(bundle, order, zeros=zeros)
    indent = pick(choices, (None, 1, "\t"))
    separators = pick(choices, ((",", ":"), (", ", ": "), (" ,", " : ")))
    text = json.dumps(tree, indent=indent, separators=separators, ensure_ascii=choices.chance(0.5))
    text = re.sub(r'"\\u0000([^"]*)"', r"\1", text)
    if choices.chance(0.3):
        text = text.replace("/", "\\/")
    if choices.chance(0.3):
        text = re.sub(r'"(resourceType|code|status)"', lambda found: _escaped(found[1]), text)
    if choices.chance(0.3):
        text = f"\r\n\t {text}".replace("\n", "\r\n") + " \n"
    return text.encode()


def _escaped(name: str) -> str:
    """A member's name with its first letter as an escape."""
    return f'"\\u{ord(name[0]):04x}{name[1:]}"'


def _respelt(node: object, order: int, *, zeros: bool) -> object:
    match node:
        case Mapping():
            keys = list(node) if order == 0 else sorted(node) if order == 1 else list(reversed(list(node)))
            return {key: _number(node[key]) if zeros and key == "value" else _respelt(node[key], order, zeros=zeros)
                    for key in keys}  # fmt: skip
        case list():
            return [_respelt(item, order, zeros=zeros) for item in node]
        case _:
            return node


def _number(value: object) -> object:
    """A number with zeros at its end, marked so that it is written without quotes; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or "e" in repr(value):
        return value
    return f"\x00{value}{'0' if '.' in repr(value) else '.0'}"
