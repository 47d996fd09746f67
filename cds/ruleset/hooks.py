"""What a rule set says for CDS Hooks: which orders are orders of an option, what to prefetch, why people override.

Data of the rule set (`mapping/hooks.yaml`); this module only gives it its shape.
"""

from __future__ import annotations

from pydantic import Field, field_validator

from cds.ruleset.model import Model


class OrderCodes(Model):
    """An order with a code of this value set is an order of this option; `note` says where it is only nearly one."""

    option: str
    codes: str
    note: str = ""


class PrefetchFamily(Model):
    """One search for one family of facts, of one resource type.

    `codes` names value sets of Observation codes; with `rest` the family holds every code that a reader of Observations
    knows and that no other family asks for, and the local ones. `form` asks for answers to the local form only.
    """

    type: str
    codes: tuple[str, ...] = ()
    rest: bool = False
    form: bool = False


class Reason(Model):
    """A reason for overriding, as published."""

    system: str
    source: str
    codes: dict[str, str] = Field(default_factory=dict)


class Topic(Model):
    """What the cards are about, as a Coding."""

    system: str
    code: str
    display: str


class Hooks(Model):
    """The whole section; `extension` is the reverse-domain name of the cards' own extension.

    `prefetch` has a search `conditions`, without whose result nothing is said about a patient.

    >>> topic = Topic(system="urn:x", code="y", display="z")
    >>> conditions = PrefetchFamily(type="Condition")
    >>> Hooks(extension="org.example.trace", topic=topic, prefetch={"conditions": conditions}).orders
    ()
    """

    extension: str
    topic: Topic
    orders: tuple[OrderCodes, ...] = ()
    prefetch: dict[str, PrefetchFamily]
    override_reasons: tuple[Reason, ...] = ()

    @field_validator("prefetch")
    @classmethod
    def _has_conditions(cls, prefetch: dict[str, PrefetchFamily]) -> dict[str, PrefetchFamily]:
        if "conditions" not in prefetch or "patient" in prefetch:
            raise ValueError("has a search `conditions`, and none `patient`, which is always read; write it so")
        return prefetch
