"""durable-rules decides what the conditions mean: compared with an oracle that shares no code with it.

The oracle asks of every atom which outcomes are still possible, by trying the numbers that an interval may stand for,
and combines possibilities, not truth values.
"""

from __future__ import annotations

import datetime as dt
import itertools
import operator
from collections.abc import Callable, Generator, Mapping, Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds.case import AbsenceReason, Absent, Conflicting, Fact, Known, ReportedLesion, ReportedStructure, assemble
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    BooleanLiteral,
    CodeLiteral,
    Comparison,
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
from cds.language.types import BooleanType, CodeType, NumberType, QuantityType, ValueType
from cds.quantities import Interval
from cds.reasoning.contexts import Context, Contexts, contexts_of
from cds.reasoning.forward_chaining import DurableRulesEngine
from cds.ruleset.program import Criterion, Program
from cds.truth import Truth
from cds.vocabulary import FactDefinition, FactKind, Level, StructureDefinition, Vocabulary

NAMES = ("artery", "nerve", "skin")
KINDS = ("vessel", "surface")
SIDES = ("left", "right", "none")
CODES = ("mobile", "impaired", "fixed")
TYPES: Mapping[tuple[Level, str], ValueType] = {
    (Level.PATIENT, "frail"): BooleanType(),
    (Level.PATIENT, "age"): NumberType(0),
    (Level.PATIENT, "inr"): NumberType(1),
    (Level.PATIENT, "fold"): CodeType(CODES),
    (Level.LESION, "fixed"): BooleanType(),
    (Level.LESION, "arc"): QuantityType("deg", 0),
    (Level.LESION, "depth"): QuantityType("mm", 1),
    (Level.LESION, "site"): CodeType(("larynx", "tongue")),
    (Level.LESION, "side"): CodeType(("left", "right", "midline")),
    (Level.STRUCTURE, "name"): CodeType(NAMES),
    (Level.STRUCTURE, "kind"): CodeType(KINDS),
    (Level.STRUCTURE, "side"): CodeType(SIDES),
    (Level.STRUCTURE, "distance"): QuantityType("mm", 1),
    (Level.STRUCTURE, "touched"): BooleanType(),
    (Level.STRUCTURE, "unprotectable"): BooleanType(),
}
GIVEN = {"name", "kind", "side"}
DERIVED = "unprotectable"
LEVELS = {"patient": Level.PATIENT, "lesion": Level.LESION, "other": Level.LESION, "structure": Level.STRUCTURE}
WORDS = {
    Level.PATIENT: ("patient",),
    Level.LESION: ("patient", "lesion"),
    Level.STRUCTURE: ("patient", "lesion", "structure"),
    Level.OTHER_LESION: ("patient", "lesion", "other"),
}
VOCABULARY = Vocabulary(
    {
        (level, name): FactDefinition(
            level, name, FactKind.GIVEN if level is Level.STRUCTURE and name in GIVEN else FactKind.FINDING, type_, name
        )
        for (level, name), type_ in TYPES.items()
    },
    {
        "artery": StructureDefinition("artery", "artery", "vessel", True, None, None, (), (), ()),
        "nerve": StructureDefinition("nerve", "nerve", "vessel", False, frozenset({"tongue"}), None, (), (), ()),
        "skin": StructureDefinition("skin", "skin", "surface", False, None, None, (), (), ()),
    },
    {},
    {},
)
REPORTED = [("artery", "left"), ("nerve", "none"), ("nerve", "right"), ("skin", "none")]
"""Structures as reported: no site lists a nerve of the right side."""
TODAY = dt.date(2026, 1, 1)
UNKNOWN = (Fact(Absent(AbsenceReason.NOT_ASSESSED)), Fact(Conflicting((True, False))))


@pytest.fixture(scope="module")
def engine() -> Generator[DurableRulesEngine, None, None]:
    engine = DurableRulesEngine()
    yield engine
    engine.close()


# ------------------------------------------------------------------------------------------------ the oracle

COMPARE: Mapping[str, Callable[[object, object], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
POINTS = [Fraction(n, 20) for n in range(-104, 105)]
"""Every tenth between -5.2 and 5.2, and one number between each two: enough for ends and constants within -5 to 5."""
Possible = frozenset[bool]
BOTH = frozenset({True, False})


def completions(fact: Fact) -> list[object] | None:
    """The values that a fact may stand for, or `None` where it is not known."""
    value = fact.value
    if not isinstance(value, Interval):
        return None if value is None else [value]
    return [
        point
        for point in POINTS
        if (value.low is None or value.low < point or (value.low == point and not value.low_open))
        and (value.high is None or point < value.high or (point == value.high and not value.high_open))
    ]


def possible(condition: Expression, context: Context, derived: Mapping[tuple[str, str], Expression]) -> Possible:
    """The outcomes that the facts leave open, operands varied independently."""

    def of(part: Expression) -> Possible:
        return possible(part, context, derived)

    def each(left: Expression, right: Expression, combine: Callable[[bool, bool], bool]) -> Possible:
        return frozenset(combine(a, b) for a in of(left) for b in of(right))

    match condition:
        case BooleanLiteral(value):
            return frozenset({value})
        case FactReference("structure", "unprotectable"):
            return of(derived[str(context.facts["structure"]["name"].value), DERIVED])
        case FactReference():
            values = completions(context.fact(condition))
            return BOTH if values is None else frozenset(value is True for value in values)
        case Comparison(operator_, FactReference() as left, BooleanLiteral(value)):
            return frozenset((outcome is value) is (operator_ == "=") for outcome in of(left))
        case Comparison(operator_, FactReference() as left, right):
            values = completions(context.fact(left))
            constant = right.value
            return BOTH if values is None else frozenset(COMPARE[operator_](value, constant) for value in values)
        case Not(operand):
            return frozenset(not outcome for outcome in of(operand))
        case And(left, right):
            return each(left, right, operator.and_)
        case Or(left, right):
            return each(left, right, operator.or_)
        case Xor(left, right):
            return each(left, right, operator.xor)
        case Implies(left, right):
            return each(left, right, operator.le)
        case Between(operand, low, high):
            return of(And(Comparison(">=", operand, low), Comparison("<=", operand, high)))
        case Membership(operand, members):
            found: Expression = BooleanLiteral(False)
            for member in members:
                found = Or(found, Comparison("=", operand, member))
            return of(found)
        case AnyOf(over, body):
            outcome = frozenset({False})
            for member in context.members[over]:
                outcome = frozenset(a or b for a in outcome for b in possible(body, member, derived))
            return outcome
    raise AssertionError(condition)


def truth(outcomes: Possible) -> Truth:
    return Truth.UNKNOWN if outcomes == BOTH else Truth.TRUE if True in outcomes else Truth.FALSE


def expected(program: Program, contexts: Contexts) -> dict[tuple[str, str], Truth]:
    return {
        (criterion.id, context.id): truth(possible(criterion.condition, context, program.derived))
        for context in contexts
        for criterion in program.at(context.level)
    }


# ------------------------------------------------------------------------------------- generated programs, cases


def tenths(decimals: int) -> st.SearchStrategy[Fraction]:
    scale = 10**decimals
    return st.integers(-4 * scale, 4 * scale).map(lambda n: Fraction(n, scale))


def literal(type_: ValueType) -> st.SearchStrategy[Expression]:
    match type_:
        case NumberType(decimals):
            return tenths(decimals).map(lambda value: NumberLiteral(value, decimals))
        case QuantityType(unit, decimals):
            return tenths(decimals).map(lambda value: QuantityLiteral(value, decimals, unit))
        case CodeType(values):
            return st.sampled_from(values).map(CodeLiteral)
    return st.booleans().map(BooleanLiteral)


@st.composite
def atom(
    draw: st.DrawFn,
    level: Level,
    *,
    derived: bool = True,
    names: Sequence[str] = (),
    in_order: bool = False,
) -> Expression:
    word = draw(st.sampled_from(WORDS[level]))
    names = names or [name for (its, name) in TYPES if its is LEVELS[word] and (derived or name != DERIVED)]
    reference = FactReference(word, draw(st.sampled_from(names)))
    type_ = TYPES[LEVELS[word], reference.name]
    a, b = draw(literal(type_)), draw(literal(type_))
    if isinstance(type_, BooleanType):
        return draw(st.sampled_from([reference, Comparison("=", reference, a), Comparison("!=", reference, a)]))
    if isinstance(type_, CodeType):
        choices: list[Expression] = [Comparison("=", reference, a), Comparison("!=", reference, a)]
        return draw(st.sampled_from([*choices, Membership(reference, (a, b))]))
    comparisons: list[Expression] = [Comparison(op, reference, a) for op in ("=", "!=", "<", "<=", ">", ">=")]
    # Bounds the wrong way round hold for no number, and are unknown all the same where the number is: CQL's tables.
    low, high = sorted((a, b), key=lambda bound: bound.value) if in_order else (a, b)
    return draw(st.sampled_from([*comparisons, Between(reference, low, high), Membership(reference, (a, b))]))


@st.composite
def conditions(draw: st.DrawFn, level: Level, *, derived: bool = True) -> Expression:
    leaves: list[st.SearchStrategy[Expression]] = [atom(level, derived=derived)] * 6
    leaves.append(st.booleans().map(BooleanLiteral))
    if level in (Level.LESION, Level.OTHER_LESION):
        over = ["structure"] if level is Level.LESION else ["structure", "other.structure"]
        body = st.recursive(atom(Level.STRUCTURE), combined, max_leaves=3)
        leaves.append(st.builds(AnyOf, st.sampled_from(over), body))
    return draw(st.recursive(st.one_of(leaves), combined, max_leaves=8))


def combined(part: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    binary = st.sampled_from([And, Or, And, Or, Xor, Implies])
    return st.builds(lambda node, left, right: node(left, right), binary, part, part) | part.map(Not)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    levels = draw(st.lists(st.sampled_from(list(Level)), min_size=1, max_size=8))
    criteria = [Criterion(f"C{n}", level, draw(conditions(level))) for n, level in enumerate(levels)]
    derived = {(name, DERIVED): draw(conditions(Level.STRUCTURE, derived=False)) for name in NAMES}
    return Program("decision", tuple(criteria), derived, VOCABULARY)


@st.composite
def facts(draw: st.DrawFn, level: Level) -> dict[str, Fact]:
    result = {}
    for (its, name), type_ in TYPES.items():
        if its is level and name not in {*GIVEN, DERIVED} | ({"side"} if level is Level.STRUCTURE else set()):
            result[name] = draw(st.sampled_from(UNKNOWN) if draw(st.integers(0, 9)) < 3 else known(type_))
    if level is Level.LESION:
        result["side"] = draw(known(TYPES[level, "side"]))
    return result


def known(type_: ValueType) -> st.SearchStrategy[Fact]:
    match type_:
        case NumberType(decimals) | QuantityType(decimals=decimals):
            return st.one_of(tenths(decimals).map(Interval.point), intervals(decimals)).map(lambda i: Fact(Known(i)))
        case CodeType(values):
            return st.sampled_from(values).map(lambda code: Fact(Known(code)))
    return st.booleans().map(lambda value: Fact(Known(value)))


@st.composite
def intervals(draw: st.DrawFn, decimals: int) -> Interval:
    low, high = sorted((draw(tenths(decimals)), draw(tenths(decimals))))
    open_low, open_high = draw(st.booleans()) and low < high, draw(st.booleans()) and low < high
    match draw(st.integers(0, 5)):
        case 0:
            return Interval.above(low, open_end=draw(st.booleans()))
        case 1:
            return Interval.below(high, open_end=draw(st.booleans()))
        case 2:
            return Interval(None, None, True, True)
    return Interval(low, high, open_low, open_high)


@st.composite
def cases(draw: st.DrawFn) -> Contexts:
    lesions = []
    for index in range(draw(st.integers(0, 3))):
        keys = draw(st.lists(st.sampled_from(REPORTED), unique=True, max_size=3))
        structures = tuple(ReportedStructure(*key, draw(facts(Level.STRUCTURE))) for key in keys)
        lesions.append(ReportedLesion(f"T{index}", f"lesion {index}", draw(facts(Level.LESION)), structures))
    return contexts_of(
        assemble(VOCABULARY, as_of=TODAY, patient=draw(facts(Level.PATIENT)), lesions=lesions)
    )


# ------------------------------------------------------------------------------------------------- properties


@given(programs(), cases())
def test_every_criterion_has_the_truth_that_its_facts_leave_open(
    engine: DurableRulesEngine, program: Program, contexts: Contexts
) -> None:
    assert engine.decide(program, contexts) == expected(program, contexts)


@given(st.data())
def test_a_condition_that_reads_each_fact_once_is_settled_exactly_where_all_completions_agree(
    engine: DurableRulesEngine, data: st.DataObject
) -> None:
    reported = data.draw(facts(Level.PATIENT))
    names = data.draw(st.permutations(list(reported)))[:3]
    parts = [data.draw(atom(Level.PATIENT, names=[name], in_order=True)) for name in names]
    condition = parts[0]
    for part in parts[1:]:
        condition = data.draw(st.sampled_from([And, Or, Xor, Implies]))(condition, part)

    # Each fact is read by one part, so one completion for each outcome of that part stands for all of them.
    representatives = []
    for name, part in zip(names, parts, strict=True):
        values = completions(reported[name])
        values = everything(TYPES[Level.PATIENT, name]) if values is None else values
        by_outcome = {possible(part, only((name, value)), {}): (name, value) for value in values}
        representatives.append(list(by_outcome.values()))
    outcomes: Possible = frozenset()
    for chosen in itertools.product(*representatives):
        outcomes |= possible(condition, only(*chosen), {})

    program = Program("decision", (Criterion("C", Level.PATIENT, condition),), {}, VOCABULARY)
    contexts = contexts_of(assemble(VOCABULARY, as_of=TODAY, patient=reported, lesions=()))
    assert engine.decide(program, contexts)["C", "patient"] is truth(outcomes)


def only(*values: tuple[str, object]) -> Context:
    """A patient of whom exactly these facts are known."""
    chosen = {name: Fact(Known(Interval.point(v) if isinstance(v, Fraction) else v)) for name, v in values}
    return Context("patient", Level.PATIENT, {"patient": chosen}, {"patient": "patient"}, {})


def everything(type_: ValueType) -> list[object]:
    if isinstance(type_, CodeType):
        return list(type_.values)
    return [True, False] if isinstance(type_, BooleanType) else list(POINTS)


ENDS = [
    Interval.point(Fraction(5)),
    Interval.below(Fraction(5), open_end=True),
    Interval.below(Fraction(5), open_end=False),
    Interval.above(Fraction(5), open_end=True),
    Interval.above(Fraction(5), open_end=False),
    Interval(Fraction(49, 10), Fraction(5), True, True),
    Interval(Fraction(5), Fraction(51, 10), True, True),
    Interval(None, None, True, True),
]


@pytest.mark.parametrize("interval", ENDS, ids=str)
@pytest.mark.parametrize("sign", ["=", "!=", "<", "<=", ">", ">="])
def test_open_and_closed_ends_meet_a_limit_as_the_interval_says(
    engine: DurableRulesEngine, interval: Interval, sign: str
) -> None:
    condition = Comparison(sign, FactReference("patient", "inr"), NumberLiteral(Fraction(5), 1))
    program = Program("decision", (Criterion("C", Level.PATIENT, condition),), {}, VOCABULARY)
    case = assemble(VOCABULARY, as_of=TODAY, patient={"inr": Fact(Known(interval))}, lesions=())
    contexts = contexts_of(case)
    assert engine.decide(program, contexts) == expected(program, contexts)


def at_least(count: int, of: list[Expression]) -> Expression:
    """`count` of the conditions, written out as the loader does."""
    result: Expression | None = None
    for chosen in itertools.combinations(of, count):
        term = chosen[0]
        for part in chosen[1:]:
            term = And(term, part)
        result = term if result is None else Or(result, term)
    assert result is not None
    return result


@pytest.mark.parametrize(("count", "of"), [(1, 6), (2, 4), (3, 4), (3, 6), (4, 8), (7, 9)])
def test_conditions_too_large_for_one_rule_are_decided_all_the_same(
    engine: DurableRulesEngine, count: int, of: int
) -> None:
    # Written out, these have up to 280 atoms; the false side is a conjunction of as many disjunctions.
    parts: list[Expression] = [
        Comparison(">", FactReference("patient", f"n{index}"), NumberLiteral(Fraction(index), 0)) for index in range(of)
    ]
    measure = NumberType(0)
    definitions = [FactDefinition(Level.PATIENT, f"n{i}", FactKind.MEASURE, measure, "") for i in range(of)]
    vocabulary = Vocabulary({(d.level, d.name): d for d in definitions}, {}, {}, {})
    criteria = (
        Criterion("C", Level.PATIENT, at_least(count, parts)),
        Criterion("D", Level.PATIENT, Not(at_least(count, parts))),
        Criterion("E", Level.PATIENT, And(parts[0], at_least(count, parts))),
    )
    program = Program("decision", criteria, {}, vocabulary)
    for above in range(of + 1):
        for below in range(0, of + 1 - above, 2):
            reported = {
                f"n{i}": Fact(Known(Interval.point(Fraction(i + 1 if i < above else i))))
                for i in range(above + below)
            }
            contexts = contexts_of(assemble(vocabulary, as_of=TODAY, patient=reported, lesions=()))
            enough = Truth.TRUE if above >= count else Truth.FALSE if of - below < count else Truth.UNKNOWN
            first = truth(possible(parts[0], contexts.at(Level.PATIENT)[0], {}))
            assert engine.decide(program, contexts) == {
                ("C", "patient"): enough,
                ("D", "patient"): ~enough,
                ("E", "patient"): first & enough,
            }


def test_no_member_is_no_and_an_unknown_member_is_unknown(engine: DurableRulesEngine) -> None:
    near = Comparison("<", FactReference("structure", "distance"), QuantityLiteral(Fraction(1), 1, "mm"))
    nerve = And(Comparison("=", FactReference("structure", "name"), CodeLiteral("nerve")), near)
    program = Program("decision", (Criterion("C", Level.LESION, AnyOf("structure", nerve)),), {}, VOCABULARY)

    def decided(site: str, *structures: ReportedStructure) -> Truth:
        lesion = ReportedLesion("T1", "", {"site": Fact(Known(site)), "side": Fact(Known("left"))}, structures)
        case = assemble(VOCABULARY, as_of=TODAY, patient={}, lesions=[lesion])
        return engine.decide(program, contexts_of(case))["C", "T1"]

    at = Fact(Known(Interval.point(Fraction(1, 2))))
    far = Fact(Known(Interval.point(Fraction(9))))
    assert decided("larynx") is Truth.FALSE
    assert decided("tongue") is Truth.UNKNOWN
    assert decided("tongue", ReportedStructure("nerve", "none", {"distance": far})) is Truth.FALSE
    assert decided("tongue", ReportedStructure("nerve", "right", {"distance": at})) is Truth.TRUE


def test_programs_of_the_same_engine_do_not_mix(engine: DurableRulesEngine) -> None:
    contexts = contexts_of(assemble(VOCABULARY, as_of=TODAY, patient={"frail": Fact(Known(True))}, lesions=()))
    frail = FactReference("patient", "frail")
    yes = Program("decision", (Criterion("C", Level.PATIENT, frail),), {}, VOCABULARY)
    no = Program("decision", (Criterion("C", Level.PATIENT, Not(frail)),), {}, VOCABULARY)
    for _ in range(3):
        assert engine.decide(yes, contexts)["C", "patient"] is Truth.TRUE
        assert engine.decide(no, contexts)["C", "patient"] is Truth.FALSE


@settings(max_examples=20)
@given(programs())
def test_a_program_may_be_prepared_before_its_first_case(engine: DurableRulesEngine, program: Program) -> None:
    engine.prepare(program)
    before = engine.worker_process_id
    contexts = contexts_of(assemble(VOCABULARY, as_of=TODAY, patient={}, lesions=()))
    assert engine.decide(program, contexts) == expected(program, contexts)
    assert engine.worker_process_id == before
