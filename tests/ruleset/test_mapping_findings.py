"""Mapping tables: each mistake is found where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.ruleset import load_rules
from tests.ruleset.mutations import MAPPING, TABLE_CHANGES
from tests.ruleset.workshop import findings_of, only_finding, position_of, small


@pytest.mark.parametrize(("code", "old", "new", "at", "told"), TABLE_CHANGES)
def test_a_mistake_of_a_mapping_table_is_found(
    tmp_path: Path, code: str, old: str, new: str, at: str, told: str
) -> None:
    rules = small(tmp_path)
    (rules / "mapping").mkdir()
    (rules / "mapping" / "all.yaml").write_text(MAPPING, encoding="utf-8")
    assert load_rules(rules).mapping.value_sets
    assert MAPPING.count(old) == 1 or code == "unknown-name"
    (rules / "mapping" / "all.yaml").write_text(MAPPING.replace(old, new, 1), encoding="utf-8")
    found = [finding for finding in findings_of(rules) if finding.code == code]
    assert any(told in finding.message for finding in found), [str(finding) for finding in findings_of(rules)]
    assert found[0].position.file == "small/mapping/all.yaml"
    if at:
        assert found[0].position.line == position_of(rules, "mapping/all.yaml", at)[0]


def test_a_mapping_table_that_is_not_text_is_named(tmp_path: Path) -> None:
    rules = small(tmp_path)
    (rules / "mapping").mkdir()
    (rules / "mapping" / "all.yaml").write_bytes(b"\xff")
    assert only_finding(rules).code == "not-text"


def test_a_section_of_tables_stands_in_one_file(tmp_path: Path) -> None:
    rules = small(tmp_path)
    (rules / "mapping").mkdir()
    for name in ("a", "b"):
        (rules / "mapping" / f"{name}.yaml").write_text(
            'systems: {codes: {uri: "http://example.org/x"}}\n', encoding="utf-8"
        )
    assert only_finding(rules).code == "duplicate-name"
    assert only_finding(rules).position.file.endswith("b.yaml")
