"""Under a key no identifier of a patient, a resource or a lesion is written, whatever is recorded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.records import BoardDecision, Decision, Pseudonyms, Records, open_records

KEY = "k" * 32


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return open_records(f"sqlite:///{tmp_path / 'r.sqlite3'}", pseudonym_key=KEY)


def test_a_form_that_is_recorded_names_nobody(records: Records) -> None:
    form = {
        "resourceType": "QuestionnaireResponse",
        "subject": {"reference": "Patient/4711", "display": "Maria Muster", "identifier": {"value": "MRN-12345"}},
        "basedOn": [{"reference": "https://ehr.example.org/fhir/ServiceRequest/secret-order"}],
        "identifier": [{"system": "urn:x", "value": "form-77"}],
        "item": [
            {"linkId": "lesion", "item": [
                {"linkId": "lesion.id", "answer": [{"valueString": "secret-lesion"}]},
                {"linkId": "lesion.comment", "answer": [{"valueString": "as they wrote it"}]},
            ]},
        ],
    }  # fmt: skip
    entry = records.append_entry("questionnaire-response", form, subject="Patient/4711")
    kept = records.content(entry.id)
    text = str(kept)
    for name in ("4711", "Muster", "MRN-12345", "secret-order", "form-77", "secret-lesion"):
        assert name not in text
    assert "as they wrote it" in text
    pseudonyms = Pseudonyms(KEY)
    assert kept["subject"]["reference"] == pseudonyms.of("Patient/4711")
    assert kept["item"][0]["item"][0]["answer"][0]["valueString"] == pseudonyms.of("secret-lesion")
    # What comes out of the records may go in again, and names the same.
    again = records.content(records.append_entry("questionnaire-response", kept, subject="Patient/4711").id)
    assert again == kept
    records.close()


def test_the_lesion_of_a_decision_is_the_one_of_the_record(records: Records, decision: Decision) -> None:
    answered = records.append_decision(decision)
    (lesion, *_) = [each["id"] for each in records.content(answered.id)["answer"]["lesions"]]
    (own, *_) = [each.id for each in decision.case.lesions]
    decided = [
        records.append_board_decision(BoardDecision(answered.id, "cryoablation", dt.date(2026, 11, 22), lesion=named))
        for named in (own, lesion)
    ]
    assert {records.content(each.id)["lesion"] for each in decided} == {lesion}
    assert own != lesion
    records.close()


@given(st.text(), st.sampled_from(["", "Patient/", "https://ehr.example.org/fhir/Condition/"]))
def test_a_pseudonym_of_a_pseudonym_is_itself(id_: str, kind: str) -> None:
    pseudonyms = Pseudonyms(KEY)
    once = pseudonyms.once(f"{kind}{id_}")
    assert once == pseudonyms.once(once)
    assert once is not None
    assert once.startswith(kind)
