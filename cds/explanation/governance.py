"""What those who use the rules are told about them: who made and approved them, which data of a patient they use."""

from __future__ import annotations

import datetime as dt

from cds.explanation.page import Entry, Page, Section
from cds.recommendation.model import Part
from cds.ruleset import RuleSet


class AttributePart(Part):
    """One source attribute of the intervention; `facts` names the facts of the record that are used."""

    id: str
    label: str
    says: str
    facts: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()


class Governance(Part):
    """Who answers for a rule set, what it is for, and its source attributes."""

    id: str
    version: str
    digest: str
    title: str
    intended_use: str
    not_for: str
    approved: dt.date | None
    overrides: tuple[str, ...]
    source_attributes: tuple[AttributePart, ...]


def governance(rules: RuleSet) -> Governance:
    """What is told about a rule set.

    >>> from cds.ruleset import load_rules
    >>> len(governance(load_rules()).source_attributes)
    13
    """
    head = rules.head
    return Governance(
        id=head.id,
        version=head.version,
        digest=rules.digest,
        title=head.title,
        intended_use=head.intended_use,
        not_for=head.not_for,
        approved=head.approved,
        overrides=rules.overrides,
        source_attributes=tuple(
            AttributePart(
                id=each.id,
                label=each.label,
                says=each.says,
                facts=each.facts,
                cites=tuple(dict.fromkeys(evidence.cite for evidence in each.evidence)),
            )
            for each in rules.source_attributes
        ),
    )


def governance_page(told: Governance) -> Page:
    """The same for people."""
    approved = f"approved on {told.approved}" if told.approved else "nobody has approved this rule set"
    head = Section(1, told.title or told.id, f"{told.id} {told.version}: {approved}", (Entry(told.digest),))
    own = [Entry(f"set by the institution: {', '.join(told.overrides)}")] if told.overrides else []
    attributes = [
        Entry(
            f"{number}. {each.label}: {each.says}" + (f" Facts: {', '.join(each.facts)}." if each.facts else ""),
            ", ".join(each.cites),
        )
        for number, each in enumerate(told.source_attributes, 1)
    ]
    return Page((
        head,
        Section(3, "For", "", (Entry(told.intended_use), *own)),
        Section(3, "Not for", "", (Entry(told.not_for),)),
        Section(3, "Source attributes", "", tuple(attributes)),
    ))  # fmt: skip
