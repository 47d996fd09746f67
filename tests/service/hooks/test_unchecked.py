"""A case that could not be checked says so; a record that names nothing of ours stays silent."""

from __future__ import annotations

import copy

import pytest

from tests.service.hooks.calls import (
    CRYOABLATION,
    FAMILIES,
    LARYNGECTOMY,
    PUBLIC,
    Examples,
    Json,
    Post,
    draft,
    empties,
    outcome,
    searchset,
    trace,
)

FAILED = outcome("error", "exception")
ICD10 = "http://hl7.org/fhir/sid/icd-10"


def without_tumours(call: Json) -> Json:
    """The call with the search for tumours failed."""
    call["prefetch"]["bodyStructures"] = FAILED
    return call


def unresolved(examples: Examples, number: str, call: Json) -> Json:
    """The call with every reference to the Patient as the bundle wrote it, which a Patient without fullUrl does not
    answer to.
    """
    found: dict[str, list[Json]] = {}
    for entry in examples.bundle(number)["entry"]:
        type_ = entry["resource"]["resourceType"]
        if type_ != "Patient":
            found.setdefault(FAMILIES[type_], []).append({**entry, "search": {"mode": "match"}})
    call["prefetch"].update({key: searchset(*entries) for key, entries in found.items()})
    return call


def condition(patient: str, code: str, **members: object) -> Json:
    """A Condition by its code of ICD-10."""
    return {
        "resourceType": "Condition", "id": "c", "subject": {"reference": f"Patient/{patient}"},
        "clinicalStatus": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active",
        }]},
        "code": {"coding": [{"system": ICD10, "code": code}]}, **members,
    }  # fmt: skip


def of_another_kind(examples: Examples, call: Json, *codes: str) -> Json:
    """The call of a patient with these Conditions, of whom every other search failed."""
    patient = examples.patient("01")
    entries = [{"resource": {**condition(patient, code), "id": code}} for code in codes]
    call["prefetch"] = {"patient": call["prefetch"]["patient"], "conditions": searchset(*entries) if entries else None}
    return call


def is_no_verdict(card: Json, *named: str) -> None:
    assert card["indicator"] == "warning"
    assert "could not be checked, no verdict" in card["summary"]
    assert list(empties(card)) == []
    assert "suggestions" not in card
    for text in ("eligible", "conditional", "contraindicated", "Missing and decisive", "Owed now"):
        assert text not in card["summary"] + card["detail"]
    for text in named:
        assert text in card["detail"]
    assert card["source"]["label"]
    told = trace(card)
    assert told.get("rules", []) == []
    assert card["links"][0]["url"] == told["derivation"] == f"{PUBLIC}/board/records/{told['record']}"


@pytest.mark.parametrize("number", ["02", "04"])
def test_an_order_that_could_not_be_checked_says_so(check: Post, examples: Examples, number: str) -> None:
    call = examples.sign(number, draft(LARYNGECTOMY, examples.patient(number)))
    (whole,) = check(call).json()["cards"]
    assert (whole["indicator"], "salvage surgery ineligible" in whole["summary"]) == ("critical", True)
    (card,) = check(without_tumours(call)).json()["cards"]
    is_no_verdict(card, "Not obtained in full: bodyStructures", "for want of")
    assert trace(card)["orders"] == ["ServiceRequest/order-1"]
    assert trace(card)["option"] == "salvage-surgery"


def test_the_lesion_that_could_not_be_checked_is_told_beside_the_other(check: Post, examples: Examples) -> None:
    call = examples.sign("06", draft(LARYNGECTOMY, examples.patient("06")))
    assert "critical" in [card["indicator"] for card in check(call).json()["cards"]]
    *checked, card = check(without_tumours(call)).json()["cards"]
    assert [trace(each)["lesion"] for each in checked] == ["recurrence-tongue"]
    is_no_verdict(card, "neck node, right")
    assert trace(card)["lesion"] == "recurrence-neck"


def test_an_order_for_the_lesion_that_was_checked_is_not_said_to_be_unchecked(check: Post, examples: Examples) -> None:
    reason = [{"reference": "Condition/recurrence-tongue"}]
    order = draft(LARYNGECTOMY, examples.patient("06"), reasonReference=reason)
    (card,) = check(without_tumours(examples.sign("06", order))).json()["cards"]
    assert trace(card)["lesion"] == "recurrence-tongue"


def test_two_orders_that_could_not_be_checked_make_one_card(check: Post, examples: Examples) -> None:
    patient = examples.patient("02")
    orders = (draft(LARYNGECTOMY, patient), draft(CRYOABLATION, patient, "order-2"))
    (card,) = check(without_tumours(examples.sign("02", *orders))).json()["cards"]
    is_no_verdict(card)
    assert trace(card)["orders"] == ["ServiceRequest/order-1", "ServiceRequest/order-2"]


@pytest.mark.parametrize("sent", ["all but tumours", "patient and conditions"])
def test_a_review_that_could_not_be_made_says_so(view: Post, examples: Examples, sent: str) -> None:
    call = examples.view("04")
    if sent == "all but tumours":
        call = without_tumours(call)
    else:
        call["prefetch"] = {key: call["prefetch"][key] for key in ("patient", "conditions")}
    (card,) = view(call).json()["cards"]
    is_no_verdict(card, "bodyStructures", "neck node, right")


def test_a_record_whose_references_do_not_resolve_is_no_silence(
    view: Post, check: Post, examples: Examples
) -> None:
    (card,) = view(unresolved(examples, "03", examples.view("03"))).json()["cards"]
    is_no_verdict(card, "No tumour of head and neck could be read", "does not show whose it is")
    order = draft(LARYNGECTOMY, examples.patient("03"))
    (card,) = check(unresolved(examples, "03", examples.sign("03", order))).json()["cards"]
    is_no_verdict(card, "No tumour of head and neck could be read")


def test_an_unconfirmed_tumour_is_no_silence_while_a_search_failed(view: Post, examples: Examples) -> None:
    call = of_another_kind(examples, examples.view("01"), "C01")
    (card,) = view(call).json()["cards"]
    is_no_verdict(card, "No tumour of head and neck could be read")


@pytest.mark.parametrize("codes", [(), ("E11",), ("C50.9",), ("E11", "C50.9", "I10")])
def test_a_failed_search_makes_no_card_for_a_patient_without_head_and_neck_cancer(
    view: Post, examples: Examples, codes: tuple[str, ...]
) -> None:
    assert view(of_another_kind(examples, examples.view("01"), *codes)).json() == {"cards": []}


def test_references_that_do_not_resolve_make_no_card_for_a_patient_without_head_and_neck_cancer(
    view: Post, examples: Examples
) -> None:
    call = of_another_kind(examples, examples.view("01"), "E11", "C50.9")
    for entry in call["prefetch"]["conditions"]["entry"]:
        entry["resource"]["subject"] = {"reference": "urn:uuid:6a2b2f0c-2c0a-4a9e-9d53-2b3f1f8a6c11"}
    assert view(call).json() == {"cards": []}


@pytest.mark.parametrize("codes", [(), ("E11",)])
def test_an_order_of_ours_is_never_met_with_silence_while_a_search_failed(
    check: Post, examples: Examples, codes: tuple[str, ...]
) -> None:
    call = of_another_kind(examples, examples.sign("01", draft(CRYOABLATION, examples.patient("01"))), *codes)
    (card,) = check(call).json()["cards"]
    is_no_verdict(card, "No tumour of head and neck could be read")


def test_an_order_in_a_whole_record_without_head_and_neck_cancer_is_met_with_silence(
    check: Post, examples: Examples, keys: tuple[str, ...]
) -> None:
    call = of_another_kind(examples, examples.sign("01", draft(CRYOABLATION, examples.patient("01"))), "C50.9")
    call["prefetch"] = dict.fromkeys(keys) | call["prefetch"]
    assert check(call).json() == {"cards": []}


@pytest.mark.parametrize("lacking", ["nothing", "bodyStructures"])
def test_out_of_scope_is_an_answer_even_where_a_search_failed(
    view: Post, check: Post, examples: Examples, lacking: str
) -> None:
    order = draft(LARYNGECTOMY, examples.patient("10"))
    for post, call in ((view, examples.view("10")), (check, examples.sign("10", order))):
        sent = copy.deepcopy(call)
        if lacking != "nothing":
            sent["prefetch"][lacking] = FAILED
        assert post(sent).json() == {"cards": []}
