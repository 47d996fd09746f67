"""A case that is written as a worked case and read again is the same case, as far as logic can tell."""

from __future__ import annotations

import yaml
from hypothesis import given, settings

from cds.case import Case, Conflicting, Fact, Facts
from cds.case.reading import case_from_mapping
from cds.case.writing import case_to_mapping
from cds.ruleset.documents import parse_document
from cds.testing import cases, sample_vocabulary, sparse_cases
from tests.ruleset.shipped import shipped_rules

SAMPLE = sample_vocabulary()
SHIPPED = shipped_rules().vocabulary


def state(fact: Fact) -> object:
    return frozenset(fact.state.values) if isinstance(fact.state, Conflicting) else fact.state


def states(case: Case) -> object:
    def of(facts: Facts) -> dict[str, object]:
        return {name: state(fact) for name, fact in facts.items()}

    return of(case.patient), [
        (lesion.id, lesion.label, of(lesion.facts), {s.key: of(s.facts) for s in lesion.structures})
        for lesion in case.lesions
    ]


@given(cases(SAMPLE))
def test_what_was_written_reads_as_the_same_case(case: Case) -> None:
    assert states(case_from_mapping(SAMPLE, case_to_mapping(case, SAMPLE))) == states(case)


@given(sparse_cases(SHIPPED))
@settings(max_examples=10)
def test_so_it_does_by_way_of_a_file_and_with_the_shipped_vocabulary(case: Case) -> None:
    text = yaml.safe_dump(case_to_mapping(case, SHIPPED), sort_keys=False, allow_unicode=True)
    document = parse_document(text, "case.yaml")
    assert not document.findings
    assert states(case_from_mapping(SHIPPED, document.data)) == states(case)


@given(cases(SAMPLE))
def test_nothing_is_written_that_silence_says_as_well(case: Case) -> None:
    written = case_to_mapping(case, SAMPLE)
    patient = written["patient"]
    assert isinstance(patient, dict)
    for name in patient:
        shorter = {**written, "patient": {key: value for key, value in patient.items() if key != name}}
        assert states(case_from_mapping(SAMPLE, shorter)) != states(case)
