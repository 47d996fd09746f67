"""What must hold of a rule set for every patient, and the proof of it, or a patient against it.

Each check is one question to the solver: *is there a patient for whom the statement fails?* That there is none is the
proof.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final

from cds.analysis.declarations import Declarations, Invariant, Monotone
from cds.analysis.formulas import Formula, Symbolic, both, either, every, no, some
from cds.analysis.judging import Judgement, judged, simplest, untrusted
from cds.analysis.meaning import Meaning, Somewhere, excludes, holds_against
from cds.analysis.statements import Outcome, Standing, Statement
from cds.analysis.universe import LESION, PATIENT, Universe
from cds.analysis.witness import Patients, Undecided, case_of, reported, smallest_pair
from cds.case import Case, subjects_of
from cds.language import children, print_expression
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    BooleanLiteral,
    Comparison,
    Expression,
    FactReference,
    Implies,
    Membership,
    Not,
    Or,
    Xor,
)
from cds.reasoning.verdict import ORDER_OF_VERDICTS, Verdict
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES, Phase, Rule
from cds.ruleset.program import Criterion
from cds.truth import Truth
from cds.vocabulary import Level

_NEARNESS: Final = {Truth.FALSE: 0, Truth.UNKNOWN: 1, Truth.TRUE: 2}
_LOGICAL: Final = (And, Or, Xor, Implies, Not, AnyOf, Comparison, Between, Membership, FactReference)


@dataclass(frozen=True)
class Verification:
    """The verification of one rule set. `seconds` is what the solver may take for one question."""

    rules: RuleSet
    declarations: Declarations
    as_of: dt.date
    seconds: float = 20.0

    def outcomes(self) -> Iterator[Outcome]:
        """Every statement with what came of it, waivers applied; stale waivers come last."""
        needed: set[str] = set()
        in_force_first = sorted(self.declarations.waivers, key=lambda waiver: waiver.until < self.as_of)
        for outcome in self._unwaived():
            waiver = next((each for each in in_force_first if each.covers(outcome.statement.key)), None)
            if outcome.standing is not Standing.PROVED and waiver is not None:
                needed.add(waiver.finding)
                if outcome.standing is Standing.REFUTED and waiver.until >= self.as_of:
                    why = f"accepted by {waiver.author} until {waiver.until.isoformat()}: {waiver.reason}"
                    outcome = replace(outcome, standing=Standing.WAIVED, why=why)
            yield outcome
        for index, waiver in enumerate(self.declarations.waivers):
            expired = waiver.until < self.as_of
            if expired or waiver.finding not in needed:
                why = f"it ended on {waiver.until.isoformat()}" if expired else "nothing that it names was found"
                says = f"the waiver of {waiver.author} for `{waiver.finding}` is needed, and in force"
                place = self.declarations.position("waivers", index)
                yield Outcome(Statement("stale-waiver", waiver.finding, says, place), Standing.REFUTED,
                              f"{why}; drop it, or renew it")  # fmt: skip

    def _unwaived(self) -> Iterator[Outcome]:
        conditions = self.declarations.conditions(self.rules)
        for phase in PHASES:
            checks = _Checks(self.rules, phase, self.as_of, self.seconds)
            yield from map(self._placed, self._general(phase, checks))
            for index, invariant in enumerate(self.declarations.invariants):
                if invariant.phase == phase:
                    place = self.declarations.position("invariants", index)
                    statement = Statement("invariant-broken", invariant.id, invariant.says, place)
                    yield checks.invariant_holds(statement, invariant, conditions[invariant.id])
            for index, monotone in enumerate(self.declarations.monotone):
                if monotone.phase == phase:
                    place = self.declarations.position("monotone", index)
                    yield checks.is_monotone(Statement("not-monotone", monotone.id, monotone.says, place), monotone)

    def _general(self, phase: Phase, checks: _Checks) -> Iterator[Outcome]:
        """What must hold of any rule set."""
        yield from checks.rules_have_an_effect(self._new_in(phase))
        yield from checks.learning_never_flips()
        if phase == "decision":
            yield from checks.every_complete_case_has_a_verdict()
            yield from checks.unknown_exclusions_stay_possible()
            yield from checks.no_rule_is_redundant()
            yield from checks.preferences_do_not_conflict()

    def _placed(self, outcome: Outcome) -> Outcome:
        """The outcome with the place of the rule, the preference or the option that its statement is about."""
        about = outcome.statement.subject.partition(":")[0].partition("+")[0].removesuffix(".done")
        return replace(outcome, statement=replace(outcome.statement, position=self.rules.places.get(about)))

    def _new_in(self, phase: Phase) -> frozenset[str]:
        """The criteria that an earlier phase has not been asked about already, in the same words."""
        program = self.rules.programs[phase]
        earlier = {
            criterion.id: criterion.condition
            for before in PHASES[: PHASES.index(phase)]
            for criterion in self.rules.programs[before].criteria
        }
        return frozenset(c.id for c in program.criteria if earlier.get(c.id) != c.condition)


@dataclass(frozen=True)
class _Checks:
    """The questions about one phase of a rule set."""

    rules: RuleSet
    phase: Phase
    as_of: dt.date
    seconds: float

    @cached_property
    def universe(self) -> Universe:
        return Universe(self.rules.vocabulary, other=True)

    @cached_property
    def later(self) -> Universe:
        """The same patient at another time."""
        return Universe(self.rules.vocabulary, tag="later ", other=True)

    @cached_property
    def after(self) -> Meaning:
        """What the rules say of that patient then."""
        return Meaning(self.rules, self.phase, self.later)

    @cached_property
    def unchanged(self) -> Mapping[tuple[str, str], Formula]:
        """Whether a fact says later what it says now."""
        return {key: self.later[key].same_as(variable) for key, variable in self.universe.variables.items()}

    @cached_property
    def patients(self) -> Patients:
        return Patients(self.universe)

    @cached_property
    def pairs(self) -> Patients:
        return Patients(self.universe, self.later)

    @cached_property
    def meaning(self) -> Meaning:
        return Meaning(self.rules, self.phase, self.universe)

    # ------------------------------------------------------------------------------------------------- one question

    def _ask(self, statement: Statement, against: Formula, why: str, shows: Callable[[Judgement], bool]) -> Outcome:
        """Whether no patient speaks against a statement; `shows` finds in a judged patient what refutes it."""
        try:
            model = self.patients.find(against, seconds=self.seconds)
        except Undecided as undecided:
            return Outcome(statement, Standing.UNDECIDED, str(undecided))
        if model is None:
            return Outcome(statement, Standing.PROVED)
        witness = case_of(self.universe, model, self.as_of)
        judged(self.meaning, model, witness)
        shown = simplest(witness, lambda case: shows(Judgement(self.rules, self.phase, case)), why)
        return Outcome(statement, Standing.REFUTED, why, shown)

    def _ask_twice(
        self, statement: Statement, against: Formula, why: str, shows: Callable[[Judgement, Judgement], bool],
        related: Callable[[Case, Case], bool] | None = None,
    ) -> Outcome:
        """The same of a patient and what becomes of the patient later; no more is said of the two than it takes where
        it can be seen how they have to be `related`.
        """
        try:
            model = self.pairs.find(against, seconds=self.seconds)
        except Undecided as undecided:
            return Outcome(statement, Standing.UNDECIDED, str(undecided))
        if model is None:
            return Outcome(statement, Standing.PROVED)
        records = reported(self.universe, model, self.as_of), reported(self.later, model, self.as_of)
        first, second = (each.case() for each in records)
        if not shows(judged(self.meaning, model, first), judged(self.after, model, second)):
            raise untrusted(f"what `{why}` says of it")
        if related is not None:
            first, second = smallest_pair(*records, lambda one, two: related(one, two) and shows(
                Judgement(self.rules, self.phase, one), Judgement(self.rules, self.phase, two)
            ))  # fmt: skip
        return Outcome(statement, Standing.REFUTED, why, first, second)

    def _needs(self, statement: Statement, example: Formula, why: str) -> Outcome:
        """Whether there is a patient at all: the statement says that something can happen."""
        try:
            model = self.patients.find(example, seconds=self.seconds, minimal=False)
        except Undecided as undecided:
            return Outcome(statement, Standing.UNDECIDED, str(undecided))
        return Outcome(statement, Standing.REFUTED, why) if model is None else Outcome(statement, Standing.PROVED)

    # ---------------------------------------------------------------------------------------------- rule by rule

    def rules_have_an_effect(self, fresh: frozenset[str]) -> Iterator[Outcome]:
        """Every criterion can hold, every exception can matter, no part of a condition is without effect."""
        rules = {rule.id: rule for rule in self.rules.rules_in(self.phase)}
        for criterion in self.meaning.program.criteria:
            if criterion.id not in fresh:
                continue
            rule = rules.get(criterion.id)
            yield self._can_matter(criterion, rule)
            yield from self._parts_matter(criterion)
        for exception in self.rules.exceptions:
            if exception.id in fresh:
                yield self._exception_matters(exception.id, exception.exception_to)

    def _can_matter(self, criterion: Criterion, rule: Rule | None) -> Outcome:
        wanted = "false" if rule is not None and rule.effect == "requires" else "true"
        scoped = criterion.id not in self._gates
        who = "patient in scope" if scoped else "patient"
        statement = Statement("dead-rule", criterion.id, f"some {who} makes {criterion.id} {wanted}")
        example = either(*(both(where.present, getattr(truth, wanted)) for where, truth in self._everywhere(criterion)))
        why = f"no {who} can make it {wanted}: it never has an effect"
        return self._needs(statement, both(self._in_scope, example) if scoped else example, why)

    @cached_property
    def _in_scope(self) -> Formula:
        """Whether the rule set is about the patient: of nobody else is anything concluded."""
        return self.meaning.scope().true

    @cached_property
    def _gates(self) -> frozenset[str]:
        """The criteria that decide whether it is: the rules of the scope and their exceptions."""
        rules = {rule.id for rule in self.rules.rules_in(self.phase) if rule.option == "scope"}
        return frozenset(rules | {each.id for each in self.rules.exceptions if each.exception_to in rules})

    def _everywhere(self, criterion: Criterion) -> Iterator[tuple[Somewhere, Symbolic]]:
        for where in self.meaning.around(criterion.level):
            yield where, self.meaning.truths[criterion.id, where.id]

    def _parts_matter(self, criterion: Criterion) -> Iterator[Outcome]:
        for part in parts_of(criterion.condition):
            text = print_expression(part)
            for value in (True, False):
                word = "true" if value else "false"
                says = f"`{text}` matters in {criterion.id}: put as {word} it would change what some patient gets"
                statement = Statement("idle-part", f"{criterion.id}:{text}:{word}", says)
                example = either(*(
                    both(where.present, self._differs(truth, criterion, where, part, value))
                    for where, truth in self._everywhere(criterion)
                ))  # fmt: skip
                yield self._needs(statement, example, f"for everybody the condition says the same with `{word}` there")

    def _differs(
        self, truth: Symbolic, criterion: Criterion, where: Somewhere, part: Expression, value: bool
    ) -> Formula:
        instead = Symbolic.of(value)
        without = self.meaning.conditions.truth(
            criterion.condition, where, lambda node, _: instead if node is part else None
        )
        return either(truth.true != without.true, truth.false != without.false)

    def _exception_matters(self, exception: str, rule: str) -> Outcome:
        statement = Statement("idle-exception", exception, f"some patient has {exception} keep {rule} from its effect")
        combined = self.meaning.criteria[rule]
        example = either(*(
            both(where.present, self.meaning.truths[exception, where.id].true, self._effective(rule, exception, where))
            for where in self.meaning.around(combined.level)
        ))  # fmt: skip
        if exception not in self._gates:
            example = both(self._in_scope, example)
        return self._needs(statement, example, "whenever it holds, the rule has no effect anyway")

    def _effective(self, rule: str, but: str, where: Somewhere) -> Formula:
        """When a rule has its effect at a place, all its exceptions applied but one (`cds.ruleset.compilation`)."""
        condition = self.meaning.criteria[rule].condition
        requires = isinstance(condition, Or)
        exceptions = [each.id for each in self.rules.exceptions if each.exception_to == rule]
        for _ in exceptions:  # each stands around what the one before it left
            condition = condition.left if isinstance(condition, And | Or) else condition
        own = self.meaning.conditions.truth(condition, where)
        others = [self.meaning.truths[each, where.id] for each in exceptions if each != but]
        held = some([own, *others]) if requires else own & every(~each for each in others)
        return held.false if requires else held.true

    def no_rule_is_redundant(self) -> Iterator[Outcome]:
        """No rule objects only where another objects at least as gravely."""
        for option in self.rules.options:
            considered = list(self.meaning.considered([option, "any"]))
            raised = {
                (rule.id, where.id): (rule, holds.where(where.present))
                for rule, where in considered
                if (holds := holds_against(rule, self.meaning.truths[rule.id, where.id])) is not None
            }
            for name in dict.fromkeys(rule for rule, _ in raised):
                own = [holds.true for (rule, _), (_, holds) in raised.items() if rule == name]
                grave = excludes(next(rule for (its, _), (rule, _) in raised.items() if its == name))
                others = [
                    holds.true for (its, _), (rule, holds) in raised.items()
                    if its != name and (excludes(rule) or not grave)
                ]  # fmt: skip
                says = f"some patient has {name} alone stand against {option}"
                example = both(self._in_scope, either(*own), no(either(*others)))
                why = "whenever it objects, another rule objects at least as gravely"
                yield self._needs(Statement("redundant-rule", f"{name}:{option}", says), example, why)

    # ------------------------------------------------------------------------------------------- the whole answer

    def every_complete_case_has_a_verdict(self) -> Iterator[Outcome]:
        """Where everything is known and the scope is true, exactly one verdict is left for each option."""
        scope = self.meaning.scope()
        for option in self.rules.options:
            possible = {verdict: self.meaning.possible(option, verdict) for verdict in ORDER_OF_VERDICTS}
            one = either(*(
                both(possible[verdict], *(no(possible[other]) for other in ORDER_OF_VERDICTS if other is not verdict))
                for verdict in ORDER_OF_VERDICTS
            ))  # fmt: skip
            says = f"every patient of whom everything is known, and who is in scope, gets one verdict on {option}"
            against = both(self.universe.complete(), scope.true, no(one))
            why = "not exactly one verdict is left"
            yield self._ask(Statement("no-verdict", option, says), against, why, partial(_not_one_verdict, option))

    def unknown_exclusions_stay_possible(self) -> Iterator[Outcome]:
        """Theorem 2: while an exclusion is undecided, `ineligible` stays possible and no verdict reads `eligible`."""
        scope = self.meaning.scope()
        for option in self.rules.options:
            open_ones = [
                both(where.present, holds.unknown)
                for rule, where in self.meaning.considered([option, "any"])
                if excludes(rule)
                and (holds := holds_against(rule, self.meaning.truths[rule.id, where.id])) is not None
            ]
            against = both(
                no(scope.false), either(*open_ones), no(self.meaning.possible(option, Verdict.INELIGIBLE))
            )  # fmt: skip
            says = f"while an exclusion from {option} is unknown, `ineligible` stays possible"
            why = "an exclusion is unknown and `ineligible` is not possible"
            shows = partial(_cannot_be_ineligible, option)
            yield self._ask(Statement("unknown-exclusion", option, says), against, why, shows)

    def learning_never_flips(self) -> Iterator[Outcome]:
        """Theorem 1: learning more never flips a settled answer, criterion by criterion and for each verdict."""
        before, after = self.meaning, self.after
        learned = both(
            *(self.later[key].refines(variable) for key, variable in self.universe.variables.items()),
            *self._same_places(),
        )
        flips = either(*(
            either(both(truth.true, no(after.truths[key].true)), both(truth.false, no(after.truths[key].false)))
            for key, truth in before.truths.items()
        ))  # fmt: skip
        says = f"learning more never takes back what a criterion of the phase {self.phase} has been decided to be"
        why = "what was settled is not settled so any more"
        statement = Statement("learning-flips", f"criteria:{self.phase}", says)
        yield self._ask_twice(statement, both(learned, flips), why, _flipped)
        if self.phase != "decision":
            return
        for option in self.rules.options:
            wider = either(*(
                both(after.possible(option, verdict), no(before.possible(option, verdict)))
                for verdict in ORDER_OF_VERDICTS
            ))  # fmt: skip
            says = f"learning more never makes a verdict on {option} possible that was not"
            why = "a verdict is possible that was not before more was known"
            shows = partial(_more_is_possible, option)
            yield self._ask_twice(Statement("learning-flips", option, says), both(learned, wider), why, shows)

    def preferences_do_not_conflict(self) -> Iterator[Outcome]:
        """No two preferences hold at once that put the options in different orders."""
        named = list(self.rules.preferences)

        def hold(preference: str) -> Symbolic:
            exceptions = (each.id for each in named if each.exception_to == preference)
            return self.meaning.truths[preference, LESION] & every(~hold(each) for each in exceptions)

        held = {preference.id: hold(preference.id) for preference in named}
        for index, one in enumerate(named):
            for two in named[index + 1 :]:
                if one.order != two.order:
                    says = f"{one.id} and {two.id}, which order the options differently, never hold together"
                    statement = Statement("conflicting-preferences", f"{one.id}+{two.id}", says)
                    against = both(held[one.id].true, held[two.id].true)
                    why = "both hold, and none is an exception to the other"
                    yield self._ask(statement, against, why, partial(_all_hold, (one.id, two.id)))

    # ------------------------------------------------------------------------------------------- what is declared

    def invariant_holds(self, statement: Statement, invariant: Invariant, condition: Expression) -> Outcome:
        """While the condition is true, none of the verdicts is possible."""
        where = self.meaning.places[Level(invariant.level)][0]
        while_true = self.meaning.conditions.truth(condition, where).true
        possible = either(*(self.meaning.possible(invariant.option, Verdict(word)) for word in invariant.never))
        met = self._needs(statement, while_true, "no patient meets its condition: it promises nothing")
        if met.standing is not Standing.PROVED:
            return met
        why = f"`{', '.join(invariant.never)}` is possible for {invariant.option}"
        return self._ask(
            statement, both(while_true, possible), why,
            lambda judgement: judgement.truth_of(condition, Level(invariant.level)) is Truth.TRUE
            and any(Verdict(word) in judgement.possible(invariant.option) for word in invariant.never),
        )  # fmt: skip

    def is_monotone(self, statement: Statement, monotone: Monotone) -> Outcome:
        """As the fact grows and nothing else changes, no criterion comes nearer to true, or none farther from it."""
        truths, after = self.meaning.truths, self.after.truths
        moved = either(
            *(self._nearer(where, truths[key], after[key]) for key, where in self._places_of(monotone.never_adds)),
            *(self._nearer(where, ~truths[key], ~after[key]) for key, where in self._places_of(monotone.never_removes)),
        )
        why = f"{monotone.fact} is {monotone.grows}, and nothing else has changed"
        shows = partial(_moved_against, monotone)
        related = partial(_alike_but_for, monotone.fact)
        intervals, numbers = (both(moved, either(*self._grown(monotone, exact=exact))) for exact in (False, True))
        outcome = self._ask_twice(statement, intervals, why, shows, related)
        if outcome.standing is not Standing.REFUTED:
            return outcome
        plain = self._ask_twice(statement, numbers, why, shows, related)  # which a reader would rather see
        return plain if plain.standing is Standing.REFUTED else outcome

    def _grown(self, monotone: Monotone, *, exact: bool) -> Iterator[Formula]:
        """When the fact of some subject, and nothing else, has grown: as a number, or as an interval that moved up."""
        level, _, name = monotone.fact.partition(".")
        for subject in self._subjects(level):
            pair = (self.universe[subject, name], self.later[subject, name])
            less, more = pair if monotone.grows == "larger" else pair[::-1]
            if less.low is None or less.high is None or more.low is None or more.high is None:
                raise TypeError(f"{monotone.fact} is no number")
            beyond = either(less.low < more.low, less.high < more.high)
            grown = both(less.low <= more.low, less.high <= more.high, beyond)
            known = both(less.point, more.point) if exact else both(less.known, more.known)
            same = [unchanged for key, unchanged in self.unchanged.items() if key != (subject, name)]
            yield both(known, grown, *same, *self._same_places())

    def _places_of(self, criteria: Collection[str]) -> Iterator[tuple[tuple[str, str], Somewhere]]:
        """Where these criteria are decided, with the key of their truth there."""
        for name in criteria:
            for where in self.meaning.around(self.meaning.criteria[name].level):
                yield (name, where.id), where

    @staticmethod
    def _nearer(where: Somewhere, before: Symbolic, after: Symbolic) -> Formula:
        """When something comes nearer to true: it is true and was not, or is open and was false."""
        came = either(both(no(before.true), after.true), both(before.false, no(after.false)))
        return both(where.present, came)

    def _same_places(self) -> Iterable[Formula]:
        for lesion in self.universe.lesions:
            for mine, its in zip(self.universe.structures[lesion], self.later.structures[lesion], strict=True):
                yield mine.present == its.present

    def _subjects(self, level: str) -> Iterator[str]:
        match level:
            case "patient":
                yield PATIENT
            case "lesion":
                yield from self.universe.lesions
            case _:
                yield from (each.key for places in self.universe.structures.values() for each in places)


def _moved_against(monotone: Monotone, before: Judgement, after: Judgement) -> bool:
    """Whether a criterion came nearer to true that never does, or farther from it."""
    return any(
        (key[0] in monotone.never_adds and _NEARNESS[truth] > _NEARNESS[before.truths[key]])
        or (key[0] in monotone.never_removes and _NEARNESS[truth] < _NEARNESS[before.truths[key]])
        for key, truth in after.truths.items()
    )


def _alike_but_for(fact: str, before: Case, after: Case) -> bool:
    """Whether a fact alone, of one subject, is another."""
    first, second = (
        {(subject, f"{level.value}.{name}"): fact.state for subject, level, facts in subjects_of(case)
         for name, fact in facts.items()}
        for case in (before, after)
    )
    return first.keys() == second.keys() and [name for (subject, name) in first
                                              if first[subject, name] != second[subject, name]] == [fact]  # fmt: skip


def _not_one_verdict(option: str, judgement: Judgement) -> bool:
    return len(judgement.possible(option)) != 1


def _cannot_be_ineligible(option: str, judgement: Judgement) -> bool:
    return Verdict.INELIGIBLE not in judgement.possible(option)


def _more_is_possible(option: str, before: Judgement, after: Judgement) -> bool:
    return not after.possible(option) <= before.possible(option)


def _all_hold(preferences: tuple[str, ...], judgement: Judgement) -> bool:
    return all(judgement.preferences[name] is Truth.TRUE for name in preferences)


def _flipped(before: Judgement, after: Judgement) -> bool:
    """Whether a criterion that was decided is decided otherwise, or not any more."""
    return any(
        truth is not Truth.UNKNOWN and after.truths.get(key) is not truth for key, truth in before.truths.items()
    )


def parts_of(condition: Expression) -> Iterator[Expression]:
    """Every part of a condition that has a truth of its own, but the condition itself, each once.

    >>> from cds.language import parse
    >>> [print_expression(part) for part in parts_of(parse("lesion.a and not lesion.b"))]
    ['lesion.a', 'not lesion.b', 'lesion.b']
    """
    seen: dict[int, None] = {}

    def walk(expression: Expression) -> Iterator[Expression]:
        if isinstance(expression, Comparison | Between | Membership | FactReference | BooleanLiteral):
            return
        for child in children(expression):
            if isinstance(child, _LOGICAL) and id(child) not in seen:
                seen[id(child)] = None
                yield child
                yield from walk(child)

    return walk(condition)


def refuted(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """The outcomes that somebody has to look at."""
    return tuple(outcome for outcome in outcomes if not outcome.is_fine)


def counted(outcomes: Iterable[Outcome]) -> Mapping[Standing, int]:
    """How many statements stand how."""
    found = dict.fromkeys(Standing, 0)
    for outcome in outcomes:
        found[outcome.standing] += 1
    return found
