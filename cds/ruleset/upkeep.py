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
    """Something that cites a source, and what of it nothing else holds up.

    `lost`: the roles (condition, effect, threshold, grading) that this source alone fills. `whole`: nothing is left
    that holds it up; how evidence is graded holds nothing up by itself.
    """

    kind: str
    name: str
    lost: tuple[str, ...]
    whole: bool
    position: Position

    @property
    def alone(self) -> bool:
        """Whether something of it would be left without a source."""
        return bool(self.lost)


def supported_by(rules: RuleSet, cite: str) -> tuple[Supported, ...]:
    """Everything that cites a source, in the order of the rule set, judged by what each citation supports.

    >>> from cds.ruleset import load_rules
    >>> [each.name for each in supported_by(load_rules(), "yousem1995") if each.kind == "parameter"]
    ['carotidEncasementLimit']
    """
    found = []
    for kind, name, place, roles in _citing(rules):
        if any(each == cite for each, _ in roles):
            left = {role for each, role in roles if each != cite}
            lost = dict.fromkeys(role for each, role in roles if each == cite and role not in left)
            found.append(Supported(kind, name, tuple(lost), left <= {"grading"}, rules.places.get(place, _NOWHERE)))
    return tuple(found)


Roles = list[tuple[str, str]]
"""Citations, each with what it supports."""


def _citing(rules: RuleSet) -> Iterator[tuple[str, str, str, Roles]]:
    """Kind, name, key of its place, and citations of everything that cites."""

    def roles(evidence: tuple[Evidence, ...]) -> Roles:
        return [(each.cite, each.supports) for each in evidence]

    def threshold(cite: str | None) -> Roles:
        return [(cite, "threshold")] if cite else []

    for name, statement in statements(rules):
        yield "rule", name, name, roles(statement.evidence)
    for name, parameter in rules.parameters.items():
        yield "parameter", name, f"parameters.{name}", threshold(parameter.cite)
        for earlier in parameter.history:
            yield "parameter", f"{name} from {earlier.since}", f"parameters.{name}", threshold(earlier.cite)
    yield from (("claim", claim.id, claim.id, [(claim.cite, "effect")]) for claim in rules.claims.values())
    for name, option in rules.options.items():
        place = f"options.{name}"
        if option.banner is not None:
            yield "banner", option.label, place, roles(option.banner.evidence)
        yield from (("outcome", outcome.says, place, [(outcome.cite, "effect")]) for outcome in option.outcomes)
    for each in rules.alternatives:
        yield "alternative", each.id, f"alternatives.{each.id}", roles(each.evidence)
    for structure in rules.vocabulary.structures.values():
        place = f"structures.{structure.name}"
        yield "structure", structure.label, place, [(cite, "effect") for cite in structure.evidence]
