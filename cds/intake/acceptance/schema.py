"""A native schema of each resource type, derived from the field definitions of fhir.resources' models.

What is derived: the elements and their types, which are required, which are a choice of one, and the constraints of
the primitive types. What the library lets pass and FHIR does not (nulls, empty lists and objects, a number for a text)
is not accepted here either. Where the library has a rule that is not known here, nothing is derived, and it decides
itself.
"""

from __future__ import annotations

import importlib
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Final

from fhir_core.fhirabstractmodel import FHIRAbstractModel
from fhir_core.types import FhirBase, FhirElementOrResourceBase
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from cds.intake.acceptance.judge import TEXT_ELEMENTS
from cds.intake.acceptance.primitives import primitive
from cds.intake.bundle import RESOURCE_TYPES

Model = type[FHIRAbstractModel]

# The library's own rules beside the fields, all of which the derived schema keeps. A model with another is left to it.
_KNOWN_RULES: Final = frozenset(
    {
        "reject_null_complex_elements",
        "validate_after_model_construction",
        "validate_extension_or_fhir_comment_required",
    }
)
_PRIMITIVE_EXTENSION: Final = "FHIRPrimitiveExtension"
_ANYTHING: Final = "anything"
"""What must be there in an element that may leave out each single one."""


class _Nothing:
    """Nothing that a document holds is an instance of it."""


_NEVER: Final = core_schema.is_instance_schema(_Nothing)


def accepts(resource: Mapping[str, object]) -> bool:
    """Whether a resource (or a whole Bundle) is certainly valid: `False` says nothing but that the judge has to look.

    >>> accepts({"resourceType": "Patient", "birthDate": "1957-04"})
    True
    >>> accepts({"resourceType": "Patient", "birthDate": "1957-02-30"})
    False
    """
    type_ = resource.get("resourceType")
    if not isinstance(type_, str) or type_ not in RESOURCE_TYPES:
        return False
    validator = validator_of(type_)
    return validator is not None and validator.isinstance_python(resource)


@cache
def validator_of(type_: str) -> SchemaValidator | None:
    """The derived schema of a resource type, built once; `None` where the library has no such model."""
    try:
        model: Model = getattr(importlib.import_module(f"fhir.resources.R4B.{type_.lower()}"), type_)
    except (ImportError, AttributeError):
        return None
    definitions: dict[Model, CoreSchema] = {}
    open_: list[Model] = [model]
    while open_:
        each = open_.pop()
        if each not in definitions:
            definitions[each], found = element(each)
            open_ += found
    return SchemaValidator(
        core_schema.definitions_schema(core_schema.definition_reference_schema(_ref(model)), list(definitions.values()))
    )


def _ref(model: Model) -> str:
    return f"{model.__module__}.{model.__name__}"


@cache
def element(model: Model) -> tuple[CoreSchema, tuple[Model, ...]]:
    """The schema of one model, and the models of its elements, which it only refers to."""
    rules = model.__pydantic_decorators__
    if not rules.model_validators.keys() <= _KNOWN_RULES or rules.field_validators or rules.validators:
        return {**_NEVER, "ref": _ref(model)}, ()
    required = {name for name, _ in _required(model)} | (
        {"extension"} if model.__name__ == _PRIMITIVE_EXTENSION else set()
    )
    fields: dict[str, core_schema.TypedDictField] = {}
    found: dict[Model, None] = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        schema = _value(_annotation(field), key, found)
        needed = field.is_required() or key in required
        if schema is None and needed:
            return {**_NEVER, "ref": _ref(model)}, ()
        if schema is not None:
            fields[key] = core_schema.typed_dict_field(schema, required=needed)
    if model.has_resource_base():
        fields["resourceType"] = core_schema.typed_dict_field(
            core_schema.literal_schema([model.get_resource_type()]), required=True
        )
    elif not any(each.get("required") for each in fields.values()):
        aliases: list[list[str | int]] = [[key] for key in fields]
        fields[_ANYTHING] = core_schema.typed_dict_field(
            core_schema.any_schema(), required=True, validation_alias=aliases
        )
    choices = _choices(model)
    shape = core_schema.typed_dict_schema(
        fields, strict=True, extra_behavior="forbid", total=False, ref=None if choices else _ref(model)
    )
    if not choices:
        return shape, tuple(found)
    return core_schema.no_info_after_validator_function(_one_of(choices), shape, ref=_ref(model)), tuple(found)


def _annotation(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _value(annotation: Any, key: str, found: dict[Model, None]) -> CoreSchema | None:
    """The schema of what may stand in an element; a null never may."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        rest = [each for each in arguments if each is not type(None)]
        return _value(rest[0], key, found) if len(rest) == 1 else None
    if origin is list:
        item = _value(arguments[0], key, found)
        return None if item is None else core_schema.list_schema(item, min_length=1, strict=True)
    if isinstance(annotation, type) and issubclass(annotation, FhirElementOrResourceBase):
        whole = annotation.get_model_klass().has_resource_base()
        return core_schema.no_info_plain_validator_function(_inner_resource) if whole else None
    if isinstance(annotation, type) and issubclass(annotation, FhirBase):
        model = annotation.get_model_klass()
        found.setdefault(model)
        return core_schema.definition_reference_schema(_ref(model))
    schema = primitive(annotation)
    # Some versions call a number by a name under which others have a text.
    numeric = schema is not None and schema["type"] not in ("str", "chain")
    return None if numeric and TEXT_ELEMENTS.fullmatch(key) else schema


def _inner_resource(value: object) -> object:
    """A contained resource, or one of a Bundle's; its type is known only when it is there."""
    if isinstance(value, dict) and accepts(value):
        return value
    raise ValueError("left to the judge")


def _required(model: Model) -> list[tuple[str, str | None]]:
    return model.model_construct().get_required_fields()


def _choices(model: Model) -> list[tuple[frozenset[str], bool]]:
    """The elements of which one may be there, and whether one has to be."""
    result = []
    for names in model.model_construct().get_one_of_many_fields().values():
        fields = [model.model_fields[name] for name in names]
        extra = fields[0].json_schema_extra
        needed = isinstance(extra, dict) and extra.get("one_of_many_required") is True
        result.append((frozenset(field.alias or name for name, field in zip(names, fields, strict=True)), needed))
    return result


def _one_of(choices: list[tuple[frozenset[str], bool]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def one_of(value: dict[str, Any]) -> dict[str, Any]:
        present = value.keys()
        for names, needed in choices:
            count = len(present & names)
            if count > 1 or (needed and not count):
                raise ValueError("left to the judge")
        return value

    return one_of
