"""What if: the facts that may be supposed otherwise, each with a control to set it, and what was supposed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import urlencode

from cds.case import NEVER_RECORDED, Case, Fact, Facts, subjects_of
from cds.case.supposing import SUPPOSED, Place, can_be_supposed, place_text
from cds.errors import Issue
from cds.language import facts_of
from cds.language.types import BooleanType, CodeType, QuantityType
from cds.recommendation.model import FactPart
from cds.recommendation.words import fact_part
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase
from cds.vocabulary import FactDefinition, Level, Vocabulary

_NAMED_BY_CASES: Final = ("site", "side")
"""The facts of a lesion by which a case lists its structures at risk (`cds.case.structures_at_risk`)."""
_LEVELS: Final = (Level.PATIENT, Level.LESION, Level.STRUCTURE)

Named = Mapping[Level, frozenset[str]]
"""Names of facts by their level."""


@dataclass(frozen=True, slots=True)
class Control:
    """One fact with what it is now, and what is supposed of it.

    `kind` is `yes-no`, `code` or `number`; a code's `choices` are its values with their labels. `given` is the text of
    what is supposed, empty where nothing is; `problem` says what is wrong with it. `anchor` is the id on the page.
    """

    place: str
    anchor: str
    kind: Literal["yes-no", "code", "number"]
    fact: FactPart
    unit: str
    choices: tuple[tuple[str, str], ...]
    given: str
    problem: str

    @property
    def recorded(self) -> str | None:
        """The value as a choice is written, where it is one; choosing it would suppose nothing."""
        value = self.fact.value
        if isinstance(value, bool):
            return "true" if value else "false"
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """The controls of one subject; `modifiable` says which half of them, `None` that all stand together."""

    label: str
    level: str
    modifiable: bool | None
    controls: tuple[Control, ...]

    @property
    def is_touched(self) -> bool:
        """Whether something is supposed here, rightly or not."""
        return any(control.given for control in self.controls)


@dataclass(frozen=True, slots=True)
class SupposedFact:
    """A fact that is supposed, as the record has it and as it is supposed."""

    place: str
    about: str
    before: FactPart
    after: FactPart


def is_supposed(fact: FactPart) -> bool:
    """Whether a fact of an answer is supposed, or follows from one that is."""
    return fact.note is not None and fact.note.startswith(SUPPOSED)


def address_of(path: str, written: Iterable[tuple[str, str]], **kept: str) -> str:
    """The address of a page that supposes what is written.

    >>> address_of("/board/records/x/what-if", [("patient:inr", "< 1.5")], lang="")
    '/board/records/x/what-if?patient%3Ainr=%3C+1.5'
    """
    query = urlencode([*written, *((name, value) for name, value in kept.items() if value)])
    return f"{path}?{query}" if query else path


def bearing(rules: RuleSet, phase: Phase) -> Named:
    """The facts on which an answer of a phase can depend: those that criteria read, and those that others follow from.

    The planned measures and monitoring of a structure are not among them: they are listed for each structure.
    """
    program, vocabulary = rules.programs[phase], rules.vocabulary
    names: dict[str, set[str]] = {level.value: set() for level in _LEVELS}
    names["lesion"] |= set(_NAMED_BY_CASES)
    for criterion in program.criteria:
        for fact in facts_of(criterion.condition):
            names["lesion" if fact.level == "other" else fact.level].add(fact.name)
    names["lesion"] |= {option.declined_by.removeprefix("lesion.") for option in rules.options.values()}
    names["lesion"] |= {each.bounded_below_by for each in vocabulary.of(Level.STRUCTURE) if each.bounded_below_by}
    for structure in vocabulary.structures.values():
        names["lesion"] |= {name for name in (structure.only_if, structure.listed_by) if name is not None}
    return {level: frozenset(names[level.value]) for level in _LEVELS}


def control_groups(
    case: Case,
    rules: RuleSet,
    phase: Phase,
    *,
    given: Mapping[str, str] | None = None,
    issues: Sequence[Issue] = (),
    recorded: Case | None = None,
) -> tuple[ControlGroup, ...]:
    """Every fact on which an answer can depend, and every one that was given: what somebody can change first.

    `given` are the texts that are supposed, by place, `issues` what is wrong with them. `recorded` is the case as the
    record has it, where `case` is already a supposed one: the two may have other structures.
    """
    texts, problems = given or {}, {issue.expression: issue.details for issue in issues}
    before = _facts(recorded if recorded is not None else case)
    listed, labels = bearing(rules, phase), _labels(case)
    groups: list[ControlGroup] = []
    for subject, level, facts in subjects_of(case):
        names = _named(subject, level, listed, rules.vocabulary, texts)
        halves: dict[bool, list[Control]] = {True: [], False: []}
        for each in rules.vocabulary.of(level):
            if each.name in names and can_be_supposed(each):
                fact = _recorded(before, subject, each.name, facts)
                halves[each.modifiable].append(_control((subject, each.name), each, fact, texts, problems))
        if level is Level.STRUCTURE:
            groups.append(ControlGroup(labels[subject], level.value, None, (*halves[True], *halves[False])))
        else:
            groups += [ControlGroup(labels[subject], level.value, half, tuple(its)) for half, its in halves.items()]
    return tuple(_numbered(sorted((group for group in groups if group.controls), key=_rank)))


def _rank(group: ControlGroup) -> tuple[int, bool]:
    """What somebody can change first, then the structures, then the rest; the lesions before the patient."""
    half = {True: 0, None: 1, False: 2}[group.modifiable]
    return half, group.level == Level.PATIENT.value


def _facts(case: Case) -> dict[str, Facts]:
    return {subject: facts for subject, _, facts in subjects_of(case)}


def _recorded(before: Mapping[str, Facts], subject: str, name: str, facts: Facts) -> Fact:
    """A fact as the record has it; of a structure that is only there if something is supposed, as it follows."""
    if subject in before:
        return before[subject][name]
    return NEVER_RECORDED if facts[name].note == SUPPOSED else facts[name]


def _named(subject: str, level: Level, listed: Named, vocabulary: Vocabulary, texts: Mapping[str, str]) -> set[str]:
    """The names of the facts of a subject that get a control."""
    names = {*listed[level], *(place.rpartition(":")[2] for place in texts if place.rpartition(":")[0] == subject)}
    if level is Level.STRUCTURE:
        definition = vocabulary.structures[subject.split("/")[1]]
        known = {**vocabulary.measures, **vocabulary.monitoring}
        names |= {known[each].planned for each in (*definition.measures, *definition.monitoring)}
    return names


def _numbered(groups: Iterable[ControlGroup]) -> Iterator[ControlGroup]:
    number = 0
    for group in groups:
        controls = []
        for control in group.controls:
            number += 1
            controls.append(replace(control, anchor=f"s{number}"))
        yield replace(group, controls=tuple(controls))


def _control(
    place: Place, definition: FactDefinition, fact: Fact, texts: Mapping[str, str], problems: Mapping[str, str]
) -> Control:
    kind: Literal["yes-no", "code", "number"] = "number"
    choices: tuple[tuple[str, str], ...] = ()
    if isinstance(definition.type, BooleanType):
        kind = "yes-no"
    elif isinstance(definition.type, CodeType):
        kind = "code"
        choices = tuple((value, definition.value_labels.get(value, value)) for value in definition.type.values)
    unit = definition.type.unit if isinstance(definition.type, QuantityType) else ""
    written = place_text(place)
    return Control(
        written, "", kind, _part(place, definition, fact), "" if unit == "1" else unit, choices,
        texts.get(written, ""), problems.get(written, ""),
    )  # fmt: skip


def _part(place: Place, definition: FactDefinition, fact: Fact) -> FactPart:
    """A fact as it is shown beside its control; its elements stand with the answer."""
    return fact_part(definition.path, place[0], Fact(fact.state, note=fact.note), definition)


def supposed_facts(
    recorded: Case, case: Case, vocabulary: Vocabulary, places: Iterable[Place]
) -> tuple[SupposedFact, ...]:
    """What is supposed: each fact as the record has it, and as the supposed case has it."""
    before, labels = _facts(recorded), _labels(case)
    then = {subject: (level, facts) for subject, level, facts in subjects_of(case)}
    found = []
    for place in places:
        subject, name = place
        level, facts = then[subject]
        definition = vocabulary.fact(level, name)
        was = _recorded(before, subject, name, facts)
        found.append(
            SupposedFact(
                place_text(place), labels[subject], _part(place, definition, was),
                _part(place, definition, facts[name]),
            )
        )  # fmt: skip
    return tuple(found)


def _labels(case: Case) -> dict[str, str]:
    """What subjects are called; a structure with its lesion where there are several. The patient has no name here."""
    several = len(case.lesions) > 1
    labels = {"patient": ""}
    for lesion in case.lesions:
        labels[lesion.id] = f"{lesion.id}: {lesion.label}"
        for each in lesion.structures:
            labels[f"{lesion.id}/{each.key}"] = f"{lesion.id}: {each.label}" if several else each.label
    return labels

