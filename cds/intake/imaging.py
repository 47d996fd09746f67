"""The day of the newest imaging of a lesion, by ImagingStudies that are of it."""

from __future__ import annotations

from cds.case import Known, Role, Source
from cds.intake.bundle import Entry
from cds.intake.coding import coding
from cds.intake.document import Json, child, children, string
from cds.intake.moments import dated_by
from cds.intake.reconcile import Subject
from cds.intake.setting import FUTURE, UNREAD, Setting, Use
from cds.intake.subjects import about_lesions, in_head_and_neck
from cds.ruleset.mapping import ImagingReader, fact_key


def read_imaging(setting: Setting) -> None:
    """Add when the lesions were last imaged."""
    for entry in setting.record.of("ImagingStudy"):
        for reader in setting.tables.readers.imaging:
            _imaged(entry, reader, setting)


def _imaged(entry: Entry, reader: ImagingReader, setting: Setting) -> None:
    """The day of a study as that of the newest imaging of the lesions that it is of."""
    definition = setting.definition(*fact_key(reader.fact))
    use = setting.use(entry)
    if definition is None or use is Use.NOT_THE_PATIENTS:
        return
    dated = dated_by(entry, "started")
    shown = {string(modality, "code") for modality in _modalities(entry)}
    if not shown & set(reader.modalities) or string(entry.resource, "status") != "available" or not dated.moment.dated:
        setting.leave_unused(entry, "status", "modality", "series", "started")
        return
    moment, future = setting.timely(entry, dated)
    subjects, sources = _of(entry, setting)
    context = ("status", "modality", "series", "reasonReference")
    named = (
        entry.source("started", date=dated.text, mapping=reader.id),
        *(entry.source(element, role=Role.CONTEXT) for element in context if element in entry.resource),
        *setting.references.subject_sources(entry),
        *dated.sources,
        *sources,
    )
    if not subjects:
        setting.leave_out(named)
    for subject in subjects:
        if use is not Use.YES or future:
            setting.state(definition, subject, FUTURE if future else UNREAD[use], moment, named, weak=True)
        elif moment.span is not None:
            setting.state(definition, subject, Known(moment.span), moment, named)


def _modalities(entry: Entry) -> list[Json]:
    series = (child(one, "modality") for one in children(entry.resource, "series"))
    return [*children(entry.resource, "modality"), *series]


def _of(entry: Entry, setting: Setting) -> tuple[tuple[Subject, ...], tuple[Source, ...]]:
    """The lesions that a study is of: by its reason, or the only tumour where it shows a part of head and neck.

    What does not say this says nothing about a lesion: a study may be of any part of the body.
    """
    if "reasonReference" in entry.resource:
        where = about_lesions(entry, setting, ("reasonReference",))
        return where.subjects if where.certain else (), where.sources
    only = setting.lesions.only()
    places = (coding(child(one, "bodySite"), setting.tables) for one in children(entry.resource, "series"))
    if only is None or not any(in_head_and_neck(place, setting.tables) for place in places):
        return (), ()
    return ((only.id,),), only.sources
