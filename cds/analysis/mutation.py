"""Rules changed a little: does any worked case notice?

A mutant is a rule set with one small fault: in one condition or definition as its author wrote it, in what a rule does,
or in an order. It is *killed* when a worked case whose expectations the rule set meets does not come out as expected
under it. A mutant that no case notices is put to the solver: if no patient at all can tell the two apart, the part that
was changed is redundant; else a patient who can is shown, for a worked case to be made of.

Everything is decided by the reference evaluator. A case is looked at only where some criterion has another truth in it,
or where what its truth does was changed.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

from cds.analysis.faults import Item, other_items, other_vocabularies, with_item
from cds.analysis.formulas import YES, Formula, either
from cds.analysis.judging import untrusted
from cds.analysis.meaning import Meaning
from cds.analysis.otherwise import Otherwise
from cds.analysis.outline import outline, outlined, told
from cds.analysis.population import Population, Row
from cds.analysis.telling import Shown, differing, restated
from cds.analysis.universe import Universe
from cds.analysis.witness import AS_OF, Patients, Reported, Undecided, reported, smallest
from cds.analysis.wording import Key, Wording
from cds.case import Case
from cds.case.reading import CaseFileError, case_from_mapping
from cds.language import children, print_expression
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    BooleanLiteral,
    Comparison,
    ComparisonOperator,
    Expression,
    FactReference,
    Implies,
    Membership,
    Not,
    NumberLiteral,
    Or,
    QuantityLiteral,
    Xor,
)
from cds.language.types import NumberType, QuantityType
from cds.reasoning.conditions import Derivation, derive
from cds.reasoning.contexts import contexts_of
from cds.reasoning.decision import decided_lesions
from cds.recommendation.model import Recommendation
from cds.ruleset import RuleSet
from cds.ruleset.conditions import at_least
from cds.ruleset.documents import Document, read_document
from cds.ruleset.model import PHASES, Combination, Option, Phase, Rule
from cds.vocabulary import Level, Vocabulary
from cds.worked_cases import Evaluate, case_files, run_document

OTHER_COMPARISONS: Final[Mapping[str, tuple[ComparisonOperator, ...]]] = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "=": ("!=",), "!=": ("=",),
}  # fmt: skip
"""What a comparison is mistaken for: the same with or without its end, and its opposite."""

class Fate(enum.Enum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    """No worked case notices, and the patient shown would."""
    REDUNDANT = "redundant"
    """No patient at all can tell it from the rule set: proved."""
    UNDECIDED = "undecided"
    """No worked case notices, and the solver gave up, or cannot say: no proof speaks of tables."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: another `condition` of a statement or definition in some phases, or another version of one `item`.

    `subject` is a statement (`SS-2`, `TP-1.done`) or a definition (`lesion.resectable`); `what` says the fault for
    people: "`>` made `>=` in `lesion.carotidEncasement > 270 'deg'`".
    """

    subject: str
    what: str
    phases: tuple[Phase, ...]
    condition: Expression | None = None
    vocabulary: Vocabulary | None = None
    item: Item | None = None
    """Without a `condition` and a `vocabulary`: the rule, preference, … as it is now; none where it was dropped."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one mutant: the worked case that noticed it, or the patient who would, and by what."""

    mutant: Mutant
    fate: Fate
    killed_by: str = ""
    witness: Case | None = None
    phase: Phase | None = None
    differences: tuple[str, ...] = ()


def mutants(wording: Wording, only: str | None = None) -> Iterator[Mutant]:
    """Every mutant of a rule set, or of one of its statements or definitions.

    A condition that several phases share is changed in all of them: it stands in the file once.
    """
    rules = wording.rules
    seen: set[tuple[str, Expression]] = set()
    for (subject, _), written in (*wording.statements.items(), *wording.definitions.items()):
        if only not in (None, subject) or (subject, written) in seen:
            continue
        seen.add((subject, written))
        texts = wording.definitions if subject in rules.definitions else wording.statements
        phases = tuple(each for each in PHASES if texts.get((subject, each)) == written)
        made = {written}
        for what, condition in _written(wording, subject, phases[0], written):
            if condition not in made:
                made.add(condition)
                yield Mutant(subject, what, phases, condition)
    for exception in rules.exceptions:
        if only in (None, exception.id):
            phases = tuple(each for each in PHASES if (exception.id, each) in wording.statements)
            yield Mutant(exception.id, "the exception dropped", phases, BooleanLiteral(False))
    for name, what, item in other_items(rules):
        if only in (None, name):
            phases = tuple(each for each in PHASES if (name, each) in wording.statements)
            yield Mutant(name, what, phases or PHASES, item=item)
    for name, what, vocabulary in other_vocabularies(rules):
        if only in (None, name):
            yield Mutant(name, what, PHASES, vocabulary=vocabulary)


def subjects(rules: RuleSet) -> tuple[str, ...]:
    """Everything that a mutant may be of: statements, definitions, and what the tables list."""
    listed = (name for found in (other_items(rules), other_vocabularies(rules)) for name, _, _ in found)
    return tuple(dict.fromkeys([*rules.conditions, *rules.definitions, *listed]))


def _written(wording: Wording, subject: str, phase: Phase, written: Expression) -> Iterator[tuple[str, Expression]]:
    """Every condition with one fault that its author could have made in it."""
    vocabulary = wording.rules.vocabulary
    if subject not in wording.counts:
        return changed(written, vocabulary)
    return _counted(wording.counts[subject].at_least, wording.members(subject, phase), vocabulary)


def _counted(count: int, members: tuple[Expression, ...], vocabulary: Vocabulary) -> Iterator[tuple[str, Expression]]:
    """*At least so many of these* with one fault: another count, a condition less, or one that is changed."""
    text = f"`at_least: {count}`"
    for other in (count - 1, count + 1):
        if 1 <= other <= len(members):
            yield f"{text} made `at_least: {other}`", at_least(other, list(members))
    for index, member in enumerate(members):
        before, after = members[:index], members[index + 1 :]
        if count < len(members):
            yield f"`{print_expression(member)}` dropped from {text}", at_least(count, [*before, *after])
        for what, faulty in changed(member, vocabulary):
            yield f"{what}, one of {text}", at_least(count, [*before, faulty, *after])


def changed(condition: Expression, vocabulary: Vocabulary) -> Iterator[tuple[str, Expression]]:
    """Every condition with one fault, each with the fault in words.

    >>> from cds.language import parse
    >>> from cds.testing import sample_vocabulary
    >>> condition = parse("lesion.a and not lesion.b")
    >>> [print_expression(each) for _, each in changed(condition, sample_vocabulary())][:3]
    ['lesion.a or not lesion.b', 'lesion.a', 'not lesion.b']
    """
    yield from _here(condition, vocabulary)
    for index, child in enumerate(_parts(condition)):
        for what, other in changed(child, vocabulary):
            yield what, _with_part(condition, index, other)


def _here(node: Expression, vocabulary: Vocabulary) -> Iterator[tuple[str, Expression]]:
    text = print_expression(node)
    match node:
        case And(left, right):
            yield f"`and` made `or` in `{text}`", Or(left, right)
        case Or(left, right):
            yield f"`or` made `and` in `{text}`", And(left, right)
        case _:
            pass
    if isinstance(node, And | Or | Xor | Implies):
        yield f"`{print_expression(node.right)}` dropped", node.left
        yield f"`{print_expression(node.left)}` dropped", node.right
    if isinstance(node, Comparison) and isinstance(node.left, FactReference):
        for operator in OTHER_COMPARISONS[node.operator]:
            yield f"`{node.operator}` made `{operator}` in `{text}`", replace(node, operator=operator)
        for what, moved in _beside(node.left, node.right, vocabulary):
            yield f"{what} in `{text}`", replace(node, right=moved)
    elif isinstance(node, Between) and isinstance(node.operand, FactReference):
        for what, moved in _beside(node.operand, node.low, vocabulary):
            yield f"{what} in `{text}`", replace(node, low=moved)
        for what, moved in _beside(node.operand, node.high, vocabulary):
            yield f"{what} in `{text}`", replace(node, high=moved)
    elif isinstance(node, Membership):
        for member in node.members if len(node.members) > 1 else ():
            others = tuple(each for each in node.members if each != member)
            yield f"`{print_expression(member)}` dropped from `{text}`", replace(node, members=others)
    if isinstance(node, Not):
        yield f"`not` dropped from `{text}`", node.operand
    else:
        yield f"`{text}` negated", Not(node)


def _beside(
    fact: FactReference, constant: Expression, vocabulary: Vocabulary
) -> Iterator[tuple[str, Expression]]:
    """The places of the fact's grid before and after a threshold."""
    definition = vocabulary.facts.get((Level.LESION if fact.level == "other" else Level(fact.level), fact.name))
    if definition is None or not isinstance(definition.type, NumberType | QuantityType):
        return
    step = Fraction(1, 10**definition.type.decimals)
    if isinstance(constant, NumberLiteral | QuantityLiteral):
        decimals = max(constant.decimals, definition.type.decimals)
        for number in (constant.value - step, constant.value + step):
            moved = replace(constant, value=number, decimals=decimals)
            yield f"`{print_expression(constant)}` made `{print_expression(moved)}`", moved


def _parts(node: Expression) -> tuple[Expression, ...]:
    return children(node) if isinstance(node, And | Or | Xor | Implies | Not | AnyOf) else ()


def _with_part(node: Expression, index: int, part: Expression) -> Expression:
    match node:
        case Not():
            return replace(node, operand=part)
        case AnyOf():
            return replace(node, body=part)
        case And() | Or() | Xor() | Implies():
            return replace(node, left=part) if index == 0 else replace(node, right=part)
        case _:
            raise TypeError(f"`{type(node).__name__}` has no parts")



def mutated(wording: Wording, mutant: Mutant) -> RuleSet:
    """The rule set with the fault, under the parameters that it has."""
    rules = wording.rules
    changes: dict[Key, Expression] = {}
    if mutant.vocabulary is not None:
        rules = replace(rules, vocabulary=mutant.vocabulary)
    elif mutant.condition is None:
        rules = with_item(rules, mutant.subject, mutant.item)
    else:
        changes = {(mutant.subject, phase): mutant.condition for phase in mutant.phases}
    programs = {phase: wording.program(phase, changes, rules) for phase in PHASES}
    return replace(rules, programs=programs, periods=())


@dataclass(frozen=True)
class WorkedCase:
    """A worked case, read once."""

    name: str
    document: Document
    case: Case
    phase: Phase

    @cached_property
    def expects(self) -> str:
        """All that it expects, as a text."""
        return str(self.document.data.get("expect"))

    @cached_property
    def expected(self) -> frozenset[str]:
        """The statements that its expectations name: those cases are run first."""
        return frozenset(re.findall(r"[A-Za-z]+-[0-9A-Za-z.]+", self.expects))

    @cached_property
    def settling(self) -> frozenset[str]:
        """The facts that its expectations say would settle a verdict; what is malformed fails when the case is run."""
        expect = _mapping(self.document.data.get("expect"))
        options = (each for lesion in _mapping(expect.get("options")).values() for each in _mapping(lesion).values())
        settling = (_mapping(option).get("settling") for option in options)
        return frozenset(
            str(fact)
            for facts in settling
            for fact in ([facts] if isinstance(facts, str) else facts if isinstance(facts, list) else [])
        )

    def meets(self, rules: RuleSet, evaluate: Evaluate | None = None) -> bool:
        """Whether everything comes out as its author expected; `evaluate` gives the answer, or its outline."""
        return run_document(self.document, rules, self.name, evaluate=evaluate or self._outlined).passed

    def _outlined(self, case: Case, rules: RuleSet, *, phase: Phase) -> Recommendation:
        return outlined(case, rules, phase, settling=bool(self.settling))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def read_cases(folder: Path, rules: RuleSet, as_of: dt.date | None = None) -> tuple[WorkedCase, ...]:
    """The worked cases that hold under the rule set as it stands, with the parameters of a day, else its newest."""
    programs = rules.programs if as_of is None else rules.on(as_of).programs
    found = []
    for file in case_files(folder):
        document = read_document(file, file.name)
        data = document.data
        if document.findings or not isinstance(data, Mapping):
            continue
        try:
            case = case_from_mapping(rules.vocabulary, data)
        except CaseFileError:
            continue
        phase: Phase = next((phase for phase in PHASES if phase == data.get("phase")), "decision")
        worked = WorkedCase(file.stem, document, case, phase)
        if rules.on(case.as_of).programs is programs and worked.meets(rules):
            found.append(worked)
    return tuple(found)


@dataclass(frozen=True)
class Killers:
    """Worked cases, decided once under the rule set, and again under each mutant only where it differs."""

    wording: Wording
    cases: Sequence[WorkedCase]

    @cached_property
    def _populations(self) -> Mapping[Phase, Decided]:
        found = {}
        for phase in PHASES:
            cases = tuple(each for each in self.cases if each.phase == phase)
            found[phase] = Decided(self.wording.rules, phase, cases, Population([each.case for each in cases]))
        return found

    def killer(self, mutant: Mutant) -> str:
        """The name of the first worked case that notices a mutant; empty where none does."""
        faulty = mutated(self.wording, mutant)
        if mutant.vocabulary is not None:
            return self._killer_of_table(mutant, faulty)
        noticing: list[tuple[bool, WorkedCase, Decided, int]] = []
        for phase in mutant.phases:
            sound = self._populations[phase]
            decided = sound.under(faulty)
            for number in range(len(decided.cases)) if mutant.condition is None else sound.differing(decided):
                worked = decided.cases[number]
                noticing.append((mutant.subject not in worked.expected, worked, decided, number))
        for _, worked, decided, number in sorted(noticing, key=lambda each: each[0]):
            if not decided.meets(number):
                return worked.name
        return ""


    def _killer_of_table(self, mutant: Mutant, faulty: RuleSet) -> str:
        """The first case that comes out otherwise when it is read again; those that expect most of it come first."""
        name = mutant.subject.rpartition(".")[2]
        cases = sorted(self.cases, key=lambda each: -each.expects.count(name))
        return next((each.name for each in cases if not each.meets(faulty)), "")


@dataclass(frozen=True)
class Decided:
    """The worked cases of one phase, and how every criterion of a rule set comes out in them."""

    rules: RuleSet
    phase: Phase
    cases: tuple[WorkedCase, ...]
    population: Population

    def under(self, other: RuleSet) -> Decided:
        """The same cases under another rule set of the same vocabulary."""
        return Decided(other, self.phase, self.cases, self.population)

    @cached_property
    def rows(self) -> Mapping[tuple[str, Level], Row]:
        """How every criterion comes out at every place, and whether the plan covers each structure."""
        program = self.rules.programs[self.phase]
        found = {
            (criterion.id, criterion.level): self.population.row(criterion.condition, criterion.level, program.derived)
            for criterion in program.criteria
        }
        if program.derived:
            covered = FactReference("structure", "coveredByPlan")
            found["", Level.STRUCTURE] = self.population.row(covered, Level.STRUCTURE, program.derived)
        return found

    def differing(self, other: Decided) -> list[int]:
        """The cases in which something comes out otherwise."""
        found = {
            self.population.places[level][place][0]
            for (name, level), row in self.rows.items()
            for place in row.differing(other.rows[name, level])
        }
        return sorted(found)

    def meets(self, number: int) -> bool:
        """Whether a case comes out as expected."""
        worked, contexts = self.cases[number], self.population.contexts[number]
        program = self.rules.programs[self.phase]
        derivations = {
            (each.id, context.id): Derivation(each.condition, self.rows[each.id, each.level].at(place))
            for each in program.criteria
            for place, context in self.population.of_case(number, each.level)
        }

        def answer(case: Case, rules: RuleSet, *, phase: Phase) -> Recommendation:
            return outline(case, rules, decided_lesions(case, rules, phase, contexts, derivations), worked.settling)

        return worked.meets(self.rules, answer) and (not worked.settling or worked.meets(self.rules))


@dataclass(frozen=True)
class Survivors:
    """Mutants that no worked case notices, put to the solver. `seconds` is what it may take for one question."""

    wording: Wording
    seconds: float = 20.0
    as_of: dt.date = AS_OF

    @cached_property
    def universe(self) -> Universe:
        """Any patient."""
        return Universe(self.wording.rules.vocabulary, other=True)

    @cached_property
    def patients(self) -> Patients:
        """Those patients, put to the solver."""
        return Patients(self.universe)

    @cached_property
    def _shown(self) -> Mapping[Phase, Shown]:
        """What the answers of the rule set show in each phase."""
        return {phase: Shown(Meaning(self.wording.rules, phase, self.universe)) for phase in PHASES}

    def tried(self, mutant: Mutant) -> Trial:
        """Whether any patient can tell the mutant from the rule set, and who."""
        faulty = mutated(self.wording, mutant)
        if mutant.vocabulary is not None:
            return self._tried_table(mutant, faulty)
        undecided = False
        for phase in mutant.phases:
            surely, perhaps = self._differs(mutant, faulty, phase)
            try:
                model = self.patients.find(surely, seconds=self.seconds, minimal=False)
                if model is None and perhaps is not surely:
                    undecided |= self.patients.find(perhaps, seconds=self.seconds, minimal=False) is not None
            except Undecided:
                undecided = True
                continue
            if model is not None:
                return self._survivor(mutant, faulty, phase, reported(self.universe, model, self.as_of), surely)
        return Trial(mutant, Fate.UNDECIDED if undecided else Fate.REDUNDANT)

    def _tried_table(self, mutant: Mutant, faulty: RuleSet) -> Trial:
        """What a table makes of records no solver sees: a made-up patient who tells, or it is not decided."""
        for phase in mutant.phases:
            before, after = Meaning(self.wording.rules, phase, self.universe), Meaning(faulty, phase, self.universe)
            otherwise = Otherwise(before, after, self.patients, self.seconds, self.as_of)
            for difference in otherwise.tables.differences():
                seen = otherwise.seen(difference)
                if seen is not None:
                    return Trial(mutant, Fate.SURVIVED, witness=seen.record.case(), phase=phase,
                                 differences=(f"{seen.place}: {seen.before}, not {seen.after}",))  # fmt: skip
        return Trial(mutant, Fate.UNDECIDED)

    def _survivor(
        self, mutant: Mutant, faulty: RuleSet, phase: Phase, record: Reported, differs: Formula
    ) -> Trial:
        sound = self.wording.rules

        def tells(case: Case) -> bool:
            contexts = contexts_of(case)
            return told(outlined(case, sound, phase, contexts)) != told(outlined(case, faulty, phase, contexts))

        if not tells(record.case()):
            raise untrusted(mutant.what)
        is_item = mutant.condition is None
        witness = record.case() if is_item else smallest(record, self._turns(faulty, phase), differs)
        if is_item or not tells(witness):  # what turned shows only beside something else
            witness = smallest(record, tells, differs)
        contexts = contexts_of(witness)
        before, after = (told(outlined(witness, rules, phase, contexts)) for rules in (sound, faulty))
        differences = tuple(
            f"{place}: {before.get(place, 'nothing')}, not {after.get(place, 'nothing')}"
            for place in dict.fromkeys([*before, *after])
            if before.get(place) != after.get(place)
        )
        return Trial(mutant, Fate.SURVIVED, witness=witness, phase=phase, differences=differences)

    def _turns(self, faulty: RuleSet, phase: Phase) -> Callable[[Case], bool]:
        """Whether a criterion has another truth in a case under a mutant: quicker to see than what an answer shows."""
        before, after = self.wording.rules.programs[phase], faulty.programs[phase]
        pairs = [
            (one, two.condition)
            for one, two in zip(before.criteria, after.criteria, strict=True)
            if one != two or before.derived != after.derived
        ]

        def turns(case: Case) -> bool:
            contexts = contexts_of(case)
            return any(
                derive(one.condition, context, before.derived).truth is not derive(two, context, after.derived).truth
                for one, two in pairs
                for context in contexts.at(one.level)
            )

        return turns

    def _differs(self, mutant: Mutant, faulty: RuleSet, phase: Phase) -> tuple[Formula, Formula]:
        """In whom an answer shows something else under a mutant: in whom it surely does, and in whom it can at all."""
        sound, other = self._shown[phase], Shown(Meaning(faulty, phase, self.universe))
        subject = mutant.subject.rpartition(".")[2] if isinstance(mutant.item, Option) else mutant.subject
        if mutant.condition is None and isinstance(mutant.item, Combination | None):
            listed = any(each.id == subject for each in self.wording.rules.planner.combinations)
            return sound.told_apart(subject, faulty.planner) if listed else (YES, YES)  # all answers name alternatives
        if isinstance(mutant.item, Option):
            found = [formula for _, formula in differing(sound.declined(subject), other.declined(subject))]
        else:
            about = restated(sound.meaning, other.meaning)
            found = [formula for _, formula in differing(sound.pieces(about), other.pieces(about))]
        if isinstance(mutant.item, Rule):
            found += [formula for _, formula in differing(sound.verdicts(), other.verdicts())]
        differs = either(*found)
        return differs, differs


def trials(
    wording: Wording, cases: Sequence[WorkedCase], *, only: str | None = None, seconds: float = 20.0, first: int = 0,
    step: int = 1, as_of: dt.date = AS_OF,
) -> Iterator[Trial]:
    """What becomes of every mutant, or of each `step`-th from the `first`; patients are made up as of a day."""
    killers, survivors = Killers(wording, cases), Survivors(wording, seconds, as_of)
    for mutant in islice(mutants(wording, only), first, None, step):
        name = killers.killer(mutant)
        yield Trial(mutant, Fate.KILLED, name) if name else survivors.tried(mutant)
