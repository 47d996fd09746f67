"""Procedures, imaging studies and requests as statements of what was done, and where."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from cds.case import AbsenceReason, Absent, Known, Role, Source
from cds.intake.bundle import Entry
from cds.intake.coding import concept, extension
from cds.intake.document import Json, child, children, number, string
from cds.intake.moments import Dated, Moment, dated_at, dated_by, span_of
from cds.intake.refusals import accepted, denied, permitted, refused
from cds.intake.remarks import shown
from cds.intake.setting import FUTURE, UNREAD, Setting, Statement, Use
from cds.intake.tumours import Tumour
from cds.intake.values import measured
from cds.quantities import DateSpan, Interval
from cds.ruleset.mapping import DoneReader, RefusalReader, TreatmentReader, fact_key
from cds.vocabulary import FactDefinition, Level

_DONE: Final = frozenset({"completed"})
_GIVEN: Final = frozenset({"completed", "in-progress"})
_DELIVERED: Final = frozenset({"totalDoseDelivered", "fractionsDelivered"})
_NOT_GIVEN: Final = frozenset({"not-done", "entered-in-error", "preparation", "on-hold"})


def read_procedures(setting: Setting) -> None:
    """Add examinations done, treatments given at a lesion's site, and treatments declined."""
    statements: list[Statement] = []
    treated: dict[str, list[_Course]] = {}
    agreed: list[tuple[Entry, RefusalReader]] = []
    readers = setting.tables.readers
    for entry in setting.record.of("Procedure", "ServiceRequest"):
        code = concept(entry.resource.get("code"), setting.tables)
        if not code.readable:
            if string(entry.resource, "status") != "entered-in-error":
                _unreadable(entry, setting)
            continue
        performed = entry.type == "Procedure"
        refusals = [r for r in readers.refusals if code.any_in(setting.tables.value_set(r.codes))]
        done = [r for r in readers.done if performed and code.any_in(setting.tables.value_set(r.codes))]
        treatments = [r for r in readers.treatments if performed and code.any_in(setting.tables.value_set(r.codes))]
        for refusal in refusals:
            statements += refused(entry, refusal, setting)
            agreed.append((entry, refusal))
        for examination in done:
            statements += _done(entry, examination, setting)
        for treatment in treatments:
            treated.setdefault(treatment.id, []).extend(_courses(entry, treatment, setting))
        if not (refusals or done or treatments):
            setting.remarks.exclude(entry.source("code", role=Role.EXCLUSION))
            if not code.raw:  # a code of another system is no loss: most of what is done gives no fact
                setting.show_unplaced(entry, "code", code)
    for entry in setting.record.of("ImagingStudy"):
        for examination in readers.done:
            statements += _imaged(entry, examination, setting)
    for entry in setting.record.of("Consent"):
        statements += denied(entry, setting)
    declined = {(statement.definition.path, statement.subject) for statement in statements}
    permissions = [said for entry in setting.record.of("Consent") for said in permitted(entry, setting)]
    if declined:
        permissions += [said for entry, refusal in agreed for said in accepted(entry, refusal, setting)]
    for said in permissions:
        if (said.definition.path, said.subject) in declined:  # beside a refusal it counts by its date
            setting.state(said.definition, said.subject, said.state, said.moment, said.sources, weak=said.weak)
    for reader in readers.treatments:
        statements += _treated(reader, treated.get(reader.id, []), setting)
    setting.any_of(statements)


def _unreadable(entry: Entry, setting: Setting) -> None:
    readers = setting.tables.readers
    facts = [r.fact for r in readers.refusals]
    if entry.type == "Procedure":
        facts += [r.fact for r in readers.done]
        facts += [f for r in readers.treatments for f in (*r.here, r.since, r.date) if f]
    setting.remarks.warn(
        "unreadable-code",
        entry.at("code"),
        f"`{shown(entry.key)}` does not say what it is; what it may have said counts as unknown",
    )
    setting.shadow(
        map(fact_key, facts),
        AbsenceReason.QUARANTINED,
        f"a {entry.type} does not say what it is",
        entry.source(role=Role.EXCLUSION),
    )


def _performed(entry: Entry) -> Dated:
    return dated_by(entry, "performedPeriod", "performedDateTime")


# ---------------------------------------------------------------------------------------------------- examinations done


def _done(entry: Entry, reader: DoneReader, setting: Setting) -> Iterator[Statement]:
    status = string(entry.resource, "status") or ""
    if status in _NOT_GIVEN or status in ("in-progress", "stopped"):
        setting.leave_unused(entry, "status", "code")
        return
    unsure = None if status in _DONE else f"a Procedure has the status {shown(status)}"
    yield from _happened(entry, reader, "code", _performed(entry), unsure, setting)


def _imaged(entry: Entry, reader: DoneReader, setting: Setting) -> Iterator[Statement]:
    """An ImagingStudy with all the modalities of a reader."""
    concepts = [
        *children(entry.resource, "modality"),
        *(child(s, "modality") for s in children(entry.resource, "series")),
    ]
    said = {string(c, "code") for c in concepts}
    if not reader.modalities or not set(reader.modalities) <= said:
        return
    status = string(entry.resource, "status") or ""
    if status in ("registered", "cancelled", "entered-in-error"):
        setting.leave_unused(entry, "status", "code")
        return
    unsure = None if status == "available" else f"an ImagingStudy has the status {shown(status)}"
    element = "modality" if "modality" in entry.resource else "series"
    yield from _happened(entry, reader, element, dated_by(entry, "started"), unsure, setting)


def _happened(
    entry: Entry, reader: DoneReader, element: str, dated: Dated, unsure: str | None, setting: Setting
) -> Iterator[Statement]:
    definition = setting.definition(*fact_key(reader.fact))
    use = setting.use(entry)
    if definition is None or use is Use.NOT_THE_PATIENTS:
        return
    moment, future = setting.timely(entry, dated)
    state: Known | Absent = Known(True)
    weak = False
    if use is not Use.YES:
        state = UNREAD[use]
    elif future:
        state, weak = FUTURE, True
    elif unsure is not None:
        state = Absent(AbsenceReason.INDETERMINATE, unsure)
    role = Role.VALUE if isinstance(state, Known) else Role.ABSENCE
    value = entry.source(element, role=role, date=dated.text, mapping=reader.id)
    status = entry.source("status", role=Role.CONTEXT)
    sources = (value, status, *setting.references.subject_sources(entry), *dated.sources)
    yield Statement(definition, (), state, moment, tuple(dict.fromkeys(sources)), weak)


# ------------------------------------------------------------------------------------------------------------
# treatments


class _Where(enum.Enum):
    HERE = "here"
    UNCLEAR = "unclear"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class _Course:
    """One treatment as it concerns one lesion."""

    entry: Entry
    lesion: str
    where: _Where
    state: Known | Absent
    moment: Moment
    end: DateSpan | None
    ongoing: bool
    sources: tuple[Source, ...]
    weak: bool


def _courses(entry: Entry, reader: TreatmentReader, setting: Setting) -> Iterator[_Course]:
    status = string(entry.resource, "status") or ""
    if status in _NOT_GIVEN:
        setting.leave_unused(entry, "status", "code")
        return
    use = setting.use(entry)
    if use is Use.NOT_THE_PATIENTS:
        return
    planned = status == "in-progress" and _ends_later(entry, setting)
    start = string(child(entry.resource, "performedPeriod"), "start")
    dated = dated_at(entry, "performedPeriod.start", start) if planned else _performed(entry)
    moment, future = setting.timely(entry, dated)
    context = [
        entry.source(e, role=Role.CONTEXT)
        for e in ("status", "bodySite", "reasonReference", "extension")
        if e in entry.resource
    ]
    sites, sides, volumes = _sites(entry, reader, setting)
    for tumour in setting.lesions.tumours:
        where, note, named = _place(entry, reader, tumour, sites, sides, setting)
        if where is _Where.ELSEWHERE:
            setting.remarks.exclude(
                *(entry.source(s.path.partition(".")[2], role=Role.EXCLUSION) for s in context),
                *volumes,
                entry.source("code", role=Role.EXCLUSION),
            )
            continue
        state: Known | Absent = Known(True)
        weak = False
        if use is not Use.YES:
            state, weak = UNREAD[use], True
        elif future:
            state, weak = FUTURE, True
        elif where is _Where.UNCLEAR:
            state, weak = Absent(AbsenceReason.INDETERMINATE, note), True
            setting.remarks.inform(
                "where-treated", entry.path, f"`{shown(entry.key)}`: {note}; for `{tumour.id}` it stays unknown"
            )
        elif status not in _GIVEN:
            state, weak = Absent(AbsenceReason.INDETERMINATE, f"a treatment has the status {shown(status)}"), True
        elif _delivered_nothing(entry, setting):
            state, weak = Absent(AbsenceReason.INDETERMINATE, "a treatment says that nothing was delivered"), True
            setting.remarks.warn(
                "contradictory-value",
                entry.at("extension"),
                f"`{shown(entry.key)}` is {status} and says that no dose or fraction was delivered: whether it was "
                "given stays unknown; send what was delivered, or the status not-done",
            )
        role = Role.VALUE if isinstance(state, Known) else Role.ABSENCE
        value = entry.source("code", role=role, date=dated.text, mapping=reader.id)
        sources = (value, *context, *setting.references.subject_sources(entry), *dated.sources, *volumes, *named)
        goes_on = status == "in-progress" and (planned or not _ended(entry))
        end = moment.span if moment.dated and not goes_on else None
        yield _Course(
            entry, tumour.id, where, state, moment, end, status == "in-progress", tuple(dict.fromkeys(sources)), weak
        )


def _delivered_nothing(entry: Entry, setting: Setting) -> bool:
    """Whether a treatment says of a volume that no dose, or no fraction, was delivered to it."""
    said = (
        child(inner, "valueQuantity").get("value") if "valueQuantity" in inner else inner.get("valueUnsignedInt")
        for _, item in extension(entry.resource, setting.tables.extensions.dose_to_volume)
        for inner in children(item, "extension")
        if string(inner, "url") in _DELIVERED
    )
    return any(amount is not None and amount <= 0 for amount in map(number, said))


def _ended(entry: Entry) -> bool:
    return string(child(entry.resource, "performedPeriod"), "end") is not None


def _ends_later(entry: Entry, setting: Setting) -> bool:
    """Whether a treatment has begun and is to end after the day of the answer."""
    period = child(entry.resource, "performedPeriod")
    start, end = span_of(period.get("start")), span_of(period.get("end"))
    return start is not None and end is not None and start.first <= setting.as_of < end.first


def _sites(
    entry: Entry, reader: TreatmentReader, setting: Setting
) -> tuple[tuple[str, ...], frozenset[str], tuple[Source, ...]]:
    """The sites and sides that a treatment names: by body site, by irradiated volume, by what the operation's code
    implies.
    """
    tables = setting.tables
    codes = tables.code_map(tables.lesions.side)
    sides: set[str] = set()
    site_map = tables.code_map(tables.lesions.site)
    far = tables.value_set(tables.lesions.far_sites)
    words: dict[str, None] = {}
    sources: dict[Source, None] = {}

    def add(node: object) -> None:
        said = concept(node, tables)
        found = (*said.mapped(site_map), *said.local(f"{tables.local.value_prefix}site"))
        for word in found or (("far",) if said.any_in(far) else ("?",)):
            words.setdefault(word.replace("-", "_") if word not in (tables.lesions.unspecified, "far", "?") else word)

    for site in children(entry.resource, "bodySite"):
        if not _leads_to_body(site, entry, setting) or "coding" in site or "text" in site:
            add(site)
        for _, item in extension(site, tables.extensions.laterality):
            sides.update(concept(item.get("valueCodeableConcept"), tables).mapped(codes))
    for reference in _body_structures(entry, setting):
        target = setting.references.resolve(reference, entry)
        if target is not None and target.contained is None and target.entry.type == "BodyStructure":
            add(target.entry.resource.get("location"))
            sources.setdefault(target.entry.source("location", role=Role.CONTEXT))
            for qualifier in children(target.entry.resource, "locationQualifier"):
                sides.update(concept(qualifier, tables).mapped(codes))
                sources.setdefault(target.entry.source("locationQualifier", role=Role.CONTEXT))
            if "profile" in child(target.entry.resource, "meta"):  # that of a volume keeps it from being a tumour
                sources.setdefault(target.entry.source("meta.profile", role=Role.CONTEXT))
            for source in target.sources:
                sources.setdefault(source)
    if reader.sites is not None:
        code = concept(entry.resource.get("code"), tables)
        for sites in code.mapped(tables.code_map(reader.sites)):
            for word in sites.split():
                words.setdefault(word)
    return tuple(words), frozenset(sides), tuple(sources)


def _body_structures(entry: Entry, setting: Setting) -> Iterator[object]:
    """The references to where a treatment was: its irradiated volumes, and the BodyStructures of its body sites."""
    extensions = setting.tables.extensions
    for _, item in extension(entry.resource, extensions.dose_to_volume):
        yield from (inner.get("valueReference") for inner in children(item, "extension"))
    for site in children(entry.resource, "bodySite"):
        yield from (item.get("valueReference") for _, item in extension(site, extensions.body_structure))


def _leads_to_body(site: Json, entry: Entry, setting: Setting) -> bool:
    """Whether a body site refers to a BodyStructure that is there: what the site lacks, that says."""
    references = (item.get("valueReference") for _, item in extension(site, setting.tables.extensions.body_structure))
    targets = (setting.references.resolve(reference, entry) for reference in references)
    return any(t is not None and t.contained is None and t.entry.type == "BodyStructure" for t in targets)


def _place(
    entry: Entry,
    reader: TreatmentReader,
    tumour: Tumour,
    sites: tuple[str, ...],
    sides: frozenset[str],
    setting: Setting,
) -> tuple[_Where, str, tuple[Source, ...]]:
    """Whether a treatment was at the site of a lesion."""
    reason = _reason(entry, tumour, setting)
    known = {
        r.state.value
        for r in setting.readings
        if r.name == "site" and r.level is Level.LESION and r.subject == (tumour.id,) and isinstance(r.state, Known)
    }
    if sites and all(site == "far" for site in sites):
        if reason is not None:
            return _Where.UNCLEAR, "it was for this lesion, and far from the head and neck", reason
        return _Where.ELSEWHERE, "", ()
    if reason is not None:
        if _other_side(sides, tumour, setting):
            return _Where.UNCLEAR, "it was on the other side", reason
        elsewhere = {site for site in sites if site != setting.tables.lesions.unspecified} - set(map(str, known))
        if not elsewhere or known & set(sites):
            return _Where.HERE, "", reason
        said = shown(", ".join(sorted(elsewhere - {"?", "far"}))) or "no site known here"
        return _Where.UNCLEAR, f"it was for this lesion, and names {said}", reason
    if len(known) != 1:
        return _Where.UNCLEAR, "the lesion's site is not known", ()
    (site,) = map(str, known)
    named = tuple(s for r in setting.readings if r.name == "site" and r.subject == (tumour.id,) for s in r.sources)
    if site not in sites:
        said = shown(", ".join(word for word in sites if word not in ("?", "far"))) or "no site known here"
        return _Where.UNCLEAR, f"it names {said}", ()
    if reader.this_lesion and setting.lesions.only() is not tumour:
        return _Where.UNCLEAR, "it does not say which lesion was treated", ()
    if _other_side(sides, tumour, setting):
        return _Where.UNCLEAR, "it was on the other side", ()
    return (
        _Where.HERE,
        "",
        tuple(Source(s.resource, s.version, s.path, s.date, s.entry, s.mapping, Role.CONTEXT.value) for s in named),
    )


def _reason(entry: Entry, tumour: Tumour, setting: Setting) -> tuple[Source, ...] | None:
    """The elements by which a treatment says that it was for a lesion; `None` where it does not."""
    for reference in children(entry.resource, "reasonReference"):
        target = setting.references.resolve(reference, entry)
        if target is not None and tumour in setting.lesions.holding(target):
            return target.sources
    return None


def _other_side(treated: frozenset[str], tumour: Tumour, setting: Setting) -> bool:
    own = {
        r.state.value
        for r in setting.readings
        if r.name == "side" and r.level is Level.LESION and r.subject == (tumour.id,) and isinstance(r.state, Known)
    }
    lateral = {"left", "right"}
    return bool(treated & lateral) and bool(own & lateral) and not treated & (own | {"bilateral"})


def _treated(reader: TreatmentReader, courses: Iterable[_Course], setting: Setting) -> Iterator[Statement]:
    by_lesion: dict[str, list[_Course]] = {}
    for course in courses:
        by_lesion.setdefault(course.lesion, []).append(course)
    here = [d for d in (setting.definition(*fact_key(fact)) for fact in reader.here) if d is not None]
    ends = [(fact_key(path), as_date) for path, as_date in ((reader.since, False), (reader.date, True)) if path]
    for lesion, group in by_lesion.items():
        for definition in here:
            for course in group:
                yield Statement(definition, (lesion,), course.state, course.moment, course.sources, course.weak)
        certain = [c for c in group if isinstance(c.state, Known) and not c.weak]
        for key, as_date in ends:
            end = setting.definition(*key)
            if end is not None:
                yield from _last_end(end, lesion, certain, group, setting, as_date=as_date)


def _last_end(
    definition: FactDefinition,
    lesion: str,
    certain: list[_Course],
    group: list[_Course],
    setting: Setting,
    *,
    as_date: bool,
) -> Iterator[Statement]:
    """When the last treatment of a lesion's site ended, as a date or as the time since."""
    if not certain or all(course.ongoing and course.end is None for course in certain):
        return
    sources = tuple(dict.fromkeys(s for course in group for s in course.sources))
    ends = [course.end for course in certain if not course.ongoing or course.end is not None]
    known = [end for end in ends if end is not None]
    unclear = [c for c in group if c not in certain and (c.end is None or any(c.end.last > e.last for e in known))]
    newest = max(certain, key=lambda c: c.end.last if c.end else setting.as_of)
    if len(known) < len(ends):
        state: Known | Absent = Absent(AbsenceReason.UNDATED, "a treatment of this site has no date of its end")
    elif unclear:
        state = Absent(AbsenceReason.INDETERMINATE, "a later treatment may have been at this site")
    else:
        span = DateSpan(max(e.first for e in known), max(e.last for e in known))
        state = Known(span) if as_date else _since(span, definition, setting)
    yield Statement(definition, (lesion,), state, newest.moment, sources)


def _since(end: DateSpan, definition: FactDefinition, setting: Setting) -> Known | Absent:
    days = [(setting.as_of - day).days for day in (end.last, end.first)]
    return measured(Interval(Fraction(max(0, days[0])), Fraction(days[1])), "d", definition)
