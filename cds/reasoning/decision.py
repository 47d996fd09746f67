"""The decision: every criterion of a rule set considered for one case, and what the truths come to.

This is the proof object that every answer is made from. It holds no words for people; `cds.recommendation` adds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cds.case import NEVER_RECORDED, Case, Lesion
from cds.reasoning import agreement
from cds.reasoning.conditions import Derivation, ReferenceEngine, derive
from cds.reasoning.contexts import Context, Contexts, contexts_of
from cds.reasoning.engine import Engine
from cds.reasoning.order import PossibleOrder, effective, possible_orders
from cds.reasoning.settling import OpenCriterion, Settling, settling_facts
from cds.reasoning.thermoprotection import Protection, ProtectionPlan, Threatened, plan_of, protect
from cds.reasoning.verdict import (
    Objection,
    Standing,
    Verdict,
    objection,
    possible_verdicts,
    standing_of,
    verdict_of,
)
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase, Rule
from cds.ruleset.program import Criterion, Program
from cds.truth import Truth, all_of
from cds.vocabulary import Level


@dataclass(frozen=True, slots=True)
class Consideration:
    """One rule considered in one context: its derivation, and that of what would fulfil it."""

    rule: Rule
    context: Context
    derivation: Derivation
    done: Derivation | None
    exceptions: Mapping[str, Derivation] = field(default_factory=dict)
    """The rule's exceptions by id, each with its own truth."""

    @property
    def truth(self) -> Truth:
        """The truth of the rule's criterion, exceptions included."""
        return self.derivation.truth

    @property
    def objection(self) -> Objection | None:
        """What the rule does to its option here, or `None` if it never moves a verdict."""
        return objection(self.rule.effect, self.truth, has_remedy=self.rule.remedy is not None)

    @property
    def due(self) -> Truth:
        """Whether an obligation is due: it applies, and nothing shows that it is fulfilled."""
        return due(self.truth, self.done.truth if self.done is not None else Truth.FALSE)


def due(applies: Truth, done: Truth) -> Truth:
    """An obligation is due while it applies and `done` is not true.

    >>> due(Truth.TRUE, Truth.UNKNOWN).value, due(Truth.UNKNOWN, Truth.FALSE).value, due(Truth.TRUE, Truth.TRUE).value
    ('true', 'unknown', 'false')
    """
    return Truth.FALSE if done is Truth.TRUE else applies


@dataclass(frozen=True, slots=True)
class OptionDecision:
    """One option for one lesion."""

    option: str
    possible: frozenset[Verdict]
    standing: Standing
    declined: Truth
    considerations: tuple[Consideration, ...]
    settling: tuple[Settling, ...]

    @property
    def verdict(self) -> Verdict:
        """The one verdict left, or `UNDETERMINED`."""
        return verdict_of(self.possible)


@dataclass(frozen=True, slots=True)
class StructureDecision:
    """The protection of one structure at risk, with the derivations of the planner's criteria there."""

    context: Context
    protection: Protection
    covered: Truth
    derivations: Mapping[str, Derivation]


@dataclass(frozen=True, slots=True)
class LesionDecision:
    """Everything decided about one lesion."""

    lesion: Lesion
    scope: Truth
    scope_considerations: tuple[Consideration, ...]
    options: tuple[OptionDecision, ...]
    orders: tuple[PossibleOrder, ...]
    order_requirements: tuple[Consideration, ...]
    preferences: Mapping[str, Derivation]
    preference_truths: Mapping[str, Truth]
    structures: tuple[StructureDecision, ...]
    plan: ProtectionPlan

    @property
    def order_withheld(self) -> bool:
        """Whether a requirement of the order is not met (or not known to be)."""
        return any(consideration.truth is not Truth.TRUE for consideration in self.order_requirements)


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything decided about one case in one phase."""

    case: Case
    rules: RuleSet
    phase: Phase
    reference_version: str
    second_version: str
    scope: Truth
    lesions: tuple[LesionDecision, ...]
    derivations: Mapping[tuple[str, str], Derivation]


def reason(case: Case, rules: RuleSet, phase: Phase, second: Engine) -> Decision:
    """Consider every rule of the phase for the case, with both engines, under the parameters of its day.

    Raises `NoAdvice` where the engines disagree or one of them fails.
    """
    rules = rules.on(case.as_of)
    contexts = contexts_of(case)
    reference = ReferenceEngine()
    derivations = agreement.decide(rules.programs[phase], contexts, reference, second)
    lesions = decided_lesions(case, rules, phase, contexts, derivations)
    return Decision(
        case, rules, phase, reference.version, second.version, scope_of(lesion.scope for lesion in lesions),
        lesions, derivations,
    )  # fmt: skip


def decided_lesions(
    case: Case, rules: RuleSet, phase: Phase, contexts: Contexts, derivations: Mapping[tuple[str, str], Derivation]
) -> tuple[LesionDecision, ...]:
    """What the derivations of every criterion come to, lesion by lesion."""
    reasoning = _Reasoning(case, rules, phase, rules.programs[phase], derivations)
    return tuple(
        reasoning.lesion(
            lesion,
            next(c for c in contexts.at(Level.LESION) if c.id == lesion.id),
            [c for c in contexts.at(Level.STRUCTURE) if c.subjects["lesion"] == lesion.id],
            [contexts.at(Level.PATIENT)[0],
             *(c for c in contexts.at(Level.OTHER_LESION) if c.subjects["lesion"] == lesion.id)],
        )
        for lesion in case.lesions
    )  # fmt: skip


def scope_of(lesions: Iterable[Truth]) -> Truth:
    """Whether the rule set is about the patient: for some lesion yes; for none of those named no; unknown without any.

    >>> scope_of([]).value, scope_of([Truth.FALSE, Truth.TRUE]).value, scope_of([Truth.FALSE]).value
    ('unknown', 'true', 'false')
    """
    truths = list(lesions)
    if any(truth is Truth.TRUE for truth in truths):
        return Truth.TRUE
    return Truth.FALSE if truths and all(truth is Truth.FALSE for truth in truths) else Truth.UNKNOWN


def blank(structure: Context) -> Context:
    """A structure's context in which only what the structure table gives is known."""
    given = {name: structure.facts["structure"][name] for name in ("name", "kind", "side")}
    nothing = {word: dict.fromkeys(facts, NEVER_RECORDED) for word, facts in structure.facts.items()}
    return replace(structure, facts={**nothing, "structure": {**nothing["structure"], **given}})


@dataclass(frozen=True, slots=True)
class _Reasoning:
    """The decided criteria of one case, read lesion by lesion."""

    case: Case
    rules: RuleSet
    phase: Phase
    program: Program
    derivations: Mapping[tuple[str, str], Derivation]

    def lesion(self, lesion: Lesion, own: Context, structures: list[Context], around: list[Context]) -> LesionDecision:
        contexts = [*around, own, *structures]
        scope_considerations = self._considered(["scope"], contexts)
        scope = all_of(consideration.truth for consideration in scope_considerations)
        options = tuple(
            self._option(name, lesion, scope, scope_considerations, contexts) for name in self.rules.options
        )
        requirements = self._considered(["order"], contexts)
        plans = self.phase != "follow-up"  # which neither orders options nor plans protection
        preferences = {
            preference.id: self.derivations[preference.id, own.id] for preference in self.rules.preferences if plans
        }
        truths = {name: derivation.truth for name, derivation in preferences.items()}
        withheld = any(consideration.truth is not Truth.TRUE for consideration in requirements)
        ordered = plans and not withheld and scope is not Truth.FALSE
        at_risk = tuple(self._structure(context) for context in structures) if plans else ()
        return LesionDecision(
            lesion=lesion,
            scope=scope,
            scope_considerations=scope_considerations,
            options=options,
            orders=possible_orders(self.rules.preferences, truths, tuple(self.rules.options)) if ordered else (),
            order_requirements=requirements,
            preferences=preferences,
            preference_truths=effective(self.rules.preferences, truths) if plans else {},
            structures=at_risk,
            plan=plan_of(
                [Threatened(each.context.id, each.protection, each.covered) for each in at_risk],
                [combination.excludes for combination in self.rules.planner.combinations],
            ),
        )

    def _considered(self, options: list[str], contexts: list[Context]) -> tuple[Consideration, ...]:
        """Every rule of the named options in every context that it can be about, in the order of the rule set."""
        return tuple(
            Consideration(
                rule,
                context,
                self.derivations[rule.id, context.id],
                self.derivations.get((f"{rule.id}.done", context.id)),
                {
                    exception.id: self.derivations[exception.id, context.id]
                    for exception in self.rules.exceptions
                    if exception.exception_to == rule.id
                },
            )
            for rule in self.rules.rules_in(self.phase)
            if rule.option in options
            for context in contexts
            if context.level is Level(rule.for_each) and self._is_about(rule, context)
        )

    def _is_about(self, rule: Rule, context: Context) -> bool:
        """Whether a rule can have an effect at a structure at all.

        A rule about the vagus nerve says nothing of the skin: there the structure table alone decides its criterion,
        against any effect. Found by asking it with everything else unknown.
        """
        if context.level is not Level.STRUCTURE:
            return True
        idle = Truth.TRUE if rule.effect == "requires" else Truth.FALSE
        if self.derivations[rule.id, context.id].truth is not idle:
            return True
        condition = self.derivations[rule.id, context.id].expression
        return derive(condition, blank(context), self.program.derived).truth is not idle

    def _option(
        self,
        name: str,
        lesion: Lesion,
        scope: Truth,
        scope_considerations: tuple[Consideration, ...],
        contexts: list[Context],
    ) -> OptionDecision:
        considerations = self._considered([name, "any"], contexts)
        objections = [o for o in (c.objection for c in considerations) if o is not None]
        choice = lesion.facts[self.rules.options[name].declined_by.removeprefix("lesion.")].value
        declined = Truth.of(choice) if isinstance(choice, bool) else Truth.UNKNOWN
        standing = standing_of(objections, scope)
        if self.phase != "decision":  # verdicts belong to the decision phase alone
            unassessed = frozenset({Verdict.NOT_ASSESSED})
            standing = Standing.UNKNOWN if self.phase == "follow-up" else standing  # which excludes nothing any more
            return OptionDecision(name, unassessed, standing, declined, considerations, ())
        possible = possible_verdicts(objections, scope)
        settling = self._settling(considerations, scope_considerations, possible) if len(possible) > 1 else ()
        return OptionDecision(name, possible, standing, declined, considerations, settling)

    def _settling(
        self,
        considerations: tuple[Consideration, ...],
        scope_considerations: tuple[Consideration, ...],
        possible: frozenset[Verdict],
    ) -> tuple[Settling, ...]:
        conditions: dict[str, Criterion] = {criterion.id: criterion for criterion in self.program.criteria}
        moving = [c for c in considerations if c.objection is not None]
        undecided = [
            OpenCriterion((c.rule.id, c.context.id), conditions[c.rule.id].condition, c.context, c.derivation)
            for c in (*moving, *scope_considerations)
            if c.truth is Truth.UNKNOWN
        ]

        def recompute(replaced: Mapping[tuple[str, str], Truth]) -> frozenset[Verdict]:
            def truth(c: Consideration) -> Truth:
                return replaced.get((c.rule.id, c.context.id), c.truth)

            objections = (objection(c.rule.effect, truth(c), has_remedy=c.rule.remedy is not None) for c in moving)
            scope = all_of(truth(c) for c in scope_considerations)
            return possible_verdicts([o for o in objections if o is not None], scope)

        return settling_facts(undecided, self.rules.vocabulary, self.program.derived, possible, recompute)

    def _structure(self, context: Context) -> StructureDecision:
        planner = self.rules.planner
        derivations = {
            item.id: self.derivations[item.id, context.id]
            for item in (*planner.need, *planner.measures, *planner.monitoring)
        }
        structure = self.rules.vocabulary.structures[context.structure_name]
        truths = {key: derivation.truth for key, derivation in derivations.items()}
        return StructureDecision(
            context,
            protect(structure, planner, self.rules.vocabulary, truths),
            self._covered(context),
            derivations,
        )

    def _covered(self, context: Context) -> Truth:
        """Whether the plan covers the structure: the planner's own expression, decided by the reference evaluator."""
        planned = self.program.derived[context.structure_name, "coveredByPlan"]
        return derive(planned, context, self.program.derived).truth
