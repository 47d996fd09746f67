"""Files that are missing or cannot be read, values of the wrong form, facts that the program itself reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ruleset.workshop import VOCABULARY, changed, findings_of, only_finding, small


@pytest.mark.parametrize(
    "file",
    [
        "ruleset.yaml",
        "vocabulary.yaml",
        "structures.yaml",
        "parameters.yaml",
        "definitions.yaml",
        "preferences.yaml",
        "thermoprotection.yaml",
        "references.json",
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    rules = small(tmp_path)
    (rules / file).unlink()
    finding = only_finding(rules)
    assert (finding.code, str(finding.position)) == ("missing-file", f"small/{file}:1:1")
    assert f"`{file}` is missing" in finding.message


def test_a_folder_without_rules_is_not_a_rule_set(tmp_path: Path) -> None:
    rules = small(tmp_path)
    (rules / "rules" / "all.yaml").unlink()
    assert (only_finding(rules).code, str(only_finding(rules).position)) == ("missing-file", "small/rules:1:1")


def test_a_folder_that_is_not_there_has_findings_and_no_answer(tmp_path: Path) -> None:
    assert {finding.code for finding in findings_of(tmp_path / "nowhere")} == {"missing-file"}


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    rules = small(tmp_path)
    (rules / "definitions.yaml").write_bytes(b"definitions: \xff\xfe")
    assert (only_finding(rules).code, str(only_finding(rules).position)) == ("not-text", "small/definitions.yaml:1:1")


def test_references_that_are_no_json_are_named(tmp_path: Path) -> None:
    finding = only_finding(small(tmp_path, references="[{"))
    assert (finding.code, str(finding.position)) == ("not-json", "small/references.json:1:1")


def test_references_that_are_no_list_are_not_taken_for_none(tmp_path: Path) -> None:
    found = findings_of(
        small(
            tmp_path,
            references='{"id": "book"}',
            parameters="parameters: {}\n",
            thermoprotection="need: []\nmeasures: []\n",
        )
    )
    assert all(finding.position.file == "small/references.json" for finding in found)


def test_a_reference_without_its_tag_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    references = '[{"id": "book", "type": "book", "title": "A", "x-tag": "V9", "x-verified": true}]'
    found = [f for f in findings_of(small(tmp_path, references=references)) if f.code == "unreadable-reference"]
    assert len(found) == 1
    assert "entry 1, `x-tag`" in found[0].message


def test_a_reference_that_stands_twice_is_named(tmp_path: Path) -> None:
    one = '{"id": "book", "type": "book", "title": "A", "x-tag": "V1", "x-verified": true}'
    assert only_finding(small(tmp_path, references=f"[{one}, {one}]")).code == "duplicate-id"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("structures.yaml", "label: skin, kind: skin, sided: false", "label: skin, kind: skin, sided: no"),
        ("structures.yaml", "label: skin, kind: skin, sided: false", "label: skin, kind: skin, sided: off"),
        ("structures.yaml", "label: skin, kind: skin, sided: false", "label: skin, kind: skin, sided: 0"),
        ("ruleset.yaml", "lesion.declinesKnife, established: true", "lesion.declinesKnife, established: yes"),
        ("parameters.yaml", "value: 10,", "value: true,"),
        ("parameters.yaml", "value: 10,", 'value: "10",'),
        ("parameters.yaml", "value: 10,", "value: 1e1,"),
        ("vocabulary.yaml", "decimals: 2,", 'decimals: "2",'),
    ],
)
def test_a_word_is_no_yes_and_a_text_no_number(tmp_path: Path, file: str, old: str, new: str) -> None:
    rules = small(tmp_path)
    changed(rules, file, old, new)
    finding = only_finding(rules)
    assert (finding.code, finding.position.file) == ("file-shape", f"small/{file}")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  site: {kind: finding, type: Code, values: [tongue, neck], label: site}\n", "", "no lesion.site"),
        ("values: [tongue, neck], label: site", "label: site", ""),
        ("  side: {kind: finding, type: Code, values: [left, right, midline], label: side}\n", "", "no lesion.side"),
        ("values: [nerve, skin, brain], label: name", "values: [nerve, skin], label: name", "no value `brain`"),
        ("  kind: {kind: given, type: Code,", "  kind: {kind: finding, type: Code,", "no structure.kind"),
    ],
)
def test_the_facts_that_the_program_reads_are_there_or_found_missing(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert VOCABULARY.count(old) == 1
    findings = findings_of(small(tmp_path, vocabulary=VOCABULARY.replace(old, new)))
    if told:
        assert any(f.code == "missing-fact" and told in f.message for f in findings), "\n".join(map(str, findings))
    assert all(f.position.file == "small/vocabulary.yaml" for f in findings if f.code == "missing-fact")
