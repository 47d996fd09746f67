"""The caps on what is read are settings, and hold at the door for every way to send a bundle."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from cds.service import Settings, create_app

PATIENT: dict[str, Any] = {"resource": {"resourceType": "Patient", "id": "p"}}
BUNDLE: dict[str, Any] = {"resourceType": "Bundle", "type": "collection", "entry": [PATIENT]}
NOTE: dict[str, Any] = {"resource": {"resourceType": "Basic", "id": "b", "text": {"div": "x" * 5000}}}


@pytest.mark.parametrize(
    ("setting", "bundle", "code", "status"),
    [
        ({"deepest": 3}, BUNDLE, "too-deep", 400),
        ({"most_entries": 1}, {**BUNDLE, "entry": [PATIENT, NOTE]}, "too-many-entries", 413),
        ({"longest_text": 4999}, {**BUNDLE, "entry": [PATIENT, NOTE]}, "text-too-long", 413),
    ],
)
@pytest.mark.parametrize("long_form", [False, True])
def test_what_exceeds_a_cap_is_refused_by_its_code(
    setting: dict[str, int], bundle: dict[str, Any], code: str, status: int, *, long_form: bool
) -> None:
    app = create_app(Settings(recording="off", **setting))  # type: ignore[arg-type]
    with TestClient(app, raise_server_exceptions=False) as client:
        body = {"bundle": bundle} if long_form else bundle
        response = client.post("/evaluate", content=json.dumps(body), headers={"content-type": "application/json"})
    assert response.status_code == status
    assert [issue["details"]["coding"][0]["code"] for issue in response.json()["issue"]] == [code]
