"""What a proof, a mutant, a cover or a region is about are the thresholds of one day, which is asked for and named."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cds.analysis.wording import Wording
from cds.cli import main
from cds.ruleset import load_rules
from tests.ruleset.shipped import shipped_rules
from tests.ruleset.workshop import PARAMETERS, a_rule, rules_of, small

NOW, THEN = "2026-11-22", "2030-01-01"
NEWEST = "mm5: {type: Quantity, value: 5, unit: mm, status: institution-default, from: 2026-01-01}"
PLANNED = PARAMETERS.replace(
    NEWEST,
    "mm5: {type: Quantity, value: 6, unit: mm, status: institution-default, from: 2030-01-01,\n"
    "    history: [{value: 5, status: institution-default, from: 2026-01-01}]}",
)
"""5 mm until 2030, 6 mm from then on."""
NEAR = rules_of(a_rule("K-1", "against", "lesion.size < parameters.mm5"))
CASE = """\
name: {name}
as_of: {day}
lesions:
  - {{id: T1, facts: {{size: {size}, grade: low}}}}
expect: {{options: {{T1: {{knife: {{reasons: {{K-1: {near}}}}}}}}}}}
"""
CASES = {
    "now-near": (NOW, "4.9", "true"), "now-far": (NOW, "5", "false"),
    "then-near": (THEN, "5.9", "true"), "then-far": (THEN, "6", "false"),
}  # fmt: skip
Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def planned(tmp_path: Path) -> str:
    """A rule set with a threshold that is to be another one, with worked cases of either time."""
    folder = small(tmp_path, NEAR, parameters=PLANNED)
    (folder / "cases").mkdir()
    for name, (day, size, near) in CASES.items():
        text = CASE.format(name=name, day=day, size=size, near=near)
        (folder / "cases" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return str(folder)


@pytest.fixture
def unplanned(tmp_path: Path) -> str:
    """The same rule set without the plan."""
    (tmp_path / "before").mkdir()
    return str(small(tmp_path / "before", NEAR))


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """The status of a command, and its JSON."""

    def asked(*words: str) -> tuple[int, Any]:
        status = main([*words, "--format", "json"])
        return status, json.loads(capsys.readouterr().out)

    return asked


def sizes(patient: dict[str, Any]) -> list[Any]:
    return [lesion["facts"]["size"] for lesion in patient["case"]["lesions"] if "size" in lesion.get("facts", {})]


def test_a_value_of_a_later_day_is_not_compared_as_if_it_held(ask: Ask, unplanned: str, planned: str) -> None:
    status, told = ask("compare", unplanned, planned, "--as-of", NOW)
    assert (status, told["as_of"], told["changes"], told["parameters"]) == (1, NOW, [], {})
    assert told["other_days_that_differ"] == {THEN: {"mm5": {"old": "5 mm", "new": "6 mm"}}}
    assert told["nobody_is_treated_differently"] is False


def test_on_that_day_its_patients_are_shown_as_of_that_day(ask: Ask, unplanned: str, planned: str) -> None:
    status, told = ask("compare", unplanned, planned, "--as-of", THEN)
    assert (status, told["as_of"], told["other_days_that_differ"]) == (1, THEN, {})
    turned = next(each for each in told["changes"] if each["subject"] == "knife:eligible:conditional")
    assert str(turned["patient"]["case"]["as_of"]) == THEN
    assert all(5 <= float(size) < 6 for size in sizes(turned["patient"]))


def test_a_value_that_held_before_only_is_pointed_at_by_its_own_day(ask: Ask, unplanned: str, planned: str) -> None:
    _, told = ask("compare", planned, unplanned, "--as-of", THEN)
    assert told["parameters"] == {"mm5": {"old": "6 mm", "new": "5 mm"}}
    history = Path(planned, "parameters.yaml")
    history.write_text(history.read_text("utf-8").replace("history: [{value: 5,", "history: [{value: 4,"), "utf-8")
    _, told = ask("compare", planned, unplanned, "--as-of", THEN)
    assert told["other_days_that_differ"] == {"2026-01-01": {"mm5": {"old": "4 mm", "new": "5 mm"}}}


@pytest.mark.parametrize("form", ["text", "md"])
def test_a_comparison_names_its_day_and_the_days_it_says_nothing_of(
    capsys: pytest.CaptureFixture[str], unplanned: str, planned: str, form: str
) -> None:
    assert main(["compare", unplanned, planned, "--as-of", NOW, "--format", form]) == 1
    words = " ".join(capsys.readouterr().out.split())
    assert f"phase decision, as of {NOW}" in words
    assert f"mm5 5 mm -> 6 mm: see --as-of {THEN}" in words
    assert "nobody is treated differently" not in words
    assert main(["compare", planned, planned, "--as-of", THEN, "--format", form]) == 0
    assert f"in the phase decision as of {THEN}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("day", "limit"), [(NOW, "5.0"), (THEN, "6.0")])
def test_mutants_are_of_the_threshold_of_the_day_and_its_own_worked_cases_kill_them(
    ask: Ask, planned: str, day: str, limit: str
) -> None:
    status, told = ask("mutate", planned, "--rule", "K-1", "--workers", "1", "--as-of", day)
    assert (told["as_of"], told["worked_cases"]) == (day, 2)
    moved = [each for each in told["mutants"] if each["change"].startswith(f"`{limit} 'mm'` made ")]
    assert len(moved) == 2
    killers = {each["killed_by"] for each in told["mutants"] if "killed_by" in each}
    assert killers <= {f"{'now' if day == NOW else 'then'}-{where}" for where in ("near", "far")}
    assert killers
    for each in told["mutants"]:
        if "patient" in each:
            assert str(each["patient"]["case"]["as_of"]) == day
    assert status == (1 if told["counts"]["survived"] else 0)


@pytest.mark.parametrize("day", [NOW, THEN])
def test_the_cover_is_that_of_the_worked_cases_of_the_day(ask: Ask, planned: str, day: str) -> None:
    status, told = ask("cover", planned, "--rule", "K-1", "--as-of", day)
    assert (status, told["as_of"], told["worked_cases"]) == (0, day, 2)
    name = "now" if day == NOW else "then"
    assert {half["case"] for part in told["parts"] for half in part["shown"]} == {f"{name}-near", f"{name}-far"}


def test_a_missing_patient_of_a_cover_is_of_the_day(ask: Ask, unplanned: str) -> None:
    _, told = ask("cover", unplanned, "--rule", "K-1", "--as-of", "2027-05-01")
    made = [each["patient"] for part in told["parts"] for each in part["missing"]]
    assert {str(patient["case"]["as_of"]) for patient in made} == {"2027-05-01"}


@pytest.mark.parametrize(("day", "limit"), [(NOW, 5), (THEN, 6)])
def test_regions_lie_about_the_threshold_of_the_day(ask: Ask, planned: str, day: str, limit: float) -> None:
    _, told = ask("regions", "knife", "--rules", planned, "--as-of", day)
    assert told["as_of"] == day
    near = next(each for each in told["regions"] if each["against"] == ["K-1"])
    far = next(each for each in told["regions"] if each["against"] == [])
    assert all(float(size) < limit for size in sizes(near["patient"]))
    assert all(float(size) >= limit for size in sizes(far["patient"]))
    name = "now" if day == NOW else "then"
    assert near["worked_cases"] == [f"{name}-near"]
    assert far["worked_cases"] == [f"{name}-far"]


def test_a_slice_is_cut_at_the_threshold_of_the_day_and_names_it(
    capsys: pytest.CaptureFixture[str], planned: str
) -> None:
    words = ["regions", "knife", "--rules", planned, "--slice", "lesion.size", "lesion.grade", "--as-of", THEN]
    assert main(words) == 0
    drawing = capsys.readouterr().out
    assert f"as of {THEN}" in drawing
    assert "6 mm" in drawing
    assert "5 mm" not in drawing


@pytest.mark.parametrize(
    "words", [["compare", "{}", "{}"], ["mutate", "{}", "--workers", "1", "--rule", "K-1"], ["cover", "{}"],
              ["regions", "knife", "--rules", "{}"], ["verify", "{}"]],
)  # fmt: skip
def test_without_a_day_it_is_today_which_is_said_and_named(
    capsys: pytest.CaptureFixture[str], planned: str, words: list[str]
) -> None:
    main([word.format(planned) for word in words])
    printed = capsys.readouterr()
    day = printed.err.strip().rpartition("as of today, ")[2]
    assert dt.date.fromisoformat(day)
    assert f"as of {day}" in " ".join(printed.out.split())


def test_a_day_without_worked_cases_kills_nothing_and_says_so(
    capsys: pytest.CaptureFixture[str], planned: str
) -> None:
    assert main(["mutate", planned, "--workers", "1", "--as-of", "2025-01-01"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "no worked case has a day with the thresholds of 2025-01-01" in printed.err


@pytest.mark.parametrize("day", ["1999-01-01", NOW])
def test_the_wording_makes_the_programs_of_a_day_even_before_any_value(tmp_path: Path, day: str) -> None:
    of_limits = a_rule("K-1", "against", "lesion.size between parameters.mm2 and parameters.mm5 or lesion.flag")
    for rules in (shipped_rules(), load_rules(small(tmp_path, rules_of(of_limits)))):
        that_day = rules.on(dt.date.fromisoformat(day))
        wording = Wording(that_day)
        assert {phase: wording.program(phase) for phase in that_day.programs} == dict(that_day.programs)
