"""A call's envelope and context: what is accepted, and that every problem is named (checklist A, D, I and L)."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cds.service.hooks.services import ORDER, REVIEW
from tests.service.hooks.calls import (
    CRYOABLATION,
    FHIR,
    LARYNGECTOMY,
    TOKEN,
    Examples,
    Json,
    Post,
    draft,
    grant,
    issues,
    searchset,
    trace,
)

BAD: list[tuple[str, Callable[[Json], Any], str]] = [
    ("no hook", lambda c: c.pop("hook"), "hook"),
    ("a hook of another service", lambda c: c.update(hook="order-sign"), "hook"),
    ("a hook that is a number", lambda c: c.update(hook=1), "hook"),
    ("no instance", lambda c: c.pop("hookInstance"), "hookInstance"),
    ("an instance that is no UUID", lambda c: c.update(hookInstance="1"), "hookInstance"),
    ("no context", lambda c: c.pop("context"), "context"),
    ("a context that is a list", lambda c: c.update(context=[]), "context"),
    ("no user", lambda c: c["context"].pop("userId"), "context.userId"),
    ("a user without a type", lambda c: c["context"].update(userId="a"), "context.userId"),
    ("a user of no such type", lambda c: c["context"].update(userId="Device/a"), "context.userId"),
    ("no patient", lambda c: c["context"].pop("patientId"), "context.patientId"),
    ("a patient that is no id", lambda c: c["context"].update(patientId="a b"), "context.patientId"),
    ("a patient that is another reference", lambda c: c["context"].update(patientId="Group/1"), "context.patientId"),
    ("an encounter that is a number", lambda c: c["context"].update(encounterId=1), "context.encounterId"),
    ("prefetch that is a list", lambda c: c.update(prefetch=[]), "prefetch"),
    ("an extension that is a text", lambda c: c.update(extension="x"), "extension"),
    ("a token without a server", lambda c: c.update(fhirAuthorization=grant()), ""),
    ("a server that is an object", lambda c: c.update(fhirServer={}), "fhirServer"),
]


@pytest.mark.parametrize(("change", "place"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_item_21_what_a_call_has_to_say_is_checked(
    view: Post, examples: Examples, change: Callable[[Json], Any], place: str
) -> None:
    call = copy.deepcopy(examples.view("01"))
    change(call)
    response = view(call)
    assert response.status_code == 400
    assert any(issue.get("expression", [""])[0] == place for issue in issues(response)), response.text


def test_every_problem_of_a_call_is_named_at_once(view: Post) -> None:
    told = issues(view({"hook": "x", "hookInstance": "y", "context": {"patientId": 3}, "prefetch": 4}))
    places = {issue["expression"][0] for issue in told if issue.get("expression")}
    assert places == {"hook", "hookInstance", "context.patientId", "context.userId", "prefetch"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.update(hookInstance="1"), "hookInstance: it is no UUID; send one as `d1577c69-"),
        (lambda c: c["context"].update(patientId=7), "context.patientId: it is no text; send a JSON string"),
        (lambda c: c["context"].update(userId="a"), "context.userId: it is no user of this hook; send the"),
        (lambda c: c["context"].update(encounterId="a/b"), "context.encounterId: it is no id of a resource; send the"),
        (lambda c: c["context"].update(selections=[]), "context.selections: it is empty; send at least one"),
        (lambda c: c["context"].update(selections=["x"]), "context.selections[0]: it is no reference; send the type"),
        (lambda c: c["context"].update(selections="x"), "context.selections: it is no list; send a JSON array"),
        (lambda c: c["context"]["draftOrders"].update(resourceType="x"), "it is none of the values that are known;"),
        (lambda c: c.update(prefetch=[]), "prefetch: it is no object; send a JSON object"),
        (lambda c: c.update(fhirServer=1), "fhirServer: it is no text; send a JSON string"),
        (
            lambda c: c.update(fhirServer=FHIR, fhirAuthorization={**grant(), "expires_in": 0}),
            "fhirAuthorization.expires_in: it is too small; send more than 0",
        ),
    ],
)  # fmt: skip
def test_every_problem_says_what_is_wrong_and_what_to_send_and_is_told_once(
    check: Post, examples: Examples, change: Callable[[Json], Any], told: str
) -> None:
    call = examples.sign("01", draft(CRYOABLATION, examples.patient("01")), hook="order-select")
    call["context"]["selections"] = ["ServiceRequest/order-1"]
    change(call)
    (issue,) = issues(check(call))
    assert told in issue["diagnostics"]


def test_item_22_a_token_needs_the_server_that_it_is_for(view: Post, examples: Examples) -> None:
    response = view(examples.view("01", fhirAuthorization=grant()))
    assert response.status_code == 400
    assert "without fhirServer" in response.text


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("access_token", None), ("token_type", "Basic"), ("token_type", None), ("expires_in", "300"), ("expires_in", 0),
        ("scope", None), ("subject", None),
    ],
)  # fmt: skip
def test_item_23_a_grant_says_all_that_it_has_to(view: Post, examples: Examples, member: str, value: Any) -> None:
    given = {**grant(), member: value}
    if value is None:
        del given[member]
    response = view(examples.view("01", fhirServer=FHIR, fhirAuthorization=given))
    assert response.status_code == 400
    assert TOKEN not in response.text
    assert f"fhirAuthorization.{member}" in response.text


def test_item_23_a_patients_scope_without_the_patient_is_a_warning(view: Post, examples: Examples) -> None:
    given = {**grant(), "scope": "patient/Observation.rs"}
    (card,) = view(examples.view("01", fhirServer=FHIR, fhirAuthorization=given)).json()["cards"]
    assert any("fhirAuthorization.patient" in warning for warning in trace(card)["warnings"])


def test_item_24_the_token_is_sent_with_every_request_and_is_nowhere_else(
    fetching: Callable[..., TestClient], examples: Examples, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json=searchset())

    for scope in ("user/Observation.rs", "user/Observation.read"):
        call = examples.view("01", fhirServer=FHIR, fhirAuthorization={**grant(), "scope": scope})
        del call["prefetch"]["labs"], call["prefetch"]["forms"]
        with caplog.at_level(logging.DEBUG):
            response = fetching(answer).post(f"/cds-services/{REVIEW}", json=call)
        assert response.status_code == 200
        assert TOKEN not in response.text
    assert len(asked) == 4
    assert all(request.headers["authorization"] == f"Bearer {TOKEN}" for request in asked)
    assert TOKEN not in caplog.text


ORDERS: list[tuple[str, str, Callable[[Json], Any]]] = [
    ("order-select", "no selections", lambda c: c.pop("selections")),
    ("order-select", "selections that are empty", lambda c: c.update(selections=[])),
    ("order-select", "a bare selection", lambda c: c.update(selections=["order-1"])),
    ("order-select", "a selection that is no draft", lambda c: c.update(selections=["ServiceRequest/other"])),
    ("order-select", "no drafts", lambda c: c.pop("draftOrders")),
    ("order-sign", "no drafts", lambda c: c.pop("draftOrders")),
    ("order-sign", "drafts that are no Bundle", lambda c: c.update(draftOrders={"resourceType": "List"})),
    ("order-sign", "a user who orders nothing", lambda c: c.update(userId="Patient/1")),
    ("order-dispatch", "no orders", lambda c: c.pop("dispatchedOrders")),
    ("order-dispatch", "a bare order", lambda c: c.update(dispatchedOrders=["order-1"])),
    ("order-dispatch", "no performer", lambda c: c.pop("performer")),
    ("order-dispatch", "a task for another order", lambda c: c.update(fulfillmentTasks=[{"resourceType": "Task"}])),
]


@pytest.mark.parametrize(("hook", "what", "change"), ORDERS, ids=[f"{case[0]} with {case[1]}" for case in ORDERS])
def test_item_25_the_context_is_that_of_its_hook(
    check: Post, examples: Examples, hook: str, what: str, change: Callable[[Json], Any]
) -> None:
    call = copy.deepcopy(examples.sign("01", draft(LARYNGECTOMY, examples.patient("01")), hook=hook))
    call["context"]["selections"] = ["ServiceRequest/order-1"]
    if hook == "order-dispatch":
        call["context"].update(dispatchedOrders=["ServiceRequest/order-1"], performer="Organization/x")
        call["prefetch"]["requests"] = searchset({"resource": draft(LARYNGECTOMY, examples.patient("01"))})
    assert check(call).status_code == 200, what
    change(call["context"])
    response = check(call)
    assert response.status_code == 400
    assert all(issue["expression"][0].startswith("context") for issue in issues(response))


def test_item_25_a_dispatch_names_no_user_and_may_name_tasks(check: Post, examples: Examples) -> None:
    call = examples.dispatch("01", "ServiceRequest/order-1")
    call["prefetch"]["requests"] = searchset({"resource": draft(CRYOABLATION, examples.patient("01"))})
    task = {"resourceType": "Task", "status": "requested", "intent": "order"}
    task["focus"] = {"reference": "ServiceRequest/order-1"}
    call["context"]["fulfillmentTasks"] = [task]
    response = check(call)
    assert response.status_code == 200
    assert response.json()["cards"][0]["indicator"] == "critical"


def test_item_26_another_patients_record_is_refused_wherever_it_stands(
    view: Post, check: Post, examples: Examples
) -> None:
    patient = examples.patient("01")
    wrong = examples.view("01")
    wrong["prefetch"]["patient"] = {**wrong["prefetch"]["patient"], "id": "someone-else"}
    other = examples.view("01")
    other["prefetch"]["conditions"]["entry"][0]["resource"]["subject"] = {"reference": f"{FHIR}/Patient/someone-else"}
    unnamed = examples.view("01")
    del unnamed["prefetch"]["patient"]["id"]
    order = examples.sign("01", draft(LARYNGECTOMY, "someone-else"))
    assert patient != "someone-else"
    for post, call, place in (
        (view, wrong, "prefetch.patient.id"),
        (view, other, "prefetch.conditions.entry[0].resource.subject"),
        (view, unnamed, "prefetch.patient.id"),
        (check, order, "context.draftOrders.entry[0].resource.subject"),
    ):
        response = post(call)
        assert response.status_code == 400
        assert place in {issue["expression"][0] for issue in issues(response)}
        assert {issue["details"]["coding"][0]["code"] for issue in issues(response)} == {"other-patient"}


def test_item_27_a_request_of_two_fhir_versions_is_refused(view: Post, check: Post, examples: Examples) -> None:
    mixed = examples.view("01")
    mixed["prefetch"]["procedures"]["entry"][0]["resource"]["occurrenceDateTime"] = "2026-01-01"
    response = view(mixed)
    assert response.status_code == 422
    assert "prefetch.procedures.entry[0].resource.occurrenceDateTime" in response.text
    old = {"resourceType": "ProcedureRequest", "id": "order-1", "subject": {"reference": "Patient/p"}}
    response = check(examples.sign("01", old))
    assert response.status_code == 400
    assert "context.draftOrders.entry[0].resource" in response.text


def test_item_28_unknown_members_are_passed_over(view: Post, examples: Examples) -> None:
    plain = view(examples.view("01")).json()["cards"][0]
    call = examples.view("01", somethingNew={"a": 1}, extension={"org.example.other": {"b": 2}})
    call["context"]["more"] = [1]
    call["prefetch"]["item1"] = {"resourceType": "Patient", "id": "of-another-service"}
    call["prefetch"]["item2"] = None
    card = view(call).json()["cards"][0]
    assert card["summary"] == plain["summary"]


def test_item_29_what_cannot_be_served_gets_its_status_and_an_outcome(hooks: TestClient, examples: Examples) -> None:
    address = f"/cds-services/{REVIEW}"
    call = examples.view("01")
    answers = {
        "unknown service": (hooks.post("/cds-services/greeter", json=call), 404),
        "a hook of another service": (hooks.post(f"/cds-services/{ORDER}", json=call), 400),
        "no JSON": (hooks.post(address, content=b"{", headers={"content-type": "application/json"}), 400),
        "a JSON list": (hooks.post(address, json=[]), 400),
        "too large": (hooks.post(address, json={**call, "more": "x" * 400_000}), 413),
        "another type": (hooks.post(address, content=b"a=b", headers={"content-type": "text/plain"}), 415),
    }
    for name, (response, status) in answers.items():
        assert response.status_code == status, name
        issues(response)


def test_item_l_the_statuses_are_those_of_the_table(hooks: TestClient, examples: Examples) -> None:
    address = f"/cds-services/{REVIEW}"
    assert hooks.post(address, json=examples.view("01")).status_code == 200
    assert hooks.get(address).status_code == 405
    assert hooks.post("/cds-services", json={}).status_code == 405
    missing = examples.view("01")
    del missing["prefetch"]["conditions"]
    assert hooks.post(address, json=missing).status_code == 412
    unmappable = examples.view("01")
    unmappable["prefetch"]["conditions"]["entry"][0]["resource"]["resourceType"] = "Contition"
    response = hooks.post(address, json=unmappable)
    assert response.status_code == 422
    assert "prefetch.conditions.entry[0].resource.resourceType" in response.text
    assert hooks.get(address).json()["resourceType"] == "OperationOutcome"


def test_item_01_every_body_is_json(hooks: TestClient, examples: Examples) -> None:
    assert hooks.get("/cds-services").headers["content-type"] == "application/json"
    for path, call, kind in (
        (REVIEW, examples.view("01"), "application/json"),
        (REVIEW, {}, "application/fhir+json"),
        (f"{REVIEW}/feedback", {}, "application/fhir+json"),
    ):
        response = hooks.post(f"/cds-services/{path}", json=call)
        assert response.headers["content-type"] == kind
        json.loads(response.content)


def test_item_04_what_is_sent_is_strict_json_and_so_is_what_is_read(hooks: TestClient, examples: Examples) -> None:
    text = json.dumps(examples.view("01"))
    for spoilt in (text[:-1] + ",}", f"/* a note */{text}", text[:-1] + ', "hook": "patient-view"}'):
        response = hooks.post(
            f"/cds-services/{REVIEW}", content=spoilt.encode(), headers={"content-type": "application/json"}
        )
        assert response.status_code == 400
        issues(response)


def test_item_62_browsers_of_listed_origins_may_call_and_no_others(hooks: TestClient) -> None:
    for path, method in (
        ("/cds-services", "GET"), (f"/cds-services/{REVIEW}", "POST"), (f"/cds-services/{REVIEW}/feedback", "POST"),
    ):  # fmt: skip
        ask = {"access-control-request-method": method, "access-control-request-headers": "authorization,content-type"}
        allowed = hooks.options(path, headers={"origin": "https://ehr.example.org", **ask})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://ehr.example.org"
        methods = allowed.headers["access-control-allow-methods"].split(",")
        assert {method.strip() for method in methods} <= {"GET", "POST", "OPTIONS"}
        refused = hooks.options(path, headers={"origin": "https://evil.example", **ask})
        assert "access-control-allow-origin" not in refused.headers


def test_patient_ids_with_their_type_are_taken_with_a_warning(view: Post, examples: Examples) -> None:
    call = examples.view("01")
    call["context"]["patientId"] = f"Patient/{call['context']['patientId']}"
    call["context"]["encounterId"] = "Encounter/7"
    (card,) = view(call).json()["cards"]
    assert len(trace(card)["warnings"]) == 2


JUNK = st.one_of(
    st.sampled_from([None, True, 0, 1.5, "", "x", [], {}, [None], "Patient/p", "ServiceRequest/order-1"]),
    st.sampled_from([{"resourceType": "Bundle"}, {"resourceType": [1]}, {"entry": [None]}, {"reference": 3}]),
    st.text(max_size=5),
)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(value, (*path, key))


@settings(max_examples=30)
@given(data=st.data())
def test_whatever_stands_in_a_call_the_answer_is_cards_or_an_outcome(
    hooks: TestClient, examples: Examples, data: st.DataObject
) -> None:
    order = draft(LARYNGECTOMY, examples.patient("02"))
    made, service = data.draw(
        st.sampled_from([
            (examples.view("02"), REVIEW), (examples.sign("02", order), ORDER),
            (examples.dispatch("02", "ServiceRequest/order-1"), ORDER),
        ])
    )  # fmt: skip
    call = copy.deepcopy(made)
    every = sorted((place for place in places(call) if place), key=len)
    *within, last = data.draw(st.sampled_from(every[:60]) | st.sampled_from(every))
    node = call
    for key in within:
        node = node[key]
    node[last] = data.draw(JUNK)
    response = hooks.post(f"/cds-services/{service}", json=call)
    if response.status_code == 200:
        assert list(response.json()) == ["cards"]
    else:
        assert response.status_code in (400, 412, 422), response.text
        assert issues(response)
