"""From a decision to the answer: every criterion considered, in words, with its facts, thresholds and evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from fractions import Fraction

from cds.case import NEVER_RECORDED, Case, subjects_of
from cds.evidence import clopper_pearson, proportion_text
from cds.language.types import QuantityType
from cds.quantities import Interval, convert, decimal_text
from cds.quantities.units import parse_unit
from cds.reasoning.borderline import Borderline, Crossed, borderline
from cds.reasoning.decision import Decision, LesionDecision, OptionDecision
from cds.reasoning.settling import Settling
from cds.reasoning.validity import BecomesStale, Birthday, Ending, ThresholdChanges, Validity
from cds.recommendation.model import (
    AlternativePart,
    BannerPart,
    BorderlinePart,
    CrossedThreshold,
    EnginesPart,
    FactPart,
    IssuePart,
    LesionPart,
    NumberValue,
    ObligationPart,
    OptionPart,
    OrderEntry,
    OrderPart,
    OutcomePart,
    Recommendation,
    RuleSetPart,
    ScopePart,
    ScopeReason,
    SettlingFact,
    SettlingOutcome,
    ValidUntil,
)
from cds.recommendation.parts import Parts, word, words
from cds.recommendation.protection import plan_part, structure_part
from cds.recommendation.reasons import preference_part, reason_part, sentence
from cds.recommendation.words import fact_text, spoken, value_part, value_text
from cds.ruleset import RuleSet
from cds.truth import Truth
from cds.vocabulary import FactDefinition, FactKind, Level


def build(decision: Decision, validity: Validity | None = None) -> Recommendation:
    """The answer for a decided case, and until when it holds."""
    return _Builder(decision, validity).recommendation()


class _Builder:
    """Builds one answer. Lives as long as the call."""

    def __init__(self, decision: Decision, validity: Validity | None) -> None:
        self.decision = decision
        self.validity = validity
        self.rules: RuleSet = decision.rules
        self.parts = Parts(decision.case, decision.rules)

    def recommendation(self) -> Recommendation:
        case, rules = self.decision.case, self.rules
        lesions = tuple(self._lesion(lesion) for lesion in self.decision.lesions)
        alternatives = tuple(
            AlternativePart(id=a.id, says=a.says, strength=a.strength, evidence=self.parts.evidence(a.evidence))
            for a in rules.alternatives
        )
        return Recommendation(
            as_of=case.as_of,
            phase=self.decision.phase,
            rule_set=RuleSetPart(
                id=rules.head.id,
                version=rules.head.version,
                digest=rules.digest,
                overrides=rules.overrides,
                approved=rules.head.approved,
                title=rules.head.title,
            ),
            engines=EnginesPart(reference=self.decision.reference_version, durable_rules=self.decision.second_version),
            scope=self._scope(),
            facts=tuple(self._facts(case)),
            lesions=lesions,
            alternatives=alternatives,
            excluded=tuple(map(self.parts.source, case.excluded)),
            issues=tuple(
                IssuePart(severity=i.severity, code=i.code, expression=i.expression, details=i.details)
                for i in case.issues
            ),
            borderline=tuple(map(self._borderline, borderline(self.decision))),
            valid_until=self._valid_until(self.validity) if self.validity is not None else None,
            references={cite: rules.references[cite].csl() for cite in sorted(self.parts.cited)},
        )

    # --------------------------------------------------------------------------------------------------- scope

    def _scope(self) -> ScopePart:
        if not self.decision.lesions:
            rule = next((rule.id for rule in self.rules.rules if rule.option == "scope"), None)
            says = "The record names no head and neck tumour that could be assessed. That is not an answer about one."
            return ScopePart(truth="unknown", reasons=(ScopeReason(code="no-lesion", rule=rule, says=says),))
        reasons = tuple(reason for lesion in self.decision.lesions for reason in self._scope_reasons(lesion))
        return ScopePart(truth=word(self.decision.scope), reasons=reasons)

    def _scope_reasons(self, lesion: LesionDecision) -> tuple[ScopeReason, ...]:
        codes = {Truth.TRUE: "in-scope", Truth.FALSE: "out-of-scope", Truth.UNKNOWN: "scope-unknown"}
        return tuple(
            ScopeReason(
                code=codes[c.truth],
                rule=c.rule.id,
                says=sentence(self.parts, c.rule, c),
                lesion=lesion.lesion.id,
                facts=self.parts.read(c.derivation),
                parameters=self.parts.parameters(c.rule.id),
            )
            for c in lesion.scope_considerations
        )

    # --------------------------------------------------------------------------------------------------- facts

    def _facts(self, case: Case) -> Iterable[FactPart]:
        """Every fact of the patient and the lesions; of structures those that the record, or its silence, speaks of."""
        for subject, level, facts in subjects_of(case):
            for name, fact in facts.items():
                definition = self.rules.vocabulary.fact(level, name)
                spoken_of = fact != NEVER_RECORDED and (fact.sources or fact.note != "not documented")
                if definition.kind is not FactKind.GIVEN and (spoken_of or level is not Level.STRUCTURE):
                    yield self.parts.fact(subject, fact, definition)

    # --------------------------------------------------------------------------------- borderline, valid until

    def _borderline(self, borderline: Borderline) -> BorderlinePart:
        definition, subject = borderline.definition, borderline.place[0]
        within = value_part(borderline.widened, definition)
        assert isinstance(within, NumberValue) and within.low is not None and within.high is not None, "both ends known"
        return BorderlinePart(
            name=definition.path,
            label=self.parts.label(subject, definition),
            subject=subject,
            display=fact_text(borderline.fact, definition),
            low=within.low,
            high=within.high,
            unit=within.unit,
            thresholds=tuple(
                CrossedThreshold(
                    value=value_text(Interval.point(crossed.threshold), definition),
                    by=crossed.by,
                    parameters=tuple(self._named(crossed, definition)),
                    rules=crossed.criteria,
                )
                for crossed in borderline.crossed
            ),
        )

    def _named(self, crossed: Crossed, definition: FactDefinition) -> Iterable[str]:
        """The parameters of the rules that have the value of a threshold."""
        read = (name for rule in crossed.criteria for name in self.rules.conditions[rule].parameters)
        unit = definition.type.unit if isinstance(definition.type, QuantityType) else None
        for name in dict.fromkeys(read):
            parameter = self.rules.parameters[name]
            if parameter.value is None or (parameter.unit is None) is not (unit is None):
                continue
            value = Fraction(parameter.value)
            if parameter.unit is not None and unit is not None:
                if parse_unit(parameter.unit).dimension != parse_unit(unit).dimension:
                    continue
                value = convert(value, parameter.unit, unit)
            if value == crossed.threshold:
                yield name

    def _valid_until(self, validity: Validity) -> ValidUntil:
        return ValidUntil(
            last_day=validity.last_day,
            changes_on=validity.changes_on,
            because=tuple(self._ending(ending) for ending in validity.endings),
        )

    def _ending(self, ending: Ending) -> str:
        match ending:
            case BecomesStale(place, definition, fact, limit, days):
                known = fact.dated is not None and fact.dated > dt.date.min
                dated = f"of {fact.dated}" if known else "of no known date"
                label = self.parts.label(place[0], definition)
                return f"{label} {dated} is then more than {decimal_text(days)} d old ({spoken(limit)})."
            case Birthday(_, definition, years):
                return f"{definition.label} is then {value_text(years, definition)}."
            case ThresholdChanges(parameter):
                return f"Another value then holds for {spoken(parameter)}."

    # ------------------------------------------------------------------------------------------------- lesions

    def _lesion(self, lesion: LesionDecision) -> LesionPart:
        """One lesion's answer. Out of scope it is no more than the criteria considered: no plan, order or outcome.

        A "not required" from rules that are not about this cancer would read like an answer.
        """
        assessed, phase = lesion.scope is not Truth.FALSE, self.decision.phase
        at_risk = lesion.structures if assessed else ()
        return LesionPart(
            id=lesion.lesion.id,
            label=lesion.lesion.label,
            scope=ScopePart(truth=word(lesion.scope), reasons=self._scope_reasons(lesion)),
            options=tuple(self._option(option) for option in lesion.options),
            order=self._order(lesion),
            thermoprotection=tuple(structure_part(self.parts, each, phase) for each in at_risk),
            protection_plan=plan_part(self.parts, lesion) if assessed else None,
            obligations=tuple(self._obligations(lesion)) if assessed else (),
            outcomes=tuple(self._outcomes(lesion)) if assessed else (),
            sources=tuple(map(self.parts.source, lesion.lesion.sources)),
        )

    def _option(self, decided: OptionDecision) -> OptionPart:
        option = self.rules.options[decided.option]
        banner = option.banner
        return OptionPart(
            option=decided.option,
            label=option.label,
            verdict=decided.verdict.value,
            possible=words(decided.possible),
            standing=decided.standing.value,
            declined=word(decided.declined),
            banner=BannerPart(
                says=banner.says,
                evidence=self.parts.evidence(banner.evidence),
                population=banner.population,
                known_inconsistencies=banner.known_inconsistencies,
            )
            if banner
            else None,
            reasons=tuple(reason_part(self.parts, consideration) for consideration in decided.considerations),
            settling_facts=tuple(self._settling(settling) for settling in decided.settling),
        )

    def _settling(self, settling: Settling) -> SettlingFact:
        part = self.parts.fact(settling.subject, settling.fact, settling.definition)
        return SettlingFact(
            name=settling.definition.path,
            subject=settling.subject,
            label=self.parts.label(settling.subject, settling.definition),
            status=part.status,
            reason=part.reason,
            burden=settling.definition.burden.value,
            modifiable=settling.definition.modifiable,
            outcomes=tuple(
                SettlingOutcome(condition=outcome.condition, possible=words(outcome.possible))
                for outcome in settling.outcomes
            ),
            open=settling.open,
        )

    # --------------------------------------------------------------------------------------------------- order

    def _order(self, lesion: LesionDecision) -> OrderPart:
        withheld = tuple(reason_part(self.parts, c) for c in lesion.order_requirements if c.truth is not Truth.TRUE)
        return OrderPart(
            possible=tuple(
                OrderEntry(groups=order.groups, condition=order.condition or None, because=order.because)
                for order in lesion.orders
            ),
            withheld=withheld,
            reasons=(
                *(reason_part(self.parts, c) for c in lesion.order_requirements if c.truth is Truth.TRUE),
                *(
                    preference_part(self.parts, preference, lesion)
                    for preference in self.rules.preferences
                    if preference.id in lesion.preferences
                ),
            ),
        )

    # -------------------------------------------------------------------------------- obligations and outcomes

    def _obligations(self, lesion: LesionDecision) -> Iterable[ObligationPart]:
        """Every obligation considered, once, whether due or not."""
        seen: set[tuple[str, str]] = set()
        for option in lesion.options:
            for considered in option.considerations:
                rule, key = considered.rule, (considered.rule.id, considered.context.id)
                if rule.effect != "obliges" or key in seen or rule.before is None or rule.who is None:
                    continue
                seen.add(key)
                yield ObligationPart(
                    rule=rule.id,
                    subject=considered.context.id,
                    option=rule.option,
                    says=self.parts.filled(rule.says, considered.context),
                    due=word(considered.due),
                    before=rule.before,
                    who=rule.who,
                    strength=rule.strength,
                )

    def _outcomes(self, lesion: LesionDecision) -> Iterable[OutcomePart]:
        for decided in lesion.options:
            for outcome in self.rules.options[decided.option].outcomes:
                self.parts.cited[outcome.cite] = None
                low, high = clopper_pearson(outcome.k, outcome.n)
                yield OutcomePart(
                    says=outcome.says,
                    k=outcome.k,
                    n=outcome.n,
                    per=outcome.per,
                    percent=round(100 * outcome.k / outcome.n, 2),
                    ci95=(round(100 * low, 2), round(100 * high, 2)),
                    cite=outcome.cite,
                    locator=outcome.locator,
                    display=proportion_text(outcome.k, outcome.n),
                )
