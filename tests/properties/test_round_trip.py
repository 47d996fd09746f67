"""What is written as a bundle is read as the same case; reader and `rebuild` share no code and check each other."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds.case import Absent, Case, Conflicting, Facts, Known, ReportedLesion, ReportedStructure, assemble
from cds.case.facts import Fact, State
from cds.intake import read_bundle
from cds.intake.rebuild import rebuild
from cds.intake.remarks import one_line
from cds.quantities import DateSpan, Interval
from cds.ruleset.loader import load_rules
from cds.ruleset.rule_set import RuleSet
from cds.testing import cases as any_cases
from cds.testing import random_cases, sparse_cases, thresholds
from cds.testing.generation import AS_OF, any_fact
from cds.testing.sampling import SeededChoices
from cds.vocabulary import FactDefinition, FactKind, Level

REPOSITORY = Path(__file__).resolve().parents[2]


@cache
def rules() -> RuleSet:
    return load_rules(REPOSITORY / "rules" / "recurrent-head-and-neck")


VOCABULARY = rules().vocabulary
CONSTANTS = thresholds(
    criterion.condition for program in rules().programs.values() for criterion in program.criteria
)  # fmt: skip
STATED = [definition for definition in VOCABULARY.facts.values() if definition.kind is not FactKind.GIVEN]

Said = tuple[str, object]


def said(state: State) -> Said:
    """What a state says, without the notes and the sources that only one of the two directions has."""
    match state:
        case Known(value):
            return ("known", value)
        case Absent(reason):
            return ("absent", reason)
        case Conflicting(values):
            return ("conflicting", frozenset(values))


def all_said(case: Case) -> dict[tuple[str, ...], Said]:
    """Every fact of the case by subject and name."""

    def of(subject: tuple[str, ...], its: Facts) -> dict[tuple[str, ...], Said]:
        return {(*subject, name): said(fact.state) for name, fact in its.items()}

    result = of(("patient",), case.patient)
    for lesion in case.lesions:
        result |= of((lesion.id,), lesion.facts)
        for structure in lesion.structures:
            result |= of((lesion.id, structure.key), structure.facts)
    return result


def read_back(case: Case) -> Case:
    source = json.dumps(rebuild(case, VOCABULARY)).encode()
    return read_bundle(source, vocabulary=VOCABULARY, mapping=rules().mapping, as_of=case.as_of)


def assert_round_trip(case: Case) -> None:
    again = read_back(case)
    before, after = all_said(case), all_said(again)
    differing = {key: (before.get(key), after.get(key)) for key in before | after if before.get(key) != after.get(key)}
    assert differing == {}
    assert [(lesion.id, lesion.label) for lesion in again.lesions] == [(one.id, one.label) for one in case.lesions]
    assert again.as_of == case.as_of
    assert [issue for issue in again.issues if issue.severity == "error"] == []


def case_of(definition: FactDefinition, fact: Fact) -> Case:
    """A case in which one fact is recorded, with what has to be known for it to count."""
    patient: dict[str, Fact] = {}
    lesion: dict[str, Fact] = {}
    for level, name in definition.fresh.since if definition.fresh is not None and fact.is_known else ():
        (patient if level is Level.PATIENT else lesion)[name] = Fact(Known(DateSpan.parse("2025-03-09")))
    structures: tuple[ReportedStructure, ...] = ()
    if definition.level is Level.PATIENT:
        patient[definition.name] = fact
    elif definition.level is Level.LESION:
        lesion[definition.name] = fact
    else:
        structures = tuple(
            ReportedStructure(s.name, side, {definition.name: fact})
            for s in list(VOCABULARY.structures.values())[:3]
            for side in (("left", "right") if s.sided else ("none",))
        )
    reported = ReportedLesion("T1", "a lesion", lesion, structures)
    return assemble(VOCABULARY, as_of=AS_OF, patient=patient, lesions=[reported])


@pytest.mark.parametrize("definition", STATED, ids=lambda definition: definition.path)
def test_each_fact_is_read_as_it_was_written_in_every_state(definition: FactDefinition) -> None:
    choices = SeededChoices(random.Random(definition.path))
    near = CONSTANTS.get(definition.path, ())
    for known in (1.0, 1.0, 0.0, 0.0):
        assert_round_trip(case_of(definition, any_fact(choices, definition, as_of=AS_OF, known=known, constants=near)))


@given(any_cases(VOCABULARY, lesions=(0, 2), constants=CONSTANTS, structures=2, known=0.3))
@settings(max_examples=20)
def test_a_case_is_read_as_it_was_written(case: Case) -> None:
    assert_round_trip(case)


@given(sparse_cases(VOCABULARY))
@settings(max_examples=20)
def test_a_sparse_case_is_read_as_it_was_written(case: Case) -> None:
    assert_round_trip(case)


@pytest.mark.parametrize("known", [0.5, 0.95])
def test_a_full_record_is_read_as_it_was_written(known: float) -> None:
    for case in random_cases(VOCABULARY, CONSTANTS, seed=7, n=3, known=known):
        assert_round_trip(case)


@pytest.mark.slow
def test_three_hundred_random_cases_are_read_as_they_were_written() -> None:
    met: Counter[str] = Counter()
    for case in random_cases(VOCABULARY, CONSTANTS, seed=2026, n=300):
        assert_round_trip(case)
        met.update(kind for kind, _ in all_said(case).values())
    assert min(met["known"], met["absent"], met["conflicting"]) > 100


@given(st.text(max_size=300))
def test_a_lesion_keeps_its_name_and_what_does_not_show_is_escaped_once(text: str) -> None:
    definition = VOCABULARY.fact(Level.LESION, "p16")
    case = case_of(definition, Fact(Known("positive")))
    called = replace(case, lesions=(replace(case.lesions[0], label=text),))
    (lesion,) = read_back(called).lesions
    assert lesion.label == (one_line(text, 200) or "head and neck tumour")
    assert lesion.label.isprintable() and len(lesion.label) <= 200
    (again,) = read_back(replace(case, lesions=(replace(case.lesions[0], label=lesion.label),))).lesions
    assert again.label == lesion.label


def test_a_pattern_that_was_never_recorded_stays_so_though_the_sites_would_tell_it() -> None:
    lesion = ReportedLesion("T1", "a lesion", {"site": Fact(Known("larynx"))})
    case = assemble(VOCABULARY, as_of=AS_OF, patient={}, lesions=[lesion])
    assert_round_trip(case)
    known = assemble(VOCABULARY, as_of=AS_OF, patient={"recurrencePattern": Fact(Known("regional"))}, lesions=[lesion])
    assert_round_trip(known)


def test_an_open_range_is_read_as_it_was_written() -> None:
    definition = VOCABULARY.fact(Level.LESION, "maxDiameter")
    for low_open, high_open in [(True, True), (True, False), (False, True)]:
        interval = Interval(Fraction(9, 2), Fraction(23, 5), low_open, high_open)
        assert_round_trip(case_of(definition, Fact(Known(interval))))
