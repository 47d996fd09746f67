"""A service into whose pages a person types what the next evaluation then uses."""

from __future__ import annotations

import copy
import json
from typing import Any

from starlette.testclient import TestClient

from cds.records import Entry, Records, open_records
from cds.service.runtime import Runtime

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


def structures(bundle: Json) -> list[Json]:
    """The lesions of a bundle."""
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "BodyStructure"]
