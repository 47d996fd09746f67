"""Records of other senders are read as a person read them by the standards."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from cds.ruleset.loader import load_rules
from cds.ruleset.rule_set import RuleSet
from tests.intake.goldens.records import GOLDENS, Golden, stated

by_golden = pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)


@pytest.fixture(scope="module")
def rules(repository: Path) -> RuleSet:
    return load_rules(repository / "rules" / "recurrent-head-and-neck")


@by_golden
def test_a_record_is_read_as_a_person_read_it(golden: Golden, rules: RuleSet) -> None:
    expected = golden.expected
    case = golden.read(json.dumps(golden.bundle()).encode(), rules)
    assert stated(case) == expected["facts"]
    assert [lesion.id for lesion in case.lesions] == expected["lesions"]
    assert {issue.code for issue in case.issues} >= set(expected.get("issues", ()))


@by_golden
def test_a_record_is_valid_fhir(golden: Golden) -> None:
    Bundle.model_validate(golden.bundle())


@by_golden
def test_every_stated_fact_rests_on_an_element_that_is_in_the_record(golden: Golden, rules: RuleSet) -> None:
    bundle = golden.bundle()
    case = golden.read(json.dumps(bundle).encode(), rules)
    levels = [case.patient, *(lesion.facts for lesion in case.lesions)]
    sources = {source for facts in levels for fact in facts.values() for source in fact.sources}
    assert sources
    for source in sources:
        below = "".join(source.path.partition(".")[1:])
        full = source.path if source.path.startswith("Bundle") else source.entry + below
        node: Any = bundle
        for part in re.findall(r"\w+", full.removeprefix("Bundle")):
            node = node[int(part) if isinstance(node, list) else part]


def test_there_are_shapes_of_every_kind() -> None:
    types = {golden.bundle()["type"] for golden in GOLDENS}
    assert {"collection", "searchset", "transaction", "document", "history"} <= types
    assert len(GOLDENS) >= 12
