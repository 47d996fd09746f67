"""The patient's age, from the date of birth; and whether the patient is alive."""

from __future__ import annotations

from cds.case import AbsenceReason, Absent, Role
from cds.intake.bundle import Entry
from cds.intake.moments import Moment, span_of
from cds.intake.remarks import shown
from cds.intake.setting import UNREAD, Setting, Use
from cds.intake.values import measured
from cds.language.types import NumberType
from cds.quantities import DateSpan, age_at
from cds.ruleset.mapping import fact_key


def read_patient(setting: Setting) -> bool:
    """Add the age that the Patient's date of birth gives at `as_of`; whether the patient has died by then."""
    entry = setting.record.patient
    use = setting.use(entry)
    _read_age(entry, use, setting)
    return _has_died(entry, setting)


def _has_died(entry: Entry, setting: Setting) -> bool:
    """Whether the record says that the patient does not live on the day of the answer: then nothing is assessed."""
    stated = entry.resource.get("deceasedBoolean")
    text = entry.resource.get("deceasedDateTime")
    died = span_of(text)
    if stated is None and text is None:
        if {"_deceasedBoolean", "_deceasedDateTime"} & set(entry.resource):
            element = "deceasedBoolean" if "_deceasedBoolean" in entry.resource else "deceasedDateTime"
            setting.remarks.warn("deceased", entry.at(f"_{element}"), "whether the patient is alive is not known")
        return False
    if stated is False and text is None:
        return False
    element = "deceasedBoolean" if text is None else "deceasedDateTime"
    if died is not None and died.first > setting.as_of:
        setting.remarks.inform(
            "deceased", entry.at(element), f"the patient died on {died}, after {setting.as_of}, the day of the answer"
        )
        return False
    when = f" on {died}" if died is not None else ""
    setting.remarks.error(
        "deceased",
        entry.at(element),
        f"the record says that the patient has died{when}; no lesion was assessed; check that this is the right record",
    )
    return True


def _read_age(entry: Entry, use: Use, setting: Setting) -> None:
    for reader in setting.tables.readers.age:
        definition = setting.definition(*fact_key(reader.fact))
        if definition is None or "birthDate" not in entry.resource:
            continue
        source = entry.source("birthDate", mapping=reader.id, date=str(entry.resource["birthDate"])[:10])
        today = Moment(DateSpan(setting.as_of, setting.as_of), resource=entry.key)
        born = span_of(entry.resource["birthDate"])
        if use is not Use.YES:
            setting.state(definition, (), UNREAD[use], today, [entry.source("birthDate", role=Role.ABSENCE)])
        elif born is None or born.first > setting.as_of:
            said = shown(entry.resource["birthDate"])
            setting.remarks.warn(
                "unreadable-date", entry.at("birthDate"), f"`{said}` is no date of birth of a living patient"
            )
            state = Absent(AbsenceReason.UNREADABLE_VALUE, f"date of birth {said}")
            setting.state(definition, (), state, today, [entry.source("birthDate", role=Role.ABSENCE)])
        else:
            age = age_at(born, setting.as_of)
            unit = "1" if isinstance(definition.type, NumberType) else "a"
            setting.state(definition, (), measured(age, unit, definition), today, [source], note=f"on {setting.as_of}")
