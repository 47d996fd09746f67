"""Which target lesions a record names, what it says of each by naming it, and which lesion a statement is about.

A lesion is a head and neck tumour that the record holds to be there. A BodyStructure and a Condition are one lesion
where they refer to each other or share an identifier; two Conditions never become one by looking alike. Nothing is
attached to a lesion by its place in the bundle.

A BodyStructure that has a place in the head and neck and nothing else that makes it a tumour (no profile, identifier or
morphology of one, no diagnosis, no finding of a tumour with it as focus) may be an organ: it is no lesion, and keeps
what names no lesion from being about the only one.

What the Conditions of a tumour's BodyStructure make of it: confirmed, a lesion; past, a lesion where the BodyStructure
declares a tumour; unconfirmed, a lesion by the BodyStructure alone, with a warning; refuted or entered in error, none.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cds.case import AbsenceReason, Absent, Known, Role, Source, Value
from cds.intake.bundle import Entry
from cds.intake.coding import Concept, coding, concept, extension
from cds.intake.document import child, children, string, strings
from cds.intake.moments import UNKNOWN_MOMENT, Dated, Moment, dated_by
from cds.intake.reconcile import Reading
from cds.intake.references import References, Target
from cds.intake.remarks import Remarks, one_line, shown
from cds.ruleset.mapping import MappingTables
from cds.vocabulary import Level, Vocabulary

CLINICAL_STATUS: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION_STATUS: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CONDITION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/condition-category"
_LISTED: Final = frozenset({"problem-list-item", "encounter-diagnosis"})
_PAST: Final = frozenset({"inactive", "remission", "resolved"})
_CERTAIN: Final = "certain"
_EXCLUDED: Final = "excluded"
_STATE_AFTER: Final = "state-after"
_NOT_SAID: Final = ""
_NOW: Final = frozenset({"active", "recurrence", "relapse"})
ABATEMENT: Final = (
    "abatementDateTime",
    "abatementAge",
    "abatementPeriod",
    "abatementRange",
    "abatementString",
)
"""The elements by which a Condition says that it is over."""
BILATERAL: Final = "bilateral"
LABEL_LENGTH: Final = 200


class Standing(enum.Enum):
    """What a Condition's status elements make of it."""

    PRESENT = "present"
    PAST = "past"
    UNCONFIRMED = "unconfirmed"
    WITHDRAWN = "withdrawn"
    """Refuted, or entered in error."""


def standing(entry: Entry, tables: MappingTables) -> tuple[Standing, str]:
    """What a Condition's status elements make of it, and the element that decides.

    A missing verification counts as confirmed only on a problem list or as an encounter's diagnosis, a missing clinical
    status as present. A status without a code of FHIR's own system confirms nothing. An abatement beside an active
    status, and a certainty of the code beside a verification that it contradicts, leave the diagnosis unconfirmed.
    """
    how, element = _by_status(entry, tables)
    certainty = _certainty(entry, tables)
    if how is Standing.WITHDRAWN or not certainty - {_CERTAIN}:
        return how, element
    if certainty == {_EXCLUDED} and "verificationStatus" not in entry.resource:
        return Standing.WITHDRAWN, "code"
    if certainty == {_STATE_AFTER} and "verificationStatus" not in entry.resource and how is not Standing.UNCONFIRMED:
        return Standing.PAST, "code"
    return Standing.UNCONFIRMED, "code"


def _certainty(entry: Entry, tables: MappingTables) -> frozenset[str]:
    """What the codes of a diagnosis say of its certainty, in the tables' words; empty where they say nothing.

    In Germany a code stands with a letter: certain, suspected, excluded, or a state after it.
    """
    code = child(entry.resource, "code")
    said = [
        concept_of
        for holder in (code, *children(code, "coding"))
        for _, item in extension(holder, tables.extensions.certainty)
        for concept_of in (coding(item.get("valueCoding"), tables),)
    ]
    words = tables.code_map(tables.lesions.certainty)
    return frozenset(word for one in said for word in one.mapped(words) or (_NOT_SAID,))


def _by_status(entry: Entry, tables: MappingTables) -> tuple[Standing, str]:
    verification = concept(entry.resource.get("verificationStatus"), tables).local(VERIFICATION_STATUS)
    if is_subsetted(entry) and not {"verificationStatus", "clinicalStatus"} <= set(entry.resource):
        withheld = "clinicalStatus" if "verificationStatus" in entry.resource else "verificationStatus"
        if not {"refuted", "entered-in-error"} & set(verification):
            return Standing.UNCONFIRMED, withheld
    if "refuted" in verification or "entered-in-error" in verification:
        return Standing.WITHDRAWN, "verificationStatus"
    if "confirmed" not in verification and ("verificationStatus" in entry.resource or not _is_listed(entry, tables)):
        return Standing.UNCONFIRMED, "verificationStatus"
    clinical = concept(entry.resource.get("clinicalStatus"), tables).local(CLINICAL_STATUS)
    if any(code in _PAST for code in clinical):
        return Standing.PAST, "clinicalStatus"
    if "clinicalStatus" in entry.resource and not any(code in _NOW for code in clinical):
        return Standing.UNCONFIRMED, "clinicalStatus"
    over = next((element for element in ABATEMENT if element in entry.resource), None)
    if over is not None:
        return Standing.UNCONFIRMED if "clinicalStatus" in entry.resource else Standing.PAST, over
    return Standing.PRESENT, "clinicalStatus"


def is_subsetted(entry: Entry) -> bool:
    """Whether the sender says that elements of the resource were left out: what it lacks is not known to be missing."""
    return any(string(tag, "code") == "SUBSETTED" for tag in children(entry.resource.get("meta"), "tag"))


def _is_listed(entry: Entry, tables: MappingTables) -> bool:
    categories = (concept(category, tables) for category in children(entry.resource, "category"))
    return any(code in _LISTED for category in categories for code in category.local(CONDITION_CATEGORY))


def note_assumption(entry: Entry, remarks: Remarks) -> None:
    """Report that a listed Condition without verification was taken as confirmed."""
    if "verificationStatus" not in entry.resource:
        remarks.inform(
            "assumed-confirmed",
            entry.path,
            f"`{shown(entry.key)}` says no verificationStatus; being listed as a diagnosis, it was taken as confirmed",
        )


@dataclass(frozen=True, slots=True)
class Tumour:
    """One lesion as the record names it: the resources that are it, and the elements that make it one.

    `label` is what the record calls it, for people only; empty where it gives no description.
    """

    id: str
    bodies: tuple[Entry, ...]
    conditions: tuple[Entry, ...]
    sources: tuple[Source, ...]
    readings: tuple[Reading, ...]
    label: str = ""

    def said(self, name: str) -> frozenset[str]:
        """The codes that the lesion's resources say of one of its facts (`site`, `side`)."""
        states = (reading.state for reading in self.readings if reading.name == name)
        return frozenset(str(state.value) for state in states if isinstance(state, Known))


@dataclass(slots=True)
class Lesions:
    """The lesions of a record, and the other tumours that keep a statement without focus from being about the only
    one. `unsettled` are those of them that may yet be lesions: unread, unconfirmed, or nodes of which no recurrence is
    stated. `nearby` are those in the head and neck, the first tumour among them.
    """

    tumours: list[Tumour] = field(default_factory=list)
    others: list[Entry] = field(default_factory=list)
    unsettled: list[Entry] = field(default_factory=list)
    nearby: list[Entry] = field(default_factory=list)

    def holding(self, target: Target) -> list[Tumour]:
        """The lesions that a resolved reference points to: its BodyStructure or Condition, or one with its
        identifier.
        """
        if target.contained is not None:
            wanted = identifiers(target.contained)
            return [
                t for t in self.tumours if any(wanted & identifiers(e.resource) for e in (*t.bodies, *t.conditions))
            ]
        index = target.entry.index
        return [t for t in self.tumours if any(e.index == index for e in (*t.bodies, *t.conditions))]

    def is_other(self, target: Target) -> bool:
        """Whether a resolved reference points to a diagnosis, or a tumour, that is certainly none of the lesions."""
        if target.contained is not None or self.holding(target):
            return False
        index = target.entry.index
        if any(entry.index == index for entry in self.unsettled):
            return False
        return target.entry.type == "Condition" or any(entry.index == index for entry in self.others)

    def named(self, text: str) -> list[Tumour]:
        """The lesions that a text names by the lesion's id, or by the id or an identifier of one of its resources."""
        name = lesion_name(text)
        found = [t for t in self.tumours if t.id == name]
        return found or [t for t in self.tumours if name in _names(t)]

    def nearly_named(self, text: str) -> list[Tumour]:
        """The lesions of which a text is a name but for its capitals, spaces and punctuation."""
        plain = _plain(text)
        return [t for t in self.tumours if plain and any(plain == _plain(name) for name in (t.id, *_names(t)))]

    def only(self) -> Tumour | None:
        """The lesion, where it is the only tumour of any kind that the record names."""
        return self.tumours[0] if len(self.tumours) == 1 and not self.others else None


def find_lesions(
    bodies: Sequence[Entry],
    conditions: Sequence[Entry],
    references: References,
    vocabulary: Vocabulary,
    tables: MappingTables,
    remarks: Remarks,
    *,
    withdrawn: Sequence[Entry] = (),
    believed: Callable[[Entry], bool] = lambda entry: True,
    findings: Sequence[Entry] = (),
) -> Lesions:
    """The lesions of the record. `bodies` are tumours and `conditions` cancers, valid and about the patient.

    `withdrawn` are the Conditions that are refuted or entered in error: no lesions, but a BodyStructure that belongs to
    one of them goes with it, if the Condition is `believed`. `findings` are the Observations of a tumour's facts.
    """
    return _Finder(references, vocabulary, tables, remarks).find(bodies, conditions, withdrawn, believed, findings)


def lesion_name(text: str) -> str:
    """The id of a lesion by an identifier of the record: on one line, and without what subjects are told apart by.

    >>> lesion_name("S23-1234/5"), lesion_name("patient")
    ('S23-1234-5', 'lesion-patient')
    """
    name = shown(text, 100).replace("/", "-")
    return f"lesion-{name}" if name == "patient" else name


def _names(tumour: Tumour) -> set[str]:
    entries = (*tumour.bodies, *tumour.conditions)
    values = (value for entry in entries for _, value in identifiers(entry.resource))
    return {lesion_name(name) for name in (*values, *(entry.id or "" for entry in entries)) if name}


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def identifiers(resource: object) -> set[tuple[str, str]]:
    """The system and value of every identifier of a resource that has a value."""
    found = ((string(i, "system") or "", string(i, "value") or "") for i in children(resource, "identifier"))
    return {(system, value) for system, value in found if value}


def is_cancer(condition: Entry, tables: MappingTables) -> bool:
    """Whether a Condition speaks of a malignant tumour, of whatever site; a history of one is none."""
    config = tables.lesions
    code = concept(condition.resource.get("code"), tables)
    profiles = {p.split("|")[0] for p in strings(child(condition.resource, "meta"), "profile")}
    return not code.any_in(tables.value_set(config.history)) and (
        any(code.any_in(tables.value_set(name)) for name in (config.malignant, config.nodes, config.recurrent))
        or any(code.mapped(tables.code_map(name)) for name in (config.condition_site, config.condition_histology))
        or bool(profiles & {*config.cancer_profiles, *config.secondary_profiles})
    )


def is_tumour(body: Entry, vocabulary: Vocabulary, tables: MappingTables) -> bool:
    """Whether a BodyStructure is a tumour, or may be by its place; an irradiated volume is none."""
    profiles = {p.split("|")[0] for p in strings(child(body.resource, "meta"), "profile")}
    location = concept(body.resource.get("location"), tables)
    return not profiles & set(tables.lesions.volume_profiles) and (
        declares_tumour(body, vocabulary, tables)
        or bool(_words(location, "site", tables.lesions.site, vocabulary, tables))
    )


def declares_tumour(body: Entry, vocabulary: Vocabulary, tables: MappingTables) -> bool:
    """Whether a BodyStructure says itself that it is a tumour: by profile, our identifier or a malignant morphology."""
    config = tables.lesions
    profiles = {p.split("|")[0] for p in strings(child(body.resource, "meta"), "profile")}
    morphology = concept(body.resource.get("morphology"), tables)
    return (
        bool(profiles & set(config.tumour_profiles))
        or any(system in tables.local.lesion_identifiers for system, _ in identifiers(body.resource))
        or morphology.any_in(tables.value_set(config.malignant))
        or bool(_words(morphology, "histology", config.histology, vocabulary, tables))
    )


def _words(said: Concept, name: str, map_name: str, vocabulary: Vocabulary, tables: MappingTables) -> tuple[str, ...]:
    """The values of a lesion's Code fact that a concept means: by a map, or by the fact's own code system."""
    definition = vocabulary.facts.get((Level.LESION, name))
    values = getattr(definition.type, "values", ()) if definition else ()
    codes = said.local(f"{tables.local.value_prefix}{name}")
    local = (v for code in codes for v in values if v.replace("_", "-") == code.replace("_", "-"))
    return tuple(dict.fromkeys((*said.mapped(tables.code_map(map_name)), *local)))


@dataclass(frozen=True, slots=True)
class _Link:
    """A Condition that belongs to a BodyStructure, with the elements that say so."""

    condition: Entry
    sources: tuple[Source, ...]


class _Finder:
    def __init__(self, references: References, vocabulary: Vocabulary, tables: MappingTables, remarks: Remarks) -> None:
        self.references = references
        self.vocabulary = vocabulary
        self.tables = tables
        self.remarks = remarks
        self.config = tables.lesions

    def find(
        self,
        bodies: Sequence[Entry],
        conditions: Sequence[Entry],
        withdrawn: Sequence[Entry],
        believed: Callable[[Entry], bool],
        findings: Sequence[Entry],
    ) -> Lesions:
        lesions = Lesions()
        linked = {b.index: self._linked(b, (*conditions, *withdrawn)) for b in bodies}
        gone = {condition.index for condition in withdrawn}
        groups: list[list[Entry]] = []
        for body in bodies:
            own = self._own_identifiers(body)
            group = next((g for g in groups if any(own & self._own_identifiers(e) for e in g)), None)
            if group is None:
                groups.append([body])
            else:
                group.append(body)
        absorbed: set[int] = set()
        for group in groups:
            links = {link.condition.index: link for b in group for link in linked[b.index]}
            related = [link.condition for i, link in links.items() if i not in gone or believed(link.condition)]
            # A refutation that may not be believed leaves open whether there is a tumour.
            lesions.unsettled += [link.condition for link in links.values() if link.condition not in related]
            sources = [s for b in group for link in linked[b.index] for s in link.sources]
            absorbed |= set(links)
            focused = () if links or any(map(self._declares_tumour, group)) else self._focused(group, findings)
            if focused is None:
                lesions.unsettled += group
                lesions.others += group
                self.remarks.warn(
                    "unconfirmed-tumour",
                    group[0].at("location"),
                    f"`{shown(group[0].key)}` is a place in the head and neck, and nothing says that a tumour is "
                    "there: it is no target lesion; give its morphology, its diagnosis or the profile of a tumour",
                )
                continue
            sources += focused
            if self._is_lesion(group, related, lesions):
                lesions.tumours.append(self._tumour(group, related, sources))
            else:
                lesions.others += group
                persons = (s for c in related for s in self.references.subject_sources(c) if s.entry == c.path)
                self.remarks.exclude(*sources, *persons)
        for condition in conditions:
            if condition.index in absorbed:
                continue
            if self._is_lesion([], [condition], lesions):
                lesions.tumours.append(self._tumour([], [condition], ()))
            else:
                lesions.others.append(condition)
                self._name_misspelt(condition, lesions)
        lesions.nearby = [entry for entry in lesions.others if self._in_head_and_neck(entry)]
        # Another tumour keeps statements without focus from being about the only one: all that makes it one is named.
        self.remarks.exclude(*(entry.source(role=Role.EXCLUSION) for entry in lesions.others))
        lesions.tumours = _distinct(lesions.tumours)
        return lesions

    # ----------------------------------------------------------------------------------------------- what is a tumour

    def _declares_tumour(self, body: Entry) -> bool:
        return declares_tumour(body, self.vocabulary, self.tables)

    def _focused(self, bodies: Sequence[Entry], findings: Sequence[Entry]) -> tuple[Source, ...] | None:
        """The elements by which a finding of a tumour is about one of the BodyStructures; `None` where none is."""
        wanted = {body.index for body in bodies}
        found: dict[Source, None] = {}
        for finding in findings:
            for reference in children(finding.resource, "focus"):
                target = self.references.resolve(reference, finding)
                if target is not None and target.contained is None and target.entry.index in wanted:
                    for element in ("focus", "code", "status"):
                        found.setdefault(finding.source(element, role=Role.CONTEXT))
                    for source in target.sources:
                        found.setdefault(source)
        return tuple(found) or None

    def _own_identifiers(self, body: Entry) -> set[tuple[str, str]]:
        return {(s, v) for s, v in identifiers(body.resource) if s in self.tables.local.lesion_identifiers}

    def _is_lesion(self, bodies: list[Entry], conditions: list[Entry], lesions: Lesions) -> bool:
        """Whether resources that are one tumour are a target lesion: in the head and neck, and held to be there."""
        standings = {c.index: standing(c, self.tables) for c in conditions}
        for condition in conditions:
            how, element = standings[condition.index]
            if how in (Standing.WITHDRAWN, Standing.PAST):
                self.remarks.exclude(*_named(condition, element, Role.EXCLUSION))
        held = [c for c in conditions if standings[c.index][0] is not Standing.WITHDRAWN]
        own = any(self._own_identifiers(b) for b in bodies)
        declared = own or any(
            p.split("|")[0] in self.config.tumour_profiles
            for b in bodies
            for p in strings(child(b.resource, "meta"), "profile")
        )
        if not own and not any(self._in_head_and_neck(e) for e in (*bodies, *held)):
            return False
        if bodies and not held:
            for condition in conditions:
                self.remarks.warn(
                    "refuted-tumour",
                    condition.at("verificationStatus"),
                    f"the diagnosis of `{shown(bodies[0].key)}`, `{shown(condition.key)}`, is refuted or entered in "
                    "error, so it is no target lesion; refer it to the diagnosis that holds, or make it inactive",
                )
            return not conditions
        present = [c for c in held if standings[c.index][0] is Standing.PRESENT]
        unconfirmed = [c for c in held if standings[c.index][0] is Standing.UNCONFIRMED]
        if not present and unconfirmed:
            for condition in unconfirmed:
                element = standings[condition.index][1]
                told = "it is no target lesion"
                if bodies:
                    told = f"only what `{shown(bodies[0].key)}` says of the lesion was read"
                self.remarks.warn(
                    "unconfirmed-tumour",
                    condition.at(element),
                    f"`{shown(condition.key)}` is not confirmed: {told}; confirm or refute it",
                )
                self.remarks.exclude(*_named(condition, element, Role.EXCLUSION))
            if not bodies:
                lesions.unsettled += unconfirmed
            return bool(bodies)
        if not present:
            return declared
        if bodies or any(not self._is_node(c) or self._recurrence(c) for c in present):
            return True
        lesions.unsettled += present
        return False

    def _in_head_and_neck(self, entry: Entry) -> bool:
        if entry.type == "BodyStructure":
            return bool(self._site_words(concept(entry.resource.get("location"), self.tables)))
        return bool(self._condition_sites(entry))

    def _name_misspelt(self, condition: Entry, lesions: Lesions) -> None:
        """Name a diagnosis whose code begins like one of the head and neck and is none known here: `C10.90`."""
        code = concept(condition.resource.get("code"), self.tables)
        known = self.tables.code_map(self.config.condition_site)
        if standing(condition, self.tables)[0] is Standing.WITHDRAWN or self._in_head_and_neck(condition):
            return
        if any(
            system == its and text.startswith(start) and not self.tables.systems[system].dots_count
            for system, text in code.codes
            for its, start in known
        ):
            lesions.unsettled.append(condition)
            self.remarks.warn(
                "unreadable-code",
                condition.at("code"),
                f"`{shown(', '.join(each for _, each in code.raw))}` begins like a code of the head and neck, and is "
                "none known here: it is no target lesion, which does not say that there is none; send a code of the "
                "tables",
            )

    def _is_node(self, condition: Entry) -> bool:
        return concept(condition.resource.get("code"), self.tables).any_in(self.tables.value_set(self.config.nodes))

    def _recurrence(self, condition: Entry) -> str | None:
        """The element by which a Condition says that it is a recurrence."""
        code = concept(condition.resource.get("code"), self.tables)
        recurrent = self.tables.value_set(self.config.recurrent)
        if code.any_in(recurrent):
            return "code"
        urls = self.tables.extensions.recurrence
        if extension(condition.resource, urls):
            return "extension"
        if extension(child(condition.resource, "clinicalStatus"), urls):
            return "clinicalStatus"
        for _, item in extension(condition.resource, self.tables.extensions.histology):
            if concept(item.get("valueCodeableConcept"), self.tables).any_in(recurrent):
                return "extension"
        clinical = concept(condition.resource.get("clinicalStatus"), self.tables).local(CLINICAL_STATUS)
        return "clinicalStatus" if {"recurrence", "relapse"} & set(clinical) else None

    def _linked(self, body: Entry, conditions: Sequence[Entry]) -> list[_Link]:
        """The Conditions that a BodyStructure and they themselves say belong together, by each way in which they do."""
        by_index = {condition.index: condition for condition in conditions}
        found: list[_Link] = []
        for _, item in extension(body.resource, self.tables.extensions.related_condition):
            target = self.references.resolve(item.get("valueReference"), body)
            if target is not None and target.contained is None and target.entry.index in by_index:
                named = body.source("extension", role=Role.CONTEXT)
                found.append(_Link(target.entry, (named, *target.sources)))
        own = identifiers(body.resource)
        for condition in conditions:
            holders = [("extension", condition.resource)]
            holders += [("bodySite", site) for site in children(condition.resource, "bodySite")]
            for element, holder in holders:
                for _, item in extension(holder, self.tables.extensions.body_structure):
                    target = self.references.resolve(item.get("valueReference"), condition)
                    if target is not None and target.contained is None and target.entry.index == body.index:
                        named = condition.source(element, role=Role.CONTEXT)
                        found.append(_Link(condition, (named, *target.sources)))
            if own & {i for i in identifiers(condition.resource) if i[0]}:
                both = (entry.source("identifier", role=Role.CONTEXT) for entry in (body, condition))
                found.append(_Link(condition, tuple(both)))
        return found

    # ------------------------------------------------------------------------------------------------ what it says

    def _tumour(self, bodies: list[Entry], conditions: list[Entry], links: Iterable[Source]) -> Tumour:
        by_standing = {how: [c for c in conditions if standing(c, self.tables)[0] is how] for how in Standing}
        used = by_standing[Standing.PRESENT] or by_standing[Standing.PAST]
        doubtful = [] if by_standing[Standing.PRESENT] else by_standing[Standing.UNCONFIRMED]
        for condition in used:
            note_assumption(condition, self.remarks)
        id_ = self._id(bodies, used)
        elements = {
            "BodyStructure": (
                "identifier",
                "id",
                "meta.profile",
                "extension",
                "morphology",
                "location",
                "locationQualifier",
                "active",
                "description",
            ),
            "Condition": (
                "id",
                "identifier",
                "code",
                "bodySite",
                "clinicalStatus",
                "verificationStatus",
                "category",
                "extension",
                "meta.profile",
                *ABATEMENT,
            ),
        }
        sources: dict[Source, None] = {}
        for entry in (*bodies, *conditions):
            part_of_it = entry in bodies or entry in used
            for element in elements[entry.type]:
                for source in _named(entry, element, Role.CONTEXT if part_of_it else Role.EXCLUSION):
                    sources.setdefault(source)
            for source in self.references.subject_sources(entry) if part_of_it else ():
                sources.setdefault(source)
        for source in links:
            sources.setdefault(source)
        for entry in (*bodies, *used):
            if entry.id is None and entry.full_url:
                sources.setdefault(entry.outer("fullUrl"))  # the lesion may be called by it
        readings = tuple(
            replace(reading, subject=(id_,))
            for reading in self._readings(bodies, used, doubtful)
            if (Level.LESION, reading.name) in self.vocabulary.facts
        )
        described = (one_line(string(body.resource, "description") or "", LABEL_LENGTH) for body in bodies)
        label = next((text for text in described if text), "")
        held = tuple(c for c in conditions if c not in by_standing[Standing.WITHDRAWN])
        return Tumour(id_, tuple(bodies), held, tuple(sources), readings, label)

    def _id(self, bodies: list[Entry], conditions: list[Entry]) -> str:
        for body in bodies:
            identifiers = children(body.resource, "identifier")
            ranked = sorted(identifiers, key=lambda i: string(i, "system") not in self.tables.local.lesion_identifiers)
            value = next((v for v in (lesion_name(string(i, "value") or "") for i in ranked) if v), None)
            if value:
                return value
        return _address((bodies or conditions)[0])

    def _readings(self, bodies: list[Entry], conditions: list[Entry], doubtful: list[Entry]) -> Iterator[Reading]:
        for body in bodies:
            yield from self._body_readings(body)
        located = any(
            self._specific(self._site_words(concept(b.resource.get("location"), self.tables))) for b in bodies
        )
        for condition in conditions:
            yield from self._condition_readings(condition, located=located)
        for condition in doubtful:
            for reading in self._condition_readings(condition, located=located, doubtful=True):
                sources = tuple(
                    replace(s, role=Role.ABSENCE.value) if s.role == Role.VALUE.value else s for s in reading.sources
                )
                state = Absent(AbsenceReason.INDETERMINATE, "only a diagnosis that is not confirmed says it")
                yield replace(reading, state=state, sources=sources, weak=True, note="")

    def _body_readings(self, body: Entry) -> Iterator[Reading]:
        location = concept(body.resource.get("location"), self.tables)
        words = self._specific(self._site_words(location))
        yield from self._known(body, "site", words, ("location",))
        if self._is_far(location):
            yield self._elsewhere(body, "location")
        elif "location" in body.resource and not words and not self._site_words(location):
            unknown = self._weak(body, "site", "location", AbsenceReason.UNREADABLE_CODE)
            # A coded place that is not known here may be any, whatever its diagnosis says; a text says nothing.
            yield replace(unknown, weak=not location.raw)
        sides = self._sides([concept(q, self.tables) for q in children(body.resource, "locationQualifier")])
        yield from self._sided(body, sides, "locationQualifier")
        implied = self._specific(location.mapped(self.tables.code_map(self.config.condition_side)))
        yield from self._sided(body, implied, "location")
        morphology = concept(body.resource.get("morphology"), self.tables)
        found = self._histologies(morphology)
        yield from self._known(body, "histology", found, ("morphology",))
        if "morphology" in body.resource and not found:
            yield self._weak(body, "histology", "morphology", AbsenceReason.UNREADABLE_CODE)

    def _condition_readings(self, condition: Entry, *, located: bool, doubtful: bool = False) -> Iterator[Reading]:
        moment = dated_by(condition, "recordedDate").moment
        sites = self._condition_sites(condition)
        if not located:
            for element in ("bodySite", "code"):
                words = self._specific(w for w, its in sites.items() if element in its)
                yield from self._known(condition, "site", words, (element,), moment)
            yield from self._unknown_places(condition)
        if any(self._is_far(concept(site, self.tables)) for site in children(condition.resource, "bodySite")):
            yield self._elsewhere(condition, "bodySite")
        code = concept(condition.resource.get("code"), self.tables)
        for site in children(condition.resource, "bodySite"):
            laterality = [
                concept(e.get("valueCodeableConcept"), self.tables)
                for _, e in extension(site, self.tables.extensions.laterality)
            ]
            implied = concept(site, self.tables).mapped(self.tables.code_map(self.config.condition_side))
            yield from self._sided(condition, (*self._sides(laterality), *implied), "bodySite")
        # In Germany the side is part of the code, and stands in an extension of its coding.
        codings = children(child(condition.resource, "code"), "coding")
        sided = [
            coding(e.get("valueCoding"), self.tables)
            for one in codings
            for _, e in extension(one, self.tables.extensions.laterality)
        ]
        yield from self._sided(condition, self._sides(sided), "code")
        yield from self._sided(condition, code.mapped(self.tables.code_map(self.config.condition_side)), "code")
        for _, item in extension(condition.resource, self.tables.extensions.histology):
            morphology = concept(item.get("valueCodeableConcept"), self.tables)
            found = self._histologies(morphology)
            yield from self._known(condition, "histology", found, ("extension",), moment)
            if not found and not morphology.any_in(self.tables.value_set(self.config.recurrent)):
                yield self._weak(condition, "histology", "extension", AbsenceReason.UNREADABLE_CODE)
        words = code.mapped(self.tables.code_map(self.config.condition_histology))
        yield from self._known(condition, "histology", words, ("code",), moment)
        yield from self._recurrence_date(condition, doubtful=doubtful)

    def _unknown_places(self, condition: Entry) -> Iterator[Reading]:
        """A coded place of a diagnosis that is not known here: said aloud, since the site is taken from the others."""
        for site in children(condition.resource, "bodySite"):
            place = concept(site, self.tables)
            implied = place.mapped(self.tables.code_map(self.config.condition_side))
            if place.raw and not (self._site_words(place) or implied or self._is_far(place)):
                said = shown(", ".join(code for _, code in place.raw))
                self.remarks.inform(
                    "code-not-mapped",
                    condition.at("bodySite"),
                    f"{said} is no site known here; what else `{shown(condition.key)}` says of the site was read",
                )
                source = condition.source("bodySite", role=Role.ABSENCE)
                state = Absent(AbsenceReason.UNREADABLE_CODE, said)
                yield Reading(Level.LESION, "site", (), state, UNKNOWN_MOMENT, (source,), weak=True)

    def _recurrence_date(self, condition: Entry, *, doubtful: bool) -> Iterator[Reading]:
        element = self._recurrence(condition)
        if element is None:
            return
        when: Dated = dated_by(condition, "onsetDateTime", "onsetPeriod", "recordedDate")
        if when.moment.span is None or not when.moment.dated:
            return
        date, *tie_breakers = when.sources
        given = date.path.partition(".")[2]
        if given == "recordedDate" and not doubtful:
            self.remarks.inform(
                "recurrence-date",
                condition.at(given),
                f"`{shown(condition.key)}` gives no onset; the day on which it was recorded was read as the date of "
                "the recurrence; send `onsetDateTime`",
            )
        value = condition.source(given, date=when.text, mapping="lesion.recurrenceDate")
        sources = (value, *tie_breakers, condition.source(element, role=Role.CONTEXT))
        note = f"the {given} of a Condition that is a recurrence by its {element}"
        known = Known(when.moment.span)
        yield Reading(Level.LESION, "recurrenceDate", (), known, when.moment, sources, note=note)

    def _known(
        self,
        entry: Entry,
        name: str,
        words: Iterable[Value],
        elements: tuple[str, ...],
        moment: Moment = UNKNOWN_MOMENT,
    ) -> Iterator[Reading]:
        sources = tuple(entry.source(element, mapping=f"lesion.{name}") for element in elements)
        values = tuple(dict.fromkeys(words))
        if len(values) > 1:
            self.remarks.warn(
                "contradictory-codes",
                entry.at(elements[0]),
                f"the codings of `{shown(entry.key)}` contradict each other in its {name}; all were kept, none was "
                "chosen",
            )
        for word in values:
            yield Reading(Level.LESION, name, (), Known(word), moment, sources)

    def _is_far(self, place: Concept) -> bool:
        return place.any_in(self.tables.value_set(self.config.far_sites))

    def _elsewhere(self, entry: Entry, element: str) -> Reading:
        """That a tumour which is held to be one of head and neck is said to be at a place far from there."""
        note = "a place far from the head and neck is named"
        self.remarks.warn(
            "contradictory-codes",
            entry.at(element),
            f"`{shown(entry.key)}` names a place far from the head and neck for a tumour of the head and neck: its "
            "site stays unknown; correct the place or the diagnosis",
        )
        source = entry.source(element, role=Role.ABSENCE)
        return Reading(Level.LESION, "site", (), Absent(AbsenceReason.INDETERMINATE, note), UNKNOWN_MOMENT, (source,))

    def _weak(self, entry: Entry, name: str, element: str, reason: AbsenceReason) -> Reading:
        said = shown(
            ", ".join(code for _, code in concept(entry.resource.get(element), self.tables).raw) or "text only"
        )
        if element != "extension":
            self.remarks.inform(
                "code-not-mapped", entry.at(element), f"{said} is no {name} known here; the {name} stays unknown"
            )
        source = entry.source(element, role=Role.ABSENCE)
        return Reading(Level.LESION, name, (), Absent(reason, said), UNKNOWN_MOMENT, (source,), weak=True)

    def _sided(self, entry: Entry, sides: Iterable[str], element: str) -> Iterator[Reading]:
        for side in sides:
            source = entry.source(element, mapping="lesion.side")
            state: Known | Absent = Known(side)
            if side == BILATERAL:
                state = Absent(AbsenceReason.INDETERMINATE, "stated for both sides")
                source = entry.source(element, role=Role.ABSENCE)
            yield Reading(Level.LESION, "side", (), state, UNKNOWN_MOMENT, (source,))

    def _sides(self, concepts: Iterable[Concept]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(side for c in concepts for side in self._said(c, "side", self.config.side)))

    def _histologies(self, said: Concept) -> tuple[str, ...]:
        return self._said(said, "histology", self.config.histology)

    def _site_words(self, said: Concept) -> tuple[str, ...]:
        return self._said(said, "site", self.config.site)

    def _said(self, said: Concept, name: str, map_name: str) -> tuple[str, ...]:
        return _words(said, name, map_name, self.vocabulary, self.tables)

    def _condition_sites(self, condition: Entry) -> dict[str, set[str]]:
        """The sites that a Condition names, each with the elements that do."""
        found: dict[str, set[str]] = {}
        for site in children(condition.resource, "bodySite"):
            for word in self._site_words(concept(site, self.tables)):
                found.setdefault(word, set()).add("bodySite")
        code = concept(condition.resource.get("code"), self.tables)
        for word in code.mapped(self.tables.code_map(self.config.condition_site)):
            found.setdefault(word, set()).add("code")
        return found

    def _specific(self, words: Iterable[str]) -> tuple[str, ...]:
        return tuple(word for word in words if word != self.config.unspecified)


def _named(entry: Entry, element: str, role: Role) -> Iterator[Source]:
    """The element as a source, if it is there."""
    head, _, rest = element.partition(".")
    node = child(entry.resource, head) if rest else entry.resource
    if (rest or head) in node:
        yield entry.source(element, role=role)


def _address(entry: Entry) -> str:
    """A name for a lesion from what its resource is known by; from its place in the bundle where that is nothing."""
    values = (string(identifier, "value") or "" for identifier in children(entry.resource, "identifier"))
    url = (entry.full_url or "").rstrip("/").rpartition("/")[2].rpartition(":")[2]
    names = (lesion_name(text) for text in (entry.id or "", *values, url))
    return next((name for name in names if name), f"entry-{entry.index}")


def _distinct(tumours: list[Tumour]) -> list[Tumour]:
    """The lesions with ids that differ: where two share one, the resource's type stands before it."""
    counts: dict[str, int] = {}
    for tumour in tumours:
        counts[tumour.id] = counts.get(tumour.id, 0) + 1
    result: list[Tumour] = []
    for tumour in tumours:
        if counts[tumour.id] > 1:
            first = (*tumour.bodies, *tumour.conditions)[0]
            id_ = lesion_name(f"{first.type}-{first.id}") if first.id else f"entry-{first.index}"
            if any(other.id == id_ for other in result):
                id_ = f"entry-{first.index}"
            tumour = replace(tumour, id=id_, readings=tuple(replace(r, subject=(id_,)) for r in tumour.readings))
        result.append(tumour)
    return result
