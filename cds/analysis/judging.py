"""The reference evaluator's judgement of a witness: nothing that a solver says of a patient is shown unless it agrees.

A proof rests on the translation alone, which the tests compare with the reference evaluator on generated cases. A
patient against a statement can be judged by itself, and is, each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import z3

from cds.analysis.meaning import Meaning
from cds.analysis.universe import LESION
from cds.case import Case
from cds.errors import CdsError
from cds.language.syntax import Expression
from cds.reasoning.conditions import ReferenceEngine, derive
from cds.reasoning.contexts import Context, Contexts, contexts_of
from cds.reasoning.order import effective
from cds.reasoning.verdict import ORDER_OF_VERDICTS, Verdict, objection, possible_verdicts
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase, Rule
from cds.truth import Truth, all_of
from cds.vocabulary import Level


class UntrustedWitness(CdsError):
    """The reference evaluator does not find in a patient what the solver found: a defect of the translation."""

    code: ClassVar[str] = "untrusted-witness"


@dataclass(frozen=True)
class Judgement:
    """What the reference evaluator makes of one case in one phase, about its first lesion (`T1` of a witness)."""

    rules: RuleSet
    phase: Phase
    case: Case

    @cached_property
    def contexts(self) -> Contexts:
        """Where criteria are decided: at the structures that this version knows, of those that the case has."""
        known = self.rules.vocabulary.structures
        lesions = (
            replace(lesion, structures=tuple(each for each in lesion.structures if each.name in known))
            for lesion in self.case.lesions
        )
        return contexts_of(replace(self.case, lesions=tuple(lesions)))

    @cached_property
    def truths(self) -> Mapping[tuple[str, str], Truth]:
        """The truth of every criterion at every place that bears on the first lesion."""
        return self._decided(lambda _: True)

    def _decided(self, asked: Callable[[str], bool]) -> dict[tuple[str, str], Truth]:
        about = {context.id for context in self.contexts if context.subjects.get("lesion", LESION) == LESION}
        program = self.rules.programs[self.phase]
        program = replace(program, criteria=tuple(each for each in program.criteria if asked(each.id)))
        decided = ReferenceEngine().decide(program, self.contexts)
        return {(criterion, where): truth for (criterion, where), truth in decided.items() if where in about}

    def of(self, criterion: str) -> dict[str, Truth]:
        """The truth of one criterion at each place."""
        return {where: truth for (_, where), truth in self._decided(lambda name: name == criterion).items()}

    def considered(self, options: Iterable[str]) -> list[tuple[Rule, Truth]]:
        """Every rule of these options with its truth, place by place."""
        named = frozenset(options)
        rules = {rule.id: rule for rule in self.rules.rules_in(self.phase) if rule.option in named}
        decided = self._decided(rules.__contains__)
        return [(rules[name], truth) for (name, _), truth in decided.items()]

    @cached_property
    def scope(self) -> Truth:
        """Whether the lesion is one that the rule set is about."""
        return all_of(truth for _, truth in self.considered(["scope"]))

    def possible(self, option: str) -> frozenset[Verdict]:
        """The verdicts that are possible on an option."""
        raised = [
            objection(rule.effect, truth, has_remedy=rule.remedy is not None)
            for rule, truth in self.considered([option, "any"])
        ]
        return possible_verdicts([each for each in raised if each is not None], self.scope)

    @cached_property
    def preferences(self) -> Mapping[str, Truth]:
        """The truth of every preference, exceptions applied."""
        stated = {each.id: self.truths[each.id, LESION] for each in self.rules.preferences}
        return effective(self.rules.preferences, stated)

    def truth_of(self, condition: Expression, level: Level) -> Truth:
        """The truth of any resolved condition at the first place of a level."""
        place: Context = self.contexts.at(level)[0]
        return derive(condition, place, self.rules.programs[self.phase].derived).truth


def judged(meaning: Meaning, model: z3.ModelRef, case: Case) -> Judgement:
    """The reference evaluator's judgement of the solver's patient.

    Raises `UntrustedWitness` where it is another than the solver's, in any criterion or possible verdict.
    """
    judgement = Judgement(meaning.rules, meaning.phase, case)

    def holds(formula: z3.BoolRef) -> bool:
        return bool(z3.is_true(model.eval(formula, model_completion=True)))

    there = {
        where.id: holds(where.present)
        for places in meaning.places.values()
        for where in places
        if where.subjects.get("lesion", LESION) == LESION
    }
    differing = []
    for (criterion, where), truth in meaning.truths.items():
        if there[where]:
            found = Truth.TRUE if holds(truth.true) else Truth.FALSE if holds(truth.false) else Truth.UNKNOWN
            if judgement.truths.get((criterion, where)) is not found:
                differing.append(f"{criterion} at {where}")
    for option in meaning.rules.options:
        found_possible = {verdict for verdict in ORDER_OF_VERDICTS if holds(meaning.possible(option, verdict))}
        if judgement.possible(option) != found_possible:
            differing.append(f"the verdict on {option}")
    if differing:
        raise untrusted(", ".join(differing[:5]))
    return judgement


def simplest(case: Case, shows: Callable[[Case], bool], what: str) -> Case:
    """The case without its other lesion where that is not needed to show what it is said to show.

    Raises `UntrustedWitness` where the reference evaluator does not find it in the case at all.
    """
    if not shows(case):
        raise untrusted(f"what `{what}` says of it")
    alone = replace(case, lesions=case.lesions[:1])
    return alone if shows(alone) else case


def untrusted(what: str) -> UntrustedWitness:
    """A patient in whom the two differ about something."""
    return UntrustedWitness(
        f"the solver's patient: the reference evaluator decides otherwise: {what}; nothing is shown: "
        "report this with the rule set, since the translation of a condition is wrong"
    )
