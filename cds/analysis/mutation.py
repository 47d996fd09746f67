"""Rules changed a little: does any worked case notice?

A mutant is a rule set with one small fault in one criterion, or in the effect of one rule. It is *killed* when a worked
case whose expectations the rule set meets does not come out as expected under it. A mutant that no case notices is put
to the solver: if no patient at all can tell the two apart, the part that was changed is redundant; else a patient who
can is shown, for a worked case to be made of.

Both sides are decided by the reference evaluator; a case is run only where the criterion has another truth in it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Final

from cds.analysis.formulas import Formula, both, either, no
from cds.analysis.judging import Judgement, simplest
from cds.analysis.meaning import Meaning
from cds.analysis.universe import Universe
from cds.analysis.witness import Patients, Undecided, case_of
from cds.case import Case
from cds.case.reading import CaseFileError, case_from_mapping
from cds.language import children, print_expression
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
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
from cds.reasoning.conditions import ReferenceEngine, derive
from cds.reasoning.contexts import Contexts, contexts_of
from cds.reasoning.decision import reason
from cds.reasoning.verdict import ORDER_OF_VERDICTS
from cds.recommendation.build import build
from cds.recommendation.model import Recommendation
from cds.ruleset import RuleSet
from cds.ruleset.documents import Document, read_document
from cds.ruleset.model import PHASES, Effect, Phase
from cds.ruleset.program import Program
from cds.truth import Truth
from cds.vocabulary import Level, Vocabulary
from cds.worked_cases import case_files, run_document

OTHER_COMPARISONS: Final[Mapping[str, tuple[ComparisonOperator, ...]]] = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "=": ("!=",), "!=": ("=",),
}  # fmt: skip
"""What a comparison is mistaken for: the same with or without its end, and its opposite."""
OTHER_EFFECTS: Final[Mapping[Effect, Effect]] = {
    "requires": "excludes", "excludes": "against", "against": "excludes", "for": "against", "obliges": "informs",
    "informs": "against",
}  # fmt: skip


class Fate(enum.Enum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    """No worked case notices, and the patient shown would."""
    REDUNDANT = "redundant"
    """No patient at all can tell it from the rule set: proved."""
    UNDECIDED = "undecided"
    """No worked case notices, and the solver gave up."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault in one criterion: another `condition` in some phases, or another `effect`.

    `what` says it for people: "`>` made `>=` in `lesion.carotidEncasement > 270 'deg'`".
    """

    criterion: str
    what: str
    phases: tuple[Phase, ...]
    condition: Expression | None = None
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one mutant: the worked case that noticed it, or the patient who would."""

    mutant: Mutant
    fate: Fate
    killed_by: str = ""
    witness: Case | None = None


def mutants(rules: RuleSet, only: str | None = None) -> Iterator[Mutant]:
    """Every mutant of a rule set, or of one of its criteria. A condition that two phases share is changed in both."""
    seen: list[tuple[str, Expression]] = []
    excepted = {exception.exception_to for exception in rules.exceptions}
    for phase in PHASES:
        for criterion in rules.programs[phase].criteria:
            if only not in (None, criterion.id) or (criterion.id, criterion.condition) in seen:
                continue
            seen.append((criterion.id, criterion.condition))
            its = criterion.condition
            phases = tuple(each for each in PHASES if _condition(rules.programs[each], criterion.id) == its)
            made: list[Expression] = []
            for what, condition in changed(its, rules.vocabulary):
                if condition != its and condition not in made:
                    made.append(condition)
                    is_exception = criterion.id in excepted and condition == getattr(its, "left", None)
                    yield Mutant(criterion.id, "the exception dropped" if is_exception else what, phases, condition)
    for rule in rules.rules:
        moves = rule.phase == "decision" and rule.option not in ("scope", "order")  # else no effect moves a verdict
        if only in (None, rule.id) and (moves or rule.effect == "obliges"):
            effect = OTHER_EFFECTS[rule.effect]
            yield Mutant(rule.id, f"`{rule.effect}` made `{effect}`", (rule.phase,), effect=effect)


def _condition(program: Program, criterion: str) -> Expression | None:
    return next((each.condition for each in program.criteria if each.id == criterion), None)


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


def mutated(rules: RuleSet, mutant: Mutant) -> RuleSet:
    """The rule set with the fault, under the newest parameters."""
    if mutant.effect is not None:
        swapped = tuple(
            rule.model_copy(update={"effect": mutant.effect, "remedy": None}) if rule.id == mutant.criterion else rule
            for rule in rules.rules
        )
        return replace(rules, rules=swapped, periods=())
    programs = {
        phase: _program(program, mutant) if phase in mutant.phases else program
        for phase, program in rules.programs.items()
    }
    return replace(rules, programs=programs, periods=())


def _program(program: Program, mutant: Mutant) -> Program:
    if mutant.condition is None:
        return program
    condition = mutant.condition
    return replace(program, criteria=tuple(
        replace(each, condition=condition) if each.id == mutant.criterion else each for each in program.criteria
    ))  # fmt: skip


def by_reference(case: Case, rules: RuleSet, *, phase: Phase) -> Recommendation:
    """The answer with the reference evaluator on both sides."""
    return build(reason(case, rules, phase, ReferenceEngine()))


@dataclass(frozen=True)
class WorkedCase:
    """A worked case, read once."""

    name: str
    document: Document
    case: Case
    phase: Phase

    @cached_property
    def expected(self) -> frozenset[str]:
        """The criteria that its expectations name: those cases are run first."""
        return frozenset(re.findall(r"[A-Za-z]+-[0-9A-Za-z.]+", str(self.document.data.get("expect"))))

    @cached_property
    def contexts(self) -> Contexts:
        """Where its criteria are decided."""
        return contexts_of(self.case)

    def meets(self, rules: RuleSet) -> bool:
        """Whether everything comes out as its author expected."""
        return run_document(self.document, rules, self.name, evaluate=by_reference).passed

    def notices(self, rules: RuleSet, mutant: Mutant) -> bool:
        """Whether the criterion has another truth in it, or its rule an effect that is another."""
        if self.phase not in mutant.phases:
            return False
        program = rules.programs[self.phase]
        criterion = next(each for each in program.criteria if each.id == mutant.criterion)
        if mutant.condition is None:
            return True
        condition = mutant.condition
        return any(
            derive(criterion.condition, context, program.derived).truth
            is not derive(condition, context, program.derived).truth
            for context in self.contexts.at(criterion.level)
        )


def read_cases(folder: Path, rules: RuleSet) -> tuple[WorkedCase, ...]:
    """The worked cases that hold under the rule set as it stands, with its newest parameters."""
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
        if rules.on(case.as_of).programs is rules.programs and worked.meets(rules):
            found.append(worked)
    return tuple(found)


def killer(mutant: Mutant, rules: RuleSet, cases: Sequence[WorkedCase]) -> str:
    """The name of the first worked case that notices a mutant; empty where none does."""
    faulty: RuleSet | None = None
    for each in sorted(cases, key=lambda each: mutant.criterion not in each.expected):
        if each.notices(rules, mutant):
            faulty = faulty if faulty is not None else mutated(rules, mutant)
            if not each.meets(faulty):
                return each.name
    return ""


@dataclass(frozen=True)
class Survivors:
    """Mutants that no worked case notices, put to the solver."""

    rules: RuleSet
    seconds: float = 20.0

    @cached_property
    def universe(self) -> Universe:
        """Any patient."""
        return Universe(self.rules.vocabulary, other=True)

    @cached_property
    def patients(self) -> Patients:
        """Those patients, put to the solver."""
        return Patients(self.universe)

    @cached_property
    def meanings(self) -> Mapping[Phase, Meaning]:
        """What the rules say in each phase."""
        return {phase: Meaning(self.rules, phase, self.universe) for phase in PHASES}

    def tried(self, mutant: Mutant) -> Trial:
        """Whether any patient can tell the mutant from the rule set, and who."""
        phase = mutant.phases[0]
        try:
            model = self.patients.find(self._differs(mutant, phase), seconds=self.seconds)
        except Undecided:
            return Trial(mutant, Fate.UNDECIDED)
        if model is None:
            return Trial(mutant, Fate.REDUNDANT)
        faulty = mutated(self.rules, mutant)

        def tells(case: Case) -> bool:
            sound, other = Judgement(self.rules, phase, case), Judgement(faulty, phase, case)
            if mutant.effect is None:
                return sound.of(mutant.criterion) != other.of(mutant.criterion)
            if mutant.effect == "informs":  # nothing is obliged any more
                return any(truth is not Truth.FALSE for truth in sound.of(mutant.criterion).values())
            return any(sound.possible(option) != other.possible(option) for option in self.rules.options)

        witness = simplest(case_of(self.universe, model), tells, mutant.what)
        return Trial(mutant, Fate.SURVIVED, witness=witness)

    def _differs(self, mutant: Mutant, phase: Phase) -> Formula:
        meaning = self.meanings[phase]
        if mutant.condition is None:
            return self._decides_otherwise(mutant, meaning)
        criterion = meaning.criteria[mutant.criterion]
        differing = []
        for where in meaning.around(criterion.level):
            sound, faulty = meaning.truths[criterion.id, where.id], meaning.conditions.truth(mutant.condition, where)
            differing.append(both(where.present, either(sound.true != faulty.true, sound.false != faulty.false)))
        return either(*differing)

    def _decides_otherwise(self, mutant: Mutant, meaning: Meaning) -> Formula:
        if mutant.effect == "informs":
            level = meaning.criteria[mutant.criterion].level
            return either(*(
                both(where.present, no(meaning.truths[mutant.criterion, where.id].false))
                for where in meaning.around(level)
            ))  # fmt: skip
        faulty = Meaning(mutated(self.rules, mutant), meaning.phase, self.universe)
        return either(*(
            meaning.possible(option, verdict) != faulty.possible(option, verdict)
            for option in self.rules.options
            for verdict in ORDER_OF_VERDICTS
        ))  # fmt: skip
