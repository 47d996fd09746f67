"""What the resources that are a tumour say of it: its site, side and histology, and the date of its recurrence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from cds.case import AbsenceReason, Absent, Known, Role, Source, Value
from cds.intake.bundle import Entry
from cds.intake.coding import Concept, coding, concept, extension
from cds.intake.document import Json, child, children, string
from cds.intake.moments import UNKNOWN_MOMENT, Dated, Moment, dated_by, period_span
from cds.intake.reconcile import Reading
from cds.intake.references import References
from cds.intake.remarks import Remarks, shown
from cds.intake.standing import recurrence_element
from cds.intake.tumours import BILATERAL, words_of
from cds.ruleset.mapping import MappingTables
from cds.vocabulary import Level, Vocabulary


class TumourFacts:
    """Reads what BodyStructures and Conditions say of the tumour that they are."""

    def __init__(self, references: References, vocabulary: Vocabulary, tables: MappingTables, remarks: Remarks) -> None:
        self.references = references
        self.vocabulary = vocabulary
        self.tables = tables
        self.remarks = remarks
        self.config = tables.lesions

    def readings(self, bodies: list[Entry], conditions: list[Entry], doubtful: list[Entry]) -> Iterator[Reading]:
        """What the resources that are one tumour say of it; of unconfirmed diagnoses, that they may say it."""
        for body in bodies:
            yield from self._body_readings(body)
        located = any(
            self._specific(self.site_words(concept(b.resource.get("location"), self.tables))) for b in bodies
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
        words = self._specific(self.site_words(location))
        yield from self._known(body, "site", words, ("location",))
        if self._is_far(location):
            yield self._elsewhere(body, "location")
        elif "location" in body.resource and not words and not self.site_words(location):
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
        sites = self.condition_sites(condition)
        if not located:
            for element in ("bodySite", "code"):
                words = self._specific(w for w, its in sites.items() if element in its)
                yield from self._known(condition, "site", words, (element,), moment)
            yield from self._unknown_places(condition)
        if any(self._is_far(concept(site, self.tables)) for site in children(condition.resource, "bodySite")):
            yield self._elsewhere(condition, "bodySite")
        yield from self._contained_readings(condition)
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
                yield self._weak(condition, "histology", "extension", AbsenceReason.UNREADABLE_CODE, morphology)
        words = code.mapped(self.tables.code_map(self.config.condition_histology))
        yield from self._known(condition, "histology", words, ("code",), moment)
        yield from self._recurrence_date(condition, doubtful=doubtful)

    def _unknown_places(self, condition: Entry) -> Iterator[Reading]:
        """A coded place of a diagnosis that is not known here: said aloud, since the site is taken from the others."""
        for site in children(condition.resource, "bodySite"):
            place = concept(site, self.tables)
            implied = place.mapped(self.tables.code_map(self.config.condition_side))
            if place.raw and not (self.site_words(place) or implied or self._is_far(place)):
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
        element = recurrence_element(condition, self.tables)
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
        # An onset that is a Period is an imprecise one: some day of it.
        span = period_span(child(condition.resource, given)) if given == "onsetPeriod" else when.moment.span
        known = Known(span or when.moment.span)
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

    def _weak(
        self, entry: Entry, name: str, element: str, reason: AbsenceReason, given: Concept | None = None
    ) -> Reading:
        given = given or concept(entry.resource.get(element), self.tables)
        said = shown(", ".join(code for _, code in given.raw) or "text only")
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

    def site_words(self, said: Concept) -> tuple[str, ...]:
        """The sites of head and neck that a place is."""
        return self._said(said, "site", self.config.site)

    def _said(self, said: Concept, name: str, map_name: str) -> tuple[str, ...]:
        return words_of(said, name, map_name, self.vocabulary, self.tables)

    def condition_sites(self, condition: Entry) -> dict[str, set[str]]:
        """The sites that a Condition names, each with the elements that do."""
        found: dict[str, set[str]] = {}
        for site in children(condition.resource, "bodySite"):
            for word in self.site_words(concept(site, self.tables)):
                found.setdefault(word, set()).add("bodySite")
        for _, body, _ in self._contained_bodies(condition):
            for word in self.site_words(concept(body.get("location"), self.tables)):
                found.setdefault(word, set()).add("contained")
        code = concept(condition.resource.get("code"), self.tables)
        for word in code.mapped(self.tables.code_map(self.config.condition_site)):
            found.setdefault(word, set()).add("code")
        return found

    def _contained_bodies(self, condition: Entry) -> Iterator[tuple[str, Json, tuple[Source, ...]]]:
        """The BodyStructures inside a Condition that it says are where it is: the element, each, what led there."""
        holders = [("extension", condition.resource)]
        holders += [("bodySite", site) for site in children(condition.resource, "bodySite")]
        for element, holder in holders:
            for _, item in extension(holder, self.tables.extensions.body_structure):
                target = self.references.resolve(item.get("valueReference"), condition)
                body = target.contained if target is not None else None
                if target is not None and body is not None and string(body, "resourceType") == "BodyStructure":
                    yield element, body, target.sources

    def _contained_readings(self, condition: Entry) -> Iterator[Reading]:
        for element, body, led in self._contained_bodies(condition):
            place = concept(body.get("location"), self.tables)
            qualifiers = [concept(q, self.tables) for q in children(body, "locationQualifier")]
            said = (
                ("site", self._specific(self.site_words(place))),
                ("side", [side for side in self._sides(qualifiers) if side != BILATERAL]),
            )
            for name, words in said:
                for word in words:
                    sources = (condition.source(element, mapping=f"lesion.{name}"), *led)
                    yield Reading(Level.LESION, name, (), Known(word), UNKNOWN_MOMENT, sources)
            if self._is_far(place):
                yield self._elsewhere(condition, "contained")

    def _specific(self, words: Iterable[str]) -> tuple[str, ...]:
        return tuple(word for word in words if word != self.config.unspecified)
