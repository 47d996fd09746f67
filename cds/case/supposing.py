"""A case as it would be if some facts were otherwise, for who asks "what if".

A supposed fact rests on no element of a record and says so in its note; so does what follows from it (a distance that
a supposed closing statement bounds). What intake made of the record stays: the age of a fact was judged when it was
read, so a date cannot be supposed, and neither can what the table of structures states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from cds.case.case import (
    CLOSING_STATEMENT,
    IMPLIED,
    Case,
    Lesion,
    Structure,
    bounded,
    implied,
    silent,
    structure_label,
    structures_at_risk,
    subjects_of,
)
from cds.case.facts import NEVER_RECORDED, AbsenceReason, Absent, Conflicting, Fact, Facts, Known, State
from cds.case.reading import CaseFileError, state_of
from cds.errors import CdsError, Issue
from cds.language.suggestion import did_you_mean
from cds.language.types import BooleanType, DateType
from cds.vocabulary import FactDefinition, FactKind, Level, Vocabulary

SUPPOSED: Final = "supposed"
"""The note of a supposed fact; begins the note of what follows from one."""
UNKNOWN: Final = "unknown"
"""What is written of a fact that is supposed to be unknown."""
MOST: Final = 500
"""Facts that may be supposed at once."""
_NOT_KNOWN: Final = Absent(AbsenceReason.TEMP_UNKNOWN)
_YES_NO: Final = {"true": True, "false": False}

Place = tuple[str, str]
"""A fact's subject and its name: `("patient", "inr")`, `("T1/skin/none", "tumourDistance")`."""


class NotSupposable(CdsError):
    """Facts that cannot be supposed as they are written; `issues` names each with its place as `expression`.

    >>> raise NotSupposable([Issue("error", "not-supposable", "patient:inrr", "no such fact; did you mean `inr`?")])
    Traceback (most recent call last):
    cds.case.supposing.NotSupposable: patient:inrr: no such fact; did you mean `inr`?
    """

    code: ClassVar[str] = "not-supposable"

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n".join(f"{issue.expression}: {issue.details}" for issue in self.issues))


def place_text(place: Place) -> str:
    """A place as it is written: `T1/skin/none:tumourDistance`.

    >>> place_text(("patient", "inr"))
    'patient:inr'
    """
    return ":".join(place)


def read_suppositions(
    case: Case, vocabulary: Vocabulary, written: Iterable[tuple[str, str]]
) -> dict[Place, State]:
    """What is supposed, of pairs of a place and a value: those that would change what the case says.

    A value is written as in a worked case (`true`, a code, `2.1`, `< 5`, `5..8`), or is `unknown`; an empty one
    supposes nothing. A structure that is at risk only under a supposed site may be named, too. Raises `NotSupposable`
    with every problem.

    >>> from cds.case.reading import case_from_mapping
    >>> from cds.testing import sample_vocabulary
    >>> case = case_from_mapping(sample_vocabulary(), {"as_of": "2026-11-22", "patient": {"smoker": True}})
    >>> read_suppositions(case, sample_vocabulary(), [("patient:smoker", "false"), ("patient:weight", "")])
    {('patient', 'smoker'): Known(value=False)}
    """
    values: dict[str, dict[str, None]] = {}
    for place, value in written:
        if value.strip():
            values.setdefault(place, {})[value.strip()] = None
    if len(values) > MOST:
        raise NotSupposable([_issue("", f"{len(values)} facts are supposed; suppose {MOST} at most")])
    reader = _Reader(vocabulary)
    of_structures = {place: its for place, its in values.items() if "/" in place.rpartition(":")[0]}
    first = reader.states(case, {place: its for place, its in values.items() if place not in of_structures})
    then = reader.states(supposed(case, vocabulary, first), of_structures)
    if reader.issues:
        in_order = list(values)
        raise NotSupposable(sorted(reader.issues, key=lambda issue: in_order.index(issue.expression)))
    return {**first, **then}


class _Reader:
    """Reads on after a problem, so that all are reported together."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.issues: list[Issue] = []

    def states(self, case: Case, values: Mapping[str, Mapping[str, None]]) -> dict[Place, State]:
        subjects = {subject: (level, facts) for subject, level, facts in subjects_of(case)}
        found: dict[Place, State] = {}
        for place, its in values.items():
            subject, _, name = place.rpartition(":")
            if subject not in subjects:
                accepted = ", ".join(f"`{each}`" for each in subjects if "/" not in each)
                told = did_you_mean(subject, subjects) or f"write `subject:fact=value` of one of {accepted}"
                self.issues.append(_issue(place, f"`{(subject or name)[:60]}` is no subject of this answer; {told}"))
                continue
            level, facts = subjects[subject]
            definition = self.vocabulary.facts.get((level, name))
            if definition is None or not can_be_supposed(definition):
                self.issues.append(_issue(place, self._refused(level, name, definition)))
                continue
            if len(its) > 1:
                both = " and ".join(f"`{each[:60]}`" for each in its)
                self.issues.append(_issue(place, f"it is {both} at once; write one value"))
                continue
            state = self._state(definition, next(iter(its)), place)
            if state is not None and not _same(state, facts[name].state):
                found[subject, name] = state
        return found

    def _refused(self, level: Level, name: str, definition: FactDefinition | None) -> str:
        if definition is None:
            names = [each.name for each in self.vocabulary.of(level) if can_be_supposed(each)]
            told = did_you_mean(name, names) or "the accepted ones stand in the vocabulary"
            return f"`{name[:60]}` is no fact of a {level.value}; {told}"
        why = "it is a date, and ages were judged when the record was read"
        if definition.kind is FactKind.GIVEN:
            why = "the table of structures states it"
        return f"`{name}` cannot be supposed, since {why}; suppose another fact"

    def _state(self, definition: FactDefinition, value: str, place: str) -> State | None:
        if value == UNKNOWN:
            return _NOT_KNOWN
        is_yes_no = isinstance(definition.type, BooleanType)
        written = _YES_NO.get(value, value) if is_yes_no else value
        try:
            return state_of(definition, written, place, self.vocabulary)
        except CaseFileError as error:
            self.issues += [_issue(place, issue.details) for issue in error.issues]
            return None


def _issue(place: str, details: str) -> Issue:
    return Issue("error", NotSupposable.code, place, details)


def _same(supposed_state: State, state: State) -> bool:
    """Whether supposing it changes nothing: the same value, or unknown where it is."""
    return supposed_state == state or (isinstance(supposed_state, Absent) and isinstance(state, Absent))


def can_be_supposed(definition: FactDefinition) -> bool:
    """Whether a fact can be supposed: no date, and nothing that the table of structures states."""
    return definition.kind is not FactKind.GIVEN and not isinstance(definition.type, DateType)


def supposed(case: Case, vocabulary: Vocabulary, states: Mapping[Place, State]) -> Case:
    """The case if these facts were in these states: with what follows from them, and with nothing else changed.

    >>> from cds.case.reading import case_from_mapping
    >>> from cds.testing import sample_vocabulary
    >>> case = case_from_mapping(sample_vocabulary(), {"as_of": "2026-11-22", "patient": {"smoker": True}})
    >>> supposed(case, sample_vocabulary(), {("patient", "smoker"): Known(False)}).patient["smoker"].note
    'supposed'
    """
    if not states:
        return case
    patient = {**case.patient, **_supposed_of("patient", states)}
    return replace(case, patient=patient, lesions=tuple(_lesion(vocabulary, each, states) for each in case.lesions))


def _supposed_of(subject: str, states: Mapping[Place, State]) -> dict[str, Fact]:
    return {name: Fact(state, note=SUPPOSED) for (its, name), state in states.items() if its == subject}


def _lesion(vocabulary: Vocabulary, lesion: Lesion, states: Mapping[Place, State]) -> Lesion:
    own = _supposed_of(lesion.id, states)
    facts = {**lesion.facts, **own}
    structures = _enumerated(vocabulary, lesion, facts) if own else lesion.structures
    rebuilt = (
        _structure(vocabulary, each, _supposed_of(f"{lesion.id}/{each.key}", states), facts) for each in structures
    )
    return replace(lesion, facts=facts, structures=tuple(rebuilt))


def _enumerated(vocabulary: Vocabulary, lesion: Lesion, facts: Facts) -> tuple[Structure, ...]:
    """The structures at risk under these facts of the lesion: what its site enumerates, and what was reported."""
    before, now = structures_at_risk(vocabulary, lesion.facts), structures_at_risk(vocabulary, facts)
    if before == now:
        return lesion.structures
    present = {(each.name, each.side): each for each in lesion.structures}
    reported = [key for key, each in present.items() if key not in before or _is_mentioned(vocabulary, each)]
    return tuple(present.get(key) or _unmentioned(vocabulary, *key) for key in dict.fromkeys([*now, *reported]))


def _is_mentioned(vocabulary: Vocabulary, structure: Structure) -> bool:
    """Whether the record says anything of a structure besides what its silence says, and what follows."""
    return any(
        structure.facts[each.name].state != silent(each, {"any": ()}).state
        for each in vocabulary.of(Level.STRUCTURE)
        if each.kind is not FactKind.GIVEN and not _follows(structure.facts[each.name])
    )


def _unmentioned(vocabulary: Vocabulary, name: str, side: str) -> Structure:
    definition = vocabulary.structures[name]
    given = {"name": name, "kind": definition.kind, "side": side}
    facts = {
        each.name: Fact(Known(given[each.name])) if each.name in given else silent(each, {"any": ()})
        for each in vocabulary.of(Level.STRUCTURE)
    }
    return Structure(name, side, structure_label(definition, side), facts)


def _structure(vocabulary: Vocabulary, structure: Structure, own: Facts, lesion: Facts) -> Structure:
    """A structure with its own supposed facts, and with what follows from them and from those of its lesion."""
    told = {name: NEVER_RECORDED if fact.note == CLOSING_STATEMENT else fact for name, fact in structure.facts.items()}
    if own:
        told = {**told, **_without_implied(vocabulary, told)}
    facts = bounded(vocabulary, implied(vocabulary, {**told, **own}), lesion)
    marked = {name: _marked(fact, structure.facts[name]) for name, fact in facts.items()}
    return replace(structure, facts=marked)


def _without_implied(vocabulary: Vocabulary, structure: Facts) -> dict[str, Fact]:
    """The facts of a structure that its codes imply, as they were reported: the inverse of `implied`."""
    result: dict[str, Fact] = {}
    for definition in vocabulary.of(Level.STRUCTURE):
        fact = structure[definition.name]
        for code in definition.implied_by:
            if fact.note == f"{IMPLIED} {code}":
                sources = tuple(each for each in fact.sources if each not in structure[code].sources)
                state = fact.state
                stated = Fact(Known(state.values[0]), sources) if isinstance(state, Conflicting) else NEVER_RECORDED
                result[definition.name] = stated
    return result


def _follows(fact: Fact) -> bool:
    return fact.note == CLOSING_STATEMENT or fact.note.startswith(IMPLIED)


def _marked(fact: Fact, before: Fact) -> Fact:
    """A fact that follows from others, marked where it follows from a supposed one."""
    if _follows(fact) and fact != before:
        return replace(fact, note=f"{SUPPOSED}: {fact.note}")
    return fact
