"""What was prefetched, what was not, and that silence about what was not obtained is never an answer (checklist E)."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import httpx2
import pytest
from starlette.testclient import TestClient

from cds.api import evaluate
from cds.errors import Issue
from cds.records import Records
from cds.ruleset import RuleSet
from cds.service.hooks.bundle import compose
from cds.service.hooks.envelope import Authorization
from cds.service.hooks.fhir_server import FhirServer, allowed_base, new_client, within
from cds.service.hooks.prefetch import Part, State, read_answer, receive
from cds.service.hooks.services import INDISPENSABLE, REVIEW, templates
from cds.service.hooks.settings import HooksSettings
from tests.service.hooks.calls import FHIR, Examples, Json, Post, grant, issues, outcome, searchset, trace

Answer = Callable[[httpx2.Request], httpx2.Response]


def received(value: Any, template: str = "Condition?patient={{context.patientId}}") -> tuple[State, str]:
    problems: list[Issue] = []
    part = receive({"k": value}, {"k": template}, problems)["k"]
    assert not problems
    return part.state, part.why


def facts(records: Records, card: Json) -> dict[str, Json]:
    """The patient's facts in the record of the answer that a card was made from."""
    answer = records.content(trace(card)["record"])["answer"]
    return {fact["name"]: fact for fact in answer["facts"] if fact["subject"] == "patient"}


def test_item_05_null_says_that_there_is_none_and_is_neither_400_nor_412(view: Post, examples: Examples) -> None:
    call = examples.view("01")
    for key in call["prefetch"]:
        one = copy.deepcopy(call)
        one["prefetch"][key] = None
        assert view(one).status_code == 200, key
    everything = {**call, "prefetch": dict.fromkeys(call["prefetch"])}
    assert view(everything).json() == {"cards": []}


def test_no_patient_found_is_said_on_the_cards_of_a_record_that_names_a_tumour(view: Post, examples: Examples) -> None:
    """There always is a patient in context. Without the date of birth the scope is open, and silence would answer."""
    call = examples.view("01")
    call["prefetch"]["patient"] = None
    (card,) = view(call).json()["cards"]
    assert card["indicator"] == "warning"
    assert "could not be checked" in card["summary"]
    assert "Not obtained in full: patient" in card["detail"]


def test_item_30_a_missing_key_is_no_answer_and_null_and_an_empty_searchset_are() -> None:
    problems: list[Issue] = []
    assert receive({}, {"k": "Condition?x"}, problems)["k"].state is State.MISSING
    assert received(None)[0] is State.NONE
    assert received(searchset())[0] is State.NONE
    assert received(searchset({"resource": {"resourceType": "Condition"}}))[0] is State.OBTAINED
    assert not problems


@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_item_31_an_outcome_in_place_of_a_resource_or_within_a_bundle_is_no_negative_finding(severity: str) -> None:
    assert received(outcome(severity, "exception"))[0] is State.MISSING
    condition = {"resource": {"resourceType": "Condition"}}
    failure = {"resource": outcome(severity, "exception"), "search": {"mode": "outcome"}}
    state, why = received(searchset(condition, failure))
    assert state is State.MISSING
    assert "exception" in why


def test_item_31_a_warning_that_something_is_withheld_counts_and_one_that_nothing_was_found_does_not() -> None:
    assert received(searchset({"resource": outcome("warning", "suppressed")}))[0] is State.MISSING
    assert received(searchset({"resource": outcome("warning", "forbidden")}))[0] is State.MISSING
    assert received(searchset({"resource": outcome("warning", "not-found")}))[0] is State.NONE
    assert received(searchset({"resource": outcome("information", "informational")}))[0] is State.NONE


def test_item_31_what_the_senders_outcomes_said_is_in_the_cards_trace(view: Post, examples: Examples) -> None:
    call = examples.view("01")
    call["prefetch"]["labs"] = searchset({"resource": outcome("warning", "not-found")})
    (card,) = view(call).json()["cards"]
    assert trace(card)["prefetch"]["labs"] == "none [warning not-found]"


def test_item_32_a_further_page_or_a_larger_total_is_incomplete() -> None:
    condition = {"resource": {"resourceType": "Condition"}}
    following = searchset(condition, link=[{"relation": "next", "url": f"{FHIR}?page=2"}])
    assert received(following)[0] is State.PARTIAL
    assert received(searchset(condition, total=7))[0] is State.PARTIAL
    assert received({"resourceType": "Condition"})[0] is State.PARTIAL


SILENT: list[tuple[str, Callable[[Json], Any]]] = [
    ("forms are missing", lambda p: p.pop("forms")),
    ("the medications' search failed", lambda p: p.update(medications=outcome("error", "exception"))),
    ("imaging was withheld", lambda p: p.update(imaging=searchset({"resource": outcome("warning", "suppressed")}))),
    ("the problem list has a further page", lambda p: p["conditions"].update(link=[{"relation": "next", "url": "x"}])),
    ("the problem list is cut", lambda p: p["conditions"].update(total=99)),
]


@pytest.mark.parametrize("change", [case[1] for case in SILENT], ids=[case[0] for case in SILENT])
def test_silence_is_no_answer_while_anything_was_not_obtained(
    view: Post, examples: Examples, records: Records, change: Callable[[Json], Any]
) -> None:
    """Example 01's problem list is silent about bleeding disorders, which means none while the record is whole."""
    whole = examples.view("01")
    (card,) = view(whole).json()["cards"]
    assert facts(records, card)["patient.bleedingDisorder"]["value"] is False
    lacking = copy.deepcopy(whole)
    change(lacking["prefetch"])
    (card,) = view(lacking).json()["cards"]
    disorder = facts(records, card)["patient.bleedingDisorder"]
    assert disorder["status"] == "absent"
    assert disorder["sources"], "the element that says that something is missing is named"
    assert card["indicator"] == "warning"
    assert "Not obtained in full" in card["detail"]


def test_every_document_fact_is_unknown_rather_than_false_while_something_is_missing(
    view: Post, examples: Examples, records: Records
) -> None:
    call = examples.view("01")
    del call["prefetch"]["forms"]
    (card,) = view(call).json()["cards"]
    answer = records.content(trace(card)["record"])["answer"]
    shown = {fact["name"]: fact for fact in answer["facts"]}
    plan = shown["patient.airwayPlan"]
    assert plan["status"] == "absent" and plan["value"] is None


@pytest.mark.parametrize("key", INDISPENSABLE)
@pytest.mark.parametrize("how", ["missing", "outcome", "failed search", "none of many", "an empty first page"])
def test_item_33_without_what_is_indispensable_the_answer_is_412_and_names_it(
    view: Post, examples: Examples, key: str, how: str
) -> None:
    call = examples.view("01")
    failed = searchset({"resource": outcome("error", "exception")})
    call["prefetch"][key] = {
        "outcome": outcome("error", "forbidden"),
        "none of many": searchset(total=5),
        "an empty first page": searchset(link=[{"relation": "next", "url": f"{FHIR}?page=2"}]),
    }.get(how, failed)
    if how == "missing":
        del call["prefetch"][key]
    response = view(call)
    assert response.status_code == 412
    (issue,) = issues(response)
    assert issue["expression"] == [f"prefetch.{key}"]


def test_item_33_everything_else_may_be_missing(view: Post, examples: Examples, keys: tuple[str, ...]) -> None:
    call = examples.view("01")
    call["prefetch"] = {key: call["prefetch"][key] for key in INDISPENSABLE}
    response = view(call)
    assert response.status_code == 200
    lacking = [key for key in keys if key not in INDISPENSABLE]
    for card in response.json()["cards"]:
        assert all(trace(card)["prefetch"][key].startswith("missing") for key in lacking)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 410, 429, 500, 503])
def test_item_33_a_server_that_does_not_answer_leaves_what_is_indispensable_unobtained(
    fetching: Callable[[Answer], TestClient], examples: Examples, status: int
) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(status, headers={"location": "https://evil.example/"}, json=outcome("error", "x"))

    call = examples.view("01", fhirServer=FHIR, fhirAuthorization=grant())
    del call["prefetch"]["conditions"]
    response = fetching(answer).post(f"/cds-services/{REVIEW}", json=call)
    assert response.status_code == 412
    assert f"the FHIR server answered {status}" in response.text
    assert asked == [f"{FHIR}/Condition?patient={examples.patient('01')}"]


FAULTS: list[tuple[str, Answer]] = [
    ("in time", lambda _: (_ for _ in ()).throw(httpx2.ReadTimeout("x"))),
    ("could not be reached", lambda _: (_ for _ in ()).throw(httpx2.ConnectError("x"))),
    ("no usable JSON", lambda _: httpx2.Response(200, content=b"<html>")),
    ("no usable JSON", lambda _: httpx2.Response(200, content=b'{"a":1,"a":2}')),
    ("more than", lambda _: httpx2.Response(200, content=b"x" * 6_000_000)),
    ("OperationOutcome", lambda _: httpx2.Response(200, json=outcome("error", "throttled"))),
]


@pytest.mark.parametrize(("told", "answer"), FAULTS, ids=[f"{n} {case[0]}" for n, case in enumerate(FAULTS)])
def test_item_33_no_fault_of_a_server_looks_like_an_empty_list(
    fetching: Callable[[Answer], TestClient], examples: Examples, told: str, answer: Answer
) -> None:
    call = examples.view("01", fhirServer=FHIR, fhirAuthorization=grant())
    del call["prefetch"]["conditions"]
    response = fetching(answer).post(f"/cds-services/{REVIEW}", json=call)
    assert response.status_code == 412
    assert told in response.text


def test_item_34_the_outcome_names_the_key_and_what_would_satisfy_it(view: Post, examples: Examples) -> None:
    response = view({**examples.view("01"), "prefetch": {}})
    told = issues(response)
    assert [issue["expression"] for issue in told] == [["prefetch.patient"], ["prefetch.conditions"]]
    for issue in told:
        assert issue["severity"] == "error"
        assert issue["code"] == "required"
        assert issue["expression"][0] in issue["diagnostics"]
        assert "no fhirServer was sent" in issue["diagnostics"]
    assert "Patient/{{context.patientId}}" in told[0]["diagnostics"]


def serve(bundle: Json, page: int = 1000) -> Answer:
    """A FHIR server that holds a record and answers with pages."""
    resources = [entry["resource"] for entry in bundle["entry"]]

    def answer(request: httpx2.Request) -> httpx2.Response:
        type_, _, id_ = request.url.path.removeprefix("/fhir/").partition("/")
        if id_:
            found = next((r for r in resources if (r["resourceType"], r["id"]) == (type_, id_)), None)
            return httpx2.Response(200, json=found) if found else httpx2.Response(404)
        assert request.url.params["patient"]
        if request.url.params.get("code", "https://example.org").startswith("http://loinc.org"):
            return httpx2.Response(200, json=searchset())  # this record's observations all answer the local codes
        start = int(request.url.params.get("start", "0"))
        all_ = [r for r in resources if r["resourceType"] == type_]
        part = [{"resource": r, "search": {"mode": "match"}} for r in all_[start : start + page]]
        links = [{"relation": "next", "url": str(request.url.copy_set_param("start", str(start + page)))}]
        more = {"link": links} if start + page < len(all_) else {}
        return httpx2.Response(200, json={**searchset(*part), "total": len(all_), **more})

    return answer


@pytest.mark.parametrize("page", [1000, 4])
def test_item_35_the_same_cards_come_from_prefetch_and_from_the_server_page_by_page(
    fetching: Callable[[Answer], TestClient], examples: Examples, page: int
) -> None:
    client = fetching(serve(examples.bundle("02"), page))
    (given,) = client.post(f"/cds-services/{REVIEW}", json=examples.view("02")).json()["cards"]
    call = examples.view("02", fhirServer=f"{FHIR}/", fhirAuthorization=grant())
    del call["prefetch"]
    (fetched,) = client.post(f"/cds-services/{REVIEW}", json=call).json()["cards"]
    for card in (given, fetched):
        del card["uuid"], card["extension"]
        card["detail"] = card["detail"].partition("\n\nEvaluated")[0]
        for suggestion in card["suggestions"]:
            del suggestion["uuid"]
    assert fetched == given


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/fhir?page=2", "http://ehr.example.org/fhir?page=2",
        "https://ehr.example.org:8443/fhir?page=2",
        "https://ehr.example.org@evil.example/fhir", "https://ehr.example.org/other", "https://ehr.example.org/fhir/../x",
        "https://ehr.example.org/fhir/%2e%2e/x", "//evil.example/", "file:///etc/passwd", "Condition?page=2", "",
    ],
)  # fmt: skip
def test_item_32_a_next_page_elsewhere_is_never_asked_for(
    fetching: Callable[[Answer], TestClient], examples: Examples, following: str
) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(200, json=searchset())

    call = examples.view("01", fhirServer=FHIR, fhirAuthorization=grant())
    call["prefetch"]["conditions"]["link"] = [{"relation": "next", "url": following}]
    (card,) = fetching(answer).post(f"/cds-services/{REVIEW}", json=call).json()["cards"]
    assert asked == []
    assert trace(card)["prefetch"]["conditions"].startswith("partial")


def test_item_32_pages_that_never_end_are_left_and_said_to_be_missing(
    fetching: Callable[[Answer], TestClient], examples: Examples
) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        more = [{"relation": "next", "url": f"{FHIR}?page={len(asked)}"}]
        return httpx2.Response(200, json=searchset(link=more))

    call = examples.view("01", fhirServer=FHIR, fhirAuthorization=grant())
    del call["prefetch"]["labs"]
    (card,) = fetching(answer).post(f"/cds-services/{REVIEW}", json=call).json()["cards"]
    assert 2 < len(asked) <= 20
    assert trace(card)["prefetch"]["labs"].startswith("partial")


@pytest.mark.parametrize(
    "server",
    [
        "https://evil.example/fhir", "http://ehr.example.org/fhir", "https://ehr.example.org",
        "https://ehr.example.org/fhirx",
        "https://ehr.example.org:444/fhir", "https://x@ehr.example.org/fhir", "https://ehr.example.org/fhir?x=1",
        "https://ehr.example.org/fhir#x", "https://ehr.example.org/fhir/..",
        "http://169.254.169.254/", "not an address",
        "https://ehr.example.org/fhir\\@evil.example",
    ],
)  # fmt: skip
def test_nothing_is_fetched_from_a_server_that_is_not_listed(
    fetching: Callable[[Answer], TestClient], examples: Examples, server: str
) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError(f"{request.url} was asked")

    call = examples.view("01", fhirServer=server, fhirAuthorization=grant())
    del call["prefetch"]["patient"]
    response = fetching(answer).post(f"/cds-services/{REVIEW}", json=call)
    assert response.status_code == 412
    assert "not one that this installation fetches from" in response.text


def test_a_listed_server_may_be_written_with_its_port_and_a_tenant_below_it() -> None:
    listed = (FHIR,)
    assert allowed_base("https://ehr.example.org:443/fhir/", listed) == "https://ehr.example.org:443/fhir"
    assert allowed_base(f"{FHIR}/tenant-1", listed) == f"{FHIR}/tenant-1"
    assert not within("https://ehr.example.org/fhir/%2E%2E/x", FHIR)
    assert not within("https://ehr.example.org:port/fhir", FHIR)


def test_another_patient_from_the_server_is_refused(
    fetching: Callable[[Answer], TestClient], examples: Examples
) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"resourceType": "Patient", "id": "someone-else"})

    call = examples.view("01", fhirServer=FHIR, fhirAuthorization=grant())
    del call["prefetch"]["patient"]
    response = fetching(answer).post(f"/cds-services/{REVIEW}", json=call)
    assert response.status_code == 400
    assert "fhirServer.patient.id" in response.text


def test_what_does_not_answer_the_template_is_a_bad_request(view: Post, examples: Examples) -> None:
    for value in ([], "x", 1, {"a": 1}, {"resourceType": "Observation"}, searchset({"no": "resource"}),
                  {**searchset(), "entry": 3}):  # fmt: skip
        call = examples.view("01")
        call["prefetch"]["conditions"] = value
        response = view(call)
        assert response.status_code == 400, value
        assert issues(response)[0]["expression"][0].startswith("prefetch.conditions")


def test_item_06_a_call_with_its_whole_prefetch_waits_for_no_other_server(
    fetching: Callable[[Answer], TestClient], examples: Examples
) -> None:
    """Speed is measured in benchmarks/; what can be shown here is that nothing but the evaluation is waited for."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError(f"{request.url} was asked")

    client = fetching(answer)
    for number in examples.names():
        call = examples.view(number, fhirServer=FHIR, fhirAuthorization=grant())
        assert client.post(f"/cds-services/{REVIEW}", json=call).status_code == 200


def test_a_read_may_be_answered_by_a_searchset() -> None:
    problems: list[Issue] = []
    found = searchset({"resource": {"resourceType": "Patient", "id": "p"}})
    part = read_answer("patient", found, "Patient/p", "x", problems)
    assert part.state is State.OBTAINED and len(part.found) == 1
    assert json.dumps(part.found[0].resource)


def possible(bundle: Mapping[str, object], rules: RuleSet) -> dict[tuple[str, str], set[str]]:
    """The verdicts still possible for each lesion and option; none where there is no lesion to speak of."""
    answer = evaluate(bundle, as_of=dt.date(2026, 11, 22), rules=rules)
    return {(lesion.id, each.option): set(each.possible) for lesion in answer.lesions for each in lesion.options}


@pytest.mark.parametrize("number", ["01", "02", "04", "07", "12"])
def test_what_is_taken_away_never_settles_a_verdict(examples: Examples, rule_set: RuleSet, number: str) -> None:
    """Not obtaining a part may leave more verdicts possible, or no lesion to speak of, and never fewer verdicts."""
    prefetch = examples.view(number)["prefetch"]
    asked, patient = templates(rule_set), examples.patient(number)
    problems: list[Issue] = []
    whole = possible(compose(receive(prefetch, asked, problems), patient).bundle, rule_set)
    assert whole and not problems
    for key in (key for key, value in prefetch.items() if value is not None and key not in INDISPENSABLE):
        lacking = {name: value for name, value in prefetch.items() if name != key}
        parts = receive(lacking, asked, problems)
        for about, verdicts in possible(compose(parts, patient).bundle, rule_set).items():
            # Without its BodyStructure a lesion is called by its Condition.
            assert verdicts != {"eligible"} if about not in whole else whole[about] <= verdicts, key


def test_a_server_that_is_too_slow_leaves_its_parts_missing_and_the_others_as_they_are() -> None:
    async def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/Procedure"):
            await anyio.sleep_forever()
        return httpx2.Response(200, json=searchset())

    async def ask() -> dict[str, Part]:
        asked = {"procedures": "Procedure?patient=p", "imaging": "ImagingStudy?patient=p"}
        parts = receive({}, asked, [])
        settings = HooksSettings(fhir_servers=(FHIR,), fetch_seconds=0.2)
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
            fhir = FhirServer(FHIR, Authorization.model_validate(grant()), settings, client)
            assert await fhir.read("Procedure/1") != {}
            return await fhir.complete(parts, asked, "p")

    parts = anyio.run(ask)
    assert (parts["procedures"].state, parts["procedures"].why) == (
        State.MISSING, "the FHIR server did not answer in time",
    )  # fmt: skip
    assert parts["imaging"].state is State.NONE


def test_the_client_for_fhir_servers_follows_nothing_and_reads_no_environment() -> None:
    client = new_client()
    assert not client.follow_redirects
    assert not client.trust_env
    assert client.headers["accept-encoding"] == "identity"
