"""The vocabulary: which facts exist, what each means, and what silence about it means.

A fact belongs to the patient, to a target lesion, or to a structure at risk of a lesion. The vocabulary also lists the
structures at risk that a lesion's site enumerates, and the protective measures known for each.
The rule set fills it from `rules/<condition>/vocabulary.yaml` and `structures.yaml`; nothing clinical is written here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from cds.language.types import ValueType
from cds.quantities import Interval


class Level(enum.Enum):
    """What a fact, or a criterion, is about."""

    PATIENT = "patient"
    LESION = "lesion"
    STRUCTURE = "structure"
    OTHER_LESION = "other-lesion"
    """An ordered pair of lesions: `lesion.…` is the one the answer is for, `other.…` the other."""

    # Each member is one object. An enumeration would hash its name in Python, at every look into a table.
    __hash__ = object.__hash__


class FactKind(enum.Enum):
    """Who states a fact, and how."""

    MEASURE = "measure"
    FINDING = "finding"
    HISTORY = "history"
    JUDGEMENT = "judgement"
    CHOICE = "choice"
    DOCUMENT = "document"
    """That something was discussed, planned, booked or done. False when silent; never feeds a verdict."""
    GIVEN = "given"
    """Stated by the structure table itself (name, kind, side); never unknown."""


class Burden(enum.Enum):
    """What it costs to learn a fact, from least to most."""

    RECORD = "record"
    ASK = "ask"
    EXAMINE = "examine"
    TEST = "test"
    IMAGING = "imaging"
    PROCEDURE = "procedure"


class Agreement(enum.Enum):
    """What several sources of one fact that differ come to."""

    LATEST = "latest"
    """The newest dated source holds; the same date with another value is a conflict."""
    CONFLICT = "conflict"
    """Sources that differ are a conflict whatever their dates: the fact does not change by nature."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Where a record that says nothing means "no": why, how far back, and what the record must hold for it.

    `context` names what intake must have seen (`problem-list`, or `any` for a fact whose silence always means no).
    """

    why: str
    look_back: str
    context: str


@dataclass(frozen=True, slots=True)
class Freshness:
    """When a fact is stale. `since`: level and name of each Date fact it must not precede; `within`: a parameter.

    `unknown_event` says what an unknown date of an event means: `undecided` (the fact is unknown too) or `usable`.
    """

    since: tuple[tuple[Level, str], ...] = ()
    within: str | None = None
    unknown_event: str = "undecided"


@dataclass(frozen=True, slots=True)
class FactDefinition:
    """One fact that a rule may speak of.

    `absences` maps codes that senders use for "not known" (`not_assessed`) to the reason of the absence.
    `plausible` bounds a measured value; outside it the value is unread, with an issue.
    `bounded_below_by` names a lesion fact whose value is a lower bound where this fact was never recorded. `implied_by`
    gives, by a Code fact of the same subject, the value that some of its codes imply (what is encased is 0 mm away).
    """

    level: Level
    name: str
    kind: FactKind
    type: ValueType
    label: str
    agreement: Agreement = Agreement.LATEST
    agreement_why: str = ""
    silence: Silence | None = None
    fresh: Freshness | None = None
    modifiable: bool = False
    burden: Burden = Burden.RECORD
    plausible: Interval | None = None
    absences: Mapping[str, str] = field(default_factory=dict)
    value_labels: Mapping[str, str] = field(default_factory=dict)
    bounded_below_by: str | None = None
    implied_by: Mapping[str, Mapping[str, Fraction]] = field(default_factory=dict)
    starts_at: str | None = None
    note: str = ""

    @property
    def path(self) -> str:
        """The name rules use: `lesion.carotidEncasement`."""
        return f"{self.level.value}.{self.name}"


@dataclass(frozen=True, slots=True)
class Measure:
    """A protective measure or a way of monitoring; `planned` is the document fact that says the plan names it."""

    name: str
    label: str
    planned: str
    measure_class: str | None = None


@dataclass(frozen=True, slots=True)
class StructureDefinition:
    """A structure at risk: for which sites it is enumerated, and which measures and monitoring are listed for it.

    `sites` of `None` means every site. `only_if` names a Boolean lesion fact: where it is known to be false, the
    structure does not exist. `listed_by` names a lesion fact that speaks of this structure: while it is recorded and
    not 0, a closing statement about *other* structures is not about this one. No measures means that nothing is known
    to protect it.
    """

    name: str
    label: str
    kind: str
    sided: bool
    sites: frozenset[str] | None
    only_if: str | None
    measures: tuple[str, ...]
    monitoring: tuple[str, ...]
    evidence: tuple[str, ...]
    listed_by: str | None = None


@dataclass(frozen=True)
class Vocabulary:
    """All facts by level and name, and the structures, measures and monitoring known."""

    facts: Mapping[tuple[Level, str], FactDefinition]
    structures: Mapping[str, StructureDefinition]
    measures: Mapping[str, Measure]
    monitoring: Mapping[str, Measure]

    def fact(self, level: Level, name: str) -> FactDefinition:
        """The definition of a fact that is known to exist; a `KeyError` here is a defect of the program."""
        return self.facts[level, name]

    def of(self, level: Level) -> Iterator[FactDefinition]:
        """The facts of a level, in the order in which the vocabulary lists them."""
        return iter(self._by_level[level])

    @cached_property
    def _by_level(self) -> Mapping[Level, tuple[FactDefinition, ...]]:
        return {
            level: tuple(definition for (its, _), definition in self.facts.items() if its is level) for level in Level
        }


def level_of(word: str) -> Level:
    """The level of the facts that a word before the point names; those of the other lesion of a pair are a lesion's.

    >>> level_of("structure"), level_of("other")
    (<Level.STRUCTURE: 'structure'>, <Level.LESION: 'lesion'>)
    """
    return Level.LESION if word == "other" else Level(word)


def fact_key(path: str) -> tuple[Level, str]:
    """The vocabulary's key of a fact that is named by its path.

    >>> fact_key("lesion.site")
    (<Level.LESION: 'lesion'>, 'site')
    """
    level, _, name = path.partition(".")
    return Level(level), name
