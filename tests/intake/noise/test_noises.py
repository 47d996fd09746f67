"""The noises themselves: each changes something, keeps the bundle valid FHIR, and depends on the choices alone."""

from __future__ import annotations

import json
import random
import uuid
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from cds.intake.rebuild import rebuild
from cds.testing import (
    NOISES,
    Noise,
    NoisyBundle,
    add_noise,
    noise_called,
    random_cases,
    sample_vocabulary,
    spell,
)
from cds.testing.sampling import SeededChoices

VOCABULARY = sample_vocabulary()
BUNDLES = [rebuild(case, VOCABULARY) for case in random_cases(VOCABULARY, seed=8, n=6, known=0.8)]
DRUG = {
    "resourceType": "MedicationStatement",
    "id": "drug",
    "status": "active",
    "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": "B01AA03"}]},
}
for each in BUNDLES:
    entries: Any = each["entry"]
    patient = {"reference": entries[0]["fullUrl"]}
    entries.append({"fullUrl": f"urn:uuid:{uuid.UUID(int=1)}", "resource": {**DRUG, "subject": patient}})
by_noise = pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.name)


class NoChoices:
    """Whoever decides for as little as possible."""

    def chance(self, probability: float) -> bool:
        return False

    def below(self, count: int) -> int:
        return 0


def chosen(seed: object) -> SeededChoices:
    return SeededChoices(random.Random(repr(seed)))


@by_noise
def test_a_noise_changes_the_bundle_and_leaves_it_valid_fhir(noise: Noise) -> None:
    changed = 0
    for number, bundle in enumerate(BUNDLES):
        before = json.dumps(bundle)
        result, names = add_noise(bundle, chosen(number), [noise])
        Bundle.model_validate(result)
        assert json.dumps(bundle) == before, "the bundle that was given stays as it is"
        assert names == (noise.name,)
        changed += result != bundle
    assert changed > len(BUNDLES) / 2


@by_noise
def test_the_same_choices_make_the_same_noise(noise: Noise) -> None:
    made = [NoisyBundle.made(BUNDLES[0], chosen(4), noises=[noise]) for _ in range(2)]
    assert made[0].source == made[1].source


def test_all_noises_together_leave_a_bundle_valid_fhir() -> None:
    for number, bundle in enumerate(BUNDLES):
        result, _ = add_noise(bundle, chosen(number), NOISES)
        Bundle.model_validate(result)


def test_choices_for_as_little_as_possible_make_no_noise() -> None:
    """So that a failing bundle shrinks to the noise that matters."""
    result, names = add_noise(BUNDLES[0], NoChoices())
    assert (result, names) == (BUNDLES[0], ())
    assert json.loads(spell(BUNDLES[0], NoChoices())) == BUNDLES[0]


@pytest.mark.parametrize("number", range(30))
def test_every_spelling_is_the_same_json(number: int) -> None:
    assert json.loads(spell(BUNDLES[1], chosen(number))) == BUNDLES[1]


def test_noises_are_called_by_their_names() -> None:
    assert [noise_called(noise.name) for noise in NOISES] == list(NOISES)
    assert all(noise.why for noise in NOISES)
