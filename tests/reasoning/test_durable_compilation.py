"""From conditions to what durable-rules is given: formulas, rules, names and integers."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.case import NEVER_RECORDED, Conflicting, Fact, Known, ReportedLesion, ReportedStructure, assemble
from cds.errors import EngineFailure
from cds.language.syntax import (
    And,
    AnyOf,
    BooleanLiteral,
    CodeLiteral,
    Comparison,
    Expression,
    FactReference,
    Not,
    NumberLiteral,
    Or,
    ParameterReference,
    QuantityLiteral,
)
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType, ValueType
from cds.quantities import Interval
from cds.reasoning.contexts import contexts_of
from cds.reasoning.forward_chaining import DurableRulesEngine
from cds.reasoning.forward_chaining.adapter import check_answer, truth_of
from cds.reasoning.forward_chaining.compilation import CompiledProgram, Pair
from cds.reasoning.forward_chaining.encoding import check_names, encoded, fnv1a_32
from cds.reasoning.forward_chaining.lowering import (
    All,
    Atom,
    FactAttribute,
    Formula,
    HeldAttribute,
    Scope,
    Some,
    all_parts,
    certainly,
    some_parts,
)
from cds.reasoning.forward_chaining.packing import ATOMS_PER_RULESET, PATHS_PER_RULESET, atoms, fits, paths, rules_of
from cds.reasoning.forward_chaining.process import Evaluation, Worker
from cds.ruleset.program import Criterion, Program
from cds.truth import Truth
from cds.vocabulary import FactDefinition, FactKind, Level, StructureDefinition, Vocabulary


def definition(level: Level, name: str, type_: ValueType) -> FactDefinition:
    return FactDefinition(level, name, FactKind.FINDING, type_, name)


def vocabulary(facts: Mapping[tuple[Level, str], ValueType]) -> Vocabulary:
    structures = {
        name: StructureDefinition(name, name, kind, sided, None, None, (), (), ())
        for name, kind, sided in (("artery", "vessel", True), ("skin", "surface", False), ("nerve", "nerve", True))
    }
    return Vocabulary({key: definition(*key, type_) for key, type_ in facts.items()}, structures, {}, {})


P, L, S = Level.PATIENT, Level.LESION, Level.STRUCTURE
WORLD = vocabulary(
    {
        (P, "frail"): BooleanType(),
        (P, "age"): NumberType(0),
        (P, "born"): DateType(),
        (L, "site"): CodeType(("larynx", "tongue")),
        (L, "side"): CodeType(("left", "right", "midline")),
        (L, "arc"): QuantityType("deg", 0),
        (S, "name"): CodeType(("artery", "skin", "nerve")),
        (S, "kind"): CodeType(("vessel", "surface", "nerve")),
        (S, "side"): CodeType(("left", "right", "none")),
        (S, "distance"): QuantityType("mm", 1),
        (S, "unprotectable"): BooleanType(),
    }
)
FRAIL = FactReference("patient", "frail")
OLD = Comparison(">=", FactReference("patient", "age"), NumberLiteral(Fraction(70), 0))
NEAR = Comparison("<", FactReference("structure", "distance"), QuantityLiteral(Fraction(5), 0, "mm"))
IS_SKIN = Comparison("=", FactReference("structure", "name"), CodeLiteral("skin"))


def program(
    *criteria: tuple[Level, Expression], derived: Mapping[tuple[str, str], Expression] | None = None
) -> Program:
    numbered = tuple(Criterion(f"C{n}", level, condition) for n, (level, condition) in enumerate(criteria))
    return Program("decision", numbered, derived or {}, WORLD)


# ------------------------------------------------------------------------------------------------- formulas


def held(formula: Formula, true: frozenset[Atom]) -> bool:
    """A formula evaluated in the ordinary way, where exactly these atoms hold."""
    match formula:
        case bool():
            return formula
        case Atom(HeldAttribute(inner)):
            return held(inner, true)
        case Atom():
            return formula in true
        case All(parts):
            return all(held(part, true) for part in parts)
        case Some(parts):
            return any(held(part, true) for part in parts)


ATOMS = [Atom(FactAttribute("patient", f"n{n // 2}", "low"), "=" if n % 2 else ">", n) for n in range(14)]
EXCLUSIVE = [Atom(FactAttribute("patient", "code", "code"), "=", n) for n in range(6)]
formulas = st.recursive(
    st.sampled_from([*ATOMS, *EXCLUSIVE]) | st.booleans(),
    lambda part: st.builds(all_parts, st.lists(part, max_size=6)) | st.builds(some_parts, st.lists(part, max_size=6)),
    max_leaves=60,
)
true_atoms = st.builds(
    lambda some, code: frozenset([*some, code]), st.sets(st.sampled_from(ATOMS)), st.sampled_from(EXCLUSIVE)
)


@given(st.lists(formulas, max_size=5), true_atoms)
def test_simplified_formulas_say_the_same(parts: list[Formula], true: frozenset[Atom]) -> None:
    assert held(all_parts(parts), true) is all(held(part, true) for part in parts)
    assert held(some_parts(parts), true) is any(held(part, true) for part in parts)


@given(formulas, true_atoms)
def test_the_rules_of_a_formula_fit_and_say_the_same(formula: Formula, true: frozenset[Atom]) -> None:
    if isinstance(formula, bool):
        return
    rules = rules_of(formula)
    assert any(held(rule, true) for rule in rules) is held(formula, true)
    for rule in rules:
        assert fits(rule) and all(fits(part) or rules_of(part) for part in inner(rule))


def inner(formula: Formula) -> Iterator[Formula]:
    if isinstance(formula, Atom) and isinstance(formula.attribute, HeldAttribute):
        yield formula.attribute.formula
    if isinstance(formula, All | Some):
        for part in formula.parts:
            yield from inner(part)


@given(formulas, true_atoms)
def test_a_formula_holds_on_no_more_paths_than_counted(formula: Formula, true: frozenset[Atom]) -> None:
    assert ways(formula, true) <= paths(formula)


def ways(formula: Formula, true: frozenset[Atom]) -> int:
    """How often the engine would fire: once for each way through the disjunctions."""
    match formula:
        case All(parts):
            product = 1
            for part in parts:
                product *= ways(part, true)
            return product
        case Some(parts):
            return sum(ways(part, true) for part in parts)
    return int(held(formula, true))


def test_a_wide_conjunction_of_disjunctions_is_decided_in_steps() -> None:
    wide = all_parts(
        some_parts(Atom(FactAttribute("patient", f"n{a}x{b}", "low"), ">", b) for b in range(5)) for a in range(70)
    )
    (rule,) = rules_of(wide)
    assert atoms(rule) <= ATOMS_PER_RULESET and paths(rule) == 1


# --------------------------------------------------------------------------------------------------- programs


def test_the_same_condition_is_decided_by_the_same_rule() -> None:
    compiled = CompiledProgram(program((P, And(FRAIL, OLD)), (P, And(OLD, FRAIL)), (L, Not(Or(Not(OLD), Not(FRAIL))))))
    pairs = {pair for level in (P, L) for _, pair in compiled.at(level).criteria}
    assert len(pairs) == 1


def test_given_facts_are_constants_of_a_structure() -> None:
    compiled = CompiledProgram(program((S, And(IS_SKIN, NEAR)), (S, IS_SKIN)))
    (_, near), (_, skin) = compiled.at_structure(("skin", "surface", "none")).criteria
    (_, near_artery), (_, skin_artery) = compiled.at_structure(("artery", "vessel", "left")).criteria
    assert not isinstance(near.when_true, bool)
    assert skin == Pair(True, False)
    assert near_artery == skin_artery == Pair(False, True)


def test_derived_facts_are_replaced_by_their_expression() -> None:
    expressions: dict[tuple[str, str], Expression] = {
        ("artery", "unprotectable"): BooleanLiteral(True),
        ("skin", "unprotectable"): FRAIL,
        ("nerve", "unprotectable"): Not(FRAIL),
    }
    condition = FactReference("structure", "unprotectable")
    compiled = CompiledProgram(program((S, condition), (S, FRAIL), derived=expressions))
    (_, skin), (_, frail) = compiled.at_structure(("skin", "surface", "none")).criteria
    (_, nerve), _ = compiled.at_structure(("nerve", "nerve", "left")).criteria
    assert skin == frail == Pair(nerve.when_false, nerve.when_true)
    assert compiled.at_structure(("artery", "vessel", "right")).criteria[0][1] == Pair(True, False)
    del expressions["nerve", "unprotectable"]
    with pytest.raises(EngineFailure, match="derived, but not for the structure `nerve`"):
        CompiledProgram(program((S, condition), derived=expressions))


def test_a_structure_that_the_vocabulary_did_not_announce_is_learnt() -> None:
    has_side = Comparison("!=", FactReference("structure", "side"), CodeLiteral("none"))
    compiled = CompiledProgram(program((S, And(NEAR, has_side))))
    key = ("artery", "vessel", "none")
    known = len(compiled.rulesets)
    compiled.learn([key])
    assert compiled.at_structure(key).criteria[0][1] == Pair(False, True)
    assert len(compiled.rulesets) == known


def test_rulesets_stay_inside_the_fence() -> None:
    arcs = [QuantityLiteral(Fraction(degrees), 0, "deg") for degrees in range(90)]
    many = [(L, And(Comparison(">", FactReference("lesion", "arc"), arc), Or(OLD, FRAIL))) for arc in arcs]
    compiled = CompiledProgram(program(*many, (S, NEAR), (Level.OTHER_LESION, AnyOf("other.structure", NEAR))))
    assert len(compiled.rulesets) > 4
    for ruleset in compiled.rulesets:
        names = list(ruleset.rules)
        assert names[0] == "begin" and names[-1] == "end"
        assert ruleset.rules["begin"] == {"all": [{"m": {"kind_": 1}}]} and ruleset.rules["end"]["pri"] == 60000
        written = atoms_written = 0
        for name in names[1:-1]:
            (condition,) = ruleset.rules[name]["all"]
            parts = condition["m"]["$and"]
            assert parts[0] == {"kind_": 1}, "the guard comes first"
            atoms_written += sum(1 for _ in leaves(parts[1:]))
            assert all(type(value) is int for value in leaves(parts)), "integers, never truth values"
            written += 1
        assert written == len(ruleset.formulas)
        assert 0 < atoms_written <= ATOMS_PER_RULESET and atoms_written <= PATHS_PER_RULESET * 2
        assert json.loads(json.dumps(ruleset.rules)) == ruleset.rules


def leaves(condition: object) -> Iterator[object]:
    if isinstance(condition, dict):
        for value in condition.values():
            yield from leaves(value)
    elif isinstance(condition, list):
        for value in condition:
            yield from leaves(value)
    else:
        yield condition


def test_a_program_compiles_to_the_same_rulesets_every_time() -> None:
    criteria = ((L, AnyOf("structure", And(NEAR, OLD))), (S, NEAR), (P, FRAIL))
    first, second = (CompiledProgram(program(*criteria)).rulesets for _ in range(2))
    assert [ruleset.name for ruleset in first] == [ruleset.name for ruleset in second]


@pytest.mark.parametrize(
    ("level", "condition", "message"),
    [
        (P, ParameterReference("limit"), "a condition is a yes/no"),
        (P, Comparison(">", FactReference("patient", "age"), ParameterReference("limit")), "is a Integer"),
        (P, Comparison(">", NumberLiteral(Fraction(1), 0), FactReference("patient", "age")), "the left side"),
        (P, Comparison(">", FactReference("patient", "age"), NumberLiteral(Fraction(1, 2), 1)), "a grid of 0 decimals"),
        (P, Comparison("=", FactReference("patient", "born"), NumberLiteral(Fraction(1), 0)), "is a Date"),
        (P, FactReference("patient", "age"), "only a yes/no fact stands alone"),
        (L, Comparison("=", FactReference("lesion", "site"), CodeLiteral("neck")), "no such code"),
        (L, Comparison(">", FactReference("lesion", "arc"), QuantityLiteral(Fraction(1), 0, "mm")), "Quantity in deg"),
        (L, Comparison(">", FactReference("lesion", "arc"), QuantityLiteral(Fraction(2**60), 0, "deg")), "too large"),
        (L, AnyOf("other.structure", NEAR), "cannot be decided at level `lesion`"),
        (S, AnyOf("structure", NEAR), "cannot be decided at level `structure`"),
        (L, AnyOf("structure", AnyOf("structure", NEAR)), "cannot be decided at level `structure`"),
    ],
)
def test_what_a_resolved_condition_cannot_hold_is_refused(level: Level, condition: Expression, message: str) -> None:
    with pytest.raises(EngineFailure, match=message):
        CompiledProgram(program((level, condition)))


def test_a_settled_condition_needs_no_engine() -> None:
    assert certainly(Or(BooleanLiteral(True), FRAIL), True, Scope(WORLD, P)) is True
    assert certainly(Or(BooleanLiteral(True), FRAIL), False, Scope(WORLD, P)) is False
    assert CompiledProgram(program((P, BooleanLiteral(True)))).rulesets == []


# ------------------------------------------------------------------------------------------ names and integers

COLLIDING = ("fibosisVaspathy8", "gastosisDermhma4")


def test_facts_that_the_engine_cannot_tell_apart_are_refused() -> None:
    assert len({fnv1a_32(f"patient_{name}_flag") for name in COLLIDING}) == 1
    facts = vocabulary({(P, name): BooleanType() for name in COLLIDING})
    criteria = tuple(Criterion(name, P, FactReference("patient", name)) for name in COLLIDING)
    engine = DurableRulesEngine()
    case = assemble(facts, as_of=dt.date(2026, 1, 1), patient={}, lesions=())
    with pytest.raises(EngineFailure, match="cannot tell the attribute `patient_gastosisDermhma4_flag` from"):
        engine.decide(Program("decision", criteria, {}, facts), contexts_of(case))
    assert engine.worker_process_id is None


@pytest.mark.parametrize("name", ["id", "sid", "$and", "kind_", "größe", "a b", "a.b", "", "1a", "a" * 101, "pri"])
def test_names_that_mean_something_else_to_the_engine_are_refused(name: str) -> None:
    with pytest.raises(EngineFailure):
        check_names([name])


def test_one_name_for_two_attributes_is_refused() -> None:
    with pytest.raises(EngineFailure, match="same hash"):
        check_names(["patient_a_flag", "patient_b_flag", "patient_a_flag"])


@pytest.mark.parametrize(
    ("interval", "ends"),
    [
        (Interval.point(Fraction(9, 2)), {"low": 90, "high": 90}),
        (Interval.below(Fraction(5), open_end=True), {"high": 99}),
        (Interval.above(Fraction(-5), open_end=True), {"low": -99}),
        (Interval(Fraction(1, 10), Fraction(2, 10), True, True), {"low": 3, "high": 3}),
        (Interval(None, None, True, True), {}),
    ],
)
def test_an_interval_is_its_ends_on_the_doubled_grid(interval: Interval, ends: dict[str, int]) -> None:
    assert encoded(definition(P, "inr", NumberType(1)), Fact(Known(interval))) == ends


def test_what_is_not_known_is_not_there() -> None:
    for fact in (NEVER_RECORDED, Fact(Conflicting((True, False)))):
        assert encoded(definition(P, "frail", BooleanType()), fact) == {}


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (BooleanType(), "yes"),
        (CodeType(("a", "b")), "c"),
        (CodeType(("a", "b")), True),
        (NumberType(0), True),
        (NumberType(0), Interval.point(Fraction(1, 2))),
        (NumberType(0), Interval.point(Fraction(2**53))),
        (DateType(), "2026"),
    ],
)
def test_a_value_that_the_vocabulary_does_not_allow_is_refused_without_being_told(
    type_: ValueType, value: bool | str | Interval
) -> None:
    with pytest.raises(EngineFailure) as raised:
        encoded(definition(P, "thing", type_), Fact(Known(value)))
    assert repr(value) not in str(raised.value)


# -------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    "fired",
    [
        [],
        ["begin"],
        ["end"],
        ["r0", "begin", "end"],
        ["begin", "end", "r0"],
        ["begin", "begin", "end"],
        ["begin", "end", "end"],
        ["begin", "r2", "end"],
        ["begin", "", "end"],
    ],
)
def test_an_answer_counts_only_if_the_engine_ran_from_begin_to_end(fired: list[str]) -> None:
    with pytest.raises(EngineFailure):
        check_answer(fired, 2)


def test_a_criterion_is_never_both() -> None:
    assert [truth_of(True, False), truth_of(False, True), truth_of(False, False)] == [
        Truth.TRUE, Truth.FALSE, Truth.UNKNOWN,
    ]  # fmt: skip
    with pytest.raises(EngineFailure, match="both true and false"):
        truth_of(True, True)


def test_contexts_that_show_the_same_facts_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Evaluation] = []
    evaluate = Worker.evaluate

    def counting(self: Worker, load: object, evaluations: list[Evaluation], limit: float) -> list[list[str]]:
        asked.extend(evaluations)
        return evaluate(self, load, evaluations, limit)

    monkeypatch.setattr(Worker, "evaluate", counting)
    engine = DurableRulesEngine()
    known = {"distance": Fact(Known(Interval.point(Fraction(1))))}
    arcs = [Fact(Known(Interval.point(Fraction(degrees)))) for degrees in range(3)]
    skin = ReportedStructure("skin", "none", known)
    lesions = [ReportedLesion(f"T{n}", "", {"arc": arc}, (skin,)) for n, arc in enumerate(arcs)]
    case = assemble(WORLD, as_of=dt.date(2026, 1, 1), patient={}, lesions=lesions)
    contexts = contexts_of(case)
    assert len(contexts.at(S)) == 15 and len(contexts.at(Level.OTHER_LESION)) == 6
    rules = program((P, FRAIL), (L, Or(OLD, FRAIL)), (S, FRAIL), (S, NEAR), (Level.OTHER_LESION, Not(OLD)))
    decided = engine.decide(rules, contexts)
    engine.close()
    assert len(decided) == 1 + 3 + 2 * 15 + 6
    # The patient once; of the structures, one with a distance and one without stand for all.
    assert len(asked) == 3
