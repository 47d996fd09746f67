"""A board's decision as resources: a plan that anybody can check, a draft that orders nothing, and who decided."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest

from cds.board.decision import BoardDecided, OverriddenRule, choices
from cds.fhir_output.board_decision import decision_bundle
from tests.fhir_output.answers import NAMES, answer_of, shipped
from tests.fhir_output.validators import NAMES as VALIDATORS
from tests.fhir_output.validators import Json, errors_of, node, unresolved

UNRESECTABLE = "02-unresectable-carotid-encased-freeze-near-it"
DECIDED = BoardDecided(
    id="7f1f6a52-5bd8-4a77-9b0a-6a4c2f6b1a11", number=7, record="2c5a1c9e-0a1b-4d7e-8f00-1234567890ab",
    recorded_at=dt.datetime(2026, 11, 23, 9, 30, tzinfo=dt.UTC), lesion="T1", option="cryoablation",
    label="Percutaneous cryoablation", verdict="conditional", follows=True, decided_on="2026-11-23",
    rationale="", members=("Dr A", "Prof. B"), overridden=(), writer="Dr A",
)  # fmt: skip
AGAINST = replace(
    DECIDED, option="salvage-surgery", label="Salvage surgery", verdict="ineligible", follows=False,
    rationale="A second opinion\nsays otherwise & <b>more</b>\x00\x1b", overridden=(OverriddenRule("SS-0", "Judged."),),
    supersedes="11111111-1111-4111-8111-111111111111", issuer="https://idp.example", writer="dr-a",
)  # fmt: skip
REPLACED = replace(DECIDED, replaced_by="22222222-2222-4222-8222-222222222222")
OWN_WORDS = replace(DECIDED, option="wait \x07 and see", label="", verdict=None, follows=False, rationale="x")
UNWRITTEN = replace(DECIDED, writer=None, lesion="T9", members=())


def bundle_of(decided: BoardDecided, name: str | None = UNRESECTABLE, **named: Any) -> Json:
    return decision_bundle(decided, answer_of(name) if name is not None else None, shipped(), **named)


def only(bundle: Json, kind: str) -> Json:
    (found,) = [each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == kind]
    return dict(found)


def test_what_was_decided_is_an_active_plan_and_a_draft_that_orders_nothing() -> None:
    bundle = bundle_of(DECIDED)
    plan, request = only(bundle, "CarePlan"), only(bundle, "ServiceRequest")
    assert (plan["status"], plan["intent"], plan["created"]) == ("active", "plan", "2026-11-23")
    assert (request["status"], request["intent"]) == ("draft", "plan")
    assert request["code"]["coding"][0]["code"] == "cryoablation"
    assert plan["activity"][0]["reference"]["reference"].endswith(request["id"])
    assert plan["subject"] == {"reference": "Patient/example-02"}
    assert plan["addresses"]
    assert "conditional in the answer of 2026-11-22" in plan["description"]


def test_who_decided_who_wrote_and_what_the_answer_was_stand_in_the_provenance() -> None:
    bundle = bundle_of(AGAINST)
    provenance = only(bundle, "Provenance")
    roles = [each["type"]["coding"][0]["code"] for each in provenance["agent"]]
    assert roles == ["author", "enterer", "assembler"]
    assert provenance["recorded"] == "2026-11-23T09:30:00.000+00:00"
    source, revision = provenance["entity"]
    assert source["what"]["identifier"]["value"] == f"urn:uuid:{AGAINST.record}"
    assert (source["role"], revision["role"]) == ("source", "revision")
    named = {each["resource"]["id"]: each["resource"] for each in bundle["entry"]}
    assert len(provenance["target"]) == 2
    members = [each["member"]["reference"] for each in only(bundle, "CareTeam")["participant"]]
    assert [named[each.removeprefix("urn:uuid:")]["name"][0]["text"] for each in members] == ["Dr A", "Prof. B"]
    writers = [each for each in named.values() if each.get("identifier", [{}])[0].get("system") == "https://idp.example"]
    assert [each["name"][0]["text"] for each in writers] == ["dr-a"]


def test_the_reason_and_every_rule_that_was_overridden_stand_in_notes() -> None:
    notes = [each["text"] for each in only(bundle_of(AGAINST), "CarePlan")["note"]]
    assert notes[0] == "Reason: A second opinion\nsays otherwise & <b>more</b>"
    assert "Decided against rule SS-0: Judged." in notes
    assert "The choice is not what the answer leaves open." in notes
    assert any("Nobody has approved" in each for each in notes)


def test_a_correction_and_what_it_replaces_find_each_other() -> None:
    old = replace(DECIDED, id="11111111-1111-4111-8111-111111111111", replaced_by=AGAINST.id)
    (replaced,) = only(bundle_of(AGAINST), "CarePlan")["replaces"]
    plan = only(bundle_of(old), "CarePlan")
    assert replaced["identifier"] == plan["identifier"][0]
    assert plan["status"] == only(bundle_of(old), "ServiceRequest")["status"] == "revoked"


def test_the_same_decision_is_written_the_same_each_time() -> None:
    assert bundle_of(AGAINST) == bundle_of(AGAINST)
    ids = [each["resource"]["id"] for each in bundle_of(AGAINST)["entry"]]
    assert len(ids) == len(set(ids))


def test_words_of_the_boards_own_and_alternatives_have_no_code() -> None:
    assert only(bundle_of(OWN_WORDS), "ServiceRequest")["code"] == {"text": "wait   and see"}


def test_where_the_answer_was_erased_the_decision_still_stands() -> None:
    bundle = bundle_of(DECIDED, None)
    plan = only(bundle, "CarePlan")
    assert plan["subject"]["display"].startswith("the patient of this record")
    assert "instantiatesCanonical" not in plan
    assert unresolved(bundle) == []


def test_pseudonyms_are_no_references() -> None:
    bundle = bundle_of(DECIDED, pseudonymous=True)
    assert re.findall(r"'reference': '(?!urn:uuid:)", str(bundle)) == []
    assert only(bundle, "CarePlan")["subject"]["type"] == "Patient"


@pytest.mark.slow
def test_three_validators_find_nothing_wrong() -> None:
    node()
    bundles = [bundle_of(each) for each in (DECIDED, AGAINST, REPLACED, OWN_WORDS, UNWRITTEN)]
    bundles += [bundle_of(AGAINST, None), bundle_of(AGAINST, pseudonymous=True)]
    for name in NAMES:
        answer = answer_of(name)
        lesion = answer.lesions[0] if answer.lesions else None
        for choice in choices(answer, lesion) if lesion is not None else ():
            option = replace(DECIDED, lesion=lesion.id if lesion else None, option=choice.id, label=choice.label)
            bundles.append(bundle_of(option, name))
    for bundle, found in zip(bundles, errors_of(bundles), strict=True):
        assert found == {name: [] for name in VALIDATORS}
        assert unresolved(bundle) == []
