"""A case as a JSON document: nothing is lost, and nothing is guessed at."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from cds.case import Case, Source
from cds.case.document import case_document, case_of_document
from cds.errors import Issue
from cds.testing import cases, sample_vocabulary

VOCABULARY = sample_vocabulary()


@given(cases(VOCABULARY))
def test_a_case_is_read_back_as_it_was_written(case: Case) -> None:
    document = json.loads(json.dumps(case_document(case)))
    assert case_of_document(document) == case


@given(cases(VOCABULARY))
def test_facts_keep_their_order(case: Case) -> None:
    read = case_of_document(case_document(case))
    assert list(read.patient) == list(case.patient)
    for one, other in zip(read.lesions, case.lesions, strict=True):
        assert list(one.facts) == list(other.facts)


@given(cases(VOCABULARY, lesions=0))
def test_issues_and_elements_that_were_not_used_are_kept(case: Case) -> None:
    source = Source("Observation/o", "2", "Observation.status", "2026-01", "Bundle.entry[1].resource", "m", "exclusion")
    told = replace(case, issues=(Issue("warning", "undated", "Bundle.entry[1]", "no date"),), excluded=(source, source))
    assert case_of_document(json.loads(json.dumps(case_document(told)))) == told


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"format": 2},
        {"format": 1},
        {"format": 1, "sources": [["x"]]},
        {"format": 1, "sources": [], "as_of": "2026-11-22", "patient": {"a": {"known": 3}}, "lesions": [], "issues": [],
         "excluded": []},
        {"format": 1, "sources": [], "as_of": "2026-11-22", "patient": {}, "lesions": [], "issues": [],
         "excluded": [0]},
        {"format": 1, "sources": [], "as_of": "someday", "patient": {}, "lesions": [], "issues": [], "excluded": []},
    ],
)  # fmt: skip
def test_what_is_no_document_of_a_case_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"case|isoformat"):
        case_of_document(document)
