"""The answer: what `cds evaluate` prints as JSON, `POST /evaluate` returns, and cards, pages and records are made from.

Its JSON schema is generated from these models. Member names are a public contract; a rename is a breaking change.
Truths are the words `true`, `false`, `unknown`; numbers in `value` are decimal text, so that no reader rounds them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cds.errors import Severity
from cds.ruleset.model import Basis, Before, Effect, ParameterStatus, Phase, Strength

TruthWord = Literal["true", "false", "unknown"]
VerdictWord = Literal["eligible", "conditional", "ineligible", "undetermined", "not-assessed"]
SettledVerdictWord = Literal["eligible", "conditional", "ineligible", "not-assessed"]
StandingWord = Literal["excluded", "not-excluded", "unknown"]
FactStatus = Literal["known", "absent", "conflicting"]
MeasureWord = Literal["available", "advised-against", "contraindicated", "undetermined"]
SupportWord = Literal["primary", "second-hand", "listing-only", "unverified", "none"]
"""How well the best of a statement's sources was seen: itself, a summary, its listing, nothing; or there is none."""


class Part(BaseModel):
    """Frozen, closed, and the same in Python as in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class SourcePart(Part):
    """One element of the record that a fact rests on."""

    resource: str
    version: str | None = None
    path: str
    date: str | None = None
    entry: str | None = None
    mapping: str | None = None
    role: str = "value"


class NumberValue(Part):
    """A measured value as an interval; `low == high` and both ends closed is an exact value."""

    low: str | None
    high: str | None
    unit: str | None = None
    low_open: bool = False
    high_open: bool = False


class DateValue(Part):
    """A date as far as it is known."""

    first: dt.date
    last: dt.date


FactValue = bool | str | NumberValue | DateValue


class FactPart(Part):
    """A fact as it stood when the answer was given.

    `value` of a conflicting or absent fact is null; `values` then holds what the sources said.
    """

    name: str
    label: str = ""
    subject: str
    status: FactStatus
    value: FactValue | None = None
    display: str
    reason: str | None = None
    note: str | None = None
    values: tuple[FactValue, ...] = ()
    sources: tuple[SourcePart, ...] = ()


class ClaimPart(Part):
    """What the source says, word for word and number by number; numbers are decimal text."""

    id: str
    says: str
    quote: str = ""
    values: tuple[str, ...] = ()
    unit: str | None = None
    interval: tuple[str, str] | None = None
    k: int | None = None
    n: int | None = None
    locator: str = ""


class ParameterPart(Part):
    """A threshold that a reason used, and who set it."""

    name: str
    value: str
    status: ParameterStatus
    cite: str | None
    overridden: bool
    label: str = ""
    note: str = ""
    locator: str = ""
    valid_from: dt.date
    """The day from which this value holds; of a parameter that has none yet, the day of its first."""
    owner: str | None = None
    review_due: dt.date | None = None
    claim: ClaimPart | None = None


class EvidencePart(Part):
    """One citation of a reason; `certainty` is that of the evidence, never of the rule."""

    cite: str
    locator: str
    supports: str
    certainty: str | None
    tag: str
    directness: str | None
    url: str | None
    claim: ClaimPart | None = None


class FidelityPart(Part):
    """How closely the rule follows its source."""

    kind: str
    note: str = ""


class ExceptionPart(Part):
    """An exception to a rule, with its own truth in this patient; what holds keeps the rule from having its effect."""

    rule: str
    truth: TruthWord
    says: str
    condition: str
    strength: Strength
    basis: Basis
    support: SupportWord = "none"
    facts: tuple[FactPart, ...] = ()
    parameters: tuple[ParameterPart, ...] = ()
    evidence: tuple[EvidencePart, ...] = ()
    fidelity: FidelityPart


class ReasonPart(Part):
    """One criterion that was considered, with its truth, its facts and its evidence."""

    rule: str
    effect: Effect
    truth: TruthWord
    subject: str
    says: str
    strength: Strength
    stated_strength: Strength
    basis: Basis
    asks: Literal["correct", "plan", "weigh"] | None = None
    addressed: TruthWord | None = None
    moves_verdict: bool = False
    """Whether this truth holds the option back, or may (unknown)."""
    support: SupportWord = "none"
    """How well its best source was seen."""
    topic: str | None = None
    ground: str | None = None
    remedy: str | None = None
    condition: str
    done: str | None = None
    exceptions: tuple[str, ...] = ()
    exception_truths: tuple[ExceptionPart, ...] = ()
    """The rule's exceptions with what each comes to here; a preference has those in `exceptions`, each a reason."""
    facts: tuple[FactPart, ...] = ()
    parameters: tuple[ParameterPart, ...] = ()
    evidence: tuple[EvidencePart, ...] = ()
    fidelity: FidelityPart
    approved: dt.date | None = None
    owner: str | None = None


class SettlingOutcome(Part):
    """What the possible verdicts would be if the fact had one of these values."""

    condition: str = Field(alias="if")
    possible: tuple[SettledVerdictWord, ...]


class SettlingFact(Part):
    """A missing fact that can decide a criterion, with every value it may have; `open` where they cannot be listed."""

    name: str
    subject: str
    label: str
    status: FactStatus
    reason: str | None = None
    burden: str
    modifiable: bool
    outcomes: tuple[SettlingOutcome, ...]
    open: bool = False


class OutcomePart(Part):
    """Events seen in a study, with the exact (Clopper-Pearson) 95 % interval."""

    says: str
    k: int
    n: int
    per: Literal["patient", "procedure"]
    percent: float
    ci95: tuple[float, float]
    cite: str
    locator: str = ""
    display: str


class BannerPart(Part):
    """What is always said of an option's evidence."""

    says: str
    evidence: tuple[EvidencePart, ...]
    population: tuple[str, ...] = ()
    """In whom and how it was seen."""
    known_inconsistencies: tuple[str, ...] = ()


class OptionPart(Part):
    """One option for one lesion."""

    option: str
    label: str
    verdict: VerdictWord
    possible: tuple[SettledVerdictWord, ...]
    standing: StandingWord
    declined: TruthWord
    banner: BannerPart | None = None
    reasons: tuple[ReasonPart, ...]
    settling_facts: tuple[SettlingFact, ...] = ()


class ScopeReason(Part):
    """Why the scope is what it is."""

    code: str
    rule: str | None
    says: str = ""
    lesion: str | None = None
    facts: tuple[FactPart, ...] = ()
    parameters: tuple[ParameterPart, ...] = ()


class ScopePart(Part):
    """Whether the rule set is about this patient at all."""

    truth: TruthWord
    reasons: tuple[ScopeReason, ...] = ()


class OrderEntry(Part):
    """One order that is still possible: groups from first to last, ties within a group."""

    groups: tuple[tuple[str, ...], ...]
    condition: str | None = Field(default=None, alias="if")
    because: tuple[str, ...] = ()


class OrderPart(Part):
    """The orders still possible; `withheld` names the requirements not met, and while there are any, none is listed."""

    possible: tuple[OrderEntry, ...] = ()
    withheld: tuple[ReasonPart, ...] = ()
    reasons: tuple[ReasonPart, ...] = ()


class PlannerReason(Part):
    """A reason of the thermoprotection planner: a need, a measure's standing, or a monitoring."""

    rule: str
    truth: TruthWord
    says: str
    strength: Strength
    basis: Basis
    support: SupportWord = "none"
    condition: str
    facts: tuple[FactPart, ...] = ()
    parameters: tuple[ParameterPart, ...] = ()
    evidence: tuple[EvidencePart, ...] = ()
    fidelity: FidelityPart
    approved: dt.date | None = None
    owner: str | None = None


class MeasurePart(Part):
    """A protective measure known for the structure, and where it stands in this patient."""

    measure: str
    label: str
    status: MeasureWord
    planned: TruthWord
    reasons: tuple[PlannerReason, ...] = ()


class MonitoringPart(Part):
    """A way of monitoring listed for the structure."""

    monitoring: str
    label: str
    planned: TruthWord


class ThermoprotectionPart(Part):
    """The protection that one structure at risk needs."""

    structure: str
    side: str | None
    label: str
    distance: str
    """From the tumour; in planning `6 mm from the ice, 4 mm from the tumour`, as far as known; else `not known`."""
    verdict: Literal["required", "not-required", "undetermined"]
    measures: tuple[MeasurePart, ...] = ()
    monitoring: tuple[MonitoringPart, ...] = ()
    advice: tuple[PlannerReason, ...] = ()
    """Monitoring that the planner's rules advise here."""
    covered_by_plan: TruthWord
    reasons: tuple[PlannerReason, ...] = ()
    evidence: tuple[EvidencePart, ...] = ()


class CombinationPart(Part):
    """Measures, or ways of monitoring, that go together or exclude each other."""

    rule: str
    kind: Literal["together", "excludes"]
    members: tuple[str, ...]
    says: str
    strength: Strength
    basis: Basis
    support: SupportWord
    evidence: tuple[EvidencePart, ...] = ()


class SufficientSet(Part):
    """A smallest set of measures that leaves no threatened structure without one that is open for it."""

    measures: tuple[str, ...]
    with_: tuple[str, ...] = Field(default=(), alias="with")
    """What a combination says goes together with one of them."""


class ProtectionPlanPart(Part):
    """The protection of all threatened structures of a lesion together.

    `sufficient_sets` are all smallest sets of available measures with at least one for each structure in `protectable`,
    none of which excludes another; they say nothing of the dose, the order or the skill that a measure needs.
    """

    required: tuple[str, ...]
    undetermined: tuple[str, ...]
    not_required: int
    protectable: tuple[str, ...]
    without_measure: tuple[str, ...]
    """Structures that are threatened and have no available measure (each says why)."""
    sufficient_sets: tuple[SufficientSet, ...]
    combinations: tuple[CombinationPart, ...] = ()
    covered_by_plan: TruthWord
    """Whether the plan covers every structure that needs protection; true only where none is undetermined."""
    uncovered: tuple[str, ...] = ()
    says: str
    """What the distances are, how many structures they flag, and what the institution has to set."""
    distances: tuple[ParameterPart, ...] = ()


class ObligationPart(Part):
    """Something that somebody owes before a decision, a procedure or a discharge."""

    rule: str
    subject: str
    option: str
    says: str
    due: TruthWord
    before: Before
    who: str
    strength: Strength


class LesionPart(Part):
    """The answer for one target lesion."""

    id: str
    label: str
    scope: ScopePart
    options: tuple[OptionPart, ...]
    order: OrderPart
    thermoprotection: tuple[ThermoprotectionPart, ...]
    protection_plan: ProtectionPlanPart | None = None
    obligations: tuple[ObligationPart, ...]
    outcomes: tuple[OutcomePart, ...]
    sources: tuple[SourcePart, ...] = ()


class AlternativePart(Part):
    """What is always listed beside the options."""

    id: str
    says: str
    strength: Strength
    evidence: tuple[EvidencePart, ...] = ()


class RuleSetPart(Part):
    """Which rules gave the answer, and whether anybody has signed them off."""

    id: str
    version: str
    digest: str
    overrides: tuple[str, ...]
    approved: dt.date | None
    title: str = ""


class EnginesPart(Part):
    """Which engines ran; `agreement` is always true, since without it there is no answer."""

    reference: str
    durable_rules: str
    agreement: Literal[True] = True


class IssuePart(Part):
    """One thing about the input that its sender or reader should know."""

    severity: Severity
    code: str
    expression: str
    details: str


class CrossedThreshold(Part):
    """A threshold within the error of a value; `by` says what it takes, `rules` compare the value with it.

    `stated-interval`: the value as recorded is on both sides of it already. `rounding`: it is once half a step of the
    fact's decimal grid is granted. `parameters` are those of the rules that have this value.
    """

    value: str
    by: Literal["stated-interval", "rounding"]
    parameters: tuple[str, ...] = ()
    rules: tuple[str, ...]


class BorderlinePart(Part):
    """A measured value that cannot be told from a threshold: `low` to `high` is what it may be within its error."""

    name: str
    label: str
    subject: str
    display: str
    low: str
    high: str
    unit: str | None = None
    thresholds: tuple[CrossedThreshold, ...]


class ValidUntil(Part):
    """Until when the answer holds if the record stays as it is, by limits of age, birthdays and dated thresholds.

    On `changes_on`, the day after `last_day`, the same record gives another answer, for what `because` says.
    """

    last_day: dt.date
    changes_on: dt.date
    because: tuple[str, ...]


class Recommendation(Part):
    """The whole answer for one patient: options with reasons, never a directive."""

    as_of: dt.date
    phase: Phase
    rule_set: RuleSetPart
    engines: EnginesPart
    scope: ScopePart
    facts: tuple[FactPart, ...]
    lesions: tuple[LesionPart, ...]
    alternatives: tuple[AlternativePart, ...] = ()
    excluded: tuple[SourcePart, ...] = ()
    issues: tuple[IssuePart, ...] = ()
    borderline: tuple[BorderlinePart, ...] = ()
    """Measured values that a threshold runs through within their error."""
    valid_until: ValidUntil | None = None
    """`None`: no limit of age, no birthday and no dated threshold is known to end it."""
    references: dict[str, dict[str, Any]]
