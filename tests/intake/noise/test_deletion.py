"""Deletion, on generated and noisy records: what no fact, lesion, exclusion or issue names decides nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds.case import Case
from cds.errors import UnusableInput
from cds.intake import read_bundle
from cds.ruleset.loader import load_rules
from cds.testing import NoisyBundle, noisy_bundles, said
from tests.intake.goldens.records import GOLDENS, Golden
from tests.intake.records import AS_OF
from tests.intake.test_deletion import covers, fhirpath, named, places, without

RULES = load_rules(Path(__file__).resolve().parents[3] / "rules" / "recurrent-head-and-neck")
picks = st.lists(st.integers(0, 10**9), min_size=4, max_size=10)
unhurried = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def read(bundle: Any) -> Case:
    return read_bundle(json.dumps(bundle).encode(), vocabulary=RULES.vocabulary, mapping=RULES.mapping, as_of=AS_OF)


def faults(case: Case) -> set[str]:
    return {issue.expression.partition(".resource")[0] for issue in case.issues if issue.code == "invalid-resource"}


def all_places(bundle: Any) -> list[tuple[str | int, ...]]:
    """Every element of the entries; a resource that is gone as a whole is no element."""
    found = [path for index, entry in enumerate(bundle["entry"]) for path in places(entry, ("entry", index))]
    return [path for path in found if path[-1] not in ("resource", "resourceType")]


def assert_nothing_unnamed_decides(bundle: Any, paths: list[tuple[str | int, ...]]) -> int:
    """Remove each of the paths that nothing names; how many were removed."""
    before = read(bundle)
    names, facts, removed = named(before), said(before), 0
    for path in paths:
        text = fhirpath(path)
        if any(covers(name, text) for name in names):
            continue
        try:
            after = read(without(bundle, path))
        except UnusableInput as refused:
            pytest.fail(f"{text}: {refused}")
        if faults(after) - faults(before):
            continue  # what is left is no FHIR resource any more
        assert said(after) == facts, text
        removed += 1
    return removed


def chosen(bundle: Any, numbers: list[int]) -> list[tuple[str | int, ...]]:
    found = all_places(bundle)
    return [found[number % len(found)] for number in numbers] if found else []


@given(noisy_bundles(RULES.vocabulary, lesions=(0, 2)), picks)
@settings(unhurried, max_examples=15)
def test_removing_what_is_not_named_changes_no_fact_of_a_generated_record(
    made: NoisyBundle, numbers: list[int]
) -> None:
    assert_nothing_unnamed_decides(made.bundle, chosen(made.bundle, numbers))


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)
def test_removing_any_element_that_is_not_named_changes_no_fact_of_a_record_of_another_sender(golden: Golden) -> None:
    bundle = golden.bundle()
    assert assert_nothing_unnamed_decides(bundle, all_places(bundle)) > 0


@pytest.mark.slow
@given(noisy_bundles(RULES.vocabulary, lesions=(0, 3), known=0.7), picks)
@settings(unhurried, max_examples=40)
def test_removing_what_is_not_named_changes_no_fact_of_a_full_record(made: NoisyBundle, numbers: list[int]) -> None:
    assert_nothing_unnamed_decides(made.bundle, chosen(made.bundle, numbers))
