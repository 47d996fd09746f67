"""The files of a rule set as typed, frozen models: what an author may write, word for word.

The vocabulary of effects, strengths and statuses is that of GRADE and of the project's glossary. Cross-checks between
the parts (a citation that resolves, a fact that exists) are the loader's.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
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

PHASES: tuple[Phase, ...] = ("decision", "planning", "follow-up")
VERDICT_EFFECTS: frozenset[Effect] = frozenset({"requires", "excludes", "against"})


def _date(value: object) -> object:
    """YAML dates stay text in our reader; ISO 8601 days only."""
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        raise ValueError("this is not a number; accepted are `10` and `1.5`, without quotation marks")
    return value


Day = Annotated[dt.date, BeforeValidator(_date)]
YesNo = Annotated[bool, Strict()]
"""`true` or `false`; `no`, `off` and `0` are words and numbers, and no answers."""
Count = Annotated[int, Strict()]
Number = Annotated[Decimal | int, BeforeValidator(_number)]
"""A number as a number: text that looks like one is text."""


class Model(BaseModel):
    """Frozen, and closed to words that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Evidence(Model):
    """One citation of a rule: which reference, where in the dossier of what was read, and what it supports."""

    cite: str
    locator: str = ""
    supports: Literal["condition", "effect", "threshold"] = "effect"


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
    """A cited reason to put options in an order; `groups` from first to last, ties within a group."""

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


class Parameter(Model):
    """A threshold: named, dated, with unit, status and reference. `unset` has no value and judges nothing."""

    type: Literal["Quantity", "Integer", "Decimal"]
    value: Number | None
    unit: str | None = None
    measured_from: Literal["tumour", "ice", "electrode"] | None = None
    status: ParameterStatus
    cite: str | None = None
    locator: str = ""
    since: Day = Field(alias="from")
    label: str = ""
    note: str = ""
    overridden: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Parameter:
        if (self.value is None) != (self.status == "unset"):
            raise ValueError("a parameter has a value, or its status is `unset`; one of the two has to change")
        if (self.unit is None) != (self.type != "Quantity"):
            raise ValueError("a Quantity has a `unit`, an Integer or a Decimal has none")
        if self.status in ("verified", "verified-indirect", "consensus") and self.cite is None:
            raise ValueError(f"a parameter that is `{self.status}` names its source in `cite`")
        return self


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


class Banner(Model):
    """What is always said of an option: how little is known."""

    says: str
    evidence: tuple[Evidence, ...]
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


class RuleSetFile(Model):
    """`ruleset.yaml`."""

    rule_set: Head
    options: dict[str, Option]
    alternatives: tuple[Alternative, ...] = ()


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

    since: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
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
    values: Annotated[dict[str, str], BeforeValidator(_labelled)] = Field(default_factory=dict)
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


class PlannerFile(Model):
    """`thermoprotection.yaml`."""

    need: tuple[Need, ...]
    measures: tuple[MeasureRule, ...]
    monitoring: tuple[Need, ...] = ()


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

    definitions: dict[str, Annotated[Definition, BeforeValidator(_long_form)]]


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
    tag: Literal["V1", "V2", "REF", "U"] = Field(alias="x-tag")
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
