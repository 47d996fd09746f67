"""What a rule set says for CDS Hooks is checked when it is loaded, and without it there is no service."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from cds.api import answered
from cds.intake.document import Limits
from cds.ruleset import RuleSet
from cds.ruleset.mapping import load_mapping
from cds.service import Settings
from cds.service.evaluation import Evaluations
from cds.service.hooks import add_to
from cds.service.hooks.services import REVIEW
from cds.service.runtime import Runtime
from tests.service.hooks.calls import Examples


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("codes: salvage-surgery}", "codes: salvage-surgeries}", "`salvage-surgeries` is none of the value sets"),
        ("codes: [ecog, asa]", "codes: [ecog, asaa]", "`asaa` is none of the value sets"),
        ("conditions: {type", "diagnoses: {type", "has a search `conditions`"),
        ("rest: true", "all: true", "is not a word of this place"),
    ],
)
def test_a_section_that_cannot_work_is_a_finding(
    rules: Path, rule_set: RuleSet, tmp_path: Path, before: str, after: str, told: str
) -> None:
    folder = tmp_path / "mapping"
    shutil.copytree(rules / "mapping", folder)
    file = folder / "hooks.yaml"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
    _, findings = load_mapping(folder, rule_set.vocabulary)
    assert any(told in finding.message and finding.position.file.endswith("mapping/hooks.yaml") for finding in findings)


def test_a_rule_set_that_says_nothing_for_cds_hooks_has_no_services(
    settings: Settings, rule_set: RuleSet, examples: Examples
) -> None:
    silent = dataclasses.replace(rule_set, mapping=dataclasses.replace(rule_set.mapping, hooks=None))
    runtime = Runtime(settings, Limits(), Evaluations(answered, silent, concurrency=1, queue=1))
    app = FastAPI()
    add_to(app, runtime)
    client = TestClient(app)
    assert client.get("/cds-services").json() == {"services": []}
    assert client.post(f"/cds-services/{REVIEW}", json=examples.view("01")).status_code == 404
