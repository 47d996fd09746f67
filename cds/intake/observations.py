"""Observations as statements of facts: by the local code of a fact, and by published codes through the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from cds.case import AbsenceReason, Absent, Known, Role, Source
from cds.intake.bundle import Entry
from cds.intake.coding import Concept, concept, extension
from cds.intake.document import Json, children, string
from cds.intake.moments import Dated, observed
from cds.intake.references import Whose
from cds.intake.remarks import shown
from cds.intake.setting import FUTURE, UNREAD, Setting, Use
from cds.intake.spelling import near_facts
from cds.intake.standing import is_subsetted
from cds.intake.subjects import Whereabouts, about_the_tumour, whereabouts
from cds.intake.values import Read, kebab, read_value
from cds.ruleset.mapping import ObservationReader, fact_key
from cds.vocabulary import FactDefinition, FactKind, Level

_FINAL: Final = frozenset({"final", "amended", "corrected"})
# FHIR R4 observation-status: what each of these says about the value that is not there.
_DROPPED: Final = {
    "registered": AbsenceReason.TEMP_UNKNOWN,
    "cancelled": AbsenceReason.NOT_PERFORMED,
    "entered-in-error": AbsenceReason.ENTERED_IN_ERROR,
}


_NO_VALUE: Final = Read(
    (Absent(AbsenceReason.UNREADABLE_VALUE, "no value is given"),),
    "",
    ("unreadable-value", "no value is given, nor why there is none; send `value[x]` or `dataAbsentReason`"),
)
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_LABORATORY: Final = "laboratory"


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of an Observation (itself, or one component) whose code says that it states a fact."""

    definition: FactDefinition
    node: Json
    path: str
    reader: ObservationReader | None = None
    doubt: str = ""
    """Why the part may mean another fact: its code is none, and only looks like this one."""

    @property
    def mapping(self) -> str:
        """What read it: the reader's id, or the fact's own code."""
        return self.reader.id if self.reader else f"fact:{self.definition.path}"

    def at(self, element: str) -> str:
        """The path of an element of this part below the resource."""
        return f"{self.path}.{element}" if self.path else element


@dataclass(slots=True)
class Observations:
    """Reads the Observations of one bundle."""

    setting: Setting
    _by_name: dict[str, list[FactDefinition]] = field(default_factory=dict)
    _stages: dict[int, list[tuple[Entry, Source]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for definition in self.setting.vocabulary.facts.values():
            if definition.kind is not FactKind.GIVEN:
                self._by_name.setdefault(kebab(definition.name), []).append(definition)

    def read(self) -> None:
        """Add what every Observation states."""
        for condition in self.setting.record.of("Condition"):
            for index, stage in enumerate(children(condition.resource, "stage")):
                for reference in children(stage, "assessment"):
                    target = self.setting.references.resolve(reference, condition)
                    if target is not None and target.contained is None:
                        source = condition.source(f"stage[{index}].assessment", role=Role.CONTEXT)
                        self._stages.setdefault(target.entry.index, []).append((condition, source))
        for entry in self.setting.record.of("Observation"):
            self._read(entry)

    def _read(self, entry: Entry) -> None:
        setting = self.setting
        code = concept(entry.resource.get("code"), setting.tables)
        if not code.readable:
            if string(entry.resource, "status") in _DROPPED:
                setting.remarks.exclude(entry.source("status", role=Role.EXCLUSION))
            elif setting.references.whose(entry)[0] is Whose.NO_PATIENT:
                setting.use(entry)  # names what shows that it is no statement about the patient
            else:
                setting.remarks.warn(
                    "unreadable-code",
                    entry.at("code"),
                    f"`{shown(entry.key)}` does not say what it is; what it may have said counts as unknown",
                )
                setting.shadow(
                    setting.all_facts(),
                    AbsenceReason.QUARANTINED,
                    "an Observation does not say what it is",
                    entry.source(role=Role.EXCLUSION),
                )
            return
        slots = list(self._slots(entry, code))
        if not slots:
            setting.remarks.exclude(entry.source("code", role=Role.EXCLUSION))
            setting.show_unplaced(entry, "code", code)
            return
        status = string(entry.resource, "status") or ""
        if status in _DROPPED:
            setting.remarks.exclude(entry.source("status", role=Role.EXCLUSION))
            for slot in slots:
                self._withdrawn(entry, slot, status)
            return
        use = setting.use(entry)
        if use is Use.NOT_THE_PATIENTS:
            return
        dated = observed(entry)
        moment, future = setting.timely(entry, dated)
        for slot in slots:
            self._state(entry, slot, status, use, replace(dated, moment=moment), future=future)

    def _slots(self, entry: Entry, code: Concept) -> Iterator[Slot]:
        yield from self._coded(entry, code, entry.resource, "")
        for index, component in enumerate(children(entry.resource, "component")):
            own = concept(component.get("code"), self.setting.tables)
            yield from self._coded(entry, own, component, f"component[{index}]")

    def _coded(self, entry: Entry, code: Concept, node: Json, path: str) -> Iterator[Slot]:
        facts, by_code = self.setting.vocabulary.facts, self.setting.tables.observations_by_code
        found_by = (r for c in code.codes for r in by_code.get(c, ()))
        readers: dict[str, ObservationReader] = {r.id: r for r in found_by if fact_key(r.fact) in facts}
        for reader in readers.values():
            yield Slot(facts[fact_key(reader.fact)], node, path, reader)
        for name in code.local(self.setting.tables.local.observation):
            found = self._by_name.get(name.replace("_", "-"), [])
            if len(found) > 1:
                wanted = Level.STRUCTURE if "bodySite" in entry.resource else Level.LESION
                found = [d for d in found if d.level is wanted] or found[:1]
            for definition in found:
                yield Slot(definition, node, path)
            if not found and not readers:
                doubt = f"{shown(name)} is no fact, and may mean this one"
                for definition in near_facts(name, self.setting.vocabulary):
                    yield Slot(definition, node, path, doubt=doubt)
                element = f"{path}.code" if path else "code"
                self.setting.remarks.warn(
                    "unknown-fact",
                    entry.at(element),
                    f"`{shown(name)}` is no fact of this rule set; see the list of facts",
                )

    def _withdrawn(self, entry: Entry, slot: Slot, status: str) -> None:
        """That a statement was withdrawn is all that is known of the fact, where nothing else is said of it."""
        setting = self.setting
        if setting.references.whose(entry)[0] is Whose.NO_PATIENT:
            return
        if self._of_something_else(entry, slot) is not None:
            return
        where = self._whereabouts(entry, slot)
        if not where.certain:
            return
        dated = observed(entry)
        state = Absent(_DROPPED[status], f"status {status}")
        value = entry.source("status", role=Role.ABSENCE, date=dated.text, mapping=slot.mapping)
        code = entry.source("code", role=Role.CONTEXT)
        named = [entry.source(slot.at("code"), role=Role.CONTEXT)] if slot.path else []
        sources = (value, code, *named, *setting.references.subject_sources(entry), *where.sources)
        for subject in where.subjects:
            setting.state(slot.definition, subject, state, dated.moment, sources, weak=True)

    # ------------------------------------------------------------------------------------------------------ one slot

    def _state(self, entry: Entry, slot: Slot, status: str, use: Use, dated: Dated, *, future: bool) -> None:
        setting = self.setting
        reader = slot.reader
        blocked = self._of_something_else(entry, slot)
        if blocked is not None:
            setting.remarks.exclude(*(entry.source(path, role=Role.EXCLUSION) for path in (blocked, "code")))
            return
        where = self._whereabouts(entry, slot)
        read = self._value(slot)
        if read is None:
            if "hasMember" in entry.resource or (not slot.path and children(entry.resource, "component")):
                setting.remarks.exclude(entry.source("code", role=Role.EXCLUSION))
                return
            read = _NO_VALUE
        states, weak = self._believed(entry, slot, status, use, read, future=future)
        sources = self._sources(entry, slot, read, dated, where, states)
        after = self._after(slot)
        sources += (entry.source(slot.at("extension"), role=Role.CONTEXT),) if after else ()
        if where.problem is not None:
            code, element, details = where.problem
            setting.remarks.warn(code, entry.at(element), f"`{shown(entry.key)}`: {details}")
        since, before = (
            fact_key(event) if event is not None else None
            for event in ((reader.since, reader.before) if reader is not None else (None, None))
        )
        said_nothing = (
            use is Use.YES and not future and read.problem is None and read.element.endswith("dataAbsentReason")
        )
        if said_nothing and (slot.doubt or not where.certain):
            # What was not measured of something that is not known here hides no value.
            setting.leave_out(sources)
            return
        if slot.reader is not None and where.problem is not None and where.problem[0] == "structure-not-known":
            weak = True  # a distance at large, of nothing known here: it says nothing against one that is named
        if before is not None and not where.certain:
            weak = True  # what may be another cancer's first stage says nothing against a stated one
        doubtful = Absent(AbsenceReason.INDETERMINATE, where.problem[2] if where.problem else "")
        for subject in where.subjects:
            for state in states if where.certain else (doubtful,):
                setting.state(
                    slot.definition,
                    subject,
                    state,
                    dated.moment,
                    sources,
                    weak=weak,
                    since=since,
                    after=after,
                    before=before,
                )
        for subject in () if said_nothing else where.possible:
            setting.state(slot.definition, subject, doubtful, dated.moment, sources, weak=weak, since=since)
        if not where.subjects or weak:
            setting.leave_out(sources)

    def _whereabouts(self, entry: Entry, slot: Slot) -> Whereabouts:
        reader = slot.reader
        if reader is not None and reader.of_tumour and slot.definition.level is Level.PATIENT:
            return about_the_tumour(entry, self._stages, self.setting)
        return whereabouts(entry, slot.definition, self.setting, structure=_implied(reader))

    def _of_something_else(self, entry: Entry, slot: Slot) -> str | None:
        """The element that shows that the value is not of what the code usually speaks of.

        What was measured on a specimen was cut out: it is no measure of a lesion or a structure that is still there.
        """
        reader = slot.reader
        if reader is None:
            measured = slot.definition.kind is FactKind.MEASURE and slot.definition.level is not Level.PATIENT
            return "specimen" if measured and "specimen" in entry.resource else None
        present = next((element for element in reader.unless if element in entry.resource), None)
        if present is None and reader.unless_method is not None:
            method = concept(entry.resource.get("method"), self.setting.tables)
            present = "method" if method.any_in(self.setting.tables.value_set(reader.unless_method)) else None
        return present

    def _may_be_of_something_else(self, entry: Entry, slot: Slot) -> str:
        """Why the value may be of something else: an element that would show this may have been left out, or it is a
        laboratory's. Empty where nothing says so.
        """
        reader = slot.reader
        if slot.definition.kind is not FactKind.MEASURE or slot.definition.level is Level.PATIENT:
            return ""
        telling = (*reader.unless, *(("method",) if reader.unless_method else ())) if reader else ("specimen",)
        if is_subsetted(entry) and not set(telling) <= set(entry.resource):
            return "the resource is only a part of itself, and may be of a specimen"
        categories = (concept(each, self.setting.tables) for each in children(entry.resource, "category"))
        if any(_LABORATORY in category.local(_CATEGORY) for category in categories):
            return "it is a laboratory's result, and a laboratory measures what was cut out"
        return ""

    def _after(self, slot: Slot) -> frozenset[tuple[Level, str]]:
        """The events that the part says it follows, where their days are not known."""
        address = self.setting.tables.local.after
        said = (string(item, "valueCode") or "" for _, item in extension(slot.node, (address,)))
        levels = {level.value: level for level in Level}
        paths = (path.partition(".") for path in said if address)
        return frozenset((levels[level], name) for level, _, name in paths if level in levels)

    def _value(self, slot: Slot) -> Read | None:
        tables = self.setting.tables
        reader = slot.reader
        if reader is not None and reader.component is not None:
            wanted = tables.value_set(reader.component)
            found: list[Read] = []
            for index, component in enumerate(children(slot.node, "component")):
                if concept(component.get("code"), tables).any_in(wanted):
                    read = read_value(component, slot.definition, tables, map_name=reader.map)
                    if read is not None:
                        found.append(Read(read.states, f"component[{index}].{read.element}", read.problem))
            if found:
                states = tuple(dict.fromkeys(state for read in found for state in read.states))
                problem = next((read.problem for read in found if read.problem is not None), None)
                return Read(states, found[0].element, problem, tuple(read.element for read in found[1:]))
        return read_value(slot.node, slot.definition, tables, map_name=reader.map if reader else None)

    def _believed(
        self, entry: Entry, slot: Slot, status: str, use: Use, read: Read, *, future: bool
    ) -> tuple[tuple[Known | Absent, ...], bool]:
        """The states that count, and whether they only keep silence from being an answer."""
        remarks = self.setting.remarks
        if use is not Use.YES:
            return (UNREAD[use],), False
        if future:
            return (FUTURE,), True
        if status not in _FINAL:
            remarks.exclude(entry.source("status", role=Role.EXCLUSION))
            remarks.warn(
                "not-final",
                entry.at("status"),
                f"`{shown(entry.key)}` has the status `{shown(status)}`; final, amended and corrected are used",
            )
            return (Absent(AbsenceReason.NOT_FINAL, f"status {shown(status)}"),), False
        if read.problem is not None:
            code, details = read.problem
            remarks.warn(code, entry.at(slot.at(read.element) if read.element else slot.path), details)
        if len(read.states) > 1:
            remarks.warn(
                "contradictory-codes",
                entry.at(slot.at(read.element)),
                f"the {'components' if read.others else 'codings'} of `{shown(entry.key)}` contradict each other; "
                "all were kept, none was chosen",
            )
        doubt = slot.doubt
        elsewhere = self._may_be_of_something_else(entry, slot)
        if elsewhere and not is_subsetted(entry) and any(isinstance(state, Known) for state in read.states):
            remarks.warn(
                "contradictory-value",
                entry.at("category"),
                f"`{shown(entry.key)}` measures a tumour in place, and {elsewhere}: the value stays unknown; send the "
                "`specimen`, or the category `imaging` or `exam`",
            )
        doubt = elsewhere or doubt
        return ((Absent(AbsenceReason.INDETERMINATE, doubt),) if doubt else read.states), False

    def _sources(
        self,
        entry: Entry,
        slot: Slot,
        read: Read,
        dated: Dated,
        where: Whereabouts,
        states: tuple[Known | Absent, ...],
    ) -> tuple[Source, ...]:
        known = where.certain and any(isinstance(state, Known) for state in states)
        role = Role.VALUE if known else Role.ABSENCE
        element = slot.at(read.element) if read.element else slot.path
        value = entry.source(element, role=role, date=dated.text, mapping=slot.mapping)
        elements = ("code", "status", *(("category",) if self._may_be_of_something_else(entry, slot) else ()))
        context = [entry.source(path, role=Role.CONTEXT) for path in elements if path in entry.resource]
        if slot.path:
            context.append(entry.source(slot.at("code"), role=Role.CONTEXT))
        if read.problem is not None and "referenceRange" in slot.node:  # its unit may be what speaks against the value
            context.append(entry.source(slot.at("referenceRange"), role=Role.CONTEXT))
        others = [replace(value, path=f"{entry.type}.{slot.at(element)}") for element in read.others]
        about = (*self.setting.references.subject_sources(entry), *dated.sources, *where.sources)
        return (value, *others, *context, *about)


def _implied(reader: ObservationReader | None) -> str | None:
    return reader.structure if reader is not None and reader.structure not in (None, "bodySite") else None


def is_of_lesion(entry: Entry, setting: Setting) -> bool:
    """Whether an Observation with a focus states a fact of a lesion, or of a structure at risk of one."""
    status = string(entry.resource, "status")
    if "focus" not in entry.resource or status in _DROPPED or setting.use(entry) is not Use.YES:
        return False
    tables = setting.tables
    code = concept(entry.resource.get("code"), tables)
    levels = {fact_key(r.fact)[0] for each in code.codes for r in tables.observations_by_code.get(each, ())}
    names = {name.replace("_", "-") for name in code.local(tables.local.observation)}
    levels |= {level for level, name in setting.vocabulary.facts if kebab(name) in names}
    return bool(levels & {Level.LESION, Level.STRUCTURE})
