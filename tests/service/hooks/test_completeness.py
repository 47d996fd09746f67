"""Every numbered item of the checklist, and every requirement of the independent kit, has its test or its reason."""

from __future__ import annotations

import ast
import csv
import re
from pathlib import Path

import pytest
import yaml

ITEMS = 66
SIZES = {"cds-hooks_2.0": 220, "cds-hooks-library_1.0.1": 93}
Mapped = dict[str, dict[int, list[str] | str]]


@pytest.fixture(scope="module")
def names(repository: Path) -> frozenset[str]:
    """The names of the tests of CDS Hooks, and of those of its clients' tokens (`test_54_…` is item 54)."""
    return frozenset(
        re.sub(r"^test_(?=\d\d_)", "test_item_", node.name)
        for folder in ("hooks", "security")
        for file in sorted((repository / "tests" / "service" / folder).glob("test_*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
    )


@pytest.fixture(scope="module")
def mapped() -> Mapped:
    return dict(yaml.safe_load(Path(__file__).with_name("inferno.yaml").read_text(encoding="utf-8")))


def has(names: frozenset[str], start: str) -> bool:
    return any(name == start or name.startswith(f"{start}_") for name in names)


def test_every_item_of_the_checklist_has_a_test_that_carries_its_number(names: frozenset[str]) -> None:
    numbers = [f"test_item_{number:02}" for number in range(1, ITEMS + 1)]
    assert [each for each in (*numbers, "test_item_l") if not has(names, each)] == []


def test_no_test_carries_a_number_that_there_is_not(names: frozenset[str]) -> None:
    carried = {name.split("_")[2] for name in names if name.startswith("test_item_")}
    assert {each for each in carried if each.isdecimal() and not 1 <= int(each) <= ITEMS} == set()


def test_every_requirement_of_the_kit_is_mapped(mapped: Mapped) -> None:
    assert {name: sorted(ids) for name, ids in mapped.items()} == {
        name: list(range(1, size + 1)) for name, size in SIZES.items()
    }


def test_the_numbers_are_those_of_the_kit(mapped: Mapped, corpus_dir: Path) -> None:
    file = corpus_dir.parent / "standards" / "inferno-cds-hooks-requirements.csv"
    if not file.is_file():
        pytest.skip("no list of the kit's requirements beside the corpus")
    with file.open(encoding="utf-8", newline="") as lines:
        listed = {(row["set"], int(row["id"])) for row in csv.DictReader(lines)}
    assert listed == {(name, number) for name, ids in mapped.items() for number in ids}


def test_every_test_that_a_requirement_names_is_there(mapped: Mapped, names: frozenset[str]) -> None:
    missing = {
        (kit, number, test)
        for kit, ids in mapped.items()
        for number, tests in ids.items()
        for test in (tests if isinstance(tests, list) else ())
        if not has(names, test)
    }
    assert missing == set()


def test_what_is_not_ours_says_why(mapped: Mapped) -> None:
    reasons = [told for ids in mapped.values() for told in ids.values() if isinstance(told, str)]
    assert reasons
    assert all(told.startswith("not ours: ") and len(told) > 30 for told in reasons)
    assert all(tests for ids in mapped.values() for tests in ids.values())
