"""The contexts of a case: one for the patient, each lesion, each structure at risk, and each ordered pair of lesions.

A context is what a criterion is decided in. It resolves every fact that a condition of its level may name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cds.case import Case, Fact, Facts
from cds.language.syntax import FactReference
from cds.vocabulary import Level

OVER_STRUCTURES = "structure"
OVER_OTHER_STRUCTURES = "other.structure"


@dataclass(frozen=True, slots=True)
class Context:
    """One place in a case where criteria of `level` are decided.

    `id` is `patient`, a lesion's id (`T1`), `T1/carotid-artery/left`, or `T1+T2` for the pair (lesion, other).
    `members` holds the structure contexts that *any structure* ranges over, by what it is over.
    """

    id: str
    level: Level
    facts: Mapping[str, Facts]
    """By the word before the point in a condition: `patient`, `lesion`, `structure`, `other`."""
    subjects: Mapping[str, str]
    """The subject of each of these words: `patient`, `T1`, `T1/carotid-artery/left`."""
    members: Mapping[str, tuple[Context, ...]]

    def fact(self, reference: FactReference) -> Fact:
        """The fact that a condition names here."""
        return self.facts[reference.level][reference.name]

    def subject(self, reference: FactReference) -> str:
        """Whom the fact that a condition names here is about."""
        return self.subjects[reference.level]

    @property
    def structure_name(self) -> str:
        """What the structure of a structure's context is called in the table: `carotid-artery`."""
        return str(self.facts["structure"]["name"].value)


@dataclass(frozen=True, slots=True)
class Contexts:
    """All contexts of a case, by level."""

    by_level: Mapping[Level, tuple[Context, ...]]

    def at(self, level: Level) -> tuple[Context, ...]:
        """The contexts of one level, in the order of the case."""
        return self.by_level[level]

    def __iter__(self) -> Iterator[Context]:
        for contexts in self.by_level.values():
            yield from contexts


def contexts_of(case: Case) -> Contexts:
    """Every context of a case.

    >>> import datetime as dt
    >>> from cds.case import Lesion
    >>> lesions = (Lesion("T1", "tongue", {}, ()), Lesion("T2", "neck", {}, ()))
    >>> [context.id for context in contexts_of(Case(dt.date(2026, 11, 22), {}, lesions))]
    ['patient', 'T1', 'T2', 'T1+T2', 'T2+T1']
    """
    patient = Context("patient", Level.PATIENT, {"patient": case.patient}, {"patient": "patient"}, {})
    structures = {
        lesion.id: tuple(
            Context(
                f"{lesion.id}/{structure.key}",
                Level.STRUCTURE,
                {"patient": case.patient, "lesion": lesion.facts, "structure": structure.facts},
                {"patient": "patient", "lesion": lesion.id, "structure": f"{lesion.id}/{structure.key}"},
                {},
            )
            for structure in lesion.structures
        )
        for lesion in case.lesions
    }
    lesions = tuple(
        Context(
            lesion.id,
            Level.LESION,
            {"patient": case.patient, "lesion": lesion.facts},
            {"patient": "patient", "lesion": lesion.id},
            {OVER_STRUCTURES: structures[lesion.id]},
        )
        for lesion in case.lesions
    )
    pairs = tuple(
        Context(
            f"{lesion.id}+{other.id}",
            Level.OTHER_LESION,
            {"patient": case.patient, "lesion": lesion.facts, "other": other.facts},
            {"patient": "patient", "lesion": lesion.id, "other": other.id},
            {OVER_STRUCTURES: structures[lesion.id], OVER_OTHER_STRUCTURES: structures[other.id]},
        )
        for lesion in case.lesions
        for other in case.lesions
        if other is not lesion
    )
    return Contexts(
        {
            Level.PATIENT: (patient,),
            Level.LESION: lesions,
            Level.STRUCTURE: tuple(context for lesion in case.lesions for context in structures[lesion.id]),
            Level.OTHER_LESION: pairs,
        }
    )
