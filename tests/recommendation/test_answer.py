"""The answer: facts in words, evidence with its intervals, what is always said, and what is never left out."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cds.case import NEVER_RECORDED, AbsenceReason, Absent, Conflicting, Fact, Known, Source, Value, assemble
from cds.case.reading import case_from_mapping
from cds.errors import Issue
from cds.explanation.text import render
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType, ValueType
from cds.quantities import DateSpan, Interval
from cds.reasoning.conditions import ReferenceEngine
from cds.recommendation import Recommendation, recommend
from cds.recommendation.model import ReasonPart
from cds.recommendation.words import fact_part, fact_text, parameter_text, value_part
from cds.ruleset import RuleSet
from cds.ruleset.model import Parameter
from cds.vocabulary import FactDefinition, FactKind, Level
from tests.ruleset.shipped import shipped_rules
from tests.ruleset.workshop import PARAMETERS, a_rule, rules_of, small_rules

REFERENCE = ReferenceEngine()
DAY = dt.date(2026, 11, 22)


def definition(value_type: ValueType, **more: Any) -> FactDefinition:
    return FactDefinition(Level.LESION, "x", FactKind.FINDING, value_type, "an x", **more)


def at(number: int | str) -> Interval:
    return Interval.point(Fraction(number))


def answer(
    rules: RuleSet, *, phase: Any = "decision", patient: dict[str, Any] | None = None, **facts: Any
) -> Recommendation:
    lesions = [{"id": "T1", "label": "tongue", "facts": {"site": "tongue", "side": "left", **facts}}]
    mapping = {"as_of": DAY.isoformat(), "patient": patient or {}, "lesions": lesions}
    return recommend(case_from_mapping(rules.vocabulary, mapping), rules, phase=phase, engine=REFERENCE)


def reason_of(made: Recommendation, rule: str) -> ReasonPart:
    return next(r for option in made.lesions[0].options for r in option.reasons if r.rule == rule)


# --- facts in words ------------------------------------------------------------------------------------------------

TEXTS: list[tuple[ValueType, Value, str]] = [
    (BooleanType(), True, "yes"),
    (BooleanType(), False, "no"),
    (QuantityType("mm", 1), at("4.5"), "4.5 mm"),
    (QuantityType("mm", 1), Interval.below(Fraction(5), open_end=True), "< 5 mm"),
    (QuantityType("mm", 1), Interval(Fraction(4), Fraction(6)), "4 to 6 mm"),
    (QuantityType("1", 1), at(3), "3"),
    (NumberType(2), at("1.25"), "1.25"),
    (DateType(), DateSpan.parse("2026-03"), "2026-03"),
    (CodeType(("a_b",)), "a_b", "the words for it"),
]


@pytest.mark.parametrize(("value_type", "value", "text"), TEXTS)
def test_a_value_reads_as_people_write_it(value_type: ValueType, value: Value, text: str) -> None:
    its = definition(value_type, value_labels={"a_b": "the words for it"})
    assert fact_text(Fact(Known(value)), its) == text


@pytest.mark.parametrize("reason", list(AbsenceReason))
def test_an_absent_fact_says_why(reason: AbsenceReason) -> None:
    text = fact_text(Fact(Absent(reason, "a note")), definition(BooleanType()))
    assert text == f"not known ({reason.value.replace('-', ' ')}: a note)"


def test_a_conflict_shows_every_value() -> None:
    text = fact_text(Fact(Conflicting((at(3), at(30)))), definition(QuantityType("mm", 0)))
    assert text == "not known (sources disagree: 3 mm / 30 mm)"


@pytest.mark.parametrize(
    ("fact", "status", "reason", "values"),
    [
        (Fact(Known(True)), "known", None, 0),
        (Fact(Known(False)), "known", None, 0),
        (NEVER_RECORDED, "absent", "never-recorded", 0),
        (Fact(Conflicting((True, False))), "conflicting", None, 2),
    ],
)
def test_unknown_never_has_a_value(fact: Fact, status: str, reason: str | None, values: int) -> None:
    part = fact_part("lesion.x", "T1", fact, definition(BooleanType()))
    assert (part.status, part.reason, len(part.values)) == (status, reason, values)
    assert (part.value is None) is (status != "known")


def test_a_number_is_decimal_text_with_its_ends() -> None:
    part = value_part(Interval(Fraction(9, 2), None, True, True), definition(QuantityType("mm", 1)))
    assert part.model_dump() == {"low": "4.5", "high": None, "unit": "mm", "low_open": True, "high_open": True}  # type: ignore[union-attr]


def test_every_source_of_a_fact_is_carried_whole() -> None:
    source = Source(
        "Observation/a", "3", "Observation.valueQuantity", "2026-03", "Bundle.entry[4].resource", "m1", "value"
    )
    (part,) = fact_part("lesion.x", "T1", Fact(Known(True), (source,)), definition(BooleanType())).sources
    assert (part.resource, part.version, part.path, part.date) == (
        "Observation/a",
        "3",
        "Observation.valueQuantity",
        "2026-03",
    )
    assert (part.entry, part.mapping, part.role) == ("Bundle.entry[4].resource", "m1", "value")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [("10", "mm", "10 mm"), ("1.80", None, "1.8"), ("1E+2", None, "100"), (None, "mm", "not set")],
)
def test_a_parameter_reads_with_its_unit(value: str | None, unit: str | None, text: str) -> None:
    parameter = Parameter.model_validate(
        {
            "type": "Quantity" if unit else "Decimal",
            "value": None if value is None else Decimal(value),
            "unit": unit,
            "from": "2026-01-01",
            "status": "unset" if value is None else "institution-default",
        }
    )
    assert parameter_text(parameter) == text


# --- sentences -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "flag", "says"),
    [
        ("against", True, "R-1 holds"),
        ("against", False, "R-1 does not hold"),
        ("against", None, "Not known whether this holds: R-1 holds"),
        ("informs", None, "Not known whether this applies: R-1 holds"),
        ("obliges", None, "Not known whether this applies: R-1 holds"),
    ],
)
def test_a_sentence_says_what_is_true_and_nothing_where_that_is_unknown(
    tmp_path: Path, effect: str, flag: bool | None, says: str
) -> None:
    more = {"done": "patient.booked"} if effect == "obliges" else {}
    rules = small_rules(tmp_path, rules_of(a_rule("R-1", effect, "lesion.flag", **more)))
    assert reason_of(answer(rules, **({} if flag is None else {"flag": flag})), "R-1").says == says


def test_places_are_filled_from_the_case_and_the_sentence_begins_with_a_capital(tmp_path: Path) -> None:
    rule = a_rule(
        "R-1", "against", "lesion.size > parameters.limit", says='"size {lesion.size}, limit {parameters.limit}"'
    )
    rules = small_rules(tmp_path, rules_of(rule))
    assert reason_of(answer(rules, size=30), "R-1").says == "Size 30 mm, limit 10 mm"


# --- reasons -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "more", "asks"),
    [
        ("requires", {"remedy": "mend it"}, "correct"),
        ("requires", {}, "weigh"),
        ("excludes", {}, "weigh"),
        ("against", {}, "weigh"),
        ("against", {"done": "patient.booked"}, "plan"),
        ("for", {}, None),
        ("informs", {}, None),
        ("obliges", {"done": "patient.booked"}, None),
    ],
)
def test_a_reason_that_moves_a_verdict_asks_for_something(
    tmp_path: Path, effect: str, more: dict[str, str], asks: str | None
) -> None:
    made = answer(small_rules(tmp_path, rules_of(a_rule("R-1", effect, "lesion.flag", **more))))
    part = reason_of(made, "R-1")
    assert part.asks == asks
    assert part.moves_verdict is (asks is not None)  # its truth is unknown: it may hold the option back


@pytest.mark.parametrize(("booked", "addressed"), [(True, "true"), (False, "false")])
def test_addressed_is_shown_and_never_changes_the_verdict(tmp_path: Path, booked: bool, addressed: str) -> None:
    rules = small_rules(tmp_path, rules_of(a_rule("R-1", "against", "lesion.flag", done="patient.booked")))
    made = answer(rules, patient={"booked": booked}, flag=True, grade="low")
    assert reason_of(made, "R-1").addressed == addressed
    assert made.lesions[0].options[0].verdict == "conditional"


def test_an_exception_is_named_beside_its_rule_with_its_own_truth_and_facts(tmp_path: Path) -> None:
    text = rules_of() + (
        "exceptions:\n  - {id: X-1, exception_to: K-0, when: patient.flagB, says: spared, basis: judgement}\n"
    )
    made = answer(small_rules(tmp_path, text), patient={"flagB": True}, grade="high")
    part = reason_of(made, "K-0")
    assert (part.truth, part.exceptions) == ("false", ("X-1",))
    assert {fact.name for fact in part.facts} == {"lesion.grade", "patient.flagB"}


def test_a_definition_shows_its_facts_and_its_parameters(tmp_path: Path) -> None:
    definitions = "definitions:\n  lesion.big: lesion.size > parameters.limit\n"
    made = answer(
        small_rules(tmp_path, rules_of(a_rule("R-1", "against", "lesion.big")), definitions=definitions), size=3
    )
    part = reason_of(made, "R-1")
    assert (part.condition, [p.name for p in part.parameters]) == ("lesion.big", ["limit"])
    assert [(fact.name, fact.display) for fact in part.facts] == [("lesion.size", "3 mm")]


def test_a_number_that_is_an_institutions_default_says_so_wherever_it_was_used(tmp_path: Path) -> None:
    part = reason_of(
        answer(small_rules(tmp_path, rules_of(a_rule("R-1", "against", "lesion.size > parameters.limit")))), "R-1"
    )
    assert [(p.name, p.status, p.overridden, p.value) for p in part.parameters] == [
        ("limit", "institution-default", False, "10 mm")
    ]


@pytest.mark.parametrize(
    ("effect", "certainty", "shown"),
    [
        ("for", "low", "moderate"),
        ("for", "very-low", "weak"),
        ("informs", "high", "strong"),
        ("against", "very-low", "strong"),
    ],
)
def test_the_strength_shown_is_capped_and_the_stated_one_stands_beside_it(
    tmp_path: Path, effect: str, certainty: str, shown: str
) -> None:
    references = (
        '[{"id": "book", "type": "book", "title": "A", "DOI": "10.1/x", "x-tag": "V1", "x-verified": true, '
        f'"x-certainty": "{certainty}"}}]'
    )
    rule = a_rule(
        "R-1", effect, "lesion.flag", basis="cited", strength="strong", evidence="[{cite: book, locator: p 1}]"
    )
    part = reason_of(answer(small_rules(tmp_path, rules_of(rule), references=references)), "R-1")
    assert (part.strength, part.stated_strength) == (shown, "strong")
    (entry,) = part.evidence
    assert (entry.cite, entry.locator, entry.certainty, entry.tag) == ("book", "p 1", certainty, "V1")
    assert entry.url == "https://doi.org/10.1/x"


# --- the scope -----------------------------------------------------------------------------------------------------


def test_without_a_lesion_the_scope_is_unknown_and_the_answer_says_why() -> None:
    rules = shipped_rules()
    made = recommend(assemble(rules.vocabulary, as_of=DAY, patient={}, lesions=[]), rules, engine=REFERENCE)
    assert (made.scope.truth, [r.code for r in made.scope.reasons]) == ("unknown", ["no-lesion"])
    assert made.scope.reasons[0].says
    assert made.lesions == ()


def test_the_scope_shows_the_facts_that_it_rests_on() -> None:
    """A board reads "outside the scope" and asks at once: because of which fact, from where?"""
    rules = shipped_rules()
    made = case_from_mapping(
        rules.vocabulary,
        {
            "as_of": "2026-11-22",
            "patient": {"ageYears": 60},
            "lesions": [{"id": "T1", "facts": {"histology": "thyroid"}}],
        },
    )
    (reason_,) = recommend(made, rules, engine=REFERENCE).lesions[0].scope.reasons
    assert reason_.code == "out-of-scope"
    facts = {fact["name"]: fact["display"] for fact in reason_.model_dump().get("facts", ())}
    assert facts == {"lesion.histology": "thyroid cancer", "patient.ageYears": "60"}


# --- the whole -----------------------------------------------------------------------------------------------------


def test_what_was_excluded_and_every_issue_are_passed_on() -> None:
    rules = shipped_rules()
    source = Source("Observation/9", "1", "Observation.status", None, "Bundle.entry[2].resource", "", "exclusion")
    issue = Issue("warning", "quarantined", "Bundle.entry[3]", "a resource was not used")
    case = assemble(rules.vocabulary, as_of=DAY, patient={}, lesions=[], issues=[issue], excluded=[source])
    made = recommend(case, rules, engine=REFERENCE)
    assert [(i.code, i.expression, i.severity) for i in made.issues] == [("quarantined", "Bundle.entry[3]", "warning")]
    assert [(s.resource, s.path, s.role) for s in made.excluded] == [
        ("Observation/9", "Observation.status", "exclusion")
    ]


def test_every_fact_of_the_patient_and_of_the_lesion_is_listed_known_or_not(tmp_path: Path) -> None:
    rules = small_rules(tmp_path)
    made = answer(rules)
    listed = {(fact.name, fact.subject) for fact in made.facts}
    for level, subject in ((Level.PATIENT, "patient"), (Level.LESION, "T1")):
        assert {(d.path, subject) for d in rules.vocabulary.of(level)} <= listed


def test_outcomes_have_their_exact_intervals_and_banners_their_gaps() -> None:
    rules = shipped_rules()
    made = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "lesions": [{"id": "T1"}]})
    lesion = recommend(made, rules, engine=REFERENCE).lesions[0]
    control = next(o for o in lesion.outcomes if (o.k, o.n) == (5, 11))
    assert (control.percent, control.ci95) == (45.45, (16.75, 76.62))
    assert control.display == "5 of 11: 45 % (95 % CI 17–77 %)"
    frost = next(option for option in lesion.options if option.option == "cryoablation")
    assert frost.banner is not None
    assert len(frost.banner.known_inconsistencies) >= 5


def test_the_answer_cites_what_it_uses_and_nothing_else(tmp_path: Path) -> None:
    limit = rules_of(a_rule("R-1", "against", "patient.ratio > parameters.ratioLimit"))
    assert set(answer(small_rules(tmp_path / "a", limit)).references) == {"book"}
    assert set(answer(small_rules(tmp_path / "b")).references) == set()


def test_who_signed_the_rules_and_which_they_were_stands_in_the_answer(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, parameters=PARAMETERS)
    part = answer(rules).rule_set
    assert (part.id, part.version, part.digest, part.approved, part.overrides) == (
        "small",
        "0.0.1",
        rules.digest,
        None,
        (),
    )
    assert part.digest.startswith("sha256:")


EXCEPTED = rules_of(a_rule("R-1", "against", "patient.flagB")) + """\
exceptions:
  - {id: E-1, exception_to: R-1, when: patient.flagA, says: It is worth it., strength: weak, basis: cited,
     evidence: [{cite: book, locator: p. 1}]}
"""


@pytest.mark.parametrize(
    ("flag", "truth", "says", "whole"),
    [
        (True, "true", "It is worth it.", "false"),
        (False, "false", "Does not apply: It is worth it.", "true"),
        ({"absent": "not-asked"}, "unknown", "Not known whether this holds: It is worth it.", "unknown"),
    ],
)
def test_an_exception_has_its_own_truth_and_evidence_in_the_answer(
    tmp_path: Path, flag: Any, truth: str, says: str, whole: str
) -> None:
    made = answer(small_rules(tmp_path, EXCEPTED), patient={"flagA": flag, "flagB": True})
    reason = reason_of(made, "R-1")
    (exception,) = reason.exception_truths
    assert (reason.truth, reason.exceptions) == (whole, ("E-1",))
    assert (exception.rule, exception.truth, exception.says) == ("E-1", truth, says)
    assert [fact.name for fact in exception.facts] == ["patient.flagA"]
    assert [each.cite for each in exception.evidence] == ["book"]
    assert "book" in made.references
    waived = [line for line in render(made).splitlines() if line.startswith("  waived")]
    assert bool(waived) is (truth == "true")


CONTRACT = {
    "": ["as_of", "phase", "rule_set", "engines", "scope", "facts", "lesions", "issues", "references"],
    "lesion": ["id", "label", "options", "order", "thermoprotection", "obligations", "outcomes"],
    "option": ["option", "verdict", "possible", "standing", "declined", "reasons", "settling_facts"],
    "reason": [
        "rule",
        "effect",
        "truth",
        "says",
        "strength",
        "basis",
        "asks",
        "addressed",
        "condition",
        "facts",
        "parameters",
        "evidence",
    ],
    "obligation": ["rule", "says", "due", "before", "who"],
    "plan": ["structure", "side", "distance", "verdict", "measures", "monitoring", "covered_by_plan", "reasons"],
}


def test_the_names_of_the_members_are_a_public_contract() -> None:
    rules = shipped_rules()
    case = case_from_mapping(
        rules.vocabulary, {"as_of": "2026-11-22", "lesions": [{"id": "T1", "facts": {"site": "larynx"}}]}
    )
    made = recommend(case, rules, engine=REFERENCE).model_dump(mode="json", by_alias=True)
    lesion = made["lesions"][0]
    option = lesion["options"][0]
    parts = {
        "": made,
        "lesion": lesion,
        "option": option,
        "reason": option["reasons"][0],
        "obligation": lesion["obligations"][0],
        "plan": lesion["thermoprotection"][0],
    }
    for name, members in CONTRACT.items():
        assert set(members) <= set(parts[name]), name
    settling = next(s for o in lesion["options"] for s in o["settling_facts"] if s["outcomes"])
    assert set(settling) >= {"name", "subject", "outcomes"}
    assert set(settling["outcomes"][0]) == {"if", "possible"}
