"""Types, dimensions, names and values are checked, and what is left is facts, constants and logic."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given

from cds.language import (
    ConditionErrors,
    NameTable,
    check,
    facts_of,
    parameters_of,
    parse,
    print_expression,
    resolve,
    walk,
)
from cds.language.syntax import (
    And,
    AnyOf,
    Arithmetic,
    Between,
    BooleanLiteral,
    CodeLiteral,
    Comparison,
    Expression,
    FactReference,
    Membership,
    Negate,
    NumberLiteral,
    ParameterReference,
    QuantityLiteral,
)
from cds.language.types import BooleanType, CodeType, NumberType, QuantityType
from tests.language.meaning import NAMES, Case, cases, sound_conditions, value
from tests.language.trees import trees


def messages(text: str, names: NameTable = NAMES) -> list[str]:
    return [
        f"{error.message}; {error.hint}" if error.hint else error.message
        for error in check(parse(text), names)
    ]


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("true", "true"),
        ("lesion.treated", "lesion.treated"),
        ("lesion.treated = true", "lesion.treated = true"),
        ("false != lesion.treated", "lesion.treated != false"),
        ("lesion.isLarge", "lesion.diameter > 60 'mm'"),
        ("lesion.isLarge = true", "lesion.diameter > 60 'mm'"),
        ("lesion.isLarge = false", "not (lesion.diameter > 60 'mm')"),
        ("lesion.isLarge != true", "not (lesion.diameter > 60 'mm')"),
        ("lesion.isLarge != false", "lesion.diameter > 60 'mm'"),
        ("not lesion.treated = false", "not not lesion.treated"),
        ("5 'mm' < lesion.diameter", "lesion.diameter > 5 'mm'"),
        ("5 'mm' <= lesion.diameter", "lesion.diameter >= 5 'mm'"),
        ("5 'mm' > lesion.diameter", "lesion.diameter < 5 'mm'"),
        ("5 'mm' >= lesion.diameter", "lesion.diameter <= 5 'mm'"),
        ("5 'mm' = lesion.diameter", "lesion.diameter = 5 'mm'"),
        ("5 'mm' != lesion.diameter", "lesion.diameter != 5 'mm'"),
        ("'larynx' = lesion.site", "lesion.site = 'larynx'"),
        ("lesion.diameter > 2.50 'cm'", "lesion.diameter > 25 'mm'"),
        ("lesion.margin > 4 'mm'", "lesion.margin > 4.0 'mm'"),
        ("lesion.interval >= 2 'a'", "lesion.interval >= 24 'mo'"),
        ("lesion.diameter > parameters.large", "lesion.diameter > 60 'mm'"),
        ("lesion.diameter >= parameters.large - 1 'cm' * 2", "lesion.diameter >= 40 'mm'"),
        ("lesion.diameter <= parameters.near + parameters.large / 4", "lesion.diameter <= 20 'mm'"),
        ("lesion.diameter > 2 * parameters.near", "lesion.diameter > 10 'mm'"),
        ("patient.age >= parameters.old", "patient.age >= 70"),
        ("patient.age >= 69.0", "patient.age >= 69"),
        ("patient.age >= 3 / 2 * 2", "patient.age >= 3"),
        ("patient.age > -(2 - 5)", "patient.age > 3"),
        ("patient.inr > 2", "patient.inr > 2.0"),
        ("patient.inr > -parameters.inrLimit", "patient.inr > -1.8"),
        (
            "lesion.diameter between 1 'cm' and parameters.large",
            "lesion.diameter between 10 'mm' and 60 'mm'",
        ),
        ("lesion.diameter between 5 'mm' and 5 'mm'", "lesion.diameter between 5 'mm' and 5 'mm'"),
        ("lesion.diameter in {1 'cm', 3 'mm'}", "lesion.diameter in {10 'mm', 3 'mm'}"),
        ("patient.age in {1, parameters.old}", "patient.age in {1, 70}"),
    ],
)
def test_a_condition_is_reduced_to_facts_constants_and_logic(text: str, resolved: str) -> None:
    assert print_expression(resolve(parse(text), NAMES)) == resolved


ONE_FACT = "both engines compare a fact with a constant only, and durable-rules cannot hold two facts safely"
CONSTANTS_ONLY = "this compares two constants and says nothing about the patient; name a fact on one side"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "lesion.diameter",
            "a condition is a yes/no question, and `lesion.diameter` (Quantity in mm) is none; "
            "compare it with a value in `mm`: `lesion.diameter > 1 'mm'`",
        ),
        (
            "lesion.site",
            "a condition is a yes/no question, and `lesion.site` (Code) is none; "
            "write `lesion.site = 'larynx'`, or another of its values",
        ),
        (
            "5 'mm'",
            "a condition is a yes/no question, and `5 'mm'` is none; write a comparison, such as `fact > limit`",
        ),
        (
            "lesion.treated and patient.age",
            "an operand of `and` is a yes/no question, and `patient.age` (Integer) is none; "
            "compare it with a number: `patient.age > 1`",
        ),
        (
            "not lesion.site",
            "the operand of `not` is a yes/no question, and `lesion.site` (Code) is none; "
            "write `lesion.site = 'larynx'`, or another of its values",
        ),
        # not
        (
            "not lesion.site = 'larynx'",
            "`not` binds more tightly than what follows: this reads `(not lesion.site) …`, and "
            "`lesion.site` (Code) is no yes/no question; write `not (lesion.site = 'larynx')`",
        ),
        (
            "not lesion.diameter between 1 'mm' and 2 'mm'",
            "`not` binds more tightly than what follows: this reads `(not lesion.diameter) …`, and `lesion.diameter` "
            "(Quantity in mm) is no yes/no question; write `not (lesion.diameter between 1 'mm' and 2 'mm')`",
        ),
        (
            "not lesion.site in {'larynx'}",
            "`not` binds more tightly than what follows: this reads `(not lesion.site) …`, and `lesion.site` (Code) "
            "is no "
            "yes/no question; write `not (lesion.site in {'larynx'})`",
        ),
        # dimensions and units
        (
            "lesion.diameter > 2 'deg'",
            "`lesion.diameter` is a Quantity in mm, and `2 'deg'` measures something else; "
            "compare it with a value in `mm`",
        ),
        ("lesion.diameter > 2", "`lesion.diameter` is a Quantity in mm, and `2` has no unit; write `2 'mm'`"),
        (
            "patient.age > 2 'a'",
            "`patient.age` has no unit, and `2 'a'` has one; write `2` if that is what is meant",
        ),
        (
            "lesion.diameter > 1 'furlong'",
            "`furlong` is not a UCUM unit known here; give a UCUM code such as `mm`, `mo` or `10*9/L`",
        ),
        (
            "lesion.diameter > parameters.odd",
            "`furlong` is not a UCUM unit known here; give a UCUM code such as `mm`, `mo` or `10*9/L`",
        ),
        # the grid
        (
            "lesion.diameter > 4.5 'mm'",
            "`4.5 'mm'` lies between the values that `lesion.diameter` can have; "
            "write a whole number of 'mm', or let the vocabulary declare more decimals",
        ),
        (
            "patient.age > 69.5",
            "`69.5` lies between the values that `patient.age` can have; "
            "write a whole number, or let the vocabulary declare more decimals",
        ),
        (
            "patient.inr > 1.85",
            "`1.85` lies between the values that `patient.inr` can have; "
            "write at most 1 decimals, or let the vocabulary declare more decimals",
        ),
        # codes
        ("lesion.site = 'larnyx'", "`lesion.site` is never 'larnyx'; did you mean `larynx`?"),
        ("lesion.site = 'toe'", "`lesion.site` is never 'toe'; it is `larynx`, `oral_cavity`, `neck_node`"),
        (
            "lesion.site < 'larynx'",
            "`lesion.site` is a Code, and codes have no order; write `=`, `!=` or `in {…}`",
        ),
        (
            "lesion.site = 5",
            "`lesion.site` is a Code, and `5` is none; "
            "write `lesion.site = 'larynx'`, or another of its values",
        ),
        (
            "lesion.site = true",
            "`lesion.site` (Code) cannot be compared with `true` (yes or no); "
            "write `lesion.site = 'larynx'`, or another of its values",
        ),
        (
            "lesion.site in {'larynx', 'larynx'}",
            "`'larynx'` stands in the list twice; remove it, or write what was meant",
        ),
        (
            "lesion.diameter in {1 'cm', 10 'mm'}",
            "`10 'mm'` stands in the list twice; remove it, or write what was meant",
        ),
        (
            "lesion.site between 'a' and 'b'",
            "`between` asks for a fact with a number, and `lesion.site` (Code) is none; "
            "write `in {…}` for codes",
        ),
        (
            "patient.age = '70'",
            "`patient.age` is an Integer, and `'70'` is a text; compare it with a number: `patient.age > 1`",
        ),
        # yes or no
        ("lesion.treated > false", "yes and no have no order; write the condition by itself, or `not (…)`"),
        (
            "lesion.treated = 'true'",
            "`lesion.treated` (yes or no) cannot be compared with `'true'`; "
            "write `true` or `false`, without quotes",
        ),
        (
            "lesion.treated in {true}",
            "`in` asks for the value of a fact, and `lesion.treated` (yes or no) has none; "
            "write the condition by itself, or `not (…)`",
        ),
        (
            "lesion.diameter > 1 'mm' > 2 'mm'",
            "`lesion.diameter > 1 'mm'` (yes or no) cannot be compared with `2 'mm'`; "
            "a comparison cannot be compared again; write `… and …`, or "
            "`fact between low and high`",
        ),
        # two facts, two constants
        (
            "lesion.diameter > lesion.margin",
            f"`lesion.diameter` and `lesion.margin` are both facts: {ONE_FACT}; compare each "
            "with a constant or a parameter, or let the vocabulary have a fact for their "
            "relation",
        ),
        (
            "lesion.treated = patient.fit",
            f"this compares two yes/no questions with `=`: {ONE_FACT}; "
            "write `a xor b` where they differ, `not (a xor b)` where they agree",
        ),
        (
            "lesion.diameter between lesion.margin and 3 'mm'",
            f"`lesion.diameter` and `lesion.margin` are both facts: "
            f"{ONE_FACT}; write a constant or a parameter here",
        ),
        ("5 > 3", CONSTANTS_ONLY),
        ("'a' = 'b'", CONSTANTS_ONLY),
        ("true = false", CONSTANTS_ONLY),
        ("5 = 'a'", CONSTANTS_ONLY),
        (
            "lesion.diameter between 5 'mm' and 1 'mm'",
            "nothing lies between `5 'mm'` and `1 'mm'`; write the lower end first",
        ),
        # arithmetic
        (
            "lesion.diameter + 1 'mm' > 5 'mm'",
            "`+` computes with literals and parameters only, and `lesion.diameter` "
            "(Quantity in mm) is neither; move it to the constant: not "
            "`fact + a > b` but `fact > b - a`",
        ),
        (
            "-lesion.diameter < 5 'mm'",
            "`-` computes with literals and parameters only, and `lesion.diameter` "
            "(Quantity in mm) is neither; move it to the constant: not "
            "`fact + a > b` but `fact > b - a`",
        ),
        ("patient.age > 5 / (3 - 3)", "this divides by zero; divide by another number"),
        (
            "patient.age > 5 / 3",
            "`5 / 3` is not exact with 8 decimals, and CQL would round it; "
            "choose numbers that divide, or give the result as a parameter",
        ),
        (
            "patient.age > 2147483647 + 1",
            "`2147483647 + 1` is too large a number for CQL; choose smaller numbers",
        ),
        (
            "lesion.diameter > 5 'mm' * 1 'mm'",
            "`*` would make a new unit; multiply or divide a quantity by a plain number",
        ),
        (
            "lesion.diameter > 5 / 1 'mm'",
            "`/` would make a new unit; multiply or divide a quantity by a plain number",
        ),
        (
            "lesion.diameter > 5 'mm' + 1",
            "`+` joins a number with a unit and one without; give both the unit `mm`, or neither",
        ),
        (
            "lesion.diameter > 5 'mm' + 1 'deg'",
            "`+` joins `mm` and `deg`, which measure different things; give both the same dimension",
        ),
        # names
        (
            "lesion.diametre > 5 'mm'",
            "no fact and no definition `lesion.diametre`; did you mean `lesion.diameter`?",
        ),
        ("lesion.is_large", "no fact and no definition `lesion.is_large`; did you mean `lesion.isLarge`?"),
        ("lesion.age > 5", "no fact and no definition `lesion.age`; did you mean `patient.age`?"),
        ("lesion.zzz", "no fact and no definition `lesion.zzz`; name one of the vocabulary, or add it there"),
        (
            "structure.near",
            "no structure is given where this condition stands; it may name `patient`, `lesion`",
        ),
        ("patient.age > parameters.olf", "no parameter `parameters.olf`; did you mean `parameters.old`?"),
        (
            "patient.age > parameters.unset",
            "`parameters.unset` has no value, and a rule that moves a verdict may not rest "
            "on it; give the parameter a value with its source, or leave the condition out",
        ),
        (
            "lesion.proved = '2024'",
            "`lesion.proved` is a date, and conditions hold no dates; compare a duration that the "
            "vocabulary has, or let it declare `fresh: {since: …}`",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_write_instead(text: str, problem: str) -> None:
    assert messages(text) == [problem]


def test_every_problem_of_a_condition_is_reported_once() -> None:
    text = "lesion.a1 and (lesion.b1 or not lesion.c1) implies lesion.site in {'toe', 'nose', 5} and 1 < parameters.d1"
    columns = [error.span.start for error in check(parse(text), NAMES)]
    assert columns == [
        text.index(part)
        for part in ("lesion.a1", "lesion.b1", "lesion.c1", "'toe'", "'nose'", "5}", "parameters")
    ]


@given(trees)
def test_a_tree_has_problems_or_a_resolved_form_and_never_both(tree: Expression) -> None:
    errors = check(tree, NAMES)
    if errors:
        with pytest.raises(ConditionErrors) as caught:
            resolve(tree, NAMES)
        assert [error.message for error in caught.value.errors] == [error.message for error in errors]
    else:
        assert_resolved(resolve(tree, NAMES))


def assert_resolved(expression: Expression) -> None:
    for node, _ in walk(expression):
        assert not isinstance(node, (ParameterReference, Arithmetic, Negate))
        if isinstance(node, Comparison | Between | Membership):
            first, *constants = (
                (node.left, node.right) if isinstance(node, Comparison)
                else (node.operand, node.low, node.high) if isinstance(node, Between)
                else (node.operand, *node.members)
            )  # fmt: skip
            assert isinstance(first, FactReference)
            kind = NAMES.fact_type(first.level, first.name)
            for constant in constants:
                match kind:
                    case BooleanType():
                        assert isinstance(constant, BooleanLiteral)
                    case CodeType():
                        assert isinstance(constant, CodeLiteral) and constant.value in kind.values
                    case NumberType():
                        assert isinstance(constant, NumberLiteral) and constant.decimals == kind.decimals
                        assert (constant.value * 10**kind.decimals).denominator == 1
                    case QuantityType():
                        assert isinstance(constant, QuantityLiteral) and constant.unit == kind.unit
                        assert (constant.value * 10**kind.decimals).denominator == 1
                    case _:
                        raise AssertionError(kind)


@given(sound_conditions)
def test_a_sound_condition_resolves_to_a_form_that_resolves_to_itself(condition: Expression) -> None:
    resolved = resolve(condition, NAMES)
    assert_resolved(resolved)
    assert resolve(parse(print_expression(resolved)), NAMES) == resolved


@given(sound_conditions, cases)
def test_resolving_changes_nothing_that_a_condition_says(condition: Expression, case: Case) -> None:
    assert value(resolve(condition, NAMES), case) is value(condition, case)


def test_any_of_opens_its_level_for_its_body_alone() -> None:
    names = NameTable({"lesion": {"treated": BooleanType()}, "structure": {"near": BooleanType()}})

    class LesionOnly(NameTable):
        def levels(self) -> tuple[str, ...]:
            return ("lesion",)

    narrow = LesionOnly(names.facts)
    body = parse("structure.near and lesion.treated")
    assert resolve(AnyOf("structure", body), narrow) == AnyOf("structure", body)
    both = And(AnyOf("structure", body), parse("structure.near"))
    assert [error.message for error in check(both, narrow)] == [
        "no structure is given where this condition stands"
    ]
    assert [error.hint for error in check(AnyOf("structur", body), narrow)] == ["did you mean `structure`?"]


def test_definitions_that_double_each_other_are_refused_before_they_fill_the_memory() -> None:
    definitions: dict[str, Expression] = {"d0": parse("lesion.treated")}
    with pytest.raises(ConditionErrors, match="let its definitions share less"):
        for step in range(40):
            names = NameTable(NAMES.facts, {}, {"lesion": definitions})
            definitions[f"d{step + 1}"] = resolve(parse(f"lesion.d{step} and lesion.d{step}"), names)


def test_a_tree_too_deep_to_walk_is_refused_by_name_and_not_by_an_overflow() -> None:
    chain: Expression = parse("lesion.treated")
    for _ in range(20_000):
        chain = And(chain, FactReference("lesion", "treated"))
    assert "nested more than 100 deep" in check(chain, NAMES)[0].message


def test_comparing_comparisons_again_and_again_takes_no_time() -> None:
    text = "lesion.treated"
    for _ in range(45):
        text = f"(not {text}) = true"
    assert check(parse(text), NAMES) == ()


def test_the_facts_of_a_condition_are_named_once_in_the_order_of_its_text() -> None:
    tree = And(
        parse("lesion.b > parameters.p or lesion.a in {1}"),
        AnyOf("structure", parse("structure.c = lesion.b")),
    )
    assert [str(fact) for fact in facts_of(tree)] == ["lesion.b", "lesion.a", "structure.c"]
    assert [str(parameter) for parameter in parameters_of(tree)] == ["parameters.p"]


def test_a_constant_keeps_the_place_of_the_text_it_came_from() -> None:
    text = "parameters.large < lesion.diameter"
    resolved = resolve(parse(text), NAMES)
    assert isinstance(resolved, Comparison)
    assert text[resolved.right.span.start : resolved.right.span.end] == "parameters.large"
    assert resolved.right == QuantityLiteral(Fraction(60), 0, "mm")
