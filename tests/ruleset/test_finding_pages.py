"""Every code that a person can meet has a page of the reference, and every page a code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ruleset.finding_codes import error_codes, finding_codes

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
HEADINGS = ["Summary", "Avoid", "Prefer", "Rationale", "Exceptions", "Related"]
CODES = {"findings": finding_codes(), "errors": error_codes()}
PAGES = sorted(page for kind in CODES for page in (REFERENCE / kind).glob("*.md"))


@pytest.mark.parametrize("kind", CODES)
def test_every_code_has_a_page_and_every_page_a_code(kind: str) -> None:
    assert {page.stem for page in (REFERENCE / kind).glob("*.md") if page.stem != "README"} == CODES[kind]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_page_has_its_six_parts_and_says_something_in_each(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    assert parts[1::2] == HEADINGS
    assert all(part.strip() for part in parts[2::2])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_page_points_only_to_pages_that_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).is_file(), target
