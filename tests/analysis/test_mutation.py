"""Each small fault of a rule is noticed by a worked case, told by a patient, or proved to change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.analysis.judging import Judgement
from cds.analysis.mutation import Fate, Mutant, Survivors, changed, killer, mutants, mutated, read_cases
from cds.cli import main
from cds.language import parse, print_expression
from cds.ruleset import RuleSet, load_rules
from cds.testing import sample_vocabulary
from tests.ruleset.workshop import a_rule, rules_of, small

NEAR = a_rule("K-1", "against", "lesion.size < parameters.mm5 and not patient.flagB")
CASE = """\
name: {name}
as_of: 2026-11-22
patient: {{flagB: {flag}}}
lesions:
  - id: T1
    facts: {{size: {size}}}
expect:
  options:
    T1:
      knife:
        reasons: {{K-1: {expected}}}
"""


def with_cases(tmp_path: Path, *rules: str, cases: tuple[tuple[str, str, str, str], ...]) -> Path:
    folder = small(tmp_path, rules_of(*rules))
    (folder / "cases").mkdir()
    for name, flag, size, expected in cases:
        text = CASE.format(name=name, flag=flag, size=size, expected=expected)
        (folder / "cases" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


ALL = (
    ("below", "false", "4.9", "true"), ("at", "false", "5", "false"), ("flagged", "true", "4.9", "false"),
    ("above", "false", "5.1", "false"),
)  # fmt: skip


def fates(folder: Path, only: str = "K-1") -> dict[str, Fate]:
    rules = load_rules(folder)
    cases = read_cases(folder, rules)
    found = {}
    for mutant in mutants(rules, only):
        killed = killer(mutant, rules, cases)
        found[mutant.what] = Fate.KILLED if killed else Survivors(rules).tried(mutant).fate
    return found


def test_a_condition_is_changed_in_each_way_once() -> None:
    condition = parse("patient.weight < 70 and lesion.a")
    told = [what for what, _ in changed(condition, sample_vocabulary())]
    assert any("made `or`" in what for what in told)
    assert sum("dropped" in what for what in told) == 2
    assert sum("negated" in what for what in told) == 3
    assert {what.split(" in ")[0] for what in told} >= {"`<` made `<=`", "`<` made `>=`"}


def test_cases_at_the_threshold_and_for_each_part_kill_every_mutant_of_a_condition(tmp_path: Path) -> None:
    found = fates(with_cases(tmp_path, NEAR, cases=ALL))
    survived = [what for what, fate in found.items() if fate is not Fate.KILLED]
    assert survived == ["`against` made `excludes`"]  # no case expects a verdict


def test_without_the_case_at_the_threshold_a_step_survives_and_the_patient_stands_there(tmp_path: Path) -> None:
    folder = with_cases(tmp_path, NEAR, cases=(ALL[0], ALL[2]))
    rules = load_rules(folder)
    cases = read_cases(folder, rules)
    wanted = next(each for each in mutants(rules, "K-1") if each.what.startswith("`<` made `<=`"))
    assert not killer(wanted, rules, cases)
    trial = Survivors(rules).tried(wanted)
    assert trial.fate is Fate.SURVIVED
    assert trial.witness is not None
    assert str(trial.witness.lesions[0].facts["size"].value) == "5"
    sound, faulty = (Judgement(each, "decision", trial.witness) for each in (rules, mutated(rules, wanted)))
    assert sound.of("K-1") != faulty.of("K-1")


def test_a_change_that_no_patient_can_tell_is_proved_redundant(tmp_path: Path) -> None:
    doubled = a_rule("K-1", "against", "lesion.flag or (lesion.flag and patient.flagB)")
    found = fates(with_cases(tmp_path, doubled, cases=ALL))
    assert found["`lesion.flag and patient.flagB` dropped"] is Fate.REDUNDANT


def test_a_dropped_exception_is_a_mutant_of_its_rule(tmp_path: Path) -> None:
    exception = "exceptions:\n  - {id: X-1, exception_to: K-1, when: lesion.flag, says: no, basis: unverified}\n"
    rules = load_rules(small(tmp_path, rules_of(NEAR) + exception))
    found = [each for each in mutants(rules, "K-1") if each.what == "the exception dropped"]
    assert [print_expression(each.condition) for each in found if each.condition is not None] == [
        "lesion.size < 5.0 'mm' and not patient.flagB"
    ]


def test_a_worked_case_that_fails_already_kills_nothing(tmp_path: Path) -> None:
    folder = with_cases(tmp_path, NEAR, cases=(("wrong", "false", "4.9", "false"),))
    assert read_cases(folder, load_rules(folder)) == ()


def test_the_command_counts_and_shows_who_would_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = with_cases(tmp_path, NEAR, cases=ALL)
    assert main(["mutate", str(folder), "--rule", "K-1", "--workers", "1"]) == 1
    told = capsys.readouterr().out
    assert "K-1: `against` made `excludes`: no worked case notices; this patient would tell\n    as_of:" in told
    assert ", 1 survived, 0 redundant, 0 undecided" in told.splitlines()[-1]
    assert main(["mutate", str(folder), "--rule", "K-9"]) == 2


def test_a_mutant_leaves_everything_else_as_it_was(tmp_path: Path) -> None:
    rules: RuleSet = load_rules(small(tmp_path, rules_of(NEAR)))
    mutant: Mutant = next(mutants(rules, "K-1"))
    other = mutated(rules, mutant)
    for phase in ("decision", "planning", "follow-up"):
        for before, after in zip(rules.programs[phase].criteria, other.programs[phase].criteria, strict=True):
            assert (before == after) is (before.id != "K-1")
