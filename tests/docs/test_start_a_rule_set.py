"""The rule set that the how-to starts from nothing is whole: it loads, its worked case holds, and it is proved."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from cds.analysis.declarations import Declarations
from cds.analysis.statements import Standing
from cds.analysis.verify import Verification
from cds.cli import main
from cds.ruleset import load_rules
from cds.testing import cases_where, random_cases_where, truths
from cds.truth import Truth

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "start-a-rule-set.md"
FILE = re.compile(r"^```yaml\n# (?P<name>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def bears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("started") / "teddy-bears"
    for file in FILE.finditer(PAGE.read_text(encoding="utf-8")):
        path = folder / file["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["text"], encoding="utf-8")
    (folder / "references.json").write_text("[]\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", ["check", "test"])
def test_the_page_leaves_out_no_file_and_its_case_holds(bears: Path, command: str) -> None:
    day = ["--as-of", "2026-11-22"] if command == "check" else []
    assert main([command, str(bears), *day]) == 0


def test_the_files_are_in_canonical_form(bears: Path) -> None:
    assert main(["format", "--check", str(bears)]) == 0


def test_every_statement_about_it_is_proved(bears: Path) -> None:
    found = Verification(load_rules(bears), Declarations.none(), dt.date(2026, 11, 22)).outcomes()
    assert {outcome.standing for outcome in found} == {Standing.PROVED}


@pytest.mark.parametrize("truth", Truth)
def test_its_rules_have_directed_cases(bears: Path, truth: Truth) -> None:
    rules = load_rules(bears)
    for rule in ("S-1", "S-2", "P-1"):
        cases_where(rules, rule, truth)
        (case,) = random_cases_where(rules, rule, truth, n=1)
        assert truth in truths(case, rules, rule).values()


def test_where_no_mapping_reads_records_no_case_is_put_to_a_deployment(
    bears: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conformance", "--rules", str(bears), "--write", str(tmp_path / "cases")]) == 2
    assert "its bundle is not read as it was written" in capsys.readouterr().err
