"""The answer for a terminal: what is asked and what is decisive first, then the options with their reasons."""

from __future__ import annotations

from typing import Final

from cds.explanation.answer import page
from cds.explanation.layout import cells, printable, table_lines, wrapped
from cds.explanation.page import Entry, Page, Section
from cds.recommendation.model import Recommendation

MARGIN: Final = 10
"""Cells of the word in the margin (`not yet`) with the space around it."""
NARROWEST: Final = 40
DEEPEST: Final = 10
"""Steps of indentation; what stands deeper is not moved further, so that there is room left for its words."""


def render(recommendation: Recommendation, *, width: int = 80, unfold: bool = False) -> str:
    """The whole answer as lines of at most `width` cells (40 or more). `unfold` writes out what is else counted."""
    return lay_out(page(recommendation, unfold=unfold), width=width)


def lay_out(content: Page, *, width: int = 80) -> str:
    """A page as text. Raises `ValueError` for a width in which nothing can be read."""
    if width < NARROWEST:
        raise ValueError(f"width: `{width}` is too narrow; give {NARROWEST} or more")
    lines: list[str] = []
    before: Section | None = None
    for section in content.sections:
        if before is not None and not _close(before, section, dense=content.dense):
            lines.append("")
        lines += _section(section, width, dense=content.dense)
        before = section
    return "\n".join(lines).strip("\n") + "\n"


def _close(before: Section, section: Section, *, dense: bool) -> bool:
    """Whether two sections stand without a blank line between them: one under its lesion, and one-liners in a row.

    In a dense page the headings of sections, in capitals, part them well enough.
    """
    if dense:
        return section.level == 3 and before.level != 1
    return section.level == 3 and not before.entries and (before.level < 3 or not section.entries)


def _section(section: Section, width: int, *, dense: bool) -> list[str]:
    lines: list[str] = []
    if section.level == 3:
        heading = section.heading.upper()
        lines += wrapped(f"{heading}: {section.detail}" if section.detail else heading, width, "", "  ")
    else:
        parts = [part for part in (section.heading, section.detail) if part]
        for part in [" · ".join(parts)] if section.level == 2 else parts:
            lines += wrapped(part, width)
        if section.level == 2 and not dense:
            lines.append("─" * min(width, max(cells(line) for line in lines)))
    for entry in section.entries:
        lines += _entry(entry, width) if isinstance(entry, Entry) else table_lines(entry, width)
    return lines


def _entry(entry: Entry, width: int) -> list[str]:
    text = f"{entry.text} [{entry.sources}]" if entry.sources else entry.text
    if not entry.label:
        indent = "  " * (min(entry.depth, DEEPEST) + 1)
        return wrapped(text, width, indent, f"{indent}  ")
    label = printable(entry.label)
    first = f"  {label}{' ' * max(1, MARGIN - cells(label))}"
    return wrapped(text, width, first, " " * (MARGIN + 2))
