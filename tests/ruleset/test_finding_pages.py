"""Every code that a person can meet has a page of the reference, and every page a code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ruleset.finding_codes import PACKAGE, error_codes, finding_codes
from tests.ruleset.shipped import shipped_folder

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
HEADINGS = ["Summary", "Avoid", "Prefer", "Rationale", "Exceptions", "Related"]
CODES = {"findings": finding_codes(), "errors": error_codes()}
PAGES = sorted(REFERENCE / kind / f"{code}.md" for kind, codes in CODES.items() for code in codes)
OTHERS = sorted(page for page in (REFERENCE / "errors").glob("*.md") if page not in PAGES and page.stem != "README")
"""The pages of the codes that issues of a bundle have."""
SOURCE = "\n".join(
    file.read_text(encoding="utf-8") for file in (*PACKAGE.rglob("*.py"), *shipped_folder().glob("mapping/*.yaml"))
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_every_code_has_a_page(page: Path) -> None:
    assert page.is_file()


def test_every_page_of_a_finding_has_a_code() -> None:
    assert {page.stem for page in (REFERENCE / "findings").glob("*.md") if page.stem != "README"} == CODES["findings"]


@pytest.mark.parametrize("page", OTHERS, ids=lambda page: page.stem)
def test_every_other_page_is_of_a_code_that_the_package_writes(page: Path) -> None:
    assert re.search(rf"(?<![a-z-]){page.stem}(?![a-z-])", SOURCE)


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
