"""The tables of the rule set: complete, sourced, and within the vocabulary."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.language.types import CodeType
from cds.ruleset.mapping import MappingTables, load_mapping
from cds.vocabulary import Level, Vocabulary


def test_sites_histologies_and_sides_are_values_of_their_facts(mapping: MappingTables, vocabulary: Vocabulary) -> None:
    config = mapping.lesions
    allowed = {"site": {config.unspecified}, "side": {"bilateral"}, "histology": set()}
    for name, extra in allowed.items():
        kind = vocabulary.fact(Level.LESION, name).type
        assert isinstance(kind, CodeType)
        for table in (getattr(config, name), getattr(config, f"condition_{name}")):
            assert set(mapping.code_map(table).values()) <= set(kind.values) | extra
    surgery = {word for sites in mapping.code_map("surgery-site").values() for word in sites.split()}
    kind = vocabulary.fact(Level.LESION, "site").type
    assert isinstance(kind, CodeType)
    assert surgery <= set(kind.values) | {config.unspecified}


def test_structures_are_those_of_the_vocabulary(mapping: MappingTables, vocabulary: Vocabulary) -> None:
    assert set(mapping.code_map(mapping.lesions.structure).values()) <= set(vocabulary.structures)


def test_no_code_is_both_near_and_far(mapping: MappingTables) -> None:
    assert not set(mapping.code_map(mapping.lesions.site)) & mapping.value_set(mapping.lesions.far_sites).codes


def test_what_is_clear_is_not_also_unclear(mapping: MappingTables) -> None:
    for clear in ("bleeding-disorder", "cold-disease"):
        unclear = mapping.value_set("bleeding-unclear" if clear == "bleeding-disorder" else "cold-disease-unclear")
        assert not mapping.value_set(clear).codes & unclear.codes


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("systems: {sct: {uri: x, colour: red}}", "file-shape"),
        ("systems: [", "not-yaml"),
        ("value_sets: {a: [{system: sct, source: s, codes: {1: one}}]}", "unknown-system"),
        ("systems: {s: {uri: x}}\nvalue_sets: {a: [{system: s, source: '', codes: {1: one}}]}", "missing-source"),
        (
            "systems: {s: {uri: x}}\ncode_maps: {a: [{system: s, source: x, to: {l: {1: one}, r: {1: one}}}]}",
            "ambiguous-code",
        ),
        ("units: {K/uL: furlong}", "unknown-unit"),
        ("readers: {age: [{id: a, fact: patient.aje}]}", "unknown-name"),
        ("readers: {age: [{id: a, fact: patient.ecog}, {id: a, fact: patient.ecog}]}", "duplicate-name"),
        ("readers: {conditions: [{id: a, fact: patient.ecog, codes: none}]}", "unknown-name"),
    ],
)
def test_a_mistake_in_a_table_is_found_with_its_place(
    text: str, code: str, tmp_path: Path, vocabulary: Vocabulary
) -> None:
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    _, findings = load_mapping(tmp_path, vocabulary)
    assert code in {finding.code for finding in findings}
    assert all(finding.position.line >= 1 and finding.message for finding in findings)


def test_a_name_in_two_files_is_reported(tmp_path: Path, vocabulary: Vocabulary) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("units: {K/uL: 10*3/uL}", encoding="utf-8")
    _, findings = load_mapping(tmp_path, vocabulary)
    assert [finding.code for finding in findings] == ["duplicate-name"]
