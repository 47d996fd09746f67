"""Which target lesions a record names, and the elements that make each of them one.

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

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cds.case import Role, Source
from cds.intake.bundle import Entry
from cds.intake.coding import concept, extension
from cds.intake.document import child, children, string, strings
from cds.intake.moments import dated_by, is_later
from cds.intake.references import References
from cds.intake.remarks import Remarks, one_line, shown
from cds.intake.standing import (
    ABATEMENT,
    VERIFICATION_STATUS,
    Standing,
    note_assumption,
    recurrence_element,
    standing,
)
from cds.intake.tumour_facts import TumourFacts
from cds.intake.tumours import Lesions, Tumour, declares_tumour, identifiers, lesion_name
from cds.ruleset.mapping import MappingTables
from cds.vocabulary import Level, Vocabulary

_STATED: Final = ("recordedDate", "onsetDateTime", "onsetPeriod")
LABEL_LENGTH: Final = 200


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
        self.facts = TumourFacts(references, vocabulary, tables, remarks)

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
        self._name_refuted_alike(lesions, [c for c in withdrawn if c.index not in absorbed and believed(c)])
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
        if bodies or any(not self._is_node(c) or recurrence_element(c, self.tables) for c in present):
            return True
        lesions.unsettled += present
        for condition in present:
            self.remarks.warn(
                "unconfirmed-tumour",
                condition.at("code"),
                f"`{shown(condition.key)}` is a secondary neck node of which no recurrence is stated: it is no target "
                "lesion; if it has come back, state `clinicalStatus` as recurrence",
            )
        return False

    def _in_head_and_neck(self, entry: Entry) -> bool:
        if entry.type == "BodyStructure":
            return bool(self.facts.site_words(concept(entry.resource.get("location"), self.tables)))
        return bool(self.facts.condition_sites(entry))

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

    def _name_refuted_alike(self, lesions: Lesions, withdrawn: Sequence[Entry]) -> None:
        """Name a diagnosis that was refuted and may be that of a lesion: of its code, of no other site, not known to be
        the earlier. It stays a lesion, since two Conditions never become one by looking alike.
        """
        for condition in (each for tumour in lesions.tumours for each in tumour.conditions):
            code = concept(condition.resource.get("code"), self.tables)
            sites = set(self.facts.condition_sites(condition))
            when = dated_by(condition, *_STATED).moment
            for other in withdrawn:
                verification = concept(other.resource.get("verificationStatus"), self.tables)
                its = set(self.facts.condition_sites(other))
                if (
                    "entered-in-error" in verification.local(VERIFICATION_STATUS)
                    or not set(code.codes) & set(concept(other.resource.get("code"), self.tables).codes)
                    or (sites and its and not sites & its)
                    or is_later(when, dated_by(other, *_STATED).moment)
                ):
                    continue
                self.remarks.warn(
                    "refuted-tumour",
                    condition.at("code"),
                    f"`{shown(condition.key)}` is a target lesion, and `{shown(other.key)}` of the same code, not "
                    "known to be the earlier, is refuted; if they are one, correct the record",
                )

    def _is_node(self, condition: Entry) -> bool:
        return concept(condition.resource.get("code"), self.tables).any_in(self.tables.value_set(self.config.nodes))

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
                "contained",
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
            for reading in self.facts.readings(bodies, used, doubtful)
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
