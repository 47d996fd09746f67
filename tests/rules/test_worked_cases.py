"""The shipped worked cases: enough of them, named as sentences, and together they try every rule and threshold."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds.analysis.coverage import Cover, complete, parts
from cds.case import Case, Known
from cds.case.reading import case_from_mapping
from cds.explanation.text import render
from cds.language.types import NumberType, QuantityType
from cds.quantities import Interval
from cds.recommendation import recommend
from cds.recommendation.model import Recommendation
from cds.ruleset.documents import read_document
from cds.ruleset.model import Rule
from cds.vocabulary import FactDefinition, Level
from cds.worked_cases import case_files, run_file
from tests.ruleset.shipped import shipped_folder, shipped_rules, shipped_thresholds

RULES = shipped_rules()
FILES = {file.stem: file for file in case_files(shipped_folder())}
every_case = pytest.mark.parametrize("name", FILES)
WANTED = 40
TRUTHS = ("true", "false", "unknown")


@cache
def document(name: str) -> dict[str, Any]:
    """A worked case as it is written."""
    read: dict[str, Any] = read_document(FILES[name], name).data
    return read


@cache
def case(name: str) -> Case:
    """The patient of a worked case."""
    return case_from_mapping(RULES.vocabulary, document(name))


@cache
def answer(name: str) -> Recommendation:
    """The answer to a worked case."""
    return recommend(case(name), RULES, phase=document(name)["phase"])


# ------------------------------------------------------------------------------------------------ what a case is


def test_there_are_enough_worked_cases() -> None:
    assert len(FILES) >= WANTED


@every_case
def test_a_worked_case_comes_out_as_its_author_expects(name: str) -> None:
    outcome = run_file(FILES[name], RULES, evaluate=lambda case, rules, phase: answer(name))
    assert outcome.passed, "\n".join(map(str, outcome.failures))


@every_case
def test_a_worked_case_is_named_by_a_sentence_and_says_why_it_is_here(name: str) -> None:
    written = document(name)
    assert written["name"][0].isupper()
    assert len(written["name"].split()) >= 5
    assert not written["name"].endswith(".")
    assert written["says"].strip().endswith(".")
    assert written["expect"]


def test_no_two_worked_cases_have_one_name() -> None:
    names = [document(name)["name"] for name in FILES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "told"),
    [
        ("cold-disease", "CR-9: false", "CR-9: true", "`CR-9` addressed is `false`; expected was `true`"),
        (
            "the-other-vocal-fold-is-impaired",
            "TP-8 vagus-nerve/right: false",
            "TP-8 vagus-nerve/right: true",
            "`TP-8 vagus-nerve/right` addressed is `false`; expected was `true`",
        ),
        (
            "a-parotid-bed-beside-mandible-and-carotid",
            "TP-9 vagus-nerve/left: false",
            "TP-9 vagus-nerve/left: true",
            "`TP-9 vagus-nerve/left` due is `false`; expected was `true`",
        ),
        (
            "a-parotid-bed-beside-mandible-and-carotid",
            "TP-9 vagus-nerve/left: false",
            "TP-9 skin/none: false",
            "`TP-9 skin/none` due is `not considered`; expected was `false`",
        ),
    ],
)
def test_an_expectation_that_is_not_met_is_told_with_its_rule_and_structure(
    name: str, right: str, wrong: str, told: str, tmp_path: Path
) -> None:
    text = FILES[name].read_text(encoding="utf-8")
    assert right in text
    file = tmp_path / f"{name}.yaml"
    file.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    outcome = run_file(file, RULES, evaluate=lambda case, rules, phase: answer(name))
    assert [failure.message for failure in outcome.failures] == [told]


# ------------------------------------------------------------------------------------------------- every criterion


def truths(found: Recommendation) -> Iterator[tuple[str, str]]:
    """Every criterion of an answer with its truth: of scope, options, order, preferences and the protection plan."""
    for reason in found.scope.reasons:
        if reason.rule is not None and reason.code != "no-lesion":
            yield reason.rule, {"in-scope": "true", "out-of-scope": "false"}.get(reason.code, "unknown")
    for lesion in found.lesions:
        for option in lesion.options:
            yield from ((reason.rule, reason.truth) for reason in option.reasons)
        yield from ((reason.rule, reason.truth) for reason in (*lesion.order.reasons, *lesion.order.withheld))
        for structure in lesion.thermoprotection:
            told = (*structure.reasons, *structure.advice, *(r for m in structure.measures for r in m.reasons))
            yield from ((reason.rule, reason.truth) for reason in told)
            advised = {reason.rule for reason in structure.advice}  # that which does not hold is left out
            yield from ((rule.id, "false") for rule in RULES.planner.monitoring if rule.id not in advised)


@cache
def met() -> dict[str, set[str]]:
    """The truths that each criterion has in some worked case."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in FILES:
        for rule, truth in truths(answer(name)):
            found[rule].add(truth)
    return found


CRITERIA = [
    item.id
    for item in (
        *RULES.rules, *RULES.preferences, *RULES.planner.need, *RULES.planner.measures, *RULES.planner.monitoring
    )
]  # fmt: skip
ALWAYS = {rule.id for rule in RULES.rules if rule.when == "true"}
"""Obligations of every patient: they ask nothing of the record, so that there is nothing to be unknown or false."""


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_is_true_false_and_unknown_in_some_worked_case(criterion: str) -> None:
    assert met()[criterion] >= ({"true"} if criterion in ALWAYS else set(TRUTHS))


def test_only_obligations_hold_for_everybody() -> None:
    assert {rule.id for rule in RULES.rules if rule.id in ALWAYS and rule.effect != "obliges"} == set()
    assert {"CR-15", "DQ-4", "DQ-5", "PL-3", "RC-1"} == ALWAYS


OBLIGATIONS = [rule.id for rule in RULES.rules if rule.effect == "obliges"]


@cache
def dues() -> dict[str, set[str]]:
    """Whether each obligation was due, in some worked case."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in FILES:
        for lesion in answer(name).lesions:
            for each in lesion.obligations:
                found[each.rule].add(each.due)
    return found


@pytest.mark.parametrize("rule", OBLIGATIONS)
def test_every_obligation_is_due_in_one_worked_case_and_fulfilled_or_not_due_in_another(rule: str) -> None:
    assert dues()[rule] >= {"true", "false"}


@pytest.mark.parametrize("rule", [rule.id for rule in RULES.rules if rule.effect != "obliges" and rule.done])
def test_every_objection_that_a_plan_can_answer_is_answered_in_one_worked_case_and_not_in_another(rule: str) -> None:
    found = {
        reason.addressed
        for name in FILES
        for lesion in answer(name).lesions
        for option in lesion.options
        for reason in option.reasons
        if reason.rule == rule and reason.truth == "true"
    }
    assert found >= {"true", "false"}


@pytest.mark.parametrize("status", ["available", "advised-against", "contraindicated", "undetermined"])
def test_every_standing_of_a_measure_is_met(status: str) -> None:
    found = {
        measure.status
        for name in FILES
        for lesion in answer(name).lesions
        for structure in lesion.thermoprotection
        for measure in structure.measures
    }
    assert status in found


@pytest.mark.parametrize("verdict", ["eligible", "conditional", "ineligible", "undetermined", "not-assessed"])
@pytest.mark.parametrize("option", list(RULES.options))
def test_every_verdict_of_every_option_is_met(option: str, verdict: str) -> None:
    found = {
        part.verdict for name in FILES for lesion in answer(name).lesions for part in lesion.options
        if part.option == option and answer(name).phase == "decision"
    }  # fmt: skip
    assert verdict in found


# --------------------------------------------------------------------------------------- every part of every condition

NEVER_BOTH_WAYS = {
    ("CR-15.done", "lesion.ablationIntent in {'local_control', 'symptom_relief', 'staged'}"),
    ("FU-3.done", "lesion.complicationScheme in {'cirse2017', 'cirse2026', 'ctcae5', 'sir'}"),
    ("SS-14.done", "lesion.p16 in {'positive', 'negative'}"),
    ("SS-5.done", "lesion.prevertebralFixation in {'mobile', 'fixed'}"),
    ("TP-7.done", "patient.vocalFoldLeft in {'mobile', 'impaired', 'fixed'}"),
    ("TP-7.done", "patient.vocalFoldRight in {'mobile', 'impaired', 'fixed'}"),
    # inside the tumour is at 0 mm, and nothing else makes every measure of a structure impossible
    ("TM-2", "structure.tumourDistance <= 0.0 'mm'"),
    ("TM-4", "structure.tumourDistance <= 0.0 'mm'"),
    ("TP-U", "structure.plannedIceDistance <= 10.0 'mm'"),
    ("TP-U", "structure.tumourDistance <= 15.0 'mm'"),
}
"""Parts that no two patients can show (`cds cover` proves it). The first six ask for any of a fact's values: recorded
or not, they are never false."""


@pytest.mark.slow
def test_every_part_of_a_condition_that_can_decide_it_does_so_both_ways_in_two_worked_cases() -> None:
    cover = Cover(RULES, {name: (case(name), document(name)["phase"]) for name in FILES})
    not_shown = set()
    for part in parts(RULES):
        shown = (cover.seen.get((part.criterion.id, phase, part.expression), {}) for phase in part.phases)
        if not complete(half for halves in shown for half in halves):
            not_shown.add((part.criterion.id, part.text))
    assert not_shown == NEVER_BOTH_WAYS


# ------------------------------------------------------------------------------------------------- every threshold


@cache
def points() -> dict[str, set[Fraction]]:
    """The exact values that the facts of some worked case have, by the fact."""
    found: dict[str, set[Fraction]] = defaultdict(set)

    def note(level: Level, facts: Any) -> None:
        for name, fact in facts.items():
            value = fact.state.value if isinstance(fact.state, Known) else None
            if isinstance(value, Interval) and value.low is not None and value.low == value.high:
                found[RULES.vocabulary.fact(level, name).path].add(value.low)

    for name in FILES:
        note(Level.PATIENT, case(name).patient)
        for lesion in case(name).lesions:
            note(Level.LESION, lesion.facts)
            for structure in lesion.structures:
                note(Level.STRUCTURE, structure.facts)
    return found


DEFINITIONS: dict[str, FactDefinition] = {
    definition.path: definition for level in Level for definition in RULES.vocabulary.of(level)
}
THRESHOLDS = [(path, threshold) for path, values in shipped_thresholds().items() for threshold in values]


@pytest.mark.parametrize(("path", "threshold"), THRESHOLDS, ids=[f"{path} {float(t):g}" for path, t in THRESHOLDS])
def test_every_threshold_is_tried_on_it_just_below_it_and_just_above_it(path: str, threshold: Fraction) -> None:
    definition = DEFINITIONS[path]
    assert isinstance(definition.type, NumberType | QuantityType)
    step = Fraction(1, 10**definition.type.decimals)
    around = {threshold - step, threshold, threshold + step}
    wanted = {value for value in around if definition.plausible is None or definition.plausible.contains(value)}
    assert len(wanted) >= 2, "no threshold lies outside what is plausible"
    assert wanted <= points()[path]


# ---------------------------------------------------------------------------------------------------- the whole answer

WIDTH, HEIGHT = 80, 50


def test_the_answer_to_the_seed_studys_typical_patient_fits_one_screen() -> None:
    lines = render(answer("the-seed-studys-typical-patient")).splitlines()
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH


def test_what_argues_against_surgery_and_about_freezing_is_shown_for_both_and_never_set_off() -> None:
    options = {each.option: each for each in answer("a-carotid-inside-the-tumour").lesions[0].options}
    about = {name: {r.rule for r in each.reasons if r.truth == "true"} for name, each in options.items()}
    assert "SS-2" in about["salvage-surgery"]
    assert {"CR-12", "TP-1", "TP-U"} <= about["cryoablation"]
    assert options["cryoablation"].verdict == "conditional", "that surgery is impossible makes freezing no safer"


def test_a_plan_shows_the_distance_from_its_ice_beside_that_from_the_tumour() -> None:
    parts = answer("a-plan-that-brings-the-ice-nearer").lesions[0].thermoprotection
    both = [part.distance for part in parts if "from the ice" in part.distance]
    assert both
    assert all(re.fullmatch(r".+ from the ice, .+ from the tumour", distance) for distance in both)


LONGEST = 160


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.id)
def test_a_reason_is_one_short_sentence_or_two(rule: Rule) -> None:
    for text in filter(None, (rule.says, rule.otherwise, rule.remedy)):
        assert text.endswith(".")
        assert len(text) <= LONGEST
