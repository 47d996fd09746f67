"""Replay: the same facts give the same answer; other rules give another, and what changed is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cds.case import Case
from cds.recommendation import Recommendation
from cds.records import Decision, Records, open_records
from cds.records.pseudonyms import Pseudonyms
from cds.records.replay import changes, completed, replay
from cds.ruleset import RuleSet, load_rules


@pytest.fixture
def sqlite(tmp_path: Path) -> Records:
    return open_records(f"sqlite:///{tmp_path / 'r.sqlite3'}")


def test_the_same_facts_and_rules_give_the_recorded_answer(sqlite: Records, decision: Decision, rules: RuleSet) -> None:
    result = replay(sqlite, sqlite.append_decision(decision), rules)
    assert (result.changes, result.failure, result.engines_changed) == ((), None, False)
    assert result.rule_set == (rules.digest, rules.digest)


def test_every_example_is_replayed_to_its_answer(sqlite: Records, repository: Path, rules: RuleSet) -> None:
    from cds.api import answered
    from cds.errors import UnusableInput
    from tests.records.conftest import AS_OF, decision_of

    for file in sorted((repository / "fhir_examples").glob("*/bundle.json")):
        try:
            case, answer = answered(file.read_bytes(), as_of=AS_OF, rules=rules)
        except UnusableInput:
            continue
        result = replay(sqlite, sqlite.append_decision(decision_of(case, answer)), rules)
        assert (result.changes, result.failure) == ((), None), file.parent.name
    assert sqlite.head()[0] >= 10


def test_other_limits_show_what_changed_with_truths_first(
    sqlite: Records, decision: Decision, repository: Path, tmp_path: Path
) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text("label: Invented\nparameters:\n  threatDistance: {value: 90, unit: mm}\n")
    other = load_rules(repository / "rules" / "recurrent-head-and-neck", overlay=overlay)
    result = replay(sqlite, sqlite.append_decision(decision), other)
    assert result.rule_set[0] != result.rule_set[1]
    assert not result.engines_changed
    assert result.changes[0].path.endswith((".verdict", ".standing", ".truth", "possible[conditional]"))
    assert any(change.path.endswith(".truth") for change in result.changes)


def test_a_fact_that_the_vocabulary_gained_since_counts_as_never_recorded(case: Case, rules: RuleSet) -> None:
    lesion = case.lesions[0]
    name = next(iter(lesion.facts))
    older = replace(case, lesions=(replace(lesion, facts={k: v for k, v in lesion.facts.items() if k != name}),))
    assert not completed(older, rules.vocabulary).lesions[0].facts[name].is_known


def test_an_element_more_is_one_change() -> None:
    before = {"reasons": [{"rule": "A", "truth": "true"}, {"rule": "C", "truth": "true"}]}
    after = {"reasons": [{"rule": "A", "truth": "true"}, {"rule": "B"}, {"rule": "C", "truth": "false"}]}
    assert [(c.path, c.before, c.after) for c in changes(before, after)] == [
        ("reasons[C].truth", "true", "false"), ("reasons[B]", None, {"rule": "B"}),
    ]  # fmt: skip


KEY = "a key of the hospital's own, random"


def test_a_pseudonymised_record_names_nobody_and_is_replayed(
    tmp_path: Path, decision: Decision, case: Case, answer: Recommendation, rules: RuleSet
) -> None:
    records = open_records(f"sqlite:///{tmp_path / 'p.sqlite3'}", pseudonym_key=KEY)
    entry = records.append_decision(decision)
    result = replay(records, entry, rules)
    assert (result.changes, result.failure) == ((), None)
    content = records.content(entry.id)
    references = {each.resource for fact in case.patient.values() for each in fact.sources if "/" in each.resource}
    names = {*references, *(reference.split("/")[-1] for reference in references), *(x.id for x in case.lesions)}
    told = set(_texts(content))
    assert sorted(told & {name for name in names if len(name) > 3}) == []
    assert len(told) > 100
    patient = next(reference for reference in references if reference.startswith("Patient/"))
    assert records.entries(subject=patient) == (entry,)
    assert Pseudonyms(KEY).of(patient) != Pseudonyms(KEY[::-1]).of(patient)
    records.close()


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value, *value.split("/")] if isinstance(value, str) else []


def test_a_short_key_makes_no_pseudonyms() -> None:
    with pytest.raises(ValueError, match="shorter than 16"):
        Pseudonyms("short")
