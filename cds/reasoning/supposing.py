"""The possible verdicts on an option if some facts were otherwise: only the criteria that read them are decided anew.

The reference evaluator decides them, in the contexts of the case itself. Nothing here says what a condition means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cds.case import Case, Fact, subjects_of
from cds.case.supposing import Place
from cds.reasoning.conditions import derive
from cds.reasoning.contexts import Context
from cds.reasoning.decision import Consideration, Decision, LesionDecision, OptionDecision
from cds.reasoning.verdict import Objection, Verdict, objection, possible_verdicts
from cds.ruleset.program import Program
from cds.truth import Truth, all_of
from cds.vocabulary import FactDefinition, FactKind, Vocabulary

Supposed = Mapping[Place, Fact]
"""Facts that are taken to be otherwise than in the case."""


@dataclass(frozen=True, slots=True)
class _Bearing:
    """One criterion that bears on the verdict, in one context: what it comes to, and the facts that it reads."""

    consideration: Consideration
    context: Context
    of_scope: bool
    reads: tuple[Place, ...]

    def comes_to(self, truth: Truth) -> Objection | Truth:
        """The objection that this truth raises; of a criterion of the scope the truth itself."""
        rule = self.consideration.rule
        raised = objection(rule.effect, truth, has_remedy=rule.remedy is not None)
        return truth if self.of_scope or raised is None else raised


class Supposing:
    """One option for one lesion of a decided case, with facts that may be supposed otherwise.

    It keeps what it has decided already, and lives as long as one question is asked.
    """

    def __init__(self, decision: Decision, lesion: LesionDecision, option: OptionDecision) -> None:
        self.case: Case = decision.case
        self.vocabulary: Vocabulary = decision.rules.vocabulary
        self.program: Program = decision.rules.programs[decision.phase]
        self._levels = {subject: level for subject, level, _ in subjects_of(self.case)}
        self._facts = {subject: dict(facts) for subject, _, facts in subjects_of(self.case)}
        self._bearings = [
            *(self._bearing(c, of_scope=False) for c in option.considerations if c.objection is not None),
            *(self._bearing(c, of_scope=True) for c in lesion.scope_considerations),
        ]
        self._readers: dict[Place, list[int]] = {}
        for number, bearing in enumerate(self._bearings):
            for place in bearing.reads:
                self._readers.setdefault(place, []).append(number)
        self._counted = Counter(bearing.comes_to(bearing.consideration.truth) for bearing in self._bearings)
        self._decided: dict[tuple[int, tuple[Fact | None, ...]], Truth] = {}

    def _bearing(self, considered: Consideration, *, of_scope: bool) -> _Bearing:
        reads = {(subject, reference.name): None for subject, reference, _ in considered.derivation.facts()}
        return _Bearing(considered, self._own(considered.context), of_scope, tuple(reads))

    def _own(self, context: Context) -> Context:
        """The context over facts that can be supposed otherwise."""
        facts = {word: self._facts[subject] for word, subject in context.subjects.items()}
        members = {over: tuple(map(self._own, inner)) for over, inner in context.members.items()}
        return replace(context, facts=facts, members=members)

    def fact(self, place: Place) -> Fact:
        """The fact as the case has it."""
        return self._facts[place[0]][place[1]]

    def definition(self, place: Place) -> FactDefinition:
        """What the vocabulary says of the fact."""
        return self.vocabulary.fact(self._levels[place[0]], place[1])

    @property
    def read(self) -> Iterator[Place]:
        """Every fact that a criterion reads which bears on the verdict, in the order of the rules."""
        return (place for place in self._readers if self.definition(place).kind is not FactKind.GIVEN)

    def readers(self, place: Place) -> Iterator[tuple[Consideration, Context]]:
        """The criteria that read a fact, each with its context."""
        for number in self._readers.get(place, ()):
            yield self._bearings[number].consideration, self._bearings[number].context

    def possible(self, supposed: Supposed) -> frozenset[Verdict]:
        """The verdicts that would be possible if these facts were so, and all others as they are."""
        counted = self._counted.copy()
        for number in {number for place in supposed for number in self._readers.get(place, ())}:
            bearing = self._bearings[number]
            counted[bearing.comes_to(bearing.consideration.truth)] -= 1
            counted[bearing.comes_to(self._truth(number, supposed))] += 1
        left = [each for each, count in counted.items() if count]
        scope = all_of(each for each in left if isinstance(each, Truth))
        return possible_verdicts([each for each in left if isinstance(each, Objection)], scope)

    def _truth(self, number: int, supposed: Supposed) -> Truth:
        bearing = self._bearings[number]
        key = (number, tuple(supposed.get(place) for place in bearing.reads))
        if key not in self._decided:
            as_they_are = {place: self.fact(place) for place in bearing.reads if place in supposed}
            for subject, name in as_they_are:
                self._facts[subject][name] = supposed[subject, name]
            try:
                derived = derive(bearing.consideration.derivation.expression, bearing.context, self.program.derived)
                self._decided[key] = derived.truth
            finally:
                for (subject, name), fact in as_they_are.items():
                    self._facts[subject][name] = fact
        return self._decided[key]
