"""What a board sees at a glance: the folded answer is short, leads with the verdicts, and says what it leaves out."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import cds
from cds.explanation.text import render
from cds.recommendation import Recommendation, recommend
from cds.worked_cases import run_file
from tests.ruleset.shipped import shipped_folder, shipped_rules

EXAMPLES = Path(__file__).resolve().parents[2] / "fhir_examples"
TYPICAL = "02-unresectable-carotid-encased-freeze-near-it"
"""Nearest to the patients of the seed study: deemed ineligible for surgery, with structures near the ice."""
LINES, COLUMNS = 50, 80
REASONS = ("ASKED NOW", "MISSING AND DECISIVE", "WHY: ")


@cache
def answers() -> dict[str, Recommendation]:
    """The answer to every example."""
    return {
        file.parent.name: cds.evaluate(
            (file.parent / "bundle.json").read_bytes(), as_of=dt.date(2026, 11, 22), rules=shipped_rules()
        )
        for file in sorted(EXAMPLES.glob("*/expected.yaml"))
    }


def under(text: str, headings: tuple[str, ...]) -> list[str]:
    """The lines below some headings, as a reader sees them."""
    lines, inside = [], False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            inside = line.startswith(headings)
        elif inside:
            lines.append(line)
    return lines


def statements(lines: list[str]) -> int:
    """How many statements lines hold: each starts at the margin of its section, its further lines are moved in."""
    return sum(bool(re.match(r"  \S", line)) for line in lines)


def test_the_answer_to_the_seeds_typical_patient_fits_one_screen() -> None:
    lines = render(answers()[TYPICAL], width=COLUMNS).splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert len(lines) <= LINES, "\n".join(lines)


def test_no_more_than_ten_lines_of_reasons_are_shown_on_average() -> None:
    """Reasons: what is asked, what is missing and decisive, and what speaks for and against each option."""
    texts = [render(answer, width=COLUMNS) for answer in answers().values()]
    assert texts
    assert sum(statements(under(text, REASONS)) for text in texts) / len(texts) <= 10
    assert sum(len(under(text, ("WHY: ",))) for text in texts) / len(texts) <= 10


@pytest.mark.parametrize("name", sorted(file.parent.name for file in EXAMPLES.glob("*/expected.yaml")))
def test_every_criterion_is_written_out_or_counted_with_its_kind(name: str) -> None:
    answer = answers()[name]
    text = " ".join(render(answer, width=COLUMNS).split())
    folded = text.partition("FOLDED: ")[2]
    for lesion in answer.lesions:
        reasons = {(r.rule, r.subject): r for option in lesion.options for r in option.reasons}.values()
        for kind, rules in {
            "holding nothing back": {
                r.rule for r in reasons
                if (r.effect, r.truth) in (("requires", "true"), ("excludes", "false"), ("against", "false"))
            },
            "undecided, advisory": {
                r.rule for r in reasons if r.effect in ("for", "informs") and r.truth == "unknown"
            },
            "that would hold an option back": {
                r.rule for option in lesion.options if option.verdict == "not-assessed" for r in option.reasons
                if (r.effect, r.truth) in (("requires", "false"), ("excludes", "true"), ("against", "true"))
            },
            "not applying": {r.rule for r in reasons if r.effect in ("for", "informs") and r.truth == "false"},
        }.items():  # fmt: skip
            if rules:
                assert re.search(rf"\b{len(rules)} (criteria |criterion )?{kind}", folded), (lesion.id, kind, rules)
        shown = {r.rule for r in reasons if r.effect == "informs" and r.truth == "true"}
        assert all(f"[{rule};" in text or rule in folded for rule in shown)
    if any(lesion.options for lesion in answer.lesions):
        assert "cds evaluate --unfold" in folded


@pytest.mark.parametrize(
    ("name", "rule", "beside"),
    [
        pytest.param(TYPICAL, "CR-12", "SS-2", id="what argues against surgery and about freezing stands together"),
        pytest.param("06-two-lesions-different-answers", "TP-11", "SS-15", id="two nerves that one session endangers"),
        pytest.param("11-not-squamous", "DQ-7", "SS-13", id="evidence of another disease beside what it is cited for"),
    ],
)
def test_a_caution_that_moves_no_verdict_is_written_out_and_not_only_counted(name: str, rule: str, beside: str) -> None:
    text = render(answers()[name], width=COLUMNS)
    reasons = " ".join(" ".join(under(text, ("WHY: ",))).split())
    assert f"[{rule};" in reasons
    assert f"[{beside};" in reasons
    assert rule not in text.partition("FOLDED: ")[2].partition("REFERENCES")[0]


def test_the_factors_of_prognosis_that_hold_stand_in_words_and_not_only_counted() -> None:
    caught: list[Recommendation] = []

    def kept(*arguments: Any, **options: Any) -> Recommendation:
        caught.append(recommend(*arguments, **options))
        return caught[-1]

    run_file(shipped_folder() / "cases" / "every-adverse-factor.yaml", shipped_rules(), evaluate=kept)
    reasons = " ".join(" ".join(under(render(caught[0], width=COLUMNS), ("WHY: ",))).split())
    assert all(f"[{rule};" in reasons for rule in ("SS-8", "SS-9", "SS-9b", "SS-10a", "SS-10b", "SS-10c"))


def test_in_planning_what_a_plan_is_told_is_written_out() -> None:
    bundle = (EXAMPLES / "12-questionnaire-route" / "bundle.json").read_bytes()
    answer = cds.evaluate(bundle, as_of=dt.date(2026, 11, 22), phase="planning", rules=shipped_rules())
    told = {
        reason.rule for lesion in answer.lesions for option in lesion.options for reason in option.reasons
        if reason.effect == "informs" and reason.truth == "true"
    }  # fmt: skip
    assert {"TP-5", "TP-6p"} <= told
    reasons = " ".join(" ".join(under(render(answer, width=COLUMNS), ("WHY: ",))).split())
    assert all(f"[{rule};" in reasons for rule in told)


def test_in_planning_a_distance_says_where_it_starts_and_the_tumours_is_not_forgotten() -> None:
    bundle = (EXAMPLES / "12-questionnaire-route" / "bundle.json").read_bytes()
    answer = cds.evaluate(bundle, as_of=dt.date(2026, 11, 22), phase="planning", rules=shipped_rules())
    carotid = next(part for part in answer.lesions[0].thermoprotection if part.structure == "carotid-artery")
    assert carotid.distance == "0 mm from the tumour"


def test_unfolded_the_distances_say_what_they_are_and_how_many_of_the_examples_they_flag() -> None:
    text = " ".join(render(answers()[TYPICAL], width=COLUMNS, unfold=True).split())
    assert "not a proven safe distance; the institution must confirm or replace it" in text
    assert "It flags a structure in 10 of the 13 example patients" in text
    assert "Margins in the head and neck are not established by any source seen" in text


def test_the_inconsistencies_of_the_evidence_are_counted() -> None:
    assert "7 known inconsistencies" in " ".join(render(answers()[TYPICAL], width=COLUMNS).split())


def test_the_verdicts_come_first_and_that_nobody_approved_them() -> None:
    lines = render(answers()[TYPICAL], width=COLUMNS).splitlines()
    assert "nobody has approved" in " ".join(lines[:3])
    verdicts = [n for n, line in enumerate(lines) if line.startswith(("SALVAGE SURGERY:", "PERCUTANEOUS CRYO"))]
    assert max(verdicts) < next(n for n, line in enumerate(lines) if line.startswith("ASKED NOW"))
