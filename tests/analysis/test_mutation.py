"""Each small fault of a rule is noticed by a worked case, told by a patient, or proved to change nothing."""

from __future__ import annotations

import json
from functools import cache, cached_property
from pathlib import Path

import pytest
import z3

from cds.analysis.judging import Judgement, UntrustedWitness
from cds.analysis.meaning import Meaning
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
from cds.analysis.outline import outlined
from cds.analysis.outline import told as told_of
from cds.analysis.population import Population
from cds.analysis.telling import Shown
from cds.analysis.universe import Universe
from cds.analysis.wording import Wording
from cds.case.reading import case_from_mapping
from cds.case.writing import case_to_mapping
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
from tests.ruleset.workshop import PLANNER, RULE_SET, STRUCTURES, VOCABULARY, a_rule, rules_of, small

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


@pytest.mark.parametrize(
    "expected", ["nothing", "{options: [a]}", "{options: {T1: [a]}}", "{options: {T1: {frost: eligible}}}",
                 "{options: {T1: {frost: {settling: 3}}}}"],
)  # fmt: skip
def test_a_worked_case_whose_expectations_are_malformed_kills_nothing(tmp_path: Path, expected: str) -> None:
    folder = with_cases(tmp_path, NEAR, cases=ALL[:1])
    text = f"name: x\nas_of: 2026-11-22\nlesions: [{{id: T1}}]\nexpect: {expected}\n"
    (folder / "cases" / "malformed.yaml").write_text(text, encoding="utf-8")
    assert [each.name for each in read_cases(folder, load_rules(folder))] == ["below"]


def test_one_fact_that_settles_a_verdict_may_stand_without_a_list(tmp_path: Path) -> None:
    folder = with_cases(tmp_path, NEAR, cases=ALL[:1])
    file = folder / "cases" / "below.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(f"{text}        settling: lesion.grade\n", encoding="utf-8")
    assert [each.settling for each in read_cases(folder, load_rules(folder))] == [{"lesion.grade"}]


def test_the_command_counts_and_shows_who_would_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = with_cases(tmp_path, NEAR, cases=ALL)
    assert main(["mutate", str(folder), "--rule", "K-1", "--workers", "1", "--width", "400"]) == 1
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
    assert ("P-2", "the options put side by side") in told
    assert ("P-2", "no exception to P-1 any more") in told
    assert ("M-1", "`class: displacement` made `warming`") in told
    assert ("M-2", "`measure: water` made `gloves`") in told
    planner = wording.rules.planner
    assert {part.id for part in (*planner.need, *planner.measures, *planner.monitoring)} <= {name for name, _ in told}
    turned = next(each for each in mutants(wording, "P-2") if each.what == "the order turned round")
    trial = Survivors(wording).tried(turned)
    assert trial.fate is Fate.SURVIVED
    assert any("order T1 possible" in each for each in trial.differences)


def test_what_fulfils_an_obligation_is_among_what_an_answer_shows_also_where_nothing_is_owed(tmp_path: Path) -> None:
    rules = load_rules(small(tmp_path, rules_of(a_rule("K-1", "obliges", "lesion.flag", done="patient.booked"))))
    shown = Shown(Meaning(rules, "decision", Universe(rules.vocabulary))).pieces({"K-1.done"})
    assert {"K-1 due at T1", "K-1 of knife addressed at T1"} <= set(shown)
    said = {"as_of": "2026-11-22", "lesions": [{"id": "T1", "facts": {"flag": False}}]}
    case = case_from_mapping(rules.vocabulary, said)
    answer = told_of(outlined(case, rules, "decision"))
    assert (answer["obligations T1 K-1"], answer["options T1 knife addressed K-1"]) == ("false", "false")


COUNTED = """\
  - id: K-1
    option: knife
    for_each: lesion
    effect: informs
    when: {at_least: 2, of: [lesion.flag, patient.flagA, lesion.size < parameters.mm5]}
    says: two of three
    basis: unverified
"""
TWO_OF_THREE = """\
name: {name}
as_of: 2026-11-22
patient: {{flagA: {a}}}
lesions: [{{id: T1, facts: {{flag: {b}, size: {size}}}}}]
expect: {{options: {{T1: {{knife: {{reasons: {{K-1: {expected}}}}}}}}}}}
"""


def test_a_count_of_conditions_is_changed_by_one_and_each_of_them_wherever_it_stands(tmp_path: Path) -> None:
    wording = Wording(load_rules(small(tmp_path, rules_of(COUNTED))))
    told = {each.what: each for each in mutants(wording, "K-1") if each.condition is not None}
    assert {"`at_least: 2` made `at_least: 1`", "`at_least: 2` made `at_least: 3`"} <= set(told)
    assert "`lesion.flag` dropped from `at_least: 2`" in told
    stepped = next(each for what, each in told.items() if what.startswith("`<` made `<=`"))
    assert stepped.condition is not None
    assert print_expression(stepped.condition).count("<= 5.0 'mm'") == 2
    assert print_expression(stepped.condition).count("< 5.0 'mm'") == 0


def test_cases_with_one_two_and_three_kill_every_count(tmp_path: Path) -> None:
    folder = small(tmp_path, rules_of(COUNTED))
    (folder / "cases").mkdir()
    cases = {"one": ("true", "false", "9", "false"), "two": ("true", "true", "9", "true")}
    counts = [what for what in fates_of(folder, cases) if "made `at_least" in what]
    assert len(counts) == 2
    assert {fates_of(folder, cases)[what] for what in counts} == {Fate.KILLED}
    assert fates_of(folder, {"two": cases["two"]})["`at_least: 2` made `at_least: 1`"] is Fate.SURVIVED


def fates_of(folder: Path, cases: dict[str, tuple[str, str, str, str]]) -> dict[str, Fate]:
    for file in (folder / "cases").glob("*.yaml"):
        file.unlink()
    for name, (a, b, size, expected) in cases.items():
        text = TWO_OF_THREE.format(name=name, a=a, b=b, size=size, expected=expected)
        (folder / "cases" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return fates(folder)


COMBINED = """\
combinations:
  - {id: C-1, together: [water, camera], says: displace and look, basis: unverified}
  - {id: C-2, excludes: [water, gloves, gas], says: one place, basis: unverified}
"""
THREE = STRUCTURES.replace("gloves: {label: gloves, class: warming}", """gloves: {label: gloves, class: warming}
  gas: {label: gas}""").replace("kind: skin, sided: false, sites: all, measures: [water]",
                                "kind: skin, sided: false, sites: all, measures: [gas]")
PLANNED = """\
name: planned
as_of: 2026-11-22
patient: {}
lesions:
  - id: T1
    facts: {site: neck, side: left, flag: false}
    structures:
      - {name: nerve, side: left, facts: {distance: 4, touched: false}}
      - {name: skin, facts: {distance: %s, touched: false}}
expect:
  scope: true
"""


def combined(tmp_path: Path, expected: str, skin: str = "90") -> dict[str, Trial]:
    folder = small(tmp_path, thermoprotection=PLANNER + COMBINED, structures=THREE)
    (folder / "cases").mkdir()
    (folder / "cases" / "planned.yaml").write_text(PLANNED % skin + expected, encoding="utf-8")
    return tried(folder, "C-1") | {f"C-2: {what}": trial for what, trial in tried(folder, "C-2").items()}


def test_a_combination_is_dropped_turned_and_loses_each_member(tmp_path: Path) -> None:
    found = combined(tmp_path, "")
    assert set(found) == {
        "the combination dropped", "`together` made `excludes`", "C-2: the combination dropped",
        "C-2: `excludes` made `together`", "C-2: `water` dropped from `excludes`",
        "C-2: `gloves` dropped from `excludes`", "C-2: `gas` dropped from `excludes`",
    }  # fmt: skip
    assert {trial.fate for trial in found.values()} == {Fate.SURVIVED}
    assert all(trial.witness is not None and trial.differences for trial in found.values())
    assert any(each.startswith("plan T1 with: camera") for each in found["the combination dropped"].differences)
    beside = found["C-2: `gas` dropped from `excludes`"].differences
    assert any(each.startswith("plan T1 sufficient: ") for each in beside)


def test_what_a_case_expects_of_the_plan_kills_the_mutants_of_a_combination(tmp_path: Path) -> None:
    plan = "  plan: {T1: {sufficient: [], together: [], excludes: [C-2]}}\n"
    fates = {what: trial.fate for what, trial in combined(tmp_path, plan, skin="4").items()}
    assert fates["C-2: the combination dropped"] is Fate.KILLED
    assert fates["C-2: `gas` dropped from `excludes`"] is Fate.KILLED
    assert fates["C-2: `gloves` dropped from `excludes`"] is Fate.KILLED
    assert fates["the combination dropped"] is Fate.SURVIVED


ALTERNATIVE = RULE_SET + "alternatives:\n  - {id: A-1, says: wait}\n"


def test_an_alternative_an_option_and_how_it_is_declined_are_changed_too(tmp_path: Path) -> None:
    folder = with_cases(tmp_path, NEAR, cases=ALL)
    (folder / "ruleset.yaml").write_text(ALTERNATIVE, encoding="utf-8")
    assert tried(folder, "alternatives.A-1")["the alternative dropped"].differences == ("alternatives: A-1, not ",)
    declined = tried(folder, "options.knife")["`declined_by: lesion.declinesKnife` made `lesion.declinesFrost`"]
    assert any(each.startswith("options T1 knife declined: ") for each in declined.differences)
    assert tried(folder)["`option: knife` made `frost`"].fate is Fate.KILLED
    text = (folder / "cases" / "at.yaml").read_text(encoding="utf-8") + "  alternatives: [A-1]\n"
    (folder / "cases" / "at.yaml").write_text(text, encoding="utf-8")
    assert tried(folder, "alternatives.A-1")["the alternative dropped"].fate is Fate.KILLED


LISTED = VOCABULARY.replace(
    "    bounded_below_by: closing, starts_at: tumour}",
    "    bounded_below_by: closing, implied_by: {graded: {within: 0}}, starts_at: tumour}\n"
    "  graded: {kind: finding, type: Code, values: [apart, within], label: graded}",
)
LISTS = STRUCTURES.replace("only_if: lesion.flag", "only_if: lesion.flag, listed_by: lesion.size")


def test_what_a_table_lists_is_changed_and_a_made_up_patient_tells(tmp_path: Path) -> None:
    folder = small(tmp_path, vocabulary=LISTED, structures=LISTS)
    rules = load_rules(folder)
    wording = Wording(rules)
    told = {(each.subject, each.what): each for each in mutants(wording) if each.vocabulary is not None}
    expected = {
        ("structures.nerve", "`gloves` dropped from its measures"),
        ("structures.nerve", "`camera` dropped from its monitoring"),
        ("structures.nerve", "`neck` dropped from its sites"),
        ("structures.nerve", "`kind: nerve` made another that no condition names"),
        ("structures.brain", "`only_if: lesion.flag` dropped"),
        ("structures.brain", "`listed_by: lesion.size` dropped"),
        ("measures.gloves", "`class: warming` made `displacement`"),
        ("structure.distance", "`bounded_below_by: lesion.closing` dropped"),
        ("structure.distance", "`graded: within` dropped from what implies it"),
        ("structure.distance", "`graded: within` made to imply 0.1"),
    }
    assert expected <= set(told)
    for name in expected:
        trial = Survivors(wording).tried(told[name])
        assert trial.fate is Fate.SURVIVED, name
        assert trial.witness is not None
        assert trial.phase is not None
        written = case_to_mapping(trial.witness, rules.vocabulary)
        sound, faulty = (
            told_of(outlined(case_from_mapping(its.vocabulary, written), its, trial.phase))
            for its in (rules, mutated(wording, told[name]))
        )
        place = trial.differences[0].partition(": ")[0]
        assert sound.get(place) != faulty.get(place), name


def test_a_table_that_no_made_up_patient_tells_apart_is_undecided_and_never_redundant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = with_cases(tmp_path, NEAR, cases=ALL[:1])
    wording = Wording(load_rules(folder))
    monkeypatch.setattr("cds.analysis.otherwise.MOST", 0)
    assert {Survivors(wording).tried(each).fate for each in mutants(wording, "structures.skin")} == {Fate.UNDECIDED}
    assert main(["mutate", str(folder), "--rule", "structures.skin", "--workers", "1", "--width", "400"]) == 1
    told = capsys.readouterr().out
    assert "no worked case notices, and no made-up patient does either; no proof speaks of tables" in told
    assert "allow it more time" not in told


def test_a_case_that_names_what_is_listed_kills_its_mutants(tmp_path: Path) -> None:
    listed = "  thermoprotection: {T1: {nerve/left: {measures: {water: available, gloves: available}}}}\n"
    folder = small(tmp_path)
    (folder / "cases").mkdir()
    (folder / "cases" / "planned.yaml").write_text(PLANNED % 90 + listed, encoding="utf-8")
    fates = {what: trial.fate for what, trial in tried(folder, "structures.nerve").items()}
    assert fates["`gloves` dropped from its measures"] is Fate.KILLED
    assert fates["`neck` dropped from its sites"] is Fate.SURVIVED  # the case reports the nerve
    assert fates["`camera` dropped from its monitoring"] is Fate.SURVIVED


@pytest.mark.parametrize("reason", ["timeout", "memout"])
def test_what_the_solver_gives_up_on_is_undecided_and_never_redundant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reason: str
) -> None:
    monkeypatch.setattr(z3.Solver, "check", lambda *_: z3.unknown)
    monkeypatch.setattr(z3.Solver, "reason_unknown", lambda _: reason)
    folder = with_cases(tmp_path, NEAR, cases=ALL[:1])
    found = set(fates(folder).values())
    assert found == {Fate.KILLED, Fate.UNDECIDED}
    assert main(["mutate", str(folder), "--rule", "K-1", "--workers", "1", "--width", "400"]) == 1
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
    status = main(["mutate", str(folder), "--rule", "K-1", "--workers", "1", "--width", "400"])
    told = capsys.readouterr().out
    assert status == 0, told
    assert " 0 survived, " in told


def test_a_patient_in_whom_no_answer_differs_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = with_cases(tmp_path, NEAR, cases=ALL)
    wording = Wording(load_rules(folder))
    mutant = next(mutants(wording, "K-1"))
    monkeypatch.setattr(Survivors, "_differs", lambda *_: (z3.BoolVal(True), z3.BoolVal(True)))
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
        assert told_of(quick) == told_of(answer)
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
    by_solver = [each for each in mutants(WORDING) if "decision" in each.phases and each.vocabulary is None]
    for mutant in by_solver[::60]:
        faulty = mutated(WORDING, mutant)
        told_apart = evaluation.truths(survivors._differs(mutant, faulty, "decision")[1])
        for number, patient in enumerate(patients):
            before, after = (told_of(outlined(patient, rules, "decision")) for rules in (WORDING.rules, faulty))
            if before != after:
                seen += 1
                assert told_apart >> number & 1, (mutant.subject, mutant.what)
    assert seen > 20
