"""What a load makes of a rule set: programs by phase, the digest, an institution's overlay, exceptions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cds.case import NEVER_RECORDED, Fact, Known, ReportedLesion, assemble
from cds.case.reading import case_from_mapping
from cds.language import print_expression
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.contexts import contexts_of
from cds.recommendation import recommend
from cds.ruleset import RuleSet, load_rules
from cds.ruleset.compilation import excepted
from cds.truth import Truth
from tests.ruleset.shipped import shipped_folder, shipped_rules
from tests.ruleset.workshop import a_rule, changed, copied, only_finding, rules_of, small, small_rules

REFERENCE = ReferenceEngine()


def test_the_shipped_rules_load_without_a_warning() -> None:
    rules = shipped_rules()
    assert rules.head.id == "recurrent-head-and-neck"
    assert rules.warnings == ()
    assert set(rules.programs) == {"decision", "planning", "follow-up"}


def test_planning_adds_to_the_decision_and_follow_up_stands_alone_with_the_scope() -> None:
    rules = shipped_rules()
    ids = {phase: {criterion.id for criterion in program.criteria} for phase, program in rules.programs.items()}
    of_phase = {phase: {rule.id for rule in rules.rules if rule.phase == phase} for phase in ids}
    scope = {rule.id for rule in rules.rules if rule.option == "scope"}
    assert ids["decision"] < ids["planning"]
    assert of_phase["decision"] <= ids["decision"]
    assert ids["planning"] >= of_phase["decision"] | of_phase["planning"]
    assert {name.removesuffix(".done") for name in ids["follow-up"]} == of_phase["follow-up"] | scope


# --- the digest ----------------------------------------------------------------------------------------------------

FILES = sorted(
    file.relative_to(shipped_folder()).as_posix()
    for file in shipped_folder().rglob("*")
    if file.suffix in (".yaml", ".json") and "cases" not in file.relative_to(shipped_folder()).parts
)


def test_the_digest_is_the_same_wherever_the_folder_stands(tmp_path: Path) -> None:
    shutil.copytree(shipped_folder(), tmp_path / "elsewhere" / "renamed")
    assert load_rules(tmp_path / "elsewhere" / "renamed").digest == shipped_rules().digest


@pytest.mark.parametrize("file", FILES)
def test_the_digest_changes_with_every_file(tmp_path: Path, file: str) -> None:
    rules = tmp_path / "rules"
    shutil.copytree(shipped_folder(), rules)
    with (rules / file).open("a", encoding="utf-8") as end:
        end.write("\n")
    assert load_rules(rules).digest != shipped_rules().digest


def test_the_digest_changes_with_content_also_below_a_folder_that_is_called_cases(tmp_path: Path) -> None:
    before = small_rules(tmp_path / "cases").digest
    changed(tmp_path / "cases" / "small", "ruleset.yaml", "0.0.1", "0.0.2")
    assert load_rules(tmp_path / "cases" / "small").digest != before


def test_worked_cases_are_no_part_of_the_digest(tmp_path: Path) -> None:
    before = small_rules(tmp_path).digest
    (tmp_path / "small" / "cases").mkdir()
    (tmp_path / "small" / "cases" / "x.yaml").write_text("name: x\n", encoding="utf-8")
    assert load_rules(tmp_path / "small").digest == before


def test_the_digest_changes_with_the_overlay(tmp_path: Path) -> None:
    rules = small(tmp_path)
    digests = {load_rules(rules).digest}
    for value in (2.0, 2.5):
        overlay = tmp_path / "ours.yaml"
        overlay.write_text(f"label: ours\nparameters: {{ratioLimit: {{value: {value}}}}}\n", encoding="utf-8")
        digests.add(load_rules(rules, overlay).digest)
    assert len(digests) == 3


def test_a_rule_file_with_another_ending_is_not_left_out_in_silence(tmp_path: Path) -> None:
    rules = small(tmp_path)
    (rules / "rules" / "more.yml").write_text(rules_of(), encoding="utf-8")
    finding = only_finding(rules)
    assert (finding.code, str(finding.position)) == ("unread-file", "small/rules/more.yml:1:1")


# --- an institution's overlay --------------------------------------------------------------------------------------


def overlaid(tmp_path: Path, text: str) -> RuleSet:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text(text, encoding="utf-8")
    rules = small(
        tmp_path,
        rules_of(a_rule("R-1", "against", "patient.ratio > parameters.ratioLimit", option="frost", for_each="patient")),
    )
    return load_rules(rules, overlay)


OVERLAY = "label: our clinic\nparameters:\n  ratioLimit: {value: 2.5, note: our choice}\n"


def test_an_overlay_replaces_a_value_in_every_condition(tmp_path: Path) -> None:
    rules = overlaid(tmp_path, OVERLAY)
    for program in (rules.programs["decision"], rules.programs["planning"]):
        condition = next(c.condition for c in program.criteria if c.id == "R-1")
        assert print_expression(condition) == "patient.ratio > 2.50"
    assert rules.overrides == ("ratioLimit",)
    assert rules.conditions["R-1"].parameters == ("ratioLimit",)


def test_an_answer_that_used_an_overridden_value_says_so_and_whose_it_is(tmp_path: Path) -> None:
    rules = overlaid(tmp_path, OVERLAY)
    case = case_from_mapping(
        rules.vocabulary, {"as_of": "2026-11-22", "patient": {"ratio": 2.2}, "lesions": [{"id": "T1"}]}
    )
    answer = recommend(case, rules, engine=REFERENCE)
    assert answer.rule_set.overrides == ("ratioLimit",)
    reason = next(r for option in answer.lesions[0].options for r in option.reasons if r.rule == "R-1")
    (parameter,) = reason.parameters
    assert (parameter.name, parameter.value, parameter.overridden) == ("ratioLimit", "2.5", True)
    assert (parameter.status, parameter.cite) == ("institution-default", None)
    assert "our clinic" in parameter.note
    assert "our choice" in parameter.note
    assert reason.truth == "false"


def test_without_an_overlay_nothing_is_overridden(tmp_path: Path) -> None:
    rules = small_rules(tmp_path)
    assert rules.overrides == ()
    assert not any(parameter.overridden for parameter in rules.parameters.values())


def test_an_overlay_can_set_what_was_unset(tmp_path: Path) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text("label: ours\nparameters: {blank: {value: 4, unit: mm}}\n", encoding="utf-8")
    rules = small(tmp_path, rules_of(a_rule("R-1", "against", "lesion.size > parameters.blank")))
    assert only_finding(rules).code == "condition-error"
    condition = next(c.condition for c in load_rules(rules, overlay).programs["decision"].criteria if c.id == "R-1")
    assert print_expression(condition) == "lesion.size > 4.0 'mm'"


def test_what_is_wrong_with_an_overlays_source_is_reported_in_the_overlay(tmp_path: Path) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text("label: ours\nparameters:\n  ratioLimit: {value: 2, cite: nobody}\n", encoding="utf-8")
    finding = only_finding(small(tmp_path), overlay)
    assert (finding.code, finding.position.line) == ("unknown-reference", 3)
    assert finding.position.file.endswith("ours.yaml")


# --- exceptions ----------------------------------------------------------------------------------------------------

TRUTHS = {"true": True, "false": False, "unknown": None}


def with_exception(effect: str, **more: str) -> str:
    rule = a_rule("R-1", effect, "patient.flagA", option="frost", for_each="patient", **more)
    exception = "  - {id: X-1, exception_to: R-1, when: patient.flagB, says: spared, basis: judgement}\n"
    return rules_of(rule) + "exceptions:\n" + exception


def truth_of(rules: RuleSet, criterion: str, **flags: bool | None) -> Truth:
    patient = {name: NEVER_RECORDED if value is None else Fact(Known(value)) for name, value in flags.items()}
    day = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22"}).as_of
    case = assemble(rules.vocabulary, as_of=day, patient=patient, lesions=[ReportedLesion("T1", "T1")])
    return REFERENCE.decide(rules.programs["decision"], contexts_of(case))[criterion, "patient"]


def truth(value: bool | None) -> Truth:
    return Truth.UNKNOWN if value is None else Truth.of(value)


@pytest.mark.parametrize("when", TRUTHS)
@pytest.mark.parametrize("exception", TRUTHS)
@pytest.mark.parametrize(
    ("effect", "more"),
    [
        ("requires", {}),
        ("requires", {"remedy": "mend it"}),
        ("excludes", {}),
        ("against", {}),
        ("for", {}),
        ("informs", {}),
        ("obliges", {"done": "patient.booked"}),
    ],
)
def test_an_exception_waives_its_rule_and_has_no_effect_of_its_own(
    tmp_path: Path, effect: str, more: dict[str, str], when: str, exception: str
) -> None:
    rules = small_rules(tmp_path, with_exception(effect, **more))
    a, b = truth(TRUTHS[when]), truth(TRUTHS[exception])
    expected = a | b if effect == "requires" else a & ~b
    assert truth_of(rules, "R-1", flagA=TRUTHS[when], flagB=TRUTHS[exception]) is expected
    assert truth_of(rules, "X-1", flagA=TRUTHS[when], flagB=TRUTHS[exception]) is b


def test_two_exceptions_each_waive(tmp_path: Path) -> None:
    text = with_exception("excludes") + (
        "  - {id: X-2, exception_to: R-1, when: patient.ratio > parameters.r1, says: spared, basis: judgement}\n"
    )
    rules = small_rules(tmp_path, text)
    condition = next(c.condition for c in rules.programs["decision"].criteria if c.id == "R-1")
    assert print_expression(condition) == "patient.flagA and not patient.flagB and not (patient.ratio > 1.00)"


def test_a_requirement_waived_is_met_and_an_exclusion_waived_is_not(tmp_path: Path) -> None:
    requirement = next(r for r in small_rules(tmp_path / "a", with_exception("requires")).rules if r.id == "R-1")
    exclusion = next(r for r in small_rules(tmp_path / "b", with_exception("excludes")).rules if r.id == "R-1")
    trees = {
        c.id: c.condition for c in small_rules(tmp_path / "a", with_exception("requires")).programs["decision"].criteria
    }
    assert print_expression(excepted(requirement, trees["F-0"], trees["X-1"])) == "patient.flagA or patient.flagB"
    assert print_expression(excepted(exclusion, trees["F-0"], trees["X-1"])) == "patient.flagA and not patient.flagB"


# --- definitions and counting --------------------------------------------------------------------------------------


def test_at_least_is_the_or_of_the_ands_of_every_choice(tmp_path: Path) -> None:
    text = rules_of() + (
        "  - id: R-1\n    option: frost\n    for_each: patient\n    effect: informs\n"
        "    says: s\n    basis: unverified\n"
        "    when: {at_least: 2, of: [patient.flagA, patient.flagB, patient.ratio > parameters.r1]}\n"
    )
    rules = small_rules(tmp_path, text)
    for a in TRUTHS.values():
        for b in TRUTHS.values():
            pair = truth(a) & truth(b)  # the ratio is unknown
            with_ratio = (truth(a) & Truth.UNKNOWN) | (truth(b) & Truth.UNKNOWN)
            assert truth_of(rules, "R-1", flagA=a, flagB=b) is pair | with_ratio


def test_a_definition_of_a_phase_holds_in_its_phase(tmp_path: Path) -> None:
    definitions = (
        "definitions:\n"
        "  lesion.big: {decision: lesion.size > parameters.limit, planning: lesion.size > parameters.mm20}\n"
    )
    rules = small_rules(tmp_path, rules_of(a_rule("R-1", "against", "lesion.big")), definitions=definitions)
    texts = {
        phase: [print_expression(c.condition) for c in rules.programs[phase].criteria if c.id == "R-1"]
        for phase in ("decision", "planning", "follow-up")
    }
    assert texts == {
        "decision": ["lesion.size > 10.0 'mm'"],
        "planning": ["lesion.size > 20.0 'mm'"],
        "follow-up": [],
    }


def test_the_shipped_folder_loads_from_a_copy_without_its_mapping(tmp_path: Path) -> None:
    assert load_rules(copied(tmp_path)).head == shipped_rules().head
