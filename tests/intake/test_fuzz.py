"""Whatever is done to a bundle, only `UnusableInput` may come out of the reader."""

from __future__ import annotations

import contextlib
import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.errors import UnusableInput
from cds.ruleset.loader import load_rules
from cds.ruleset.rule_set import RuleSet
from tests.intake import fuzzing
from tests.intake import records as r
from tests.intake.fuzzing import Tally, fuzz, made, originals
from tests.intake.records import Json, Reader
from tests.intake.test_deletion import RICH, places
from tests.intake.test_forms import MM, form, item, lesion, structure

SEED: Json = copy.deepcopy(RICH)
SEED["entry"] += [
    {
        "resource": form(
            item("patient.inr", {"valueDecimal": 1.2}),
            lesion("T1", structure("skin", None, item("structure.tumourDistance", MM))),
        )
    },
    {
        "resource": {
            "resourceType": "ServiceRequest",
            "id": "sr",
            "status": "revoked",
            "intent": "proposal",
            "code": r.concept(r.SCT, "72791001"),
            "subject": {"reference": "Patient/p1"},
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/request-statusReason",
                    "valueCodeableConcept": r.concept(r.SCT, "105480006"),
                }
            ],
        }
    },
]
PLACES = list(places(SEED, ()))

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.just(""),
    st.just([]),
    st.just({}),
    st.sampled_from(["2026-13-45", "Patient/p2", "#", "urn:uuid:x", "|", "?identifier=", "final", "1e9", " "]),
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["coding", "code", "system", "reference", "value", "resourceType", "extension", "url", "item", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@given(st.lists(st.tuples(st.sampled_from(PLACES), values, st.booleans()), min_size=1, max_size=4))
def test_a_changed_bundle_is_read_or_refused(
    read: Reader, changes: list[tuple[tuple[str | int, ...], Any, bool]]
) -> None:
    source: Any = copy.deepcopy(SEED)
    for path, value, remove in changes:
        node = source
        try:
            for part in path[:-1]:
                node = node[part]
            if remove:
                del node[path[-1]]
            else:
                node[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    for given_ in (json.dumps(source).encode(), source):
        try:
            case = read.read(given_)
        except UnusableInput as refused:
            assert refused.issues
            assert all(issue.code and issue.details for issue in refused.issues)
        else:
            assert case.as_of == r.AS_OF


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(read: Reader, source: bytes) -> None:
    try:
        read.read(source)
    except UnusableInput as refused:
        assert refused.issues


@given(st.integers(0, 4000), st.binary(min_size=1, max_size=3))
def test_damaged_bytes_are_read_or_refused(read: Reader, place: int, bytes_: bytes) -> None:
    source = bytearray(json.dumps(SEED).encode())
    source[place : place + len(bytes_)] = bytes_
    try:
        read.read(bytes(source))
    except UnusableInput as refused:
        assert refused.issues


# --- mutants of whole records ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rules(repository: Path) -> RuleSet:
    return load_rules(repository / "rules" / "recurrent-head-and-neck")


@pytest.fixture(scope="module")
def records(repository: Path, corpus_dir: Path) -> list[Json]:
    return originals(repository, corpus_dir)


def tried(first: int, count: int, records: list[Json], rules: RuleSet) -> Tally:
    tally = Tally()
    fuzz(first, count, 2026, records, rules, tally, bound=20)
    return tally


@pytest.mark.slow
def test_five_thousand_mutants_of_records_are_read_or_refused(records: list[Json], rules: RuleSet) -> None:
    tally = tried(0, 5000, records, rules)
    assert tally.failures == []
    assert min(tally.outcomes["read, with a lesion"], tally.outcomes["read"], tally.outcomes["not-json"]) > 100
    assert len(tally.outcomes) > 12


def test_mutants_of_records_are_read_or_refused(records: list[Json], rules: RuleSet) -> None:
    assert tried(5000, 200, records, rules).failures == []


def test_a_mutant_depends_on_its_seed_and_number_alone(records: list[Json]) -> None:
    first = [made(number, 5, records) for number in range(40)]
    assert first == [made(number, 5, records) for number in range(40)]
    assert first != [made(number, 6, records) for number in range(40)]


def test_what_takes_longer_than_the_bound_or_raises_another_error_is_a_failure(
    records: list[Json], rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*given_: object) -> str:
        while True:
            with contextlib.suppress(Exception):
                time.sleep(0.01)

    def broken(*given_: object) -> str:
        raise KeyError("x")

    for fault, told in ((slow, "longer than 0.05 s"), (broken, "KeyError")):
        monkeypatch.setattr(fuzzing, "outcome", fault)
        tally = Tally()
        fuzz(0, 1, 1, records, rules, tally, bound=0.05)
        assert len(tally.failures) == 1
        assert told in tally.failures[0]
