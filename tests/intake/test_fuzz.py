"""Whatever is done to a bundle, only `UnusableInput` may come out of the reader."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cds.errors import UnusableInput
from tests.intake import records as r
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
