"""`cds export cql`: the library, or a case as its parameters, on standard output or in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cds.cli import main
from cds.cql_export import cql_library
from cds.ruleset import default_folder, load_rules

CASE = str(default_folder() / "cases" / "no-safe-path.yaml")


def test_the_library_goes_to_standard_output_or_into_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "made" / "rules.cql"
    assert main(["export", "cql"]) == 0
    printed = capsys.readouterr().out
    assert main(["export", "cql", "--out", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert file.read_text(encoding="utf-8") == printed
    assert f"\nlibrary {cql_library(load_rules()).name} version " in printed


def test_a_day_before_the_first_value_makes_another_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "cql", "--as-of", "1999-01-01"]) == 0
    assert "(null as Quantity)" in capsys.readouterr().out


def test_a_case_names_for_each_context_subjects_that_it_tells_and_defines_that_the_library_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", "cql"]) == 0
    library = capsys.readouterr().out
    assert main(["export", "cql", "--case", CASE]) == 0
    told = json.loads(capsys.readouterr().out)
    named = {
        subject
        for context in told["contexts"]
        for given in context["parameters"].values()
        for subject in (given if isinstance(given, list) else [given])
    }
    assert named == set(told["subjects"])
    assert all(value is not None for subject in told["subjects"].values() for value in subject.values())
    for levels in told["defines"].values():
        assert all(f'define "{name}":' in library for criteria in levels.values() for name in criteria.values())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["schema", "--case", CASE], "--case: it is for cql; leave it out"),
        (["fhir", "--out", "x"], "--out: it is for rulebook, cql"),
        (["governance", "--as-of", "2026-11-22"], "--as-of: it is for cql; leave it out"),
        (["cql", "--case", "no-such-case.yaml"], "`no-such-case.yaml`: no such file"),
        (["cql", "--out", CASE + "/x"], "give a file that may be written"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["export", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert len(captured.err.splitlines()) == 1
