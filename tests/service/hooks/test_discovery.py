"""Discovery: which services there are, and what they ask a client to prefetch (checklist B and C)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from cds.ruleset import RuleSet
from cds.service.hooks.services import INDISPENSABLE, ORDER, REVIEW, discovery, hooks_of, templates
from cds.service.hooks.settings import HooksSettings
from tests.service.hooks.calls import Examples, Post, draft, empties

Json = dict[str, Any]
SUBSET = re.compile(
    r"Patient/\{\{context\.patientId\}\}"
    r"|[A-Z][A-Za-z]+\?patient=\{\{context\.patientId\}\}"
    r"(&(code=[^&|,]+\|[^&|,]*(,[^&|,]+\|[^&|,]*)*|questionnaire=https://[^&,]+|_sort=-date))*"
)


@pytest.fixture(scope="module")
def services(hooks: TestClient) -> list[Json]:
    response = hooks.get("/cds-services")
    assert response.status_code == 200
    return list(response.json()["services"])


def test_item_02_addresses_are_https_but_for_the_loopback_interface_in_development() -> None:
    for name in ("public_url", "smart_launch"):
        with pytest.raises(ValidationError, match="is not https"):
            HooksSettings(**{name: "http://cds.example.org"})
    with pytest.raises(ValidationError, match="is not https"):
        HooksSettings(fhir_servers=("http://ehr.example.org/fhir",), development=True)
    with pytest.raises(ValidationError, match="is not https"):
        HooksSettings(fhir_servers=("http://127.0.0.1:9000/fhir",))
    assert HooksSettings(fhir_servers=("http://127.0.0.1:9000/fhir",), development=True).fhir_servers
    with pytest.raises(ValidationError, match="no base address"):
        HooksSettings(fhir_servers=("https://user:word@ehr.example.org/fhir",))


def test_item_07_discovery_lists_the_services_at_exactly_its_address(hooks: TestClient) -> None:
    response = hooks.get("/cds-services")
    assert response.status_code == 200
    assert isinstance(response.json()["services"], list)
    assert hooks.get("/cds-services/").status_code == 404
    assert hooks.get("/cds-services/discovery").status_code in (404, 405)


def test_item_08_each_service_says_its_hook_its_description_and_its_id(services: list[Json]) -> None:
    for each in services:
        assert re.fullmatch(r"[a-z-]+", each["id"])
        assert isinstance(each["description"], str) and each["description"]
    listed = [(each["id"], each["hook"]) for each in services]
    assert listed == [
        (REVIEW, "patient-view"), (ORDER, "order-select"), (ORDER, "order-sign"), (ORDER, "order-dispatch"),
    ]  # fmt: skip


def test_item_09_each_service_has_a_title(services: list[Json]) -> None:
    assert all(each["title"] for each in services)


def test_item_10_prefetch_is_an_object_of_texts_and_usage_requirements_a_text(services: list[Json]) -> None:
    for each in services:
        assert all(isinstance(query, str) and query for query in each["prefetch"].values())
        assert all(key in each["usageRequirements"] for key in INDISPENSABLE)


def test_item_11_each_service_names_the_version_of_the_specification(services: list[Json]) -> None:
    assert {each["version"] for each in services} == {"2.0.1"}


def test_item_12_no_hook_stands_twice_at_one_address(services: list[Json]) -> None:
    pairs = [(each["id"], each["hook"]) for each in services]
    assert len(set(pairs)) == len(pairs)
    assert not any("hookVersion" in each for each in services)


def test_item_13_the_checks_of_an_order_share_one_id_so_that_later_cards_replace_earlier_ones(
    services: list[Json],
) -> None:
    assert hooks_of(ORDER) == ("order-select", "order-sign", "order-dispatch")
    assert {each["hook"] for each in services if each["id"] == ORDER} == set(hooks_of(ORDER))


def test_item_14_no_template_depends_on_another(services: list[Json]) -> None:
    assert not any("%" in query for each in services for query in each["prefetch"].values())


def test_item_15_the_way_to_select_actions_is_never_sent(view: Post, check: Post, examples: Examples) -> None:
    for number in examples.names():
        assert "actionSelectionBehavior" not in view(examples.view(number)).text


def test_item_16_tokens_are_delimited_and_name_a_field_of_the_context(services: list[Json]) -> None:
    for each in services:
        for query in each["prefetch"].values():
            tokens = re.findall(r"\{\{(.*?)\}\}", query)
            assert tokens == ["context.patientId"]
            assert "{" not in query.replace("{{context.patientId}}", "")


def test_item_17_only_a_primitive_field_at_the_root_of_the_context_is_a_token(services: list[Json]) -> None:
    for each in services:
        assert all(re.findall(r"\{\{(.*?)\}\}", query) == ["context.patientId"] for query in each["prefetch"].values())


def test_item_18_no_field_is_a_token_that_its_hook_does_not_allow(services: list[Json]) -> None:
    refused = ("draftOrders", "selections", "fulfillmentTasks", "appointments")
    for each in services:
        assert not any(field in query for field in refused for query in each["prefetch"].values())


def test_item_19_templates_stay_in_the_widely_supported_subset(services: list[Json]) -> None:
    for each in services:
        for key, query in each["prefetch"].items():
            assert SUBSET.fullmatch(query), f"{key}: {query}"


def test_item_20_each_family_of_facts_has_its_template_and_none_includes_or_chains(
    services: list[Json], rule_set: RuleSet
) -> None:
    for each in services:
        keys = list(each["prefetch"])
        assert keys[:2] == ["patient", "conditions"]
        assert {"procedures", "staging", "performance", "labs", "imaging", "medications"} <= set(keys)
        assert not any(word in query for word in ("_include", "_has", "_rev") for query in each["prefetch"].values())
        assert not any(re.search(r"[?&][a-z]+\.", query) for query in each["prefetch"].values())


def test_every_code_that_a_reader_of_observations_knows_is_asked_for(rule_set: RuleSet) -> None:
    asked = " ".join(query for query in templates(rule_set).values() if query.startswith("Observation"))
    tables = rule_set.mapping
    for reader in tables.readers.observations:
        for system, code in tables.value_set(reader.codes).codes:
            uri = tables.systems[system].uri
            assert f"{uri}|{code}" in asked or (uri == tables.local.observation and f"{uri}|," in asked), reader.id


def test_every_type_that_intake_reads_is_asked_for(rule_set: RuleSet) -> None:
    from cds.intake.reader import READ_TYPES

    asked = {query.partition("?")[0].partition("/")[0] for query in templates(rule_set).values()}
    assert asked == set(READ_TYPES)


def test_item_63_extension_is_the_only_name_that_is_not_the_specifications_and_is_named_by_reverse_domain(
    view: Post, examples: Examples
) -> None:
    (card,) = view(examples.view("01")).json()["cards"]
    assert list(card["extension"]) == ["org.example.hnc-cds.trace"]
    assert isinstance(card["extension"]["org.example.hnc-cds.trace"], dict)
    known = {
        "uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior", "overrideReasons",
        "links", "extension",
    }  # fmt: skip
    assert set(card) <= known


def test_item_65_the_hooks_that_safety_needs_are_said_to_the_client(services: list[Json]) -> None:
    needed = "For safety the client has to call this service on every hook"
    assert all(needed in each["usageRequirements"] for each in services)


def test_item_66_what_the_services_do_is_documented_for_people(rule_set: RuleSet, repository: Any) -> None:
    page = (repository / "docs" / "reference" / "cds-hooks.md").read_text(encoding="utf-8")
    for each in discovery(rule_set)["services"]:  # type: ignore[attr-defined]
        assert each["id"] in page and f"`{each['hook']}`" in page
    for key in templates(rule_set):
        assert f"`{key}`" in page, key


def test_item_04_and_03_nothing_in_discovery_is_empty_null_or_commented(hooks: TestClient) -> None:
    response = hooks.get("/cds-services")
    assert not list(empties(response.json()))
    assert not draft(("http://snomed.info/sct", "1"), "p").get("extension")
