"""Patients for the comparison of the engines: many, fast, and aimed at both sides of every rule.

`cds.testing.random_cases` draws every value anew. Here each fact has a pool of states, made once: every answer and
code, numbers on and beside the constants of the rules, intervals that end there, open and closed, the reasons for an
absence, a contradiction. A patient is put together from the pools, and four in ten lean towards one side, so that
conjunctions of many facts come out true, and false, often enough.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from cds.case import (
    AbsenceReason,
    Absent,
    Case,
    Conflicting,
    Fact,
    Known,
    ReportedLesion,
    ReportedStructure,
    assemble,
    structures_at_risk,
)
from cds.case.case import silent
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import DateSpan, Interval
from cds.reasoning.contexts import Context, Contexts, contexts_of
from cds.ruleset import RuleSet
from cds.testing.generation import AS_OF
from cds.vocabulary import FactDefinition, FactKind, Level, Vocabulary

UNKNOWNS = tuple(
    Fact(Absent(reason))
    for reason in (
        AbsenceReason.ASKED_UNKNOWN,
        AbsenceReason.NOT_ASSESSED,
        AbsenceReason.STALE,
        AbsenceReason.QUARANTINED,
    )
)
FAVOURABLE: Mapping[str, Sequence[object]] = {
    "patient.distantMetastasis": ("none",),
    "patient.inr": (1,),
    "patient.platelets": (200,),
    "patient.ageYears": (60,),
    "patient.airwayRisk": ("low", "difficult"),
    "lesion.surgicalAssessment": ("resectable_clear_margin",),
    "lesion.histology": ("scc", "other"),
    "lesion.recurrenceProof": ("biopsy",),
    "lesion.carotidEncasement": (90,),
    "lesion.prevertebralFatPlane": ("preserved",),
    "lesion.prevertebralFixation": ("mobile",),
    "lesion.site": ("oropharynx", "oral_cavity"),
    "structure.relation": ("separate",),
    "structure.tumourDistance": (0, 40),
}
"""What a patient has who leans to one side; a yes/no question is then answered "no"."""
ADVERSE: Mapping[str, Sequence[object]] = {
    "patient.recurrencePattern": ("locoregional",),
    "patient.vocalFoldLeft": ("fixed",),
    "patient.vocalFoldRight": ("fixed",),
    "lesion.ablationIntent": ("local_control",),
    "lesion.prevertebralFatPlane": ("lost",),
    "lesion.prevertebralFixation": ("fixed",),
    "lesion.site": ("salivary", "skull_base", "oral_cavity"),
    "structure.tumourDistance": (0, 3),
    "structure.relation": ("encased", "invaded"),
    "structure.plannedIceDistance": (-2, 4),
}
"""… to the other side; a yes/no question is then answered "yes"."""

NEAR = (
    "vagus-nerve",
    "vagus-nerve",
    "vagus-nerve",
    "carotid-artery",
    "spinal-cord",
    "spinal-cord",
    "spinal-cord",
    "brain-dura",
    "facial-nerve",
)
"""What the record may speak of beside the structures of the site."""
SMALL_SITES = ("oral_cavity", "sinonasal", "nasopharynx", "salivary")
"""Sites that enumerate few structures: most patients have one of them, which keeps the comparison quick."""


class Population:
    """Patients of one rule set, from a seed."""

    def __init__(self, rules: RuleSet, thresholds: Mapping[str, Sequence[Fraction]]) -> None:
        self.vocabulary: Vocabulary = rules.vocabulary
        facts = [d for d in rules.vocabulary.facts.values() if d.kind is not FactKind.GIVEN]
        self._of = {level: [d for d in facts if d.level is level] for level in Level}
        self._pools = {d.path: pool(d, thresholds.get(d.path, ())) for d in facts}
        self._lean = {
            side: {d.path: leaning(d, chosen, yes) for d in facts}
            for side, chosen, yes in (("favourable", FAVOURABLE, False), ("adverse", ADVERSE, True))
        }
        self._small = [Fact(Known(site)) for site in SMALL_SITES]

    def patients(self, seed: int, count: int) -> Iterator[Case]:
        """`count` patients, a third of them with two lesions."""
        chance = random.Random(seed)
        for _ in range(count):
            yield self.patient(chance)

    def patient(self, chance: random.Random) -> Case:
        """One patient."""
        side = ("favourable", "adverse", "", "", "")[int(chance.random() * 5)]
        known = (0.9, 0.75, 0.5)[int(chance.random() * 3)]
        lesions = [self._lesion(chance, f"T{n}", side, known) for n in range(1, 3 if chance.random() < 0.33 else 2)]
        return assemble(
            self.vocabulary, as_of=AS_OF, patient=self._facts(chance, Level.PATIENT, side, known), lesions=lesions
        )

    def _facts(self, chance: random.Random, level: Level, side: str, known: float) -> dict[str, Fact]:
        facts: dict[str, Fact] = {}
        lean = self._lean.get(side)
        for definition in self._of[level]:
            drawn = chance.random()
            if drawn >= known:  # nothing was reported, or that it is not known
                if drawn < known + (1 - known) / 3:
                    facts[definition.name] = UNKNOWNS[int(chance.random() * len(UNKNOWNS))]
                continue
            options = self._pools[definition.path]
            if lean is not None and chance.random() < 0.85:
                options = lean[definition.path] or options
            facts[definition.name] = options[int(chance.random() * len(options))]
        return facts

    def _lesion(self, chance: random.Random, name: str, side: str, known: float) -> ReportedLesion:
        facts = self._facts(chance, Level.LESION, side, known)
        if chance.random() < (0.94 if "site" not in facts or not facts["site"].is_known else 0.5):
            facts["site"] = self._small[int(chance.random() * len(self._small))]
        if chance.random() < 0.5:
            facts.pop("nothingElseWithin", None)
        whole = {d.name: facts.get(d.name) or silent(d, {"any": ()}) for d in self._of[Level.LESION]}
        keys = [key for key in structures_at_risk(self.vocabulary, whole) if chance.random() < 0.8]
        extra = self.vocabulary.structures[NEAR[int(chance.random() * len(NEAR))]]
        if chance.random() < 0.6:
            keys.append((extra.name, ("left", "right")[int(chance.random() * 2)] if extra.sided else "none"))
        structures = [
            ReportedStructure(
                *key, self._facts(chance, Level.STRUCTURE, side or ("", "adverse")[int(chance.random() * 2)], known)
            )
            for key in dict.fromkeys(keys)
        ]
        return ReportedLesion(name, name, facts, tuple(structures))


def pool(definition: FactDefinition, constants: Sequence[Fraction]) -> list[Fact]:
    """States in which a fact has something to say, each about as often as the others."""
    match definition.type:
        case BooleanType():
            return [*[Fact(Known(True)), Fact(Known(False))] * 8, Fact(Conflicting((True, False)))]
        case CodeType(codes):
            return [*[Fact(Known(code)) for code in codes] * 6, Fact(Conflicting((codes[0], codes[-1])))]
        case DateType():
            return [Fact(Known(DateSpan.parse(text))) for text in ("2020", "2025-06", "2026-01-15")]
        case NumberType(decimals) | QuantityType(_, decimals):
            return _numbers(definition, constants, Fraction(1, 10**decimals))


def _numbers(definition: FactDefinition, constants: Sequence[Fraction], step: Fraction) -> list[Fact]:
    bounds = definition.plausible
    assert bounds is not None
    assert bounds.low is not None
    assert bounds.high is not None
    chosen: list[Interval] = []
    for constant in constants:
        chosen += [Interval.point(constant + d) for d in (-step, Fraction(0), step)] * 2
        chosen += [Interval.below(constant, open_end=o) for o in (True, False) if constant > bounds.low]
        chosen += [Interval.above(constant, open_end=o) for o in (True, False) if constant < bounds.high]
        below, above = max(bounds.low, constant - 5), min(bounds.high, constant + 5)
        if below < constant < above:
            chosen += [Interval(below, constant, lo, hi) for lo in (False, True) for hi in (False, True)]
            chosen += [Interval(constant, above, lo, hi) for lo in (False, True) for hi in (False, True)]
            chosen.append(Interval(below, above))
    # As many far from every constant, so that conjunctions are decided too.
    far = sorted({*(c + 7 for c in constants), *(c - 7 for c in constants), bounds.low, (bounds.low + bounds.high) / 2})
    chosen += [Interval.point(n // step * step) for n in far if bounds.contains(n // step * step)] * max(
        1, len(chosen) // len(far)
    )
    chosen = [i for i in chosen if (shared := i.intersection(bounds)) is not None and (not i.is_point or shared == i)]
    ends = Conflicting((Interval.point(bounds.low), Interval.point(bounds.high)))
    return [Fact(Known(interval)) for interval in chosen] + [Fact(ends)] * max(1, len(chosen) // 20)


def leaning(definition: FactDefinition, chosen: Mapping[str, Sequence[object]], yes: bool) -> list[Fact]:
    """The states of a leaning patient; none where the fact does not lean."""
    if isinstance(definition.type, BooleanType):
        return [Fact(Known(yes or definition.kind is FactKind.DOCUMENT))]
    facts = []
    for value in chosen.get(definition.path, ()):
        known = Interval.point(Fraction(value)) if isinstance(value, int) else value
        assert isinstance(known, (str, Interval))
        facts.append(Fact(Known(known)))
    return facts


def together(cases: Sequence[Case]) -> Contexts:
    """The contexts of several patients as those of one request: an engine answers them all in one exchange.

    Contexts know their own facts only, so that nothing of one patient can reach another.
    """
    by_level: dict[Level, list[Context]] = {level: [] for level in Level}
    for number, case in enumerate(cases):
        for context in contexts_of(case):
            by_level[context.level].append(replace(context, id=f"{number}:{context.id}"))
    return Contexts({level: tuple(contexts) for level, contexts in by_level.items()})
