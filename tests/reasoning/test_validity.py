"""Until when an answer holds: the same until the day that is named, another on the day after."""

from __future__ import annotations

import copy
import datetime as dt
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cds.api import ages
from cds.case import Case, Fact, Known
from cds.case.document import case_document, case_of_document
from cds.case.reading import case_from_mapping
from cds.intake import read_bundle
from cds.quantities import Interval
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import reason
from cds.reasoning.validity import BecomesStale, Birthday, ThresholdChanges, Validity, valid_until
from cds.recommendation.build import build
from cds.ruleset import RuleSet, load_rules
from tests.reasoning.modifiable import decided
from tests.ruleset.shipped import shipped_folder, shipped_rules
from tests.ruleset.workshop import PARAMETERS, VOCABULARY, a_rule, rules_of, small_rules

AS_OF = dt.date(2026, 11, 22)
TAKEN = dt.date(2026, 11, 18)
"""The day of the blood test in the example."""
AGED = VOCABULARY.replace("label: ratio,", "label: ratio, fresh: {within: oldest, unknown_event: usable},")
LIMITED = PARAMETERS + (
    "  oldest: {type: Quantity, value: 30, unit: d, status: institution-default, from: 2026-01-01}\n"
)
RULES = rules_of(
    a_rule("R-1", "requires", "patient.ratio <= parameters.ratioLimit", for_each="patient", remedy="mend it"),
    a_rule("R-2", "against", "lesion.size > parameters.mm20"),
)


def rules_with(folder: Path, parameters: str) -> RuleSet:
    return small_rules(folder, RULES, vocabulary=AGED, parameters=parameters)


def a_case(rules: RuleSet, *, ratio: str = "1.2", dated: dt.date | None = TAKEN, size: int = 1) -> Case:
    facts = {"site": "neck", "side": "left", "grade": "low", "size": size}
    written = {"as_of": AS_OF.isoformat(), "patient": {}, "lesions": [{"id": "T1", "facts": facts}]}
    case = case_from_mapping(rules.vocabulary, written)
    measured = Fact(Known(Interval.point(Fraction(ratio))), dated=dated)
    return Case(case.as_of, {**case.patient, "ratio": measured}, case.lesions)


def until(case: Case, rules: RuleSet) -> Validity | None:
    return valid_until(decided(case, rules), rules)


def test_an_answer_holds_until_the_day_before_a_fact_is_too_old(tmp_path: Path) -> None:
    rules = rules_with(tmp_path, LIMITED)
    found = until(a_case(rules), rules)
    assert found is not None
    assert (found.last_day, found.changes_on) == (dt.date(2026, 12, 18), dt.date(2026, 12, 19))
    (ending,) = found.endings
    assert isinstance(ending, BecomesStale)
    assert (ending.place, ending.limit, ending.days) == (("patient", "ratio"), "oldest", 30)


def test_a_fact_that_the_answer_does_not_rest_on_ends_nothing(tmp_path: Path) -> None:
    rules = rules_with(tmp_path, LIMITED)
    assert until(a_case(rules, ratio="9", size=30), rules) is None  # conditional by its size, too
    assert until(a_case(rules, dated=None), rules) is None
    unread = small_rules(tmp_path / "unread", rules_of(), vocabulary=AGED, parameters=LIMITED)
    assert until(a_case(unread), unread) is None


def test_while_no_limit_of_age_is_set_nothing_becomes_too_old(tmp_path: Path) -> None:
    unset = LIMITED.replace("value: 30, unit: d, status: institution-default", "value: null, unit: d, status: unset")
    rules = rules_with(tmp_path, unset)
    assert until(a_case(rules), rules) is None


def test_an_answer_holds_until_the_day_before_a_threshold_changes_if_that_changes_it(tmp_path: Path) -> None:
    later = PARAMETERS.replace(
        "ratioLimit: {type: Decimal, value: 1.8, status: consensus, cite: book, from: 2026-01-01}",
        "ratioLimit: {type: Decimal, value: 1.1, status: consensus, cite: book, from: 2027-03-01,\n"
        "    history: [{value: 1.8, status: consensus, cite: book, from: 2026-01-01}]}",
    )
    rules = small_rules(
        tmp_path, RULES, vocabulary=AGED.replace("within: oldest", "within: blank"), parameters=later
    )
    found = until(a_case(rules), rules)
    assert found == Validity(dt.date(2027, 2, 28), (ThresholdChanges("ratioLimit"),))
    assert until(a_case(rules, ratio="1"), rules) is None  # at most 1.1, too


def test_a_limit_of_age_that_is_set_later_counts_from_that_day(tmp_path: Path) -> None:
    later = LIMITED.replace(
        "oldest: {type: Quantity, value: 30, unit: d, status: institution-default, from: 2026-01-01}",
        "oldest: {type: Quantity, value: 30, unit: d, status: institution-default, from: 2027-06-01,\n"
        "    history: [{value: null, status: unset, from: 2026-01-01}]}",
    )
    rules = rules_with(tmp_path, later)
    found = until(a_case(rules), rules)
    assert found is not None
    assert found.last_day == dt.date(2027, 5, 31)
    assert [type(ending) for ending in found.endings] == [BecomesStale, ThresholdChanges]


def test_what_dates_a_fact_is_kept_with_it_in_a_record(tmp_path: Path) -> None:
    case = a_case(rules_with(tmp_path, LIMITED))
    assert case_of_document(case_document(case)).patient["ratio"].dated == TAKEN


# --- a record, read on the days themselves ------------------------------------------------------------------------


@cache
def record() -> dict[str, Any]:
    folder = Path(__file__).resolve().parents[2] / "fhir_examples"
    files = list(folder.glob("02-*/bundle.json"))
    if not files:
        pytest.skip("no examples: they are not in this copy")
    content: dict[str, Any] = orjson.loads(files[0].read_bytes())
    return content


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    overlay = tmp_path_factory.mktemp("overlay") / "ours.yaml"
    overlay.write_text("label: ours\nparameters:\n  bloodTestAge: {value: 40, unit: d}\n", encoding="utf-8")
    return load_rules(shipped_folder(), overlay)


def read_on(day: dt.date, rules: RuleSet, born: str | None = None) -> Case:
    bundle = record()
    if born is not None:
        bundle = copy.deepcopy(bundle)
        patient = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
        patient["birthDate"] = born
    return read_bundle(bundle, vocabulary=rules.vocabulary, mapping=rules.mapping, as_of=day, ages=ages(rules.on(day)))


def verdicts(case: Case, rules: RuleSet) -> list[object]:
    return [(each.option, each.possible, each.standing) for each in decided(case, rules).lesions[0].options]


def test_a_record_read_on_the_last_day_gives_the_same_answer_and_on_the_next_another(limited: RuleSet) -> None:
    case = read_on(AS_OF, limited)
    found = until(case, limited)
    assert found is not None
    assert found.last_day == TAKEN + dt.timedelta(days=40)
    assert verdicts(read_on(found.last_day, limited), limited) == verdicts(case, limited)
    assert verdicts(read_on(found.changes_on, limited), limited) != verdicts(case, limited)


@given(days=st.integers(0, 36))
@settings(max_examples=8)
def test_every_day_until_then_the_record_gives_the_same_answer_and_the_same_end(limited: RuleSet, days: int) -> None:
    day = AS_OF + dt.timedelta(days=days)
    assert verdicts(read_on(day, limited), limited) == verdicts(read_on(AS_OF, limited), limited)
    assert until(read_on(day, limited), limited) == until(read_on(AS_OF, limited), limited)


@given(born=st.dates(dt.date(2008, 11, 23), dt.date(2012, 3, 1)), written=st.sampled_from(["%Y-%m-%d", "%Y-%m", "%Y"]))
@example(born=dt.date(2012, 2, 29), written="%Y-%m-%d")
@settings(max_examples=8)
def test_an_answer_holds_until_the_day_before_the_birthday_that_a_rule_asks_for(born: dt.date, written: str) -> None:
    rules = shipped_rules()
    said = born.strftime(written)
    case = read_on(AS_OF, rules, said)
    found = until(case, rules)
    assert found is not None
    assert [type(ending) for ending in found.endings] == [Birthday]
    assert verdicts(read_on(found.last_day, rules, said), rules) == verdicts(case, rules)
    assert verdicts(read_on(found.changes_on, rules, said), rules) != verdicts(case, rules)


def test_an_age_that_no_verdict_turns_on_ends_nothing() -> None:
    rules = shipped_rules()
    assert until(read_on(AS_OF, rules), rules) is None


def test_the_answer_says_which_age_ends_it() -> None:
    rules = shipped_rules()
    decision = decided(read_on(AS_OF, rules, "2009-01-31"), rules)
    said = build(decision, valid_until(decision, rules)).valid_until
    assert said is not None
    assert (said.last_day, said.because) == (dt.date(2027, 1, 30), ("age in years is then 18.",))


def test_the_answer_says_until_when_it_holds_and_why(limited: RuleSet) -> None:
    case = read_on(AS_OF, limited)
    decision = reason(case, limited, "decision", ReferenceEngine())
    said = build(decision, valid_until(decision, limited)).valid_until
    assert said is not None
    assert said.changes_on == dt.date(2026, 12, 29)
    assert said.because[0] == "INR of 2026-11-18 is then more than 40 d old (blood test age)."
    assert build(decision).valid_until is None
