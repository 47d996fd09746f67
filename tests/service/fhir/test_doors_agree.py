"""The same case gives the same answer on every door: the whole answer, not only its verdicts."""

from __future__ import annotations

import datetime as dt
import json
import re
from functools import cache
from typing import Any

import pytest
from starlette.testclient import TestClient

from cds.records import open_records
from cds.service import Settings
from cds.service.hooks.services import REVIEW
from tests.service.fhir.requests import (
    APPLY,
    R5_APPLY,
    Json,
    applied,
    native,
    of_type,
    options_in,
    patient_of,
    record,
)
from tests.service.hooks.calls import INSTANCE, prefetch_of


@cache
def evaluated(client: TestClient, name: str) -> Json:
    response = client.post(
        "/evaluate?as_of=2026-11-22",
        content=json.dumps(record(name)).encode(),
        headers={"content-type": "application/fhir+json"},
    )
    assert response.status_code == 200, response.text[:300]
    answer: Json = response.json()
    return answer


def test_evaluate_apply_and_r5_apply_give_the_same_whole_answer(fhir: TestClient, name: str) -> None:
    plain = evaluated(fhir, name)
    for path in (APPLY, R5_APPLY):
        assert native(applied(fhir, name, path)) == plain


def test_what_apply_says_in_resources_is_what_the_answer_says(fhir: TestClient, name: str) -> None:
    """The projection adds nothing and turns nothing round: verdicts, proposals and due tasks."""
    plain, plan = evaluated(fhir, name), applied(fhir, name)
    verdicts = {(each["id"], o["option"]): o["verdict"] for each in plain["lesions"] for o in each["options"]}
    proposed = [
        (each["code"][0]["coding"][0]["code"], each["code"][1]["coding"][0]["code"]) for each in options_in(plan)
    ]
    wanted = [(option, verdict) for (_, option), verdict in verdicts.items() if verdict in ("eligible", "conditional")]
    assert sorted(proposed) == sorted(wanted)
    excluded = {
        (each["id"], o["option"]) for each in plain["lesions"] for o in each["options"] if o["standing"] == "excluded"
    }
    due = [(d["rule"], each["id"]) for each in plain["lesions"] for d in each["obligations"]
           if d["due"] == "true" and (each["id"], d["option"]) not in excluded]  # fmt: skip
    assert sorted(task["reasonCode"]["text"] for task in of_type(plan, "Task")) == sorted(rule for rule, _ in due)


def test_cds_hooks_decide_by_the_same_whole_answer(
    fhir: TestClient, settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of the hook's decision holds what `POST /evaluate` answers, places in the client's bundle apart.

    A CDS client lays the same record out in another way: entries stand elsewhere, and the Patient has no fullUrl.
    """
    monkeypatch.setattr("cds.service.hooks.door.today", lambda: dt.date(2026, 11, 22))
    plain, bundle = evaluated(fhir, name), record(name)
    call = {
        "hook": "patient-view",
        "hookInstance": INSTANCE,
        "context": {"userId": "Practitioner/a", "patientId": patient_of(bundle).partition("/")[2]},
        "prefetch": prefetch_of(bundle),
    }
    response = fhir.post(f"/cds-services/{REVIEW}", json=call)
    assert response.status_code == 200, response.text[:300]
    records = open_records(settings.database.get_secret_value())
    decided = [entry for entry in records.entries() if entry.kind == "decision"][-1]
    answer = records.content(decided.id)["answer"]
    records.close()
    assert "/cds-services" in decided.body["door"]
    assert laid_out_anyhow(answer) == laid_out_anyhow(plain)
    in_scope = [lesion for lesion in plain["lesions"] if lesion["scope"]["truth"] == "true"]
    assert len(response.json()["cards"]) == len(in_scope)


def laid_out_anyhow(node: Any) -> Any:
    """An answer without the places in the bundle: entries by their number, and what only led from one to another."""
    if isinstance(node, list):
        told = [
            laid_out_anyhow(each) for each in node if not (isinstance(each, dict) and each.get("role") == "context")
        ]
        return sorted(told, key=json.dumps) if node and isinstance(node[0], dict) and "role" in node[0] else told
    if isinstance(node, dict):
        return {name: laid_out_anyhow(value) for name, value in node.items() if name not in ("entry", "expression")}
    return re.sub(r"Bundle\.entry\[\d+\]", "Bundle.entry", node) if isinstance(node, str) else node
