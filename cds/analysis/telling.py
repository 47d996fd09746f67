"""What an answer shows of any patient, piece by piece: two rule sets can be told apart where a piece is another.

A piece is one thing that a worked case can expect (`cds.worked_cases`), with the formulas that say what it is. Truths
that nothing shows, such as that of a measure rule at a structure without that measure, are no pieces: a fault that only
they notice is none that anybody could see. Nor is it a piece whether a rule that does not apply at a structure is
named there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import z3

from cds.analysis.formulas import NO, UNKNOWN, Formula, Symbolic, both, either, every, no, some
from cds.analysis.meaning import Meaning, Somewhere
from cds.analysis.universe import LESION
from cds.language import facts_of
from cds.language.syntax import Between, Comparison, Expression, FactReference, Membership
from cds.reasoning.verdict import ORDER_OF_VERDICTS
from cds.ruleset import RuleSet
from cds.ruleset.conditions import applies
from cds.ruleset.model import Combination, MeasureRule, PlannerFile, Preference, Rule
from cds.ruleset.vocabulary_file import PLANNER_FACTS
from cds.vocabulary import Level

Pieces = Mapping[str, tuple[Formula, ...]]


@dataclass(frozen=True)
class Shown:
    """What the answers of a rule set show, in one phase."""

    meaning: Meaning
    _truths: dict[tuple[str, str], Symbolic] = field(default_factory=dict)

    def truth(self, criterion: str, where: Somewhere) -> Symbolic:
        """The truth of a criterion at a place."""
        key = (criterion, where.id)
        if key not in self._truths:
            condition = self.meaning.criteria[criterion].condition
            self._truths[key] = self.meaning.conditions.truth(condition, where)
        return self._truths[key]

    @cached_property
    def scope(self) -> Symbolic:
        """Whether the lesion is one that the rule set is about."""
        return every(
            self.truth(rule.id, where) | Symbolic(no(where.present), where.present)
            for rule, where in self.meaning.considered(["scope"])
        )

    def pieces(self, about: Collection[str]) -> Pieces:
        """What an answer shows that rests on any of these statements first hand, by a name that tells what it is."""
        found: dict[str, tuple[Formula, ...]] = {}
        rules = [rule for rule in self.meaning.rules.rules_in(self.meaning.phase) if _names(rule) & set(about)]
        for rule in rules:
            if rule.option == "scope":
                found["scope"] = (self.scope.true, self.scope.false)
            else:
                for where in self.meaning.around(Level(rule.for_each)):
                    found.update(self._rule(rule, where))
        if self.meaning.phase != "follow-up":  # which neither orders options nor plans protection
            if any(preference.id in about for preference in self.meaning.rules.preferences):
                found.update(self._order())
            for where in self.meaning.around(Level.STRUCTURE):
                found.update(self._protection(where, about))
        return found

    def _rule(self, rule: Rule, where: Somewhere) -> Iterator[tuple[str, tuple[Formula, ...]]]:
        truth = self.truth(rule.id, where)
        yield f"{rule.id} of {rule.option} at {where.id}", _so(truth, where.present)
        if rule.done is None:
            return
        done = self.truth(f"{rule.id}.done", where)
        if rule.effect == "obliges":
            due = Symbolic(both(truth.true, no(done.true)), either(truth.false, done.true))
            yield f"{rule.id} due at {where.id}", _so(due, both(where.present, no(self.scope.false)))
        considered = both(where.present, self._considered(rule, where, truth))
        yield f"{rule.id} of {rule.option} addressed at {where.id}", _so(done, considered)

    def _considered(self, rule: Rule, where: Somewhere, truth: Symbolic) -> Formula:
        """Whether an answer names a rule at a place: what cannot be about a structure is left out there."""
        if where.level is not Level.STRUCTURE:
            return where.present
        blank = self.meaning.conditions.truth(self.meaning.criteria[rule.id].condition, where, _nothing_known)
        if rule.effect == "requires":
            return either(no(blank.true), no(truth.true))
        return either(no(blank.false), no(truth.false))

    def verdicts(self) -> Pieces:
        """The verdicts that are possible on each option."""
        truths = {
            (rule.id, where.id): self.truth(rule.id, where)
            for rule, where in self.meaning.considered(["any", *self.meaning.rules.options])
        }
        return {
            f"verdict on {option}": tuple(
                self.meaning.objections(option, truths).possible(each, self.scope) for each in ORDER_OF_VERDICTS
            )
            for option in (self.meaning.rules.options if self.meaning.phase == "decision" else ())
        }

    def declined(self, option: str) -> Pieces:
        """Whether the patient declines an option."""
        fact = self.meaning.universe[LESION, self.meaning.rules.options[option].declined_by.removeprefix("lesion.")]
        answer = fact.yes if fact.yes is not None else NO
        return {f"{option} declined": (both(fact.known, answer), both(fact.known, no(answer)))}

    def told_apart(self, combination: str, other: PlannerFile) -> tuple[Formula, Formula]:
        """In whom the plan for all structures together says something else where a combination is as in `other`: in
        whom it surely does, and in whom it can at all. All smallest sets of measures are not written as a formula.
        """
        if self.meaning.phase == "follow-up":
            return NO, NO
        planner = self.meaning.rules.planner
        versions = [each for its in (planner, other) for each in its.combinations if each.id == combination]
        if [bool(each.excludes) for each in versions] != [True, True]:
            return self._said_or_named(versions)
        dropped = set(versions[0].members) ^ set(versions[1].members)
        kept = set(versions[0].members) & set(versions[1].members)
        return self._alone_and_beside(dropped, kept), either(*(
            both(self._needs(where), self._open(measure, where))
            for measure in dropped for where in self._listing(measure)
        ))  # fmt: skip

    def _said_or_named(self, versions: Iterable[Combination]) -> tuple[Formula, Formula]:
        """What excludes each other is said wherever a structure is at risk; what goes together, where it is named."""
        risk = self.meaning.around(Level.STRUCTURE)
        if any(each.excludes for each in versions):
            said = both(no(self.scope.false), either(*(where.present for where in risk)))
            return said, said
        surely, perhaps = [], []
        for measure in dict.fromkeys(name for each in versions for name in each.members):
            for where in self._listing(measure):
                named = both(self._needs(where), self._open(measure, where))
                perhaps.append(named)
                surely.append(both(named, *(no(self._needs(each)) for each in risk if each is not where)))
        return either(*surely), either(*perhaps)

    def _alone_and_beside(self, dropped: Collection[str], kept: Collection[str]) -> Formula:
        """Two structures alone need protection: for one a single measure is open, for the other only what it excludes.
        Nothing is enough for both then, until one of these is excluded no more.
        """
        risk = self.meaning.around(Level.STRUCTURE)
        return either(*(
            both(self._open(one, here), self._none_but({one, *kept} - {two}, here), self._open(two, there),
                 self._none_but({two}, there), self._needs(here), self._needs(there),
                 *(no(self._needs(each)) for each in risk if each not in (here, there)))
            for one in dropped for two in kept for here in self._listing(one) for there in self._listing(two)
            if here is not there
        ))  # fmt: skip

    def _none_but(self, measures: Collection[str], where: Somewhere) -> Formula:
        return both(*(no(self._open(each, where)) for each in self._measures(where) if each not in measures))

    def _measures(self, where: Somewhere) -> tuple[str, ...]:
        return self.meaning.universe.vocabulary.structures[where.given["name"]].measures

    def _listing(self, measure: str) -> list[Somewhere]:
        """The structures for which a measure is listed."""
        return [where for where in self.meaning.around(Level.STRUCTURE) if measure in self._measures(where)]

    def _needs(self, where: Somewhere) -> Formula:
        """Whether a structure needs protection."""
        needs = (self.truth(each.id, where).true for each in self.meaning.rules.planner.need)
        return both(where.present, no(self.scope.false), either(*needs))

    def _open(self, measure: str, where: Somewhere) -> Formula:
        """Whether a measure is available at a structure."""
        vocabulary = self.meaning.universe.vocabulary
        against = (rule for rule in self.meaning.rules.planner.measures if applies(rule, measure, vocabulary))
        return both(*(self.truth(rule.id, where).false for rule in against))

    def _order(self) -> Iterator[tuple[str, tuple[Formula, ...]]]:
        rules = self.meaning.rules
        required = [rule for rule in rules.rules_in(self.meaning.phase) if rule.option == "order"]
        ordered = both(
            no(self.scope.false),
            *(
                either(no(where.present), self.truth(rule.id, where).true)
                for rule in required
                for where in self.meaning.around(Level(rule.for_each))
            ),
        )
        for preference in rules.preferences:
            held = self._held(preference)
            yield f"{preference.id}", (held.true, held.false)
            yield f"{preference.id} orders {preference.order}", (both(ordered, no(held.false)),)

    def _held(self, preference: Preference) -> Symbolic:
        """A preference's truth after its exceptions (`cds.reasoning.order.effective`)."""
        held = self.truth(preference.id, self.meaning.around(Level.LESION)[0])
        for each in self.meaning.rules.preferences:
            if each.exception_to == preference.id:
                held = held & ~self._held(each)
        return held

    def _protection(self, where: Somewhere, about: Collection[str]) -> Iterator[tuple[str, tuple[Formula, ...]]]:
        planner, vocabulary = self.meaning.rules.planner, self.meaning.universe.vocabulary
        there = both(where.present, no(self.scope.false))
        for each in (*planner.need, *planner.monitoring):
            if each.id in about:
                yield f"{each.id} at {where.id}", _so(self.truth(each.id, where), there)
        if not any(rule.id in about for rule in planner.measures):
            return
        for measure in vocabulary.structures[where.given["name"]].measures:
            against = [rule for rule in planner.measures if applies(rule, measure, vocabulary)]
            for rule in against:
                yield f"{rule.id} at {where.id}", _so(self.truth(rule.id, where), there)
            yield f"{measure} at {where.id}", tuple(both(there, each) for each in self._standing(against, where))
        covered = self.meaning.conditions.truth(FactReference("structure", "coveredByPlan"), where)
        yield f"covered at {where.id}", _so(covered, there)

    def _standing(self, against: Iterable[MeasureRule], where: Somewhere) -> tuple[Formula, Formula, Formula]:
        """When a measure is contraindicated, undetermined, advised against (`measure_standing`)."""
        rules = list(against)
        barred, advised = (
            some(self.truth(rule.id, where) for rule in rules if rule.status == status)
            for status in ("contraindicated", "advised-against")
        )
        open_ = both(no(barred.true), either(barred.unknown, advised.unknown))
        return barred.true, open_, both(barred.false, advised.true)


def restated(one: Meaning, other: Meaning) -> frozenset[str]:
    """The statements whose condition or effect is another in the one version of a rule set than in the other."""
    planned = one.program.derived != other.program.derived
    conditions = (
        criterion.id
        for criterion in one.program.criteria
        if criterion != other.criteria[criterion.id]
        or (planned and any(fact.name in PLANNER_FACTS for fact in facts_of(criterion.condition)))
    )
    items = (mine.id for mine, its in zip(_items(one.rules), _items(other.rules), strict=True) if mine != its)
    return frozenset((*conditions, *items))


def _items(rules: RuleSet) -> tuple[Rule | MeasureRule | Preference, ...]:
    return (*rules.rules, *rules.planner.measures, *rules.preferences)


def _names(rule: Rule) -> set[str]:
    return {rule.id, f"{rule.id}.done"}


def differing(one: Pieces, other: Pieces) -> Iterator[tuple[str, Formula]]:
    """The pieces that can be another, each with the formula of the patients in whom they are."""
    for name in dict.fromkeys([*one, *other]):
        pairs = zip(one.get(name) or _nothing(other[name]), other.get(name) or _nothing(one[name]), strict=True)
        formula = either(*(mine != its for mine, its in pairs if not mine.eq(its)))
        if not z3.is_false(formula):
            yield name, formula


def _nothing_known(node: Expression, where: Somewhere) -> Symbolic | None:
    """A fact that the structure table does not give is not known (`cds.reasoning.decision.blank`)."""
    match node:
        case Comparison(left=FactReference() as fact) | Between(operand=FactReference() as fact):
            pass
        case Membership(operand=FactReference() as fact) | (FactReference() as fact):
            pass
        case _:
            return None
    return None if fact.level == "structure" and fact.name in (*where.given, *PLANNER_FACTS) else UNKNOWN


def _nothing(like: tuple[Formula, ...]) -> tuple[Formula, ...]:
    return (NO,) * len(like)


def _so(truth: Symbolic, there: Formula) -> tuple[Formula, ...]:
    return both(there, truth.true), both(there, truth.false)
