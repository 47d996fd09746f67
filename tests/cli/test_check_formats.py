"""`cds check` as a linter: every finding with its line, caret and page, for people, programs and code scanning."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from cds.commands.schemas import author_schemas
from cds.ruleset.documents import read_document
from cds.ruleset.editor_schemas import schema_name
from tests.cli.conftest import Ran
from tests.ruleset.shipped import shipped_rules
from tests.ruleset.workshop import rules_of, small

Cds = Callable[..., Ran]
AS_OF = ("--as-of", "2026-11-22")
PAGES = Path(__file__).parents[2]
SCHEMAS = author_schemas(shipped_rules().vocabulary)


@pytest.fixture
def broken(rules: str, tmp_path: Path) -> Path:
    """A rule set with a word that no rule has, a value that no effect has, and a line that is not in canonical form."""
    folder = tmp_path / "clinic"
    shutil.copytree(rules, folder, ignore=shutil.ignore_patterns("cases", "__pycache__"))
    file = folder / "rules" / "salvage_surgery.yaml"
    text = file.read_text("utf-8").replace("    strength: strong\n", "    strenght: strong   \n", 1)
    file.write_text(text.replace("effect: against", "effect: againts", 1), "utf-8")
    return folder


def test_every_finding_has_line_caret_code_and_a_page_that_is_there(cds: Cds, broken: Path) -> None:
    ran = cds("check", str(broken), *AS_OF)
    assert (ran.status, ran.err) == (1, "")
    lines = ran.out.splitlines()
    carets = [number for number, line in enumerate(lines) if line.strip() == "^"]
    assert len(carets) == 2
    assert "did you mean `strength`?" in ran.out
    shown = lines[carets[0] - 1][lines[carets[0]].index("^") :]
    assert shown.startswith(("againts", "strong"))
    pages = [line.split()[-1] for line in lines if line.startswith("  see ")]
    assert len(pages) == 2
    assert all((PAGES / page).is_file() for page in pages)


def test_json_has_the_findings_with_files_that_can_be_opened(cds: Cds, broken: Path) -> None:
    ran = cds("check", str(broken), *AS_OF, "--format", "json")
    assert (ran.status, ran.err) == (1, "")
    findings = json.loads(ran.out)["findings"]
    assert {finding["suggestion"] for finding in findings} == {"strength", None}
    for finding in findings:
        text = Path(finding["file"]).read_text("utf-8").splitlines()[finding["line"] - 1]
        assert finding["excerpt"].split("\n")[0] == text
        assert finding["code"] == "file-shape"


def test_sarif_is_a_log_that_code_scanning_takes(cds: Cds, broken: Path) -> None:
    log = json.loads(cds("check", str(broken), *AS_OF, "--format", "sarif").out)
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    run = log["runs"][0]
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert driver["name"] and driver["version"]
    identifiers = [rule["id"] for rule in driver["rules"]]
    assert len(set(identifiers)) == len(identifiers)
    assert len(run["results"]) == 2
    for result in run["results"]:
        assert identifiers[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note", "none")
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"].endswith("/clinic/rules/salvage_surgery.yaml")
        assert 0 < place["region"]["startColumn"] < place["region"]["endColumn"]
        assert place["region"]["startLine"] > 0


def test_a_rule_set_without_findings_is_a_sarif_log_without_results(cds: Cds, rules: str) -> None:
    ran = cds("check", rules, *AS_OF, "--format", "sarif")
    assert (ran.status, ran.err) == (0, "")
    assert json.loads(ran.out)["runs"][0]["results"] == []


@pytest.mark.slow
def test_fix_changes_the_form_and_never_takes_a_guess_for_what_was_meant(cds: Cds, broken: Path) -> None:
    file = broken / "rules" / "salvage_surgery.yaml"
    before = read_document(file, "x").data
    ran = cds("check", str(broken), *AS_OF, "--fix")
    assert ran.status == 1
    assert "formatted" in ran.err
    text = file.read_text("utf-8")
    assert "strenght: strong\n" in text
    assert "effect: againts" in text
    assert read_document(file, "x").data == before
    assert cds("format", "--check", str(broken)).status == 0


def test_format_names_what_it_would_change_and_leaves_what_it_cannot_read(cds: Cds, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("a:   1\n", "utf-8")
    bad.write_text("a: [1\n", "utf-8")
    checked = cds("format", "--check", str(good))
    assert (checked.status, checked.out.splitlines()[0]) == (1, good.as_posix())
    assert good.read_text("utf-8") == "a:   1\n"
    ran = cds("format", str(tmp_path))
    assert ran.status == 2
    assert "[not-yaml]" in ran.err
    assert good.read_text("utf-8") == "a: 1\n"
    assert bad.read_text("utf-8") == "a: [1\n"


def plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [plain(value) for value in data]
    return data if isinstance(data, bool | int | str) or data is None else float(data)


@pytest.mark.parametrize("pattern", SCHEMAS)
def test_the_editors_schema_takes_the_shipped_files_and_refuses_a_word_that_is_none(rules: str, pattern: str) -> None:
    validator = jsonschema_rs.validator_for(SCHEMAS[pattern], validate_formats=True)
    files = sorted(Path(rules).glob(pattern))
    assert files or pattern == "overlay.yaml"
    for file in files:
        assert [error.message for error in validator.iter_errors(plain(read_document(file, "x").data))] == []
    assert not validator.is_valid({"no-such-word": 1})


def test_export_writes_one_schema_for_each_kind_of_file(cds: Cds, tmp_path: Path) -> None:
    ran = cds("export", "rules-schema", "--out", str(tmp_path))
    assert (ran.status, ran.err) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {schema_name(pattern) for pattern in SCHEMAS}
    assert json.loads(cds("export", "rules-schema").out).keys() == {path.name for path in tmp_path.iterdir()}


def test_format_leaves_a_file_that_is_no_yaml_alone(cds: Cds, tmp_path: Path) -> None:
    references = tmp_path / "references.json"
    references.write_text('[{"id":   "x"}]\n', "utf-8")
    ran = cds("format", str(references))
    assert ran.status == 2
    assert "not a YAML file" in ran.err
    assert references.read_text("utf-8") == '[{"id":   "x"}]\n'


def test_what_a_rule_set_claims_of_itself_is_checked_too(cds: Cds, rules: str, tmp_path: Path) -> None:
    folder = tmp_path / "clinic"
    shutil.copytree(rules, folder, ignore=shutil.ignore_patterns("cases", "__pycache__"))
    file = folder / "verification.yaml"
    file.write_text(file.read_text("utf-8").replace("option: cryoablation", "option: cryoablatoin", 1), "utf-8")
    ran = cds("check", str(folder), *AS_OF)
    assert ran.status == 1
    assert "clinic/verification.yaml:" in ran.out
    assert "did you mean `cryoablation`" in ran.out


LITERALS = """\
  - {id: K-1, option: knife, for_each: lesion, effect: against, basis: unverified, says: x, otherwise: y,
     when: "lesion.near and lesion.size > 60 'mm'"}
  - {id: K-2, option: knife, for_each: lesion, effect: against, basis: unverified, says: x, otherwise: y,
     when: {at_least: 1, of: [lesion.flag, "lesion.size between 0 'mm' and 9 'mm'"]}}
"""


def test_a_number_that_is_no_parameter_has_the_caret_under_itself(cds: Cds, tmp_path: Path) -> None:
    definitions = "definitions:\n  lesion.near: lesion.flag or lesion.size < 4 'mm'\n"
    folder = small(tmp_path, rules_of(LITERALS), definitions=definitions)
    ran = cds("check", str(folder), *AS_OF, "--format", "json")
    found = [each for each in json.loads(ran.out)["findings"] if each["code"] == "literal-threshold"]
    assert {each["message"].partition(" is")[0] for each in found} == {"`4 'mm'`", "`60 'mm'`", "`9 'mm'`"}
    for each in found:
        literal = each["message"].split("`")[1]
        line = (folder.parent / each["file"]).read_text("utf-8").splitlines()[each["line"] - 1]
        assert line[each["column"] - 1 :].startswith(literal)
        excerpt, carets = each["excerpt"].splitlines()
        assert carets.strip() == "^" * len(literal)
        assert excerpt[carets.index("^") :].startswith(literal)
