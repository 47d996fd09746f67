"""A page: what is said, in which order, before it becomes terminal text, Markdown or HTML.

All three are laid out from the same page, so that none of them can say less than another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal[1, 2, 3]
"""1 the answer, 2 a lesion, 3 a section."""

UNFOLD: Final = "unfold to read"
"""What a folded page says where more is to be had than it writes out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement. `label` is the word in the margin (`why`), `sources` what stands in brackets after it, `depth` how
    many steps it stands below the statement that it supports.

    >>> Entry("INR 2.1 is above 1.8.", "CR-6; moderate; sir2019_ms", "why").label
    'why'
    """

    text: str
    sources: str = ""
    label: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under column headings; every row has as many cells as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what is said beside it (`detail`), and the entries under it."""

    level: Level
    heading: str
    detail: str = ""
    entries: tuple[Entry | Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Sections in reading order; a `dense` one has to be seen at a glance."""

    sections: tuple[Section, ...]
    dense: bool = False
