"""The case page: what a board reads, with everything that it can check."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.service import Settings, create_app
from tests.service.board.conftest import AS_OF
from tests.service.board.reading import Page

Named = Callable[[str], str]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def case(board: TestClient, named: Named) -> Page:
    """Unresectable, with structures to protect."""
    return Page(board.get(f"{named('02')}&unfold=true").text)


def test_its_head_says_who_it_is_about_and_what_decides(case: Page) -> None:
    head = case.text[: case.text.index("On this page")] if "On this page" in case.text else case.text[:2000]
    for told in ("neck node, left, level II", "squamous cell carcinoma", "unresectable", "as of 2026-11-22"):
        assert told in head
    assert "Nobody has approved this rule set" in head


def test_a_verdict_is_a_word_and_a_symbol_besides_its_colour(case: Page, board: TestClient, named: Named) -> None:
    assert "✕ ineligible" in case.text
    assert "! conditional" in case.text
    assert "? undetermined" in Page(board.get(named("04")).text).text


def test_an_argument_stands_with_its_fact_date_element_evidence_and_threshold(case: Page) -> None:
    for told in (
        "Tumour encasing more than 270 deg of the carotid probably cannot be removed from the artery.",
        "encasement of the carotid : 300 deg (2026-10-28)",
        "Observation/carotid-encasement valueQuantity",
        "certainty very low", "verified in its source", "approved by nobody",
    ):  # fmt: skip
        assert told in case.text, told
    assert "/rules/SS-2" in case.links
    assert "#ref-yousem1995" in case.links


def test_the_element_of_the_record_is_one_click_away_and_marked(case: Page, board: TestClient) -> None:
    assert "The record behind it" in case.text
    links = [link for link in case.links if "/resources#" in link]
    (address,) = {link.partition("#")[0] for link in links}
    page = Page(board.get(address).text)
    assert page.problems == []
    assert {link.partition("#")[2] for link in links} == {attributes["id"] for attributes in page.of("mark")} != set()
    assert address.removesuffix("/resources") in page.links, "and back"


def test_where_no_record_keeps_the_bundle_the_page_itself_shows_it(
    rules: Path, repository: Path
) -> None:
    found = sorted((repository / "fhir_examples").glob("02-*/bundle.json"))
    if not found:
        pytest.skip("no examples: they are not in this copy")
    with TestClient(create_app(Settings(rules=rules, recording="off"))) as client:
        page = Page(client.post("/board", data={"bundle": found[0].read_text("utf-8"), "as_of": AS_OF}).text)
    marks = {attributes["id"] for attributes in page.of("mark")}
    assert {f"#{each}" for each in marks} <= set(page.links)
    assert marks != set()


def test_the_record_behind_an_example_is_shown_beside_its_own_record_alone(
    rules: Path, repository: Path, tmp_path: Path
) -> None:
    settings = Settings(
        rules=rules, examples=repository / "fhir_examples", database=SecretStr(f"sqlite:///{tmp_path / 'r.sqlite3'}")
    )
    with TestClient(create_app(settings)) as client:
        names = sorted(re.findall(r'href="/board/(0[0-9][^"/?]+)"', client.get("/").text))
        if not names:
            pytest.skip("no examples: they are not in this copy")
        page = Page(client.get(f"/board/{names[1]}?as_of={AS_OF}").text)
        address = next(link for link in page.links if "/resources" in link).partition("#")[0]
        assert address.endswith(f"?example={names[1]}")
        assert Page(client.get(address).text).of("mark") != []
        for other in (names[2], "none", ""):
            shown = Page(client.get(address.replace(names[1], other)).text)
            assert shown.of("mark") == []
            assert "The record itself is not at hand here" in shown.text


def test_nothing_speaking_against_is_no_all_clear(case: Page) -> None:
    assert "No criterion excludes it." in case.text
    assert "no proof of safety" in case.text or "Against (2)" in case.text


def test_the_diagram_says_what_it_is_and_has_its_content_as_a_table(case: Page) -> None:
    assert "A diagram, not an image of the patient" in case.text
    assert "The same as a table" in case.text
    assert "closing statement of the report" in case.text


def test_the_checklist_has_need_measures_monitoring_and_why_not(case: Page) -> None:
    for told in (
        "Required for 4, undetermined for 0, not required for ",
        "hydrodissection + gauze soaked in warm water", "No measure is open for: left carotid artery",
        "gas dissection: advised against", "Adhesions after surgery or radiotherapy", "Monitoring",
        "beyond the institution's limit", "The plan does not cover:",
    ):  # fmt: skip
        assert told in case.text, told


def test_outcomes_are_drawn_with_their_intervals_and_compared_with_nothing(case: Page) -> None:
    assert "5 of 11: 45 % (95 % CI 17–77 %)" in case.text
    assert "2 of 16: 13 % (95 % CI 2–38 %)" in case.text
    assert "No comparison with salvage surgery exists in what was read" in case.text
    assert sum(each.get("class") == "bar" for each in case.of("svg")) == 4


def test_what_is_missing_is_said_with_its_burden_and_what_it_would_settle(board: TestClient, named: Named) -> None:
    page = Page(board.get(named("04")).text)
    assert "access path (operator)" in page.text
    assert "no safe path → ineligible" in page.text
    assert "laboratory test" in page.text


def test_a_contradiction_is_shown_with_both_values(board: TestClient, named: Named) -> None:
    assert "the record contradicts itself" in Page(board.get(named("05")).text).text


def test_what_nobody_documented_is_nowhere_a_plain_no(board: TestClient, named: Named) -> None:
    for address in (named("02"), f"{named('02')}&unfold=true"):
        text = Page(board.get(address).text).text
        assert "gas dissection planned: no (not documented)" in text
        assert not re.search(r"gas dissection planned: no(?! \(not documented\))", text)
        assert "(not documented) (not documented)" not in text


def test_out_of_scope_speaks_for_nothing(board: TestClient, named: Named) -> None:
    page = Page(board.get(named("10")).text)
    assert "Out of scope: nothing is assessed. This speaks neither for nor against any option." in page.text
    assert "– not assessed" in page.text
    assert not any(each.get("class") == "bar" for each in page.of("svg"))


def test_out_of_scope_no_rule_is_shown_for_or_against_unless_all_is_written_out(
    board: TestClient, named: Named
) -> None:
    page = Page(board.get(named("10")).text)
    assert page.problems == []
    for told in ("surgery offers the best chance", "No criterion excludes it", "No single missing fact", "SS-1"):
        assert told not in page.text, told
    assert "surgery offers the best chance" in Page(board.get(f"{named('10')}&unfold=true").text).text


def test_a_record_without_a_tumour_is_no_all_clear(board: TestClient, patient: Json) -> None:
    page = Page(board.post("/board", data={"bundle": json.dumps(patient), "as_of": "2026-11-22"}).text)
    assert page.problems == []
    assert "no all-clear" in page.text


def test_problems_of_the_input_are_announced_before_the_answer(
    board: TestClient, named: Named, repository: Path
) -> None:
    bundle = repository / "fhir_examples" / "13-a-bundle-with-a-mistake" / "bundle.json"
    if not bundle.is_file():
        pytest.skip("no examples: they are not in this copy")
    page = Page(board.get(named("13")).text)
    assert "with the input: read" in page.text or "No answer" in page.text


def test_every_phase_can_be_shown(board: TestClient, named: Named) -> None:
    for phase in ("planning", "follow-up"):
        page = Page(board.get(f"{named('02')}&phase={phase}").text)
        assert page.problems == []
        assert "Verdicts belong to the phase of decision" in page.text


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [("", "fr-CH, fr;q=0.9, en;q=0.5", "fr"), ("&lang=fr", "en", "fr"), ("&lang=en", "fr", "en"), ("", "de", "en"),
     ("&lang=xx", "fr", "fr")],
)  # fmt: skip
def test_a_page_speaks_the_readers_language_and_marks_what_it_cannot(
    board: TestClient, named: Named, query: str, header: str, language: str
) -> None:
    response = board.get(f"{named('02')}{query}", headers={"accept-language": header})
    page = Page(response.text)
    assert page.problems == []
    assert page.of("html") == [{"lang": language}]
    assert response.headers["content-language"] == language
    assert ("✕ non éligible" in page.text) == (language == "fr")
    assert "The surgical team judged: unresectable." in page.text
    assert ('<i lang="en">The surgical team judged' in response.text) == (language == "fr")


def test_a_no_from_silence_says_wherever_it_stands_that_nothing_is_recorded(case: Page) -> None:
    found = re.findall(r"bleeding disorder ?: no(.{0,25})", case.text)
    assert found
    assert all(after.startswith(" (nothing is recorded)") for after in found)


def test_what_is_missing_leads_to_its_field_in_the_form(board: TestClient, named: Named) -> None:
    page = Page(board.get(named("04")).text)
    links = [link for link in page.links if "/enter?" in link and "#" in link]
    assert len(links) >= 5
    form = Page(board.get(links[0].partition("#")[0]).text)
    assert {link.partition("#")[2] for link in links} <= {each["id"] for each in form.of("select") + form.of("input")}


def test_of_several_lesions_the_answers_stand_together_at_the_head(board: TestClient, named: Named) -> None:
    head = Page(board.get(named("06")).text).text.partition("Options")[0]
    for told in (
        "T1: local recurrence, base of tongue, left Salvage surgery: ! conditional",
        "T2: neck node, right, level II Salvage surgery: ✕ ineligible",
    ):
        assert told in head


def test_a_fact_of_another_lesion_is_named_as_such(board: TestClient, named: Named) -> None:
    text = Page(board.get(named("06")).text).text
    said = text[text.index("Another recurrence of this patient") :]
    assert said.partition("Basis of")[0].count("T2: surgical team's assessment : unresectable") == 1


def test_what_was_said_in_full_is_not_said_again_but_linked(board: TestClient, named: Named) -> None:
    page = Page(board.get(f"{named('06')}&unfold=true").text)
    assert "Basis of TP-1: as above" in page.text
    assert page.text.count("Flagged default, not a proven safe distance") == 1
    assert page.text.count("Known inconsistencies of the source") == 1
    folded = Page(board.get(named("06")).text)
    above = [each for each in folded.of("p") if "basis" in each.get("class", "")]
    assert above != []
    assert {each["class"] for each in above} == {"basis on-screen"}, "what is folded is not on paper to be pointed at"


def test_a_duty_that_is_done_is_not_told_as_one_that_does_not_apply(board: TestClient, named: Named) -> None:
    text = Page(board.get(named("06")).text).text
    told = re.findall(r"(Does not apply: )?A lost fat plane does not prove fixation: examine. \(\w+; (T\d)\)", text)
    assert told == [("Does not apply: ", "T1"), ("", "T2")]


def test_the_day_of_birth_is_no_day_of_a_finding(case: Page) -> None:
    assert re.search(r"age in years : 7\d ·", case.text)
    assert re.search(r"Patient/example-02 birthDate \d{4}-\d\d-\d\d", case.text), "its element says which date it is"
