"""What a rule set needs in the course of time: reviews that are overdue, and what a source alone holds up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from cds.errors import Finding, Position
from cds.ruleset.model import Evidence, Grounded, Review
from cds.ruleset.rule_set import RuleSet

_NOWHERE = Position("", 1, 1)


def overdue_reviews(rules: RuleSet, day: dt.date) -> tuple[Finding, ...]:
    """Every statement and parameter whose review was due before a day, the longest overdue first.

    >>> from cds.ruleset import load_rules
    >>> overdue_reviews(load_rules(), dt.date(2026, 11, 22))
    ()
    """
    late = sorted((review.due, name, review) for name, review in _reviews(rules) if review.due < day)
    return tuple(
        Finding(
            "overdue-review",
            rules.places.get(name, _NOWHERE),
            f"the review of `{name.removeprefix('parameters.')}` was due on {due}; {review.owner} reviews it and moves "
            "the date on",
            severity="warning",
        )
        for due, name, review in late
    )


def _reviews(rules: RuleSet) -> Iterator[tuple[str, Review]]:
    for name, statement in statements(rules):
        if statement.review is not None:
            yield name, statement.review
    for name, parameter in rules.parameters.items():
        if parameter.review is not None:
            yield f"parameters.{name}", parameter.review


def statements(rules: RuleSet) -> Iterator[tuple[str, Grounded]]:
    """Everything with evidence of its own, by id: rules, exceptions, preferences, and what the planner knows."""
    planner = rules.planner
    yield from ((each.id, each) for each in rules.rules)
    yield from ((each.id, each) for each in rules.exceptions)
    yield from ((each.id, each) for each in rules.preferences)
    yield from ((each.id, each) for each in (*planner.need, *planner.measures, *planner.monitoring))
    yield from ((each.id, each) for each in planner.combinations)


@dataclass(frozen=True, slots=True)
class Supported:
    """Something that cites a source. `alone`: it cites no other, and would be left without any."""

    kind: str
    name: str
    alone: bool
    position: Position


def supported_by(rules: RuleSet, cite: str) -> tuple[Supported, ...]:
    """Everything that cites a source, in the order of the rule set.

    >>> from cds.ruleset import load_rules
    >>> [each.name for each in supported_by(load_rules(), "yousem1995") if each.kind == "parameter"]
    ['carotidEncasementLimit']
    """
    return tuple(
        Supported(kind, name, set(cites) == {cite}, rules.places.get(place, _NOWHERE))
        for kind, name, place, cites in _citing(rules)
        if cite in cites
    )


def _citing(rules: RuleSet) -> Iterator[tuple[str, str, str, list[str]]]:
    """Kind, name, key of its place, and citations of everything that cites."""

    def cites(evidence: tuple[Evidence, ...]) -> list[str]:
        return [each.cite for each in evidence]

    for name, statement in statements(rules):
        yield "rule", name, name, cites(statement.evidence)
    for name, parameter in rules.parameters.items():
        yield "parameter", name, f"parameters.{name}", [parameter.cite] if parameter.cite else []
        for earlier in parameter.history:
            named = f"{name} from {earlier.since}"
            yield "parameter", named, f"parameters.{name}", [earlier.cite] if earlier.cite else []
    yield from (("claim", claim.id, claim.id, [claim.cite]) for claim in rules.claims.values())
    for name, option in rules.options.items():
        place = f"options.{name}"
        if option.banner is not None:
            yield "banner", option.label, place, cites(option.banner.evidence)
        yield from (("outcome", outcome.says, place, [outcome.cite]) for outcome in option.outcomes)
    for each in rules.alternatives:
        yield "alternative", each.id, f"alternatives.{each.id}", cites(each.evidence)
    for structure in rules.vocabulary.structures.values():
        yield "structure", structure.label, f"structures.{structure.name}", list(structure.evidence)
