"""What a missing fact would settle: each listed outcome is what putting the value in gives, and no fact is left out.

The oracle puts values into the case, at the constants of the rules, beside them, between them and at the bounds, and
decides the whole case anew.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.case import Case, Fact, Facts, Known, Value, narrowed
from cds.case.reading import case_from_mapping
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import Interval
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import OptionDecision, reason
from cds.reasoning.settling import Settling, cells
from cds.reasoning.verdict import Verdict
from cds.ruleset import RuleSet
from cds.testing import random_cases, thresholds
from cds.vocabulary import FactDefinition, FactKind, Level
from tests.ruleset.shipped import shipped_rules, shipped_thresholds
from tests.ruleset.workshop import PLANNER, STRUCTURES, a_rule, rules_of, small_rules

REFERENCE = ReferenceEngine()
DEFINITIONS = """\
definitions:
  lesion.hopeless: {any: structure, where: structure.distance < parameters.mm5 and structure.unprotectable}
  lesion.close: {any: structure, where: structure.distance < parameters.mm7 and structure.kind = 'nerve'}
"""
RULES = rules_of(
    a_rule("S-1", "requires", "lesion.site = 'neck' and patient.ratio < parameters.r9", option="scope"),
    a_rule("R-1", "against", "lesion.size > parameters.limit and not lesion.flag"),
    a_rule("R-2", "requires", "patient.ratio <= parameters.ratioLimit", for_each="patient", remedy="mend it"),
    a_rule("R-3", "against", "lesion.size between parameters.mm20 and parameters.mm30"),
    a_rule("R-4", "against", "lesion.count > parameters.n2 or lesion.count < parameters.n1"),
    a_rule("R-5", "excludes", "lesion.count in {4, 7}"),
    a_rule("R-6", "against", "other.grade = 'high' xor lesion.flag", for_each="other-lesion"),
    a_rule("R-7", "against", "structure.distance < parameters.limit", option="frost", for_each="structure"),
    a_rule(
        "R-8",
        "against",
        "structure.distance < parameters.mm8 and structure.unprotectable",
        option="frost",
        for_each="structure",
    ),
    a_rule("R-9", "excludes", "lesion.hopeless and patient.flagB", option="frost"),
    a_rule("R-10", "against", "other.close", option="frost", for_each="other-lesion"),
    a_rule("R-11", "informs", "lesion.grade = 'low'"),
)
NEAR = PLANNER.replace("when: structure.touched", "when: structure.distance <= parameters.mm2")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return small_rules(tmp_path_factory.mktemp("rules"), RULES, definitions=DEFINITIONS, thermoprotection=NEAR)


@dataclass(frozen=True)
class Place:
    """One fact of one subject of a case."""

    subject: str
    definition: FactDefinition
    fact: Fact


def places(case: Case, rules: RuleSet) -> Iterator[Place]:
    def of(subject: str, level: Level, facts: Facts) -> Iterator[Place]:
        for name, fact in facts.items():
            definition = rules.vocabulary.fact(level, name)
            if definition.kind is not FactKind.GIVEN:
                yield Place(subject, definition, fact)

    yield from of("patient", Level.PATIENT, case.patient)
    for lesion in case.lesions:
        yield from of(lesion.id, Level.LESION, lesion.facts)
        for structure in lesion.structures:
            yield from of(f"{lesion.id}/{structure.key}", Level.STRUCTURE, structure.facts)


def values(place: Place, constants: dict[str, tuple[Fraction, ...]]) -> list[Value]:
    """Every answer and code; numbers at, beside and between the constants, at the bounds, within what is known."""
    definition = place.definition
    match definition.type:
        case BooleanType():
            return [True, False]
        case CodeType(codes):
            return list(codes)
        case NumberType(decimals) | QuantityType(_, decimals):
            step = Fraction(1, 10**decimals)
            # A closing statement is compared with whatever the distances that it bounds are compared with.
            near = {
                c
                for path, its in constants.items()
                if path == definition.path or path.startswith("structure.")
                for c in its
            }
            numbers = {c + d for c in near for d in (-step, Fraction(0), step)}
            ordered = sorted(near)
            numbers |= {(a + b) / 2 // step * step for a, b in pairwise(ordered)}
            bounds = definition.plausible
            if bounds is not None:
                numbers |= {end for end in (bounds.low, bounds.high) if end is not None}
                numbers = {n for n in numbers if bounds.contains(n)}
            if isinstance(place.fact.value, Interval):
                numbers = {n for n in numbers if place.fact.value.contains(n)}
            return [Interval.point(n) for n in sorted(numbers)]
        case DateType():
            return []


_NUMBER = r"(-?\d+(?:\.\d+)?)"


def says(condition: str, value: Value, definition: FactDefinition) -> bool:
    """Whether an outcome, as people read it, speaks of the value."""
    if isinstance(value, bool):
        return ("yes" if value else "no") in condition.split(" or ")
    if isinstance(value, str):
        labels = sorted((definition.value_labels.get(v, v) for v in _codes(definition)), key=len, reverse=True)
        return definition.value_labels.get(value, value) in re.findall("|".join(map(re.escape, labels)), condition)
    assert isinstance(value, Interval)
    assert value.low is not None
    number = value.low
    text = (
        condition.removesuffix(f" {definition.type.unit}") if isinstance(definition.type, QuantityType) else condition
    )
    if text == "any value":
        return True
    if match := re.fullmatch(rf"{_NUMBER} to {_NUMBER}", text):
        return Fraction(match[1]) <= number <= Fraction(match[2])
    if match := re.fullmatch(_NUMBER, text):
        return number == Fraction(match[1])
    holds = {"<": number.__lt__, "<=": number.__le__, ">": number.__gt__, ">=": number.__ge__}
    parts = [re.fullmatch(rf"([<>]=?) {_NUMBER}", part) for part in text.split(" and ")]
    assert all(parts), condition
    return all(holds[part[1]](Fraction(part[2])) for part in parts if part)


def _codes(definition: FactDefinition) -> tuple[str, ...]:
    return definition.type.values if isinstance(definition.type, CodeType) else ()


def decided(case: Case, rules: RuleSet, lesion: str, option: str) -> OptionDecision:
    decision = reason(case, rules, "decision", REFERENCE)
    its = next(one for one in decision.lesions if one.lesion.id == lesion)
    return next(one for one in its.options if one.option == option)


def undetermined(case: Case, rules: RuleSet) -> list[tuple[str, OptionDecision]]:
    decision = reason(case, rules, "decision", REFERENCE)
    return [
        (lesion.lesion.id, option)
        for lesion in decision.lesions
        for option in lesion.options
        if len(option.possible) > 1
    ]


def with_value(case: Case, rules: RuleSet, place: Place, value: Value) -> Case:
    return narrowed(case, rules.vocabulary, place.subject, place.definition.name, Fact(Known(value)))


def check_outcomes(
    case: Case,
    rules: RuleSet,
    lesion: str,
    option: OptionDecision,
    settling: Settling,
    constants: dict[str, tuple[Fraction, ...]],
) -> None:
    """Every value stands in exactly one outcome, and that outcome is what the value gives."""
    place = Place(settling.subject, settling.definition, settling.fact)
    tried = values(place, constants)
    assert tried
    for value in tried:
        outcomes = [o for o in settling.outcomes if says(o.condition, value, settling.definition)]
        assert len(outcomes) == 1, (str(value), [o.condition for o in settling.outcomes])
        after = decided(with_value(case, rules, place, value), rules, lesion, option.option)
        assert outcomes[0].possible == after.possible, (settling.definition.path, str(value), outcomes[0])
    for outcome in settling.outcomes:
        assert any(says(outcome.condition, value, settling.definition) for value in tried), outcome.condition


def opens(case: Case, rules: RuleSet, lesion: str, option: str) -> set[tuple[str, str]]:
    """The criteria that keep an option's verdict open."""
    decision = reason(case, rules, "decision", REFERENCE)
    its = next(one for one in decision.lesions if one.lesion.id == lesion)
    considered = next(one for one in its.options if one.option == option).considerations
    moving = [c for c in considered if c.objection is not None]
    return {(c.rule.id, c.context.id) for c in (*moving, *its.scope_considerations) if not c.truth.is_known}


def constants_of(rules: RuleSet) -> dict[str, tuple[Fraction, ...]]:
    program = rules.programs["decision"]
    found = thresholds([*(c.condition for c in program.criteria), *program.derived.values()])
    return {**found, "lesion.count": tuple(sorted({*found.get("lesion.count", ()), Fraction(4), Fraction(7)}))}


@pytest.mark.parametrize("seed", range(5))
def test_every_outcome_is_exactly_what_its_values_give(rules: RuleSet, seed: int) -> None:
    constants = constants_of(rules)
    checked = 0
    for case in random_cases(rules.vocabulary, constants, seed, 18, known=0.75):
        for lesion, option in undetermined(case, rules):
            for settling in option.settling:
                check_outcomes(case, rules, lesion, option, settling, constants)
                checked += 1
    assert checked > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_every_outcome_of_the_shipped_rules_is_exactly_what_its_values_give(seed: int) -> None:
    rules, constants, chance = shipped_rules(), shipped_thresholds(), random.Random(seed)
    checked = 0
    for case in random_cases(rules.vocabulary, constants, seed, 12, known=0.85, lesions=(1, 1)):
        for lesion, option in undetermined(case, rules):
            for settling in chance.sample(option.settling, min(2, len(option.settling))):
                check_outcomes(case, rules, lesion, option, settling, constants)
                checked += 1
    assert checked > 3


@pytest.mark.parametrize("seed", range(5))
def test_a_fact_that_can_decide_an_open_criterion_is_listed(rules: RuleSet, seed: int) -> None:
    constants, chance = constants_of(rules), random.Random(seed)
    tried = 0
    for case in random_cases(rules.vocabulary, constants, seed, 15, known=0.75):
        for lesion, option in undetermined(case, rules):
            listed = {(s.subject, s.definition.name) for s in option.settling}
            candidates = [
                p for p in places(case, rules) if not exact(p.fact) and (p.subject, p.definition.name) not in listed
            ]
            before = opens(case, rules, lesion, option.option)
            for place in chance.sample(candidates, min(3, len(candidates))):
                for value in values(place, constants):
                    after = with_value(case, rules, place, value)
                    assert opens(after, rules, lesion, option.option) == before, (place.definition.path, str(value))
                    tried += 1
    assert tried > 50


def exact(fact: Fact) -> bool:
    return fact.value is not None and not (isinstance(fact.value, Interval) and not fact.value.is_point)


# --- chosen cases --------------------------------------------------------------------------------------------------


def settling_of(
    rules: RuleSet, option: str, patient: dict[str, object], **facts: object
) -> dict[str, list[tuple[str, set[str]]]]:
    lesion = {"id": "T1", "facts": {"site": "tongue", "side": "left", "flag": False, **facts}}
    case = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "patient": patient, "lesions": [lesion]})
    found = decided(case, rules, "T1", option).settling
    return {s.definition.path: [(o.condition, {v.value for v in o.possible}) for o in s.outcomes] for s in found}


def test_a_number_is_cut_where_the_condition_cuts_it_and_cells_of_one_outcome_are_one(tmp_path: Path) -> None:
    rules = small_rules(
        tmp_path,
        rules_of(a_rule("R-1", "requires", "patient.ratio <= parameters.ratioLimit", for_each="patient", remedy="x")),
    )
    assert settling_of(rules, "knife", {}, grade="low") == {
        "patient.ratio": [("0 to 1.8", {"eligible"}), ("> 1.8 and <= 20", {"conditional"})]
    }


def test_what_is_known_of_a_number_bounds_its_outcomes(tmp_path: Path) -> None:
    rules = small_rules(
        tmp_path, rules_of(a_rule("R-1", "against", "patient.ratio > parameters.ratioLimit", for_each="patient"))
    )
    assert settling_of(rules, "knife", {"ratio": "1.5..2.5"}, grade="low") == {
        "patient.ratio": [("1.5 to 1.8", {"eligible"}), ("> 1.8 and <= 2.5", {"conditional"})]
    }


def test_codes_of_one_outcome_are_said_together(tmp_path: Path) -> None:
    assert settling_of(small_rules(tmp_path), "knife", {}) == {
        "lesion.grade": [("low or middle", {"eligible"}), ("high", {"ineligible"})]
    }


def test_a_number_that_is_one_of_several_is_settled_like_any_other(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(a_rule("R-1", "excludes", "lesion.count in {2, 5}")))
    found = settling_of(rules, "knife", {}, grade="low")
    assert list(found) == ["lesion.count"]
    assert [possible for _, possible in found["lesion.count"]] == [
        {"eligible"},
        {"ineligible"},
        {"eligible"},
        {"ineligible"},
        {"eligible"},
    ]


def test_a_number_inside_any_structure_is_cut_where_the_planner_cuts_it(tmp_path: Path) -> None:
    rules = small_rules(
        tmp_path, rules_of(a_rule("R-1", "against", "lesion.hopeless")), definitions=DEFINITIONS, thermoprotection=NEAR
    )
    found = settling_of(rules, "knife", {}, grade="low", closing=0)
    assert found["structure.distance"] == [("> 0 and <= 2 mm", {"conditional"}), ("> 2 and <= 300 mm", {"eligible"})]


def test_the_closing_statement_of_the_other_lesion_is_named_where_its_structures_are_asked(rules: RuleSet) -> None:
    lesions = [{"id": name, "facts": {"site": "neck", "grade": "low", "flag": False}} for name in ("T1", "T2")]
    case = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "patient": {"ratio": 1}, "lesions": lesions})
    considered = decided(case, rules, "T1", "frost")
    other = {s.subject for s in considered.settling if s.definition.name == "closing"}
    assert other == {"T1", "T2"}


def test_a_whole_number_has_no_outcome_between_two_neighbours(tmp_path: Path) -> None:
    rules = small_rules(
        tmp_path,
        rules_of(
            a_rule("R-1", "against", "lesion.count = 1 or lesion.count = 2"),
            a_rule("R-2", "excludes", "lesion.count = 2"),
        ),
    )
    found = settling_of(rules, "knife", {}, grade="low")["lesion.count"]
    assert "> 1 and < 2" not in [condition for condition, _ in found]


def test_two_open_exclusions_name_both_facts_although_neither_settles_alone(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(a_rule("R-1", "excludes", "patient.flagB", for_each="patient")))
    found = settling_of(rules, "knife", {})
    assert set(found) == {"lesion.grade", "patient.flagB"}
    assert found["patient.flagB"] == [("yes", {"ineligible"}), ("no", {"eligible", "ineligible"})]


def test_the_most_decisive_fact_comes_first_and_of_equal_ones_the_cheaper(tmp_path: Path) -> None:
    alone = small_rules(
        tmp_path / "alone", rules_of(a_rule("R-1", "against", "patient.flagB and lesion.size > parameters.mm5"))
    )
    found = settling_of(alone, "knife", {}, grade="low")
    assert list(found) == ["lesion.size", "patient.flagB"]  # one answer of each settles; of equal ones by name
    both = small_rules(
        tmp_path / "both",
        rules_of(
            a_rule("R-1", "excludes", "patient.flagB and lesion.grade = 'low'"),
            a_rule("R-2", "against", "patient.flagB"),
        ),
    )
    assert list(settling_of(both, "knife", {})) == ["patient.flagB", "lesion.grade"]


def test_a_settled_option_names_no_fact(tmp_path: Path) -> None:
    assert settling_of(small_rules(tmp_path), "knife", {}, grade="high") == {}


def test_the_closing_statement_is_named_beside_the_distance_that_nobody_recorded(tmp_path: Path) -> None:
    rule = a_rule("R-1", "against", "structure.distance < parameters.limit", for_each="structure")
    found = settling_of(small_rules(tmp_path, rules_of(rule)), "knife", {}, grade="low")
    assert set(found) == {"structure.distance", "lesion.closing"}
    assert found["lesion.closing"] == [
        (">= 0 and < 10 mm", {"eligible", "conditional"}),
        ("10 to 300 mm", {"eligible"}),
    ]


def test_a_closing_statement_is_not_named_for_a_structure_that_the_record_speaks_of_elsewhere(tmp_path: Path) -> None:
    near = "structure.kind = 'nerve' and structure.distance < parameters.limit"
    rules = small_rules(
        tmp_path,
        rules_of(a_rule("R-1", "against", near, for_each="structure")),
        structures=STRUCTURES.replace("nerve: {label: nerve,", "nerve: {label: nerve, listed_by: lesion.size,"),
    )
    assert set(settling_of(rules, "knife", {}, grade="low", site="neck")) == {"structure.distance", "lesion.closing"}
    assert set(settling_of(rules, "knife", {}, grade="low", site="neck", size=3)) == {"structure.distance"}


def test_an_unknown_scope_names_what_would_settle_it(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(a_rule("S-1", "requires", "patient.flagB", option="scope")))
    found = settling_of(rules, "knife", {}, grade="high")
    assert found == {"patient.flagB": [("yes", {"ineligible"}), ("no", {"not-assessed"})]}


# --- cells ---------------------------------------------------------------------------------------------------------

constants = st.lists(st.integers(-9, 9).map(Fraction), min_size=1, max_size=4, unique=True).map(sorted)


@given(constants, st.fractions(-12, 12, max_denominator=2))
def test_every_number_lies_in_exactly_one_cell_and_no_comparison_changes_in_a_cell(
    cuts: list[Fraction], number: Fraction
) -> None:
    found = [cell for cell in cells(cuts, []) if cell.contains(number)]
    assert len(found) == 1
    for cut in cuts:
        assert found[0].less(cut).is_known
        assert found[0].less_or_equal(cut).is_known
        assert found[0].equal(cut).is_known


@given(constants, st.integers(-9, 9), st.integers(0, 9))
def test_cells_within_bounds_are_the_parts_of_the_bounds(cuts: list[Fraction], low: int, width: int) -> None:
    bounds = Interval(Fraction(low), Fraction(low + width))
    found = cells(cuts, [bounds])
    assert all(cell.within(bounds) for cell in found)
    for number in {bounds.low, bounds.high, *cuts}:
        assert number is not None
        assert sum(cell.contains(number) for cell in found) == bounds.contains(number)


def test_a_verdict_left_by_an_outcome_is_one_that_was_possible(rules: RuleSet) -> None:
    found = settling_of(rules, "frost", {}, site="neck", grade="low")
    assert found
    assert all(possible <= {v.value for v in Verdict} for outcomes in found.values() for _, possible in outcomes)
