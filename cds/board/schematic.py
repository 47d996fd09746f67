"""A diagram of the lesion, the planned ice and the structures at risk: true to distance and side, to nothing else.

Distances from the tumour's edge are to scale; directions are not anatomical, for the record holds none. A measured
value is an interval, and is drawn as one. What is not known is drawn at the rim with a question mark, never near, never
far. Left of the patient is on the right of the drawing, as in imaging.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cds.recommendation.model import FactPart, LesionPart, NumberValue, ThermoprotectionPart

Shape = Literal["point", "interval", "beyond", "unknown"]

WIDTH: Final = 960.0
CENTRE: Final = WIDTH / 2
RADIUS: Final = 180.0
"""From the centre to the rim, where the scale ends."""
NOMINAL: Final = 10.0
"""The radius in mm at which a lesion of unknown size is drawn; the drawing says so."""
LEAST_SCALE: Final = 10.0
MOST_SCALE: Final = 40.0
"""The farthest distance in mm that is drawn to scale; what is farther stands at the rim."""
LABEL: Final = 222.0
"""How far from the centre the labels begin."""
ROW: Final = 66.0
TOP: Final = 34.0
"""What is left free above the labels, for the sides of the patient."""
LINE: Final = 28
"""Characters of a label on one line."""
SPREAD: Final = math.radians(72)


@dataclass(frozen=True, slots=True)
class Names:
    """Which facts the drawing is made of, by the names that the vocabulary gives them.

    Where a rule set has no fact of a name, the drawing says that it is not known.
    """

    size: str = "lesion.maxDiameter"
    margin: str = "lesion.plannedIceMargin"
    isotherm: str = "lesion.plannedMarginIsotherm"
    distance: str = "structure.tumourDistance"
    ice_distance: str = "structure.plannedIceDistance"


NAMES: Final = Names()


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the drawing, in its own units."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Mark:
    """One structure: where it stands, how sure that is, and what protects it.

    `symbol` is the nearest place it may be; `end` the farthest, for an interval; `ice` where the planned ice ends
    towards it; `shield` the two ends of the protection drawn before it.
    """

    part: ThermoprotectionPart
    distance: FactPart | None
    ice_distance: FactPart | None
    shape: Shape
    symbol: Point
    end: Point | None
    ice: Point | None
    shield: tuple[Point, Point] | None
    label: Point
    on_right: bool
    planned: tuple[str, ...]
    """The labels of the measures that the plan names for it."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Its label in at most two lines; what is longer is cut, and stands whole in the table."""
        return tuple(textwrap.wrap(self.part.label, LINE, max_lines=2, placeholder=" …"))


@dataclass(frozen=True, slots=True)
class Schematic:
    """The drawing of one lesion. Radii are in the drawing's units; `ice` is `None` where no ice is planned."""

    height: float
    centre: Point
    tumour: float
    ice: float | None
    scale: float
    """Units per mm."""
    rim: float
    """The distance in mm at which the scale ends."""
    size: FactPart | None
    margin: FactPart | None
    isotherm: FactPart | None
    marks: tuple[Mark, ...]

    @property
    def size_known(self) -> bool:
        """Whether the lesion is drawn in its size."""
        return self.size is not None and self.size.status == "known"

    @property
    def ruler(self) -> float:
        """The length of 10 mm."""
        return round(10 * self.scale, 1)


def schematic(lesion: LesionPart, facts: Sequence[FactPart], names: Names = NAMES) -> Schematic | None:
    """The drawing of a lesion; `None` where no structure at risk is listed.

    `facts` are those of the whole answer.
    """
    parts = lesion.thermoprotection
    if not parts:
        return None
    known = {(fact.subject, fact.name): fact for fact in facts}
    distances = {_subject(lesion, part): known.get((_subject(lesion, part), names.distance)) for part in parts}
    size, margin = known.get((lesion.id, names.size)), known.get((lesion.id, names.margin))
    diameter, ice_margin = _middle(size), _middle(margin)
    tumour_mm = diameter / 2 if diameter is not None and diameter > 0 else NOMINAL
    far = [end for fact in distances.values() for end in _ends(fact) if end is not None]
    rim = min(MOST_SCALE, max(LEAST_SCALE, *far, ice_margin or 0.0)) if far or ice_margin else LEAST_SCALE
    scale = RADIUS / (tumour_mm + rim)
    right, left = _columns(parts)
    rows = max(len(right), len(left))
    height = max(2 * RADIUS + 80, rows * ROW + TOP + 20)
    centre = Point(CENTRE, round(height / 2))
    draw = _Drawing(centre, scale, tumour_mm, rim, height)
    marks = [
        draw.mark(part, distances[_subject(lesion, part)],
                  known.get((_subject(lesion, part), names.ice_distance)), place, len(column), column is right)
        for column in (right, left) for place, part in enumerate(column)
    ]  # fmt: skip
    ice = None if ice_margin is None else max(0.0, tumour_mm + min(ice_margin, rim)) * scale
    order = {id(part): place for place, part in enumerate(parts)}
    return Schematic(
        height=height, centre=centre, tumour=round(tumour_mm * scale, 1), ice=None if ice is None else round(ice, 1),
        scale=scale, rim=round(rim, 1), size=size, margin=margin, isotherm=known.get((lesion.id, names.isotherm)),
        marks=tuple(sorted(marks, key=lambda mark: order[id(mark.part)])),
    )  # fmt: skip


def _subject(lesion: LesionPart, part: ThermoprotectionPart) -> str:
    return f"{lesion.id}/{part.structure}/{part.side or 'none'}"


def _ends(fact: FactPart | None) -> tuple[float | None, float | None]:
    """The nearest and the farthest distance in mm that a fact leaves; `None` where it sets no bound."""
    if fact is None or fact.status != "known" or not isinstance(fact.value, NumberValue):
        return None, None
    low, high = fact.value.low, fact.value.high
    return (float(low) if low is not None else None, float(high) if high is not None else None)


def _middle(fact: FactPart | None) -> float | None:
    """One number to draw: the middle of an interval, or the end that it has."""
    ends = [end for end in _ends(fact) if end is not None]
    return sum(ends) / len(ends) if ends else None


def _columns(
    parts: Sequence[ThermoprotectionPart],
) -> tuple[list[ThermoprotectionPart], list[ThermoprotectionPart]]:
    """The structures on the right and on the left of the drawing; those without a side where there is room."""
    right = [part for part in parts if part.side == "left"]
    left = [part for part in parts if part.side == "right"]
    for part in parts:
        if part.side not in ("left", "right"):
            (left if len(left) <= len(right) else right).append(part)
    return right, left


@dataclass(frozen=True, slots=True)
class _Drawing:
    centre: Point
    scale: float
    tumour_mm: float
    rim: float
    height: float

    def mark(
        self, part: ThermoprotectionPart, distance: FactPart | None, ice: FactPart | None, place: int, of: int,
        on_right: bool,
    ) -> Mark:  # fmt: skip
        angle = SPREAD * ((2 * place + 1) / of - 1)
        low, high = _ends(distance)
        shape, near, far = _drawn(low, high, self.rim)
        label = Point(
            CENTRE + (LABEL if on_right else -LABEL), round(TOP + (place + 0.5) * (self.height - TOP - 20) / of)
        )
        planned = tuple(measure.label for measure in part.measures if measure.planned == "true")
        edge = _middle(ice)
        return Mark(
            part=part, distance=distance, ice_distance=ice, shape=shape,
            symbol=self._at(near, angle, on_right),
            end=self._at(far, angle, on_right) if far is not None else None,
            ice=self._at(max(0.0, near - edge), angle, on_right)
            if edge is not None and shape in ("point", "interval") else None,
            shield=self._shield(near, angle, on_right) if planned or part.verdict == "required" else None,
            label=label, on_right=on_right, planned=planned,
        )  # fmt: skip

    def _at(self, mm: float, angle: float, on_right: bool, inwards: float = 0.0, across: float = 0.0) -> Point:
        """The place at a distance from the tumour's edge, moved towards it and across by units of the drawing."""
        radius = (self.tumour_mm + min(max(mm, -self.tumour_mm), self.rim)) * self.scale - inwards
        x = radius * math.cos(angle) - across * math.sin(angle)
        y = radius * math.sin(angle) + across * math.cos(angle)
        return Point(round(self.centre.x + (x if on_right else -x), 1), round(self.centre.y + y, 1))

    def _shield(self, mm: float, angle: float, on_right: bool) -> tuple[Point, Point]:
        return self._at(mm, angle, on_right, 13, -13), self._at(mm, angle, on_right, 13, 13)


def _drawn(low: float | None, high: float | None, rim: float) -> tuple[Shape, float, float | None]:
    """How a distance is drawn: its shape, the nearest place, the farthest."""
    if low is None and high is None:
        return "unknown", rim, None
    near = low if low is not None else 0.0
    if near > rim or high is None:
        return "beyond", min(near, rim), rim if near < rim else None
    return ("point", near, None) if near == high else ("interval", near, min(high, rim))
