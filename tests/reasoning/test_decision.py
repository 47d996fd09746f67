"""From facts to a decision: the scope, the phases, obligations, standing, lesions that do not touch one another."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from cds.case import Case
from cds.case.reading import case_from_mapping
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import Decision, LesionDecision, OptionDecision, due, reason, scope_of
from cds.reasoning.verdict import Standing, Verdict
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES, Phase
from cds.truth import Truth
from tests.ruleset.shipped import shipped_rules
from tests.ruleset.workshop import a_rule, rules_of, small_rules

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
REFERENCE = ReferenceEngine()
PREFERENCES = """\
preferences:
  - {id: P-1, order: [[knife], [frost]], when: lesion.grade = 'low', says: knife first, basis: judgement}
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    text = rules_of(
        a_rule("S-1", "requires", "lesion.site = 'neck'", option="scope"),
        a_rule("O-1", "requires", "lesion.flag", option="order", remedy="mend it"),
        a_rule("A-1", "obliges", "patient.flagB", option="any", for_each="patient", done="patient.booked"),
        a_rule(
            "A-2",
            "obliges",
            "structure.distance < parameters.limit",
            option="frost",
            for_each="structure",
            done="structure.looked",
        ),
        a_rule("L-1", "informs", "true", option="frost", phase="planning"),
        a_rule("L-2", "excludes", "patient.flagB", option="frost", for_each="patient", phase="planning"),
        a_rule("U-1", "informs", "lesion.count > parameters.n2", option="frost", phase="follow-up"),
        a_rule(
            "V-1",
            "informs",
            "structure.name = 'skin' and structure.distance < parameters.mm5",
            option="frost",
            for_each="structure",
        ),
        a_rule("Z-1", "against", "other.grade = 'high'", for_each="other-lesion"),
    )
    return small_rules(tmp_path_factory.mktemp("rules"), text, preferences=PREFERENCES)


def case(rules: RuleSet, *lesions: dict[str, Any], **patient: Any) -> Case:
    """Lesions by their facts; `structures` among them are by key."""
    made = []
    for number, facts in enumerate(lesions, start=1):
        own = dict(facts)
        structures = own.pop("structures", {})
        named = [
            {"name": k.partition("/")[0], **({"side": k.partition("/")[2]} if "/" in k else {}), "facts": v}
            for k, v in structures.items()
        ]
        made.append({"id": f"T{number}", "facts": own, "structures": named})
    return case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "patient": patient, "lesions": made})


def decide(rules: RuleSet, made: Case, phase: Phase = "decision") -> Decision:
    return reason(made, rules, phase, REFERENCE)


def option(lesion: LesionDecision, name: str) -> OptionDecision:
    return next(one for one in lesion.options if one.option == name)


# --- scope ---------------------------------------------------------------------------------------------------------


def test_the_patient_is_in_scope_if_some_lesion_is_and_out_only_if_all_are() -> None:
    for truths in product(Truth, repeat=2):
        expected = T if T in truths else F if set(truths) == {F} else U
        assert scope_of(truths) is expected


def test_a_record_without_a_lesion_has_an_unknown_scope_and_no_answer_about_one(rules: RuleSet) -> None:
    decision = decide(rules, case(rules))
    assert (decision.scope, decision.lesions) == (U, ())


@pytest.mark.parametrize(
    ("facts", "scope", "possible"),
    [
        ({"site": "neck", "grade": "low"}, T, {Verdict.ELIGIBLE}),
        ({"site": "tongue", "grade": "low"}, F, {Verdict.NOT_ASSESSED}),
        ({"grade": "low"}, U, {Verdict.ELIGIBLE, Verdict.NOT_ASSESSED}),
        ({"grade": "high"}, U, {Verdict.INELIGIBLE, Verdict.NOT_ASSESSED}),
        ({"site": {"conflict": ["neck", "tongue"]}, "grade": "low"}, U, {Verdict.ELIGIBLE, Verdict.NOT_ASSESSED}),
    ],
)
@pytest.mark.parametrize("phase", PHASES)
def test_the_scope_is_asked_in_every_phase_and_bounds_the_verdict_in_the_decision(
    rules: RuleSet, phase: Phase, facts: dict[str, Any], scope: Truth, possible: set[Verdict]
) -> None:
    (lesion,) = decide(rules, case(rules, facts), phase).lesions
    assert lesion.scope is scope
    assert [c.rule.id for c in lesion.scope_considerations] == ["S-1"]
    expected = possible if phase == "decision" else {Verdict.NOT_ASSESSED}
    assert option(lesion, "knife").possible == expected


# --- phases --------------------------------------------------------------------------------------------------------

IN_PHASE = {
    "decision": {"K-0", "F-0", "A-1", "A-2", "V-1", "Z-1"},
    "planning": {"K-0", "F-0", "A-1", "A-2", "V-1", "Z-1", "L-1", "L-2"},
    "follow-up": {"U-1"},
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_considers_its_own_rules(rules: RuleSet, phase: Phase) -> None:
    near = {"skin": {"distance": 3}}
    decision = decide(rules, case(rules, {"site": "neck", "structures": near}, {"site": "neck"}), phase)
    considered = {c.rule.id for lesion in decision.lesions for o in lesion.options for c in o.considerations}
    assert considered == IN_PHASE[phase]


@pytest.mark.parametrize("phase", ["planning", "follow-up"])
def test_only_the_decision_has_verdicts_and_settles_anything(rules: RuleSet, phase: Phase) -> None:
    (lesion,) = decide(rules, case(rules, {"site": "neck"}), phase).lesions
    assert all((o.verdict, o.settling) == (Verdict.NOT_ASSESSED, ()) for o in lesion.options)


def test_follow_up_neither_orders_options_nor_plans_protection(rules: RuleSet) -> None:
    made = case(rules, {"site": "neck", "grade": "low", "flag": True})
    (before,) = decide(rules, made).lesions
    (after,) = decide(rules, made, "follow-up").lesions
    assert (len(before.orders), len(before.structures)) == (1, 3)
    assert (after.orders, after.structures, after.preferences, after.order_requirements) == ((), (), {}, ())


# --- order ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "withheld"), [(True, False), (False, True), (None, True), ({"conflict": [True, False]}, True)]
)
def test_the_order_is_withheld_until_its_requirement_is_true(rules: RuleSet, flag: Any, withheld: bool) -> None:
    facts = {"site": "neck", "grade": "low"} | ({} if flag is None else {"flag": flag})
    (lesion,) = decide(rules, case(rules, facts, flagA=False)).lesions
    assert lesion.order_withheld is withheld
    assert [order.groups for order in lesion.orders] == ([] if withheld else [(("knife",), ("frost",))])


def test_an_option_out_of_scope_is_put_in_no_order(rules: RuleSet) -> None:
    (lesion,) = decide(rules, case(rules, {"site": "tongue", "grade": "low", "flag": True})).lesions
    assert lesion.orders == ()


# --- obligations ---------------------------------------------------------------------------------------------------

DUE = [(T, T, F), (T, F, T), (T, U, T), (F, T, F), (F, F, F), (F, U, F), (U, T, F), (U, F, U), (U, U, U)]


@pytest.mark.parametrize(("applies", "done", "expected"), DUE)
def test_an_obligation_is_due_while_it_applies_and_done_is_not_true(
    applies: Truth, done: Truth, expected: Truth
) -> None:
    assert due(applies, done) is expected


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        ({}, U),
        ({"flagB": True}, T),
        ({"flagB": True, "booked": True}, F),
        ({"flagB": True, "booked": {"absent": "asked-unknown"}}, T),
        ({"flagB": False}, F),
        ({"booked": True}, F),
    ],
)
def test_silence_about_a_document_leaves_its_obligation_due(
    rules: RuleSet, patient: dict[str, Any], expected: Truth
) -> None:
    (lesion,) = decide(rules, case(rules, {"site": "neck"}, **patient)).lesions
    found = {c.due for o in lesion.options for c in o.considerations if c.rule.id == "A-1"}
    assert found == {expected}


# --- standing, choice, other lesions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grade", "standing"), [("high", Standing.EXCLUDED), ("low", Standing.NOT_EXCLUDED), (None, Standing.UNKNOWN)]
)
def test_the_standing_answers_what_a_board_asks_first(rules: RuleSet, grade: str | None, standing: Standing) -> None:
    facts = {"site": "neck"} | ({"grade": grade} if grade else {})
    (lesion,) = decide(rules, case(rules, facts)).lesions
    assert option(lesion, "knife").standing is standing


@pytest.mark.parametrize("site", [None, "tongue"])
@pytest.mark.parametrize("phase", PHASES)
def test_nothing_is_excluded_by_rules_that_may_not_be_about_the_patient(
    rules: RuleSet, site: str | None, phase: Phase
) -> None:
    facts = {"grade": "high"} | ({"site": site} if site else {})
    (lesion,) = decide(rules, case(rules, facts), phase).lesions
    assert lesion.scope is (U if site is None else F)
    assert {each.standing for each in lesion.options} == {Standing.UNKNOWN}


def test_a_follow_up_excludes_nothing_and_clears_nothing(rules: RuleSet) -> None:
    (lesion,) = decide(rules, case(rules, {"site": "neck", "grade": "high"}), "follow-up").lesions
    assert {each.standing for each in lesion.options} == {Standing.UNKNOWN}


@pytest.mark.parametrize(("choice", "declined"), [(True, T), (False, F), (None, U), ({"conflict": [True, False]}, U)])
def test_declined_belongs_to_the_option_and_moves_no_verdict(rules: RuleSet, choice: Any, declined: Truth) -> None:
    facts = {"site": "neck", "grade": "low"} | ({} if choice is None else {"declinesKnife": choice})
    (lesion,) = decide(rules, case(rules, facts)).lesions
    knife = option(lesion, "knife")
    assert (knife.declined, knife.verdict) == (declined, Verdict.ELIGIBLE)


def test_a_rule_about_another_lesion_is_asked_once_for_each_other_lesion(rules: RuleSet) -> None:
    decision = decide(rules, case(rules, *[{"site": "neck", "grade": g} for g in ("low", "high", "low")]))
    asked = {
        lesion.lesion.id: {c.context.id: c.truth for c in option(lesion, "knife").considerations if c.rule.id == "Z-1"}
        for lesion in decision.lesions
    }
    assert asked == {
        "T1": {"T1+T2": T, "T1+T3": F},
        "T2": {"T2+T1": F, "T2+T3": F},
        "T3": {"T3+T1": F, "T3+T2": T},
    }


def test_one_lesions_facts_are_not_anothers(rules: RuleSet) -> None:
    made = case(rules, {"site": "neck", "grade": "high"}, {"site": "neck", "grade": "low"}, flagA=False)
    first, second = decide(rules, made).lesions
    assert (option(first, "knife").verdict, option(second, "knife").verdict) == (
        Verdict.INELIGIBLE,
        Verdict.CONDITIONAL,
    )


def test_a_rule_that_cannot_be_about_a_structure_says_nothing_of_it(rules: RuleSet) -> None:
    (lesion,) = decide(rules, case(rules, {"site": "neck", "side": "left"})).lesions
    asked = [(c.rule.id, c.context.id) for c in option(lesion, "frost").considerations]
    assert [at for rule, at in asked if rule == "V-1"] == ["T1/skin/none"]
    assert [at for rule, at in asked if rule == "A-2"] == ["T1/nerve/left", "T1/skin/none"]


def test_a_derivation_shows_every_fact_that_was_read_also_where_the_truth_was_settled_before() -> None:
    shipped = shipped_rules()
    made = case_from_mapping(
        shipped.vocabulary,
        {
            "as_of": "2026-11-22",
            "patient": {"systemicInfection": True},
            "lesions": [{"id": "T1", "facts": {"site": "larynx"}}],
        },
    )
    derivation = reason(made, shipped, "decision", REFERENCE).derivations["CR-5", "T1"]
    read = {f"{reference.level}.{reference.name}" for _, reference, _ in derivation.facts()}
    assert derivation.truth is F
    assert read == {"lesion.infectionAtSite", "patient.systemicInfection"}
