"""Protection of structures at risk: the need, what each measure is worth, what no measure protects, what is covered."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.case import Case
from cds.case.reading import case_from_mapping
from cds.explanation.text import render
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import reason
from cds.reasoning.thermoprotection import MeasureStanding, Need, measure_standing, need_of, smallest_sets
from cds.recommendation import recommend
from cds.recommendation.model import ProtectionPlanPart, ThermoprotectionPart
from cds.ruleset import RuleSet, load_rules
from cds.ruleset.model import MeasureStatus
from cds.truth import Truth
from tests.ruleset.workshop import PARAMETERS, PLANNER, STRUCTURES, a_rule, rules_of, small_rules

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
REFERENCE = ReferenceEngine()


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return small_rules(
        tmp_path_factory.mktemp("rules"),
        rules_of(
            a_rule(
                "C-1",
                "against",
                "structure.distance < parameters.limit",
                option="frost",
                for_each="structure",
                done="structure.coveredByPlan",
            ),
            a_rule("C-2", "against", "structure.unprotectable", option="frost", for_each="structure"),
        ),
    )


def case(rules: RuleSet, structures: dict[str, dict[str, Any]], **facts: Any) -> Case:
    """A neck lesion on the left: nerve, skin; and the brain where it is named."""
    named = [
        {"name": key.partition("/")[0], **({"side": key.partition("/")[2]} if "/" in key else {}), "facts": its}
        for key, its in structures.items()
    ]
    lesion = {"id": "T1", "facts": {"site": "neck", "side": "left", **facts}, "structures": named}
    return case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "lesions": [lesion]})


def plan(rules: RuleSet, key: str, structures: dict[str, dict[str, Any]], **facts: Any) -> ThermoprotectionPart:
    answer = recommend(case(rules, structures, **facts), rules, engine=REFERENCE)
    name, _, side = key.partition("/")
    return next(t for t in answer.lesions[0].thermoprotection if (t.structure, t.side or "") == (name, side))


# --- the need ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", list(Truth))
@pytest.mark.parametrize("second", list(Truth))
def test_protection_is_required_where_any_reason_holds_and_not_where_none_does(first: Truth, second: Truth) -> None:
    expected = (
        Need.REQUIRED if T in (first, second) else Need.UNDETERMINED if U in (first, second) else Need.NOT_REQUIRED
    )
    assert need_of([first, second]) is expected


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (9, "required"),
        ("< 10", "required"),
        (10, "not-required"),
        ("8..12", "undetermined"),
        (None, "undetermined"),
        ("> 10", "not-required"),
        ({"conflict": [2, 30]}, "undetermined"),
        ({"absent": "not-assessed"}, "undetermined"),
    ],
)
def test_the_need_follows_from_the_distance_and_an_unmeasured_one_leaves_it_open(
    rules: RuleSet, distance: Any, expected: str
) -> None:
    facts = {} if distance is None else {"distance": distance}
    assert plan(rules, "nerve/left", {"nerve/left": facts}).verdict == expected


def test_a_structure_nobody_mentioned_is_in_the_plan(rules: RuleSet) -> None:
    assert plan(rules, "skin", {}).verdict == "undetermined"


def test_the_closing_statement_settles_what_was_not_listed(rules: RuleSet) -> None:
    assert plan(rules, "skin", {}, closing=30).verdict == "not-required"
    assert plan(rules, "skin", {}, closing=4).verdict == "undetermined"


# --- measures ------------------------------------------------------------------------------------------------------


def oracle(against: list[tuple[MeasureStatus, Truth]]) -> MeasureStanding:
    """The standing in every completion; undetermined where they differ, contraindicated only where all say so."""
    found = set()
    for answers in product(*[[True, False] if truth is U else [truth is T] for _, truth in against]):
        hold = [status for (status, _), answer in zip(against, answers, strict=True) if answer]
        found.add(
            MeasureStanding.CONTRAINDICATED
            if "contraindicated" in hold
            else MeasureStanding.ADVISED_AGAINST
            if hold
            else MeasureStanding.AVAILABLE
        )
    return found.pop() if len(found) == 1 else MeasureStanding.UNDETERMINED


statuses = st.sampled_from(["advised-against", "contraindicated"])


@given(st.lists(st.tuples(statuses, st.sampled_from(Truth)), max_size=5))
def test_a_measure_stands_where_every_completion_puts_it(against: list[tuple[MeasureStatus, Truth]]) -> None:
    assert measure_standing(against) is oracle(against)


@pytest.mark.parametrize(
    ("touched", "flag", "water", "gloves"),
    [
        (False, False, "available", "available"),
        (False, True, "advised-against", "available"),
        (True, False, "contraindicated", "available"),
        (True, True, "contraindicated", "available"),
        (None, False, "undetermined", "available"),
        (None, True, "undetermined", "available"),
        (False, None, "undetermined", "available"),
        (True, None, "contraindicated", "available"),
    ],
)
def test_each_measure_of_the_list_is_shown_with_what_speaks_against_it(
    rules: RuleSet, touched: bool | None, flag: bool | None, water: str, gloves: str
) -> None:
    own = {} if touched is None else {"touched": touched}
    lesion = {} if flag is None else {"flag": flag}
    part = plan(rules, "nerve/left", {"nerve/left": own}, **lesion)
    assert {measure.measure: measure.status for measure in part.measures} == {"water": water, "gloves": gloves}
    assert [reason.rule for reason in part.measures[0].reasons] == ["M-1", "M-2"]
    assert part.measures[1].reasons == ()


def truth_of(rules: RuleSet, criterion: str, made: Case, key: str) -> Truth:
    decision = reason(made, rules, "decision", REFERENCE)
    return decision.derivations[criterion, f"T1/{key}"].truth


@pytest.mark.parametrize(
    ("key", "facts", "expected"),
    [
        ("skin/none", {"touched": True}, T),
        ("skin/none", {"touched": False}, F),
        ("skin/none", {}, U),
        ("nerve/left", {"touched": True}, F),
        ("brain/none", {}, T),
    ],
)
def test_nothing_protects_a_structure_only_if_every_listed_measure_is_contraindicated(
    rules: RuleSet, key: str, facts: dict[str, Any], expected: Truth
) -> None:
    name = key.removesuffix("/none")
    assert truth_of(rules, "C-2", case(rules, {name: facts}), key) is expected


# --- the plan ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("planned", [True, False, None])
@pytest.mark.parametrize("watched", [True, False, None])
@pytest.mark.parametrize("flag", [True, False, None])
@pytest.mark.parametrize("touched", [True, False, None])
def test_a_plan_covers_with_a_usable_measure_and_monitoring(
    rules: RuleSet, planned: bool | None, watched: bool | None, flag: bool | None, touched: bool | None
) -> None:
    own = {"waterPlanned": planned, "cameraMonitoringPlanned": watched, "touched": touched}
    given_ = {name: value for name, value in own.items() if value is not None}
    part = plan(rules, "skin", {"skin": given_}, **({} if flag is None else {"flag": flag}))
    # Documents are no when silent; what speaks against the measure stays unknown.
    against = (U if touched is None else Truth.of(touched)) | (U if flag is None else Truth.of(flag))
    expected = Truth.of(planned is True) & ~against & Truth.of(watched is True)
    assert part.covered_by_plan == expected.value


def test_a_structure_for_which_nothing_is_listed_is_never_covered(rules: RuleSet) -> None:
    assert plan(rules, "brain", {"brain": {"distance": 3}}).covered_by_plan == "false"


def test_covered_is_shown_beside_the_objection_and_does_not_take_it_away(rules: RuleSet) -> None:
    facts = {"distance": 3, "touched": False, "waterPlanned": True, "cameraMonitoringPlanned": True}
    made = case(rules, {"skin": facts, "nerve/left": {"distance": 99}}, flag=False)
    answer = recommend(made, rules, engine=REFERENCE)
    frost = next(option for option in answer.lesions[0].options if option.option == "frost")
    (reason_,) = [r for r in frost.reasons if (r.rule, r.subject) == ("C-1", "T1/skin/none")]
    assert (reason_.truth, reason_.addressed, reason_.asks, reason_.moves_verdict) == ("true", "true", "plan", True)
    assert "eligible" not in frost.possible


def test_monitoring_is_advised_where_its_rule_holds_or_may(rules: RuleSet) -> None:
    for distance, shown in ((3, ["W-1"]), ("5..20", ["W-1"]), (30, [])):
        part = plan(rules, "nerve/left", {"nerve/left": {"distance": distance}})
        assert [advice.rule for advice in part.advice] == shown
    assert [monitoring.monitoring for monitoring in plan(rules, "nerve/left", {}).monitoring] == ["camera"]


def test_a_lesion_in_the_midline_has_both_sides_in_its_plan(tmp_path: Path, rules: RuleSet) -> None:
    made = case_from_mapping(
        rules.vocabulary,
        {"as_of": "2026-11-22", "lesions": [{"id": "T1", "facts": {"site": "neck", "side": "midline"}}]},
    )
    answer = recommend(made, rules, engine=REFERENCE)
    assert [(t.structure, t.side) for t in answer.lesions[0].thermoprotection] == [
        ("nerve", "left"),
        ("nerve", "right"),
        ("skin", None),
    ]


# --- all structures together ---------------------------------------------------------------------------------------

COMBINED = PLANNER + """\
combinations:
  - {id: X-1, excludes: [water, gloves], says: not both, basis: unverified}
  - {id: X-2, together: [water, camera], says: look while you pour, basis: unverified}
"""
NEAR, FAR = {"distance": 5, "touched": False}, {"distance": 50, "touched": False}


def whole(rules: RuleSet, structures: dict[str, dict[str, Any]], **facts: Any) -> ProtectionPlanPart:
    told = {"flag": False, **facts}  # scars would speak against water
    found = recommend(case(rules, structures, **told), rules, engine=REFERENCE).lesions[0].protection_plan
    assert found is not None
    return found


def test_the_fewest_measures_leave_no_threatened_structure_without_one(rules: RuleSet) -> None:
    found = whole(rules, {"nerve/left": NEAR, "skin": NEAR})
    assert [chosen.measures for chosen in found.sufficient_sets] == [("water",)]
    assert set(found.required) == {"T1/nerve/left", "T1/skin/none"} == set(found.protectable)
    alone = whole(rules, {"nerve/left": NEAR, "skin": FAR})
    assert [chosen.measures for chosen in alone.sufficient_sets] == [("gloves",), ("water",)]


def test_a_structure_without_an_open_measure_is_named_and_not_planned_for(rules: RuleSet) -> None:
    found = whole(rules, {"nerve/left": NEAR, "skin": {**NEAR, "touched": True}})
    assert found.without_measure == ("T1/skin/none",)
    assert found.protectable == ("T1/nerve/left",)
    assert found.covered_by_plan == "false"


def test_a_plan_that_names_what_excludes_each_other_is_told_so(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, thermoprotection=COMBINED)

    def told(**planned: bool) -> str:
        made = case(rules, {"nerve/left": {**NEAR, **planned}}, flag=False)
        return " ".join(render(recommend(made, rules, engine=REFERENCE)).split())

    clash = "the plan names measures that exclude each other: not both [X-1;"
    assert clash in told(waterPlanned=True, glovesPlanned=True)
    assert clash not in told(waterPlanned=True, glovesPlanned=False)


def test_measures_that_exclude_each_other_are_never_one_plan(tmp_path: Path) -> None:
    only_gloves = STRUCTURES.replace("measures: [water, gloves]", "measures: [gloves]")
    apart = small_rules(tmp_path, structures=only_gloves, thermoprotection=COMBINED)
    both = {"nerve/left": NEAR, "skin": NEAR}
    assert whole(apart, both).sufficient_sets == ()
    free = small_rules(tmp_path / "free", structures=only_gloves)
    assert [chosen.measures for chosen in whole(free, both).sufficient_sets] == [("gloves", "water")]


def test_what_goes_together_is_said_beside_the_set_that_names_it(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, thermoprotection=COMBINED)
    found = whole(rules, {"nerve/left": FAR, "skin": NEAR})
    (chosen,) = found.sufficient_sets
    assert (chosen.measures, chosen.with_) == (("water",), ("camera",))
    assert {(each.rule, each.kind, each.support) for each in found.combinations} == {
        ("X-1", "excludes", "none"),
        ("X-2", "together", "none"),
    }


@pytest.mark.parametrize(
    ("nerve", "skin", "covered"),
    [
        ({**NEAR, "waterPlanned": True, "cameraMonitoringPlanned": True}, FAR, "true"),
        ({**NEAR, "waterPlanned": True}, FAR, "false"),
        ({**NEAR, "waterPlanned": True, "cameraMonitoringPlanned": True}, {}, "unknown"),
        ({**NEAR, "waterPlanned": True, "cameraMonitoringPlanned": True}, NEAR, "false"),
        (FAR, FAR, "true"),
    ],
)
def test_the_plan_covers_every_threatened_structure_or_says_which_not(
    rules: RuleSet, nerve: dict[str, Any], skin: dict[str, Any], covered: str
) -> None:
    found = whole(rules, {"nerve/left": nerve, "skin": skin})
    assert found.covered_by_plan == covered
    assert (found.uncovered == ()) is (covered != "false")


def test_the_answer_says_what_the_distances_are_and_what_the_institution_has_to_set(rules: RuleSet) -> None:
    found = whole(rules, {"nerve/left": NEAR, "skin": FAR})
    flagged = f"{len(found.required)} of {len(found.required) + len(found.undetermined) + found.not_required}"
    assert found.says == f"Distances, not proven safe, flag {flagged}: limit 10 mm (institution default: set limit)."
    assert [each.name for each in found.distances] == ["limit"]


def test_a_distance_that_the_institution_set_is_said_to_be_its_own(tmp_path: Path) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text("label: Ours\nparameters: {limit: {value: 12, unit: mm}}\n", "utf-8")
    small_rules(tmp_path, parameters=PARAMETERS)
    found = whole(load_rules(tmp_path / "small", overlay), {"nerve/left": NEAR, "skin": {}})
    assert "flag 1 of 2 (1 more undetermined): limit 12 mm (set by the institution)." in found.says


NAMES = st.sampled_from("abcde")


@given(st.lists(st.sets(NAMES, min_size=1), max_size=5), st.lists(st.sets(NAMES, min_size=2, max_size=3), max_size=2))
def test_a_set_is_enough_excludes_nothing_and_none_is_smaller(wanted: list[set[str]], apart: list[set[str]]) -> None:
    found = smallest_sets(wanted, apart)

    def enough(chosen: set[str]) -> bool:
        return all(chosen & names for names in wanted) and not any(len(chosen & names) > 1 for names in apart)

    every = [set(names) for size in range(6) for names in product("abcde", repeat=size) if len(set(names)) == size]
    good = [names for names in every if enough(names)] if wanted else []
    least = min((len(names) for names in good), default=0)
    assert {frozenset(names) for names in found} == {frozenset(names) for names in good if len(names) == least}
