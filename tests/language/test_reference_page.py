"""The page that describes the language says what the language does."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from cds.language.refused import IS, SYMBOLS, WORDS, Refusal

PAGE = Path("docs") / "reference" / "condition-language.md"
EVERY_REFUSAL = [*WORDS.items(), *IS.items(), *SYMBOLS.items()]


def test_every_example_of_the_page_runs(repository: Path) -> None:
    failed, tried = doctest.testfile(str(repository / PAGE), module_relative=False, encoding="utf-8")
    assert tried > 0 and failed == 0


@pytest.mark.parametrize(
    ("spelling", "refusal"), EVERY_REFUSAL, ids=[spelling for spelling, _ in EVERY_REFUSAL]
)
def test_the_page_lists_every_refused_spelling_with_its_reason(
    spelling: str, refusal: Refusal, repository: Path
) -> None:
    def cell(text: str) -> str:
        return text.replace("|", "\\|")

    written = "`` ` ``" if spelling == "`" else f"`{cell(spelling)}`"
    row = f" | {cell(refusal.why)} | {cell(refusal.instead)} |"
    lines = (repository / PAGE).read_text(encoding="utf-8").splitlines()
    assert any(written in line.removesuffix(row) for line in lines if line.endswith(row))
