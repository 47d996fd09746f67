"""The page about CQL says what the language and the export do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cds.cql_export import cql_library
from cds.cql_export.case import LIST_PARAMETERS
from cds.cql_export.library import HOME
from cds.language import ConditionError, parse
from cds.ruleset import load_rules

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cql.md"
ROW = re.compile(r"^\| (?P<name>[^|]+) \| `(?P<example>[^|]+)` \| (?P<standing>[^|]+) \| (?P<used>[^|]+) \|$")


def rows() -> list[re.Match[str]]:
    text = PAGE.read_text(encoding="utf-8").partition("## What is accepted")[2].partition("\n## ")[0]
    return [row for row in map(ROW.match, text.splitlines()) if row is not None]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in rows()])
def test_what_the_table_accepts_is_read_and_what_it_refuses_is_refused(row: re.Match[str]) -> None:
    if row["standing"].startswith(("accepted", "on constants")):
        parse(row["example"])
    else:
        with pytest.raises(ConditionError):
            parse(row["example"])


def test_the_table_has_every_row() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## What is accepted")[2].partition("\n## ")[0]
    assert len(rows()) == sum(line.startswith("| ") for line in text.splitlines()) - 1
    assert len(rows()) > 30


def test_the_page_names_every_parameter_of_the_library() -> None:
    parameters = re.findall(r"^parameter (\w+) ", cql_library(load_rules()).text, re.MULTILINE)
    assert set(parameters) == {*HOME, *LIST_PARAMETERS.values()}
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in parameters)
