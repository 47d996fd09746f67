"""A bundle's entries: which of them are records at all, of which version, about whom.

Looks at raw JSON only. What makes the whole bundle unusable is an error here: an entry that is no entry, another FHIR
version, no patient or two.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

from cds.case import Role, Source
from cds.intake.document import Json, child, children, string
from cds.intake.remarks import Remarks, shown

BUNDLE_TYPES: Final = frozenset(
    [
        "document",
        "message",
        "transaction",
        "transaction-response",
        "batch",
        "batch-response",
        "history",
        "searchset",
        "collection",
    ]
)
# Resource types of FHIR R4 (4.0.1) and R4B (4.3.0).
RESOURCE_TYPES: Final = frozenset(
    [
        "Account",
        "ActivityDefinition",
        "AdministrableProductDefinition",
        "AdverseEvent",
        "AllergyIntolerance",
        "Appointment",
        "AppointmentResponse",
        "AuditEvent",
        "Basic",
        "Binary",
        "BiologicallyDerivedProduct",
        "BodyStructure",
        "Bundle",
        "CapabilityStatement",
        "CarePlan",
        "CareTeam",
        "CatalogEntry",
        "ChargeItem",
        "ChargeItemDefinition",
        "Citation",
        "Claim",
        "ClaimResponse",
        "ClinicalImpression",
        "ClinicalUseDefinition",
        "CodeSystem",
        "Communication",
        "CommunicationRequest",
        "CompartmentDefinition",
        "Composition",
        "ConceptMap",
        "Condition",
        "Consent",
        "Contract",
        "Coverage",
        "CoverageEligibilityRequest",
        "CoverageEligibilityResponse",
        "DetectedIssue",
        "Device",
        "DeviceDefinition",
        "DeviceMetric",
        "DeviceRequest",
        "DeviceUseStatement",
        "DiagnosticReport",
        "DocumentManifest",
        "DocumentReference",
        "EffectEvidenceSynthesis",
        "Encounter",
        "Endpoint",
        "EnrollmentRequest",
        "EnrollmentResponse",
        "EpisodeOfCare",
        "EventDefinition",
        "Evidence",
        "EvidenceReport",
        "EvidenceVariable",
        "ExampleScenario",
        "ExplanationOfBenefit",
        "FamilyMemberHistory",
        "Flag",
        "Goal",
        "GraphDefinition",
        "Group",
        "GuidanceResponse",
        "HealthcareService",
        "ImagingStudy",
        "Immunization",
        "ImmunizationEvaluation",
        "ImmunizationRecommendation",
        "ImplementationGuide",
        "Ingredient",
        "InsurancePlan",
        "Invoice",
        "Library",
        "Linkage",
        "List",
        "Location",
        "ManufacturedItemDefinition",
        "Measure",
        "MeasureReport",
        "Media",
        "Medication",
        "MedicationAdministration",
        "MedicationDispense",
        "MedicationKnowledge",
        "MedicationRequest",
        "MedicationStatement",
        "MedicinalProduct",
        "MedicinalProductAuthorization",
        "MedicinalProductContraindication",
        "MedicinalProductDefinition",
        "MedicinalProductIndication",
        "MedicinalProductIngredient",
        "MedicinalProductInteraction",
        "MedicinalProductManufactured",
        "MedicinalProductPackaged",
        "MedicinalProductPharmaceutical",
        "MedicinalProductUndesirableEffect",
        "MessageDefinition",
        "MessageHeader",
        "MolecularSequence",
        "NamingSystem",
        "NutritionOrder",
        "NutritionProduct",
        "Observation",
        "ObservationDefinition",
        "OperationDefinition",
        "OperationOutcome",
        "Organization",
        "OrganizationAffiliation",
        "PackagedProductDefinition",
        "Parameters",
        "Patient",
        "PaymentNotice",
        "PaymentReconciliation",
        "Person",
        "PlanDefinition",
        "Practitioner",
        "PractitionerRole",
        "Procedure",
        "Provenance",
        "Questionnaire",
        "QuestionnaireResponse",
        "RegulatedAuthorization",
        "RelatedPerson",
        "RequestGroup",
        "ResearchDefinition",
        "ResearchElementDefinition",
        "ResearchStudy",
        "ResearchSubject",
        "RiskAssessment",
        "RiskEvidenceSynthesis",
        "Schedule",
        "SearchParameter",
        "ServiceRequest",
        "Slot",
        "Specimen",
        "SpecimenDefinition",
        "StructureDefinition",
        "StructureMap",
        "Subscription",
        "SubscriptionStatus",
        "SubscriptionTopic",
        "Substance",
        "SubstanceDefinition",
        "SubstanceNucleicAcid",
        "SubstancePolymer",
        "SubstanceProtein",
        "SubstanceReferenceInformation",
        "SubstanceSourceMaterial",
        "SubstanceSpecification",
        "SupplyDelivery",
        "SupplyRequest",
        "Task",
        "TerminologyCapabilities",
        "TestReport",
        "TestScript",
        "ValueSet",
        "VerificationResult",
        "VisionPrescription",
    ]
)
_EARLIER: Final = frozenset(
    [
        "BodySite",
        "Conformance",
        "DataElement",
        "DeviceComponent",
        "DeviceUseRequest",
        "DiagnosticOrder",
        "EligibilityRequest",
        "EligibilityResponse",
        "ExpansionProfile",
        "ImagingManifest",
        "ImagingObjectSelection",
        "MedicationOrder",
        "Order",
        "OrderResponse",
        "ProcedureRequest",
        "ProcessRequest",
        "ProcessResponse",
        "ReferralRequest",
        "Sequence",
        "ServiceDefinition",
    ]
)
_LATER: Final = frozenset(
    [
        "ActorDefinition",
        "ArtifactAssessment",
        "BiologicallyDerivedProductDispense",
        "ConditionDefinition",
        "DeviceAssociation",
        "DeviceDispense",
        "DeviceUsage",
        "EncounterHistory",
        "FormularyItem",
        "GenomicStudy",
        "ImagingSelection",
        "InventoryItem",
        "InventoryReport",
        "MetadataResource",
        "NutritionIntake",
        "Permission",
        "RequestOrchestration",
        "Requirements",
        "TestPlan",
        "Transport",
    ]
)
# Elements that a type has only in another version; a record that uses them would be read wrongly, not just in part.
_FOREIGN: Final[Mapping[str, Mapping[str, str]]] = {
    "Procedure": {
        "occurrenceDateTime": "R5",
        "occurrencePeriod": "R5",
        "reason": "R5",
        "notPerformed": "DSTU2",
        "notDone": "STU3",
        "reasonNotPerformed": "DSTU2",
        "notDoneReason": "STU3",
    },
    "MedicationRequest": {"medication": "R5", "reason": "R5"},
    "MedicationStatement": {"medication": "R5", "reason": "R5", "taken": "STU3", "wasNotTaken": "DSTU2"},
    "ServiceRequest": {"reason": "R5"},
    "Condition": {"assertedDate": "STU3", "dateRecorded": "DSTU2", "patient": "DSTU2"},
    "Observation": {"comments": "DSTU2", "related": "STU3", "comment": "STU3"},
    "BodyStructure": {"includedStructure": "R5", "excludedStructure": "R5"},
    "ImagingStudy": {"uid": "STU3"},
}
# In these a text (a code) stood where R4 has a CodeableConcept.
_WERE_CODES: Final[Mapping[str, tuple[str, ...]]] = {"Condition": ("clinicalStatus", "verificationStatus")}
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
# FHIR R4 issue-type: codes by which a search says that it did not find, or not show, everything, at any severity.
_INCOMPLETE: Final = frozenset(
    [
        "exception",
        "expired",
        "forbidden",
        "incomplete",
        "lock-error",
        "login",
        "no-store",
        "security",
        "suppressed",
        "throttled",
        "timeout",
        "too-costly",
        "too-long",
        "transient",
    ]
)
_OTHER_PAGES: Final = frozenset({"next", "prev", "previous"})
_RECORD_METHODS: Final = frozenset({"POST", "PUT"})


@dataclass(frozen=True)
class Entry:
    """One resource of the bundle and where it stands."""

    index: int
    full_url: str | None
    resource: Json
    type: str
    id: str | None

    @property
    def path(self) -> str:
        """`Bundle.entry[3].resource`."""
        return f"Bundle.entry[{self.index}].resource"

    @cached_property
    def key(self) -> str:
        """`Observation/inr1`; a resource without id is called by its fullUrl or its place.

        For people and sources: an id that FHIR does not allow is cut and escaped.
        """
        if self.id:
            return f"{self.type}/{self.id if _ID.fullmatch(self.id) else shown(self.id, 64)}"
        return shown(self.full_url, 200) if self.full_url else f"{self.type}/entry-{self.index}"

    @property
    def version(self) -> str | None:
        """`meta.versionId`."""
        return string(child(self.resource, "meta"), "versionId")

    @cached_property
    def _shown_version(self) -> str | None:
        version = self.version
        return None if version is None else shown(version, 64)

    def source(self, path: str = "", *, role: Role = Role.VALUE, date: str | None = None, mapping: str = "") -> Source:
        """An element of this resource; `path` is below the resource (`valueQuantity`), empty for the whole."""
        full = f"{self.type}.{path}" if path else self.type
        return Source(self.key, self._shown_version, full, date, self.path, mapping, role.value)

    def at(self, path: str) -> str:
        """The FHIRPath of an element from the bundle: what an issue's `expression` holds."""
        return f"{self.path}.{path}" if path else self.path

    def outer(self, path: str, *, role: Role = Role.CONTEXT) -> Source:
        """An element of the entry around this resource (`fullUrl`)."""
        return Source(
            "Bundle", None, f"Bundle.entry[{self.index}].{path}", None, f"Bundle.entry[{self.index}]", "", role.value
        )


@dataclass(frozen=True)
class Record:
    """The bundle's resources, one version of each, and its patient.

    `incomplete` names the elements by which the bundle says that something is missing from it (a further page, a failed
    search): what such a record does not say, it does not deny either.
    """

    entries: tuple[Entry, ...]
    patient: Entry
    incomplete: tuple[Source, ...] = ()
    copies: frozenset[int] = frozenset()
    """The places of identical copies of the Patient, which a record merged from several systems may hold."""

    def of(self, *types: str) -> Iterator[Entry]:
        """The entries of some types, in the bundle's order."""
        found = [entry for type_ in types for entry in self._by_type.get(type_, ())]
        return iter(sorted(found, key=lambda entry: entry.index) if len(types) > 1 else found)

    @cached_property
    def _by_type(self) -> Mapping[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.type, []).append(entry)
        return found


def read_record(tree: Json, remarks: Remarks) -> Record:
    """The usable entries of a parsed bundle; what is wrong with it is in `remarks`.

    Raises `UnusableInput` only where nothing more can be looked at: no Bundle, or no Patient.
    """
    if tree.get("resourceType") != "Bundle":
        given = tree.get("resourceType")
        said = f"`{shown(given)}`" if isinstance(given, str) else "no resourceType"
        remarks.error(
            "not-a-bundle", "", f"the input has {said}; send a FHIR R4 Bundle, a single resource as its entry"
        )
        remarks.stop_if_unusable()
    kind = tree.get("type")
    if not isinstance(kind, str) or kind.strip() not in BUNDLE_TYPES:
        said = f"`{shown(kind)}` is no" if kind is not None else "there is no"
        remarks.error(
            "bundle-type", "Bundle.type", f"{said} type of a Bundle; give one of {', '.join(sorted(BUNDLE_TYPES))}"
        )
    raw = tree.get("entry", [])
    if not isinstance(raw, list):
        remarks.error("bad-entry", "Bundle.entry", "the entries are no list; send `entry` as an array of objects")
        raw = []
    incomplete = [*_missing_pages(tree, remarks), *_missing_matches(tree, raw, remarks)]
    entries: list[Entry] = []
    deleted: list[_Deletion] = []
    for index, item in enumerate(raw):
        entry = _entry(index, item, remarks, incomplete, deleted)
        if entry is not None:
            entries.append(entry)
    kept = _current(entries, deleted, kind == "history", remarks)
    patients = _patients(kept, remarks)
    if not patients:
        remarks.stop_if_unusable()
    return Record(tuple(kept), patients[0], tuple(incomplete), frozenset(p.index for p in patients[1:]))


def _missing_pages(tree: Json, remarks: Remarks) -> Iterator[Source]:
    for index, link in enumerate(children(tree, "link")):
        if string(link, "relation") in _OTHER_PAGES:
            path = f"Bundle.link[{index}]"
            remarks.warn(
                "further-page", path, "the search has a further page that is not here; send every page in one bundle"
            )
            yield Source("Bundle", None, path, None, "Bundle", "", Role.ABSENCE.value)


def _missing_matches(tree: Json, raw: Iterable[object], remarks: Remarks) -> Iterator[Source]:
    """The total of a search that found more than is here; an included resource is no match."""
    total = tree.get("total")
    if tree.get("type") != "searchset" or isinstance(total, bool) or not isinstance(total, int):
        return
    matches = 0
    for item in raw:
        resource = child(item, "resource")
        is_match = string(child(item, "search"), "mode") in (None, "match")
        matches += bool(resource) and resource.get("resourceType") != "OperationOutcome" and is_match
    if total <= matches:
        remarks.exclude(Source("Bundle", None, "Bundle.total", None, "Bundle", "", Role.EXCLUSION.value))
        return
    remarks.warn(
        "further-page",
        "Bundle.total",
        f"the search found {total} resources and {matches} are here; send every page in one bundle",
    )
    yield Source("Bundle", None, "Bundle.total", None, "Bundle", "", Role.ABSENCE.value)


def _entry(
    index: int, item: object, remarks: Remarks, incomplete: list[Source], deleted: list[_Deletion]
) -> Entry | None:
    where = f"Bundle.entry[{index}]"
    if not isinstance(item, dict):
        said = "null" if item is None else f"a {type(item).__name__}"
        remarks.error("bad-entry", where, f"the entry is {said}; an entry is an object with a `resource`")
        return None
    request = child(item, "request")
    method = (string(request, "method") or "").upper()
    resource = item.get("resource")
    answered = string(child(item, "response"), "status") or ""
    if answered[:1] in ("4", "5"):
        place = f"{where}.response.status"
        remarks.warn(
            "search-failed",
            place,
            f"the sender's request failed (`{shown(answered)}`); what it would have found is unknown",
        )
        incomplete.append(Source("Bundle", None, place, None, where, "", Role.ABSENCE.value))
    full_url = string(item, "fullUrl") or None
    if method == "DELETE":
        target = full_url or string(request, "url") or ""
        when = _instant(string(child(item, "response"), "lastModified"))
        deleted.append(_Deletion(index, target, when))
    if resource is None and "resource" not in item:
        if method not in ("DELETE", "GET", "HEAD"):
            remarks.inform("entry-without-resource", where, "the entry holds no resource; nothing was read from it")
        return None
    if not isinstance(resource, dict):
        remarks.error("bad-entry", f"{where}.resource", "the resource is no object; send a FHIR resource")
        return None
    type_ = _resource_type(resource, f"{where}.resource", remarks)
    if type_ is None:
        return None
    id_ = string(resource, "id")
    entry = Entry(index, full_url, resource, type_, id_ or None)
    if type_ == "OperationOutcome":
        issues = [(string(i, "severity"), string(i, "code")) for i in children(resource, "issue")]
        if any(severity in ("error", "fatal") or code in _INCOMPLETE for severity, code in issues):
            remarks.warn(
                "search-failed", entry.path, "the sender's search failed in part; what it would have found is unknown"
            )
            incomplete.append(entry.source(role=Role.ABSENCE))
        return None
    if method and method not in _RECORD_METHODS:
        remarks.exclude(entry.outer("request.method", role=Role.EXCLUSION))
        if method != "DELETE":
            remarks.inform(
                "not-a-record",
                f"{where}.request.method",
                f"an entry with the method `{shown(method)}` records nothing; it was not read",
            )
        return None
    _check_version(entry, remarks)
    return entry


def _resource_type(resource: Json, where: str, remarks: Remarks) -> str | None:
    given = resource.get("resourceType")
    if given is None:
        remarks.error("missing-resource-type", where, "the resource says no resourceType; name it")
        return None
    if not isinstance(given, str) or given not in RESOURCE_TYPES:
        name = shown(given)
        if isinstance(given, str) and given in _EARLIER | _LATER:
            version = "an earlier version (DSTU2 or STU3)" if given in _EARLIER else "R5"
            remarks.error("wrong-fhir-version", where, f"`{name}` is a resource of {version}; send FHIR R4 or R4B")
        else:
            near = next(
                (known for known in RESOURCE_TYPES if isinstance(given, str) and known.lower() == given.lower()), None
            )
            hint = f"; did you mean `{near}`?" if near else "; send a resource of FHIR R4 or R4B"
            remarks.error("unknown-resource-type", f"{where}.resourceType", f"`{name}` is no FHIR resource{hint}")
        return None
    return given


def _check_version(entry: Entry, remarks: Remarks) -> None:
    for element, version in _FOREIGN.get(entry.type, {}).items():
        if element in entry.resource:
            remarks.error(
                "wrong-fhir-version",
                entry.at(element),
                f"a {entry.type} has `{element}` in {version} only; send FHIR R4 or R4B",
            )
    for element in _WERE_CODES.get(entry.type, ()):
        if isinstance(entry.resource.get(element), str):
            remarks.error(
                "wrong-fhir-version",
                entry.at(element),
                f"`{element}` is a CodeableConcept since R4, here a text as in STU3; send FHIR R4 or R4B",
            )


# ------------------------------------------------------------------------------------------ one version of each
# resource


@dataclass(frozen=True, slots=True)
class _Deletion:
    """That a resource was deleted: the place of the entry that says so, what it names, and when it happened."""

    index: int
    target: str
    when: dt.datetime | None

    def is_later(self, entry: Entry) -> bool:
        """Whether the resource was deleted after this version of it: by their times, else by their order.

        A history lists the newest first, unless it was asked for in another order: then only the times tell.
        """
        updated = _instant(string(child(entry.resource, "meta"), "lastUpdated"))
        if self.when is not None and updated is not None:
            return self.when >= updated
        return entry.index > self.index

    def sources(self) -> Iterator[Source]:
        """The elements that say so."""
        place = f"Bundle.entry[{self.index}]"
        for element in ("request", "response") if self.when is not None else ("request",):
            yield Source("Bundle", None, f"{place}.{element}", None, place, "", Role.EXCLUSION.value)


def _current(entries: list[Entry], deleted: list[_Deletion], history: bool, remarks: Remarks) -> list[Entry]:
    """One version of every resource: the newest; identical copies once."""
    groups: dict[str, list[Entry]] = {}
    at: dict[str, set[str]] = {}
    for entry in entries:
        if entry.full_url and entry.id and _identity(entry).endswith(f"/{entry.type}/{entry.id}"):
            at.setdefault(f"{entry.type}/{entry.id}", set()).add(_identity(entry))
    for entry in entries:
        identity = _identity(entry)
        addresses = at.get(identity, set())
        # A version without address is one of the resource of its type and id, where that has only one address.
        groups.setdefault(next(iter(addresses)) if len(addresses) == 1 else identity, []).append(entry)
    gone: dict[str, list[_Deletion]] = {}
    for deletion in deleted:
        for name in {deletion.target, "/".join(deletion.target.rstrip("/").split("/")[-2:])}:
            gone.setdefault(name, []).append(deletion)
    dropped: set[int] = set()
    for identity, group in groups.items():
        if history:
            name = f"{group[0].type}/{group[0].id}"
            deletions = [deletion for n in (identity, name) for deletion in gone.get(n, ())]
            for entry in group:
                later = next((deletion for deletion in deletions if deletion.is_later(entry)), None)
                if later is not None:
                    dropped.add(entry.index)
                    remarks.exclude(entry.source(role=Role.EXCLUSION), *later.sources())
        rest = [entry for entry in group if entry.index not in dropped]
        if len(rest) > 1:
            dropped |= set(_superseded(rest, history, remarks))
    return [entry for entry in entries if entry.index not in dropped]


def _identity(entry: Entry) -> str:
    """What two versions of one resource share: the fullUrl without version, else type and id."""
    if entry.full_url:
        return entry.full_url.split("/_history/")[0]
    return f"{entry.type}/{entry.id}" if entry.id else f"#{entry.index}"


def _superseded(group: list[Entry], history: bool, remarks: Remarks) -> Iterator[int]:
    """The indices of the versions of one resource that are not the newest, and of its identical copies."""
    newest = group[0]
    for entry in group[1:]:
        order = _order(entry, newest)
        if order > 0:
            loser, newest = newest, entry
        elif order < 0 or history or _payload(entry) == _payload(newest):
            loser = entry
        else:
            remarks.warn(
                "same-resource-twice",
                entry.path,
                f"`{shown(entry.key)}` also stands at {newest.path} with another content and the same version; "
                "both were read",
            )
            continue
        # What makes them one resource, and what makes one of them the newer, or the two the same.
        remarks.exclude(loser.source(role=Role.EXCLUSION))
        remarks.exclude(*(e.outer("fullUrl", role=Role.EXCLUSION) for e in (loser, newest) if e.full_url))
        if loser.full_url is None or newest.full_url is None:
            remarks.exclude(newest.source("id", role=Role.EXCLUSION))
        if order != 0 or not history:
            remarks.exclude(newest.source("meta" if order != 0 else "", role=Role.EXCLUSION))
        yield loser.index


def is_newer(one: Entry, other: Entry) -> bool:
    """Whether a resource is certainly newer than another, by when it was last updated or by its version."""
    return _order(one, other) > 0


def _order(one: Entry, other: Entry) -> int:
    """Positive where `one` is the newer version, negative where it is the older, 0 where nothing tells."""
    times = [_instant(string(child(entry.resource, "meta"), "lastUpdated")) for entry in (one, other)]
    if times[0] is not None and times[1] is not None and times[0] != times[1]:
        return 1 if times[0] > times[1] else -1
    versions = [entry.version or "" for entry in (one, other)]
    if versions[0] != versions[1] and all(version.isdecimal() and len(version) < 19 for version in versions):
        return 1 if int(versions[0]) > int(versions[1]) else -1
    return 0


def _instant(text: str | None) -> dt.datetime | None:
    if text is None or len(text) < 20:
        return None
    try:
        value = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo else None


def _payload(entry: Entry) -> str:
    return json.dumps(entry.resource, sort_keys=True, default=_number_text)


def _number_text(value: object) -> str:
    return str(value.normalize()) if isinstance(value, Decimal) else str(value)


# ------------------------------------------------------------------------------------------------------- the patient


def _patients(entries: Iterable[Entry], remarks: Remarks) -> list[Entry]:
    """The Patient and its identical copies."""
    patients = [entry for entry in entries if entry.type == "Patient"]
    if not patients:
        remarks.error(
            "no-patient", "Bundle.entry", "the bundle holds no Patient; add the patient whom the record is about"
        )
        return []
    first = patients[0]
    for other in patients[1:]:
        if other.id is not None and _payload(other) == _payload(first):
            remarks.exclude(other.source(role=Role.EXCLUSION), first.source(role=Role.EXCLUSION))
            continue
        remarks.error(
            "two-patients",
            other.path,
            f"the bundle holds more than one Patient (the first at {first.path}); send one patient's record",
        )
    return patients
