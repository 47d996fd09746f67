"""Parameters with a history: which value holds on which day, and that a day before the first one has none."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cds
from cds.case.reading import case_from_mapping
from cds.explanation.text import render
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.contexts import contexts_of
from cds.reasoning.engines import second_engine
from cds.recommendation import recommend
from cds.recommendation.model import ReasonPart
from cds.ruleset import RuleSet, load_rules
from cds.ruleset.model import DatedValue, Parameter
from tests.ruleset.shipped import shipped_folder, shipped_rules
from tests.ruleset.workshop import PARAMETERS, a_rule, changed, copied, only_finding, rules_of, small, small_rules

REFERENCE = ReferenceEngine()
DATED = PARAMETERS.replace(
    "  ratioLimit: {type: Decimal, value: 1.8, status: consensus, cite: book, from: 2026-01-01}\n",
    "  ratioLimit: {type: Decimal, value: 1.8, status: consensus, cite: book, locator: p. 2, from: 2026-01-01,\n"
    "    review: {owner: lab, due: 2027-01-01},\n"
    "    history: [{value: 1.2, status: institution-default, from: 2020-01-01},\n"
    "      {value: 1.5, status: consensus, cite: book, locator: p. 1, from: 2023-01-01}]}\n",
)
RULES = rules_of(a_rule("R-1", "against", "patient.ratio > parameters.ratioLimit"))


def reason(rules: RuleSet, as_of: str, ratio: float = 1.6) -> ReasonPart:
    case = case_from_mapping(
        rules.vocabulary, {"as_of": as_of, "patient": {"ratio": ratio}, "lesions": [{"id": "T1"}]}
    )
    options = recommend(case, rules, engine=REFERENCE).lesions[0].options
    return next(each for option in options for each in option.reasons if each.rule == "R-1")


@pytest.mark.parametrize(
    ("as_of", "truth", "value", "status", "locator", "since"),
    [
        ("2026-01-01", "false", "1.8", "consensus", "p. 2", "2026-01-01"),
        ("2025-12-31", "true", "1.5", "consensus", "p. 1", "2023-01-01"),
        ("2023-01-01", "true", "1.5", "consensus", "p. 1", "2023-01-01"),
        ("2022-12-31", "true", "1.2", "institution-default", "", "2020-01-01"),
        ("2019-12-31", "unknown", "not set", "unset", "", "2020-01-01"),
    ],
)
def test_the_value_of_the_day_decides_and_the_answer_names_its_day_and_its_own_source(
    tmp_path: Path, as_of: str, truth: str, value: str, status: str, locator: str, since: str
) -> None:
    made = reason(small_rules(tmp_path, RULES, parameters=DATED), as_of)
    (parameter,) = made.parameters
    assert (made.truth, parameter.value, parameter.status) == (truth, value, status)
    assert (parameter.locator, parameter.valid_from.isoformat()) == (locator, since)
    assert (parameter.cite is None) is (status in ("institution-default", "unset"))
    assert (parameter.owner, str(parameter.review_due)) == ("lab", "2027-01-01")


def test_a_day_before_the_first_value_says_so_and_still_shows_the_fact(tmp_path: Path) -> None:
    made = reason(small_rules(tmp_path, RULES, parameters=DATED), "2019-12-31")
    assert made.parameters[0].note == "no value before 2020-01-01"
    assert [fact.display for fact in made.facts] == ["1.6"]


def test_both_engines_agree_that_nothing_is_known_without_a_value(tmp_path: Path) -> None:
    texts = [
        "patient.ratio > parameters.ratioLimit",
        "patient.ratio between parameters.r1 and parameters.ratioLimit",
        "not (patient.ratio <= parameters.ratioLimit) or patient.flagA",
        "patient.flagA and parameters.ratioLimit < patient.ratio",
    ]
    rules = small_rules(tmp_path, rules_of(*(a_rule(f"R-{n}", "against", t) for n, t in enumerate(texts))))
    program = rules.on(dt.date(2000, 1, 1)).programs["decision"]
    for flag in (True, False, {"absent": "never-recorded"}):
        case = case_from_mapping(
            rules.vocabulary,
            {"as_of": "2000-01-01", "patient": {"ratio": 0.5, "flagA": flag}, "lesions": [{"id": "T1"}]},
        )
        contexts = contexts_of(case)
        decided = ReferenceEngine().decide(program, contexts)
        assert decided == second_engine().decide(program, contexts)
        assert decided["R-0", "T1"].value == "unknown"
        assert decided["R-2", "T1"].value == ("true" if flag is True else "unknown")
        assert decided["R-3", "T1"].value == ("false" if flag is False else "unknown")


def test_a_bound_that_has_a_value_still_decides(tmp_path: Path) -> None:
    """CQL: `x between null and 1.8` is false where x is above 1.8."""
    later = "r1: {type: Decimal, value: 1.0, status: institution-default, from: 2026-06-01}"
    parameters = PARAMETERS.replace(later.replace("2026-06-01", "2026-01-01"), later)
    between = rules_of(a_rule("R-1", "against", "patient.ratio between parameters.r1 and parameters.ratioLimit"))
    rules = small_rules(tmp_path, between, parameters=parameters)
    assert reason(rules, "2026-02-01", 2.0).truth == "false"
    assert reason(rules, "2026-02-01", 1.5).truth == "unknown"
    assert reason(rules, "2026-06-01", 1.5).truth == "true"


def test_an_old_value_that_no_rule_could_read_does_not_load(tmp_path: Path) -> None:
    odd = DATED.replace("value: 1.2,", "value: 1.2345,")
    found = only_finding(small(tmp_path, RULES, parameters=odd))
    assert found.code == "condition-error"
    assert "lies between the values" in found.message


@pytest.mark.parametrize("wrong", ["from: 2026-01-01}]}", "from: 2019-01-01}]}"])
def test_a_history_goes_from_the_oldest_to_the_newest(tmp_path: Path, wrong: str) -> None:
    found = only_finding(small(tmp_path, RULES, parameters=DATED.replace("from: 2023-01-01}]}", wrong)))
    assert found.code == "file-shape"
    assert "from the oldest value to the newest" in found.message


def test_a_number_is_no_day_and_no_seconds_since_1970(tmp_path: Path) -> None:
    seconds = PARAMETERS.replace("cite: book, from: 2026-01-01}", "cite: book, from: 1893456000}")
    finding = only_finding(small(tmp_path, RULES, parameters=seconds))
    assert finding.code == "file-shape"
    assert "this is a number and not a day; accepted is `2027-06-01`" in finding.message


def test_an_overlay_with_a_day_leaves_what_held_before_it(tmp_path: Path) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text("label: Ours\nparameters: {ratioLimit: {value: 1.1, from: 2024-01-01}}\n", "utf-8")
    rules = load_rules(small(tmp_path, RULES, parameters=DATED), overlay)
    after, before = (reason(rules, day).parameters[0] for day in ("2025-01-01", "2023-06-01"))
    assert (after.value, after.overridden, after.valid_from.isoformat()) == ("1.1", True, "2024-01-01")
    assert (before.value, before.overridden) == ("1.5", False)


def test_an_overlay_without_a_day_holds_as_long_as_the_parameter_has_a_value(tmp_path: Path) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text("label: Ours\nparameters: {ratioLimit: {value: 1.1}}\n", "utf-8")
    rules = load_rules(small(tmp_path, RULES, parameters=DATED), overlay)
    values = [reason(rules, day).parameters[0].value for day in ("2026-01-01", "2020-01-01", "2019-01-01")]
    assert values == ["1.1", "1.1", "not set"]


def test_the_shipped_rules_judge_nothing_on_a_day_before_their_first_values() -> None:
    bundle = Path(__file__).resolve().parents[2] / "fhir_examples" / "01-surgery-possible" / "bundle.json"
    answer = cds.evaluate(bundle.read_bytes(), as_of=dt.date(2026, 11, 21), rules=shipped_rules())
    read = [p for lesion in answer.lesions for o in lesion.options for r in o.reasons for p in r.parameters]
    assert read
    assert {parameter.status for parameter in read} == {"unset"}
    assert {parameter.value for parameter in read} == {"not set"}
    text = " ".join(render(answer).split())
    assert "For want of a value for the scope age (no value before 2026-11-22)." in text
    assert "a value for the carotid encasement limit" in text


def test_a_change_of_a_shipped_threshold_changes_no_earlier_answer(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    was = "    type: Quantity\n    value: 270\n"
    changed(rules, "parameters.yaml", was, was.replace("270", "180"))
    text = (rules / "parameters.yaml").read_text("utf-8")
    block = text[text.index("  carotidEncasementLimit:") :].partition("\n\n")[0]
    old = "    history: [{value: 270, status: verified, cite: yousem1995, from: 2026-11-22}]"
    dated = block.replace("from: 2026-11-22", "from: 2027-05-01").replace("    claim: yousem-limit\n", "")
    dated = "\n".join(line for line in dated.splitlines() if not line.startswith("    claim:"))
    (rules / "parameters.yaml").write_text(text.replace(block, f"{dated}\n{old}"), "utf-8")
    after = load_rules(rules)
    before = load_rules(shipped_folder())
    values = {day: after.on(dt.date.fromisoformat(day)).parameters["carotidEncasementLimit"].value
              for day in ("2026-12-01", "2027-05-01")}  # fmt: skip
    assert values == {"2026-12-01": before.parameters["carotidEncasementLimit"].value, "2027-05-01": 180}


DAYS = st.dates(dt.date(2000, 1, 1), dt.date(2040, 1, 1))


@given(days=st.lists(DAYS, min_size=1, max_size=5, unique=True).map(sorted), asked=DAYS)
def test_the_value_of_a_day_is_the_newest_that_began_by_then(days: list[dt.date], asked: dt.date) -> None:
    held = [DatedValue(value=n, status="institution-default", since=day) for n, day in enumerate(days)]
    parameter = Parameter(
        type="Integer", value=len(days) - 1, status="institution-default", since=days[-1], history=tuple(held[:-1])
    )
    began = [each for each in held if each.since <= asked]
    on = parameter.on(asked)
    assert on.value == (began[-1].value if began else None)
    assert (on.status == "unset") is (not began)
