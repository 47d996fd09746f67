"""The thermoprotection plan as a checklist: one entry a structure, what is needed first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cds.recommendation.model import (
    LesionPart,
    MeasurePart,
    PlannerReason,
    ProtectionPlanPart,
    ThermoprotectionPart,
)

_FIRST: Final = {"required": 0, "undetermined": 1, "not-required": 2}


@dataclass(frozen=True, slots=True)
class ChecklistEntry:
    """One structure at risk: its need, the measures that are open, those that are not and why, and its monitoring."""

    subject: str
    part: ThermoprotectionPart
    needs: tuple[PlannerReason, ...]
    """The reasons of the need that hold or are undecided; of a structure that needs none, those that do not hold."""
    open: tuple[MeasurePart, ...]
    closed: tuple[MeasurePart, ...]
    covered: str
    """`true`, `false`, `unknown`, or `not-needed`."""


@dataclass(frozen=True, slots=True)
class WorkingSet:
    """A smallest set of measures that leaves no protectable structure without one, by their labels."""

    measures: tuple[str, ...]
    together_with: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checklist:
    """The protection of all structures of a lesion."""

    entries: tuple[ChecklistEntry, ...]
    plan: ProtectionPlanPart | None
    sets: tuple[WorkingSet, ...]
    without_measure: tuple[str, ...]
    uncovered: tuple[str, ...]

    def counted(self, verdict: str) -> int:
        """How many structures have this verdict."""
        return sum(entry.part.verdict == verdict for entry in self.entries)


def checklist(lesion: LesionPart) -> Checklist:
    """The checklist of a lesion; the entries in the order of their need, then as the rule set lists them."""
    parts = sorted(lesion.thermoprotection, key=lambda part: _FIRST[part.verdict])
    entries = tuple(_entry(lesion.id, part) for part in parts)
    plan = lesion.protection_plan
    if plan is None:
        return Checklist(entries, None, (), (), ())
    names = {entry.subject: entry.part.label for entry in entries}
    labels = {m.measure: m.label for part in parts for m in part.measures}
    labels |= {m.monitoring: m.label for part in parts for m in part.monitoring}

    def called(ids: Iterable[str], by: dict[str, str]) -> tuple[str, ...]:
        return tuple(by.get(each, each) for each in ids)

    sets = tuple(WorkingSet(called(s.measures, labels), called(s.with_, labels)) for s in plan.sufficient_sets)
    return Checklist(entries, plan, sets, called(plan.without_measure, names), called(plan.uncovered, names))


def _entry(lesion: str, part: ThermoprotectionPart) -> ChecklistEntry:
    wanted = [reason for reason in part.reasons if reason.truth != "false"]
    return ChecklistEntry(
        subject=f"{lesion}/{part.structure}/{part.side or 'none'}",
        part=part,
        needs=tuple(wanted or part.reasons),
        open=tuple(measure for measure in part.measures if measure.status == "available"),
        closed=tuple(measure for measure in part.measures if measure.status != "available"),
        covered=part.covered_by_plan if part.verdict != "not-required" else "not-needed",
    )
