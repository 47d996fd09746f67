"""What the patient declined: treatments not done or revoked for that reason, and Consents that deny them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cds.case import AbsenceReason, Absent, Known, Role
from cds.intake.bundle import Entry
from cds.intake.coding import concept, extension
from cds.intake.document import Json, child, children, string
from cds.intake.moments import Dated, dated_by, span_of
from cds.intake.remarks import shown
from cds.intake.setting import FUTURE, UNREAD, Setting, Statement, Use
from cds.intake.subjects import about_lesions
from cds.ruleset.mapping import RefusalReader, fact_key

CONSENT_TO_TREATMENT: Final = ("http://terminology.hl7.org/CodeSystem/consentscope", "treatment")
"""The scope of a Consent in which its provisions speak of treatments, not of who may see a record."""


def refused(entry: Entry, reader: RefusalReader, setting: Setting) -> Iterator[Statement]:
    """That the patient declined what a Procedure or a ServiceRequest names, which for that reason was not done."""
    status = string(entry.resource, "status") or ""
    wanted = {"ServiceRequest": "revoked", "Procedure": "not-done"}[entry.type]
    reasons = list(_reasons(entry, setting))
    given = [
        element
        for element, reason in reasons
        if concept(reason, setting.tables).any_in(setting.tables.value_set(reader.reasons))
    ]
    if entry.resource.get("doNotPerform") is True:  # what was revoked is that it is not to be done
        setting.leave_unused(entry, "status", "code", "doNotPerform")
        return
    if status != wanted or not given:
        for element, reason in reasons if status == wanted else ():
            said = concept(reason, setting.tables)
            if said.text is not None and not said.raw:
                setting.remarks.inform(
                    "text-only-code",
                    entry.at(element),
                    f"why `{shown(entry.key)}` was not done is text without a code (`{shown(said.text)}`); a person "
                    "may want to look at it",
                )
        setting.leave_unused(entry, "status", "code", *(element for element, _ in reasons))
        return
    dated = dated_by(entry, "authoredOn", "performedPeriod", "performedDateTime", "occurrenceDateTime")
    yield from _declined(entry, reader, given[0], ("code", "status"), dated, setting)


def denied(entry: Entry, setting: Setting) -> Iterator[Statement]:
    """A Consent to treatment that denies what it names: the patient declined that, on the day of the Consent."""
    tables = setting.tables
    provision = child(entry.resource, "provision")
    codes = [concept(code, tables) for code in children(provision, "code")]
    readers = [r for r in tables.readers.refusals if any(c.any_in(tables.value_set(r.codes)) for c in codes)]
    treatment = CONSENT_TO_TREATMENT in concept(entry.resource.get("scope"), tables).raw
    if not readers:
        setting.remarks.exclude(entry.source("provision", role=Role.EXCLUSION))
        text = next((c.text for c in codes if c.text is not None and not c.raw), None)
        if text is not None and treatment and string(provision, "type") == "deny":
            setting.remarks.inform(
                "text-only-code",
                entry.at("provision"),
                f"`{shown(entry.key)}` denies a treatment in text without a code (`{shown(text)}`); a person may want "
                "to look at it",
            )
    elif not treatment or string(provision, "type") != "deny" or string(entry.resource, "status") != "active":
        setting.leave_unused(entry, "status", "scope", "provision")
    elif "provision" in provision or "data" in provision:
        setting.remarks.warn(
            "something-declined",
            entry.at("provision"),
            f"`{shown(entry.key)}` denies a treatment with exceptions, which are not read; ask the patient",
        )
        setting.leave_unused(entry, "provision")
    else:
        dated = dated_by(entry, "dateTime")
        lapsed = None if _holds(entry, setting) else _LAPSED
        for reader in readers:
            yield from _declined(entry, reader, "provision", _OF_CONSENT, dated, setting, instead=lapsed)


def permitted(entry: Entry, setting: Setting) -> Iterator[Statement]:
    """A Consent to treatment that permits what it names: an earlier refusal of that may not stand any more.

    It is no statement that the patient declines nothing, since another treatment of the lesion may be declined.
    """
    tables = setting.tables
    provision = child(entry.resource, "provision")
    codes = [concept(code, tables) for code in children(provision, "code")]
    treatment = CONSENT_TO_TREATMENT in concept(entry.resource.get("scope"), tables).raw
    active = string(entry.resource, "status") == "active"
    if treatment and active and string(provision, "type") == "permit" and _holds(entry, setting):
        for reader in tables.readers.refusals:
            if any(code.any_in(tables.value_set(reader.codes)) for code in codes):
                dated = dated_by(entry, "dateTime")
                yield from _declined(entry, reader, "provision", _OF_CONSENT, dated, setting, instead=_PERMITTED)


def accepted(entry: Entry, reader: RefusalReader, setting: Setting) -> Iterator[Statement]:
    """A dated order, or a treatment that was begun: an earlier refusal of what it names may not stand any more."""
    status = string(entry.resource, "status") or ""
    wanted, own = {
        "ServiceRequest": (("active", "completed"), ("intent", "doNotPerform")),
        "Procedure": (("completed", "in-progress"), ()),
    }[entry.type]
    ordered = entry.type == "Procedure" or (
        string(entry.resource, "intent") in ORDERS and entry.resource.get("doNotPerform") is not True
    )
    dated = dated_by(entry, "authoredOn", "performedPeriod", "performedDateTime")
    if status not in wanted or not ordered or not dated.moment.dated or setting.use(entry) is not Use.YES:
        return
    if about_lesions(entry, setting, ("reasonReference",)).certain and not setting.timely(entry, dated)[1]:
        yield from _declined(entry, reader, "code", ("status", *own), dated, setting, instead=_ACCEPTED)


_ACCEPTED: Final = Absent(AbsenceReason.INDETERMINATE, "such a treatment was ordered or given")
ORDERS: Final = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})
"""What a request is meant as where somebody acts on it, not proposes or plans."""
_OF_CONSENT: Final = ("status", "scope", "category")
_LAPSED: Final = Absent(AbsenceReason.INDETERMINATE, "a treatment was declined for another time than this")
_PERMITTED: Final = Absent(AbsenceReason.INDETERMINATE, "the patient consented to such a treatment")


def _holds(consent: Entry, setting: Setting) -> bool:
    """Whether a Consent's provision is in force on the day of the answer, as far as it says for how long it is."""
    period = child(child(consent.resource, "provision"), "period")
    start, end = span_of(period.get("start")), span_of(period.get("end"))
    begun = start is None or start.first <= setting.as_of
    return begun and (end is None or end.last >= setting.as_of)


def _declined(
    entry: Entry,
    reader: RefusalReader,
    element: str,
    context: tuple[str, ...],
    dated: Dated,
    setting: Setting,
    *,
    instead: Absent | None = None,
) -> Iterator[Statement]:
    definition = setting.definition(*fact_key(reader.fact))
    use = setting.use(entry)
    if definition is None or use is Use.NOT_THE_PATIENTS:
        return
    moment, future = setting.timely(entry, dated)
    where = about_lesions(entry, setting, ("reasonReference",))
    role = Role.VALUE if use is Use.YES and not future and where.certain and instead is None else Role.ABSENCE
    value = entry.source(element, role=role, date=dated.text, mapping=reader.id)
    named = (
        value,
        *(entry.source(e, role=Role.CONTEXT) for e in (*context, "reasonReference", "bodySite") if e in entry.resource),
        *setting.references.subject_sources(entry),
        *dated.sources,
        *where.sources,
    )
    if where.problem is not None:
        setting.remarks.warn(
            "which-lesion",
            entry.at(where.problem[1]),
            f"`{shown(entry.key)}` does not say for which lesion the patient declined it: {where.problem[2]}",
        )
    if not where.subjects:
        setting.leave_out(named)
    unsure = Absent(AbsenceReason.INDETERMINATE, "a treatment was declined, for which lesion is not said")
    for subject in (*where.subjects, *where.possible):
        state: Known | Absent = Known(True) if where.certain and subject in where.subjects else unsure
        if use is not Use.YES:
            state = UNREAD[use]
        elif future:
            state = FUTURE
        elif instead is not None:
            state = instead
        yield Statement(definition, subject, state, moment, tuple(dict.fromkeys(named)), future)


def _reasons(entry: Entry, setting: Setting) -> Iterator[tuple[str, Json]]:
    for _, item in extension(entry.resource, setting.tables.extensions.status_reason):
        yield "extension", child(item, "valueCodeableConcept")
    if "statusReason" in entry.resource:
        yield "statusReason", child(entry.resource, "statusReason")
