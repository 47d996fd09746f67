"""A part of a condition is covered where two worked cases show that it decides; else the missing patients are made."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import z3

from cds.analysis.coverage import Cover, Coverage, shown
from cds.case import Case
from cds.case.reading import case_from_mapping
from cds.cli import main
from cds.quantities import Interval
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase
from tests.ruleset.workshop import VOCABULARY, a_rule, rules_of, small, small_rules

BOTH = a_rule("K-1", "against", "lesion.flag and patient.flagB")


def patient(rules: RuleSet, flag: object, other: object) -> tuple[Case, Phase]:
    told = {"as_of": "2026-11-22", "patient": {"flagB": other}, "lesions": [{"id": "T1", "facts": {"flag": flag}}]}
    return case_from_mapping(rules.vocabulary, told), "decision"


def coverages(rules: RuleSet, **cases: tuple[Case, Phase]) -> dict[str, Coverage]:
    return {each.part.text: each for each in Cover(rules, cases).coverages("K-1")}


def test_the_three_cases_that_and_takes_cover_both_parts(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(BOTH))
    found = coverages(rules, both=patient(rules, True, True), one=patient(rules, True, False),
                      other=patient(rules, False, True))  # fmt: skip
    assert all(each.is_covered for each in found.values())
    assert found["lesion.flag"].shown[True, True] == "both"


def test_a_part_that_is_masked_or_unknown_is_not_covered_and_the_missing_patient_covers_it(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(BOTH))
    cases = {"both": patient(rules, True, True), "none": patient(rules, False, False),
             "unsaid": patient(rules, False, {"absent": "asked-unknown"})}  # fmt: skip
    found = coverages(rules, **cases)
    assert set(found["lesion.flag"].missing) == {(False, False)}
    made = found["lesion.flag"].missing[False, False]
    assert coverages(rules, **cases, made=(made, "decision"))["lesion.flag"].is_covered


def test_a_part_that_can_never_decide_is_proved_so(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(a_rule("K-1", "against", "lesion.flag or (lesion.flag and patient.flagB)")))
    found = coverages(rules)
    assert found["patient.flagB"].infeasible
    assert not found["lesion.flag"].infeasible
    assert set(found["lesion.flag"].missing) == {(True, True), (False, False)}


def test_a_part_about_any_structure_decides_at_one_of_them(tmp_path: Path) -> None:
    near = "{any: structure, where: structure.distance < parameters.mm5}"
    definitions = f"definitions:\n  lesion.near: {near}\n"
    rules = small_rules(tmp_path, rules_of(a_rule("K-1", "against", "lesion.near")), definitions=definitions)
    found = coverages(rules)
    (coverage,) = found.values()
    assert set(coverage.missing) == {(True, True), (False, False)}
    for half, case in coverage.missing.items():
        assert half in {told for criterion, _, told in shown(case, rules, "decision") if criterion == "K-1"}


def test_a_missing_patient_has_no_number_that_is_not_plausible(tmp_path: Path) -> None:
    vocabulary = VOCABULARY.replace("label: ratio, plausible: [0, 20]", "label: ratio, plausible: [0.5, 20]")
    rule = a_rule("K-1", "against", "patient.ratio <= parameters.r1", for_each="patient")
    (coverage,) = coverages(small_rules(tmp_path, rules_of(rule), vocabulary=vocabulary)).values()
    numbers = {half: case.patient["ratio"].value for half, case in coverage.missing.items()}
    assert numbers[True, True] == Interval.point(Fraction(1, 2))
    assert numbers[False, False] == Interval.point(Fraction(101, 100))


CASE = """\
name: {name}
as_of: 2026-11-22
patient: {{flagB: {other}}}
lesions:
  - {{id: T1, facts: {{flag: {flag}}}}}
expect: {{options: {{T1: {{knife: {{reasons: {{K-1: {expected}}}}}}}}}}}
"""


def with_cases(tmp_path: Path, **cases: tuple[str, str, str]) -> Path:
    folder = small(tmp_path, rules_of(BOTH))
    (folder / "cases").mkdir()
    for name, (flag, other, expected) in cases.items():
        text = CASE.format(name=name, flag=flag, other=other, expected=expected)
        (folder / "cases" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


AS_OF = ("--as-of", "2026-11-22", "--width", "400")
ON = "small 0.0.1, as of 2026-11-22: "
ALL = {"both": ("true", "true", "true"), "one": ("true", "false", "false"), "other": ("false", "true", "false")}


def test_the_command_prints_the_gaps_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = with_cases(tmp_path, both=ALL["both"], one=ALL["one"])
    assert main(["cover", str(folder), "--rule", "K-1", *AS_OF]) == 1
    told = capsys.readouterr().out
    assert "K-1: `lesion.flag`: not shown to matter\n" in told
    assert "    true, and the condition true by it: both\n" in told
    assert "    # false, and the condition false by it: missing\n" in told
    assert told.endswith(f"{ON}2 parts over 2 worked cases: 1 covered, 1 not, 0 that no two patients can cover\n")


def test_the_command_succeeds_where_every_part_is_covered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cover", str(with_cases(tmp_path, **ALL)), "--rule", "K-1", *AS_OF]) == 0
    numbers = "2 parts over 3 worked cases: 2 covered, 0 not, 0 that no two patients can cover\n"
    assert capsys.readouterr().out == f"{ON}{numbers}"


def test_what_the_solver_gives_up_on_is_a_gap_and_never_proved_infeasible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(z3.Solver, "check", lambda *_: z3.unknown)
    assert main(["cover", str(with_cases(tmp_path, both=ALL["both"])), "--rule", "K-1", *AS_OF]) == 1
    told = capsys.readouterr().out
    assert "K-1: `lesion.flag`: not shown to matter, and the solver gave no answer\n" in told
    assert told.endswith("2 parts over 1 worked case: 0 covered, 2 not, 0 that no two patients can cover\n")
