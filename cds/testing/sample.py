"""A small vocabulary that has every kind and type of fact, for examples and for tests of the engine itself.

Its names and bounds are invented and mean nothing clinically; knowledge stands under `rules/`.
"""

from __future__ import annotations

from fractions import Fraction

from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import Interval
from cds.vocabulary import (
    Agreement,
    FactDefinition,
    FactKind,
    Freshness,
    Level,
    Measure,
    Silence,
    StructureDefinition,
    Vocabulary,
)


def sample_vocabulary() -> Vocabulary:
    """The vocabulary; made anew each time, so that nobody shares it by accident.

    >>> [definition.name for definition in sample_vocabulary().of(Level.PATIENT)]
    ['ageYears', 'weight', 'ratio', 'visits', 'smoker', 'allergy', 'discussed', 'booked']
    """
    seen = Freshness(since=((Level.LESION, "foundOn"),))
    facts = [
        FactDefinition(Level.PATIENT, "ageYears", FactKind.MEASURE, NumberType(0), "age", plausible=_bounds(0, 130)),
        FactDefinition(
            Level.PATIENT, "weight", FactKind.MEASURE, QuantityType("kg", 1), "weight", plausible=_bounds(1, 400)
        ),
        FactDefinition(Level.PATIENT, "ratio", FactKind.MEASURE, NumberType(2), "ratio", plausible=_bounds(-1, 20)),
        FactDefinition(Level.PATIENT, "visits", FactKind.FINDING, NumberType(0), "visits"),
        FactDefinition(Level.PATIENT, "smoker", FactKind.HISTORY, BooleanType(), "smoker", absences={"?": "undecided"}),
        FactDefinition(
            Level.PATIENT, "allergy", FactKind.HISTORY, BooleanType(), "allergy", agreement=Agreement.CONFLICT,
            silence=Silence("a problem list without one means none", "all of the record", "problem-list"),
        ),
        FactDefinition(Level.PATIENT, "discussed", FactKind.DOCUMENT, BooleanType(), "discussed", fresh=seen),
        FactDefinition(Level.PATIENT, "booked", FactKind.DOCUMENT, BooleanType(), "booked"),
        FactDefinition(Level.LESION, "site", FactKind.FINDING, CodeType(("tongue", "larynx", "neck")), "site"),
        FactDefinition(Level.LESION, "side", FactKind.FINDING, CodeType(("left", "right", "midline")), "side"),
        FactDefinition(Level.LESION, "histology", FactKind.FINDING, CodeType(("scc", "other")), "histology"),
        FactDefinition(Level.LESION, "foundOn", FactKind.FINDING, DateType(), "found on", agreement=Agreement.CONFLICT),
        FactDefinition(
            Level.LESION, "diameter", FactKind.MEASURE, QuantityType("mm", 1), "diameter", plausible=_bounds(0, 300)
        ),
        FactDefinition(
            Level.LESION, "primaryTStage", FactKind.HISTORY, CodeType(("T1", "T4")), "T of the primary",
            absences={"TX": "indeterminate", "not_assessed": "not-assessed"},
        ),
        FactDefinition(Level.LESION, "flap", FactKind.FINDING, BooleanType(), "flap"),
        FactDefinition(
            Level.LESION, "opinion", FactKind.JUDGEMENT, CodeType(("yes", "no")), "opinion",
            fresh=Freshness(since=((Level.LESION, "foundOn"),), unknown_event="usable"),
        ),
        FactDefinition(
            Level.LESION, "nothingElseWithin", FactKind.FINDING, QuantityType("mm", 1), "nothing else within",
            plausible=_bounds(0, 300), starts_at="tumour",
        ),
        FactDefinition(Level.STRUCTURE, "name", FactKind.GIVEN, CodeType(("nerve-a", "skin", "flap", "vein")), "name"),
        FactDefinition(Level.STRUCTURE, "kind", FactKind.GIVEN, CodeType(("nerve", "skin", "flap", "vein")), "kind"),
        FactDefinition(Level.STRUCTURE, "side", FactKind.GIVEN, CodeType(("left", "right", "none")), "side"),
        FactDefinition(
            Level.STRUCTURE, "distance", FactKind.MEASURE, QuantityType("mm", 1), "distance", plausible=_bounds(0, 300),
            bounded_below_by="nothingElseWithin", starts_at="tumour", absences={"not_assessed": "not-assessed"},
        ),
        FactDefinition(Level.STRUCTURE, "relation", FactKind.FINDING, CodeType(("apart", "touches")), "relation"),
        FactDefinition(Level.STRUCTURE, "checked", FactKind.DOCUMENT, BooleanType(), "checked", fresh=seen),
        FactDefinition(Level.STRUCTURE, "waterPlanned", FactKind.DOCUMENT, BooleanType(), "water planned"),
        FactDefinition(Level.STRUCTURE, "cameraMonitoringPlanned", FactKind.DOCUMENT, BooleanType(), "camera planned"),
    ]  # fmt: skip
    structures = [
        StructureDefinition("nerve-a", "nerve A", "nerve", True, frozenset({"tongue"}), None, ("water",), (), ()),
        StructureDefinition("skin", "skin", "skin", False, None, None, ("water",), ("camera",), ()),
        StructureDefinition("flap", "flap", "flap", False, None, "flap", (), (), ()),
        StructureDefinition("vein", "vein", "vein", True, frozenset({"larynx"}), None, (), ("camera",), ()),
    ]
    return Vocabulary(
        facts={(fact.level, fact.name): fact for fact in facts},
        structures={structure.name: structure for structure in structures},
        measures={"water": Measure("water", "water", "waterPlanned", "displacement")},
        monitoring={"camera": Measure("camera", "camera", "cameraMonitoringPlanned")},
    )


def _bounds(low: int, high: int) -> Interval:
    return Interval(Fraction(low), Fraction(high))
