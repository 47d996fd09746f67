"""What two versions state otherwise that no condition says: tables, options and settings, and made-up records for each.

The solver reads conditions. What a list of structures, a silence or an option makes of a record it does not see. So a
difference comes with records directed at it; the reference evaluator answers them under both versions, and one that is
answered otherwise is a witness. That none is proves nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Final

from cds.analysis.universe import LESION, PATIENT, Universe
from cds.analysis.witness import Entry, Reported
from cds.case import Fact, Known
from cds.language.types import BooleanType, CodeType
from cds.quantities import Interval
from cds.ruleset import RuleSet
from cds.vocabulary import FactDefinition, FactKind, Level, Measure, StructureDefinition

_OF_A_FACT: Final = (
    "kind", "type", "silence", "fresh", "agreement", "plausible", "absences", "bounded_below_by", "implied_by",
)  # fmt: skip
"""What the vocabulary states of a fact that decides what becomes of it; the rest is words, and what is asked first."""
_READ_ONLY: Final = frozenset({"type", "fresh", "agreement", "plausible", "absences"})
"""What is settled while a record is read: a made-up patient has facts and no record."""
MOST: Final = 150
"""How many records are tried for one difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is stated otherwise: its `name` (`lesion.size: silence`), and records that may show it.

    `silences` are the contexts in which such a record may be silent; without any it says all that it is silent of.
    """

    name: str
    records: Iterable[Reported] = ()
    silences: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Tables:
    """The tables of two versions, over the patients that either can be asked about.

    `tipped` gives patients in whom a fact with one of some values decides a criterion; `held`, patients in whom one of
    some criteria is true.
    """

    old: RuleSet
    new: RuleSet
    universe: Universe
    as_of: dt.date
    tipped: Callable[[FactDefinition, Collection[Fact]], Iterable[Reported]]
    held: Callable[[Collection[str]], Iterable[Reported]]

    def differences(self) -> Iterator[Difference]:
        """Everything that is stated otherwise and that no condition says."""
        old, new = self.old, self.new
        yield from (Difference(f"option {name}", [self.bare]) for name in _only_one(old.options, new.options))
        alternatives = ({each.id: each for each in its.alternatives} for its in (old, new))
        yield from (Difference(f"alternative {name}", [self.bare]) for name in _only_one(*alternatives))
        combinations = ({each.id: each for each in its.planner.combinations} for its in (old, new))
        yield from (Difference(name, self._threatened()) for name in _only_one(*combinations))
        yield from self._structures()
        for what in ("measures", "monitoring"):
            pair = (getattr(its.vocabulary, what) for its in (old, new))
            for name in _unlike(*({key: _plain(each) for key, each in its.items()} for its in pair)):
                yield Difference(f"{what}: {name}", self._threatened())
        yield from self._facts()
        if old.mapping != new.mapping:
            yield Difference("the tables by which records are read")

    @cached_property
    def bare(self) -> Reported:
        """A patient with a lesion of whom nothing is said."""
        return Reported(self.universe, {}, (), (LESION,), self.as_of)

    # ------------------------------------------------------------------------------------------------- structures

    def _structures(self) -> Iterator[Difference]:
        before, after = (its.vocabulary.structures for its in (self.old, self.new))
        for name in _unlike(*({key: replace(each, label="", evidence=()) for key, each in its.items()}
                              for its in (before, after))):  # fmt: skip
            versions = [its[name] for its in (before, after) if name in its]
            yield Difference(f"structure {name}", self._about(versions))

    def _about(self, versions: list[StructureDefinition]) -> Iterator[Reported]:
        """Records by site, by what makes the structure be there, and by what is said of it."""
        lesions: list[dict[Entry, Fact]] = [{}]
        lesions += [{(LESION, each.only_if): _known(yes)} for each in versions if each.only_if for yes in (True, False)]
        lesions += [
            {(LESION, each.listed_by): value, (LESION, closing): far}
            for each in versions if each.listed_by
            for closing, numbers in self._closings().items() for far in numbers[-1:]
            for value in self._values(Level.LESION, each.listed_by)
        ]  # fmt: skip
        near = self._near(versions[0].name)
        sites: list[dict[Entry, Fact]] = [{}]
        sites += [{(LESION, "site"): each, (LESION, "side"): _known("left")} for each in
                  self._values(Level.LESION, "site")]  # fmt: skip
        for site in sites:
            for facts in lesions:
                yield replace(self.bare, facts={**site, **facts})
                yield replace(near, facts={**near.facts, **site, **facts})

    def _closings(self) -> Mapping[str, tuple[Fact, ...]]:
        """The lesion's facts that bound others from below, with the numbers that rules compare those others with."""
        return {
            each.bounded_below_by: self._values(Level.STRUCTURE, each.name)
            for its in (self.old, self.new) for each in its.vocabulary.of(Level.STRUCTURE)
            if each.bounded_below_by is not None
        }  # fmt: skip

    def _threatened(self) -> Iterator[Reported]:
        """Each structure as near as can be, with everything planned; then the same where a measure is ruled out."""
        yield self.bare
        near = [self._near(name) for name in self.universe.vocabulary.structures]
        yield from near
        against = {rule.id for its in (self.old, self.new) for rule in its.planner.measures}
        for base in self.held(against):
            for each in near:
                places = dict.fromkeys([*base.places, *each.places])
                yield replace(base, facts={**each.facts, **base.facts}, places=tuple(places))

    def _near(self, name: str) -> Reported:
        """A lesion that touches a structure, for which everything is planned that can be."""
        places = tuple(each.key for each in self.universe.structures[LESION] if each.name == name)
        facts: dict[Entry, Fact] = {}
        for definition in self.universe.vocabulary.of(Level.STRUCTURE):
            if definition.kind is FactKind.DOCUMENT and isinstance(definition.type, BooleanType):
                facts |= {(place, definition.name): _known(True) for place in places}
            elif definition.kind is FactKind.MEASURE:
                facts |= {(place, definition.name): _known(Interval.point(Fraction(0))) for place in places}
        return replace(self.bare, facts=facts, places=places)

    # ------------------------------------------------------------------------------------------------------ facts

    def _facts(self) -> Iterator[Difference]:
        moved = {
            name for name in self.old.parameters.keys() & self.new.parameters.keys()
            if (self.old.parameters[name].value, self.old.parameters[name].unit)
            != (self.new.parameters[name].value, self.new.parameters[name].unit)
        }  # fmt: skip
        for key, after in self.new.vocabulary.facts.items():
            before = self.old.vocabulary.facts.get(key)
            if before is None or after.kind is FactKind.GIVEN:  # which the table of structures states
                continue
            fields = [name for name in _OF_A_FACT if _meant(before, name) != _meant(after, name)]
            if {each.fresh.within for each in (before, after) if each.fresh is not None} & moved:
                fields.append("fresh")
            if fields:
                tried = () if _READ_ONLY.issuperset(fields) else self._varied(before, after)
                contexts = {each.silence.context for each in (before, after) if each.silence is not None} - {"any"}
                what = ", ".join(dict.fromkeys(fields))
                yield Difference(f"{after.path}: {what}", tried, tuple(sorted(contexts)) if "silence" in fields else ())

    def _varied(self, before: FactDefinition, after: FactDefinition) -> Iterator[Reported]:
        """Records that do not speak of a fact, with what may stand in its place said, or with what contradicts that."""
        level, name = after.level, after.name
        implied = [each.implied_by for each in (before, after)]
        implying = {other: self._values(level, other) for its in implied for other in its}
        closings = {each.bounded_below_by for each in (before, after) if each.bounded_below_by}
        said: list[dict[tuple[Level, str], Fact]] = [{}]
        said += [{(level, other): value} for other, values in implying.items() for value in values]
        said += [{**each, (level, name): value} for each in said[1:] for value in self._values(level, name)]
        said += [{(Level.LESION, other): value} for other in closings for value in self._values(level, name)]
        touched = {(level, name), *((level, other) for other in implying), *((Level.LESION, each) for each in closings)}
        numbers = {number for its in implied for values in its.values() for number in values.values()}
        values = tuple(_known(Interval.point(number)) for number in numbers) or self._values(level, name)
        for base in (self.bare, *self.tipped(after, values)):
            for facts in said:
                yield self._saying(base, (level, name), touched, facts)

    def _saying(
        self, base: Reported, about: tuple[Level, str], touched: set[tuple[Level, str]],
        values: Mapping[tuple[Level, str], Fact],
    ) -> Reported:
        """A record that says this of each subject of which it speaks of the fact `about`, and nothing else of them."""
        every = {Level.PATIENT: (PATIENT,), Level.LESION: base.lesions,
                 Level.STRUCTURE: tuple(each.key for each in self.universe.structures[LESION])}  # fmt: skip
        spoken = tuple(subject for subject in every[about[0]] if (subject, about[1]) in base.facts)
        subjects = {**every, about[0]: spoken or every[about[0]]}
        gone = {(subject, name) for level, name in touched for subject in subjects[level]}
        facts = {entry: fact for entry, fact in base.facts.items() if entry not in gone}
        facts |= {(subject, name): fact for (level, name), fact in values.items() for subject in subjects[level]}
        structures = subjects[Level.STRUCTURE] if about[0] is Level.STRUCTURE else ()
        return replace(base, facts=facts, places=tuple(dict.fromkeys([*base.places, *structures])))

    def _values(self, level: Level, name: str) -> tuple[Fact, ...]:
        """The values of a fact that rules may tell apart."""
        definition = self.universe.vocabulary.facts.get((level, name))
        match definition.type if definition is not None else None:
            case BooleanType():
                return _known(True), _known(False)
            case CodeType(values):
                return tuple(map(_known, values))
            case _:
                return tuple(_known(Interval.point(number)) for number in self._numbers(level, name))

    def _numbers(self, level: Level, name: str) -> tuple[Fraction, ...]:
        """0, the numbers that rules compare a fact with, and one beyond them all."""
        constants = {
            number
            for its in (self.old, self.new) for program in its.programs.values()
            for _, number in program.constants.get((level.value, name), ())
        }  # fmt: skip
        return (Fraction(0), *sorted(constants), max(constants, default=Fraction(0)) + 1)


def _known(value: bool | str | Interval) -> Fact:
    return Fact(Known(value))


def _only_one(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[str, ...]:
    """The names that one of the two alone has."""
    return tuple(name for name in dict.fromkeys([*old, *new]) if (name in old) != (name in new))


def _unlike(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[str, ...]:
    """The names that do not mean the same in both."""
    return tuple(name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name))


def _plain(measure: Measure) -> Measure:
    return replace(measure, label="")


def _meant(fact: FactDefinition, name: str) -> object:
    """What a fact's definition states, but for the words that say why."""
    if name == "silence" and fact.silence is not None:
        return fact.silence.context, fact.silence.look_back
    return getattr(fact, name)
