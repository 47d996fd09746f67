"""What is accepted without asking fhir.resources, it would have accepted; and that is nearly all that is sent."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.coding import Coding
from fhir.resources.R4B.patient import Patient
from fhir_core.fhirabstractmodel import FHIRAbstractModel
from pydantic import Field, field_validator, model_validator
from pydantic_core import SchemaValidator, core_schema

from cds.intake.acceptance import accepts, problems
from cds.intake.acceptance.primitives import primitive
from cds.intake.acceptance.schema import element
from cds.intake.reader import READ_TYPES
from tests.intake.acceptance.mutants import Count, Json, compare, resources, seeds

PATIENT: Json = {"resourceType": "Patient", "id": "p1", "birthDate": "1957-04-18"}
OBSERVATION: Json = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


@pytest.fixture(scope="module")
def originals(repository: Path, corpus_dir: Path) -> list[Json]:
    return seeds([*sorted(repository.glob("fhir_examples/*/bundle.json")), *sorted(corpus_dir.rglob("*.json"))])


def test_real_resources_do_not_wait_for_the_library(corpus_dir: Path) -> None:
    found = [
        resource
        for file in sorted(corpus_dir.rglob("*.json"))
        for resource in resources(json.loads(file.read_bytes(), parse_float=Decimal))
    ]
    accepted = sum(map(accepts, found))
    left = [each for each in found if not accepts(each) and not problems(each, each["resourceType"])]
    assert accepted > 3000
    assert len(left) <= (accepted + len(left)) / 1000


def test_the_library_accepts_every_real_resource_that_is_accepted_without_it(originals: list[Json]) -> None:
    accepted = [resource for resource in originals if accepts(resource)]
    assert len(accepted) > 400
    assert not [found for each in accepted if (found := problems(each, each["resourceType"]))]


@pytest.mark.slow
def test_the_library_accepts_every_mutant_that_is_accepted_without_it(originals: list[Json]) -> None:
    count = Count()
    compare(range(15_000), 20_261_122, originals, count)
    assert not count.wrong
    assert count.accepted > 3000
    assert count.left <= count.judged / 20


@pytest.mark.parametrize("type_", READ_TYPES)
def test_every_type_that_is_read_has_a_derived_schema(type_: str) -> None:
    model: type[FHIRAbstractModel] = getattr(import_module(f"fhir.resources.R4B.{type_.lower()}"), type_)
    _, models = element(model)
    assert Coding in chain.from_iterable(element(each)[1] for each in models)


ACCEPTED: dict[str, Json] = {
    "a partial date": {**PATIENT, "birthDate": "1957"},
    "29 February of a leap year": {**PATIENT, "birthDate": "2024-02-29"},
    "an extension": {**PATIENT, "extension": [{"url": "u", "valueString": "s"}]},
    "why a date is missing": {"resourceType": "Patient", "_birthDate": {"extension": [{"url": "u", "valueCode": "x"}]}},
    "a contained resource": {**PATIENT, "contained": [OBSERVATION]},
    "a whole number where FHIR has a decimal": {**OBSERVATION, "valueQuantity": {"value": 5}},
    "a decimal": {**OBSERVATION, "valueQuantity": {"value": Decimal("5.50")}},
}


@pytest.mark.parametrize("resource", ACCEPTED.values(), ids=ACCEPTED)
def test_a_valid_resource_is_accepted(resource: Json) -> None:
    assert accepts(resource)
    assert not problems(resource, resource["resourceType"])


LEFT: dict[str, Json] = {
    "a null": {**PATIENT, "active": None},
    "an empty list": {**PATIENT, "name": []},
    "an empty object": {**OBSERVATION, "subject": {}},
    "an element that the type does not have": {**PATIENT, "bodySite": {"text": "x"}},
    "the library's own name of an element": {**PATIENT, "birthDate__ext": {"id": "x"}},
    "two values of a choice": {**OBSERVATION, "valueString": "x", "valueInteger": 1},
    "two values of a choice in a component": {
        **OBSERVATION, "component": [{"code": {"text": "x"}, "valueString": "x", "valueInteger": 1}],
    },
    "a choice that is missing": {
        "resourceType": "MedicationRequest", "status": "active", "intent": "plan", "subject": {"reference": "#"},
    },
    "an element that is missing": {"resourceType": "Observation", "status": "final"},
    "a primitive element that is missing": {"resourceType": "Observation", "code": {"text": "x"}},
    "a number for a date": {**PATIENT, "birthDate": 1957},
    "a number for a text": {**OBSERVATION, "valueString": 1},
    "a text for a number": {**OBSERVATION, "valueInteger": "1"},
    "a text for a yes or no": {**PATIENT, "active": "true"},
    "a yes or no for a number": {**OBSERVATION, "valueInteger": True},
    "a text for an object": {**OBSERVATION, "code": '{"text": "x"}'},
    "an object for a list": {**PATIENT, "name": {"family": "x"}},
    "no number": {**OBSERVATION, "valueQuantity": {"value": Decimal("NaN")}},
    "a day that no calendar has": {**PATIENT, "birthDate": "2023-02-29"},
    "a time without zone": {**OBSERVATION, "effectiveDateTime": "2024-01-01T10:00:00"},
    "a padded code": {**OBSERVATION, "status": " final"},
    "a code on two lines": {**OBSERVATION, "status": "fi  nal"},
    "a contained resource that is not valid": {**PATIENT, "contained": [{"resourceType": "Observation"}]},
    "a contained resource of no type": {**PATIENT, "contained": [{"id": "x"}]},
    "another type": {"resourceType": "Nothing"},
    "no type": {"id": "x"},
}  # fmt: skip


@pytest.mark.parametrize("resource", LEFT.values(), ids=LEFT)
def test_what_is_not_certainly_valid_is_left_to_the_library(resource: Json) -> None:
    assert not accepts(resource)


def test_a_whole_bundle_is_accepted_with_its_resources() -> None:
    entries = [{"resource": PATIENT}, {"resource": OBSERVATION}]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert accepts(bundle)
    assert not accepts({**bundle, "entry": [{"resource": {**PATIENT, "birthDate": "x"}}]})


class WithARuleOfAField(Patient):
    @field_validator("gender", check_fields=False)
    @classmethod
    def rule(cls, value: object) -> object:
        return value


class WithARuleOfAModel(Patient):
    @model_validator(mode="after")
    def another_rule(self) -> WithARuleOfAModel:
        return self


class WithARequiredElementOfAnUnknownKind(Patient):
    something: complex = Field(alias="something")


@pytest.mark.parametrize("model", [WithARuleOfAField, WithARuleOfAModel, WithARequiredElementOfAnUnknownKind])
def test_a_model_with_a_rule_that_is_not_known_is_left_to_the_library(model: type[FHIRAbstractModel]) -> None:
    schema, models = element(model)
    assert not models
    definitions = core_schema.definitions_schema(core_schema.definition_reference_schema(str(schema["ref"])), [schema])  # type: ignore[typeddict-item]
    assert not SchemaValidator(definitions).isinstance_python(PATIENT)


def test_a_primitive_of_an_unknown_kind_is_left_to_the_library() -> None:
    assert primitive(Any) is None
    assert primitive(float) is None
