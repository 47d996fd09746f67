"""Every kind of statement has a page of the reference, and every page a kind."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cds.analysis

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference" / "statements"
HEADINGS = ["Summary", "Avoid", "Prefer", "Rationale", "Exceptions", "Related"]


def stated() -> Iterator[str]:
    for file in sorted(Path(str(cds.analysis.__file__)).parent.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Statement":
                code = node.args[0]
                assert isinstance(code, ast.Constant)
                yield str(code.value)


CODES = sorted(set(stated()))


def test_every_page_is_of_a_kind_of_statement() -> None:
    assert sorted(page.stem for page in PAGES.glob("*.md")) == CODES
    assert len(CODES) >= 16


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_its_six_parts_and_points_only_to_pages_that_are_there(code: str) -> None:
    text = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {code}\n")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    assert parts[1::2] == HEADINGS
    assert all(part.strip() for part in parts[2::2])
    assert all((PAGES / target).is_file() for target in re.findall(r"\]\(([^)#]+)\)", text))
