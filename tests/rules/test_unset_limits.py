"""Limits that ship unset, each tried on it, just inside and just outside it, under an overlay labelled as invented."""

from __future__ import annotations

import datetime as dt

import pytest

import cds
from cds.recommendation.model import LesionPart, Recommendation
from cds.ruleset import RuleSet, load_rules
from tests.intake.records import AS_OF, about, bundle, observation, quantity, recurrence, tumour
from tests.ruleset.shipped import shipped_folder, shipped_rules

DAYS = 7
INVENTED = f"""\
label: Invented for a test, nobody's limits
parameters:
  bloodTestAge: {{value: {DAYS}, unit: d}}
  planningImagingAge: {{value: {DAYS}, unit: d}}
"""


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    """The shipped rules under the invented limits."""
    overlay = tmp_path_factory.mktemp("overlay") / "invented.yaml"
    overlay.write_text(INVENTED, encoding="utf-8")
    return load_rules(shipped_folder(), overlay=overlay)


def told(rules: RuleSet, days: int) -> tuple[Recommendation, LesionPart]:
    """The answer to a recurrence found long ago, with an INR, platelets and planning imaging some days old."""
    day = (AS_OF - dt.timedelta(days=days)).isoformat()
    record = bundle(
        tumour(),
        recurrence(),
        observation("recurrence-date", "o1", focus=about(), valueDateTime="2026-01-05"),
        observation("inr", "o2", valueQuantity=quantity(1.2), effectiveDateTime=day),
        observation("platelets", "o3", valueQuantity=quantity(200, "10*9/L"), effectiveDateTime=day),
        observation("planning-imaging-done", "o4", focus=about(), valueBoolean=True, effectiveDateTime=day),
    )
    answer = cds.evaluate(record, as_of=AS_OF, phase="planning", rules=rules)
    return answer, answer.lesions[0]


def truth_of(lesion: LesionPart, rule: str) -> str:
    return next(r.truth for option in lesion.options for r in option.reasons if r.rule == rule)


def unset() -> set[str]:
    """The parameters that ship without a value."""
    return {name for name, parameter in shipped_rules().parameters.items() if parameter.status == "unset"}


def test_these_are_the_limits_that_ship_unset() -> None:
    assert unset() == {"bloodTestAge", "planningImagingAge"}
    assert all(name in INVENTED for name in unset())


@pytest.mark.parametrize(
    ("days", "truth", "due"), [(DAYS - 1, "true", "false"), (DAYS, "true", "false"), (DAYS + 1, "unknown", "true")]
)
def test_a_statement_counts_until_it_is_older_than_the_institutions_limit(
    invented: RuleSet, days: int, truth: str, due: str
) -> None:
    answer, lesion = told(invented, days)
    assert truth_of(lesion, "CR-6") == truth
    assert truth_of(lesion, "CR-7") == truth
    assert next(each.due for each in lesion.obligations if each.rule == "DQ-4") == due
    assert set(answer.rule_set.overrides) == unset()


def test_while_a_limit_is_unset_age_is_shown_and_judges_nothing() -> None:
    answer, lesion = told(shipped_rules(), 200)
    assert truth_of(lesion, "CR-6") == "true"
    assert answer.rule_set.overrides == ()
    inr = next(fact for fact in answer.facts if fact.name == "patient.inr")
    assert inr.sources[0].date == (AS_OF - dt.timedelta(days=200)).isoformat()


def test_the_overlay_says_that_it_is_invented(invented: RuleSet) -> None:
    for name in unset():
        parameter = invented.parameters[name]
        assert parameter.overridden
        assert "Invented" in parameter.note
        assert parameter.status == "institution-default"
