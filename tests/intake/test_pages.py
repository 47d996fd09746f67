"""Every issue that the intake reports has a page that says what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from cds.ruleset.mapping import MappingTables

PAGES = "docs/reference/errors"
HEADINGS = ("## Summary", "## What is accepted", "## What to do")


def reported(repository: Path) -> Iterator[str]:
    """The codes with which the modules of the intake report."""
    for file in sorted((repository / "cds" / "intake").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                places = {"error": 0, "warn": 0, "inform": 0, "_refuse": 0, "_report": 0, "_Unread": 1, "_unread": 2}
                place = places.get(name)
                if place is not None and len(node.args) > place:
                    code = node.args[place]
                    if isinstance(code, ast.Constant) and isinstance(code.value, str):
                        yield code.value


def test_every_reported_code_has_its_page(repository: Path, mapping: MappingTables) -> None:
    codes = {*reported(repository), *(notice.id for notice in mapping.readers.notices)}
    assert len(codes) > 40
    for code in codes:
        page = repository / PAGES / f"{code}.md"
        assert page.is_file(), f"no page for `{code}`"
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {code}\n")
        assert all(heading in text for heading in HEADINGS), code
