"""Texts of the record in what people read: short, on one line, and with every character to be seen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.case import Absent, Case
from cds.errors import Issue, UnusableInput
from cds.intake.remarks import one_line, shown
from tests.intake import records as r
from tests.intake import test_forms as forms
from tests.intake.records import Json, Reader

HOSTILE = "\x1b[31mHelp\u202e\r\n`rm`\u0000" + "long " * 2000
LONGEST = 1200  # a message with several texts, or a path through several keys


@given(st.text(), st.integers(2, 80))
def test_a_text_is_shown_on_one_short_line(text: str, length: int) -> None:
    for line in (one_line(text, length), shown(text, length)):
        assert line.isprintable() and len(line) <= length
    assert "`" not in shown(text, length)


@given(st.text(max_size=40))
def test_a_text_that_shows_is_shown_as_it_is(text: str) -> None:
    if text.isprintable() and text == " ".join(text.split()):
        assert one_line(text, 60) == text


def coded(**more: Any) -> Json:
    return {"coding": [{"system": r.SCT, "code": HOSTILE, **more}] * 50}


RECORDS: dict[str, Json] = {
    "unit": r.observation("inr", valueQuantity={"value": 1, "unit": HOSTILE, "code": HOSTILE}),
    "number": r.observation("inr", valueQuantity={"value": HOSTILE}),
    "code of a value": r.observation("airway-risk", valueCodeableConcept=coded()),
    "fact": r.observation(HOSTILE),
    "text": r.observation({"text": HOSTILE}),
    "date": r.observation("inr", valueQuantity=r.quantity(1.2), effectiveDateTime=HOSTILE),
    "status": r.observation("inr", valueQuantity=r.quantity(1.2), status=HOSTILE),
    "id": r.observation("inr", HOSTILE, valueQuantity=r.quantity(1.2), status="preliminary"),
    "version": r.observation("inr", meta={"versionId": HOSTILE}, valueQuantity=r.quantity(1.2)),
    "key": r.observation("inr", valueQuantity=r.quantity(1.2), **{HOSTILE: None}),
    "key within": r.observation("inr", valueQuantity={"value": 1, HOSTILE: {HOSTILE: [None]}}),
    "modifier": r.observation("inr", modifierExtension=[{"url": HOSTILE, "valueBoolean": True}]),
    "label of security": r.observation("inr", meta={"security": [{"code": HOSTILE}]}, valueQuantity=r.quantity(1)),
    "subject": r.observation("inr", subject={"reference": HOSTILE}),
    "structure": forms.form(forms.lesion("T1", forms.structure(HOSTILE, HOSTILE, forms.item("structure.relation")))),
    "link": forms.form(forms.item(f"patient.{HOSTILE}", {"valueInteger": 1})),
    "lesion of a form": forms.form(forms.lesion(HOSTILE, forms.item("lesion.maxDiameter", forms.MM))),
    "lesion": r.tumour(HOSTILE, description=HOSTILE),
    "place": r.tumour("T2", location=coded()),
    "condition": r.recurrence(HOSTILE, code=coded(), verificationStatus=coded()),
    "site of a treatment": r.procedure(
        r.concept(r.SCT, "1217123003"), bodySite=[r.concept(f"{r.LOCAL}site", HOSTILE)], reasonReference=r.about("x")
    ),
    "drug": {
        "resourceType": "MedicationStatement",
        "id": HOSTILE,
        "status": HOSTILE,
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": r.concept("http://www.whocc.no/atc", "B01AA03"),
    },
}


def texts(case: Case) -> list[str]:
    """Everything of a case that people read, but for the record's own words inside a code."""
    levels = [case.patient]
    found = [text for issue in case.issues for text in words(issue)]
    for lesion in case.lesions:
        found += [lesion.id, lesion.label]
        levels += [lesion.facts, *(structure.facts for structure in lesion.structures)]
    facts = [fact for level in levels for fact in level.values()]
    found += [fact.note for fact in facts]
    found += [fact.state.note for fact in facts if isinstance(fact.state, Absent)]
    sources = [s for fact in facts for s in fact.sources]
    sources += [*case.excluded, *(s for lesion in case.lesions for s in lesion.sources)]
    return found + [str(text) for s in sources for text in (s.resource, s.version, s.path, s.date, s.entry)]


def words(issue: Issue) -> tuple[str, str]:
    return issue.expression, issue.details


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_hostile_texts_are_shown_short_and_plain(record: Json, read: Reader) -> None:
    source = r.bundle(r.tumour(location=r.concept(r.SCT, "4596009")), record)
    try:
        found = texts(read.read(json.dumps(source).encode()))
    except UnusableInput as refused:
        found = [text for issue in refused.issues for text in words(issue)]
    assert found
    for text in found:
        assert text.isprintable(), ascii(text)
        assert len(text) <= LONGEST, len(text)


@pytest.mark.parametrize(
    "source",
    [
        json.dumps({"resourceType": HOSTILE}),
        json.dumps({"resourceType": "Bundle", "type": HOSTILE}),
        json.dumps(r.bundle({"resourceType": HOSTILE})),
        json.dumps(r.bundle({**r.observation("inr"), "status": {HOSTILE: 1}})),
        json.dumps(r.bundle({**r.observation("inr"), "subject": {"reference": f"Patient/{HOSTILE}"}})),
        f'{{"a": 1, {json.dumps(HOSTILE)}: 1, {json.dumps(HOSTILE)}: 2}}',
    ],
)
def test_a_hostile_bundle_is_refused_in_plain_words(source: str, read: Reader) -> None:
    try:
        found = [text for issue in read.read(source.encode()).issues for text in words(issue)]
    except UnusableInput as refused:
        found = [text for issue in refused.issues for text in words(issue)]
    assert found and all(text.isprintable() and len(text) <= LONGEST for text in found)
