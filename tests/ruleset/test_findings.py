"""Everything that can be wrong with a rule set: provoked by one change, found where it stands, said with a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.errors import RuleSetError
from cds.ruleset import load_rules
from tests.ruleset.finding_codes import finding_codes
from tests.ruleset.mutations import MUTATIONS, TABLE_CHANGES, Mutation
from tests.ruleset.workshop import a_rule, changed, copied, findings_of, only_finding, rules_of, small


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_change_is_found_where_it_stands(tmp_path: Path, mutation: Mutation) -> None:
    rules = copied(tmp_path)
    changed(rules, mutation.file, mutation.old, mutation.new)
    findings = findings_of(rules)
    assert not [f.message for f in findings if f.message.endswith(".") or f.message.startswith(("The ", "A ", "This "))]
    finding = next(iter(f for f in findings if f.code == mutation.code and mutation.told in f.message), None)
    assert finding is not None, "\n".join(map(str, findings))
    assert finding.severity == "error"
    assert finding.position.file.startswith("copied/")
    assert f"{finding.position}: {finding.message} [{finding.code}]" in str(finding)
    if mutation.at:
        text = (rules / mutation.file).read_text(encoding="utf-8")
        assert finding.position.file == f"copied/{mutation.file}"
        assert (finding.position.line, finding.position.column) == place_of(text, mutation)


def place_of(text: str, mutation: Mutation) -> tuple[int, int]:
    """Line and column of `at`: within what was changed, else nearest before it, else nearest after."""
    begin = text.index(mutation.new) if mutation.new else 0
    index = text.find(mutation.at, begin, begin + len(mutation.new) + len(mutation.at))
    if index < 0:
        index = text.rfind(mutation.at, 0, begin + len(mutation.at))
    if index < 0:
        index = text.index(mutation.at, begin)
    index += mutation.after
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def test_every_finding_has_a_test_that_provokes_it() -> None:
    others = (file for file in Path(__file__).parent.glob("test_*.py") if file.name != Path(__file__).name)
    text = "".join(file.read_text(encoding="utf-8") for file in others)
    provoked = {mutation.code for mutation in MUTATIONS} | {code for code, *_ in TABLE_CHANGES}
    provoked |= {code for code in finding_codes() if f'"{code}"' in text}
    assert provoked == finding_codes()


def test_all_problems_are_reported_together_in_the_order_of_the_files(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    chosen = [
        "duplicate-id",
        "unknown-reference",
        "condition-error",
        "unknown-unit",
        "planner-cycle",
        "unknown-site",
        "document-in-verdict",
        "gate-shape",
        "absent-value",
    ]
    expected = set()
    for code in chosen:
        mutation = next(m for m in MUTATIONS if m.code == code)
        changed(rules, mutation.file, mutation.old, mutation.new)
        expected.add((code, f"copied/{mutation.file}"))
    found = findings_of(rules)
    assert {(f.code, f.position.file) for f in found} >= expected
    places = [(f.position.file, f.position.line, f.position.column) for f in found]
    assert places == sorted(places)


def test_two_problems_of_form_in_two_files_are_reported_together(tmp_path: Path) -> None:
    rules = small(tmp_path, definitions="definitions: [\n", preferences="nothing: 1\n", references="{")
    assert {(f.code, f.position.file) for f in findings_of(rules)} == {
        ("not-yaml", "small/definitions.yaml"),
        ("file-shape", "small/preferences.yaml"),
        ("not-json", "small/references.json"),
    }


def test_an_error_of_a_condition_shows_the_text_with_carets_under_it(tmp_path: Path) -> None:
    rules = small(tmp_path, rules_of(a_rule("R-1", "against", "lesion.flag and lesion.sise > parameters.limit")))
    finding = only_finding(rules)
    text, carets = finding.excerpt.split("\n")
    assert text[carets.index("^") : carets.rindex("^") + 1] == "lesion.sise"
    line = (rules / "rules" / "all.yaml").read_text(encoding="utf-8").split("\n")[finding.position.line - 1]
    assert line[finding.position.column - 1 :].startswith("lesion.sise")


def test_both_problems_of_one_condition_are_reported(tmp_path: Path) -> None:
    found = findings_of(
        small(tmp_path, rules_of(a_rule("R-1", "against", "lesion.sise > parameters.limit and patient.flagC")))
    )
    assert [finding.code for finding in found] == ["condition-error", "condition-error"]


def test_a_problem_of_a_definition_is_reported_once_where_the_definition_stands(tmp_path: Path) -> None:
    rules = small(
        tmp_path,
        rules_of(a_rule("R-1", "against", "lesion.big"), a_rule("R-2", "informs", "not lesion.big")),
        definitions="definitions:\n  lesion.big: lesion.sise > parameters.limit\n",
    )
    assert str(only_finding(rules).position) == "small/definitions.yaml:2:15"


def test_the_error_names_everything_in_its_text(tmp_path: Path) -> None:
    rules = small(tmp_path, definitions="definitions: [\n", references="{")
    with pytest.raises(RuleSetError) as caught:
        load_rules(rules)
    assert caught.value.code == "rule-set-error"
    assert str(caught.value) == "\n".join(str(finding) for finding in caught.value.findings)
