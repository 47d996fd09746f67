"""What CQL has and this language refuses, with the reason and what to write instead.

The language is *monotone*: learning a fact that was unknown never turns a settled condition over. Every operator that
turns unknown into an answer would break that, so none is accepted. The rest is refused because nothing needs it.

The tables are data: the parser looks a refused word or symbol up, the tests run every `example`, and the reference page
lists every entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a piece of CQL is refused (`why`, a clause), what to write `instead`, and a condition that holds it."""

    why: str
    instead: str
    example: str


_ENUMERATED: Final = "let the rule stand `for_each: structure`, or define `{any: structure, where: …}`"
_CLOCK: Final = "the date of the question is an input; let the vocabulary declare how fresh a fact must be"
_QUERY: Final = (
    "queries are not in the language: a query drops the members about which its condition is unknown"
)
_TIMING: Final = "conditions hold no dates and no intervals of dates"
_DURATION: Final = "compare a duration that the vocabulary has, or let it declare `fresh: {since: …}`"
_TYPES: Final = "types are not converted here: a fact has the type that the vocabulary gives it"


def _query(word: str, example: str) -> dict[str, Refusal]:
    return {word: Refusal(_QUERY, _ENUMERATED, example)}


def _timing(*words: str) -> dict[str, Refusal]:
    return {word: Refusal(_TIMING, _DURATION, f"lesion.ablated {word} lesion.irradiated") for word in words}


def _aggregate(*words: str) -> dict[str, Refusal]:
    return {
        word: Refusal(
            "it turns unknown into an answer: it leaves out what is not known and reckons with the rest",
            "write `{at_least: n, of: […]}` in the rule, or the alternatives with `or`",
            f"{word}({{1, 2}}) > 1",
        )
        for word in words
    }


def _function(*words: str) -> dict[str, Refusal]:
    return {
        word: Refusal("it depends on the clock, and no answer here may", _CLOCK, f"{word}() > 1")
        for word in words
    }


# Words that begin a refused construct or stand where an operator could. `is` is in `IS`, by the word after it.
WORDS: Final[Mapping[str, Refusal]] = MappingProxyType(
    {
        "exists": Refusal(
            "it turns unknown into an answer: a member about which nothing is known counts as not there",
            _ENUMERATED,
            "exists structure.threatened",
        ),
        "AnyTrue": Refusal(
            "it turns unknown into an answer: it leaves unknown members out, so all unknown gives false",
            "write the alternatives with `or`, or define `{any: structure, where: …}`",
            "AnyTrue({lesion.a, lesion.b})",
        ),
        "AllTrue": Refusal(
            "it turns unknown into an answer: it leaves unknown members out, so all unknown gives true",
            "write the parts with `and`, or let the rule stand `for_each: structure`",
            "AllTrue({lesion.a, lesion.b})",
        ),
        "Coalesce": Refusal(
            "it turns unknown into an answer: it puts a value where none is known",
            "leave the fact unknown, or let the vocabulary declare, with its reason, that silence means no",
            "Coalesce(lesion.a, false)",
        ),
        "contains": Refusal(
            "it turns unknown into an answer: `{…} contains null` is false",
            "write `fact in {'a', 'b'}`, which here means `fact = 'a' or fact = 'b'`",
            "{'a', 'b'} contains lesion.site",
        ),
        "null": Refusal(
            "it is not a value here: comparing with it is unknown whatever the patient has",
            "leave it out; a fact nobody recorded makes the condition unknown by itself, and the answer names the fact",
            "lesion.site = null",
        ),
        "if": Refusal(
            "it turns unknown into an answer: an unknown test takes the `else` branch",
            "write `(a and b) or (not a and c)`",
            "if lesion.a then lesion.b else lesion.c",
        ),
        "case": Refusal(
            "it turns unknown into an answer: an unknown test takes the `else` branch",
            "write `(a and b) or (not a and c)`",
            "case when lesion.a then lesion.b else lesion.c end",
        ),
        "as": Refusal(_TYPES, "leave the type out", "lesion.a as Boolean"),
        "cast": Refusal(_TYPES, "leave the type out", "cast lesion.a as Boolean"),
        "convert": Refusal(
            _TYPES,
            "write the constant in any UCUM unit of the same dimension; it is converted exactly",
            "convert lesion.a to 'mm'",
        ),
        "div": Refusal(
            "it is not in the language", "arithmetic has `+ - * /`, on literals and parameters", "5 div 2 > 1"
        ),
        "mod": Refusal(
            "it is not in the language", "arithmetic has `+ - * /`, on literals and parameters", "5 mod 2 > 1"
        ),
        "union": Refusal(
            "lists are not in the language", "write one `in {…}` with all values", "lesion.a union lesion.b"
        ),
        "intersect": Refusal(
            "lists are not in the language", "write two conditions with `and`", "lesion.a intersect lesion.b"
        ),
        "except": Refusal("lists are not in the language", "write `and not (…)`", "lesion.a except lesion.b"),
        "Interval": Refusal(
            "intervals are not in the language",
            "write `fact between low and high`",
            "lesion.a in Interval[1, 2]",
        ),
        "List": Refusal(
            "lists are not in the language", "write `fact in {'a', 'b'}`", "lesion.a in List{1, 2}"
        ),
        "Tuple": Refusal(
            "tuples are not in the language", "name the fact as `level.name`", "Tuple{a: 1} = lesion.a"
        ),
        "Code": Refusal(
            "terminology stands in the vocabulary, not in conditions",
            "write the vocabulary's own word for the code, such as `fact = 'left'`",
            "lesion.site = Code '123' from SNOMED",
        ),
        "Concept": Refusal(
            "terminology stands in the vocabulary, not in conditions",
            "write the vocabulary's own word for the code, such as `fact = 'left'`",
            "lesion.site = Concept {Code '123' from SNOMED}",
        ),
        "properly": Refusal(
            "it is not in the language",
            "write `fact > low and fact < high`",
            "lesion.a properly between 1 and 2",
        ),
        **_aggregate(
            "Count", "Sum", "Min", "Max", "Avg", "Median", "Mode", "First", "Last", "Length", "IndexOf"
        ),
        "IsNull": Refusal(
            "it turns unknown into an answer",
            "leave it out; a fact nobody recorded makes the condition unknown by itself, and the answer names the fact",
            "IsNull(lesion.a)",
        ),
        "IsTrue": Refusal(
            "it turns unknown into an answer: unknown gives false",
            "write the condition by itself",
            "IsTrue(lesion.a)",
        ),
        "IsFalse": Refusal(
            "it turns unknown into an answer: unknown gives false", "write `not (…)`", "IsFalse(lesion.a)"
        ),
        **_function("Now", "Today", "TimeOfDay", "AgeInYears", "AgeInMonths", "CalculateAgeInYears"),
        **_query("from", "from lesion.parts P where P.a return P"),
        **_query("where", "lesion.parts where lesion.a"),
        **_query("return", "lesion.parts return lesion.a"),
        **_query("let", "lesion.parts let a: 1"),
        **_query("with", "lesion.parts with lesion.a such that lesion.b"),
        **_query("without", "lesion.parts without lesion.a such that lesion.b"),
        **_query("sort", "lesion.parts sort desc"),
        **_query("distinct", "distinct lesion.parts"),
        **_query("flatten", "flatten lesion.parts"),
        **_query("singleton", "singleton from lesion.parts"),
        **_timing(
            "before",
            "after",
            "during",
            "within",
            "same",
            "overlaps",
            "meets",
            "starts",
            "ends",
            "includes",
            "occurs",
        ),
        "duration": Refusal(_TIMING, _DURATION, "duration in months of lesion.a > 3"),
        "difference": Refusal(_TIMING, _DURATION, "difference in months between lesion.a and lesion.b > 3"),
        "start": Refusal(_TIMING, _DURATION, "start of lesion.a = 1"),
        "end": Refusal(_TIMING, _DURATION, "end of lesion.a = 1"),
    }
)

# `is …` and `is not …`, by the words after `is`; anything else after `is` is a type.
IS: Final[Mapping[str, Refusal]] = MappingProxyType(
    {
        "is null": Refusal(
            "it turns unknown into an answer, so that learning the fact could turn a settled answer over",
            "leave it out; a fact nobody recorded makes the condition unknown by itself, and the answer names the fact",
            "lesion.a is null",
        ),
        "is not null": Refusal(
            "it turns unknown into an answer: not recorded would count as no",
            "leave it out; a fact nobody recorded makes the condition unknown by itself, and the answer names the fact",
            "lesion.a is not null",
        ),
        "is true": Refusal(
            "it turns unknown into an answer: unknown gives false",
            "write the condition by itself",
            "lesion.a is true",
        ),
        "is false": Refusal(
            "it turns unknown into an answer: unknown gives false",
            "write `not (…)`, or `fact = false`",
            "lesion.a is false",
        ),
        "is not true": Refusal(
            "it turns unknown into an answer: unknown gives true",
            "write `not (…)`, or `fact = false`",
            "lesion.a is not true",
        ),
        "is not false": Refusal(
            "it turns unknown into an answer: unknown gives true",
            "write the condition by itself",
            "lesion.a is not false",
        ),
        "is": Refusal(_TYPES, "leave the type out; for a value write `=`", "lesion.a is Boolean"),
    }
)

# Longest first where one begins another: the lexer takes the first that fits.
SYMBOLS: Final[Mapping[str, Refusal]] = MappingProxyType(
    {
        "!~": Refusal(
            "it turns unknown into an answer: equivalence takes two unknowns for the same",
            "write `!=`",
            "lesion.a !~ 'b'",
        ),
        "~": Refusal(
            "it turns unknown into an answer: equivalence takes two unknowns for the same",
            "write `=`",
            "lesion.a ~ 'b'",
        ),
        "&&": Refusal("it is not CQL", "did you mean `and`?", "lesion.a && lesion.b"),
        "&": Refusal(
            "it is not in the language: it joins texts", "did you mean `and`?", "lesion.a & lesion.b"
        ),
        "||": Refusal("it is not CQL", "did you mean `or`?", "lesion.a || lesion.b"),
        "|": Refusal(
            "it is not in the language: it joins lists", "did you mean `or`?", "lesion.a | lesion.b"
        ),
        "===": Refusal("it is not CQL", "did you mean `=`?", "lesion.a === 'b'"),
        "==": Refusal("it is not CQL", "did you mean `=`?", "lesion.a == 'b'"),
        "=>": Refusal("it is not CQL", "did you mean `>=`, or `implies`?", "lesion.a => 5"),
        "=<": Refusal("it is not CQL", "did you mean `<=`?", "lesion.a =< 5"),
        "<>": Refusal("it is not CQL 1.5", "did you mean `!=`?", "lesion.a <> 'b'"),
        "->": Refusal("it is not an operator here", "did you mean `implies`?", "lesion.a -> lesion.b"),
        "!": Refusal("it is not CQL", "did you mean `not`?", "!lesion.a"),
        "≤": Refusal("it is not CQL", "did you mean `<=`?", "lesion.a ≤ 5"),
        "≥": Refusal("it is not CQL", "did you mean `>=`?", "lesion.a ≥ 5"),
        "≠": Refusal("it is not CQL", "did you mean `!=`?", "lesion.a ≠ 5"),
        "^": Refusal(
            "it is not in the language", "arithmetic has `+ - * /`, on literals and parameters", "2 ^ 3 > 5"
        ),
        "[": Refusal(
            "retrieves and positions in lists are not in the language: facts are read by the mappings",
            "name the fact as `level.name`",
            "[Observation]",
        ),
        "]": Refusal("it is not in the language", "name the fact as `level.name`", "lesion.a]"),
        "@": Refusal(_TIMING, _DURATION, "lesion.a > @2024-03-01"),
        '"': Refusal(
            "double quotes enclose names in CQL, and names need none here",
            "write a value in single quotes: `'biopsy'`",
            'lesion.proof = "biopsy"',
        ),
        "`": Refusal(
            "back quotes enclose names in CQL, and names need none here",
            "write `level.name` as it is",
            "`lesion`.a",
        ),
        "‘": Refusal(
            "it is not CQL's quote", "write a value in straight quotes: `'biopsy'`", "lesion.proof = ‘biopsy’"
        ),
        "’": Refusal(
            "it is not CQL's quote", "write a value in straight quotes: `'biopsy'`", "lesion.proof = ’biopsy’"
        ),
        "“": Refusal(
            "it is not CQL's quote", "write a value in straight quotes: `'biopsy'`", "lesion.proof = “biopsy”"
        ),
        "”": Refusal(
            "it is not CQL's quote", "write a value in straight quotes: `'biopsy'`", "lesion.proof = ”biopsy”"
        ),
        "%": Refusal("it is no unit by itself", "write a percentage as `50 '%'`", "lesion.a > 50%"),
        "$": Refusal(
            "it is not in the language", "name a parameter as `parameters.name`", "lesion.a > $limit"
        ),
        ":": Refusal(
            "it is not in the language: ratios and queries are refused",
            "write a number or a quantity",
            "lesion.a = 1:128",
        ),
        ";": Refusal(
            "it is not in the language", "write one condition, with `and` or `or` in it", "lesion.a; lesion.b"
        ),
        "?": Refusal(
            "it is not in the language", "write `(a and b) or (not a and c)`", "lesion.a ? lesion.b"
        ),
        "#": Refusal(
            "it is not in the language", "write a comment as `// …` or `/* … */`", "lesion.a # sure"
        ),
        "\\": Refusal("it stands only inside a quoted value", "leave it out", "lesion.a \\ lesion.b"),
    }
)

# CQL's calendar units are not UCUM's definite ones: a calendar month has 28 to 31 days, `'mo'` has 30.4375.
CALENDAR_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "year": "a", "years": "a", "month": "mo", "months": "mo", "week": "wk", "weeks": "wk", "day": "d", "days": "d",
        "hour": "h", "hours": "h", "minute": "min", "minutes": "min", "second": "s", "seconds": "s",
        "millisecond": "ms", "milliseconds": "ms",
    }
)  # fmt: skip

# CQL 1.5's keywords (appendix A): none may be the name of a fact, so that every CQL tool reads our names alike.
CQL_WORDS: Final = frozenset(
    {
        "after", "aggregate", "all", "and", "as", "asc", "ascending", "before", "between", "by", "called",
        "case", "cast", "code", "Code", "codesystem", "codesystems", "collapse", "concept", "Concept",
        "contains", "context", "convert", "date", "day", "days", "default", "define", "desc", "descending",
        "difference", "display", "distinct", "div", "duration", "during", "else", "end", "ends", "except",
        "exists", "expand", "false", "flatten", "fluent", "from", "function", "hour", "hours", "if",
        "implies", "in", "include", "includes", "intersect", "Interval", "is", "let", "library", "List",
        "maximum", "meets", "millisecond", "milliseconds", "minimum", "minute", "minutes", "mod", "month",
        "months", "not", "null", "occurs", "of", "or", "overlaps", "parameter", "per", "point",
        "predecessor", "private", "properly", "public", "return", "same", "second", "seconds", "singleton",
        "sort", "start", "starting", "starts", "successor", "then", "time", "timezoneoffset", "to", "true",
        "Tuple", "union", "using", "valueset", "version", "week", "weeks", "when", "where", "width", "with",
        "within", "without", "xor", "year", "years",
    }
)  # fmt: skip
