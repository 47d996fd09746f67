"""What was entered is used by the next evaluation of the same patient, by whatever door, and never for anybody else."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
import sqlite3
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.records import Entry, Records, RecordsUnavailable, open_records
from cds.service import Settings, create_app
from cds.service.requests import Asked
from cds.service.runtime import Caller, Runtime
from tests.service.board.reading import Page

Json = dict[str, Any]
AS_OF = "2026-11-22"
SKIN = "structure.tumourDistance@skin/none"
FORM = {"day": "2026-11-20", "name": "Dr Adams"}
SENT = {"content-type": "application/x-www-form-urlencoded"}


class Board:
    """A service with records of its own: what an EHR sends to it, and what a person types into its pages."""

    def __init__(self, client: TestClient, database: str, **settings: Any) -> None:
        self.client = client
        self._database = database
        self.pseudonym_key = settings.get("pseudonym_key")
        records = self.records()
        self._since = records.head()[0]
        records.close()

    @property
    def runtime(self) -> Runtime:
        runtime: Runtime = self.client.app.state.runtime  # type: ignore[attr-defined]
        return runtime

    def records(self) -> Records:
        key = self.pseudonym_key.get_secret_value() if self.pseudonym_key is not None else None
        return open_records(self._database, pseudonym_key=key)

    def entered(self) -> tuple[Entry, ...]:
        """What was entered in this test."""
        records = self.records()
        found = records.entries("questionnaire-response", after=self._since)
        records.close()
        return found

    def evaluate(self, bundle: Json, as_of: str = AS_OF) -> tuple[Json, str]:
        response = self.client.post(f"/evaluate?as_of={as_of}", json=bundle)
        assert response.status_code == 200, response.text
        return response.json(), response.headers["cds-record"]

    def enter(self, record: str, *, lesion: str | None = "T1", status: int = 303, **typed: str) -> str:
        """Send the form of a record; the address that the browser is sent to, or the page."""
        query = f"?lesion={lesion}" if lesion is not None else ""
        data = {name.replace("__", "."): text for name, text in {**FORM, **typed}.items()}
        response = self.client.post(f"/board/records/{record}/enter{query}", data=data, follow_redirects=False)
        assert response.status_code == status, response.text
        return response.headers["location"] if status == 303 else response.text


@pytest.fixture
def made(rules: Path, tmp_path: Path, repository: Path) -> Iterator[Callable[..., Board]]:
    """Makes a service."""
    running: list[TestClient] = []

    def make(**settings: Any) -> Board:
        database = f"sqlite:///{tmp_path / f'records-{len(running)}.sqlite3'}"
        chosen = Settings(
            rules=rules, examples=repository / "fhir_examples", database=SecretStr(database), large_processes=0,
            **settings,
        )  # fmt: skip
        client = TestClient(create_app(chosen), raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        return Board(client, database, **settings)

    yield make
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def shared(rules: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, str]]:
    """One service for all tests, of which each has a patient of its own."""
    database = f"sqlite:///{tmp_path_factory.mktemp('entry') / 'records.sqlite3'}"
    chosen = Settings(rules=rules, examples=repository / "fhir_examples", database=SecretStr(database))
    with TestClient(create_app(chosen), raise_server_exceptions=False) as client:
        yield client, database


@pytest.fixture
def board(shared: tuple[TestClient, str]) -> Board:
    shared[0].cookies.clear()  # a language that another test chose
    return Board(*shared)


@pytest.fixture
def example(repository: Path) -> Json:
    """A neck node of whose distances the record says only that nothing else is within 30 mm."""
    found: Json = json.loads((repository / "fhir_examples" / "04-missing-safety-facts" / "bundle.json").read_text())
    return found


@pytest.fixture
def bundle(example: Json) -> Json:
    """The same of a patient whom no other test knows."""
    return changed(example, id=f"p{uuid.uuid4().hex}")


def changed(bundle: Json, **members: Any) -> Json:
    """The same bundle with another Patient; a member of `None` is taken out."""
    other = copy.deepcopy(bundle)
    (patient,) = [e["resource"] for e in other["entry"] if e["resource"]["resourceType"] == "Patient"]
    old = patient["id"]
    for name, value in members.items():
        patient.pop(name, None)
        patient.update({name: value} if value is not None else {})
    if patient.get("id", old) == old:
        return other
    renamed: Json = json.loads(json.dumps(other).replace(f"Patient/{old}", f"Patient/{patient['id']}"))
    return renamed


def skin(answer: Json) -> tuple[str, str]:
    """The verdict on the skin's protection, and the distance that it rests on."""
    parts = answer["lesions"][0]["thermoprotection"]
    return next((each["verdict"], each["distance"]) for each in parts if each["structure"] == "skin")


def fact(answer: Json, name: str, subject: str = "T1") -> Json:
    (found,) = [each for each in answer["facts"] if each["name"] == name and each["subject"] == subject]
    return dict(found)


def codes(answer: Json) -> list[str]:
    return [each["code"] for each in answer["issues"]]


# ------------------------------------------------------------------------------------------------- the next evaluation


def test_an_entered_distance_changes_the_verdict_on_protection_of_the_next_evaluation(
    board: Board, bundle: Json
) -> None:
    before, record = board.evaluate(bundle)
    assert skin(before) == ("not-required", "> 30 mm")
    board.enter(record, **{SKIN: "3"})
    (entry,) = board.entered()
    after, _ = board.evaluate(bundle)
    assert skin(after) == ("required", "3 mm")
    (source,) = [s for s in fact(after, "structure.tumourDistance", "T1/skin/none")["sources"] if s["role"] == "value"]
    assert source["resource"] == f"QuestionnaireResponse/{entry.id}"
    assert re.fullmatch(
        r"QuestionnaireResponse\.item\[1\]\.item\[1\]\.item\[1\]\.answer\[0\]\.valueQuantity", source["path"]
    )
    assert source["date"] == "2026-11-20"
    assert codes(after) == codes(before)


def test_every_door_uses_what_was_entered(board: Board, example: Json) -> None:
    bundle = example
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    applied = board.client.post(
        "/fhir/PlanDefinition/recurrent-head-and-neck/$apply",
        json={"resourceType": "Parameters", "parameter": [
            {"name": "subject", "valueString": "Patient/example-04"}, {"name": "data", "resource": bundle},
        ]},
    )  # fmt: skip
    assert applied.status_code == 200, applied.text
    (entry,) = board.entered()
    assert f"QuestionnaireResponse/{entry.id}" in applied.text
    page = board.client.get(f"/board/04-missing-safety-facts?as_of={AS_OF}")
    assert f"QuestionnaireResponse/{entry.id}" in page.text
    batch = json.dumps({"bundle": bundle, "as_of": AS_OF}) + "\n"
    line = board.client.post("/evaluate/batch", content=batch, headers={"content-type": "application/x-ndjson"})
    assert f"QuestionnaireResponse/{entry.id}" in line.text


def test_the_page_shows_the_response_with_the_element_marked(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    (entry,) = board.entered()
    sent = json.dumps(bundle)
    page = Page(board.client.post("/board", data={"bundle": sent, "as_of": AS_OF, "phase": "decision"}).text)
    assert page.problems == []
    name = f"QuestionnaireResponse/{entry.id}"
    assert name in page.text
    (shown,) = re.findall(rf"<code>{name}</code></summary>\s*<pre>(.*?)</pre>", page.html, re.DOTALL)
    assert re.search(r"<mark id=\"element-\d+-\d+\">[^<]*3", shown)
    assert "Dr Adams" in shown


def test_a_recorded_answer_is_replayed_from_its_own_facts(board: Board, bundle: Json) -> None:
    from cds.records.replay import replay

    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    board.evaluate(changed(bundle, birthDate="1950-01-01"))
    records = board.records()
    for entry in records.entries("decision"):
        assert replay(records, entry, board.runtime.rules).changes == ()
    assert list(records.verify()) == []
    records.close()


# ------------------------------------------------------------------------------------------------------- never others


@pytest.mark.parametrize(
    ("members", "is_told"),
    [
        ({"id": "example-05"}, False),
        ({"identifier": [{"system": "urn:ehr:mrn", "value": "another"}]}, True),
        ({"birthDate": "1950-01-01"}, True),
    ],
    ids=["another id", "another identifier", "another birth date"],
)
def test_another_patient_never_gets_what_was_entered(board: Board, bundle: Json, members: Json, is_told: bool) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    answer, _ = board.evaluate(changed(bundle, **members))
    assert skin(answer) == ("not-required", "> 30 mm")
    assert ("entered-not-used" in codes(answer)) is is_told


def test_a_record_that_names_no_identifier_is_still_the_patients(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    assert skin(board.evaluate(changed(bundle, identifier=None))[0]) == ("required", "3 mm")


@pytest.mark.parametrize(("server", "is_used"), [(None, False), ("https://fhir.example", True)])
def test_an_id_alone_names_a_patient_of_one_server_only(
    board: Board, bundle: Json, server: str | None, is_used: bool
) -> None:
    board.enter(decided(board, bundle, "https://a.example", server)[1], **{SKIN: "3"})
    unnamed = changed(bundle, identifier=None, birthDate=None)
    answer, _ = decided(board, unnamed, "https://a.example", server)
    assert (skin(answer) == ("required", "3 mm")) is is_used
    assert ("entered-not-used" in codes(answer)) is not is_used


def test_a_patient_without_id_is_nobody_of_whom_something_can_be_entered(board: Board, patient: Json) -> None:
    nameless = copy.deepcopy(patient)
    del nameless["entry"][0]["resource"]["id"]
    _, record = board.evaluate(nameless)
    page = board.client.get(f"/board/records/{record}/enter")
    assert page.status_code == 422
    assert "nobody-named" in page.text


@pytest.mark.parametrize(
    ("issuer", "server", "is_used"),
    [
        ("https://a.example", None, True),
        ("https://b.example", None, False),
        (None, None, False),
        ("https://b.example", "https://fhir.example", False),
    ],
)
def test_what_was_entered_holds_where_the_reference_names_the_same_patient(
    board: Board, bundle: Json, issuer: str | None, server: str | None, is_used: bool
) -> None:
    record = decided(board, bundle, "https://a.example", None)[1]
    board.enter(record, **{SKIN: "3"})
    answer, _ = decided(board, bundle, issuer, server)
    assert (skin(answer) == ("required", "3 mm")) is is_used
    assert ("entered-not-used" in codes(answer)) is not is_used


def test_of_one_fhir_server_it_is_the_same_patient_whoever_asks(board: Board, bundle: Json) -> None:
    record = decided(board, bundle, "https://a.example", "https://fhir.example")[1]
    board.enter(record, **{SKIN: "3"})
    assert skin(decided(board, bundle, "https://b.example", "https://fhir.example")[0]) == ("required", "3 mm")


def decided(board: Board, bundle: Json, issuer: str | None, server: str | None) -> tuple[Json, str]:
    """The answer for a caller of an issuer, and its record."""
    asked = Asked(json.dumps(bundle).encode(), dt.date.fromisoformat(AS_OF), server=server)

    async def ask() -> tuple[Json, str]:
        found = await board.runtime.decide(lambda: asked, door="test", caller=Caller("someone", issuer))
        return json.loads(found.content), found.record or ""

    return anyio.run(ask)


# ------------------------------------------------------------------------------------------------ beside other sources


def test_a_contradiction_with_the_record_shows_both_sources(board: Board, bundle: Json) -> None:
    """The site does not change, so no date can settle it."""
    before, record = board.evaluate(bundle)
    assert fact(before, "lesion.site")["status"] == "known"
    board.enter(record, **{"lesion.site": "larynx"})
    after, _ = board.evaluate(bundle)
    site = fact(after, "lesion.site")
    assert site["status"] == "conflicting"
    named = {each["resource"].partition("/")[0] for each in site["sources"] if each["role"] == "value"}
    assert "QuestionnaireResponse" in named
    assert len(named) > 1
    assert "conflicting-sources" in codes(after)


def test_of_a_fact_that_changes_the_newest_day_of_findings_counts(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{"patient.inr": "2.5", "day": "2026-11-20"})
    assert fact(board.evaluate(bundle)[0], "patient.inr", "patient")["display"].startswith("2.5")
    board.enter(record, **{"patient.inr": "3.5", "day": "2026-11-01"})
    assert fact(board.evaluate(bundle)[0], "patient.inr", "patient")["display"].startswith("2.5")
    board.enter(record, **{"patient.inr": "1.1", "day": "2026-11-21"})
    assert fact(board.evaluate(bundle)[0], "patient.inr", "patient")["display"].startswith("1.1")
    assert len(board.entered()) == 3


def test_two_forms_of_one_day_contradict_each_other_until_one_is_withdrawn(board: Board, bundle: Json) -> None:
    """Who typed last does not outvote somebody else."""
    _, record = board.evaluate(bundle)
    wrong = board.enter(record, **{"patient.inr": "2.5", "patient.ecog": "1", "name": "Dr Adams"})
    board.enter(record, **{"patient.inr": "1.1", "patient.ecog": "1", "name": "Dr Brown"})
    answer, _ = board.evaluate(bundle)
    found = fact(answer, "patient.inr", "patient")
    assert found["status"] == "conflicting"
    resources = {f"QuestionnaireResponse/{entry.id}" for entry in board.entered()}
    assert {each["resource"] for each in found["sources"] if each["role"] == "value"} == resources
    assert "conflicting-sources" in codes(answer)
    assert fact(answer, "patient.ecog", "patient")["display"] == "1", "they agree"
    board.client.post(wrong, data={"name": "Dr Adams"})
    assert fact(board.evaluate(bundle)[0], "patient.inr", "patient")["display"].startswith("1.1")


def test_of_a_fact_that_does_not_change_two_forms_contradict_each_other(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{"lesion.p16": "positive", "day": "2026-11-01"})
    board.enter(record, **{"lesion.p16": "negative", "day": "2026-11-20"})
    found = fact(board.evaluate(bundle)[0], "lesion.p16")
    assert found["status"] == "conflicting"
    assert len({each["resource"] for each in found["sources"] if each["role"] == "value"}) == 2


def test_findings_after_the_day_of_the_answer_are_not_used_and_said(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3", "day": "2026-11-20"})
    answer, _ = board.evaluate(bundle, as_of="2026-11-19")
    assert fact(answer, "structure.tumourDistance", "T1/skin/none")["display"] == "> 30 mm"
    assert "entered-not-used" in codes(answer)


def test_a_response_that_the_record_holds_itself_is_taken_from_there(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    (entry,) = board.entered()
    records = board.records()
    stored = records.content(entry.id)["response"]
    records.close()
    (patient,) = [e["resource"]["id"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    own = {**stored, "id": entry.id, "subject": {"reference": f"Patient/{patient}"}, "status": "entered-in-error"}
    sent = {**bundle, "entry": [*bundle["entry"], {"resource": own}]}
    assert skin(board.evaluate(sent)[0]) == ("not-required", "> 30 mm")


def test_a_lesion_that_only_the_form_names_is_not_made_one(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3", "patient.ecog": "2", "day": "2026-11-21"})
    renamed: Json = json.loads(json.dumps(bundle).replace('"value": "T1"', '"value": "T9"'))
    answer, _ = board.evaluate(renamed)
    assert [each["id"] for each in answer["lesions"]] == ["T9"]
    assert "entered-not-used" in codes(answer)
    assert fact(answer, "patient.ecog", "patient")["display"] == "2", "the rest of the form is about the patient"


@pytest.fixture
def two(repository: Path) -> Json:
    """T1 at the base of the tongue, left, and T2, a node of the neck, right; of a patient whom no other test knows."""
    file = repository / "fhir_examples" / "06-two-lesions-different-answers" / "bundle.json"
    return changed(json.loads(file.read_text()), id=f"p{uuid.uuid4().hex}")


def structures(bundle: Json) -> list[Json]:
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "BodyStructure"]


def swapped(bundle: Json) -> Json:
    """The same record in which the two lesions changed their ids."""
    other = copy.deepcopy(bundle)
    one, two = structures(other)
    one["identifier"], two["identifier"] = two["identifier"], one["identifier"]
    return other


def take_sides_out(bundle: Json) -> None:
    """Leave the record without the side of T2."""
    del structures(bundle)[1]["locationQualifier"]
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Condition":
            for site in entry["resource"].get("bodySite", []):
                site.pop("extension", None)


DECLINES = {"lesion.declinesCryoablation": "true", "patient.ecog": "2", "day": "2026-11-21"}


def declining(answer: Json) -> set[str]:
    """The lesions for which the patient declines cryoablation."""
    found = [each for each in answer["facts"] if each["name"] == "lesion.declinesCryoablation"]
    return {each["subject"] for each in found if each["status"] == "known" and each["display"] == "yes"}


def test_what_was_entered_of_a_lesion_does_not_pass_to_another_with_its_id(board: Board, two: Json) -> None:
    _, record = board.evaluate(two)
    board.enter(record, lesion="T2", **DECLINES)
    same, _ = board.evaluate(two)
    assert declining(same) == {"T2"}
    assert "entered-not-used" not in codes(same)
    other, _ = board.evaluate(swapped(two))
    assert declining(other) == set()
    (told,) = [each["details"] for each in other["issues"] if each["code"] == "entered-not-used"]
    assert "`T2` was not used: its site was `neck_node` then, and is `oropharynx` in this record" in told
    assert fact(other, "patient.ecog", "patient")["display"] == "2", "the rest of the form is about the patient"


@pytest.mark.parametrize("member", ["side", "description"])
def test_a_lesion_of_which_the_record_no_longer_says_what_it_said_may_be_another(
    board: Board, two: Json, member: str
) -> None:
    _, record = board.evaluate(two)
    board.enter(record, lesion="T2", **DECLINES)
    other = copy.deepcopy(two)
    if member == "description":
        del structures(other)[1]["description"]
    else:
        take_sides_out(other)
    answer, _ = board.evaluate(other)
    assert declining(answer) == set()
    assert "entered-not-used" in codes(answer)


def test_what_is_entered_of_a_lesion_without_side_is_not_used_and_the_form_says_so_before(
    board: Board, two: Json
) -> None:
    take_sides_out(two)
    answer, record = board.evaluate(two)
    assert fact(answer, "lesion.side", "T2")["status"] == "absent"
    warned = "What you enter here about the lesion will not be used"
    assert warned in board.client.get(f"/board/records/{record}/enter?lesion=T2").text
    assert warned not in board.client.get(f"/board/records/{record}/enter?lesion=T1").text
    board.enter(record, lesion="T2", **{**DECLINES, "lesion.side": "right"})
    after, _ = board.evaluate(two)
    assert declining(after) == set()
    assert "entered-not-used" in codes(after)


def test_every_door_leaves_out_what_was_entered_of_another_lesion(board: Board, two: Json) -> None:
    _, record = board.evaluate(two)
    board.enter(record, lesion="T2", **DECLINES)
    batch = json.dumps({"bundle": swapped(two), "as_of": AS_OF}) + "\n"
    line = board.client.post("/evaluate/batch", content=batch, headers={"content-type": "application/x-ndjson"})
    assert "entered-not-used" in line.text
    page = board.client.post("/board", data={"bundle": json.dumps(swapped(two)), "as_of": AS_OF, "phase": "decision"})
    assert "entered-not-used" in page.text


def test_what_was_entered_does_not_vouch_for_its_own_lesion(board: Board, two: Json) -> None:
    """A form that contradicts the record's site leaves what was entered before usable, and is used itself."""
    _, record = board.evaluate(two)
    board.enter(record, lesion="T2", **DECLINES)
    board.enter(record, lesion="T2", **{"lesion.site": "larynx"})
    answer, later = board.evaluate(two)
    assert fact(answer, "lesion.site", "T2")["status"] == "conflicting"
    assert declining(answer) == {"T2"}
    assert "will not be used" in board.client.get(f"/board/records/{later}/enter?lesion=T2").text


def test_a_form_that_does_not_keep_its_lesion_is_used_for_the_patient_alone(board: Board, two: Json) -> None:
    _, record = board.evaluate(two)
    board.enter(record, lesion="T2", **DECLINES)
    records = board.records()
    (entry,) = board.entered()
    old = {name: each for name, each in records.content(entry.id).items() if name != "lesion"}
    records.append_entry("questionnaire-response", {"withdraws": entry.id, "name": "x"}, about=record)
    records.append_entry("questionnaire-response", old, about=record)
    records.close()
    answer, _ = board.evaluate(two)
    assert declining(answer) == set()
    assert "entered-not-used" in codes(answer)
    assert fact(answer, "patient.ecog", "patient")["display"] == "2"


def test_a_page_of_a_search_is_no_more_complete_for_what_was_entered(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    partly = {**bundle, "total": len(bundle["entry"]) + 1}
    assert "further-page" in codes(board.evaluate(partly)[0])


def test_under_pseudonyms_it_comes_back_to_the_real_lesion(made: Callable[..., Board], example: Json) -> None:
    bundle = example
    board = made(pseudonym_key=SecretStr("a key of more than sixteen characters"))
    _, record = board.evaluate(bundle)
    form = Page(board.client.get(f"/board/records/{record}/enter").text)
    (action,) = [each["action"] for each in form.of("form")]
    response = board.client.post(action, data={**FORM, SKIN: "3"}, follow_redirects=False)
    assert response.status_code == 303
    (entry,) = board.entered()
    records = board.records()
    assert "example-04" not in json.dumps(records.content(entry.id))
    assert '"T1"' not in json.dumps(records.content(entry.id))
    kept = records.content(entry.id)["lesion"]
    assert (kept["site"], kept["side"]) == ("neck_node", "right")
    assert re.fullmatch("p-[0-9a-f]{24}", kept["label"]), "words of the record are kept as a keyed digest"
    records.close()
    answer, _ = board.evaluate(bundle)
    assert skin(answer) == ("required", "3 mm")
    assert [each["id"] for each in answer["lesions"]] == ["T1"]


def test_of_a_large_body_it_is_used_too(rules: Path, tmp_path: Path, bundle: Json) -> None:
    database = f"sqlite:///{tmp_path / 'large.sqlite3'}"
    settings = Settings(rules=rules, database=SecretStr(database), large_body=2_000, large_processes=1)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        board = Board(client, database)
        _, record = board.evaluate(bundle)
        board.enter(record, **{SKIN: "3"})
        assert skin(board.evaluate(bundle)[0]) == ("required", "3 mm")
        other = copy.deepcopy(bundle)
        structures(other)[0]["description"] = "another node"
        answer, _ = board.evaluate(other)
        assert skin(answer) == ("not-required", "> 30 mm")
        assert "entered-not-used" in codes(answer)


# ------------------------------------------------------------------------------------------------------------- the form


def test_the_form_asks_first_what_would_settle_most_and_shows_what_is_known(board: Board, bundle: Json) -> None:
    answer, record = board.evaluate(bundle)
    page = Page(board.client.get(f"/board/records/{record}/enter?lesion=T1").text)
    assert page.problems == []
    assert len(page.ids) == len(set(page.ids))
    labelled = {attributes["for"] for attributes in page.of("label")}
    assert all(each["id"] in labelled for tag in ("input", "select") for each in page.of(tag))
    assert page.headings == [1, 2, 2, 2, 2]
    asked = [each["name"] for tag in ("select", "input") for each in page.of(tag)]
    settling = {each["name"] for option in answer["lesions"][0]["options"] for each in option["settling_facts"]}
    first = page.html.index('id="group-1"')
    assert all(page.html.index(f'name="{name}"') < first for name in settling if name.partition(".")[0] != "structure")
    assert len(asked) == len(set(asked))
    assert "Observation/size" in page.text
    assert str(fact(answer, "lesion.maxDiameter")["display"]) in page.text


def test_what_is_wrong_stands_beside_each_field_and_nothing_is_stored(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    wrong = {
        "day": "2031-01-01", "name": "", SKIN: "3,5", "patient.inr": "1.234", "patient.ecog": "7",
        "patient.platelets~": "<", "lesion.site": "heaven", "lesion.recurrenceDate": "2026-13",
        "lesion.maxDiameter": "9999", "patient.nothing": "x",
    }  # fmt: skip
    html = board.enter(record, status=422, **wrong)
    page = Page(html)
    assert page.problems == []
    told = {each["id"].removesuffix("-problem") for each in page.of("span") if each.get("class") == "problem"}
    fields = {name.removesuffix("~") for name in wrong} - {"patient.nothing"}
    assert told == fields
    described = {
        each["aria-describedby"] for tag in ("input", "select") for each in page.of(tag) if "aria-invalid" in each
    }
    assert described == {f"{field}-problem" for field in fields}
    assert "3,5" in html and "patient.nothing" in html
    assert board.entered() == ()


@pytest.mark.parametrize("day", ["", "20 November", "2026-11-31", "1900-01-01", "2026-11"])
def test_a_form_without_a_day_on_which_the_patient_lived_is_not_stored(board: Board, bundle: Json, day: str) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, status=422, **{SKIN: "3", "day": day})
    assert board.entered() == ()


def test_an_empty_form_says_nothing_and_is_not_stored(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    assert "nothing was entered" in board.enter(record, status=422)
    assert board.entered() == ()


def test_a_form_of_another_site_is_refused(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    for path in ("enter", "again"):
        address = f"/board/records/{record}/{path}"
        foreign = board.client.post(address, data={**FORM, SKIN: "3"}, headers={"sec-fetch-site": "cross-site"})
        assert foreign.status_code == 403
    assert board.entered() == ()


def test_hostile_texts_are_text(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    evil = '"><script>alert(1)</script>'
    html = board.enter(record, status=422, **{SKIN: evil, "lesion.site": evil, "day": evil, evil: evil})
    assert "<script" not in html
    location = board.enter(record, **{SKIN: "3", "name": evil})
    for address in (location, f"/board/records/{record}"):
        shown = board.client.get(address).text
        assert "<script" not in shown
        assert "&lt;script&gt;" in shown
    assert "entered-not-used" not in codes(board.evaluate(bundle)[0])


def test_while_the_database_is_away_the_form_stays_with_what_was_typed(
    board: Board, bundle: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, record = board.evaluate(bundle)

    def fails(*_: Any, **__: Any) -> None:
        raise RecordsUnavailable("records: the disk is full; nothing was recorded")

    with monkeypatch.context() as patch:
        patch.setattr(Records, "append_entry", fails)
        html = board.enter(record, status=503, **{SKIN: "3.4"})
        assert "Nothing was stored" in html
        assert 'value="3.4"' in html
    with monkeypatch.context() as patch:
        patch.setattr(Records, "entry", fails)
        assert "records-unavailable" in board.enter(record, status=503, **{SKIN: "3"})
    assert board.entered() == ()


def test_an_answer_that_need_not_be_recorded_says_that_it_knows_nothing_of_what_was_entered(
    made: Callable[..., Board], bundle: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = made(recording="when-possible")
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})

    def fails(*_: Any, **__: Any) -> None:
        raise RecordsUnavailable("records: the database cannot be reached")

    monkeypatch.setattr(Records, "entries", fails)
    answer, _ = board.evaluate(bundle)
    assert "entered-not-read" in codes(answer)
    required = made()
    assert required.client.post(f"/evaluate?as_of={AS_OF}", json=bundle).status_code == 503


def test_what_was_stored_is_shown_with_who_and_when_and_leads_on(board: Board) -> None:
    page = Page(board.client.get(f"/board/04-missing-safety-facts?as_of={AS_OF}").text)
    (address,) = [link for link in page.links if "/enter?" in link]
    response = board.client.post(address, data={**FORM, SKIN: "3", f"{SKIN}~": "<"}, follow_redirects=True)
    shown = Page(response.text)
    assert shown.problems == []
    assert "Dr Adams" in shown.text and "2026-11-20" in shown.text and "< 3 mm" in shown.text
    (again,) = [link for link in shown.links if "as_of" in link]
    after = Page(board.client.get(again).text)
    assert after.problems == []
    assert "What was entered here about this patient" in after.text
    assert "Dr Adams" in after.text
    french = Page(board.client.get(f"{response.url.path}?lang=fr").text)
    assert "Ce qui a été conservé" in french.text


def test_a_kept_bundle_can_be_evaluated_again_at_once(made: Callable[..., Board], bundle: Json) -> None:
    board = made(keep_bundles=True)
    _, record = board.evaluate(bundle)
    location = board.enter(record, **{SKIN: "3"})
    (form,) = [each for each in Page(board.client.get(location).text).of("form") if "action" in each]
    again = board.client.post(form["action"], headers=SENT)
    assert again.status_code == 200
    (entry,) = board.entered()
    assert f"QuestionnaireResponse/{entry.id}" in again.text
    newest = re.findall(r'href="/board/records/([0-9a-f-]{36})"', again.text)[0]
    recorded = Page(board.client.get(f"/board/records/{newest}").text)
    assert re.search(rf"<code>QuestionnaireResponse/{entry.id}</code></summary>\s*<pre>", recorded.html)


def test_a_bundle_that_was_not_kept_has_to_be_sent_again(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    location = board.enter(record, **{SKIN: "3"})
    assert "send it again" in board.client.get(location).text
    assert board.client.post(f"/board/records/{record}/again", headers=SENT).status_code == 404


def test_what_belongs_to_another_record_is_not_shown_beside_this_one(board: Board, bundle: Json, patient: Json) -> None:
    _, record = board.evaluate(bundle)
    _, other = board.evaluate(patient)
    entry = board.enter(record, **{SKIN: "3"}).rpartition("/")[2]
    assert board.client.get(f"/board/records/{other}/entered/{entry}").status_code == 404
    assert "Dr Adams" not in board.client.get(f"/board/records/{other}").text
    assert board.client.get(f"/board/records/{record}/enter?lesion=T7").status_code == 404
    assert board.client.get("/board/records/none/enter").status_code == 404


def test_of_a_record_without_lesion_the_patients_facts_can_be_entered(board: Board, patient: Json) -> None:
    _, record = board.evaluate(patient)
    assert "inr" in board.client.get(f"/board/records/{record}/enter").text
    board.enter(record, lesion=None, **{"patient.inr": "1.2"})
    answer, _ = board.evaluate(patient)
    assert fact(answer, "patient.inr", "patient")["status"] == "known"


def test_who_is_vouched_for_needs_to_give_no_name(board: Board) -> None:
    from cds.board.entry import NAME, EntryView, filled

    empty = EntryView(None, (), (), None)
    assert NAME in {each.field for each in filled(empty, {}, dt.date(2026, 11, 22)).problems}
    known = filled(empty, {}, dt.date(2026, 11, 22), author="Dr Adams")
    assert NAME not in {each.field for each in known.problems}
    assert known.name == "Dr Adams"


def test_the_form_is_published_as_a_questionnaire(board: Board) -> None:
    from fhir.resources.R4B.questionnaire import Questionnaire

    found = board.client.get("/fhir/Questionnaire/hnc-cds-case")
    assert found.status_code == 200
    Questionnaire.model_validate(found.json())


def test_what_was_entered_by_mistake_is_withdrawn_and_stays_recorded(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    location = board.enter(record, **{SKIN: "3"})
    right = board.enter(record, **{"patient.ecog": "2", "day": "2026-11-21"})
    assert board.client.post(location, data={"name": ""}).status_code == 422
    assert skin(board.evaluate(bundle)[0]) == ("required", "3 mm")
    withdrawn = board.client.post(location, data={"name": "Dr Brown"}, follow_redirects=True)
    page = Page(withdrawn.text)
    assert page.problems == []
    assert "Dr Brown" in page.text and "no evaluation uses it any more" in page.text
    answer, _ = board.evaluate(bundle)
    assert skin(answer) == ("not-required", "> 30 mm")
    assert fact(answer, "patient.ecog", "patient")["display"] == "2", "the other form holds"
    assert "withdrawn" not in Page(board.client.get(right).text).text.replace("can be withdrawn", "")
    assert len(board.entered()) == 3
    foreign = board.client.post(location, data={"name": "x"}, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403


def test_what_was_entered_and_changed_behind_its_back_ends_in_no_answer(
    made: Callable[..., Board], bundle: Json, tmp_path: Path
) -> None:
    board = made()
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    (entry,) = board.entered()
    with closing(sqlite3.connect(tmp_path / "records-0.sqlite3")) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE content SET data = ? WHERE entry = ?", (zlib.compress(b"{}"), entry.id))
        database.commit()
    response = board.client.post(f"/evaluate?as_of={AS_OF}", json=bundle)
    assert response.status_code == 500
    assert response.json()["issue"][0]["details"]["coding"][0]["code"] == "unreadable-record"
