"""Records inside other resources: what is contained, and a Bundle as an entry. They are not read, and not overlooked.

A contained resource that a reference leads to (a drug, a tumour) is read by what refers to it. A contained diagnosis,
result or treatment is no entry of its own, and the entries of a Bundle inside a Bundle are none either: what they may
have said counts as unknown, so that silence about it is no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from cds.case import AbsenceReason, Role
from cds.intake.bundle import Entry
from cds.intake.coding import Concept, concept
from cds.intake.conditions import lesion_facts, open_diagnoses
from cds.intake.document import Json, child, children, string
from cds.intake.remarks import shown
from cds.intake.setting import Setting
from cds.intake.tumours import is_cancer
from cds.ruleset.mapping import fact_key
from cds.vocabulary import Level

FactKey = tuple[Level, str]


def read_within(setting: Setting) -> None:
    """Leave unknown what records inside other resources may say, and report each of them."""
    for entry in setting.record.entries:
        for path, inner in _inner(entry):
            type_ = shown(string(inner, "resourceType") or "resource")
            facts = frozenset(_may_say(inner, setting))
            if not facts:
                continue
            setting.remarks.warn(
                "not-an-entry",
                entry.at(path),
                f"the {type_} inside `{shown(entry.key)}` is not read; what it may say counts as unknown; "
                "send it as an entry of the bundle",
            )
            setting.shadow(
                facts,
                AbsenceReason.QUARANTINED,
                f"{type_} inside another resource is not read",
                entry.source(path, role=Role.EXCLUSION),
            )


def _inner(entry: Entry) -> Iterator[tuple[str, Json]]:
    """The paths of the records in a resource, with them. A Bundle as an entry is one."""
    if entry.type == "Bundle":
        yield "", entry.resource
    for index, inner in enumerate(children(entry.resource, "contained")):
        yield f"contained[{index}]", inner
    for index, parameter in enumerate(children(entry.resource, "parameter")):
        yield f"parameter[{index}].resource", child(parameter, "resource")


def _may_say(inner: Json, setting: Setting) -> Iterable[FactKey]:
    """The facts that a record inside another may speak of: those that its type and its code lead to."""
    type_, status = string(inner, "resourceType") or "", string(inner, "status")
    readers = setting.tables.readers
    if status == "entered-in-error":
        return ()
    if type_ in _BY_CODE:
        return _BY_CODE[type_](inner, concept(inner.get("code"), setting.tables), setting)
    if type_ in _REFUSING:
        return [fact_key(r.fact) for r in readers.refusals] if status == _REFUSING[type_] else ()
    if type_ == "ImagingStudy":
        return [*(fact_key(r.fact) for r in readers.done), *(fact_key(r.fact) for r in readers.imaging)]
    asked = (string(inner, "questionnaire") or "").split("|")[0]
    ours = type_ == "QuestionnaireResponse" and asked == setting.tables.local.questionnaire
    return setting.all_facts() if ours or type_ == "Bundle" else ()


_REFUSING: Final[Mapping[str, str]] = {"ServiceRequest": "revoked", "Consent": "active"}
"""The types of which a mapping reads refusals only, with the status in which they may be one."""


def _diagnosis(inner: Json, code: Concept, setting: Setting) -> Iterable[FactKey]:
    tables = setting.tables
    yield from (key for key, _ in open_diagnoses(code, setting))
    yield from (fact_key(r.fact) for r in tables.readers.conditions if code.any_in(tables.value_set(r.codes)))
    if not code.raw or is_cancer(Entry(-1, None, inner, "Condition", None), tables):
        yield from lesion_facts()


def _result(inner: Json, code: Concept, setting: Setting) -> Iterable[FactKey]:
    tables = setting.tables
    parts = (code, *(concept(part.get("code"), tables) for part in children(inner, "component")))
    if any(part.local(tables.local.observation) or not part.readable for part in parts):
        return setting.all_facts()
    return [fact_key(r.fact) for part in parts for c in part.codes for r in tables.observations_by_code.get(c, ())]


def _treatment(inner: Json, code: Concept, setting: Setting) -> Iterable[FactKey]:
    tables, readers = setting.tables, setting.tables.readers
    told = [(r.codes, (*r.here, *(f for f in (r.since, r.date) if f))) for r in readers.treatments]
    told += [(r.codes, (r.fact,)) for r in readers.done]
    told += [(r.codes, (r.fact,)) for r in readers.refusals]
    fits = (facts for codes, facts in told if not code.raw or code.any_in(tables.value_set(codes)))
    return [fact_key(fact) for facts in fits for fact in facts]


def _drug(inner: Json, code: Concept, setting: Setting) -> Iterable[FactKey]:
    tables = setting.tables
    drug = concept(inner.get("medicationCodeableConcept"), tables)
    fits = (r for r in tables.readers.medications if not drug.raw or drug.any_in(tables.value_set(r.codes)))
    return [fact_key(r.fact) for r in fits]


_BY_CODE: Final[Mapping[str, Callable[[Json, Concept, Setting], Iterable[FactKey]]]] = {
    "Condition": _diagnosis,
    "Observation": _result,
    "Procedure": _treatment,
    "MedicationStatement": _drug,
    "MedicationRequest": _drug,
}
"""The types of which the code decides what they may say."""
