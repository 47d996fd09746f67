"""From a decision to the answer: every criterion considered, in words, with its facts, thresholds and evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

from cds.case import NEVER_RECORDED, Case, Fact, Facts, Source
from cds.evidence import capped, clopper_pearson, proportion_text
from cds.language import print_expression
from cds.language.types import QuantityType
from cds.quantities import Interval, convert, decimal_text
from cds.quantities.units import parse_unit
from cds.reasoning.borderline import Borderline, Crossed, borderline
from cds.reasoning.conditions import Derivation
from cds.reasoning.contexts import Context
from cds.reasoning.decision import Consideration, Decision, LesionDecision, OptionDecision, StructureDecision
from cds.reasoning.settling import Settling
from cds.reasoning.validity import BecomesStale, Birthday, Ending, ThresholdChanges, Validity
from cds.reasoning.verdict import Verdict, listed
from cds.recommendation.model import (
    AlternativePart,
    BannerPart,
    BorderlinePart,
    ClaimPart,
    CombinationPart,
    CrossedThreshold,
    EnginesPart,
    EvidencePart,
    ExceptionPart,
    FactPart,
    FidelityPart,
    IssuePart,
    LesionPart,
    MeasurePart,
    MonitoringPart,
    NumberValue,
    ObligationPart,
    OptionPart,
    OrderEntry,
    OrderPart,
    OutcomePart,
    ParameterPart,
    PlannerReason,
    ProtectionPlanPart,
    ReasonPart,
    Recommendation,
    RuleSetPart,
    ScopePart,
    ScopeReason,
    SettledVerdictWord,
    SettlingFact,
    SettlingOutcome,
    SourcePart,
    SufficientSet,
    SupportWord,
    ThermoprotectionPart,
    TruthWord,
    ValidUntil,
)
from cds.recommendation.words import (
    NOT_KNOWN,
    fact_part,
    fact_text,
    filled,
    parameter_text,
    source_part,
    spoken,
    value_part,
    value_text,
)
from cds.ruleset import RuleSet
from cds.ruleset.model import Evidence, Need, Preference, Reference, Rule, Tag
from cds.truth import Truth
from cds.vocabulary import FactDefinition, FactKind, Level


def build(decision: Decision, validity: Validity | None = None) -> Recommendation:
    """The answer for a decided case, and until when it holds."""
    return _Builder(decision, validity).recommendation()


def word(truth: Truth) -> TruthWord:
    """A truth as the answer writes it."""
    return truth.value


def words(possible: Iterable[Verdict]) -> tuple[SettledVerdictWord, ...]:
    """Possible verdicts as the answer writes them, in their fixed order."""
    result: list[SettledVerdictWord] = []
    for verdict in listed(frozenset(possible)):
        if verdict is not Verdict.UNDETERMINED:
            result.append(verdict.value)
    return tuple(result)


_PREFIX: Final = {Truth.TRUE: "", Truth.FALSE: "Does not apply: ", Truth.UNKNOWN: "Not known whether this holds: "}
_SUPPORT: Final[Mapping[Tag, SupportWord]] = {
    "V1": "primary", "V2": "second-hand", "REF": "listing-only", "U": "unverified",
}  # fmt: skip
"""How well a source was seen, from the best to the worst."""


def support_of(cited: Iterable[Reference]) -> SupportWord:
    """How well the best of some sources was seen.

    >>> support_of([])
    'none'
    """
    tags = {reference.tag for reference in cited}
    return next((said for tag, said in _SUPPORT.items() if tag in tags), "none")


class _Builder:
    """Builds one answer and notes which references it cites. Lives as long as the call."""

    def __init__(self, decision: Decision, validity: Validity | None) -> None:
        self.decision = decision
        self.validity = validity
        self.rules: RuleSet = decision.rules
        self.cited: dict[str, None] = {}
        self.parts: dict[tuple[str, str], FactPart] = {}
        self.sources: dict[Source, SourcePart] = {}
        self.parameters: dict[tuple[str, ...], tuple[ParameterPart, ...]] = {}
        self.evidence: dict[tuple[Evidence, ...], tuple[EvidencePart, ...]] = {}
        self.labels = {lesion.id: lesion.label for lesion in decision.case.lesions} | {
            f"{lesion.id}/{structure.key}": structure.label
            for lesion in decision.case.lesions
            for structure in lesion.structures
        }

    def recommendation(self) -> Recommendation:
        case, rules = self.decision.case, self.rules
        lesions = tuple(self._lesion(lesion) for lesion in self.decision.lesions)
        alternatives = tuple(
            AlternativePart(id=a.id, says=a.says, strength=a.strength, evidence=self._evidence(a.evidence))
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
            excluded=tuple(map(self._source, case.excluded)),
            issues=tuple(
                IssuePart(severity=i.severity, code=i.code, expression=i.expression, details=i.details)
                for i in case.issues
            ),
            borderline=tuple(map(self._borderline, borderline(self.decision))),
            valid_until=self._valid_until(self.validity) if self.validity is not None else None,
            references={cite: rules.references[cite].csl() for cite in sorted(self.cited)},
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
                says=self._sentence(c.rule, c),
                lesion=lesion.lesion.id,
                facts=self._read(c.derivation),
                parameters=self._parameters(c.rule.id),
            )
            for c in lesion.scope_considerations
        )

    # --------------------------------------------------------------------------------------------------- facts

    def _facts(self, case: Case) -> Iterable[FactPart]:
        """Every fact of the patient and the lesions; of structures those that the record, or its silence, speaks of."""
        yield from self._level(case.patient, Level.PATIENT, "patient")
        for lesion in case.lesions:
            yield from self._level(lesion.facts, Level.LESION, lesion.id)
            for structure in lesion.structures:
                facts = {
                    name: fact
                    for name, fact in structure.facts.items()
                    if fact != NEVER_RECORDED and (fact.sources or fact.note != "not documented")
                }
                yield from self._level(facts, Level.STRUCTURE, f"{lesion.id}/{structure.key}")

    def _level(self, facts: Facts, level: Level, subject: str) -> Iterable[FactPart]:
        for name, fact in facts.items():
            definition = self.rules.vocabulary.fact(level, name)
            if definition.kind is not FactKind.GIVEN:
                yield self._part(subject, fact, definition)

    def _part(self, subject: str, fact: Fact, definition: FactDefinition) -> FactPart:
        """A fact as the answer carries it, made once: most stand in a dozen reasons."""
        key = (subject, definition.path)
        if key not in self.parts:
            self.parts[key] = fact_part(definition.path, subject, fact, definition, self._source)
        return self.parts[key]

    def _source(self, source: Source) -> SourcePart:
        """An element of the record as the answer carries it, made once: many facts rest on the same ones."""
        if source not in self.sources:
            self.sources[source] = source_part(source)
        return self.sources[source]

    def _read(self, *derivations: Derivation | None) -> tuple[FactPart, ...]:
        """The facts that derivations read, each once; what the structure table itself gives is none of the record."""
        found: dict[tuple[str, str], FactPart] = {}
        for derivation in derivations:
            for subject, reference, fact in derivation.facts() if derivation else ():
                level = Level.LESION if reference.level == "other" else Level(reference.level)
                definition = self.rules.vocabulary.fact(level, reference.name)
                if definition.kind is not FactKind.GIVEN:
                    found.setdefault((subject, definition.path), self._part(subject, fact, definition))
        return tuple(found.values())

    # --------------------------------------------------------------------------------- borderline, valid until

    def _borderline(self, borderline: Borderline) -> BorderlinePart:
        definition, subject = borderline.definition, borderline.place[0]
        within = value_part(borderline.widened, definition)
        assert isinstance(within, NumberValue) and within.low is not None and within.high is not None, "both ends known"
        return BorderlinePart(
            name=definition.path,
            label=self._label(subject, definition),
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

    def _label(self, subject: str, definition: FactDefinition) -> str:
        structure = definition.level is Level.STRUCTURE
        return f"{definition.label}, {self.labels[subject]}" if structure else definition.label

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
                label = self._label(place[0], definition)
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
        assessed = lesion.scope is not Truth.FALSE
        return LesionPart(
            id=lesion.lesion.id,
            label=lesion.lesion.label,
            scope=ScopePart(truth=word(lesion.scope), reasons=self._scope_reasons(lesion)),
            options=tuple(self._option(option) for option in lesion.options),
            order=self._order(lesion),
            thermoprotection=tuple(self._structure(structure) for structure in lesion.structures) if assessed else (),
            protection_plan=self._plan(lesion) if assessed else None,
            obligations=tuple(self._obligations(lesion)) if assessed else (),
            outcomes=tuple(self._outcomes(lesion)) if assessed else (),
            sources=tuple(map(self._source, lesion.lesion.sources)),
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
                evidence=self._evidence(banner.evidence),
                population=banner.population,
                known_inconsistencies=banner.known_inconsistencies,
            )
            if banner
            else None,
            reasons=tuple(self._reason(consideration) for consideration in decided.considerations),
            settling_facts=tuple(self._settling(settling) for settling in decided.settling),
        )

    def _settling(self, settling: Settling) -> SettlingFact:
        part = self._part(settling.subject, settling.fact, settling.definition)
        return SettlingFact(
            name=settling.definition.path,
            subject=settling.subject,
            label=self._label(settling.subject, settling.definition),
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

    def _reason(self, considered: Consideration) -> ReasonPart:
        rule = considered.rule
        objection = considered.objection if rule.moves_a_verdict else None
        cited = [self.rules.references[evidence.cite] for evidence in rule.evidence]
        return ReasonPart(
            rule=rule.id,
            effect=rule.effect,
            truth=word(considered.truth),
            subject=considered.context.id,
            says=self._sentence(rule, considered),
            strength=capped(rule.strength, rule.effect, cited),
            stated_strength=rule.strength,
            basis=rule.basis,
            support=support_of(cited),
            asks=rule.asks if rule.moves_a_verdict else None,
            addressed=word(considered.done.truth) if considered.done is not None else None,
            moves_verdict=objection is not None and objection.holds is not Truth.FALSE,
            topic=rule.topic,
            ground=rule.ground,
            remedy=self._filled(rule.remedy, considered.context) if rule.remedy else None,
            condition=self.rules.conditions[rule.id].text,
            done=self.rules.conditions[f"{rule.id}.done"].text if rule.done is not None else None,
            exceptions=tuple(considered.exceptions),
            exception_truths=tuple(self._exception(name, considered) for name in considered.exceptions),
            facts=self._read(considered.derivation, considered.done),
            parameters=self._parameters(rule.id, f"{rule.id}.done"),
            evidence=self._evidence(rule.evidence),
            fidelity=FidelityPart(kind=rule.fidelity.kind, note=rule.fidelity.note),
            approved=rule.review.approved if rule.review else None,
            owner=rule.review.owner if rule.review else None,
        )

    def _exception(self, name: str, considered: Consideration) -> ExceptionPart:
        exception = next(each for each in self.rules.exceptions if each.id == name)
        derivation = considered.exceptions[name]
        return ExceptionPart(
            rule=name,
            truth=word(derivation.truth),
            says=_PREFIX[derivation.truth] + self._filled(exception.says, considered.context),
            condition=self.rules.conditions[name].text,
            strength=exception.strength,
            basis=exception.basis,
            support=support_of(self.rules.references[each.cite] for each in exception.evidence),
            facts=self._read(derivation),
            parameters=self._parameters(name),
            evidence=self._evidence(exception.evidence),
            fidelity=FidelityPart(kind=exception.fidelity.kind, note=exception.fidelity.note),
        )

    def _sentence(self, rule: Rule, considered: Consideration) -> str:
        """The rule's own sentence where it holds, what holds otherwise where it does not, and neither where unknown."""
        match considered.truth:
            case Truth.TRUE:
                return self._filled(rule.says, considered.context)
            case Truth.FALSE if rule.otherwise is not None:
                return self._filled(rule.otherwise, considered.context)
            case Truth.FALSE:
                return f"Does not apply: {self._filled(rule.says, considered.context)}"
            case Truth.UNKNOWN:
                verb = "applies" if rule.effect in ("obliges", "informs") else "holds"
                return f"Not known whether this {verb}: {self._filled(rule.says, considered.context)}"

    def _filled(self, template: str, context: Context) -> str:
        return filled(template, context, self.rules, lambda subject: self.labels.get(subject, subject))

    def _parameters(self, *ids: str) -> tuple[ParameterPart, ...]:
        if ids not in self.parameters:
            self.parameters[ids] = self._parameter_parts(ids)
        return self.parameters[ids]

    def _parameter_parts(self, ids: tuple[str, ...]) -> tuple[ParameterPart, ...]:
        names = [name for key in ids if key in self.rules.conditions for name in self.rules.conditions[key].parameters]
        parts = []
        for name in dict.fromkeys(names):
            parameter = self.rules.parameters[name]
            if parameter.cite is not None:
                self.cited[parameter.cite] = None
            parts.append(
                ParameterPart(
                    name=name,
                    value=parameter_text(parameter),
                    status=parameter.status,
                    cite=parameter.cite,
                    overridden=parameter.overridden,
                    label=parameter.label,
                    note=parameter.note,
                    locator=parameter.locator,
                    valid_from=parameter.since,
                    owner=parameter.review.owner if parameter.review else None,
                    review_due=parameter.review.due if parameter.review else None,
                    claim=self._claim(parameter.claim),
                )
            )
        return tuple(parts)

    def _claim(self, name: str | None) -> ClaimPart | None:
        """What a source says, as the answer carries it."""
        if name is None:
            return None
        claim = self.rules.claims[name]
        low, high = claim.interval or (None, None)
        return ClaimPart(
            id=claim.id,
            says=claim.says,
            quote=claim.quote,
            values=tuple(str(number) for number in claim.numbers),
            unit=claim.unit,
            interval=(str(low), str(high)) if claim.interval else None,
            k=claim.k,
            n=claim.n,
            locator=claim.locator,
        )

    def _evidence(self, evidence: Iterable[Evidence]) -> tuple[EvidencePart, ...]:
        """The citations as the answer carries them, made once: a rule stands in the reasons of many structures."""
        cited = tuple(evidence)
        if cited not in self.evidence:
            self.evidence[cited] = self._evidence_parts(cited)
        return self.evidence[cited]

    def _evidence_parts(self, evidence: Iterable[Evidence]) -> tuple[EvidencePart, ...]:
        parts = []
        for entry in evidence:
            reference = self.rules.references[entry.cite]
            self.cited[entry.cite] = None
            parts.append(
                EvidencePart(
                    cite=entry.cite,
                    locator=entry.locator,
                    supports=entry.supports,
                    certainty=reference.certainty,
                    tag=reference.tag,
                    directness=reference.directness,
                    url=reference.url,
                    claim=self._claim(entry.claim),
                )
            )
        return tuple(parts)

    # --------------------------------------------------------------------------------------------------- order

    def _order(self, lesion: LesionDecision) -> OrderPart:
        withheld = tuple(self._reason(c) for c in lesion.order_requirements if c.truth is not Truth.TRUE)
        return OrderPart(
            possible=tuple(
                OrderEntry(groups=order.groups, condition=order.condition or None, because=order.because)
                for order in lesion.orders
            ),
            withheld=withheld,
            reasons=(
                *(self._reason(c) for c in lesion.order_requirements if c.truth is Truth.TRUE),
                *(
                    self._preference(preference, lesion)
                    for preference in self.rules.preferences
                    if preference.id in lesion.preferences
                ),
            ),
        )

    def _preference(self, preference: Preference, lesion: LesionDecision) -> ReasonPart:
        derivation = lesion.preferences[preference.id]
        truth = lesion.preference_truths[preference.id]
        cited = [self.rules.references[evidence.cite] for evidence in preference.evidence]
        return ReasonPart(
            rule=preference.id,
            effect="for",
            truth=word(truth),
            subject=lesion.lesion.id,
            says=_PREFIX[truth] + preference.says,
            strength=capped(preference.strength, "for", cited),
            stated_strength=preference.strength,
            basis=preference.basis,
            support=support_of(cited),
            condition=self.rules.conditions[preference.id].text,
            exceptions=tuple(p.id for p in self.rules.preferences if p.exception_to == preference.id),
            facts=self._read(derivation),
            parameters=self._parameters(preference.id),
            evidence=self._evidence(preference.evidence),
            fidelity=FidelityPart(kind=preference.fidelity.kind, note=preference.fidelity.note),
            approved=preference.review.approved if preference.review else None,
            owner=preference.review.owner if preference.review else None,
        )

    # --------------------------------------------------------------------------------------- thermoprotection

    def _structure(self, decided: StructureDecision) -> ThermoprotectionPart:
        facts = decided.context.facts["structure"]
        vocabulary = self.rules.vocabulary
        name, side = str(facts["name"].value), str(facts["side"].value)
        structure = vocabulary.structures[name]
        rules = {rule.id: rule for rule in (*self.rules.planner.measures, *self.rules.planner.monitoring)}
        return ThermoprotectionPart(
            structure=name,
            side=None if side == "none" else side,
            label=self.labels[decided.context.id],
            distance=self._distance(facts),
            verdict=decided.protection.need.value,
            measures=tuple(
                MeasurePart(
                    measure=answer.measure,
                    label=vocabulary.measures[answer.measure].label,
                    status=answer.standing.value,
                    planned=self._planned(facts, vocabulary.measures[answer.measure].planned),
                    reasons=tuple(self._planner(rules[rule], decided) for rule in answer.rules),
                )
                for answer in decided.protection.measures
            ),
            monitoring=tuple(
                MonitoringPart(
                    monitoring=monitoring,
                    label=vocabulary.monitoring[monitoring].label,
                    planned=self._planned(facts, vocabulary.monitoring[monitoring].planned),
                )
                for monitoring in structure.monitoring
            ),
            advice=tuple(self._planner(rules[rule], decided) for rule in decided.protection.advice),
            covered_by_plan=word(decided.covered),
            reasons=tuple(self._planner(need, decided) for need in self.rules.planner.need),
            evidence=self._evidence(Evidence(cite=cite) for cite in structure.evidence),
        )

    def _distance(self, facts: Facts) -> str:
        """The distance from the tumour; in planning with where it starts, beside that from the planned ice."""
        known = {
            definition.starts_at: fact_text(facts[definition.name], definition)
            for definition in self.rules.vocabulary.of(Level.STRUCTURE)
            if definition.starts_at is not None and facts[definition.name].is_known
        }
        if self.decision.phase != "planning":
            return known.get("tumour", NOT_KNOWN)
        told = [f"{known[start]} from the {start}" for start in ("ice", "tumour") if start in known]
        return ", ".join(told) or NOT_KNOWN

    @staticmethod
    def _planned(facts: Facts, name: str) -> TruthWord:
        value = facts[name].value
        return word(Truth.of(value)) if isinstance(value, bool) else "unknown"

    def _planner(self, rule: Need, decided: StructureDecision) -> PlannerReason:
        derivation = decided.derivations[rule.id]
        return PlannerReason(
            rule=rule.id,
            truth=word(derivation.truth),
            says=_PREFIX[derivation.truth] + self._filled(rule.says, decided.context),
            strength=rule.strength,
            basis=rule.basis,
            support=support_of(self.rules.references[each.cite] for each in rule.evidence),
            condition=print_expression(self.rules.conditions[rule.id].tree),
            facts=self._read(derivation),
            parameters=self._parameters(rule.id),
            evidence=self._evidence(rule.evidence),
            fidelity=FidelityPart(kind=rule.fidelity.kind, note=rule.fidelity.note),
            approved=rule.review.approved if rule.review else None,
            owner=rule.review.owner if rule.review else None,
        )

    def _plan(self, lesion: LesionDecision) -> ProtectionPlanPart | None:
        """All threatened structures together; none where nothing is planned (follow-up)."""
        if not lesion.structures:
            return None
        plan, planner = lesion.plan, self.rules.planner
        named = {measure for chosen in plan.sufficient for measure in chosen}
        told = [c for c in planner.combinations if c.excludes or named.intersection(c.together)]
        return ProtectionPlanPart(
            required=plan.required,
            undetermined=plan.undetermined,
            not_required=len(lesion.structures) - len(plan.required) - len(plan.undetermined),
            protectable=tuple(each for each in plan.required if each not in plan.without_measure),
            without_measure=plan.without_measure,
            sufficient_sets=tuple(
                SufficientSet(measures=chosen, with_=self._with(chosen)) for chosen in plan.sufficient
            ),
            combinations=tuple(
                CombinationPart(
                    rule=c.id,
                    kind="together" if c.together else "excludes",
                    members=c.members,
                    says=c.says,
                    strength=c.strength,
                    basis=c.basis,
                    support=support_of(self.rules.references[each.cite] for each in c.evidence),
                    evidence=self._evidence(c.evidence),
                )
                for c in told
            ),
            covered_by_plan=word(plan.covered),
            uncovered=plan.uncovered,
            says=self._distances_say(lesion),
            distances=self._distances(),
        )

    def _with(self, chosen: tuple[str, ...]) -> tuple[str, ...]:
        together = [c.together for c in self.rules.planner.combinations if set(c.together).intersection(chosen)]
        return tuple(dict.fromkeys(name for names in together for name in names if name not in chosen))

    def _distances(self) -> tuple[ParameterPart, ...]:
        """The distances by which structures are said to be threatened."""
        read = self._parameters(*(need.id for need in self.rules.planner.need))
        return tuple(part for part in read if self.rules.parameters[part.name].measured_from is not None)

    def _distances_say(self, lesion: LesionDecision) -> str:
        """How many structures the distances flag, that nobody proved them safe, and what the institution has to set."""
        plan, distances = lesion.plan, self._distances()
        flagged = f"{len(plan.required)} of {len(lesion.structures)}"
        if plan.undetermined:
            flagged += f" ({len(plan.undetermined)} more undetermined)"
        told = []
        for part in sorted(distances, key=lambda each: each.overridden or each.status == "institution-default"):
            remark = ""
            if part.overridden:
                remark = " (set by the institution)"
            elif part.status == "unset":
                remark = f" ({part.note or f'the institution sets {part.name}'})"
            elif part.status == "institution-default":
                remark = f" (institution default: set {part.name})"
            told.append(f"{spoken(part.name)} {part.value}{remark}")
        return f"Distances, not proven safe, flag {flagged}: {', '.join(told)}."

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
                    says=self._filled(rule.says, considered.context),
                    due=word(considered.due),
                    before=rule.before,
                    who=rule.who,
                    strength=rule.strength,
                )

    def _outcomes(self, lesion: LesionDecision) -> Iterable[OutcomePart]:
        for decided in lesion.options:
            for outcome in self.rules.options[decided.option].outcomes:
                self.cited[outcome.cite] = None
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
