"""Until which day an answer holds by itself: until a fact is older than its limit, the patient reaches an age that a
rule asks for, or a dated threshold changes.

What the record will say on later days is not looked ahead to: new entries, a treatment that ends, the time since one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

from cds.case import NEVER_RECORDED, Case, Fact, Facts, Known, subjects_of
from cds.case.case import stale
from cds.case.supposing import Place
from cds.language.types import NumberType
from cds.quantities import DateSpan, Interval, age_at, birthday, convert
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import Decision, reason
from cds.ruleset import RuleSet
from cds.vocabulary import FactDefinition, Level, fact_key


@dataclass(frozen=True, slots=True)
class BecomesStale:
    """A fact that is too old from a day on: more than `days` old, which the parameter `limit` sets."""

    place: Place
    definition: FactDefinition
    fact: Fact
    limit: str
    days: Fraction


@dataclass(frozen=True, slots=True)
class Birthday:
    """The patient has another age from a day on, in whole years: two where the day of birth is not known."""

    place: Place
    definition: FactDefinition
    years: Interval


@dataclass(frozen=True, slots=True)
class ThresholdChanges:
    """A parameter that has another value from a day on."""

    parameter: str


Ending: TypeAlias = BecomesStale | Birthday | ThresholdChanges


@dataclass(frozen=True, slots=True)
class Validity:
    """The last day on which the answer is the same, and what makes it another on the day after."""

    last_day: dt.date
    endings: tuple[Ending, ...]

    @property
    def changes_on(self) -> dt.date:
        """The first day on which the answer is another."""
        return self.last_day + dt.timedelta(days=1)


def valid_until(decision: Decision, rules: RuleSet) -> Validity | None:
    """How long the answer of a decision holds; `None` where nothing of this kind ends it.

    `rules` are those that the decision was made with, for all days. Each day on which a fact becomes too old, the
    patient reaches an age that a condition compares with, or a parameter changes, is decided anew by the reference
    evaluator; the first with another answer ends this one.
    """
    answer = _said(decision)
    for day in sorted({*_days(decision.case, rules), *_birthdays(decision, rules)}):
        case = _aged(decision.case, rules, day)
        if _said(reason(case, rules, decision.phase, ReferenceEngine())) != answer:
            return Validity(day - dt.timedelta(days=1), tuple(_endings(decision.case, rules, day)))
    return None


def _said(decision: Decision) -> object:
    """What an answer says, without why: scope, verdicts, order, protection and what is due."""
    return [
        (
            lesion.scope,
            [(option.possible, option.standing) for option in lesion.options],
            lesion.order_withheld,
            lesion.orders,
            [(structure.context.id, structure.protection, structure.covered) for structure in lesion.structures],
            [
                (each.rule.id, each.context.id, each.due)
                for option in lesion.options
                for each in option.considerations
                if each.rule.effect == "obliges"
            ],
        )
        for lesion in decision.lesions
    ]


def _days(case: Case, rules: RuleSet) -> Iterator[dt.date]:
    """Every later day on which a parameter changes, or a fact becomes too old under a limit that holds by then."""
    changing = [period.until for period in rules.periods if period.until > case.as_of]
    yield from changing
    for day in (case.as_of, *changing):
        for _, definition, fact in _dated(case, rules):
            limit = _limit(definition, rules, day)
            if limit is None or fact.dated is None or limit >= (dt.date.max - fact.dated).days:
                continue
            too_old = fact.dated + dt.timedelta(days=int(limit) + 1)
            if too_old > case.as_of:
                yield too_old


def _born(case: Case, rules: RuleSet) -> Iterator[tuple[Place, FactDefinition, DateSpan]]:
    """The known ages that a date of birth gave, with that date."""
    for reader in rules.mapping.readers.age:
        level, name = fact_key(reader.fact)
        fact = case.patient[name] if level is Level.PATIENT and name in case.patient else NEVER_RECORDED
        dates = [source.date for source in fact.sources if source.mapping == reader.id and source.date is not None]
        definition = rules.vocabulary.fact(level, name)
        if fact.is_known and dates and isinstance(definition.type, NumberType):
            yield ("patient", name), definition, DateSpan.parse(dates[0])


def _birthdays(decision: Decision, rules: RuleSet) -> Iterator[dt.date]:
    """Every later day on which the patient may reach, or pass, an age that a condition compares with."""
    case = decision.case
    shown_only = {rule.id for rule in rules.rules if rule.effect in ("for", "informs")}
    programs = [rules.programs[decision.phase]]
    programs += [period.programs[decision.phase] for period in rules.periods if period.until > case.as_of]
    for (_, name), _, born in _born(case, rules):
        limits = {
            int(limit)
            for program in programs
            for criterion, limit in program.constants.get((Level.PATIENT.value, name), ())
            if criterion not in shown_only
        }
        for years in {age for limit in limits for age in (limit, limit + 1) if born.last.year + age <= dt.MAXYEAR}:
            yield from (day for day in (birthday(born.first, years), birthday(born.last, years)) if day > case.as_of)


def _dated(case: Case, rules: RuleSet) -> Iterator[tuple[Place, FactDefinition, Fact]]:
    """The known facts of which the vocabulary limits the age, with the day from which it counts."""
    limited = {
        level: [each for each in rules.vocabulary.of(level) if each.fresh is not None and each.fresh.within is not None]
        for level in (Level.PATIENT, Level.LESION, Level.STRUCTURE)
    }
    for subject, level, facts in subjects_of(case):
        for definition in limited[level]:
            fact = facts[definition.name]
            if fact.is_known and fact.dated is not None:
                yield (subject, definition.name), definition, fact


def _limit(definition: FactDefinition, rules: RuleSet, day: dt.date) -> Fraction | None:
    """The greatest age in days on a day; `None` while it is not set."""
    name = definition.fresh.within if definition.fresh is not None else None
    parameter = rules.on(day).parameters[name] if name is not None else None
    if parameter is None or parameter.value is None or parameter.unit is None:
        return None
    return convert(Fraction(parameter.value), parameter.unit, "d")


def _too_old(case: Case, rules: RuleSet, day: dt.date) -> dict[Place, BecomesStale]:
    """The facts that are too old on a day (`cds.intake.freshness`)."""
    found: dict[Place, BecomesStale] = {}
    for place, definition, fact in _dated(case, rules):
        limit = _limit(definition, rules, day)
        within = definition.fresh.within if definition.fresh is not None else None
        if limit is not None and within is not None and fact.dated is not None and (day - fact.dated).days > limit:
            found[place] = BecomesStale(place, definition, fact, within, limit)
    return found


def _aged(case: Case, rules: RuleSet, day: dt.date) -> Case:
    """The case as it reads on a later day, were nothing added to the record."""
    old = _too_old(case, rules, day)

    def aged(subject: str, facts: Facts) -> Facts:
        names = [name for its, name in old if its == subject]
        return {**facts, **{name: stale(facts[name], f"too old on {day}") for name in names}} if names else facts

    ages = {
        name: replace(case.patient[name], state=Known(age_at(born, day))) for (_, name), _, born in _born(case, rules)
    }
    lesions = tuple(
        replace(
            lesion,
            facts=aged(lesion.id, lesion.facts),
            structures=tuple(
                replace(each, facts=aged(f"{lesion.id}/{each.key}", each.facts)) for each in lesion.structures
            ),
        )
        for lesion in case.lesions
    )
    return replace(case, as_of=day, patient={**aged("patient", case.patient), **ages}, lesions=lesions)


def _endings(case: Case, rules: RuleSet, day: dt.date) -> Iterator[Ending]:
    """What begins on a day: facts that are too old from then on, another age, parameters that have another value."""
    before = day - dt.timedelta(days=1)
    already = _too_old(case, rules, before)
    yield from (ending for place, ending in _too_old(case, rules, day).items() if place not in already)
    for place, definition, born in _born(case, rules):
        if age_at(born, before) != age_at(born, day):
            yield Birthday(place, definition, age_at(born, day))
    earlier, later = rules.on(before).parameters, rules.on(day).parameters
    for name in later:
        if later[name].value != earlier[name].value:
            yield ThresholdChanges(name)
