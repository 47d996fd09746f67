"""What FHIR requires of a resource is named with what the resource says: the table agrees with FHIR's structure."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from cds.intake.resources import REQUIRED, REQUIRED_WITHIN


def required(model: Any) -> set[str]:
    """The elements that a model of the library requires, a choice of types among them."""
    found = set()
    for name, field in model.model_fields.items():
        told = field.json_schema_extra or {}
        if field.is_required() or told.get("element_required") or told.get("one_of_many_required"):
            found.add(field.alias or name)
    return found


@pytest.mark.parametrize("type_", REQUIRED)
def test_the_table_names_what_a_resource_needs(type_: str) -> None:
    module = importlib.import_module(f"fhir.resources.R4B.{type_.lower()}")
    assert required(getattr(module, type_)) == set(REQUIRED[type_])


@pytest.mark.parametrize(
    ("module", "model", "key"),
    [
        ("observation", "ObservationComponent", "component"),
        ("questionnaireresponse", "QuestionnaireResponseItem", "item"),
    ],
)
def test_the_table_names_what_an_item_of_a_list_needs(module: str, model: str, key: str) -> None:
    found = getattr(importlib.import_module(f"fhir.resources.R4B.{module}"), model)
    assert required(found) == {REQUIRED_WITHIN[key]}
