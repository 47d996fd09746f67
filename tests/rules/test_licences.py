"""Codes of licensed terminologies come without descriptions that may not be passed on; a page says what to hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds.vocabulary import Level
from tests.ruleset.shipped import shipped_folder, shipped_rules

LICENSED = {"sct", "icdo3", "icd10"}
"""SNOMED CT, ICD-O-3 and the ICD-10 of the WHO: codes yes, descriptions no (docs/licences.md)."""


def groups() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every group of codes of the mapping tables, with the name of its table."""
    for file in sorted((shipped_folder() / "mapping").glob("*.yaml")):
        tables = yaml.safe_load(file.read_text(encoding="utf-8"))
        for section in ("value_sets", "code_maps"):
            for name, listed in (tables.get(section) or {}).items():
                yield from ((f"{file.stem}/{name}", group) for group in listed)


def described(group: Mapping[str, Any]) -> set[str]:
    """The codes of a group that carry a description."""
    tables = (group.get("codes") or {}, group.get("prefixes") or {}, *(group.get("to") or {}).values())
    return {code for table in tables for code, words in table.items() if words}


def test_no_code_of_a_licensed_terminology_carries_its_description() -> None:
    # A concept of OMOP is named by the description of the code that it stands for.
    silent = LICENSED | {"omop"}
    found = {(name, group["system"]) for name, group in groups() if group["system"] in silent and described(group)}
    assert found == set()


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "licences.md").read_text(encoding="utf-8")


def test_the_page_names_every_terminology_that_the_tables_use(page: str) -> None:
    systems = {group["system"] for _, group in groups()}
    ours = {name for name in systems if name.startswith("local-") or "example.org" in name}
    published = {name for name in systems - ours if "terminology.hl7.org" not in name and not name.startswith("kbv")}
    assert published
    for name in published:
        assert f"(`{name}`)" in page, name
    for text in ("HL7 terminology", "KBV", "example.org", "UCUM"):
        assert text in page


def test_what_the_page_calls_shipped_without_descriptions_is_what_the_tables_hold(page: str) -> None:
    rows = [line for line in page.splitlines() if "codes, no descriptions" in line]
    assert {name for name in LICENSED if any(f"(`{name}`)" in row for row in rows)} == LICENSED
    assert len(rows) == len(LICENSED)


def test_the_page_names_every_scheme_that_a_complication_can_be_graded_by(page: str) -> None:
    schemes = next(f for f in shipped_rules().vocabulary.of(Level.LESION) if f.name == "complicationScheme")
    for label in schemes.value_labels.values():
        assert all(word in page for word in label.split()), label


def displays(node: object) -> Iterator[tuple[str, str]]:
    """Every displayed coding of a FHIR document: its system and what it displays."""
    if isinstance(node, Mapping):
        if "display" in node and "system" in node:
            yield str(node["system"]), str(node["display"])
        for value in node.values():
            yield from displays(value)
    elif isinstance(node, list):
        for value in node:
            yield from displays(value)


def test_no_example_patient_displays_the_words_of_a_snomed_code(repository: Path) -> None:
    for file in sorted((repository / "fhir_examples").rglob("*.json")):
        shown = displays(json.loads(file.read_text(encoding="utf-8")))
        assert not [text for system, text in shown if system == "http://snomed.info/sct"], file
