"""A slice through the regions: what becomes of an option as two facts of one patient take every value that matters.

The conditions cut the values of a fact at their thresholds, so a few ranges stand for all values: below, at and above
each threshold, each code, yes and no. Every other fact stays as the patient has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from html import escape
from typing import Final

from cds.analysis.judging import Judgement
from cds.case import Case, Fact, Known
from cds.case.case import narrowed
from cds.language import children
from cds.language.syntax import Between, Comparison, Expression, FactReference, NumberLiteral, QuantityLiteral
from cds.language.types import BooleanType, CodeType, DateType
from cds.quantities import Interval
from cds.reasoning.verdict import Verdict, listed, verdict_of
from cds.recommendation.words import value_text
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase
from cds.vocabulary import FactDefinition, Level

SYMBOLS: Final[Mapping[Verdict, str]] = {
    Verdict.ELIGIBLE: "✓",
    Verdict.CONDITIONAL: "!",
    Verdict.INELIGIBLE: "✕",
    Verdict.UNDETERMINED: "?",
    Verdict.NOT_ASSESSED: "–",
}
"""As on the board's pages: a verdict is never told by its colour alone."""
MOST_CELLS: Final = 400


@dataclass(frozen=True, slots=True)
class Range:
    """Values of a fact between which no condition tells a difference; `is_threshold` for the one at which one turns."""

    fact: Fact
    text: str
    is_threshold: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """What the option is with one range of each fact, and the worked cases that have such values of both.

    `alike` are those whose verdict is this one, `otherwise` those that other facts make something else.
    """

    possible: tuple[Verdict, ...]
    alike: tuple[str, ...]
    otherwise: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict; `undetermined` where several are possible."""
        return verdict_of(frozenset(self.possible))


@dataclass(frozen=True)
class Slice:
    """Two facts of the patient or of the lesion, across and up, of one patient otherwise."""

    rules: RuleSet
    option: str
    across: FactDefinition
    up: FactDefinition
    base: Case
    worked_cases: Mapping[str, Case]
    phase: Phase = "decision"

    @cached_property
    def columns(self) -> tuple[Range, ...]:
        """The ranges of the fact across."""
        return tuple(ranges(self.rules, self.across, self.phase))

    @cached_property
    def rows(self) -> tuple[Range, ...]:
        """The ranges of the fact up, from below."""
        return tuple(ranges(self.rules, self.up, self.phase))

    @cached_property
    def cells(self) -> Mapping[tuple[int, int], Cell]:
        """Every cell by column and row."""
        return {
            (column, row): self._cell(across, up)
            for column, across in enumerate(self.columns)
            for row, up in enumerate(self.rows)
        }

    def _cell(self, across: Range, up: Range) -> Cell:
        case = self.base
        for definition, fact in ((self.across, across.fact), (self.up, up.fact)):
            case = narrowed(case, self.rules.vocabulary, _subject(case, definition), definition.name, fact)
        possible = Judgement(self.rules, self.phase, case).possible(self.option)
        there = [
            name
            for name, worked in self.worked_cases.items()
            if _has(worked, self.across, across.fact) and _has(worked, self.up, up.fact)
        ]
        alike = tuple(name for name in there if self._possible[name] == possible)
        return Cell(listed(possible), alike, tuple(name for name in there if name not in alike))

    @cached_property
    def _possible(self) -> Mapping[str, frozenset[Verdict]]:
        return {
            name: Judgement(self.rules, self.phase, case).possible(self.option)
            for name, case in self.worked_cases.items()
        }


def _subject(case: Case, definition: FactDefinition) -> str:
    return "patient" if definition.level is Level.PATIENT else case.lesions[0].id


def _has(case: Case, definition: FactDefinition, fact: Fact) -> bool:
    """Whether the case's own fact lies wholly within a range."""
    if not case.lesions:
        return False
    own = (case.patient if definition.level is Level.PATIENT else case.lesions[0].facts)[definition.name].value
    value = fact.value
    if isinstance(own, Interval) and isinstance(value, Interval):
        return own.within(value)
    return own is not None and own == value


def ranges(rules: RuleSet, definition: FactDefinition, phase: Phase) -> Iterator[Range]:
    """The values of a fact, cut where any condition turns. Raises `ValueError` for a date, which no condition reads."""
    if isinstance(definition.type, DateType):
        raise ValueError(f"{definition.path} is a date, and no condition reads one")
    if isinstance(definition.type, BooleanType):
        values: list[bool | str] = [False, True]
    elif isinstance(definition.type, CodeType):
        values = list(definition.type.values)
    else:
        yield from _numbers(rules, definition, phase)
        return
    for value in values:
        yield Range(Fact(Known(value)), value_text(value, definition))


def _numbers(rules: RuleSet, definition: FactDefinition, phase: Phase) -> Iterator[Range]:
    cuts = sorted(thresholds(rules, definition, phase))
    if not cuts:
        raise ValueError(f"{definition.path}: no condition compares it with a number")

    def shown(value: Interval, *, is_threshold: bool = False) -> Range:
        return Range(Fact(Known(value)), value_text(value, definition), is_threshold)

    yield shown(Interval.below(cuts[0], open_end=True))
    for number, cut in enumerate(cuts):
        yield shown(Interval.point(cut), is_threshold=True)
        above = cuts[number + 1] if number + 1 < len(cuts) else None
        yield shown(Interval(cut, above, True, True))


def thresholds(rules: RuleSet, definition: FactDefinition, phase: Phase) -> frozenset[Fraction]:
    """The numbers with which the conditions of a phase compare a fact, in the fact's unit."""
    found: set[Fraction] = set()

    def walk(expression: Expression) -> None:
        match expression:
            case Comparison(_, FactReference() as fact, NumberLiteral(value) | QuantityLiteral(value)):
                if (fact.level, fact.name) == (definition.level.value, definition.name):
                    found.add(value)
            case Between(FactReference() as fact, low, high):
                ends = [each.value for each in (low, high) if isinstance(each, NumberLiteral | QuantityLiteral)]
                if (fact.level, fact.name) == (definition.level.value, definition.name):
                    found.update(ends)
            case _:
                for each in children(expression):
                    walk(each)

    for criterion in rules.programs[phase].criteria:
        walk(criterion.condition)
    return frozenset(found)


# ---------------------------------------------------------------------------------------------------------- drawing

_WIDTH, _HEIGHT, _LEFT, _TOP = 136, 52, 250, 64
_MOST_DOTS, _MOST_LETTERS = 7, 34
_NARROWEST: Final = 760
"""What the legend and the heading take."""
_LEGEND: Final = (
    "● a worked case of this verdict; ○ a worked case that other facts make something else; bold: the threshold itself"
)
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#16191d}.head{font-weight:600}.quiet{fill:#4a535c;font-size:12px}"
    "rect{stroke:#59636d}.threshold{font-weight:700}.eligible{fill:#e3f3e9}.conditional{fill:#fdf0d5}"
    ".ineligible{fill:#fbe3e3}.undetermined{fill:#e9e8fb;stroke-dasharray:4 3}.not-assessed{fill:#f4f6f8}"
    ".alike{fill:#16191d}.otherwise{fill:#fff;stroke:#16191d;stroke-width:2}"
)


def svg(drawn: Slice, title: str) -> str:
    """The slice as a drawing that stands by itself: columns across, rows from below, a dot for each worked case.

    A full dot is a worked case of this verdict, a ring one that other facts make something else.
    """
    width = max(_LEFT + _WIDTH * len(drawn.columns) + 20, _NARROWEST)
    height = _TOP + _HEIGHT * len(drawn.rows) + 96
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="t">',
        f"<title id=\"t\">{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect x="0" y="0" width="{width}" height="{height}" fill="#fff" stroke="none"/>',
        f'<text class="head" x="12" y="24">{escape(title)}</text>',
        f'<text class="quiet" x="12" y="{_TOP - 14}">{escape(_axis(drawn.up))} ↑</text>',
    ]
    for number, row in enumerate(drawn.rows):
        y = _TOP + _HEIGHT * (len(drawn.rows) - 1 - number)
        parts.append(_label(row, _LEFT - 10, y + _HEIGHT // 2 + 4, "end"))
        for column in range(len(drawn.columns)):
            parts += _drawn_cell(drawn.cells[column, number], _LEFT + _WIDTH * column, y)
    below = _TOP + _HEIGHT * len(drawn.rows)
    for column, each in enumerate(drawn.columns):
        parts.append(_label(each, _LEFT + _WIDTH * column + _WIDTH // 2, below + 20, "middle"))
    parts += [
        f'<text class="quiet" x="{_LEFT}" y="{below + 44}">{escape(_axis(drawn.across))} →</text>',
        f'<text class="quiet" x="12" y="{below + 72}">{_LEGEND}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axis(definition: FactDefinition) -> str:
    return f"{definition.label} ({definition.path})"


def _label(shown: Range, x: int, y: int, anchor: str) -> str:
    text = shown.text if len(shown.text) <= _MOST_LETTERS else f"{shown.text[: _MOST_LETTERS - 1]}…"
    kind = "threshold" if shown.is_threshold else ""
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _drawn_cell(cell: Cell, x: int, y: int) -> Iterator[str]:
    word = cell.verdict.value
    yield f'<rect class="{word}" x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}">'
    named = [*cell.alike, *cell.otherwise]
    told = ", ".join(each.value for each in cell.possible) + (f": {', '.join(named)}" if named else "")
    yield f"<title>{escape(told)}</title></rect>"
    yield f'<text x="{x + 8}" y="{y + 20}">{SYMBOLS[cell.verdict]} {word}</text>'
    for place, kind in enumerate(["alike"] * len(cell.alike) + ["otherwise"] * len(cell.otherwise)):
        if place == _MOST_DOTS:
            more = f"+{len(named) - _MOST_DOTS}"
            yield f'<text class="quiet" x="{x + _WIDTH - 8}" y="{y + 42}" text-anchor="end">{more}</text>'
            return
        yield f'<circle class="{kind}" cx="{x + 14 + 12 * place}" cy="{y + 37}" r="4"/>'
