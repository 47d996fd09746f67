"""Every problem of a bundle comes at once: no stage of reading hides what a later one would find."""

from __future__ import annotations

import datetime as dt

import pytest

import cds
from cds.errors import UnusableInput


def test_a_wrong_type_a_foreign_record_and_an_invalid_resource_are_reported_together() -> None:
    inr = {"coding": [{"system": "http://loinc.org", "code": "6301-6"}]}
    resources: list[dict[str, object]] = [
        {"resourceType": "Patient", "id": "p"},
        {"resourceType": "Observation", "id": "a", "status": "final", "code": inr,
         "subject": {"reference": "Patient/p"},
         "valueQuantity": {"value": {}}},
        {"resourceType": "Observation", "id": "b", "status": "final", "code": inr,
         "subject": {"reference": "Patient/somebody-else"}},
        {"resourceType": "Foo", "id": "c"},
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "nonsense", "entry": [{"resource": each} for each in resources]}
    with pytest.raises(UnusableInput) as refused:
        cds.evaluate(bundle, as_of=dt.date(2026, 11, 22), phase="never")
    found = {(issue.code, issue.expression.partition(".resource")[0]) for issue in refused.value.issues}
    assert {
        ("unknown-phase", ""),
        ("bundle-type", "Bundle.type"),
        ("invalid-resource", "Bundle.entry[1]"),
        ("other-patient", "Bundle.entry[2]"),
        ("unknown-resource-type", "Bundle.entry[3]"),
    } <= found
