"""The pytest plugin, run for real over a project of its own: one run, looked at from several sides."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cds.api import read_case
from cds.case.reading import case_from_mapping
from cds.ruleset import load_rules
from cds.testing import truths
from cds.testing.generation import AS_OF
from cds.truth import Truth
from tests.ruleset.shipped import shipped_folder

ROOT = Path(__file__).parents[2]
PASSING = "a-carotid-encased-by-300-degrees.yaml"
FAILING = "no-safe-path.yaml"
PROPERTY = """
from hypothesis import given, settings
from cds.ruleset import load_rules
from cds.testing import assert_truth, cases_where
from cds.truth import Truth

RULES = load_rules("rules")

@given(cases_where(RULES, "SS-2", Truth.TRUE))
@settings(database=None, derandomize=True, deadline=None, max_examples=100)
def test_encasement_is_never_beyond_280_degrees(case):
    value = case.lesions[0].facts["carotidEncasement"].value
    assert value is None or value.low is None or value.low <= 280

def test_a_truth():
    from cds.testing import random_cases_where
    for case in random_cases_where(RULES, "SS-2", Truth.TRUE, n=1, others=0):
        assert_truth(case, RULES, "SS-2", Truth.TRUE, at="T1")
"""
SETTINGS = """
[pytest]
cds_rules = rules
cds_failures = failing
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(shipped_folder(), folder / "rules", ignore=shutil.ignore_patterns("cases", "__pycache__"))
    cases = folder / "rules" / "cases"
    cases.mkdir()
    shutil.copy(shipped_folder() / "cases" / PASSING, cases)
    text = (shipped_folder() / "cases" / FAILING).read_text("utf-8")
    (cases / FAILING).write_text(text.replace("CR-3: true", "CR-3: false"), "utf-8")
    (folder / "pytest.ini").write_text(SETTINGS, "utf-8")
    (folder / "test_ours.py").write_text(PROPERTY, "utf-8")
    return folder


@pytest.fixture(scope="module")
def output(project: Path) -> str:
    """What a run with the plugin prints. Schemathesis would cut arguments called `case` out of what Hypothesis says."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cds", "-p", "cds.testing.plugin", "--rule-coverage",
               "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:schemathesis", "--color=no"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "", "COLUMNS": "200"}
    ran = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return ran.stdout


def test_worked_cases_are_tests_and_a_failing_one_shows_its_line(output: str) -> None:
    assert "2 failed, 2 passed" in output
    assert "`CR-3` is `true`; expected was `false`" in output
    assert f"rules/cases/{FAILING}:" in output
    assert "Traceback" not in output


def test_the_run_ends_with_what_each_criterion_was(output: str) -> None:
    table = output.split(" rule coverage ")[1].splitlines()
    assert table[1].split() == ["criterion", "true", "false", "unknown"]
    of_rule = next(line.split() for line in table if line.startswith("SS-2 "))
    assert of_rule[1] == "2", "the truths that the search for cases looks at on its way do not count"
    assert table[-2].endswith("criteria were true, false and unknown") or "criteria were" in output


def test_a_failing_example_is_on_file_as_a_worked_case_and_as_a_bundle(project: Path, output: str) -> None:
    assert "T1: carotidEncasement 281" in output
    assert "T1: carotidEncasement 281" in output.split("failing patient")[1]
    name = "test_ours-test_encasement_is_never_beyond_280_degrees"
    rules = load_rules(project / "rules")
    written = yaml.load((project / "failing" / f"{name}.yaml").read_text("utf-8"), yaml.BaseLoader)
    assert written["lesions"] == [{"id": "T1", "facts": {"carotidEncasement": "281"}}]
    case = case_from_mapping(rules.vocabulary, written)
    bundle = json.loads((project / "failing" / f"{name}.json").read_text("utf-8"))
    for each in (case, read_case(bundle, as_of=AS_OF, rules=rules)):
        assert truths(each, rules, "SS-2") == {"T1": Truth.TRUE}


def test_hypothesis_shows_the_patient_and_not_every_fact_of_the_vocabulary(output: str) -> None:
    shown = [line.strip("E ") for line in output.splitlines() if line.startswith("E ")]
    assert "case=<Case as of 2026-11-22" in shown, shown
    assert "T1: carotidEncasement 281>," in shown, shown


@pytest.mark.parametrize(
    ("settings", "asked", "said"),
    [
        ("cds_rules = rulez", [], "`rulez`: no such folder; name folders that hold ruleset.yaml, from the project's "
         "root; did you mean `rules`?"),
        ("cds_rules = rules/cases", ["--rule-coverage"], "`rules/cases`: it holds no ruleset.yaml"),
        ("cds_rules = rules", ["--rule-coverage"], "--rule-coverage: a rule set does not load"),
    ],
)  # fmt: skip
def test_a_setting_that_names_no_rule_set_is_a_usage_error_and_nothing_runs(
    tmp_path: Path, settings: str, asked: list[str], said: str
) -> None:
    (tmp_path / "rules" / "cases").mkdir(parents=True)
    (tmp_path / "rules" / "ruleset.yaml").write_text("rule_set: {}\n", "utf-8")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{settings}\n", "utf-8")
    (tmp_path / "test_ours.py").write_text("def test_nothing(): pass\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cds", "-p", "cds.testing.plugin", "-p", "no:cacheprovider",
               "-p", "no:xdist", "-p", "no:schemathesis", "--color=no", *asked]  # fmt: skip
    ran = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert ran.stderr.startswith("ERROR: ")
    assert said in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "passed" not in ran.stdout
