"""The files of a rule set as typed, frozen models: what an author may write, word for word.

The vocabulary of effects, strengths and statuses is that of GRADE and of the project's glossary. What has to hold
between the parts (a citation that resolves, a fact that exists) is checked where all are together, in
`cds.ruleset.checks`.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

Effect = Literal["requires", "excludes", "against", "for", "obliges", "informs"]
Phase = Literal["decision", "planning", "follow-up"]
Strength = Literal["strong", "moderate", "weak"]
Basis = Literal["cited", "judgement", "choice", "definition", "unverified"]
Before = Literal["decision", "procedure", "discharge"]
LevelName = Literal["patient", "lesion", "structure", "other-lesion"]
ThresholdStatus = Literal["verified", "verified-indirect", "consensus", "config", "none"]
ParameterStatus = Literal["verified", "verified-indirect", "consensus", "institution-default", "unset"]
MeasureStatus = Literal["advised-against", "contraindicated"]
Tag = Literal["V1", "V2", "REF", "U"]
"""How much of a source was seen: the source itself, a summary of it, its listing only, nothing."""

PHASES: tuple[Phase, ...] = ("decision", "planning", "follow-up")
VERDICT_EFFECTS: frozenset[Effect] = frozenset({"requires", "excludes", "against"})
"""The effects that can change the verdict of an option."""


def _date(value: object) -> object:
    """YAML dates stay text in our reader; ISO 8601 days only."""
    if isinstance(value, bool | int | Decimal):  # which pydantic would count as seconds since 1970
        raise ValueError("this is a number and not a day; accepted is `2027-06-01`")
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        raise ValueError("this is not a number; accepted are `10` and `1.5`, without quotation marks")
    return value


Day = Annotated[dt.date, BeforeValidator(_date)]
YesNo = Annotated[bool, Strict()]
"""`true` or `false`; `no`, `off` and `0` are words and numbers, and no answers."""
Count = Annotated[int, Strict()]
Number = Annotated[Decimal | int, BeforeValidator(_number, json_schema_input_type=int | float)]
"""A number as a number: text that looks like one is text."""


class Model(BaseModel):
    """Frozen, and closed to words that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Evidence(Model):
    """One citation of a rule: which reference, where in the dossier of what was read, and what it supports.

    `grading` is how evidence is graded: it says nothing of patients and is no source of what is graded. `claim` names
    the statement of `claims.yaml` that it rests on, where there is one.
    """

    cite: str
    locator: str = ""
    supports: Literal["condition", "effect", "threshold", "grading"] = "effect"
    claim: str | None = None


class Claim(Model):
    """What a reference says, word for word and number by number, so that a statement can be compared with its source.

    `quote` stands verbatim where `locator` points; `value` or `values` are the numbers in it, in `unit`; `interval` its
    95 % interval, `k` of `n` the counts behind it. `tag` says how much of the source was seen.
    """

    id: str
    cite: str
    says: str
    quote: str = ""
    value: Number | None = None
    values: tuple[Number, ...] = ()
    unit: str | None = None
    interval: tuple[Number, Number] | None = None
    k: Count | None = Field(default=None, ge=0)
    n: Count | None = Field(default=None, ge=1)
    tag: Tag
    locator: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Claim:
        if self.value is not None and self.values:
            raise ValueError("a claim has one `value` or a list of `values`; drop one of the two")
        if (self.k is None) != (self.n is None):
            raise ValueError("counts are `k` of `n`; write both, or neither")
        return self

    @property
    def numbers(self) -> tuple[Decimal | int, ...]:
        """Every number that it states, whatever its form."""
        return self.values if self.value is None else (self.value,)


class ClaimFile(Model):
    """`claims.yaml`, which a rule set may leave out."""

    claims: tuple[Claim, ...] = ()


class Fidelity(Model):
    """How closely a rule follows its source, and what was left out or added."""

    kind: Literal["exact", "stricter", "looser", "interpretation"]
    note: str = ""


class Review(Model):
    """Who answers for a rule; `approved` is the day of sign-off, `None` while nobody has signed."""

    owner: str
    approved: Day | None = None
    due: Day


class AtLeast(Model):
    """`{at_least: n, of: […]}`: true if at least n of the conditions are; expanded to or-of-ands."""

    at_least: Count = Field(ge=1)
    of: tuple[str, ...]

    @model_validator(mode="after")
    def _enough(self) -> AtLeast:
        if not self.at_least <= len(self.of) <= 6:
            raise ValueError(f"at_least {self.at_least} of {len(self.of)} conditions cannot be; list 1 to 6 of them")
        return self


When = str | AtLeast


class Grounded(Model):
    """What every statement carries: how strong, resting on what, how faithful, and who answers for it."""

    strength: Strength = "moderate"
    basis: Basis
    evidence: tuple[Evidence, ...] = ()
    threshold: ThresholdStatus | None = None
    fidelity: Fidelity = Fidelity(kind="exact")
    review: Review | None = None
    note: str = ""


class Rule(Grounded):
    """One rule: a criterion, its effect on an option, the sentence it says, and what it rests on."""

    id: str
    source: tuple[str, ...] = Field(default=(), alias="from")
    option: str
    for_each: LevelName
    phase: Phase = "decision"
    effect: Effect
    when: When
    done: When | None = None
    remedy: str | None = None
    ground: Literal["judgement", "indication", "safety"] | None = None
    says: str
    otherwise: str | None = None
    before: Before | None = None
    who: str | None = None
    topic: str | None = None

    @property
    def moves_a_verdict(self) -> bool:
        """Whether a truth of this rule can change the verdict of an option."""
        return self.effect in VERDICT_EFFECTS and self.option not in ("scope", "order")

    @property
    def asks(self) -> Literal["correct", "plan", "weigh"] | None:
        """What a reason that moves a verdict asks of people: derived, never written."""
        if self.effect not in VERDICT_EFFECTS:
            return None
        if self.remedy is not None:
            return "correct"
        return "plan" if self.done is not None else "weigh"

    @model_validator(mode="after")
    def _shape(self) -> Rule:
        if self.remedy is not None and self.effect != "requires":
            raise ValueError("a remedy belongs to a `requires` rule; say `plan` with `done`, or drop the remedy")
        needs_ground = self.effect == "excludes" or (self.effect == "requires" and self.remedy is None)
        if needs_ground and self.ground is None and self.option not in ("scope", "order"):
            raise ValueError(
                "a rule that can exclude names its `ground`; accepted are judgement, indication and safety"
            )
        if self.effect == "obliges" and (self.done is None or self.before is None or self.who is None):
            raise ValueError("an obligation says when it is `done`, `before` what it is due, and `who` owes it")
        if self.effect in VERDICT_EFFECTS and self.otherwise is None:
            raise ValueError("a rule that moves a verdict says what holds `otherwise`")
        return self


class RuleException(Grounded):
    """An exception to one rule; it has no effect of its own."""

    id: str
    exception_to: str
    when: When
    says: str


class RuleFile(Model):
    """A file of `rules/`."""

    rules: tuple[Rule, ...] = ()
    exceptions: tuple[RuleException, ...] = ()


class Preference(Grounded):
    """A cited reason to put options in an order: `order` has groups from first to last, ties within a group."""

    id: str
    for_each: Literal["lesion"] = "lesion"
    order: tuple[tuple[str, ...], ...]
    exception_to: str | None = None
    when: When
    condition: str = Field(default="", alias="if")
    says: str


class PreferenceFile(Model):
    """`preferences.yaml`."""

    preferences: tuple[Preference, ...]


class DatedValue(Model):
    """A value that a parameter has from a day on, with its own status and source. `unset` has none."""

    value: Number | None
    status: ParameterStatus
    cite: str | None = None
    locator: str = ""
    claim: str | None = None
    since: Day = Field(alias="from")
    note: str = ""
    overridden: bool = False
    """Whether an overlay set it; no file says so."""

    @model_validator(mode="after")
    def _sourced(self) -> DatedValue:
        if self.overridden:
            raise ValueError("what an overlay sets is not said here; drop `overridden`")
        if (self.value is None) != (self.status == "unset"):
            raise ValueError("a parameter has a value, or its status is `unset`; one of the two has to change")
        if self.status in ("verified", "verified-indirect", "consensus") and self.cite is None:
            raise ValueError(f"a parameter that is `{self.status}` names its source in `cite`")
        return self


class Parameter(DatedValue):
    """A threshold: named, dated, with unit, status and reference; `history` holds the values that it had before.

    `at_least` names a parameter that it is never below, on any day and under any overlay.
    """

    type: Literal["Quantity", "Integer", "Decimal"]
    unit: str | None = None
    at_least: str | None = None
    measured_from: Literal["tumour", "ice", "electrode"] | None = None
    label: str = ""
    history: tuple[DatedValue, ...] = ()
    review: Review | None = None

    @model_validator(mode="after")
    def _whole(self) -> Parameter:
        if (self.unit is None) != (self.type != "Quantity"):
            raise ValueError("a Quantity has a `unit`, an Integer or a Decimal has none")
        days = [*(earlier.since for earlier in self.history), self.since]
        if any(not before < after for before, after in pairwise(days)):
            raise ValueError("`history` goes from the oldest value to the newest; give each its own day")
        return self

    def on(self, day: dt.date) -> Parameter:
        """The parameter as it stands on a day; before its first value it is `unset`."""
        if self.since <= day:
            return self
        earlier = [value for value in self.history if value.since <= day]
        held = earlier[-1] if earlier else DatedValue(
            value=None, status="unset", since=self.first_day, note=f"no value before {self.first_day}"
        )  # fmt: skip
        return self.model_copy(update={name: getattr(held, name) for name in DatedValue.model_fields})

    @property
    def first_day(self) -> dt.date:
        """The day from which it has a value at all."""
        return self.history[0].since if self.history else self.since

    @property
    def days(self) -> tuple[dt.date, ...]:
        """The days on which its value changes, the first one included."""
        return (*(earlier.since for earlier in self.history), self.since)


class ParameterFile(Model):
    """`parameters.yaml`."""

    parameters: dict[str, Parameter]


class Outcome(Model):
    """Events seen: k of n, per patient or per procedure. Shown with its exact interval."""

    says: str
    k: Count = Field(ge=0)
    n: Count = Field(ge=1)
    per: Literal["patient", "procedure"]
    cite: str
    locator: str = ""
    claim: str | None = None


class Banner(Model):
    """What is always said of an option: how little is known, in whom it was seen, where its source is at odds."""

    says: str
    evidence: tuple[Evidence, ...]
    population: tuple[str, ...] = ()
    known_inconsistencies: tuple[str, ...] = ()


class Option(Model):
    """A treatment the board may choose."""

    label: str
    declined_by: str
    established: YesNo
    banner: Banner | None = None
    outcomes: tuple[Outcome, ...] = ()


class Alternative(Model):
    """What is always listed beside the options."""

    id: str
    says: str
    strength: Strength = "moderate"
    evidence: tuple[Evidence, ...] = ()


class Head(Model):
    """Who a rule set is."""

    id: str
    version: str
    approved: Day | None
    title: str
    intended_use: str = ""
    not_for: str = ""


class SourceAttribute(Model):
    """One thing that those who use an evidence-based intervention are told about it (45 CFR 170.315(b)(11)(iv)(A))."""

    id: str
    label: str
    says: str
    facts: tuple[str, ...] = ()
    """The facts of the record that are used; none where it is a use, and nothing is."""
    evidence: tuple[Evidence, ...] = ()


class RuleSetFile(Model):
    """`ruleset.yaml`."""

    rule_set: Head
    options: dict[str, Option]
    alternatives: tuple[Alternative, ...] = ()
    source_attributes: tuple[SourceAttribute, ...] = ()


class SilenceEntry(Model):
    """Where silence means no: why, how far back, and what the record has to hold."""

    why: str
    look_back: str
    context: Literal["problem-list", "any"]


def _several(value: object) -> object:
    """One name is a list of one."""
    return (value,) if isinstance(value, str) else value


class FreshEntry(Model):
    """When a fact is stale."""

    since: Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | tuple[str, ...])] = ()
    within: str | None = None
    unknown_event: Literal["undecided", "usable"] = "undecided"


def _labelled(value: object) -> object:
    """A list of codes is a mapping of codes without labels."""
    return {str(code): str(code).replace("_", " ") for code in value} if isinstance(value, list) else value


class FactEntry(Model):
    """One fact as the vocabulary file writes it."""

    kind: Literal["measure", "finding", "history", "judgement", "choice", "document", "given"]
    type: Literal["Boolean", "Integer", "Decimal", "Quantity", "Code", "Date"]
    unit: str | None = None
    decimals: Count = Field(default=0, ge=0, le=4)
    values: Annotated[
        dict[str, str], BeforeValidator(_labelled, json_schema_input_type=dict[str, str] | tuple[str, ...])
    ] = Field(default_factory=dict)
    label: str
    agreement: Literal["latest", "conflict"] = "latest"
    agreement_why: str = ""
    silence: SilenceEntry | None = None
    fresh: FreshEntry | None = None
    modifiable: YesNo = False
    burden: Literal["record", "ask", "examine", "test", "imaging", "procedure"] = "record"
    plausible: tuple[Number, Number] | None = None
    absences: dict[str, str] = Field(default_factory=dict)
    bounded_below_by: str | None = None
    implied_by: dict[str, dict[str, Number]] = Field(default_factory=dict)
    starts_at: Literal["tumour", "ice"] | None = None
    note: str = ""

    @model_validator(mode="after")
    def _whole(self) -> FactEntry:
        if (self.unit is None) != (self.type != "Quantity"):
            raise ValueError("a Quantity has a `unit`, every other type has none")
        if (self.type == "Code") != bool(self.values):
            raise ValueError("a Code lists its `values`, every other type has none")
        return self


class VocabularyFile(Model):
    """`vocabulary.yaml`."""

    patient: dict[str, FactEntry]
    lesion: dict[str, FactEntry]
    structure: dict[str, FactEntry]


class MeasureEntry(Model):
    """A protective measure, or a way of monitoring (without class)."""

    label: str
    measure_class: str | None = Field(default=None, alias="class")


class StructureEntry(Model):
    """A structure at risk as the table writes it."""

    label: str
    kind: str
    sided: YesNo
    sites: Literal["all"] | tuple[str, ...]
    only_if: str | None = None
    listed_by: str | None = None
    measures: tuple[str, ...]
    monitoring: tuple[str, ...]
    evidence: tuple[str, ...] = ()


class StructureFile(Model):
    """`structures.yaml`."""

    measures: dict[str, MeasureEntry]
    monitoring: dict[str, MeasureEntry]
    structures: dict[str, StructureEntry]


class Need(Grounded):
    """A reason why a structure needs protection."""

    id: str
    when: When
    says: str


class MeasureRule(Need):
    """What speaks against a measure, or a class of measures, at a structure."""

    status: MeasureStatus
    measure: str | None = None
    measure_class: str | None = Field(default=None, alias="class")

    @model_validator(mode="after")
    def _target(self) -> MeasureRule:
        if (self.measure is None) == (self.measure_class is None):
            raise ValueError("a measure rule names either one `measure` or one `class` of measures")
        return self


class Combination(Grounded):
    """What holds of measures, or of ways of monitoring, side by side: they work together, or exclude each other.

    Those that exclude each other are never named as one plan. Those that go together are said beside a plan that names
    one of them; neither becomes sufficient or insufficient by it.
    """

    id: str
    basis: Basis = "unverified"
    together: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    says: str

    @model_validator(mode="after")
    def _one_kind(self) -> Combination:
        if (len(self.together) < 2) == (len(self.excludes) < 2) or (self.together and self.excludes):
            raise ValueError("a combination names two or more that go `together`, or of which each `excludes` the rest")
        return self

    @property
    def members(self) -> tuple[str, ...]:
        """The measures and ways of monitoring that it is about."""
        return self.together or self.excludes


class PlannerFile(Model):
    """`thermoprotection.yaml`."""

    need: tuple[Need, ...]
    measures: tuple[MeasureRule, ...]
    monitoring: tuple[Need, ...] = ()
    combinations: tuple[Combination, ...] = ()


class Definition(Model):
    """A notion that rules share: one condition, one per phase, or *any structure where …*."""

    says: str = ""
    when: str | None = None
    phases: dict[Phase, str] = Field(default_factory=dict)
    any: Literal["structure"] | None = None
    where: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Definition:
        if sum((self.when is not None, bool(self.phases), self.any is not None)) != 1:
            raise ValueError("a definition is one condition, or one per phase, or `{any: structure, where: …}`")
        if (self.any is None) != (self.where is None):
            raise ValueError("`any: structure` and `where: …` stand together")
        return self


def _long_form(value: object) -> object:
    """`name: "expression"` and `{decision: …, planning: …}` in the long form of `Definition`."""
    if isinstance(value, str):
        return {"when": value}
    if isinstance(value, dict) and value and set(value) <= set(PHASES):
        return {"phases": value}
    return value


class DefinitionFile(Model):
    """`definitions.yaml`."""

    definitions: dict[
        str,
        Annotated[
            Definition, BeforeValidator(_long_form, json_schema_input_type=str | Definition | dict[Phase, str])
        ],
    ]


class Reference(BaseModel):
    """A reference in CSL-JSON, with what was verified and how (`x-…`)."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    id: str
    type: str
    title: str
    DOI: str | None = None
    PMID: str | None = None
    PMCID: str | None = None
    URL: str | None = None
    tag: Tag = Field(alias="x-tag")
    verified: bool = Field(alias="x-verified")
    certainty: Literal["high", "moderate", "low", "very-low"] | None = Field(default=None, alias="x-certainty")
    directness: str | None = Field(default=None, alias="x-directness")

    @property
    def url(self) -> str | None:
        """Where a reader finds it: by DOI, else PubMed, else the publisher."""
        if self.DOI:
            return f"https://doi.org/{self.DOI}"
        if self.PMID:
            return f"https://pubmed.ncbi.nlm.nih.gov/{self.PMID}/"
        return self.URL

    def csl(self) -> dict[str, Any]:
        """The reference as CSL-JSON, with its `x-` members."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
