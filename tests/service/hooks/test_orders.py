"""The check of orders: which are ours, what is said of them, and silence about every other (order hooks)."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest
from starlette.testclient import TestClient

from cds.ruleset import RuleSet
from cds.service.hooks.orders import read_orders
from cds.service.hooks.prefetch import Found
from cds.service.hooks.services import ORDER
from tests.service.hooks.calls import (
    BLOOD_COUNT,
    CRYOABLATION,
    FHIR,
    LARYNGECTOMY,
    RADIOFREQUENCY,
    Examples,
    Json,
    Post,
    draft,
    grant,
    issues,
    searchset,
    trace,
)


def test_an_order_of_an_excluded_option_is_critical_and_says_why(check: Post, examples: Examples) -> None:
    (card,) = check(examples.sign("02", draft(LARYNGECTOMY, examples.patient("02")))).json()["cards"]
    assert card["indicator"] == "critical"
    assert "salvage surgery ineligible" in card["summary"]
    assert "The surgical team judged: unresectable" in card["detail"]
    assert "ryoablation" not in card["detail"]
    assert trace(card)["orders"] == ["ServiceRequest/order-1"]
    assert trace(card)["option"] == "salvage-surgery"


def test_an_order_that_something_speaks_against_is_a_warning_with_its_duties(check: Post, examples: Examples) -> None:
    (card,) = check(examples.sign("02", draft(CRYOABLATION, examples.patient("02")))).json()["cards"]
    assert card["indicator"] == "warning"
    assert "cryoablation conditional" in card["summary"]
    assert "Owed now" in card["detail"]
    assert {"TP-1", "CR-11", "PL-3", "RC-1"} <= set(trace(card)["rules"])
    assert len(card["suggestions"]) == 5


def test_an_order_that_the_patient_declined_is_critical(check: Post, examples: Examples) -> None:
    (card,) = check(examples.sign("03", draft(LARYNGECTOMY, examples.patient("03")))).json()["cards"]
    assert card["indicator"] == "critical"
    assert "declined by the patient" in card["summary"]


def test_an_order_whose_exclusion_is_undecided_warns_and_says_what_is_missing(check: Post, examples: Examples) -> None:
    (card,) = check(examples.sign("04", draft(CRYOABLATION, examples.patient("04")))).json()["cards"]
    assert card["indicator"] == "warning"
    assert "exclusion not yet decided" in card["detail"]
    assert "Missing and decisive" in card["detail"]


@pytest.mark.parametrize(
    "order",
    [
        draft(BLOOD_COUNT, "p"), {**draft(LARYNGECTOMY, "p"), "doNotPerform": True},
        {**draft(LARYNGECTOMY, "p"), "status": "revoked"}, {**draft(LARYNGECTOMY, "p"), "status": "entered-in-error"},
        {**draft(LARYNGECTOMY, "p"), "code": {"text": "laryngectomy"}},
        {**draft(LARYNGECTOMY, "p"), "code": {"coding": [{"code": LARYNGECTOMY[1]}]}},
        draft(("http://loinc.org", LARYNGECTOMY[1]), "p"),
    ],
)  # fmt: skip
def test_every_other_order_is_met_with_silence(check: Post, examples: Examples, order: Json) -> None:
    mine = {**order, "subject": {"reference": f"Patient/{examples.patient('02')}"}}
    assert check(examples.sign("02", mine)).json() == {"cards": []}


def test_an_order_with_nothing_to_say_about_it_gives_no_card(check: Post, examples: Examples) -> None:
    call = examples.sign("01", draft(LARYNGECTOMY, examples.patient("01")))
    (card,) = check(call).json()["cards"]
    assert trace(card)["rules"] == ["DQ-5"], "surgery is eligible here; only the meeting is still owed"
    code = {"system": "https://example.org/fhir/CodeSystem/hnc-cds-observation", "code": "mdt-discussed"}
    discussed = {
        "resourceType": "Observation", "id": "mdt", "status": "final", "code": {"coding": [code]},
        "subject": {"reference": f"Patient/{examples.patient('01')}"}, "effectiveDateTime": "2026-11-20",
        "valueBoolean": True,
    }  # fmt: skip
    findings = call["prefetch"]["findings"]
    findings["entry"].append({"resource": discussed, "search": {"mode": "match"}})
    findings["total"] += 1
    assert check(call).json() == {"cards": []}


def test_out_of_scope_no_order_is_judged(check: Post, examples: Examples) -> None:
    assert check(examples.sign("10", draft(LARYNGECTOMY, examples.patient("10")))).json() == {"cards": []}


def test_an_ablation_by_another_means_says_that_the_rules_speak_of_cryoablation(
    check: Post, examples: Examples
) -> None:
    (card,) = check(examples.sign("02", draft(RADIOFREQUENCY, examples.patient("02")))).json()["cards"]
    assert "not coded as cryoablation" in card["detail"]
    assert trace(card)["option"] == "cryoablation"


def test_only_selected_orders_are_checked(check: Post, examples: Examples) -> None:
    patient = examples.patient("02")
    orders = (draft(LARYNGECTOMY, patient), draft(BLOOD_COUNT, patient, "order-2"))
    call = examples.sign("02", *orders, hook="order-select")
    call["context"]["selections"] = ["ServiceRequest/order-2"]
    assert check(call).json() == {"cards": []}
    call["context"]["selections"] = ["ServiceRequest/order-1"]
    assert len(check(call).json()["cards"]) == 1


def test_two_orders_of_one_option_make_one_card(check: Post, examples: Examples) -> None:
    patient = examples.patient("02")
    call = examples.sign("02", draft(LARYNGECTOMY, patient), draft(LARYNGECTOMY, patient, "order-2"))
    (card,) = check(call).json()["cards"]
    assert trace(card)["orders"] == ["ServiceRequest/order-1", "ServiceRequest/order-2"]


def test_an_order_that_names_its_lesion_is_checked_for_that_one(check: Post, examples: Examples) -> None:
    patient = examples.patient("06")
    unnamed = check(examples.sign("06", draft(LARYNGECTOMY, patient))).json()["cards"]
    assert [trace(card)["lesion"] for card in unnamed] == ["T1", "T2"]
    assert all("does not say which lesion" in card["detail"] for card in unnamed)
    named = draft(LARYNGECTOMY, patient, reasonReference=[{"reference": "Condition/recurrence-neck"}])
    (card,) = check(examples.sign("06", named)).json()["cards"]
    assert trace(card)["lesion"] == "T2"
    assert card["indicator"] == "critical"
    assert "does not say which lesion" not in card["detail"]


def test_drafts_that_are_no_fhir_are_all_named(check: Post, examples: Examples) -> None:
    wrong = draft(LARYNGECTOMY, examples.patient("02"), authoredOn="soon")
    response = check(examples.sign("02", wrong, {"id": "order-2"}, {"resourceType": "Order", "id": "x"}))
    assert response.status_code == 400
    places = {issue["expression"][0] for issue in issues(response)}
    assert places == {
        "context.draftOrders.entry[0].resource.authoredOn", "context.draftOrders.entry[1].resource",
        "context.draftOrders.entry[2].resource",
    }  # fmt: skip


def test_an_irrelevant_order_asks_for_no_data(fetching: Callable[..., TestClient], examples: Examples) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError(f"{request.url} was asked")

    order = draft(BLOOD_COUNT, examples.patient("02"))
    call = examples.sign("02", order, fhirServer=FHIR, fhirAuthorization=grant(), prefetch={})
    assert fetching(answer).post(f"/cds-services/{ORDER}", json=call).json() == {"cards": []}


def test_a_dispatched_order_is_found_in_the_prefetch_or_fetched(
    check: Post, fetching: Callable[..., TestClient], examples: Examples
) -> None:
    order = draft(LARYNGECTOMY, examples.patient("02"), status="active")
    call = examples.dispatch("02", "ServiceRequest/order-1")
    call["prefetch"]["requests"] = searchset({"resource": order})
    (given,) = check(call).json()["cards"]

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/fhir/ServiceRequest/order-1"
        return httpx2.Response(200, json=order)

    call = examples.dispatch("02", "ServiceRequest/order-1", fhirServer=FHIR, fhirAuthorization=grant())
    (fetched,) = fetching(answer).post(f"/cds-services/{ORDER}", json=call).json()["cards"]
    assert (given["summary"], given["indicator"]) == (fetched["summary"], fetched["indicator"])
    assert given["indicator"] == "critical"


def test_a_dispatched_order_that_cannot_be_had_is_no_order_without_objections(check: Post, examples: Examples) -> None:
    response = check(examples.dispatch("02", "ServiceRequest/unknown"))
    assert response.status_code == 412
    assert issues(response)[0]["expression"] == ["context.dispatchedOrders[0]"]


def test_a_dispatched_order_of_another_kind_is_met_with_silence(check: Post, examples: Examples) -> None:
    assert check(examples.dispatch("02", "MedicationRequest/1", prefetch={})).json() == {"cards": []}


def test_a_dispatched_order_of_another_patient_is_refused(
    fetching: Callable[..., TestClient], examples: Examples
) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=draft(LARYNGECTOMY, "someone-else"))

    call = examples.dispatch("02", "ServiceRequest/order-1", fhirServer=FHIR, fhirAuthorization=grant())
    response = fetching(answer).post(f"/cds-services/{ORDER}", json=call)
    assert response.status_code == 400


def test_each_code_of_an_option_is_an_order_of_it(rule_set: RuleSet) -> None:
    tables = rule_set.mapping
    assert tables.hooks is not None
    for line in tables.hooks.orders:
        assert line.option in rule_set.options
        for system, code in tables.value_set(line.codes).codes:
            order = draft((tables.systems[system].uri, code), "p")
            assert line.option in {each.option for each in read_orders([Found("x", order)], tables)}
