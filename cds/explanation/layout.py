"""Text in a terminal of fixed-width cells: what may be printed, how wide it is, and where it breaks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from cds.explanation.page import Table

_TOGETHER: Final = re.compile(r"(\d) (%)")
_HELD: Final = "\0"
"""Stands for a space at which no line may break; printable text holds none."""
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    r"""The text on one line, with every character that could steer a terminal replaced.

    A label comes from the record; an escape sequence or a change of writing direction in it must not hide what follows.

    >>> printable("tongue\x1b[2J\nleft")
    'tongue�[2J left'
    """
    if text.isprintable():
        return str(text)  # marked up text is plain text here, as below
    return "".join(each if each.isprintable() else " " if each.isspace() else REPLACEMENT for each in text)


def cells(text: str) -> int:
    r"""How many cells a terminal gives to printable text: two for a wide character, none for a combining mark.

    >>> cells("5 mm"), cells("舌"), cells("e\u0301")
    (4, 2, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_cells(each) for each in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """The lines of a text, none over `width` cells; `first` starts the first one, `rest` the others.

    A word that is longer than a line is cut; nothing is left out.

    >>> wrapped("no sign against surgery", 14, "- ")
    ['- no sign', '  against', '  surgery']
    """
    rest = " " * cells(first) if rest is None else rest
    lines: list[str] = []
    line, empty = first, True
    for word in _TOGETHER.sub(rf"\1{_HELD}\2", printable(text)).split():
        word = word.replace(_HELD, " ")
        while True:
            gap = "" if empty else " "
            if cells(line) + len(gap) + cells(word) <= width:
                line, empty = line + gap + word, False
                break
            if not empty:
                lines.append(line)
                line, empty = rest, True
                continue
            taken = _fitting(word, width - cells(line))
            lines.append(line + taken)
            line, word = rest, word[len(taken) :]
    return [*lines, line] if not empty or not lines else lines


def _fitting(word: str, width: int) -> str:
    """As much of a word as fits; at least one character, or no end would be reached."""
    taken = word[0]
    for character in word[1:]:
        if cells(taken + character) > width:
            break
        taken += character
    return taken


def table_lines(table: Table, width: int, indent: str = "  ") -> list[str]:
    """The lines of a table that fits `width`: the widest column gives way first, cells are wrapped, never cut."""
    grid = [[printable(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(cells(row[at]) for row in grid) for at in range(len(table.columns))]
    room = width - cells(indent) - 2 * (len(widths) - 1)
    while sum(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    lines: list[str] = []
    for row in grid:
        columns = [wrapped(cell, each) for cell, each in zip(row, widths, strict=True)]
        for at in range(max(len(column) for column in columns)):
            parts = [column[at] if at < len(column) else "" for column in columns]
            lines.append((indent + _joined(parts, widths)).rstrip())
    return lines


def _joined(parts: Sequence[str], widths: Iterable[int]) -> str:
    return "  ".join(part + " " * (width - cells(part)) for part, width in zip(parts, widths, strict=True))
