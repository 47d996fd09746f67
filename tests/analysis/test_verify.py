"""What must hold of a rule set is proved, or refuted by a patient who really shows it; giving up is neither."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
import z3

from cds.analysis import meaning
from cds.analysis.declarations import Declarations, read_declarations
from cds.analysis.judging import Judgement, UntrustedWitness
from cds.analysis.meaning import Objections
from cds.analysis.statements import Outcome, Standing, Statement
from cds.analysis.verify import Verification, _Checks, counted
from cds.case.reading import case_from_mapping
from cds.case.writing import case_to_mapping
from cds.cli import main
from cds.errors import RuleSetError
from cds.reasoning.verdict import Verdict
from cds.ruleset import RuleSet
from cds.truth import Truth
from tests.ruleset.shipped import shipped_folder, shipped_rules
from tests.ruleset.workshop import a_rule, rules_of, small, small_rules

AS_OF = dt.date(2026, 11, 22)
SAFE = a_rule("K-1", "against", "lesion.flag")


def verified(rules: RuleSet, declared: Declarations | None = None, seconds: float = 20) -> list[Outcome]:
    return list(Verification(rules, declared or Declarations.none(), AS_OF, seconds).outcomes())


def refuted(outcomes: list[Outcome]) -> dict[str, Outcome]:
    return {outcome.statement.key: outcome for outcome in outcomes if outcome.standing is Standing.REFUTED}


def declared(folder: Path, text: str) -> Declarations:
    (folder / "verification.yaml").write_text(text, encoding="utf-8")
    return read_declarations(folder)


def test_every_statement_about_a_sound_rule_set_is_proved(tmp_path: Path) -> None:
    outcomes = verified(small_rules(tmp_path, rules_of(SAFE)))
    assert {outcome.statement.code for outcome in outcomes} == {
        "dead-rule", "idle-part", "redundant-rule", "no-verdict", "unknown-exclusion", "learning-flips",
    }  # fmt: skip
    assert all(outcome.standing is Standing.PROVED for outcome in outcomes), refuted(outcomes).keys()


def test_a_rule_that_no_patient_fulfils_is_dead(tmp_path: Path) -> None:
    dead = a_rule("K-1", "against", "lesion.size < parameters.mm5 and lesion.size > parameters.mm8")
    found = refuted(verified(small_rules(tmp_path, rules_of(dead))))
    assert found["dead-rule:K-1"].statement.position is not None
    assert found["dead-rule:K-1"].statement.position.file == "small/rules/all.yaml"


def test_a_requirement_that_everybody_meets_is_dead(tmp_path: Path) -> None:
    met = a_rule("K-1", "requires", "lesion.count >= 0")
    assert "dead-rule:K-1" in refuted(verified(small_rules(tmp_path, rules_of(met))))


SCOPE = a_rule("S-1", "requires", "patient.ratio >= parameters.r1", option="scope")


def test_a_rule_that_holds_only_where_the_rule_set_is_about_nobody_is_dead(tmp_path: Path) -> None:
    outside = a_rule("K-1", "informs", "patient.ratio < parameters.r1", for_each="patient")
    beyond = a_rule("K-2", "informs", "patient.ratio > parameters.r1", for_each="patient")
    found = refuted(verified(small_rules(tmp_path, rules_of(SCOPE, outside, beyond))))
    assert set(found) == {"dead-rule:K-1"}
    assert found["dead-rule:K-1"].why == "no patient in scope can make it true: it never has an effect"


def test_an_exception_and_a_reason_that_stand_alone_only_out_of_scope_are_findings(tmp_path: Path) -> None:
    never = """\
exceptions:
  - {id: X-1, exception_to: K-1, when: patient.ratio < parameters.r1, says: no, basis: unverified}
"""
    graver = a_rule("K-2", "excludes", "lesion.count > parameters.n5")
    lesser = a_rule("K-3", "against", "lesion.count > parameters.n5 or patient.ratio < parameters.r1")
    found = refuted(verified(small_rules(tmp_path, rules_of(SCOPE, SAFE, graver, lesser) + never)))
    assert {"idle-exception:X-1", "redundant-rule:K-3:knife"} <= set(found)


def test_every_rule_is_dead_where_nobody_can_be_in_scope(tmp_path: Path) -> None:
    contrary = a_rule("S-2", "requires", "patient.ratio < parameters.r1", option="scope")
    found = refuted(verified(small_rules(tmp_path, rules_of(SCOPE, contrary))))
    assert {"dead-rule:K-0", "dead-rule:F-0"} <= set(found)
    assert not {"dead-rule:S-1", "dead-rule:S-2"} & set(found)  # each by itself tells patients apart


def test_a_part_that_changes_nothing_is_idle(tmp_path: Path) -> None:
    idle = a_rule("K-1", "against", "lesion.flag or (lesion.flag and patient.flagB)")
    found = refuted(verified(small_rules(tmp_path, rules_of(idle))))
    assert {"idle-part:K-1:patient.flagB:true", "idle-part:K-1:patient.flagB:false"} & set(found)
    assert {key.split(":")[1] for key in found} == {"K-1"}


def test_an_exception_that_only_holds_where_its_rule_does_not_is_idle(tmp_path: Path) -> None:
    exception = "exceptions:\n  - {id: X-1, exception_to: K-1, when: not lesion.flag, says: no, basis: unverified}\n"
    found = refuted(verified(small_rules(tmp_path, rules_of(SAFE) + exception)))
    assert "idle-exception:X-1" in found


@pytest.mark.parametrize(
    ("effect", "when"), [("against", "lesion.flag and patient.flagA"), ("requires", "lesion.flag or patient.flagA")]
)
def test_of_several_exceptions_only_the_one_that_adds_nothing_is_idle(tmp_path: Path, effect: str, when: str) -> None:
    exceptions = """\
exceptions:
  - {id: X-1, exception_to: K-1, when: patient.flagB, says: no, basis: unverified}
  - {id: X-2, exception_to: K-1, when: lesion.count > parameters.n5, says: no, basis: unverified}
  - {id: X-3, exception_to: K-1, when: lesion.count > parameters.n5 and patient.flagB, says: no, basis: unverified}
"""
    found = refuted(verified(small_rules(tmp_path, rules_of(a_rule("K-1", effect, when)) + exceptions)))
    assert [key for key in found if key.startswith("idle-exception")] == ["idle-exception:X-3"]


def test_a_rule_that_objects_only_where_a_graver_one_does_is_redundant(tmp_path: Path) -> None:
    graver = a_rule("K-1", "excludes", "lesion.flag")
    lesser = a_rule("K-2", "against", "lesion.flag and patient.flagB")
    found = refuted(verified(small_rules(tmp_path, rules_of(graver, lesser))))
    assert set(found) == {"redundant-rule:K-2:knife"}


def test_a_complete_case_without_one_verdict_is_shown(tmp_path: Path) -> None:
    unset = a_rule("K-1", "against", "lesion.size < parameters.mm5")
    rules = small_rules(tmp_path, rules_of(unset)).on(dt.date(2025, 12, 31))  # a day before the limit had its value
    found = refuted(verified(rules))["no-verdict:knife"]
    assert found.witness is not None
    judgement = Judgement(rules, "decision", found.witness)
    assert judgement.scope is Truth.TRUE
    assert len(judgement.possible("knife")) > 1


def test_preferences_that_hold_together_and_order_differently_conflict(tmp_path: Path) -> None:
    preferences = """\
preferences:
  - {id: P-1, order: [[knife], [frost]], when: lesion.flag, if: flag, says: one, basis: unverified}
  - {id: P-2, order: [[frost], [knife]], when: patient.flagB, if: flag B, says: two, basis: unverified}
"""
    rules = small_rules(tmp_path, preferences=preferences)
    found = refuted(verified(rules))["conflicting-preferences:P-1+P-2"]
    assert found.witness is not None
    held = Judgement(rules, "decision", found.witness).preferences
    assert held == {"P-1": Truth.TRUE, "P-2": Truth.TRUE}
    assert len(found.witness.lesions) == 1  # the other lesion shows nothing
    assert set(case_to_mapping(found.witness, rules.vocabulary)["patient"]) == {"flagB"}  # type: ignore[call-overload]


def test_an_exception_of_a_preference_may_stand_before_what_it_overrides(tmp_path: Path) -> None:
    preferences = """\
preferences:
  - {id: P-2, order: [[frost], [knife]], exception_to: P-1, when: patient.flagB, says: two, basis: unverified}
  - {id: P-1, order: [[knife], [frost]], when: lesion.flag, says: one, basis: unverified}
  - {id: P-3, order: [[frost, knife]], exception_to: P-2, when: patient.flagA, says: three, basis: unverified}
"""
    rules = small_rules(tmp_path, preferences=preferences)
    standings = {outcome.statement.key: outcome.standing for outcome in verified(rules)}
    assert standings["conflicting-preferences:P-2+P-1"] is Standing.PROVED
    assert standings["conflicting-preferences:P-1+P-3"] is Standing.REFUTED  # where flag B is false


INVARIANT = """\
invariants:
  - {id: INV-1, says: no knife with the flag, while: lesion.flag, option: knife, never: [eligible]}
"""


def test_an_invariant_is_proved_where_a_rule_keeps_it(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(SAFE))
    outcomes = verified(rules, declared(tmp_path / "small", INVARIANT))
    assert [o.standing for o in outcomes if o.statement.code == "invariant-broken"] == [Standing.PROVED]


def test_an_invariant_that_no_rule_keeps_is_refuted_by_a_patient_who_says_no_more_than_it_takes(tmp_path: Path) -> None:
    rules = small_rules(tmp_path)
    found = refuted(verified(rules, declared(tmp_path / "small", INVARIANT)))["invariant-broken:INV-1"]
    assert found.statement.position is not None
    assert (found.statement.position.file, found.statement.position.line) == ("small/verification.yaml", 2)
    assert found.witness is not None
    assert Verdict.ELIGIBLE in Judgement(rules, "decision", found.witness).possible("knife")
    written = case_to_mapping(found.witness, rules.vocabulary)
    assert written["lesions"] == [{"id": "T1", "facts": {"flag": True}}]
    again = case_from_mapping(rules.vocabulary, written)
    assert Verdict.ELIGIBLE in Judgement(rules, "decision", again).possible("knife")


def test_an_invariant_about_nobody_is_no_proof(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(SAFE))
    empty = INVARIANT.replace("lesion.flag", "lesion.flag and not lesion.flag")
    found = refuted(verified(rules, declared(tmp_path / "small", empty)))["invariant-broken:INV-1"]
    assert found.why == "no patient meets its condition: it promises nothing"


def test_of_two_claims_with_one_id_neither_is_proved_for_the_other(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(SAFE))
    second = "  - {id: INV-1, says: x, while: not lesion.flag, option: knife, never: [ineligible]}\n"
    with pytest.raises(RuleSetError) as caught:
        verified(rules, declared(tmp_path / "small", INVARIANT + second))
    assert [(each.code, each.position.line) for each in caught.value.findings] == [("duplicate-id", 3)]


def test_a_number_of_the_other_lesion_counts_too(tmp_path: Path) -> None:
    far = a_rule("K-1", "against", "other.size > parameters.mm5", for_each="other-lesion")
    rules = small_rules(tmp_path, rules_of(far))
    text = "monotone:\n  - {id: MON-1, says: x, fact: lesion.size, grows: larger, never_adds: [K-1]}\n"
    assert "not-monotone:MON-1" in refuted(verified(rules, declared(tmp_path / "small", text)))


@pytest.mark.parametrize(
    ("grows", "standing"), [("larger", Standing.PROVED), ("smaller", Standing.REFUTED)], ids=["larger", "smaller"]
)
def test_a_criterion_is_added_by_a_smaller_distance_and_never_by_a_larger(
    tmp_path: Path, grows: str, standing: Standing
) -> None:
    text = f"monotone:\n  - {{id: MON-1, says: x, fact: structure.distance, grows: {grows}, never_adds: [N-1]}}\n"
    rules = small_rules(tmp_path)
    found = [o for o in verified(rules, declared(tmp_path / "small", text)) if o.statement.code == "not-monotone"]
    assert [outcome.standing for outcome in found] == [standing]
    if found[0].witness is not None and found[0].learned is not None:
        before, after = (Judgement(rules, "decision", case) for case in (found[0].witness, found[0].learned))
        assert Truth.TRUE in after.of("N-1").values()
        assert Truth.TRUE not in before.of("N-1").values()


FAR = a_rule("K-1", "against", "structure.distance < parameters.limit", for_each="structure")
CLAIM = "monotone:\n  - {{id: MON-1, says: x, fact: structure.distance, grows: {}, {}: [K-1]}}\n"


@pytest.mark.parametrize(
    ("grows", "claim", "standing"),
    [
        ("larger", "never_adds", Standing.PROVED), ("smaller", "never_adds", Standing.REFUTED),
        ("larger", "never_removes", Standing.REFUTED), ("smaller", "never_removes", Standing.PROVED),
    ],
)  # fmt: skip
def test_what_a_distance_never_adds_and_never_removes_is_claimed_either_way(
    tmp_path: Path, grows: str, claim: str, standing: Standing
) -> None:
    rules = small_rules(tmp_path, rules_of(FAR))
    outcomes = verified(rules, declared(tmp_path / "small", CLAIM.format(grows, claim)))
    found = next(each for each in outcomes if each.statement.code == "not-monotone")
    assert found.standing is standing
    if standing is Standing.REFUTED:
        assert found.witness is not None
        assert found.learned is not None
        before, after = (Judgement(rules, "decision", case).of("K-1") for case in (found.witness, found.learned))
        first, second = (Truth.FALSE, Truth.TRUE) if claim == "never_adds" else (Truth.TRUE, Truth.FALSE)
        assert any((before[place], after[place]) == (first, second) for place in after)
        written = [case_to_mapping(case, rules.vocabulary) for case in (found.witness, found.learned)]
        for each in written:  # two patients with one lesion each, of whom no more is said than one distance
            assert each["patient"] == {}
            [lesion] = each["lesions"]  # type: ignore[misc]
            assert lesion["facts"] == {}
            assert [list(structure["facts"]) for structure in lesion["structures"]] == [["distance"]]


@pytest.mark.parametrize("claim", ["never_adds", "never_removes"])
def test_what_becomes_open_that_was_settled_counts_against_a_claim(tmp_path: Path, claim: str) -> None:
    one = "lesion.size > parameters.mm5 and lesion.flag"  # a larger size leaves all to the flag, which nobody stated
    rules = small_rules(tmp_path, rules_of(a_rule("K-1", "against", one if claim == "never_adds" else f"not ({one})")))
    text = f"monotone:\n  - {{id: MON-1, says: x, fact: lesion.size, grows: larger, {claim}: [K-1]}}\n"
    found = refuted(verified(rules, declared(tmp_path / "small", text)))["not-monotone:MON-1"]
    assert found.learned is not None
    assert set(Judgement(rules, "decision", found.learned).of("K-1").values()) == {Truth.UNKNOWN}


def test_a_claim_that_lists_no_criterion_is_none(tmp_path: Path) -> None:
    folder = small(tmp_path)
    with pytest.raises(RuleSetError, match="never_adds"):
        declared(folder, "monotone:\n  - {id: MON-1, says: x, fact: lesion.size, grows: larger}\n")


@pytest.mark.parametrize("claim", ["never_adds", "never_removes"])
def test_a_translation_that_reads_a_comparison_the_wrong_way_round_gets_no_claim_refuted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claim: str
) -> None:
    rules = small_rules(tmp_path, rules_of(FAR))
    sound = meaning._compared_numbers
    monkeypatch.setattr(
        meaning, "_compared_numbers",
        lambda low, high, operator, at: sound(low, high, ">" if operator == "<" else operator, at),
    )  # fmt: skip
    text = CLAIM.format("larger" if claim == "never_adds" else "smaller", claim)
    checks = _Checks(rules, "decision", AS_OF, 20)
    monotone = declared(tmp_path / "small", text).monotone[0]
    with pytest.raises(UntrustedWitness):
        checks.is_monotone(Statement("not-monotone", "MON-1", "x"), monotone)


def waiver(finding: str, until: str) -> str:
    return f"waivers:\n  - {{finding: '{finding}', reason: known, author: board, until: {until}}}\n"


def test_a_waiver_needs_a_reason_an_author_and_a_last_day(tmp_path: Path) -> None:
    folder = small(tmp_path)
    with pytest.raises(RuleSetError) as caught:
        declared(folder, "waivers:\n  - {finding: 'dead-rule:K-1', reason: ''}\n")
    told = " ".join(finding.message for finding in caught.value.findings)
    assert all(word in told for word in ("reason", "author", "until"))


@pytest.mark.parametrize("change", [("known", "' '"), ("board", "' '"), ("dead-rule:K-1", "dead-rule")])
def test_a_waiver_in_blank_or_of_a_whole_code_is_none(change: tuple[str, str], tmp_path: Path) -> None:
    folder = small(tmp_path)
    with pytest.raises(RuleSetError):
        declared(folder, waiver("dead-rule:K-1", "2026-11-22").replace(*change))


@pytest.mark.parametrize("until", ["1893456000", "'2027-06-01T00:00:00'"])
def test_the_last_day_of_a_waiver_is_a_day_and_no_number_of_seconds(until: str, tmp_path: Path) -> None:
    folder = small(tmp_path)
    with pytest.raises(RuleSetError, match="until"):
        declared(folder, waiver("dead-rule:K-1", until))


def test_a_waiver_in_force_holds_beside_one_that_has_ended(tmp_path: Path) -> None:
    dead = a_rule("K-1", "against", "lesion.size < parameters.mm5 and lesion.size > parameters.mm8")
    rules = small_rules(tmp_path, rules_of(dead))
    ended, renewed = waiver("dead-rule:K-1", "2026-11-21"), waiver("dead-rule:K-1", "2027-01-01")
    text = ended + renewed.removeprefix("waivers:\n")
    outcomes = verified(rules, declared(tmp_path / "small", text))
    standings = {outcome.statement.key: outcome.standing for outcome in outcomes}
    assert standings["dead-rule:K-1"] is Standing.WAIVED
    stale = [outcome.why for outcome in outcomes if outcome.statement.code == "stale-waiver"]
    assert [why.partition(";")[0] for why in stale] == ["it ended on 2026-11-21"]


def test_a_waived_finding_is_neither_refuted_nor_proved(tmp_path: Path) -> None:
    dead = a_rule("K-1", "against", "lesion.size < parameters.mm5 and lesion.size > parameters.mm8")
    rules = small_rules(tmp_path, rules_of(dead))
    text = waiver("dead-rule:K-1", "2026-11-22")
    found = next(
        o for o in verified(rules, declared(tmp_path / "small", text)) if o.statement.key == "dead-rule:K-1"
    )  # fmt: skip
    assert found.standing is Standing.WAIVED
    assert found.why == "accepted by board until 2026-11-22: known"


@pytest.mark.parametrize(
    ("finding", "until", "why"),
    [("dead-rule:K-1", "2026-11-21", "it ended"), ("dead-rule:K-0", "2027-01-01", "nothing that it names")],
    ids=["ended", "needed by nothing"],
)
def test_a_stale_waiver_is_refuted_itself(tmp_path: Path, finding: str, until: str, why: str) -> None:
    dead = a_rule("K-1", "against", "lesion.size < parameters.mm5 and lesion.size > parameters.mm8")
    rules = small_rules(tmp_path, rules_of(dead))
    found = refuted(verified(rules, declared(tmp_path / "small", waiver(finding, until))))
    assert why in found[f"stale-waiver:{finding}"].why
    assert "dead-rule:K-1" in found


def test_what_the_solver_gives_up_on_is_undecided_and_never_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(z3.Solver, "check", lambda *_: z3.unknown)
    rules = small_rules(tmp_path)
    outcomes = verified(rules, declared(tmp_path / "small", waiver("no-verdict:knife", "2027-01-01")))
    assert {outcome.standing for outcome in outcomes} == {Standing.UNDECIDED}


def test_a_patient_whom_the_reference_evaluator_judges_otherwise_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = Objections.possible
    monkeypatch.setattr(
        Objections, "possible",
        lambda self, verdict, scope: sound(self, Verdict.ELIGIBLE if verdict is Verdict.INELIGIBLE else verdict, scope),
    )  # fmt: skip
    with pytest.raises(UntrustedWitness, match="the verdict on"):
        verified(small_rules(tmp_path))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("invariants: [{id: I, says: x, while: lesion.flagg, option: knife, never: [eligible]}]", "condition-error"),
        ("invariants: [{id: I, says: x, while: lesion.flag, option: knive, never: [eligible]}]", "unknown-option"),
        ("invariants: [{id: I, says: x, while: lesion.flag, option: knife, never: [maybe]}]", "file-shape"),
        ("monotone: [{id: M, says: x, fact: lesion.flag, grows: larger, never_adds: [K-0]}]", "unknown-fact"),
        ("monotone: [{id: M, says: x, fact: lesion.size, grows: larger, never_adds: [K-9]}]", "unknown-rule"),
    ],
    ids=["fact", "option", "verdict", "yes or no", "criterion"],
)  # fmt: skip
def test_a_declaration_that_names_nothing_is_a_finding_of_its_file(tmp_path: Path, text: str, code: str) -> None:
    rules = small_rules(tmp_path)
    with pytest.raises(RuleSetError) as caught:
        verified(rules, declared(tmp_path / "small", f"{text}\n"))
    assert {finding.position.file for finding in caught.value.findings} == {"small/verification.yaml"}
    if code != "condition-error":
        assert {finding.code for finding in caught.value.findings} == {code}


def test_the_command_prints_the_patient_against_an_invariant_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small(tmp_path)
    (folder / "verification.yaml").write_text(INVARIANT, encoding="utf-8")
    assert main(["verify", str(folder), "--as-of", "2026-11-22", "--width", "400"]) == 1
    told = capsys.readouterr().out
    assert "verification.yaml:2:5: refuted: no knife with the flag" in told
    assert "        flag: true\n" in told
    assert "1 refuted" in told.splitlines()[-1]
    assert main(["verify", str(folder), "--as-of", "2026-11-22", "--format", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    shown = [each for each in answer["statements"] if each["standing"] == "refuted"]
    assert [each["code"] for each in shown] == ["invariant-broken"]
    assert shown[0]["patient"]["bundle"]["resourceType"] == "Bundle"


def test_the_command_says_which_extra_is_missing_where_there_is_no_solver(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cds.commands.proofs.find_spec", lambda _: None)
    for words in (["verify"], ["compare", "a", "b"], ["mutate"], ["cover"]):
        assert main(words) == 2
        assert "extra `verify`" in capsys.readouterr().err


@pytest.mark.slow
def test_everything_about_the_shipped_rule_set_is_proved_or_waived() -> None:
    outcomes = verified(shipped_rules(), read_declarations(shipped_folder()))
    counts = counted(outcomes)
    assert [outcome.statement.key for outcome in outcomes if not outcome.is_fine] == []
    assert counts[Standing.PROVED] > 600
    codes = {outcome.statement.code for outcome in outcomes if outcome.standing is Standing.PROVED}
    assert {"learning-flips", "unknown-exclusion", "no-verdict", "invariant-broken", "not-monotone"} <= codes
