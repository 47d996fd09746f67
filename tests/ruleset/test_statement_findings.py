"""What a statement may rest on: documents, structures, thresholds of its own origin, names that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.errors import RuleSetError
from cds.ruleset import load_rules
from tests.ruleset.workshop import a_rule, findings_of, only_finding, rules_of, small, small_rules


def test_an_exception_names_a_rule_that_is_there(tmp_path: Path) -> None:
    text = (
        rules_of() + "exceptions:\n  - {id: X-1, exception_to: K-9, when: patient.flagB, says: s, basis: judgement}\n"
    )
    finding = only_finding(small(tmp_path, text))
    assert (finding.code, finding.position.line) == ("unknown-rule", 7)
    assert "`K-9` is not a rule" in finding.message


def test_a_document_may_not_reach_a_verdict_through_an_exception_and_the_exception_is_named(tmp_path: Path) -> None:
    text = (
        rules_of() + "exceptions:\n  - {id: X-1, exception_to: K-0, when: patient.booked, says: s, basis: judgement}\n"
    )
    finding = only_finding(small(tmp_path, text))
    assert (finding.code, finding.position.line) == ("document-in-verdict", 7)


@pytest.mark.parametrize("effect", ["informs", "obliges"])
def test_documents_may_inform_and_oblige(tmp_path: Path, effect: str) -> None:
    more = {"done": "patient.booked"} if effect == "obliges" else {}
    small_rules(tmp_path, rules_of(a_rule("R-1", effect, "patient.booked", option="any", for_each="patient", **more)))


@pytest.mark.parametrize("effect", ["requires", "excludes", "against", "for"])
def test_documents_may_not_argue(tmp_path: Path, effect: str) -> None:
    finding = only_finding(small(tmp_path, rules_of(a_rule("R-1", effect, "patient.booked", for_each="patient"))))
    assert (finding.code, finding.position.line) == ("document-in-verdict", 6)


@pytest.mark.parametrize(
    ("condition", "level"),
    [("patient.any", "patient"), ("lesion.any", "structure"), ("lesion.nested", "lesion")],
)
def test_any_structure_is_asked_of_a_lesion_as_a_whole_only(tmp_path: Path, condition: str, level: str) -> None:
    body = "{any: structure, where: structure.touched}"
    definitions = (
        f"definitions:\n  patient.any: {body}\n  lesion.any: {body}\n"
        "  lesion.nested: {any: structure, where: structure.touched and lesion.any}\n"
    )
    text = rules_of(a_rule("R-1", "informs", condition, for_each=level))
    found = findings_of(small(tmp_path, text, definitions=definitions))
    assert {finding.code for finding in found} == {"misplaced-any"}


@pytest.mark.parametrize("level", ["lesion", "other-lesion"])
def test_any_structure_may_be_asked_of_a_lesion_and_of_the_other(tmp_path: Path, level: str) -> None:
    definitions = "definitions:\n  lesion.any: {any: structure, where: structure.touched}\n"
    word = "other" if level == "other-lesion" else "lesion"
    small_rules(tmp_path, rules_of(a_rule("R-1", "informs", f"{word}.any", for_each=level)), definitions=definitions)


def test_an_unset_parameter_judges_nothing(tmp_path: Path) -> None:
    finding = only_finding(small(tmp_path, rules_of(a_rule("R-1", "informs", "lesion.size > parameters.blank"))))
    assert finding.code == "condition-error"
    assert "parameters.blank" in finding.message


# --- a distance and its parameter start at the same place ----------------------------------------------------------

MIXED = [
    ("structure.iceDistance < parameters.limit", {}),
    ("parameters.limit > structure.iceDistance", {}),
    ("structure.iceDistance between 0 'mm' and parameters.limit", {}),
    ("structure.iceDistance < parameters.limit + parameters.mm2", {}),
    ("structure.near", {"definitions": "definitions:\n  structure.near: structure.iceDistance < parameters.limit\n"}),
]


@pytest.mark.parametrize(("condition", "files"), MIXED)
def test_a_distance_from_the_ice_is_not_judged_by_a_limit_from_the_tumour(
    tmp_path: Path, condition: str, files: dict[str, str]
) -> None:
    rules = small(tmp_path, rules_of(a_rule("R-1", "against", condition, for_each="structure")), **files)
    assert "mixed-origins" in {finding.code for finding in findings_of(rules)}


@pytest.mark.parametrize("key", ["need", "measures", "monitoring"])
def test_the_planner_does_not_mix_origins_either(tmp_path: Path, key: str) -> None:
    planner = {"need": "need: []\n", "measures": "measures: []\n", "monitoring": "monitoring: []\n"}
    extra = "status: contraindicated, measure: water, " if key == "measures" else ""
    planner[key] = (
        f"{key}:\n  - {{id: Z-1, {extra}when: structure.iceDistance < parameters.limit, says: s, basis: unverified}}\n"
    )
    rules = small(tmp_path, thermoprotection="".join(planner.values()))
    assert {finding.code for finding in findings_of(rules)} == {"mixed-origins"}


def test_like_is_compared_with_like_or_the_fidelity_says_otherwise(tmp_path: Path) -> None:
    like = a_rule("R-1", "against", "structure.distance < parameters.limit", for_each="structure")
    said = a_rule(
        "R-2",
        "against",
        "structure.iceDistance < parameters.limit",
        for_each="structure",
        fidelity="{kind: interpretation, note: x}",
    )
    small_rules(tmp_path, rules_of(like, said))


# --- what must not wait for a patient ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template",
    [
        "{patient.nobody}",
        "{lesion.nobody}",
        "{parameters.nobody}",
        "{structure.touched}",
        "{other.label}",
        "{structure.label}",
        "{nobody.label}",
    ],
)
@pytest.mark.parametrize("key", ["says", "otherwise", "remedy"])
def test_a_sentence_with_a_place_that_names_nothing_is_found_at_load(tmp_path: Path, key: str, template: str) -> None:
    """Else the answer fails with the first patient whose truth makes the sentence speak."""
    sentences = {"remedy": "mend it"} | {key: f'"see {template}"'}
    rules = small(tmp_path, rules_of(a_rule("R-1", "requires", "lesion.flag", **sentences)))
    assert [(finding.code, template in finding.message) for finding in findings_of(rules)] == [("unknown-place", True)]


def test_a_follow_up_rule_may_not_read_what_the_planner_computes_before(tmp_path: Path) -> None:
    """There is no plan to compute in follow-up: the rule would end every answer with an error."""
    rule = a_rule("R-1", "informs", "structure.unprotectable", for_each="structure", phase="follow-up")
    with pytest.raises(RuleSetError):
        load_rules(small(tmp_path, rules_of(rule)))


def test_an_id_may_not_be_that_of_another_rules_done(tmp_path: Path) -> None:
    text = rules_of(
        a_rule("R-1", "obliges", "patient.flagA", option="any", for_each="patient", done="patient.booked"),
        a_rule("R-1.done", "excludes", "patient.flagB", option="any", for_each="patient"),
    )
    with pytest.raises(RuleSetError, match=r"R-1\.done"):
        load_rules(small(tmp_path, text))


@pytest.mark.parametrize(
    ("definitions", "told"),
    [
        ("lesion.unused: lesion.nobody", "lesion.nobody"),
        ('lesion.unused: "lesion.flag = = 3"', "="),
        ("lesion.one: lesion.two\n  lesion.two: lesion.one", "lesion.one"),
        ("lesion.flag: lesion.flag", "lesion.flag"),
        ("nonsense: patient.flagA", "nonsense"),
        ("leison.big: patient.flagA", "leison.big"),
    ],
)
def test_a_definition_that_no_rule_uses_is_checked_too(tmp_path: Path, definitions: str, told: str) -> None:
    with pytest.raises(RuleSetError, match=told):
        load_rules(small(tmp_path, definitions=f"definitions:\n  {definitions}\n"))
