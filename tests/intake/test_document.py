"""Input that is no strict JSON, or no bundle, is refused with a reason that a sender can act on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cds.errors import UnusableInput
from cds.intake import Limits
from cds.intake.document import parse_document
from tests.intake import records as r
from tests.intake.records import Reader

PATIENT = json.dumps(r.bundle()).encode()

BAD = {
    "nothing": (b"", "empty-input"),
    "white space": (b" \n", "empty-input"),
    "no JSON": (b"PID|1|", "not-json"),
    "half a bundle": (PATIENT[:-3], "not-json"),
    "two documents": (PATIENT + PATIENT, "not-json"),
    "a byte order mark": (b"\xef\xbb\xbf" + PATIENT, "byte-order-mark"),
    "UTF-16": (PATIENT.decode().encode("utf-16"), "not-utf-8"),
    "Latin-1": ('{"resourceType": "Bündel"}'.encode("latin-1"), "not-utf-8"),
    "an array": (b"[]", "not-an-object"),
    "a number": (b"1", "not-an-object"),
    "NaN": (b'{"resourceType": "Bundle", "total": NaN}', "not-a-number"),
    "Infinity": (b'{"resourceType": "Bundle", "total": -Infinity}', "not-a-number"),
    "a key twice": (b'{"resourceType": "Bundle", "type": "collection", "type": "history"}', "duplicate-key"),
    "10 000 levels": (b"[" * 10_000 + b"]" * 10_000, "too-deep"),
    "10 000 levels of objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too-deep"),
    "an endless string": (b'{"a": "' + b'\\"' * 100_000, "not-json"),
    "an enormous exponent": (b'{"a": 1e999999999}', "number-out-of-range"),
    "a number of 5000 digits": (b'{"a": ' + b"9" * 5000 + b"}", "number-out-of-range"),
    "half a surrogate pair": (b'{"a": "\\ud800"}', "lone-surrogate"),
    "a single resource": (b'{"resourceType": "Patient", "id": "p1"}', "not-a-bundle"),
    "no resource": (b'{"hook": "patient-view"}', "not-a-bundle"),
    "a bundle without type": (b'{"resourceType": "Bundle", "entry": []}', "bundle-type"),
    "a bundle of an unknown type": (b'{"resourceType": "Bundle", "type": "zzz"}', "bundle-type"),
    "an empty bundle": (b'{"resourceType": "Bundle", "type": "collection"}', "no-patient"),
    "entries that are no list": (b'{"resourceType": "Bundle", "type": "collection", "entry": {}}', "bad-entry"),
}


@pytest.mark.parametrize(("source", "code"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_its_reason(source: bytes, code: str, read: Reader) -> None:
    with pytest.raises(UnusableInput) as refused:
        read.read(source)
    assert code in {issue.code for issue in refused.value.issues}
    assert all(issue.severity == "error" and issue.details for issue in refused.value.issues)


def test_all_problems_of_a_text_are_reported_together() -> None:
    with pytest.raises(UnusableInput) as refused:
        parse_document(b'{"a": NaN, "b": 1, "b": 2, "c": 1e99}', Limits())
    assert {i.code for i in refused.value.issues} == {"not-a-number", "duplicate-key", "number-out-of-range"}


def test_a_text_beyond_the_cap_is_not_parsed(read: Reader) -> None:
    with pytest.raises(UnusableInput) as refused:
        read.read(PATIENT, limits=Limits(size=50))
    assert [issue.code for issue in refused.value.issues] == ["too-large"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: {"a": float("nan")}, "not-a-number"),
        (lambda: {1: 2}, "not-json"),
        (lambda: {"a": {1, 2}}, "not-json"),
        (lambda: {"a": "\ud800"}, "lone-surrogate"),
    ],
)
def test_a_mapping_that_json_could_not_hold_is_refused(make: Callable[[], dict[str, object]], code: str) -> None:
    with pytest.raises(UnusableInput) as refused:
        parse_document(make(), Limits())
    assert [issue.code for issue in refused.value.issues] == [code]


def test_a_mapping_that_holds_itself_is_refused() -> None:
    loop: dict[str, object] = {}
    loop["a"] = loop
    with pytest.raises(UnusableInput) as refused:
        parse_document(loop, Limits())
    assert [issue.code for issue in refused.value.issues] == ["too-deep"]


def test_a_mapping_reads_as_its_text_does(read: Reader) -> None:
    record = r.bundle(r.observation("inr", valueQuantity=r.quantity(1.25)))
    parsed = read.read(record)
    assert parsed == read.read(json.dumps(record).encode())
    assert r.said(parsed.patient["inr"]) == "1.25"


def test_the_arguments_that_are_no_bundle_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="give its bytes"):
        parse_document("{}", Limits())  # type: ignore[arg-type]


def test_a_hundred_thousand_empty_entries_are_refused(read: Reader) -> None:
    """And named: what grows with the square of their number would not end here."""
    source = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [None] * 100_000}).encode()
    with pytest.raises(UnusableInput) as refused:
        read.read(source)
    assert {issue.code for issue in refused.value.issues} >= {"bad-entry"}


def test_a_hundred_thousand_entries_are_read(read: Reader) -> None:
    height = r.observation(r.concept(r.LOINC, "8302-2"), valueQuantity=r.quantity(170, "cm"))
    source = json.dumps(r.bundle(*({**height, "id": f"h{n}"} for n in range(100_000)))).encode()
    case = read.read(source, limits=Limits(size=100_000_000, elements=10_000_000))
    assert case.lesions == ()
