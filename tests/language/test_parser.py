"""The parser against CQL 1.5: precedence, literals, names, and what an author may write."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.language import ConditionError, parse
from cds.language.syntax import (
    And,
    BooleanLiteral,
    CodeLiteral,
    Comparison,
    Expression,
    FactReference,
    Implies,
    Not,
    NumberLiteral,
    Or,
    ParameterReference,
    QuantityLiteral,
    Span,
    Xor,
)

# Left: as written. Right: with every parenthesis that CQL 1.5's grammar implies.
PRECEDENCE = [
    ("not a = b", "(not a) = b"),
    ("not a < b", "(not a) < b"),
    ("not a between b and c", "(not a) between b and c"),
    ("not a in {b}", "(not a) in {b}"),
    ("not a and b", "(not a) and b"),
    ("not not a or b", "(not (not a)) or b"),
    ("a = not b", "a = (not b)"),
    ("a < not b = c", "(a < (not b)) = c"),
    ("a < b between c and d", "a < (b between c and d)"),
    ("a between b and c < d", "(a between b and c) < d"),
    ("a between b and c between d and e", "(a between b and c) between d and e"),
    ("a between b and c and d", "(a between b and c) and d"),
    ("a between b + c and d * e and f", "(a between (b + c) and (d * e)) and f"),
    ("a < b = c", "(a < b) = c"),
    ("a = b < c", "a = (b < c)"),
    ("a < b < c", "(a < b) < c"),
    ("a = b = c", "(a = b) = c"),
    ("a = b != c", "(a = b) != c"),
    ("a = b in {c}", "(a = b) in {c}"),
    ("a in {b} in {c}", "(a in {b}) in {c}"),
    ("a in {b} and c", "(a in {b}) and c"),
    ("a and b = c", "a and (b = c)"),
    ("a and b and c", "(a and b) and c"),
    ("a or b and c", "a or (b and c)"),
    ("a and b or c", "(a and b) or c"),
    ("a or b xor c", "(a or b) xor c"),
    ("a xor b or c", "(a xor b) or c"),
    ("a or b implies c", "(a or b) implies c"),
    ("a implies b implies c", "(a implies b) implies c"),
    ("a implies b or c", "a implies (b or c)"),
    ("a + b * c", "a + (b * c)"),
    ("a - b - c", "(a - b) - c"),
    ("a / b * c", "(a / b) * c"),
    ("-a * b", "(-a) * b"),
    ("a - -b", "a - (-b)"),
    ("--a", "-(-a)"),
    ("a + b < c - d", "(a + b) < (c - d)"),
    ("not a + b", "not (a + b)"),
]


def spelled(short: str) -> str:
    """The letters a to f as facts, words left as they are."""
    return " ".join(f"lesion.{word}" if word in "abcdef" else word for word in _apart(short))


def _apart(short: str) -> list[str]:
    for sign in "(){}-,":
        short = short.replace(sign, f" {sign} ")
    return short.split()


@pytest.mark.parametrize(("written", "meant"), PRECEDENCE)
def test_a_condition_groups_as_cql_groups_it(written: str, meant: str) -> None:
    assert parse(spelled(written)) == parse(spelled(meant))


OPERATORS = [["implies"], ["or", "xor"], ["and"], ["=", "!="], ["<", "<=", ">", ">="], ["+", "-"], ["*", "/"]]


@given(st.lists(st.sampled_from([each for level in OPERATORS for each in level]), max_size=8), st.data())
def test_a_chain_of_operators_splits_last_at_the_loosest(operators: list[str], data: st.DataObject) -> None:
    """Another algorithm as oracle: put in parentheses what stands on both sides of the last loosest operator."""
    operands = [
        data.draw(st.sampled_from(["lesion.a", "1", "'x'", "parameters.p"]))
        for _ in range(len(operators) + 1)
    ]

    def grouped(first: int, last: int) -> str:
        if first == last:
            return operands[first]
        for level in OPERATORS:
            for at in range(last - 1, first - 1, -1):
                if operators[at] in level:
                    return f"({grouped(first, at)}) {operators[at]} ({grouped(at + 1, last)})"
        raise AssertionError

    flat = " ".join(word for pair in zip(operands, [*operators, ""], strict=True) for word in pair)
    assert parse(flat) == parse(grouped(0, len(operators)))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("true", BooleanLiteral(True)),
        ("false", BooleanLiteral(False)),
        ("70", NumberLiteral(Fraction(70), 0)),
        ("007", NumberLiteral(Fraction(7), 0)),
        ("2147483647", NumberLiteral(Fraction(2**31 - 1), 0)),
        ("1.80", NumberLiteral(Fraction(18, 10), 2)),
        ("99999999999999999999.99999999", NumberLiteral(Fraction(10**28 - 1, 10**8), 8)),
        ("270 'deg'", QuantityLiteral(Fraction(270), 0, "deg")),
        ("50'10*9/L'", QuantityLiteral(Fraction(50), 0, "10*9/L")),
        ("3000000000 'mm'", QuantityLiteral(Fraction(3 * 10**9), 0, "mm")),
        ("'biopsy'", CodeLiteral("biopsy")),
        (r"'a\'b\"c\`d\\e\/f\n\r\t\f'", CodeLiteral("a'b\"c`d\\e/f\n\r\t\f")),
        (r"'\u00e9\uD83D\uDE00'", CodeLiteral("é😀")),
        ("lesion.site", FactReference("lesion", "site")),
        ("lesion . site", FactReference("lesion", "site")),
        ("other.side", FactReference("other", "side")),
        ("parameters.limit", ParameterReference("limit")),
        ("/* why */ lesion.a // and so on", FactReference("lesion", "a")),
        ("lesion.a\r\n\tand lesion.b", And(FactReference("lesion", "a"), FactReference("lesion", "b"))),
    ],
)
def test_a_literal_or_a_name_is_read_as_cql_reads_it(text: str, tree: Expression) -> None:
    assert parse(text) == tree


def test_numbers_that_differ_only_in_written_decimals_are_different_texts() -> None:
    assert parse("1.8") != parse("1.80")


@pytest.mark.parametrize(
    ("text", "node"),
    [("a and b", And), ("a or b", Or), ("a xor b", Xor), ("a implies b", Implies), ("not a", Not)],
)
def test_each_operator_has_its_own_node(text: str, node: type[Expression]) -> None:
    assert type(parse(spelled(text))) is node


def test_a_span_covers_the_whole_node_with_its_parentheses() -> None:
    text = "  (lesion.a = 1) and lesion.b"
    tree = parse(text)
    assert isinstance(tree, And) and isinstance(tree.left, Comparison)
    assert [text[span.start : span.end] for span in (tree.span, tree.left.span, tree.left.right.span)] == [
        "(lesion.a = 1) and lesion.b",
        "lesion.a = 1",
        "1",
    ]
    assert tree.right.span == Span(21, 29)


# Conditions in the shapes that clinical rules take.
CONDITIONS = [
    "true",
    "patient.mdtDiscussed",
    "not (lesion.histology in {'thyroid', 'melanoma', 'lymphoma'}) and patient.ageYears >= parameters.scopeAge",
    "lesion.recurrenceProof = 'biopsy'",
    "lesion.resectable or lesion.ablationIntent = 'local_control'",
    "lesion.carotidEncasement between parameters.secondReaderFrom and parameters.secondReaderTo",
    "lesion.histology != 'scc'",
    "lesion.surgicalAssessment = 'resectable_clear_margin' and patient.distantMetastasis = 'none' "
    "and not lesion.localSurgicalSign",
    "(lesion.prevertebralFatPlane = 'lost' and lesion.prevertebralFixation = 'fixed') "
    "or (lesion.mediastinalInvasion and lesion.site in {'larynx', 'hypopharynx', 'neck_node'})",
    "other.surgeryNotPossible",
    "patient.priorChemoradiation and patient.initialStageIV and patient.recurrencePattern = 'locoregional'",
    "patient.primaryTStage in {'T3', 'T4'}",
    "patient.caci >= 0",
    "lesion.priorRadiotherapyToSite = false",
    "lesion.priorRadiotherapyToSite and lesion.timeSinceRadiotherapy >= parameters.reirradiationInterval "
    "and patient.ecog <= parameters.reirradiationEcog",
    "((patient.inr > parameters.inrLimit and not patient.vitaminKAntagonist) "
    "or patient.platelets < parameters.plateletLimit or patient.bleedingDisorder) "
    "and patient.coagulopathyCorrectable = false",
    "lesion.infectionAtSite = false and patient.systemicInfection = false",
    "patient.inr > parameters.inrCaution and patient.inr <= parameters.inrLimit",
    "structure.name = 'carotid-artery' and structure.tumourDistance < parameters.carotidAblationDistance",
    "patient.airwayRisk != 'critical'",
    "structure.name = 'vagus-nerve' and structure.threatened and ((structure.side = 'left' "
    "and patient.vocalFoldRight in {'impaired', 'fixed'}) or (structure.side = 'right' "
    "and patient.vocalFoldLeft in {'impaired', 'fixed'}))",
    "(lesion.leftVagusThreatened and other.rightVagusThreatened) "
    "or (lesion.rightVagusThreatened and other.leftVagusThreatened)",
    "lesion.maxProbeSpacing > parameters.probeSpacing "
    "or (lesion.probeCount = 1 and lesion.maxDiameter > parameters.singleProbeDiameter)",
    "structure.signalChange in {'transient', 'unrecovered'} "
    "or structure.nerveTemperatureMin < parameters.nerveTemperature",
    "lesion.carotidEncasementReaders >= 2",
    "patient.airwayPlan and patient.extubationPlan and (patient.airwayRisk != 'difficult' or patient.hduBed)",
    "structure.tumourDistance <= parameters.iceMargin + parameters.threatDistance",
]


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_of_clinical_shape_parses(text: str) -> None:
    assert parse(text).span == Span(0, len(text))


@pytest.mark.parametrize("depth", [99, 101, 5000])
@pytest.mark.parametrize(("before", "after"), [("(", ")"), ("not ", ""), ("-", ""), ("lesion.a = (", ")")])
def test_a_deep_condition_is_refused_and_never_overflows(before: str, after: str, depth: int) -> None:
    text = before * depth + "lesion.a" + after * depth
    if depth == 99 and before != "lesion.a = (":
        parse(text)
    else:
        with pytest.raises(ConditionError, match=r"deep|characters"):
            parse(text)


def test_a_long_chain_is_refused_before_anything_recurses_into_it() -> None:
    with pytest.raises(ConditionError, match="deep"):
        parse("1" + " + 1" * 2000)


def test_a_text_of_more_than_ten_thousand_characters_is_refused() -> None:
    assert parse("true" + " " * 9_996) == BooleanLiteral(True)
    with pytest.raises(ConditionError, match="10001 characters"):
        parse("true" + " " * 9_997)


FRAGMENTS = (
    "lesion.a", "patient.b", "parameters.p", "and", "or", "not", "xor", "implies", "between", "in", "is",
    "null", "true", "exists", "(", ")", "{", "}", ",", ".", "'x'", "'", '"', "\\", "5", "5.", "1.5", "'mm'",
    "months", "=", "!=", "<", ">=", "-", "+", "*", "/", "//", "/*", "*/", "~", "@2024", "\n", "lesion", "AND",
    "contains", "Count", "é", "\u00a0", "\ud800",
)  # fmt: skip


spaced = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(" ".join)
joined = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)


@given(st.text() | spaced | joined)
def test_any_text_at_all_is_a_condition_or_a_condition_error_within_it(text: str) -> None:
    try:
        tree = parse(text)
    except ConditionError as error:
        assert 0 <= error.span.start <= error.span.end <= len(text)
        assert error.message and error.hint and not error.message.endswith(".")
    else:
        assert text[tree.span.start : tree.span.end].strip()
