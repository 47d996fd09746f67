"""UCUM units: which dimension a code measures, and its exact size.

A small reader for the case-sensitive UCUM grammar (terms, `.` and `/`, integer exponents, metric prefixes, `10*n`,
annotations in braces). Sizes are exact fractions: no conversion here rounds. Unknown codes are an error, never a guess.

Source: The Unified Code for Units of Measure, version 2.1, §§4-8 and tables 1-5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from cds.errors import UnitError

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A UCUM unit: its code, its dimension (base unit → exponent) and its size in base units.

    >>> parse_unit("cm").dimension == parse_unit("mm").dimension
    True
    """

    code: str
    dimension: Dimension
    size: Fraction


# Base units are UCUM's own (m, s, g, rad, K, C, cd) where a length, a time or a mass is meant. Plane angle keeps its
# own base "deg" (a degree and a millimetre must never compare; radians would bring an inexact pi). Celsius is not a
# ratio scale: it is a dimension of its own, so that it converts to nothing.
_SYMBOLS: Final[Mapping[str, tuple[Mapping[str, int], Fraction, bool]]] = {
    # symbol: (dimension, size, accepts metric prefixes)
    "m": ({"m": 1}, Fraction(1), True),
    "s": ({"s": 1}, Fraction(1), True),
    "g": ({"g": 1}, Fraction(1), True),
    "deg": ({"deg": 1}, Fraction(1), False),
    "Cel": ({"Cel": 1}, Fraction(1), False),
    "min": ({"s": 1}, Fraction(60), False),
    "h": ({"s": 1}, Fraction(3600), False),
    "d": ({"s": 1}, Fraction(86400), False),
    "wk": ({"s": 1}, Fraction(7 * 86400), False),
    "a": ({"s": 1}, Fraction(36525 * 864), False),  # mean Julian year, 365.25 d
    "mo": ({"s": 1}, Fraction(36525 * 72), False),  # mean Julian month, a/12
    "[in_i]": ({"m": 1}, Fraction(254, 10000), False),
    "[iU]": ({"[iU]": 1}, Fraction(1), True),
    "mol": ({"mol": 1}, Fraction(1), True),
    "L": ({"m": 3}, Fraction(1, 1000), True),
    "l": ({"m": 3}, Fraction(1, 1000), True),
    "Gy": ({"m": 2, "s": -2}, Fraction(1), True),
    "%": ({}, Fraction(1, 100), False),
}
_PREFIXES: Final[Mapping[str, Fraction]] = {
    "G": Fraction(10**9), "M": Fraction(10**6), "k": Fraction(1000), "h": Fraction(100), "da": Fraction(10),
    "d": Fraction(1, 10), "c": Fraction(1, 100), "m": Fraction(1, 1000), "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9), "p": Fraction(1, 10**12), "f": Fraction(1, 10**15),
}  # fmt: skip
# Exponents have at most two digits and factors at most nine: a code comes from anybody's record, and 10*99999999 is a
# number that no machine holds.
_TOKEN: Final = re.compile(
    r"(?P<ten>10[*^](?P<power>[+-]?\d{1,2}))(?!\d)"
    r"|(?P<name>[A-Za-z]*\[[^\]]+\]|[A-Za-z%]+)(?P<exponent>[+-]?\d{1,2}(?!\d))?"
    r"|(?P<number>\d{1,9})(?!\d)|(?P<note>\{[^{}]*\})",
    re.ASCII,
)


def _symbol(name: str) -> tuple[Mapping[str, int], Fraction]:
    """Dimension and size of one unit symbol with an optional metric prefix."""
    if name in _SYMBOLS:
        dimension, size, _ = _SYMBOLS[name]
        return dimension, size
    for prefix, factor in _PREFIXES.items():
        rest = name.removeprefix(prefix)
        if rest != name and rest in _SYMBOLS:
            dimension, size, takes_prefix = _SYMBOLS[rest]
            if takes_prefix:
                return dimension, size * factor
    raise UnitError(f"`{name}` is not a UCUM unit known here; give a UCUM code such as `mm`, `mo` or `10*9/L`")


@lru_cache(maxsize=512)
def parse_unit(code: str) -> Unit:
    """Read a UCUM code; `1` and annotations alone are the dimensionless unit.

    Raises `UnitError` for anything that is not understood whole.

    >>> parse_unit("10*9/L").size == parse_unit("10*3/uL").size, parse_unit("{INR}").dimension
    (True, ())
    """
    if not code or len(code) > 64:
        raise UnitError(f"`{code[:64]}` is not a UCUM code; give one such as `mm`, or `1` for a pure number")
    dimension: dict[str, int] = {}
    size = Fraction(1)
    position, sign, expecting = 0, 1, True
    while position < len(code):
        if code[position] in "./" and (not expecting or (position == 0 and code[0] == "/")):
            sign = -1 if code[position] == "/" else 1
            position, expecting = position + 1, True
            continue
        match = _TOKEN.match(code, position)
        if match is None or (not expecting and match["note"] is None):
            raise UnitError(f"`{code}` is not a UCUM code known here; give one such as `mm`, `mo` or `10*9/L`")
        position, expecting = match.end(), False
        if match["ten"]:
            size *= Fraction(10) ** (sign * int(match["power"]))
        elif match["number"]:
            if int(match["number"]) == 0:
                raise UnitError(f"`{code}` is not a UCUM code: a factor of zero measures nothing")
            size *= Fraction(int(match["number"])) ** sign
        elif match["name"]:
            exponent = sign * int(match["exponent"] or 1)
            of_symbol, size_of_symbol = _symbol(match["name"])
            size *= size_of_symbol**exponent
            for base, power in of_symbol.items():
                dimension[base] = dimension.get(base, 0) + power * exponent
        sign = sign if match["note"] and match.start() else 1
    if expecting:
        raise UnitError(f"`{code}` ends in an operator; give a UCUM code such as `mm` or `10*9/L`")
    if "Cel" in dimension and (dimension != {"Cel": 1} or size != 1):
        raise UnitError(f"`{code}`: degrees Celsius stand alone in UCUM and take no factor here")
    kept = tuple(sorted((base, power) for base, power in dimension.items() if power))
    return Unit(code, kept, size)


def convert(value: Fraction, source: str, target: str) -> Fraction:
    """The same amount in another unit, exactly. Raises `UnitError` where the dimensions differ.

    >>> convert(Fraction(2), "a", "mo")
    Fraction(24, 1)
    >>> convert(Fraction(150), "10*3/uL", "10*9/L")
    Fraction(150, 1)
    """
    given, wanted = parse_unit(source), parse_unit(target)
    if given.dimension != wanted.dimension:
        raise UnitError(f"`{source}` and `{target}` measure different things; give a unit comparable with `{target}`")
    return value * given.size / wanted.size
