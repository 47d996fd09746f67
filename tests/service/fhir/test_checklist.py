"""What the FHIR door promises, item by item: each test carries the number of the item that it shows."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import cds
from cds.errors import EngineDisagreement
from cds.fhir_output import Addresses, plan_definition
from cds.fhir_output.operations import OPERATIONS, PARAMETERS, REFUSED, UNUSED
from cds.service import Settings, create_app
from cds.service.hooks.services import REVIEW, SERVICES
from tests.service.fhir.requests import (
    APPLY,
    FHIR,
    NAMES,
    PLAN,
    R5_APPLY,
    Json,
    about,
    applied,
    asked_anew,
    codes,
    issues,
    native,
    of_type,
    options_in,
    parameters,
    patient_of,
    post,
    record,
)

UNRESECTABLE = "02-unresectable-carotid-encased-freeze-near-it"
UNSAFE = "04-missing-safety-facts"
DECLINED = "03-declined-surgery"
ITEMS = 14


def test_every_item_has_a_test_that_carries_its_number() -> None:
    numbers = {int(found[1]) for found in (re.match(r"test_item_(\d\d)_", name) for name in globals()) if found}
    assert numbers == set(range(1, ITEMS + 1))


# --------------------------------------------------------------------------------------------------------- 1 and 2


def test_item_01_metadata_says_what_is_served(fhir: TestClient) -> None:
    for accept in (FHIR, "application/json", "*/*"):
        response = fhir.get("/fhir/metadata", headers={"accept": accept})
        assert response.status_code == 200
        told = response.json()
        assert (told["resourceType"], told["fhirVersion"], told["kind"], told["format"]) == (
            "CapabilityStatement", "4.0.1", "instance", ["json"],
        )  # fmt: skip
        assert told["software"] == {"name": "cds-head-neck", "version": cds.__version__}
        assert dt.datetime.fromisoformat(told["date"]).tzinfo is not None
        (rest,) = told["rest"]
        assert rest["mode"] == "server"
        assert rest["security"]["description"]


def test_item_01_everything_advertised_works(fhir: TestClient) -> None:
    told = fhir.get("/fhir/metadata").json()
    operations = set()
    for resource in told["rest"][0]["resource"]:
        kind = resource["type"]
        assert {each["code"] for each in resource["interaction"]} == {"read", "search-type"}
        every = fhir.get(f"/fhir/{kind}").json()
        assert every["total"] == len(every["entry"]) > 0
        for entry in every["entry"]:
            held = entry["resource"]
            path = entry["fullUrl"].removeprefix("http://testserver")
            assert fhir.get(path).json() == held
            for search in resource["searchParam"]:
                value = held[search["name"].removeprefix("_")]
                found = fhir.get(f"/fhir/{kind}", params={search["name"]: value}).json()
                assert [each["resource"] for each in found["entry"]] == [held]
        for operation in resource.get("operation", ()):
            definition = fhir.get("/fhir/OperationDefinition", params={"url": operation["definition"]}).json()
            assert definition["total"] == 1
            code = definition["entry"][0]["resource"]["code"]
            assert operation["name"] == code
            operations.add(code)
            assert applied(fhir, UNRESECTABLE, f"{PLAN}/${code}")
    assert operations == {each.code for each in OPERATIONS}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fhir/Patient", 404), ("GET", "/fhir/PlanDefinition/other", 404), ("GET", "/fhir/", 404),
        ("GET", f"{PLAN}/_history", 404), ("GET", f"{PLAN}/_history/1", 404), ("GET", APPLY, 405),
        ("POST", "/fhir/PlanDefinition", 405), ("PUT", PLAN, 405), ("DELETE", PLAN, 405), ("PATCH", PLAN, 405),
        ("POST", f"{PLAN}/$data-requirements", 404), ("POST", "/fhir/PlanDefinition/$evaluate", 404),
        ("GET", "/fhir/PlanDefinition?name=x", 400), ("GET", "/fhir/metadata?mode=full", 400), ("POST", "/fhir/", 404),
    ],
)  # fmt: skip
def test_item_01_nothing_unadvertised_works(fhir: TestClient, method: str, path: str, status: int) -> None:
    response = fhir.request(method, path, content=b"{}", headers={"content-type": FHIR})
    assert issues(response, 405 if method == "POST" and path.endswith("$evaluate") else status)


def test_item_01_security_is_said_as_it_is_set(settings: Settings) -> None:
    from cds.service.fhir.conformance import _security

    assert "service" not in _security(settings)
    secured = settings.model_copy(update={"authentication": "required"})
    assert _security(secured)["service"][0]["coding"][0]["code"] == "OAuth"


def test_item_02_each_operation_is_defined_as_it_is_read(fhir: TestClient) -> None:
    for operation in OPERATIONS:
        told = fhir.get(f"/fhir/OperationDefinition/{operation.id}").json()
        assert (told["code"], told["affectsState"]) == (operation.code, False)
        assert (told["system"], told["type"], told["instance"]) == (False, True, True)
        taken = {each["name"] for each in told["parameter"] if each["use"] == "in"}
        assert taken == {each.name for each in PARAMETERS} | set(UNUSED)
        (returned,) = [each for each in told["parameter"] if each["use"] == "out"]
        result = applied(fhir, UNRESECTABLE, f"{PLAN}/${operation.code}")
        assert (returned["name"], returned["type"]) == ("return", result["resourceType"])


# ---------------------------------------------------------------------------------------------------------------- 3


def test_item_03_the_plan_served_is_the_rule_set_in_force(fhir: TestClient, settings: Settings) -> None:
    rules = cds.load_rules(settings.rules)
    served = fhir.get(PLAN).json()
    extension = served.pop("extension")
    assert served == json.loads(json.dumps(plan_definition(rules)))
    assert extension == [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/cqf-cdsHooksEndpoint",
            "valueUri": f"http://testserver/cds-services/{REVIEW}",
        }
    ]
    assert (served["type"]["coding"][0]["code"], served["version"]) == ("eca-rule", rules.head.version)
    assert {each["type"] for each in served["relatedArtifact"]} == {"citation"}


def test_item_03_the_events_of_the_plan_are_the_hooks_that_are_served(fhir: TestClient) -> None:
    (options,) = [each for each in fhir.get(PLAN).json()["action"] if each["id"] == "options"]
    assert {each["name"] for each in options["trigger"]} == {service.hook for service in SERVICES}


def test_item_03_the_library_of_the_plan_is_served(fhir: TestClient) -> None:
    (canonical,) = fhir.get(PLAN).json()["library"]
    url, _, version = canonical.partition("|")
    found = fhir.get("/fhir/Library", params={"url": url}).json()
    assert [each["resource"]["version"] for each in found["entry"]] == [version]


# ---------------------------------------------------------------------------------------------------------------- 4


def test_item_04_apply_returns_a_care_plan_that_contains_the_request_group(fhir: TestClient, name: str) -> None:
    plan = applied(fhir, name)
    assert (plan["resourceType"], plan["id"]) == ("CarePlan", "recurrent-head-and-neck")
    (group,) = of_type(plan, "RequestGroup")
    assert plan["activity"] == [{"reference": {"reference": f"#{group['id']}"}}]
    assert plan["instantiatesCanonical"] == group["instantiatesCanonical"]
    assert plan["subject"] == {"reference": patient_of(record(name))}


def test_item_04_the_type_level_names_the_plan_by_its_address(fhir: TestClient, settings: Settings) -> None:
    addresses = Addresses.of(cds.load_rules(settings.rules))
    instance = native(applied(fhir, UNRESECTABLE))
    for named in (
        {"url": addresses.plan},
        {"canonical": addresses.versioned(addresses.plan)},
        {"url": addresses.plan, "version": addresses.version},
    ):
        assert native(applied(fhir, UNRESECTABLE, "/fhir/PlanDefinition/$apply", **named)) == instance
    for wrong in ({"url": "https://example.org/other"}, {"url": addresses.plan, "version": "99"}):
        body = about(UNRESECTABLE, **wrong)
        assert codes(post(fhir, "/fhir/PlanDefinition/$apply", body), 404) == {"unknown-plan"}


def test_item_04_r5_apply_returns_a_bundle_of_the_same(fhir: TestClient, name: str) -> None:
    made = applied(fhir, name, R5_APPLY)
    assert (made["resourceType"], made["type"]) == ("Bundle", "collection")
    assert made["entry"][0]["resource"]["resourceType"] == "RequestGroup"
    assert native(made) == native(applied(fhir, name))


# ---------------------------------------------------------------------------------------------------------- 5 to 9


def test_item_05_missing_facts_are_asked_for_and_nothing_that_rests_on_them_is_proposed(fhir: TestClient) -> None:
    plan = applied(fhir, UNSAFE)
    (guidance,) = of_type(plan, "GuidanceResponse")
    assert guidance["status"] == "data-required"
    asked = {code["code"] for each in guidance["dataRequirement"] for code in each["codeFilter"][0]["code"]}
    assert {"inr", "platelets", "safe-path", "6301-6"} <= asked
    assert all(each["type"] and each["mustSupport"] for each in guidance["dataRequirement"])
    assert list(options_in(plan)) == []
    (refined,) = of_type(applied(fhir, UNRESECTABLE), "GuidanceResponse")
    assert refined["status"] == "data-requested"


def test_item_05_what_is_asked_for_and_then_sent_is_read(fhir: TestClient) -> None:
    """A client that answers each requirement with an Observation of its first code is asked no more for that fact."""
    body = about(UNSAFE)
    asked = decisive(applied(fhir, UNSAFE))
    bundle = body["parameter"][-1]["resource"]
    (tumour,) = [e["resource"]["id"] for e in bundle["entry"] if e["resource"]["resourceType"] == "BodyStructure"]
    yes_no = {
        fact for fact in asked if fact.rpartition(".")[2] in ("coldDisease", "infectionAtSite", "systemicInfection")
    }
    assert len(yes_no) == 3
    for fact in sorted(yes_no):
        coding = asked[fact]["codeFilter"][0]["code"][0]
        observation = {
            "resourceType": "Observation",
            "id": coding["code"],
            "status": "final",
            "code": {"coding": [coding]},
            "subject": {"reference": patient_of(bundle)},
            "focus": [{"reference": f"BodyStructure/{tumour}"}],
            "effectiveDateTime": "2026-11-22",
            "valueBoolean": False,
        }
        bundle["entry"].append({"resource": observation})
    response = post(fhir, APPLY, body)
    assert response.status_code == 200, response.text[:300]
    assert set(decisive(response.json())) == set(asked) - yes_no


def decisive(plan: Json) -> dict[str, Json]:
    """The requirement of each fact that decides."""
    (guidance,) = of_type(plan, "GuidanceResponse")
    found: dict[str, Json] = {}
    for each in guidance.get("dataRequirement", ()):
        told = {part["url"]: part for part in each["extension"][0]["extension"]}
        if told["decisive"]["valueBoolean"]:
            found.setdefault(told["fact"]["valueString"], each)
    return found


def test_item_06_both_options_are_siblings_of_which_at_most_one_is_chosen(fhir: TestClient) -> None:
    (group,) = of_type(applied(fhir, DECLINED), "RequestGroup")
    parent = group["action"][0]
    assert (parent["groupingBehavior"], parent["selectionBehavior"]) == ("logical-group", "at-most-one")
    assert "resource" not in parent
    options = [each["code"][0]["coding"][0]["code"] for each in parent["action"]]
    assert options == ["cryoablation", "salvage-surgery"]
    assert len({each["resource"]["reference"] for each in parent["action"]}) == 2


def test_item_06_an_ineligible_option_stands_in_the_trace_alone(fhir: TestClient) -> None:
    plan = applied(fhir, UNRESECTABLE)
    assert [each["code"][0]["coding"][0]["code"] for each in options_in(plan)] == ["cryoablation"]
    assert [each["code"]["coding"][0]["code"] for each in of_type(plan, "ServiceRequest")] == ["cryoablation"]
    (trace,) = of_type(plan, "Parameters")
    (guidance,) = of_type(plan, "GuidanceResponse")
    assert guidance["outputParameters"] == {"reference": f"#{trace['id']}"}
    surgery = [each["part"] for each in trace["parameter"]
               if {"name": "option", "valueCode": "salvage-surgery"} in each.get("part", ())]  # fmt: skip
    assert {"name": "verdict", "valueCode": "ineligible"} in surgery[0]
    assert any(part["name"] == "because" for part in surgery[0])


def test_item_07_everything_is_a_proposal_and_nothing_an_order(fhir: TestClient, name: str) -> None:
    plan = applied(fhir, name)
    assert {each["intent"] for each in (plan, *of_type(plan, "RequestGroup"))} == {"proposal"}
    requests = of_type(plan, "ServiceRequest") + of_type(plan, "Task")
    assert all((each["status"], each["intent"]) == ("draft", "proposal") for each in requests)
    assert '"priority"' not in json.dumps(plan)


def test_item_08_protection_and_contraindications_are_detected_issues(fhir: TestClient) -> None:
    found = {(each["code"]["coding"][0]["code"], each.get("severity"))
             for each in of_type(applied(fhir, UNRESECTABLE), "DetectedIssue")}  # fmt: skip
    assert ("contraindication", "high") in found
    assert any(kind == "thermoprotection" for kind, _ in found)
    for each in of_type(applied(fhir, UNRESECTABLE), "DetectedIssue"):
        assert each["status"] == "preliminary"
        assert each["detail"]
        assert each["evidence"][0]["detail"]
        assert each["patient"]
    mitigated = [m for n in NAMES for i in of_type(applied(fhir, n), "DetectedIssue") for m in i.get("mitigation", ())]
    assert mitigated and all(each["action"]["coding"] for each in mitigated)


def test_item_09_citations_are_related_artifacts_and_no_evidence_resource_is_made(fhir: TestClient) -> None:
    plan = applied(fhir, UNRESECTABLE)
    (option,) = options_in(plan)
    cited = [each for each in option["documentation"] if each["type"] == "citation"]
    assert cited
    said = set()
    for each in cited:
        assert each["label"] and each["citation"]
        said |= {extension["url"].rpartition("/")[2] for extension in each.get("document", {}).get("extension", ())}
    assert said == {"cqf-strengthOfRecommendation", "cqf-qualityOfEvidence"}
    assert any(each.get("url", "").startswith("https://doi.org/") for each in cited)
    kinds = {each["resourceType"] for each in plan["contained"]}
    assert not kinds & {"Evidence", "EvidenceVariable", "Citation"}


# --------------------------------------------------------------------------------------------------------------- 10


@pytest.mark.parametrize(
    ("body", "status", "kind", "code", "expression"),
    [
        (b"", 400, "structure", "empty-input", None),
        (b"{", 400, "structure", "not-json", None),
        (b'{"resourceType":"Bundle"}', 400, "structure", "not-parameters", None),
        (parameters(subject="Patient/x"), 400, "required", "missing-parameter", "Parameters.parameter"),
        (about(UNRESECTABLE, as_of="soon"), 400, "value", "unreadable-day", "Parameters.parameter[1].valueString"),
        (about(UNRESECTABLE, phase="later"), 400, "value", "unknown-phase", "Parameters.parameter[2]"),
        (about(UNRESECTABLE, {"name": "x"}), 400, "not-supported", "unknown-parameter", "Parameters.parameter[2]"),
        (parameters(subject="Patient/other", data=record(UNRESECTABLE)), 422, "invariant", "subject-mismatch",
         "Parameters.parameter[0]"),
        (parameters(subject="Patient/x", data={"resourceType": "Bundle", "type": "collection"}), 422, "invalid",
         "no-patient", "Parameters.parameter[1].resource.entry"),
    ],
)  # fmt: skip
def test_item_10_every_error_is_an_outcome_with_its_place(
    fhir: TestClient, body: Any, status: int, kind: str, code: str, expression: str | None
) -> None:
    told = issues(post(fhir, APPLY, body), status)
    found = [each for each in told if each["details"]["coding"][0]["code"] == code]
    assert found, told
    assert (found[0]["severity"], found[0]["code"]) == ("error", kind)
    assert found[0].get("expression") == ([expression] if expression else None)
    assert found[0]["details"]["coding"][0]["system"].endswith("answer-issue")
    assert "Traceback" not in json.dumps(told)


def test_item_10_a_problem_of_the_record_is_told_where_the_client_wrote_it(fhir: TestClient) -> None:
    bundle = record(UNRESECTABLE)
    bundle["entry"].append({"resource": {"resourceType": "Patient", "id": "second"}})
    body = parameters(subject=patient_of(bundle | {"entry": bundle["entry"][:-1]}), data=bundle)
    told = issues(post(fhir, APPLY, body), 422)
    index = len(bundle["entry"]) - 1
    wanted = f"Parameters.parameter[1].resource.entry[{index}].resource"
    assert any(where.startswith(wanted) for each in told for where in each.get("expression", ())), told


def test_item_10_no_advice_and_a_failure_are_outcomes_too(settings: Settings) -> None:
    def disagree(*_: object, **__: object) -> Any:
        raise EngineDisagreement("SS-2: true and false")

    def fail(*_: object, **__: object) -> Any:
        raise RuntimeError("secret of a patient")

    for evaluate, status, code in ((disagree, 503, "engine-disagreement"), (fail, 500, "incident")):
        app: FastAPI = create_app(settings.model_copy(update={"recording": "off"}), evaluate=evaluate)
        with TestClient(app, raise_server_exceptions=False) as client:
            told = issues(post(client, APPLY, about(UNRESECTABLE)), status)
            assert told[0]["details"]["coding"][0]["code"] == code
            assert told[0]["code"] == "exception"
            assert "secret" not in json.dumps(told)


# --------------------------------------------------------------------------------------------------------- 11 and 12


def test_item_11_the_answer_can_be_traced_to_its_request_its_maker_and_its_record(fhir: TestClient) -> None:
    response = post(fhir, APPLY, about(UNRESECTABLE))
    plan = response.json()
    (guidance,), (device,), (provenance,) = (
        of_type(plan, kind) for kind in ("GuidanceResponse", "Device", "Provenance")
    )
    assert uuid.UUID(guidance["requestIdentifier"]["value"].removeprefix("urn:uuid:")).version == 4
    assert guidance["identifier"][0]["value"].startswith("urn:uuid:")
    assert dt.datetime.fromisoformat(guidance["occurrenceDateTime"]).tzinfo is not None
    assert guidance["performer"] == {"reference": f"#{device['id']}"}
    answer = native(plan)
    assert answer["rule_set"]["digest"] in {each["value"] for each in device["version"]}
    told = {each["what"]["reference"] for each in provenance["entity"]}
    assert "Observation/inr/_history/1" in told
    assert "Patient/example-02/_history/3" in told
    kept = response.headers["cds-record"]
    assert kept != "none"
    assert kept in {each["value"] for each in guidance["identifier"]}


def test_item_12_the_same_request_gets_the_same_answer_but_for_ids_and_times(fhir: TestClient) -> None:
    def bare(resource: Json) -> str:
        text = json.dumps(resource)
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", text)
        records = [i["value"] for g in of_type(resource, "GuidanceResponse") for i in g["identifier"][1:]]
        for each in records:
            text = text.replace(each, "RECORD")
        return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", "TIME", text)

    for path in (APPLY, R5_APPLY):
        first, second = asked_anew(fhir, UNRESECTABLE, path), asked_anew(fhir, UNRESECTABLE, path)
        assert first != second
        assert bare(first) == bare(second)
    before = fhir.get(PLAN).content
    assert fhir.get(PLAN).content == before


# --------------------------------------------------------------------------------------------------------- 13 and 14


def test_item_13_json_is_read_and_written_and_nothing_else(fhir: TestClient) -> None:
    body = about(UNRESECTABLE)
    for given in (FHIR, "application/json", f"{FHIR}; charset=utf-8", f"{FHIR}; fhirVersion=4.0"):
        response = post(fhir, APPLY, body, content_type=given)
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/fhir+json;charset=utf-8"
    for given in ("application/fhir+xml", "text/plain", f"{FHIR}; fhirVersion=5.0", f"{FHIR}; charset=latin-1"):
        assert codes(post(fhir, APPLY, body, content_type=given), 415) == {"media-type"}
    for wanted in ("application/fhir+xml", "text/html", f"{FHIR};q=0", f"{FHIR};fhirVersion=3.0"):
        assert codes(post(fhir, APPLY, body, accept=wanted), 406) == {"not-acceptable"}
        assert codes(fhir.get("/fhir/metadata", headers={"accept": wanted}), 406) == {"not-acceptable"}
    for wanted in ("text/html, application/json;q=0.5", "*/*;q=0.1", "application/*", f"{FHIR};fhirVersion=4.0"):
        assert fhir.get("/fhir/metadata", headers={"accept": wanted}).status_code == 200


def test_item_13_the_address_may_say_the_form(fhir: TestClient) -> None:
    html = {"accept": "text/html"}
    for wanted in ("json", "application/json", "application/fhir%2Bjson", FHIR):
        assert fhir.get(f"/fhir/metadata?_format={wanted}", headers=html).status_code == 200
    for wanted in ("xml", "turtle", ""):
        assert codes(fhir.get(f"/fhir/metadata?_format={wanted}"), 406) == {"not-acceptable"}
    plain, pretty = fhir.get("/fhir/metadata"), fhir.get("/fhir/metadata?_pretty=true")
    assert plain.json() == pretty.json()
    assert b"\n" not in plain.content and b"\n  " in pretty.content
    assert b"\n" in post(fhir, APPLY, {}, "?_pretty=true").content
    assert codes(fhir.get("/fhir/metadata?_pretty=maybe"), 400) == {"unusable-parameter"}


def test_item_14_every_resource_is_validated() -> None:
    """`test_validation.py` sends everything this door answers to three independent validators."""
    text = Path(__file__).with_name("test_validation.py").read_text(encoding="utf-8")
    assert "errors_of(" in text


def test_parameters_of_other_servers_are_refused_and_say_why(fhir: TestClient) -> None:
    for name in REFUSED:
        told = issues(post(fhir, APPLY, about(UNRESECTABLE, {"name": name, "valueBoolean": True})), 400)
        assert told[0]["code"] == "not-supported"
        assert name in told[0]["details"]["text"]


def test_requests_are_counted_by_their_routes_and_never_by_their_addresses(fhir: TestClient) -> None:
    for path in ("/fhir/PlanDefinition/a-name-of-somebody", "/fhir/somebody/else/here", "/fhir/metadata"):
        fhir.get(path)
    post(fhir, APPLY, {})
    told = fhir.get("/metrics").text
    assert 'route="/fhir/PlanDefinition/{id}/$apply",status="400"' in told
    assert 'route="/fhir/{type}/{id}",status="404"' in told
    assert 'route="/fhir/metadata",status="200"' in told
    assert "somebody" not in told
