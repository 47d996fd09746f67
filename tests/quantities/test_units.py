"""Units: exact sizes, dimensions kept apart, and refusal of everything that is not understood whole."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.errors import UnitError
from cds.quantities import convert, parse_unit

LENGTH, TIME, NONE = (("m", 1),), (("s", 1),), ()


@pytest.mark.parametrize(
    ("code", "dimension", "size"),
    [
        ("mm", LENGTH, "0.001"),
        ("cm", LENGTH, "0.01"),
        ("um", LENGTH, "0.000001"),
        ("Mm", LENGTH, "1000000"),
        ("dam", LENGTH, "10"),
        ("[in_i]", LENGTH, "0.0254"),
        ("min", TIME, "60"),
        ("h", TIME, "3600"),
        ("wk", TIME, "604800"),
        ("mo", TIME, "2629800"),
        ("a", TIME, "31557600"),
        ("deg", (("deg", 1),), "1"),
        ("Cel", (("Cel", 1),), "1"),
        ("1", NONE, "1"),
        ("%", NONE, "0.01"),
        ("{INR}", NONE, "1"),
        ("mm{longest}", LENGTH, "0.001"),
        ("10*9/L", (("m", -3),), "1000000000000"),
        ("10*3/uL", (("m", -3),), "1000000000000"),
        ("10^9/L", (("m", -3),), "1000000000000"),
        ("/uL", (("m", -3),), "1000000000"),
        ("1/uL", (("m", -3),), "1000000000"),
        ("{cells}/uL", (("m", -3),), "1000000000"),
        ("cm3", (("m", 3),), "0.000001"),
        ("mL", (("m", 3),), "0.000001"),
        ("m.s-1", (("m", 1), ("s", -1)), "1"),
        ("m/s2", (("m", 1), ("s", -2)), "1"),
        ("m/s/s", (("m", 1), ("s", -2)), "1"),
        ("g/s.m", (("g", 1), ("m", 1), ("s", -1)), "1"),
        ("Gy", (("m", 2), ("s", -2)), "1"),
        ("cGy", (("m", 2), ("s", -2)), "0.01"),
        ("mm/mm", NONE, "1"),
        ("2.5", NONE, "10"),
    ],
)
def test_a_unit_has_its_dimension_and_its_exact_size(code: str, dimension: object, size: str) -> None:
    unit = parse_unit(code)
    assert (unit.dimension, unit.size) == (dimension, Fraction(size))


@pytest.mark.parametrize(
    "code",
    [
        "",
        " ",
        "mm ",
        " mm",
        "m m",
        "MM",
        "CM",
        "ＭＭ",
        "mm²",
        "µm",
        "furlong",
        "mm.",
        "mm/",
        "/",
        ".",
        "//m",
        "./m",
        "m//s",
        "m..s",
        "m./s",
        "{INR}mm",
        "{INR",
        "INR}",
        "mm{a",
        "{a{b}}",
        "[in_i",
        "in_i]",
        "[in",
        "0",
        "mm/0",
        "mm-",
        "mm+",
        "-mm",
        "mm^2",
        "m**2",
        "(m)",
        "mmin",
        "kmo",
        "dd",
        "cd",
        "ka",
        "k%",
        "mdeg",
        "Cel2",
        "mCel",
        "2.Cel",
        "Cel/m",
        "1/Cel",
        "Cel.Cel",
        "C",
        "degC",
        "[degF]",
        "x10*9/L",
        "10*9 /L",
        "K/uL",
        "G/L",
        "mm[Hg]",
        "\x00",
        "mm\n",
        "m" * 65,
    ],
)
def test_what_is_not_understood_whole_is_refused_and_the_code_is_said(code: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_unit(code)
    message = str(caught.value)
    assert caught.value.code == "unit-error"
    assert "`" in message
    assert not message.endswith(".")


@pytest.mark.parametrize(
    "code", ["m\N{ARABIC-INDIC DIGIT TWO}", "10*\N{DEVANAGARI DIGIT NINE}/L", "\N{BENGALI DIGIT FOUR}"]
)
def test_digits_of_other_scripts_are_no_ucum(code: str) -> None:
    with pytest.raises(UnitError):
        parse_unit(code)


@pytest.mark.parametrize(("code", "size"), [("m[iU]/mL", 1000), ("k[iU]/L", 1_000_000), ("u[iU]/mL", 1)])
def test_international_units_take_a_prefix(code: str, size: int) -> None:
    assert parse_unit(code) == parse_unit(code)
    assert (parse_unit(code).dimension, parse_unit(code).size) == ((("[iU]", 1), ("m", -3)), size)


@pytest.mark.parametrize(
    "code", ["10*999999999", "km999999999", "10*-999999999", "L999999999", "99999999999.m99999999"]
)
def test_an_exponent_out_of_this_world_is_refused_at_once(code: str) -> None:
    """A record may hold such a unit; computing it would take all memory and never end."""
    script = (
        "from cds.quantities import parse_unit\n"
        f"try: parse_unit({code!r})\nexcept Exception as e: print(type(e).__name__)"
    )
    try:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=5, text=True, check=False)
    except subprocess.TimeoutExpired:
        pytest.fail(f"`{code}` keeps the process busy")
    assert done.stdout.strip() == "UnitError"


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("2.5", "cm", "mm", "25"),
        ("1", "a", "mo", "12"),
        ("150", "10*3/uL", "10*9/L", "150"),
        ("150000", "/uL", "10*9/L", "150"),
        ("1", "[in_i]", "mm", "25.4"),
        ("7000", "cGy", "Gy", "70"),
        ("1", "wk", "d", "7"),
        ("50", "%", "1", "0.5"),
        ("36", "h", "d", "1.5"),
    ],
)
def test_a_conversion_is_exact(value: str, source: str, target: str, expected: str) -> None:
    assert convert(Fraction(value), source, target) == Fraction(expected)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mm", "deg"),
        ("mm", "mm2"),
        ("d", "mm"),
        ("Cel", "1"),
        ("deg", "1"),
        ("10*9/L", "10*9"),
        ("[iU]", "1"),
        ("g", "mol"),
    ],
)
def test_units_of_different_things_do_not_convert(source: str, target: str) -> None:
    with pytest.raises(UnitError, match="measure different things"):
        convert(Fraction(1), source, target)
    with pytest.raises(UnitError, match="measure different things"):
        convert(Fraction(1), target, source)


convertible = st.sampled_from(
    [("mm", "cm", "m", "[in_i]", "km"), ("d", "wk", "mo", "a", "min", "h"), ("L", "mL", "cm3", "uL")]
)


@given(convertible, st.data(), st.fractions(max_denominator=1000))
def test_there_and_back_is_the_same_number(codes: tuple[str, ...], data: st.DataObject, value: Fraction) -> None:
    one, other = data.draw(st.sampled_from(codes)), data.draw(st.sampled_from(codes))
    assert convert(convert(value, one, other), other, one) == value


@given(st.text(max_size=12) | st.text("mkcg0123456789*./{}[]-+LsadehCl", max_size=6))
def test_any_text_is_a_unit_or_a_unit_error(code: str) -> None:
    try:
        unit = parse_unit(code)
    except UnitError:
        return
    assert unit.size > 0
    assert convert(Fraction(1), code, code) == 1
