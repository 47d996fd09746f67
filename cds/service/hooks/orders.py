"""Orders that the rule set has something to say about: which option each is an order of, and for what."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cds.errors import Issue
from cds.intake.bundle import RESOURCE_TYPES, Entry
from cds.intake.coding import concept
from cds.intake.document import Json, children, string
from cds.intake.remarks import Remarks, shown
from cds.intake.resources import is_valid
from cds.recommendation.model import LesionPart
from cds.ruleset.mapping import MappingTables
from cds.service.hooks.prefetch import Found
from cds.service.hooks.problems import BAD_REQUEST

ORDER_TYPE: Final = "ServiceRequest"
_NO_ORDER: Final = frozenset({"revoked", "entered-in-error", "completed"})


@dataclass(frozen=True, slots=True)
class Order:
    """One order of an option: how it is referred to, what should be said of its code, what it names as its reason."""

    reference: str
    option: str
    note: str
    about: frozenset[str]

    def is_about(self, lesion: LesionPart) -> bool:
        """Whether the order names a resource that is this lesion."""
        return bool(self.about & {source.resource for source in lesion.sources})


def read_orders(found: Iterable[Found], tables: MappingTables) -> Iterator[Order]:
    """The orders of an option among some resources. A code that the tables do not know is no order of ours."""
    for each in found:
        resource = each.resource
        wanted = resource.get("resourceType") == ORDER_TYPE and resource.get("doNotPerform") is not True
        if not wanted or string(resource, "status") in _NO_ORDER or tables.hooks is None:
            continue
        code = concept(resource.get("code"), tables)
        matched: dict[str, str] = {}
        for line in tables.hooks.orders:
            if code.any_in(tables.value_set(line.codes)):
                matched.setdefault(line.option, line.note)
        reference = f"{ORDER_TYPE}/{string(resource, 'id')}" if string(resource, "id") else each.place
        about = frozenset(_reasons(resource))
        yield from (Order(reference, option, note, about) for option, note in matched.items())


def _reasons(order: Json) -> Iterator[str]:
    for reference in children(order, "reasonReference"):
        text = (string(reference, "reference") or "").split("/_history/")[0]
        yield "/".join(text.rsplit("/", 2)[-2:])


def _outside_its_codes(order: Json, type_: str, place: str) -> Iterator[Issue]:
    """The status and intent that FHIR binds to its own codes; its models take any word."""
    fields = getattr(importlib.import_module(f"fhir.resources.R4B.{type_.lower()}"), type_).model_fields
    for element in ("status", "intent"):
        codes = (getattr(fields.get(element), "json_schema_extra", None) or {}).get("enum_values")
        value = string(order, element)
        if codes and value is not None and value not in codes:
            details = f"`{shown(value)}` is no {element} of a {type_}; accepted are {', '.join(codes)}"
            yield Issue("error", BAD_REQUEST, f"{place}.{element}", details)


def drafts(entries: Iterable[Mapping[str, object]], issues: list[Issue]) -> list[Found]:
    """The resources of `draftOrders`, each a valid one of FHIR R4; what is not is in `issues`."""
    found: list[Found] = []
    for index, entry in enumerate(entries):
        place = f"context.draftOrders.entry[{index}].resource"
        resource = entry.get("resource")
        type_ = resource.get("resourceType") if isinstance(resource, Mapping) else None
        if not isinstance(resource, Mapping) or not isinstance(type_, str) or type_ not in RESOURCE_TYPES:
            said = f"`{shown(type_)}` is" if type_ is not None else "it is"
            details = f"{said} no resource of FHIR R4 or R4B; send every order as one"
            issues.append(Issue("error", BAD_REQUEST, place, details))
            continue
        issues += _outside_its_codes(resource, type_, place)
        remarks = Remarks()
        if not is_valid(Entry(index, None, resource, type_, string(resource, "id")), remarks):
            for each in remarks.issues.values():
                expression = each.expression.replace(f"Bundle.entry[{index}].resource", place)
                issues.append(Issue("error", BAD_REQUEST, expression, each.details))
        found.append(Found(place, resource, string(entry, "fullUrl")))
    return found
