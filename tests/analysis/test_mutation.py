"""Each small fault of a rule is noticed by a worked case, told by a patient, or proved to change nothing."""

from __future__ import annotations

import json
from functools import cache, cached_property
from pathlib import Path

import pytest
import z3

from cds.analysis.judging import Judgement, UntrustedWitness
from cds.analysis.mutation import (
    Fate,
    Killers,
    Mutant,
    Survivors,
    Trial,
    WorkedCase,
    changed,
    mutants,
    mutated,
    read_cases,
    trials,
)
from cds.analysis.outline import outlined, told
from cds.analysis.population import Population
from cds.analysis.universe import Universe
from cds.analysis.wording import Wording
from cds.cli import main
from cds.language import parse, print_expression
from cds.reasoning.conditions import ReferenceEngine
from cds.ruleset import load_rules
from cds.ruleset.model import PHASES
from cds.testing import sample_vocabulary
from tests.analysis.answers import by_reference
from tests.analysis.evaluation import Evaluation
from tests.analysis.test_meaning import Reader
from tests.differential.population import Population as Generated
from tests.ruleset.shipped import shipped_folder, shipped_rules, shipped_thresholds
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


def tried(folder: Path, only: str = "K-1", seconds: float = 20) -> dict[str, Trial]:
    rules = load_rules(folder)
    found = trials(Wording(rules), read_cases(folder, rules), only=only, seconds=seconds)
    return {trial.mutant.what: trial for trial in found}


def fates(folder: Path, only: str = "K-1") -> dict[str, Fate]:
    return {what: trial.fate for what, trial in tried(folder, only).items()}


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
    wording = Wording(load_rules(folder))
    trial = next(trial for what, trial in tried(folder).items() if what.startswith("`<` made `<=`"))
    assert trial.fate is Fate.SURVIVED
    assert trial.witness is not None
    assert str(trial.witness.lesions[0].facts["size"].value) == "5"
    sound, faulty = (
        Judgement(each, "decision", trial.witness) for each in (wording.rules, mutated(wording, trial.mutant))
    )
    assert sound.of("K-1") != faulty.of("K-1")
    assert any(each.startswith("options T1 knife reasons K-1: ") for each in trial.differences)


def test_a_change_that_no_patient_can_tell_is_proved_redundant(tmp_path: Path) -> None:
    doubled = a_rule("K-1", "against", "lesion.flag or (lesion.flag and patient.flagB)")
    found = fates(with_cases(tmp_path, doubled, cases=ALL))
    assert found["`lesion.flag and patient.flagB` dropped"] is Fate.REDUNDANT


def test_a_dropped_exception_is_a_mutant_of_its_rule(tmp_path: Path) -> None:
    exception = "exceptions:\n  - {id: X-1, exception_to: K-1, when: lesion.flag, says: no, basis: unverified}\n"
    wording = Wording(load_rules(small(tmp_path, rules_of(NEAR) + exception)))
    found = next(each for each in mutants(wording, "X-1") if each.what == "the exception dropped")
    before, after = (
        next(each.condition for each in rules.programs["decision"].criteria if each.id == "K-1")
        for rules in (wording.rules, mutated(wording, found))
    )
    assert print_expression(before) == "lesion.size < 5.0 'mm' and not patient.flagB and not lesion.flag"
    assert print_expression(after) == "lesion.size < 5.0 'mm' and not patient.flagB and not false"


def test_a_worked_case_that_fails_already_kills_nothing(tmp_path: Path) -> None:
    folder = with_cases(tmp_path, NEAR, cases=(("wrong", "false", "4.9", "false"),))
    assert read_cases(folder, load_rules(folder)) == ()


def test_the_command_counts_and_shows_who_would_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = with_cases(tmp_path, NEAR, cases=ALL)
    assert main(["mutate", str(folder), "--rule", "K-1", "--workers", "1"]) == 1
    told = capsys.readouterr().out
    assert "K-1: `against` made `excludes`: no worked case notices; this patient would tell\n" in told
    assert "\n    expect options T1 knife " in told
    assert "\n    as_of:" in told
    assert ", 1 survived, 0 redundant, 0 undecided" in told.splitlines()[-1]
    assert main(["mutate", str(folder), "--rule", "K-9"]) == 2


def test_a_mutant_leaves_everything_else_as_it_was(tmp_path: Path) -> None:
    wording = Wording(load_rules(small(tmp_path, rules_of(NEAR))))
    mutant: Mutant = next(mutants(wording, "K-1"))
    other = mutated(wording, mutant)
    for phase in PHASES:
        for before, after in zip(wording.rules.programs[phase].criteria, other.programs[phase].criteria, strict=True):
            assert (before == after) is (before.id != "K-1")


DEFINED = "definitions:\n  lesion.near: lesion.size < parameters.mm5\n"
TWICE = (a_rule("K-1", "against", "lesion.near"), a_rule("K-2", "informs", "lesion.near or lesion.flag"))


def test_a_fault_in_a_definition_is_one_mutant_and_shows_wherever_it_is_used(tmp_path: Path) -> None:
    wording = Wording(load_rules(small(tmp_path, rules_of(*TWICE), definitions=DEFINED)))
    assert not [each for each in mutants(wording, "K-2") if "size" in each.what]
    stepped = next(each for each in mutants(wording, "lesion.near") if each.what.startswith("`<` made `<=`"))
    conditions = {each.id: each.condition for each in mutated(wording, stepped).programs["decision"].criteria}
    assert print_expression(conditions["K-1"]) == "lesion.size <= 5.0 'mm'"
    assert print_expression(conditions["K-2"]) == "lesion.size <= 5.0 'mm' or lesion.flag"


PREFERENCES = """\
preferences:
  - {id: P-1, order: [[knife], [frost]], when: lesion.flag, if: flag, says: one, basis: unverified}
  - {id: P-2, order: [[frost], [knife]], when: patient.flagB, exception_to: P-1, if: flag B, says: two,
     basis: unverified}
"""


def test_planner_and_preferences_are_changed_too(tmp_path: Path) -> None:
    folder = small(tmp_path, preferences=PREFERENCES)
    wording = Wording(load_rules(folder))
    told = {(each.subject, each.what) for each in mutants(wording)}
    assert ("P-2", "the order turned round") in told
    assert ("P-2", "no exception to P-1 any more") in told
    planner = wording.rules.planner
    assert {part.id for part in (*planner.need, *planner.measures, *planner.monitoring)} <= {name for name, _ in told}
    turned = next(each for each in mutants(wording, "P-2") if each.what == "the order turned round")
    trial = Survivors(wording).tried(turned)
    assert trial.fate is Fate.SURVIVED
    assert any("order T1 possible" in each for each in trial.differences)


@pytest.mark.parametrize("reason", ["timeout", "memout"])
def test_what_the_solver_gives_up_on_is_undecided_and_never_redundant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reason: str
) -> None:
    monkeypatch.setattr(z3.Solver, "check", lambda *_: z3.unknown)
    monkeypatch.setattr(z3.Solver, "reason_unknown", lambda _: reason)
    folder = with_cases(tmp_path, NEAR, cases=ALL[:1])
    found = set(fates(folder).values())
    assert found == {Fate.KILLED, Fate.UNDECIDED}
    assert main(["mutate", str(folder), "--rule", "K-1", "--workers", "1"]) == 1
    told = capsys.readouterr().out
    assert "no worked case notices, and the solver gave no answer: allow it more time" in told
    assert "redundant: proved" not in told
    assert ", 0 redundant, " in told.splitlines()[-1]
    assert main(["mutate", str(folder), "--rule", "K-1", "--workers", "1", "--format", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert {each["fate"] for each in answer["mutants"]} == {"killed", "undecided"}


def test_a_rule_set_whose_mutants_are_all_killed_or_redundant_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = with_cases(tmp_path, a_rule("K-1", "informs", "lesion.size < parameters.mm5"), cases=ALL[:2])
    assert main(["mutate", str(folder), "--rule", "K-1", "--workers", "1"]) == 1  # the effect: no verdict is expected
    text = (folder / "cases" / "below.yaml").read_text(encoding="utf-8")
    verdict = text.replace("reasons: {", "possible: [eligible, ineligible]\n        reasons: {")
    (folder / "cases" / "below.yaml").write_text(verdict, encoding="utf-8")
    capsys.readouterr()
    status = main(["mutate", str(folder), "--rule", "K-1", "--workers", "1"])
    told = capsys.readouterr().out
    assert status == 0, told
    assert " 0 survived, " in told


def test_a_patient_in_whom_no_answer_differs_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = with_cases(tmp_path, NEAR, cases=ALL)
    wording = Wording(load_rules(folder))
    mutant = next(mutants(wording, "K-1"))
    monkeypatch.setattr(Survivors, "_differs", lambda *_: z3.BoolVal(True))
    with pytest.raises(UntrustedWitness):
        Survivors(wording).tried(mutant)


# --------------------------------------------------------------------------------------------------- the shipped rules

WORDING = Wording(shipped_rules())


def test_what_is_put_together_again_from_the_wording_is_what_was_loaded() -> None:
    for phase in PHASES:
        assert WORDING.program(phase) == WORDING.rules.programs[phase]


@cache
def worked() -> tuple[WorkedCase, ...]:
    return read_cases(shipped_folder(), WORDING.rules)


def test_every_criterion_comes_out_in_many_cases_at_once_as_in_each_alone() -> None:
    cases = worked()[::12]
    population = Population([each.case for each in cases])
    for phase in PHASES:
        program = WORDING.rules.programs[phase]
        expected = [ReferenceEngine().decide(program, contexts) for contexts in population.contexts]
        for criterion in program.criteria:
            row = population.row(criterion.condition, criterion.level, program.derived)
            for place, (number, context) in enumerate(population.places[criterion.level]):
                assert row.at(place) is expected[number][criterion.id, context.id], (criterion.id, context.id)


def test_the_outline_of_an_answer_says_what_the_answer_says() -> None:
    for each in worked()[::12]:
        answer = by_reference(each.case, WORDING.rules, phase=each.phase)
        quick = outlined(each.case, WORDING.rules, each.phase, settling=True)
        assert told(quick) == told(answer)
        for one, other in zip(quick.lesions, answer.lesions, strict=True):
            for mine, its in zip(one.options, other.options, strict=True):
                assert [fact.name for fact in mine.settling_facts] == [fact.name for fact in its.settling_facts]


@pytest.mark.slow
def test_a_mutant_is_killed_by_the_quick_way_just_where_the_whole_answer_kills_it() -> None:
    cases = worked()[::16]
    killers = Killers(WORDING, cases)
    for mutant in list(mutants(WORDING))[::110]:
        faulty = mutated(WORDING, mutant)
        failing = {each.name for each in cases if not each.meets(faulty, by_reference)}
        killed_by = killers.killer(mutant)
        assert (killed_by in failing) if failing else not killed_by, (mutant.subject, mutant.what)


class OneLesion(Survivors):
    """The same questions, about patients with one lesion."""

    @cached_property
    def universe(self) -> Universe:
        return Universe(self.wording.rules.vocabulary)


@pytest.mark.slow
def test_whoever_is_shown_something_else_is_among_those_of_whom_the_solver_is_asked() -> None:
    made = Generated(WORDING.rules, shipped_thresholds()).patients(4100, 60)
    patients = [case for case in made if len(case.lesions) == 1][:24]
    survivors = OneLesion(WORDING)
    reader = Reader(survivors.universe)
    evaluation = Evaluation([reader.values(patient) for patient in patients])
    seen = 0
    for mutant in [each for each in mutants(WORDING) if "decision" in each.phases][::60]:
        faulty = mutated(WORDING, mutant)
        told_apart = evaluation.truths(survivors._differs(mutant, faulty, "decision"))
        for number, patient in enumerate(patients):
            before, after = (told(outlined(patient, rules, "decision")) for rules in (WORDING.rules, faulty))
            if before != after:
                seen += 1
                assert told_apart >> number & 1, (mutant.subject, mutant.what)
    assert seen > 20
