"""Outcomes drawn as intervals: a dot where the proportion was seen, a bar for its exact 95 % interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cds.recommendation.model import OutcomePart

LEFT: Final = 12.0
WIDTH: Final = 400.0
"""Of the axis from 0 to 100 %, in the drawing's own units; `LEFT` is where it begins."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One outcome on the axis, in the drawing's own units."""

    outcome: OutcomePart
    dot: float
    low: float
    high: float


def place(percent: float) -> float:
    """Where a percentage stands on the axis.

    >>> place(0), place(50), place(100)
    (12.0, 212.0, 412.0)
    """
    return round(LEFT + WIDTH * percent / 100, 1)


def bars(outcomes: Iterable[OutcomePart]) -> tuple[Bar, ...]:
    """Every outcome once, in its order. `ci95` holds percentages."""
    return tuple(
        Bar(each, place(each.percent), place(each.ci95[0]), place(each.ci95[1])) for each in dict.fromkeys(outcomes)
    )
