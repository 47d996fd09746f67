"""An editor that has our schemas and `cds check` say the same of claims and worked cases, whole ones and broken."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from cds import worked_cases
from cds.analysis.declarations import read_declarations
from cds.cli import main
from cds.commands.schemas import author_schemas
from cds.errors import Finding, RuleSetError
from cds.ruleset import RuleSet
from cds.ruleset.documents import parse_document
from cds.worked_case_form import Expected, OfOption, OfOrder, OfPlan, OfStructure, case_findings
from tests.cli.test_check_formats import plain
from tests.ruleset.workshop import VOCABULARY, rules_of, small, small_rules

WITH_A_WORD = VOCABULARY.replace("label: grade, burden: test", "label: grade, burden: test, absences: {nil: not-asked}")
CASE = """\
name: A case
says: What it shows.
as_of: 2026-11-22
phase: decision
patient: {flagA: false, ratio: "< 2", flagB: {absent: asked-unknown}}
lesions:
  - id: T1
    label: left neck
    facts: {grade: low, size: 5..8, foundOn: 2026-03, count: 2, closing: {conflict: [1, 2]}}
    structures:
      - {name: nerve, side: left, facts: {distance: "> 5 and <= 8"}}
expect:
  scope: true
  options: {T1: {knife: {verdict: eligible, possible: [eligible], reasons: {K-0: false}, settling: lesion.grade}}}
  order: {T1: {possible: [[[knife], [frost]]], withheld: []}}
  thermoprotection: {T1: {nerve/left: {verdict: not-required, measures: {water: available}, covered_by_plan: unknown}}}
  plan: {T1: {sufficient: [[water]], with: []}}
  obligations: {T1: {O-1: unknown}}
  alternatives: [A-1]
"""
BROKEN_CASES = (
    ("name: A case", "nam: A case"), ("as_of: 2026-11-22\n", ""), ("as_of: 2026-11-22", "as_of: 2026-11"),
    ("phase: decision", "phase: decisoin"), ("flagA: false", "flagA: no"), ("flagA: false", "flagC: false"),
    ("flagA: false", "flagA: 0"), ("ratio: \"< 2\"", "ratio: \"<< 2\""), ("asked-unknown", "forgotten"),
    ("{absent: asked-unknown}", "{missing: asked-unknown}"), ("id: T1", "id: patient"), ("id: T1", "id: T/1"),
    ("  - id: T1\n    label", "  - label"), ("grade: low", "grade: lower"), ("foundOn: 2026-03", "foundOn: March"),
    ("size: 5..8", "size: true"), ("[1, 2]", "[1]"), ("[1, 2]", "[1, 1]"), ("name: nerve", "name: nervus"),
    ("side: left", "side: middle"), ("{distance:", "{name: nerve, distance:"), ("scope: true", "scope: maybe"),
    ("scope: true", "scop: true"), ("verdict: eligible", "verdict: eligable"), ("verdict: elig", "verdikt: elig"),
    ("verdict: eligible", "verdict: null"), ("[eligible]", "[eligible, maybe]"), ("K-0: false", "K-0: never"),
    ("withheld: []", "witheld: []"), ("not-required", "needless"), ("water: available", "water: open"),
    ("with: []", "without: []"), ("O-1: unknown", "O-1: due"), ("{T1: {O-1: unknown}}", "[O-1]"),
    ("[[[knife], [frost]]]", "[knife]"),
)  # fmt: skip
CLAIMS = """\
invariants:
  - {id: INV-1, says: so, while: lesion.flag, option: knife, never: [eligible], level: lesion, phase: decision}
monotone:
  - {id: MON-1, says: so, fact: lesion.size, grows: larger, never_adds: [K-0]}
waivers:
  - {finding: "idle-part:K-0", reason: because, author: somebody, until: 2030-01-01}
"""
BROKEN_CLAIMS = (
    ("invariants:", "invariant:"), ("while: lesion.flag, ", ""), ("while:", "when:"), ("while:", "condition:"),
    ("[eligible]", "[]"), ("[eligible]", "[eligble]"), ("level: lesion", "level: structure"), ("larger", "bigger"),
    (", never_adds: [K-0]", ""), ("never_adds: [K-0]", "never_adds: []"), ("phase: decision", "phase: later"),
    ("idle-part:K-0", "idle-part"), ("2030-01-01", "soon"), ("until: 2030-01-01", "until: 2030"),
    ("reason: because, ", ""), ("author: somebody", "autor: somebody"), ("reason: because", "reason: \"\""),
)  # fmt: skip


@cache
def validators() -> Mapping[str, Any]:
    """The schemas for the small rule set's vocabulary."""
    rules = vocabulary()
    made = author_schemas(rules.vocabulary)
    return {pattern: jsonschema_rs.validator_for(made[pattern], validate_formats=True) for pattern in made}


@cache
def vocabulary() -> RuleSet:
    """The small rule set; of its files only the vocabulary matters here."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return small_rules(Path(folder), vocabulary=WITH_A_WORD)


def accepted_by_the_editor(pattern: str, text: str) -> bool:
    return bool(validators()[pattern].is_valid(plain(parse_document(text, "x.yaml").data)))


def findings_of_the_case(folder: Path, text: str) -> list[Finding]:
    (folder / "cases").mkdir(exist_ok=True)
    (folder / "cases" / "one.yaml").write_text(text, "utf-8")
    return list(case_findings(folder, vocabulary().vocabulary))


def findings_of_the_claims(folder: Path, text: str) -> tuple[Finding, ...]:
    (folder / "verification.yaml").write_text(text, "utf-8")
    try:
        read_declarations(folder)
    except RuleSetError as error:
        return error.findings
    return ()


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


@pytest.mark.parametrize("grade", ["low", "nil", "{absent: not-asked}", "{conflict: [low, high]}"])
def test_a_whole_case_is_taken_by_both(tmp_path: Path, grade: str) -> None:
    text = changed(CASE, "grade: low", f"grade: {grade}")
    assert accepted_by_the_editor("cases/*.yaml", text)
    assert findings_of_the_case(tmp_path, text) == []


@pytest.mark.parametrize(("old", "new"), BROKEN_CASES, ids=[f"{new!r} for {old!r}" for old, new in BROKEN_CASES])
def test_a_broken_case_is_refused_by_both_and_found_once_where_it_is_broken(
    tmp_path: Path, old: str, new: str
) -> None:
    text = changed(CASE, old, new)
    assert not accepted_by_the_editor("cases/*.yaml", text)
    (finding,) = findings_of_the_case(tmp_path, text)
    assert (finding.code, finding.position.file) == ("file-shape", f"{tmp_path.name}/cases/one.yaml")
    if new and "\n" not in old:
        assert finding.position.line in (CASE[: CASE.index(old)].count("\n") + 1, 1)


@pytest.mark.parametrize(
    ("old", "new", "meant"),
    [
        ("verdict: eligible", "verdict: eligable", "eligible"), ("verdict: elig", "verdikt: elig", "verdict"),
        ("withheld: []", "witheld: []", "withheld"), ("scope: true", "scop: true", "scope"),
        ("water: available", "water: availible", "available"), ("grade: low", "grad: low", "grade"),
    ],
)  # fmt: skip
def test_a_misspelt_word_of_a_case_is_asked_about(tmp_path: Path, old: str, new: str, meant: str) -> None:
    (finding,) = findings_of_the_case(tmp_path, changed(CASE, old, new))
    assert f"did you mean `{meant}`?" in finding.message


def test_a_misspelt_word_of_a_claim_is_asked_about(tmp_path: Path) -> None:
    found = findings_of_the_claims(tmp_path, changed(CLAIMS, "author: somebody", "autor: somebody"))
    assert any("did you mean `author`?" in finding.message for finding in found)


def test_whole_claims_are_taken_by_both(tmp_path: Path) -> None:
    assert accepted_by_the_editor("verification.yaml", CLAIMS)
    assert findings_of_the_claims(tmp_path, CLAIMS) == ()


@pytest.mark.parametrize(("old", "new"), BROKEN_CLAIMS, ids=[f"{new!r} for {old!r}" for old, new in BROKEN_CLAIMS])
def test_broken_claims_are_refused_by_both(tmp_path: Path, old: str, new: str) -> None:
    text = changed(CLAIMS, old, new)
    assert not accepted_by_the_editor("verification.yaml", text)
    assert {finding.code for finding in findings_of_the_claims(tmp_path, text)} == {"file-shape"}


def test_whatever_a_case_is_compared_with_has_its_place_in_the_form() -> None:
    compared = {
        Expected: worked_cases._EXPECTED, OfOption: worked_cases._OF_OPTION, OfOrder: worked_cases._OF_ORDER,
        OfStructure: worked_cases._OF_STRUCTURE, OfPlan: worked_cases._OF_PLAN,
    }  # fmt: skip
    for model, keys in compared.items():
        assert {field.alias or name for name, field in model.model_fields.items()} == set(keys)


def test_check_finds_what_is_wrong_with_a_worked_case_without_running_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small(tmp_path, rules_of())
    (folder / "cases").mkdir()
    (folder / "cases" / "one.yaml").write_text(changed(CASE, "grade: low", "grad: low"), "utf-8")
    assert main(["check", str(folder), "--as-of", "2026-11-22"]) == 1
    told = capsys.readouterr().out
    assert "small/cases/one.yaml:9:" in told
    assert "did you mean `grade`" in told
    assert "^" in told
