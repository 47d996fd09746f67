"""Whoever is treated differently by another version is shown, and that nobody is, is proved."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import z3

from cds.analysis.compare import Comparison, IncomparableFacts, moved, restated
from cds.analysis.judging import Judgement
from cds.analysis.outline import outlined, told
from cds.analysis.statements import Outcome, Standing
from cds.case.reading import case_from_mapping
from cds.case.writing import case_to_mapping
from cds.cli import main
from cds.reasoning.verdict import Verdict
from cds.ruleset import RuleSet, load_rules
from cds.truth import Truth
from tests.ruleset.shipped import shipped_folder, shipped_rules
from tests.ruleset.workshop import PARAMETERS, PLANNER, RULE_SET, STRUCTURES, VOCABULARY, a_rule, rules_of, small

NEAR = a_rule("K-1", "against", "lesion.size < parameters.mm5")
FLAG = a_rule("K-2", "excludes", "lesion.flag")


def version(folder: Path, name: str, *rules: str, **files: str) -> Path:
    (folder / name).mkdir()
    return small(folder / name, rules_of(*rules), **files)


def changes(old: RuleSet, new: RuleSet) -> dict[str, Outcome]:
    outcomes = list(Comparison(old, new).outcomes())
    assert all(outcome.standing is not Standing.UNDECIDED for outcome in outcomes)
    return {outcome.statement.key: outcome for outcome in outcomes if outcome.standing is Standing.REFUTED}


def judged(outcome: Outcome, *versions: RuleSet) -> list[Judgement]:
    assert outcome.witness is not None
    return [Judgement(rules, "decision", outcome.witness) for rules in versions]


def test_of_an_unchanged_rule_set_it_is_proved_that_nobody_is_treated_differently(tmp_path: Path) -> None:
    one, two = (load_rules(version(tmp_path, name, NEAR, FLAG)) for name in ("one", "two"))
    outcomes = list(Comparison(one, two).outcomes())
    assert outcomes
    assert {outcome.standing for outcome in outcomes} == {Standing.PROVED}


def test_rules_that_say_the_same_in_other_words_treat_nobody_differently(tmp_path: Path) -> None:
    one = load_rules(version(tmp_path, "one", a_rule("K-1", "against", "lesion.flag and not patient.flagB")))
    two = load_rules(version(tmp_path, "two", a_rule("K-1", "against", "not (not lesion.flag or patient.flagB)")))
    assert changes(one, two) == {}


def test_a_threshold_moved_by_one_step_is_shown_by_the_patient_between(tmp_path: Path) -> None:
    one = load_rules(version(tmp_path, "one", NEAR))
    moved_on = PARAMETERS.replace("mm5: {type: Quantity, value: 5,", "mm5: {type: Quantity, value: 5.1,")
    two = load_rules(version(tmp_path, "two", NEAR, parameters=moved_on))
    found = changes(one, two)
    turned = found["verdict-change:knife:eligible:conditional"]
    before, after = judged(turned, one, two)
    assert (before.possible("knife"), after.possible("knife")) == ({Verdict.ELIGIBLE}, {Verdict.CONDITIONAL})
    assert turned.witness is not None
    assert str(turned.witness.lesions[0].facts["size"].value) == "5"
    assert moved(one, two) == {"mm5": ("5 mm", "5.1 mm")}
    assert not any(key.startswith("verdict-change:frost") for key in found)


def test_a_rule_that_was_added_or_dropped_is_shown_by_a_patient_whom_it_is_about(tmp_path: Path) -> None:
    one, two = load_rules(version(tmp_path, "one", NEAR)), load_rules(version(tmp_path, "two", NEAR, FLAG))
    added, dropped = changes(one, two), changes(two, one)
    assert {"criterion-added:K-2", "verdict-change:knife:eligible:ineligible"} <= set(added)
    assert {"criterion-removed:K-2", "verdict-change:knife:ineligible:eligible"} <= set(dropped)
    assert set(judged(added["criterion-added:K-2"], two)[0].of("K-2").values()) == {Truth.TRUE}


def test_a_rule_that_is_decided_elsewhere_comes_out_otherwise(tmp_path: Path) -> None:
    one = load_rules(version(tmp_path, "one", a_rule("K-1", "against", "patient.flagB")))
    two = load_rules(version(tmp_path, "two", a_rule("K-1", "against", "patient.flagB", for_each="patient")))
    assert set(changes(one, two)) == {"criterion-change:K-1"}


def test_an_effect_and_a_sentence_that_changed_are_listed(tmp_path: Path) -> None:
    one = load_rules(version(tmp_path, "one", a_rule("K-1", "against", "lesion.flag")))
    two = load_rules(version(tmp_path, "two", a_rule("K-1", "informs", "lesion.flag", says="so")))
    assert set(restated(one, two)["K-1"]) >= {"effect", "says"}


def test_versions_in_which_a_name_has_two_types_cannot_be_compared(tmp_path: Path) -> None:
    other = VOCABULARY.replace("  flagB: {kind: finding, type: Boolean", "  flagB: {kind: finding, type: Integer")
    one, two = load_rules(version(tmp_path, "one")), load_rules(version(tmp_path, "two", vocabulary=other))
    with pytest.raises(IncomparableFacts, match=r"patient\.flagB: it was a Boolean and is a Integer"):
        list(Comparison(one, two).outcomes())


OVERLAY = """\
label: Example hospital
parameters:
  inrLimit: {value: 1.5}
"""


def test_the_command_prints_the_patient_as_a_case_that_reads_again_and_as_a_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = version(tmp_path, "one", NEAR), version(tmp_path, "two", NEAR, FLAG)
    assert main(["compare", str(one), str(two), "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["nobody_is_treated_differently"] is False
    shown = next(each for each in told["changes"] if each["subject"] == "knife:eligible:ineligible")
    rules = load_rules(two)
    case = case_from_mapping(rules.vocabulary, shown["patient"]["case"])
    assert Judgement(rules, "decision", case).possible("knife") == {Verdict.INELIGIBLE}
    assert shown["patient"]["bundle"]["resourceType"] == "Bundle"
    assert main(["compare", str(one), str(two), "--format", "md"]) == 1
    told_md = capsys.readouterr().out
    assert told_md.startswith("## Who is treated differently\n")
    assert "### knife:eligible:ineligible: was eligible, is ineligible\n\n```yaml\nas_of:" in told_md


def test_the_command_says_that_nobody_is_and_succeeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = version(tmp_path, "one", NEAR)
    for format_ in ("text", "md"):
        assert main(["compare", str(one), str(one), "--format", format_]) == 0
        assert "nobody is treated differently: proved" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["another order", "another way to decline", "another list of structures"])
def test_what_no_condition_says_is_never_called_the_same_for_everybody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    preference = "preferences:\n  - {{id: P-1, order: [{}], when: lesion.flag, if: flag, says: x, basis: unverified}}\n"
    one = version(tmp_path, "one", NEAR, preferences=preference.format("[knife], [frost]"))
    two = version(tmp_path, "two", NEAR, preferences=preference.format("[knife], [frost]"))
    name, before, after = {
        "another order": ("preferences.yaml", "[knife], [frost]", "[frost], [knife]"),
        "another way to decline": ("ruleset.yaml", "declinesKnife", "declinesFrost"),
        "another list of structures": ("structures.yaml", "sites: all", "sites: [neck]"),
    }[words]
    file = two / name
    text = file.read_text("utf-8")
    changed = text.replace(before, after)
    assert changed != text
    file.write_text(changed, "utf-8")
    assert main(["compare", str(one), str(two), "--width", "400"]) == 1
    told = capsys.readouterr().out
    assert "nobody is treated differently" not in told
    name = {"another order": "P-1", "another way to decline": "knife"}.get(words, "structure skin")
    assert re.search(rf"^{name}: .*: was .*, is .* \[answer-change\]\n    as_of: ", told, re.MULTILINE)
    assert main(["compare", str(one), str(two), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["nobody_is_treated_differently"] is False


def test_a_value_that_holds_until_some_day_is_never_called_the_same_for_everybody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = "mm5: {type: Quantity, value: 5, unit: mm, status: institution-default, from: 2026-01-01}"
    later = newest.replace(
        "from: 2026-01-01", "from: 2030-01-01, history: [{value: 4, status: institution-default, from: 2026-01-01}]"
    )
    assert newest in PARAMETERS
    one = version(tmp_path, "one", NEAR)
    two = version(tmp_path, "two", NEAR, parameters=PARAMETERS.replace(newest, later))
    assert main(["compare", str(one), str(two), "--as-of", "2030-01-01", "--width", "400"]) == 1
    told = capsys.readouterr().out
    assert "nobody is treated differently" not in told
    assert "see what is done otherwise: mm5 on other days" in told
    assert "mm5 5 mm -> 4 mm: see --as-of 2026-01-01" in told


KNIFE = a_rule("K-1", "against", "patient.flagB")
BESIDE = a_rule("K-1", "against", "structure.distance <= parameters.mm5", for_each="structure")
SILENT = ", silence: {why: always asked, look_back: ever, context: any}}"
FLAG_B = "  flagB: {kind: finding, type: Boolean, label: flag B"
DISTANCE = "  distance: {kind: measure, type: Quantity, unit: mm, decimals: 1, label: distance, plausible: [0, 300],\n"
GRADED = "  graded: {kind: finding, type: Code, values: [apart, within], label: graded}\n"
CLOSING = "    bounded_below_by: closing, starts_at: tumour}"
MORE = "alternatives:\n  - {id: A-1, says: wait}\n"
HEAT = "  heat: {label: Heat, declined_by: lesion.declinesFrost, established: false}\n"
HOT = "  - {id: H-0, option: heat, for_each: patient, effect: excludes, ground: safety, when: patient.flagA,\n"\
      "     says: cannot, otherwise: can, basis: judgement}\n"
TOGETHER = "combinations:\n  - {id: C-1, excludes: [water, gloves], says: one place, basis: unverified}\n"

CHANGED: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "silence that means no": ({}, {"vocabulary": VOCABULARY.replace(f"{FLAG_B}}}", FLAG_B + SILENT)},
                              "patient.flagB: silence"),
    "silence beside a problem list": (
        {}, {"vocabulary": VOCABULARY.replace(f"{FLAG_B}}}", FLAG_B + SILENT.replace("any", "problem-list"))},
        "patient.flagB: silence",
    ),
    "a code that implies a distance": (
        {"vocabulary": VOCABULARY.replace(DISTANCE, GRADED + DISTANCE)},
        {"vocabulary": VOCABULARY.replace(DISTANCE, GRADED + DISTANCE + "    implied_by: {graded: {within: 0}},\n")},
        "structure.distance: implied_by",
    ),
    "a closing statement": ({}, {"vocabulary": VOCABULARY.replace(CLOSING, "    starts_at: tumour}")},
                            "structure.distance: bounded_below_by"),
    "an alternative that is gone": ({"ruleset": RULE_SET + MORE}, {}, "alternative A-1"),
    "an option that is new": ({}, {"ruleset": RULE_SET + HEAT, "rules": HOT}, "option heat"),
    "a combination that is new": ({}, {"thermoprotection": PLANNER + TOGETHER}, "C-1"),
    "another list of measures": ({}, {"structures": STRUCTURES.replace(", gloves]", "]")}, "structure nerve"),
    "another class of a measure": ({}, {"structures": STRUCTURES.replace("class: warming", "class: displacement")},
                                   "measures: gloves"),
    "what is listed to watch": ({}, {"structures": STRUCTURES.replace("monitoring: [camera], evidence: []}\n  brain",
                                                                      "monitoring: [], evidence: []}\n  brain")},
                                "structure skin"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGED)
def test_what_no_condition_says_is_shown_by_a_patient_who_is_answered_otherwise(tmp_path: Path, kind: str) -> None:
    before, after, subject = CHANGED[kind]
    one, two = (
        load_rules(version(tmp_path, name, KNIFE, BESIDE.replace("K-1", "K-2"), files.pop("rules", ""), **files))
        for name, files in (("one", dict(before)), ("two", dict(after)))
    )
    found = changes(one, two)
    assert f"answer-change:{subject}" in found, kind
    outcome = found[f"answer-change:{subject}"]
    assert outcome.witness is not None
    if kind == "silence beside a problem list":  # which no worked case has, and which the record has to have
        assert outcome.why.startswith("of a record with problem-list that is silent: ")
        return
    written = case_to_mapping(outcome.witness, Comparison(one, two).universe.vocabulary)
    answers = [
        told(outlined(case_from_mapping(rules.vocabulary, written), rules, "decision")) for rules in (one, two)
    ]
    assert answers[0] != answers[1]


BONE = """\
  bone: {label: bone, kind: brain, sided: false, sites: all, measures: [water], monitoring: [camera], evidence: []}
"""
COVERED = a_rule("K-1", "against", "structure.distance < parameters.mm5", for_each="structure",
                 done="structure.coveredByPlan")  # fmt: skip


def test_a_structure_that_one_version_alone_knows_is_asked_about_there_alone(tmp_path: Path) -> None:
    known = VOCABULARY.replace("[nerve, skin, brain]", "[nerve, skin, brain, bone]")
    one = load_rules(version(tmp_path, "one", COVERED, vocabulary=known))
    two = load_rules(version(tmp_path, "two", COVERED, vocabulary=known, structures=STRUCTURES + BONE))
    for old, new in ((one, two), (two, one)):
        found = changes(old, new)
        assert {"answer-change:structure bone", "criterion-change:K-1"} <= set(found)
        truths = [each.of("K-1") for each in judged(found["criterion-change:K-1"], one, two)]
        assert sorted("T1/bone/none" in each for each in truths) == [False, True]


@pytest.mark.parametrize(("phase", "effect"), [("planning", "obliges"), ("follow-up", "informs")])
def test_what_a_rule_does_otherwise_in_another_phase_is_not_called_nothing(
    tmp_path: Path, phase: str, effect: str
) -> None:
    rule = a_rule("F-1", "informs", "lesion.flag", option="frost", phase=phase)
    other = a_rule("F-1", effect, "lesion.flag", option="knife", phase=phase, done="lesion.discussed")
    other = other if effect == "obliges" else other.replace(", done: lesion.discussed", "")
    one, two = (load_rules(version(tmp_path, name, each)) for name, each in (("one", rule), ("two", other)))
    found = {o.statement.key: o for o in Comparison(one, two).outcomes() if o.standing is Standing.REFUTED}
    assert found["answer-change:F-1"].why.startswith(f"in the phase {phase}: options T1 ")


@pytest.mark.parametrize(
    ("before", "after", "subject"),
    [
        ({}, {"vocabulary": VOCABULARY.replace("plausible: [0, 20]", "plausible: [0, 9]")}, "patient.ratio: plausible"),
        ({}, {"vocabulary": VOCABULARY.replace(f"{FLAG_B}}}", f"{FLAG_B}, fresh: {{since: lesion.foundOn}}}}")},
         "patient.flagB: fresh"),
        ({}, {"vocabulary": VOCABULARY.replace(f"{FLAG_B}}}", f"{FLAG_B}, agreement: conflict, agreement_why: x}}")},
         "patient.flagB: agreement"),
        ({}, {"ruleset": RULE_SET.replace("established: false", "established: true")}, "frost"),
    ],
    ids=["plausible", "fresh", "agreement", "established"],
)  # fmt: skip
def test_what_no_made_up_patient_shows_is_said_to_be_undecided_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: dict[str, str], after: dict[str, str], subject: str
) -> None:
    one, two = version(tmp_path, "one", KNIFE, **before), version(tmp_path, "two", KNIFE, **after)
    for format_ in ("text", "md"):
        assert main(["compare", str(one), str(two), "--format", format_]) == 1
        told_it = " ".join(capsys.readouterr().out.split())
        assert f"{subject}: this is stated otherwise, and whether it treats anybody differently was not" in told_it
        assert "nobody is treated differently" not in told_it
    assert main(["compare", str(one), str(two), "--format", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["nobody_is_treated_differently"] is False
    assert [(each["code"], each["subject"], each["standing"]) for each in answer["changes"]] == [
        ("answer-change", subject, "undecided")
    ]


WAIVED = "exceptions:\n  - {id: X-1, exception_to: %s, when: %s, says: waived, basis: unverified}\n"
TWO = (a_rule("K-1", "against", "lesion.flag"), a_rule("K-2", "against", "lesion.flag and patient.flagB"))


@pytest.mark.parametrize(
    ("before", "after", "subject"),
    [
        ((a_rule("K-1", "for", "lesion.flag"),), (a_rule("K-1", "informs", "lesion.flag"),), "K-1"),
        ((a_rule("K-1", "requires", "lesion.flag", remedy="wait"),),
         (a_rule("K-1", "requires", "lesion.flag", remedy="go on"),), "K-1"),
        ((*TWO, WAIVED % ("K-1", "not lesion.flag")), (*TWO, WAIVED % ("K-2", "not lesion.flag")), "X-1"),
    ],
    ids=["effect", "remedy", "an exception that waives nothing"],
)  # fmt: skip
def test_what_an_answer_says_and_the_solver_is_not_asked_is_never_called_proved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: tuple[str, ...], after: tuple[str, ...], subject: str
) -> None:
    one, two = version(tmp_path, "one", *before), version(tmp_path, "two", *after)
    assert main(["compare", str(one), str(two), "--format", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["nobody_is_treated_differently"] is False
    assert [(each["code"], each["subject"], each["standing"]) for each in answer["changes"]] == [
        ("answer-change", subject, "undecided")
    ]


def test_an_exception_to_another_rule_is_shown_by_a_patient_whom_it_no_longer_excepts(tmp_path: Path) -> None:
    one, two = (
        load_rules(version(tmp_path, name, *TWO, WAIVED % (target, "patient.flagA")))
        for name, target in (("one", "K-1"), ("two", "K-2"))
    )
    assert changes(one, two)["answer-change:X-1"].why.startswith("options T1 knife ")


def test_a_rule_that_is_asked_elsewhere_in_a_phase_that_is_not_compared_is_pointed_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (
        version(tmp_path, level,
                a_rule("F-1", "informs", "patient.flagB", option="frost", for_each=level, phase="follow-up"))
        for level in ("lesion", "structure")
    )  # fmt: skip
    assert main(["compare", str(one), str(two), "--width", "400"]) == 1
    assert "see --phase follow-up" in capsys.readouterr().out


def test_a_change_in_a_phase_that_is_not_compared_is_pointed_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (
        version(tmp_path, name, NEAR, a_rule("F-1", "informs", when, option="frost", phase="follow-up"))
        for name, when in (("one", "lesion.flag"), ("two", "not lesion.flag"))
    )
    assert main(["compare", str(one), str(two), "--width", "400"]) == 1
    told = capsys.readouterr().out
    assert "the phase follow-up has other conditions" in told
    assert "in the phase decision" in told
    assert main(["compare", str(one), str(one)]) == 0
    assert "other conditions" not in capsys.readouterr().out


def test_another_sentence_alone_treats_nobody_differently(tmp_path: Path) -> None:
    one, two = (
        version(tmp_path, name, a_rule("K-1", "against", "lesion.flag", says=name)) for name in ("one", "two")
    )  # fmt: skip
    assert main(["compare", str(one), str(two)]) == 0


def test_a_revision_of_git_is_compared_with_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    folder = small(tmp_path, rules_of(NEAR))
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    small(tmp_path, rules_of(NEAR, FLAG))
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "HEAD", str(folder)]) == 1
    assert "knife:eligible:ineligible: was eligible, is ineligible [verdict-change]" in capsys.readouterr().out
    assert main(["compare", "HEAD:small", "HEAD"]) == 0
    capsys.readouterr()
    assert main(["compare", "--", "-nothing", str(folder)]) == 2
    assert "no revision that git knows here" in capsys.readouterr().err


@pytest.mark.parametrize("reason", ["timeout", "canceled"])
def test_what_the_solver_gives_up_on_is_undecided_and_never_a_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reason: str
) -> None:
    monkeypatch.setattr(z3.Solver, "check", lambda *_: z3.unknown)
    monkeypatch.setattr(z3.Solver, "reason_unknown", lambda _: reason)
    one, two = version(tmp_path, "one", NEAR), version(tmp_path, "two", NEAR, FLAG)
    outcomes = list(Comparison(load_rules(one), load_rules(two)).outcomes())
    assert Standing.UNDECIDED in {outcome.standing for outcome in outcomes}
    assert Standing.REFUTED not in {outcome.standing for outcome in outcomes}
    assert all(outcome.why for outcome in outcomes if outcome.standing is Standing.UNDECIDED)
    for format_ in ("text", "md"):
        assert main(["compare", str(one), str(two), "--format", format_]) == 1
        told = capsys.readouterr().out
        assert "no change was found, but " in told
        assert " were not decided" in told
        assert "nobody is treated differently" not in told
        assert f"the solver gave no answer ({reason}); nothing is proved: allow it more time" in told
    assert main(["compare", str(one), str(two), "--format", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["nobody_is_treated_differently"] is False
    assert {each["standing"] for each in answer["changes"]} == {"undecided"}


def test_a_change_beside_something_undecided_says_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = version(tmp_path, "one", NEAR), version(tmp_path, "two", NEAR, FLAG)
    sound, asked = z3.Solver.check, iter(range(10**6))
    monkeypatch.setattr(
        z3.Solver, "check", lambda self, *words: z3.unknown if next(asked) == 0 else sound(self, *words)
    )
    assert main(["compare", str(one), str(two)]) == 1
    assert re.search(r"\d+ changes, 1 undecided; \d+ statements put", capsys.readouterr().out)


@pytest.mark.slow
def test_an_institution_sees_whom_its_overlay_is_about(tmp_path: Path) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text(OVERLAY, encoding="utf-8")
    found = changes(shipped_rules(), load_rules(shipped_folder(), overlay=overlay))
    assert "criterion-change:CR-6" in found
    assert not any(key.startswith("verdict-change:salvage") for key in found)
