"""What every reader of one bundle shares, and the checks that come before any reading."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cds.case import AbsenceReason, Absent, Known, Role, Source
from cds.intake.bundle import Entry, Record, is_newer
from cds.intake.coding import Concept, concept
from cds.intake.document import children, string
from cds.intake.moments import Dated, Moment
from cds.intake.reconcile import Reading, Subject
from cds.intake.references import References, Whose
from cds.intake.remarks import Remarks, shown
from cds.intake.resources import REQUIRED, is_valid, required_by
from cds.intake.tumours import Lesions, identifiers
from cds.quantities import DateSpan
from cds.ruleset.mapping import MappingTables
from cds.vocabulary import FactDefinition, FactKind, Level, Vocabulary

ANY: str = "*"
"""In a subject: every structure at risk of the lesion, on every side."""


class Use(enum.Enum):
    """Whether a resource may be believed."""

    YES = "yes"
    QUARANTINED = "quarantined"
    MODIFIED = "modified"
    NOT_THE_PATIENTS = "not-the-patients"
    WHOSE_UNKNOWN = "whose-unknown"
    DISPUTED = "disputed"
    """Another copy of it, by its identifier and its code, was entered in error, and it is not known to be newer."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """Something unread that may have said anything about these facts: their silence is no answer."""

    facts: frozenset[tuple[Level, str]]
    reason: AbsenceReason
    note: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that is one of several which may each make a fact true."""

    definition: FactDefinition
    subject: Subject
    state: Known | Absent
    moment: Moment
    sources: tuple[Source, ...]
    weak: bool = False


@dataclass(slots=True)
class Setting:
    """One bundle being read: what is fixed, and the readings as they grow."""

    vocabulary: Vocabulary
    tables: MappingTables
    as_of: dt.date
    record: Record
    references: References
    remarks: Remarks
    lesions: Lesions = field(default_factory=Lesions)
    readings: list[Reading] = field(default_factory=list)
    shadows: list[Shadow] = field(default_factory=list)
    quarantined_types: set[str] = field(default_factory=set)
    _use: dict[int, Use] = field(default_factory=dict)
    _by_index: dict[int, Entry] = field(default_factory=dict)
    _groups: dict[int, list[tuple[Entry, tuple[Source, ...]]]] | None = None
    _in_error: list[Entry] | None = None

    def __post_init__(self) -> None:
        self._by_index = {entry.index: entry for entry in self.record.entries}

    def definition(self, level: Level, name: str) -> FactDefinition | None:
        """A fact that the vocabulary has and that a record may state."""
        found = self.vocabulary.facts.get((level, name))
        return found if found is not None and found.kind is not FactKind.GIVEN else None

    def use(self, entry: Entry) -> Use:
        """Whether a resource may be believed; what speaks against it is reported and named once."""
        if entry.index not in self._use:
            self._use[entry.index] = self._checked(entry)
        return self._use[entry.index]

    def _checked(self, entry: Entry) -> Use:
        if entry.type != "Patient":
            whose, element = self.references.whose(entry)
            if whose is Whose.NO_PATIENT:
                self.remarks.exclude(*self.references.subject_sources(entry))
                if "subject" in entry.resource:
                    self.remarks.exclude(entry.source("subject", role=Role.EXCLUSION))
                self.remarks.inform(
                    "not-the-patient",
                    entry.at(element),
                    f"`{shown(entry.key)}` is not about a patient; it was not used",
                )
                return Use.NOT_THE_PATIENTS
            if whose is Whose.UNKNOWN:
                self.remarks.exclude(entry.source(element, role=Role.EXCLUSION))
                self.remarks.warn(
                    "unknown-subject",
                    entry.at(element),
                    f"`{shown(entry.key)}` does not show whose it is; it was not used; refer to the bundle's Patient",
                )
                return Use.WHOSE_UNKNOWN
        if not is_valid(entry, self.remarks):
            self.remarks.exclude(entry.source(role=Role.EXCLUSION))
            self.quarantined_types.add(entry.type)
            return Use.QUARANTINED
        modifier = self._modifier(entry)
        if modifier is not None:
            path, url = modifier
            self.remarks.exclude(entry.source(path, role=Role.EXCLUSION))
            self.remarks.warn(
                "unknown-modifier",
                entry.at(path),
                f"`{shown(url)}` may change what `{shown(entry.key)}` means and is not known here; "
                "the resource was not used",
            )
            return Use.MODIFIED
        copy = self._copy_in_error(entry)
        if copy is not None:
            self.remarks.exclude(copy.source(role=Role.EXCLUSION))
            self.remarks.exclude(*(entry.source(e, role=Role.EXCLUSION) for e in ("identifier", "code", "meta")))
            self.remarks.warn(
                "same-resource-twice",
                entry.at("identifier"),
                f"`{shown(entry.key)}` has the identifier of `{shown(copy.key)}`, which was entered in error; "
                "it was not used; send one of the two",
            )
            return Use.DISPUTED
        self._surface(entry)
        return Use.YES

    def _copy_in_error(self, entry: Entry) -> Entry | None:
        """The copy of a resource, by identifier and code, that was entered in error, if it may be the newer one."""
        if self._in_error is None:
            self._in_error = [each for each in self.record.entries if _was_in_error(each)]
        if not self._in_error or _was_in_error(entry):
            return None
        own = identifiers(entry.resource)
        codes = set(concept(entry.resource.get("code"), self.tables).codes)
        for other in self._in_error:
            if other.type != entry.type or not own & identifiers(other.resource):
                continue
            its = set(concept(other.resource.get("code"), self.tables).codes)
            if (not codes or not its or codes & its) and not is_newer(entry, other):
                return other
        return None

    def groups(self, entry: Entry) -> Sequence[tuple[Entry, tuple[Source, ...]]]:
        """The Observations that name an Observation as their member, each with the elements that say so."""
        if self._groups is None:
            self._groups = {}
            for group in self.record.of("Observation"):
                for reference in children(group.resource, "hasMember"):
                    target = self.references.resolve(reference, group)
                    if target is None or target.contained is not None or target.entry.index == group.index:
                        continue
                    if (string(group.resource, "status") or "") != "entered-in-error" and self.use(group) is Use.YES:
                        members = group.source("hasMember", role=Role.CONTEXT)
                        named = (members, *target.sources, *self.references.subject_sources(group))
                        self._groups.setdefault(target.entry.index, []).append((group, named))
        return self._groups.get(entry.index, ())

    def is_modified(self, entry: Entry) -> bool:
        """Whether something unknown may change what a resource means."""
        return self._modifier(entry) is not None

    def _modifier(self, entry: Entry) -> tuple[str, str] | None:
        """The path and address of the first modifier extension that the tables do not call harmless."""
        # The look for the name is native; most resources do not hold it anywhere.
        if "modifierExtension" not in str(entry.resource):
            return None
        stack: list[tuple[str, object]] = [("", entry.resource)]
        while stack:
            path, node = stack.pop()
            if isinstance(node, Mapping):
                here = f"{path}." if path else ""
                for item in children(node, "modifierExtension"):
                    url = string(item, "url") or ""
                    if url not in self.tables.extensions.harmless_modifiers:
                        return f"{here}modifierExtension", url
                stack += [
                    (f"{here}{k}", v) for k, v in node.items() if isinstance(v, (Mapping, list)) and k != "contained"
                ]
            elif isinstance(node, list):
                stack += [(f"{path}[{i}]", v) for i, v in enumerate(node) if isinstance(v, Mapping)]
        return None

    def _surface(self, entry: Entry) -> None:
        if "implicitRules" in entry.resource:
            self.remarks.inform(
                "implicit-rules",
                entry.at("implicitRules"),
                f"`{shown(entry.key)}` was made under rules that are not known here; read it with care",
            )
        meta = entry.resource.get("meta")
        for tag in children(meta, "security"):
            self.remarks.inform(
                "security-label",
                entry.at("meta.security"),
                f"`{shown(entry.key)}` carries the label `{shown(string(tag, 'code'))}`",
            )
        for tag in children(meta, "tag"):
            if string(tag, "code") == "SUBSETTED":
                self.remarks.warn(
                    "subsetted",
                    entry.at("meta.tag"),
                    f"`{shown(entry.key)}` is only a part of the resource; what it lacks is unknown",
                )

    # --------------------------------------------------------------------------------------------------- statements

    def state(
        self,
        definition: FactDefinition,
        subject: Subject,
        state: Known | Absent,
        moment: Moment,
        sources: Iterable[Source],
        *,
        weak: bool = False,
        note: str = "",
        since: tuple[Level, str] | None = None,
        after: frozenset[tuple[Level, str]] = frozenset(),
        before: tuple[Level, str] | None = None,
    ) -> None:
        """Add one statement, with what FHIR requires of the resources that make it: without it they are no FHIR."""
        named = self.with_required(sources)
        self.readings.append(
            Reading(definition.level, definition.name, subject, state, moment, named, weak, note, since, after, before)
        )

    def any_of(self, statements: Iterable[Statement]) -> None:
        """Add what several records of the same kind come to for a fact that one of them is enough to make true.

        Where one says yes, those that are unclear say nothing against it.
        """
        groups: dict[tuple[Level, str, Subject], list[Statement]] = {}
        for statement in statements:
            key = (statement.definition.level, statement.definition.name, statement.subject)
            groups.setdefault(key, []).append(statement)
        for group in groups.values():
            certain = [s for s in group if isinstance(s.state, Known) and not s.weak]
            for s in certain or group:
                self.state(s.definition, s.subject, s.state, s.moment, s.sources, weak=s.weak)
                if s.weak:
                    self.leave_out(s.sources)

    def with_required(self, sources: Iterable[Source]) -> tuple[Source, ...]:
        """The sources, each once, and behind them the elements without which their resources would be quarantined:
        those that FHIR requires of the resource that carries the statement, and of the items that lead to an element.
        """
        named = dict.fromkeys(sources)
        paths = {(source.entry, source.path) for source in named}
        for source in tuple(named):
            place = source.entry.removeprefix("Bundle.entry[").removesuffix("].resource")
            if source.role == Role.EXCLUSION.value or not place.isdecimal():
                continue  # not an element of a resource
            entry = self._by_index[int(place)]
            wanted = [path.partition(".")[2] for path in required_by(source.path)]
            if source.role in (Role.VALUE.value, Role.ABSENCE.value):
                wanted += [element for element in REQUIRED.get(entry.type, ()) if element in entry.resource]
            for element in wanted:
                if (source.entry, f"{entry.type}.{element}") not in paths:
                    paths.add((source.entry, f"{entry.type}.{element}"))
                    named.setdefault(entry.source(element, role=Role.CONTEXT))
        return tuple(named)

    def leave_out(self, sources: Sequence[Source]) -> None:
        """Name what kept a statement from counting: elements of its own resource, but not whose record it is."""
        own = [s for s in sources if s.entry == sources[0].entry]
        self.remarks.exclude(*(s for s in own if s.path.partition(".")[2] not in ("subject", "patient")))

    def leave_unused(self, entry: Entry, *elements: str) -> None:
        """Name those of a resource's elements that decided that it was not used."""
        present = dict.fromkeys(element for element in elements if element in entry.resource)
        self.remarks.exclude(*(entry.source(element, role=Role.EXCLUSION) for element in present))

    def shadow(self, facts: Iterable[tuple[Level, str]], reason: AbsenceReason, note: str, *sources: Source) -> None:
        """Keep the silence about these facts from being read as an answer."""
        self.shadows.append(Shadow(frozenset(facts), reason, note, sources))
        self.remarks.exclude(*sources)

    def show_unplaced(self, entry: Entry, element: str, code: Concept) -> None:
        """Report, for a person to look at, what gives no fact because it has no code of a system that is known here."""
        if not code.raw:
            self.remarks.inform(
                "text-only-code",
                entry.at(element),
                f"`{shown(code.text)}` is text without a code; a person may want to look at it",
            )
        elif not code.codes:
            said = shown(", ".join(f"{system or 'no system'} {each}" for system, each in code.raw))
            self.remarks.inform(
                "code-not-mapped",
                entry.at(element),
                f"`{shown(entry.key)}` has no code of a system known here ({said}); nothing was read from it",
            )

    def timely(self, entry: Entry, dated: Dated) -> tuple[Moment, bool]:
        """The moment, no later than `as_of`; and whether it lies after `as_of` altogether."""
        moment = dated.moment
        if dated.broken is not None:
            self.remarks.warn(
                "unreadable-date",
                entry.at(dated.broken),
                f"`{shown(dated.text or '')}` is no date; the statement counts as undated",
            )
        elif not moment.dated:
            self.remarks.inform("undated", entry.path, f"`{shown(entry.key)}` says no clinical date")
        if moment.time is not None and moment.time.tzinfo is None:
            self.remarks.inform(
                "time-without-zone", entry.path, f"`{shown(entry.key)}` gives a time without zone; it was read as local"
            )
        span = moment.span
        if span is None or span.last <= self.as_of:
            return moment, False
        if span.first > self.as_of:
            self.remarks.warn(
                "future-dated", entry.path, f"`{shown(entry.key)}` is dated {span}, after {self.as_of}; it was not used"
            )
            self.remarks.exclude(*(replace(s, role=Role.EXCLUSION.value) for s in dated.sources))
            return moment, True
        return replace(moment, span=DateSpan(span.first, self.as_of)), False

    def all_facts(self) -> Iterator[tuple[Level, str]]:
        """Every fact that a record may state."""
        return (key for key, definition in self.vocabulary.facts.items() if definition.kind is not FactKind.GIVEN)


def _was_in_error(entry: Entry) -> bool:
    said = children(entry.resource.get("verificationStatus"), "coding")
    return "entered-in-error" in (string(entry.resource, "status"), *(string(each, "code") for each in said))


FUTURE = Absent(AbsenceReason.ERROR, "dated after the day of the answer")
UNREAD: Mapping[Use, Absent] = {
    Use.QUARANTINED: Absent(AbsenceReason.QUARANTINED, "the resource that says it is not valid"),
    Use.MODIFIED: Absent(AbsenceReason.UNKNOWN_MODIFIER, "an extension that is not known may change what it says"),
    Use.DISPUTED: Absent(AbsenceReason.ENTERED_IN_ERROR, "another copy of what says it was entered in error"),
    Use.WHOSE_UNKNOWN: Absent(AbsenceReason.QUARANTINED, "the resource that says it does not show whose it is"),
}
