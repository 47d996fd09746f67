"""Every line of the mapping advice has a test of what it lets in and a test of what it keeps out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

LINES = [*(f"a{n:02}" for n in range(1, 28)), *(f"c{n:02}" for n in range(1, 9)), "d"]
NAME = re.compile(r"test_(a\d\d|c\d\d|d)_(positive|negative)_\w+")


def written() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for file in sorted(Path(__file__).parent.glob("test_lines_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                match = NAME.fullmatch(node.name)
                assert match is not None, f"{file.name}: {node.name} does not say which line it tests, and how"
                found.add((match[1], match[2]))
    return found


@pytest.mark.parametrize("line", LINES)
def test_a_line_has_a_positive_and_a_negative_case(line: str) -> None:
    assert {kind for its, kind in written() if its == line} == {"positive", "negative"}
