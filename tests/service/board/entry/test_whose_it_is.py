"""What was entered is never used for anybody else."""

from __future__ import annotations

import copy
import datetime as dt
import json

import anyio
import pytest

from cds.service.requests import Asked
from cds.service.runtime import Caller
from tests.service.board.entry.boards import AS_OF, SKIN, Board, Json, changed, codes, skin


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
