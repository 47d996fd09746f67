"""Which lesions a call is about that could not be checked, because something of the record is not there or not read.

A scope that a whole record leaves unknown is silence. One that is unknown while a part was not obtained, or a resource
that says who has which tumour was warned of, is a failure, and a failure is said. Where no lesion was read at all, a
review says so only if the record names a tumour of head and neck: a failed search makes no such patient of anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cds.intake.bundle import Entry
from cds.intake.coding import concept
from cds.intake.document import Json, child, children, string
from cds.intake.standing import Standing, standing
from cds.intake.subjects import in_head_and_neck
from cds.intake.tumours import is_cancer, is_tumour
from cds.recommendation.model import LesionPart, Recommendation
from cds.ruleset import RuleSet
from cds.service.hooks.orders import Order

_NAMING: Final = frozenset({"Patient", "Condition", "BodyStructure", "QuestionnaireResponse"})
"""Types of resources on which it rests whether a patient, or a tumour, is one of this rule set's."""
_ENTRY: Final = re.compile(r"Bundle\.entry\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Unchecked:
    """What could not be checked: `lesions` of unknown scope, none where no lesion could be read."""

    lesions: tuple[LesionPart, ...]


def unchecked(
    answer: Recommendation,
    bundle: Json,
    ordered: Sequence[Order],
    not_whole: Sequence[str],
    rules: RuleSet,
) -> Unchecked | None:
    """What of a call could not be checked; `None` where it could, or where the whole record names nothing of ours.

    `bundle` is what was evaluated, `ordered` the orders to check (none on a review), `not_whole` the keys that were not
    obtained in full.
    """
    warned = tuple(_warned(answer, bundle))
    if not (not_whole or warned):
        return None
    if answer.lesions:
        unknown = tuple(each for each in answer.lesions if each.scope.truth == "unknown")
        if ordered and not any(_is_unbound(order, answer) for order in ordered):
            unknown = tuple(each for each in unknown if any(order.is_about(each) for order in ordered))
        return Unchecked(unknown) if unknown else None
    held = _resources(bundle) if not_whole else warned
    if ordered or any(names_a_tumour(each, rules) for each in held):
        return Unchecked(())
    return None


def names_a_tumour(resource: Json, rules: RuleSet) -> bool:
    """Whether a Condition or BodyStructure names a tumour of head and neck that nobody refuted or withdrew.

    >>> from cds.ruleset import load_rules
    >>> icd10 = {"system": "http://hl7.org/fhir/sid/icd-10", "code": "C01"}
    >>> names_a_tumour({"resourceType": "Condition", "code": {"coding": [icd10]}}, load_rules())
    True
    >>> diabetes = {"system": "http://hl7.org/fhir/sid/icd-10", "code": "E11"}
    >>> names_a_tumour({"resourceType": "Condition", "code": {"coding": [diabetes]}}, load_rules())
    False
    """
    tables = rules.mapping
    type_ = string(resource, "resourceType") or ""
    entry = Entry(-1, None, resource, type_, string(resource, "id"))
    if type_ == "BodyStructure":
        place = concept(resource.get("location"), tables)
        return is_tumour(entry, rules.vocabulary, tables) and in_head_and_neck(place, tables)
    if type_ != "Condition" or not is_cancer(entry, tables) or standing(entry, tables)[0] is Standing.WITHDRAWN:
        return False
    by_code = concept(child(resource, "code"), tables).mapped(tables.code_map(tables.lesions.condition_site))
    sites = (concept(site, tables) for site in children(resource, "bodySite"))
    return bool(by_code) or any(in_head_and_neck(site, tables) for site in sites)


def _is_unbound(order: Order, answer: Recommendation) -> bool:
    """Whether an order names none of the lesions, so that it may be for any of them."""
    return not any(map(order.is_about, answer.lesions))


def _resources(bundle: Json) -> list[Json]:
    return [child(entry, "resource") for entry in children(bundle, "entry")]


def _warned(answer: Recommendation, bundle: Json) -> Iterator[Json]:
    """The resources of the naming types about which there is a warning."""
    resources = _resources(bundle)
    for issue in answer.issues:
        place = _ENTRY.match(issue.expression)
        index = int(place[1]) if place is not None and issue.severity != "information" else len(resources)
        if index < len(resources) and resources[index].get("resourceType") in _NAMING:
            yield resources[index]
