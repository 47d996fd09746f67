"""The answer as Markdown: the same page as in the terminal, for notes and mails."""

from __future__ import annotations

import re
from typing import Final

from cds.explanation.answer import page
from cds.explanation.layout import printable
from cds.explanation.page import Entry, Page, Section, Table
from cds.recommendation.model import Recommendation

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_LEADING: Final = re.compile(r"^(\d+)([.)])|^([-+=])")


def render(recommendation: Recommendation, *, unfold: bool = False) -> str:
    """The whole answer as Markdown; text of the record is escaped and cannot become markup."""
    return lay_out(page(recommendation, unfold=unfold))


def lay_out(content: Page) -> str:
    """A page as Markdown."""
    return "\n".join(line for section in content.sections for line in _section(section)).strip("\n") + "\n"


def escaped(text: str) -> str:
    r"""Text that Markdown shows as it is.

    >>> escaped("*no* <b> | 1.8")
    '\\*no\\* \\<b\\> \\| 1.8'
    """
    safe = _SPECIAL.sub(r"\\\1", printable(text))
    return _LEADING.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", safe)


def _section(section: Section) -> list[str]:
    lines = [f"{'#' * section.level} {escaped(section.heading)}", ""]
    if section.detail:
        lines += [f"**{escaped(section.detail)}**", ""]
    listed = False
    for entry in section.entries:
        if isinstance(entry, Table):
            lines += [*([""] if listed else []), *_table(entry), ""]
            listed = False
        else:
            lines.append(_entry(entry))
            listed = True
    return [*lines, ""] if listed else lines


def _entry(entry: Entry) -> str:
    label = f"*{escaped(entry.label)}*: " if entry.label else ""
    sources = f" \\[{escaped(entry.sources)}\\]" if entry.sources else ""
    return f"{'  ' * entry.depth}- {label}{escaped(entry.text)}{sources}"


def _table(table: Table) -> list[str]:
    rows = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    return [f"| {' | '.join(cell if at == 1 else escaped(cell) for cell in row)} |" for at, row in enumerate(rows)]
