"""A record that arrives as the prefetch of a hook says what it says as one bundle."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from cds.intake import read_bundle
from cds.intake.rebuild import rebuild
from cds.ruleset.loader import load_rules
from cds.testing import NOISES, add_noise, random_cases, said, spell
from cds.testing.sampling import SeededChoices
from tests.intake.goldens.records import bundled

RULES = load_rules(Path(__file__).resolve().parents[3] / "rules" / "recurrent-head-and-neck")
CASES = list(random_cases(RULES.vocabulary, seed=12, n=10, known=0.4, lesions=(0, 2)))
NOT_HERE = {"bundle types", "duplicates"}
"""A search has a type of its own, and answers with each resource once."""


def as_prefetch(bundle: dict[str, Any]) -> dict[str, Any]:
    """One search for each type of resource, and the patient by itself."""
    found: dict[str, list[Any]] = {}
    for entry in bundle["entry"]:
        found.setdefault(entry["resource"]["resourceType"], []).append({**entry, "search": {"mode": "match"}})
    (patient,) = found.pop("Patient")
    searches = {
        type_.lower(): {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
        for type_, entries in found.items()
    }
    return {"patient": patient["resource"], **searches}


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_prefetch_object_is_read_as_the_bundle_that_it_was(number: int) -> None:
    case = CASES[number]
    choices = SeededChoices(random.Random(number))
    # A server's resources have addresses of that server; a patient that stands by itself is called by its id.
    plain = json.loads(json.dumps(rebuild(case, RULES.vocabulary)))
    text = json.dumps([entry["resource"] for entry in plain["entry"]])
    for entry in plain["entry"]:
        text = text.replace(entry["fullUrl"], f"{entry['resource']['resourceType']}/{entry['resource']['id']}")
    entries = [
        {"fullUrl": f"https://ehr.example.org/r4/{r['resourceType']}/{r['id']}", "resource": r}
        for r in json.loads(text)
    ]
    noises = [n for n in NOISES if n.name not in {*NOT_HERE, "references"} and choices.chance(0.3)]
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    noisy = add_noise(bundle, choices, noises)[0] if noises else bundle
    source = spell(bundled(as_prefetch(noisy), "patient"), choices)
    read = read_bundle(source, vocabulary=RULES.vocabulary, mapping=RULES.mapping, as_of=case.as_of)
    assert said(read) == said(case)
