"""The rule set can be read from the pages: every rule and reference that is named somewhere has its page."""

from __future__ import annotations

from starlette.testclient import TestClient

from cds.api import shipped_rules
from tests.service.board.reading import Page


def test_every_rule_of_the_list_has_a_page_that_parses(board: TestClient) -> None:
    links = [link for link in Page(board.get("/rules").text).links if link.startswith("/rules/")]
    assert len(links) > 50
    for link in links:
        response = board.get(link)
        assert response.status_code == 200, link
        assert Page(response.text).problems == [], link


def test_every_reference_of_the_list_has_a_page_that_parses(board: TestClient) -> None:
    links = [link for link in Page(board.get("/references").text).links if link.startswith("/references/")]
    for link in links:
        response = board.get(link)
        assert response.status_code == 200, link
        assert Page(response.text).problems == [], link


def test_a_rule_says_its_condition_in_words_and_in_cql_with_evidence_and_threshold(board: TestClient) -> None:
    page = Page(board.get("/rules/SS-2").text)
    for told in (
        "Tumour encasing more than 270 deg", "is above 270 deg", "CQL", "yousem1995", "Nobody has approved this rule",
        "strong",
    ):  # fmt: skip
        assert told in page.text, told


def test_a_reference_says_what_was_seen_of_it_and_what_rests_on_it(board: TestClient) -> None:
    page = Page(board.get("/references/yousem1995").text)
    assert "the source itself was seen" in page.text
    assert "/rules/SS-2" in page.links


def test_the_vocabulary_says_what_silence_means(board: TestClient) -> None:
    page = Page(board.get("/vocabulary").text)
    assert "lesion.carotidEncasement" in page.text
    assert "not documented (moves no verdict)" in page.text


def test_what_is_not_in_the_rule_set_is_not_found(board: TestClient) -> None:
    for path in ("/rules/none", "/references/none", "/rules/%3Cb%3E"):
        response = board.get(path)
        assert response.status_code == 404
        assert "No answer" in response.text


def test_no_rule_is_named_on_a_page_that_has_none(board: TestClient) -> None:
    page = Page(board.get("/vocabulary").text)
    for link in set(page.links):
        if link.startswith("/rules/"):
            assert board.get(link).status_code == 200, link


def test_the_rule_book_has_every_statement_and_every_threshold_with_its_status(board: TestClient) -> None:
    page = Page(board.get("/rulebook").text)
    listed = {link for link in Page(board.get("/rules").text).links if link.startswith("/rules/")}
    assert listed <= set(page.links)
    rules = shipped_rules()
    for name, parameter in rules.parameters.items():
        assert f"threshold-{name}" in page.ids
        assert parameter.cite is None or f"/references/{parameter.cite}" in page.links
    for told in ("270 deg", "a default that nobody measured", "is above 270 deg", "No published source"):
        assert told in page.text, told
    assert page.problems == []
