"""A program as durable-rules runs it: rulesets of formulas, and for each criterion the two formulas that decide it.

Formulas are shared: criteria that say the same in the end are decided by the same rule, and a formula belongs to the
narrowest view it reads, so that what speaks of the patient alone is decided once for the patient.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from cds.language.syntax import Expression
from cds.reasoning.forward_chaining.encoding import check_names, ruleset_of
from cds.reasoning.forward_chaining.lowering import (
    AnyAttribute,
    Attribute,
    FactAttribute,
    Formula,
    HeldAttribute,
    Scope,
    attributes_of,
    certainly,
    seen_from_other,
    words_of,
)
from cds.reasoning.forward_chaining.packing import (
    ATOMS_PER_RULESET,
    PATHS_PER_RULESET,
    atoms,
    paths,
    rules_of,
)
from cds.ruleset.program import Criterion, Program
from cds.vocabulary import Level

GIVEN_FACTS: Final = ("name", "kind", "side")
"""The facts that the structure table itself states: constants of a structure's context."""

StructureKey = tuple[str, str, str]
"""A structure's name, kind and side."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A formula by its number. `mirrored`: its `lesion` is the other lesion of the pair where it is asked."""

    formula: int
    mirrored: bool


Goal = bool | Placed
"""What tells whether a formula holds: known already, or to be decided by the engine."""


@dataclass(frozen=True, slots=True)
class Pair:
    """When a condition is certainly true, and when it is certainly false."""

    when_true: Goal
    when_false: Goal


@dataclass(frozen=True, slots=True)
class Table:
    """The criteria decided in a context, and the jobs that decide them: rulesets by index, mirrored or not."""

    criteria: tuple[tuple[Criterion, Pair], ...]
    jobs: tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True)
class AskedAny:
    """An attribute that says what the members of an *any structure* come to; `body` is the body's number."""

    word: str
    body: int
    outcome: bool


@dataclass(frozen=True, slots=True)
class AskedFormula:
    """An attribute that says whether a formula, decided before in the same context, held."""

    formula: int


Asked = FactAttribute | AskedAny | AskedFormula


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One ruleset of the engine.

    `name` is the digest of its rules. Rule `r<i>` belongs to the formula `formulas[i]`; a formula holds where any of
    its rules fires. `stratum` orders what must be decided before what. The attributes that it reads are called `names`;
    `words` are their subjects.
    """

    name: str
    stratum: tuple[int, int]
    rules: Mapping[str, Mapping[str, object]]
    formulas: tuple[int, ...]
    names: tuple[str, ...]
    attributes: tuple[Asked, ...]
    words: tuple[str, ...]


class CompiledProgram:
    """The rulesets of one program. It learns structures that the vocabulary did not announce (`learn`)."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.rulesets: list[Ruleset] = []
        self.rulesets_of: list[tuple[int, ...]] = []
        self._numbers: dict[Formula, int] = {}
        self._formulas: list[Formula] = []
        self._rules: list[tuple[Formula, ...]] = []
        self._strata: list[tuple[int, int]] = []
        self._users: list[set[StructureKey]] = []
        self._names: dict[Attribute, str] = {}
        self._bodies: dict[Expression, int] = {}
        self._structures: dict[StructureKey, Table] = {}
        self._body_pairs: dict[StructureKey, tuple[Pair, ...]] = {}
        self._derived_names = frozenset(fact for _, fact in program.derived)
        above = {
            level: tuple((c, self._pair(c.condition, Scope(program.vocabulary, level))) for c in program.at(level))
            for level in (Level.PATIENT, Level.LESION, Level.OTHER_LESION)
        }
        self.learn(self._announced())
        self._levels = {level: self._table(criteria) for level, criteria in above.items()}

    def _announced(self) -> Iterator[StructureKey]:
        for definition in self.program.vocabulary.structures.values():
            for side in ("left", "right") if definition.sided else ("none",):
                yield definition.name, definition.kind, side

    def at(self, level: Level) -> Table:
        """The criteria of a level above the structures."""
        return self._levels[level]

    def at_structure(self, key: StructureKey) -> Table:
        """The criteria of the structure level for one structure."""
        return self._structures[key]

    def bodies(self, key: StructureKey) -> tuple[Pair, ...]:
        """What decides the body of each *any structure* for one member, by the body's number."""
        return self._body_pairs[key]

    def learn(self, keys: Iterable[StructureKey]) -> None:
        """Compile the structure criteria, and the bodies of *any structure*, for structures not met before."""
        learnt: dict[StructureKey, tuple[tuple[Criterion, Pair], ...]] = {}
        for key in dict.fromkeys(keys):
            if key in self._structures:
                continue
            scope = Scope(
                self.program.vocabulary,
                Level.STRUCTURE,
                dict(zip(GIVEN_FACTS, key, strict=True)),
                {fact: text for (name, fact), text in self.program.derived.items() if name == key[0]},
                self._derived_names,
            )
            self._body_pairs[key] = tuple(self._pair(body, scope, key) for body in self._bodies)
            learnt[key] = tuple(
                (criterion, self._pair(criterion.condition, scope, key))
                for criterion in self.program.at(Level.STRUCTURE)
            )
        if len(self._formulas) > len(self.rulesets_of):
            self._seal()
        self._structures.update((key, self._table(criteria)) for key, criteria in learnt.items())

    def _table(self, criteria: tuple[tuple[Criterion, Pair], ...]) -> Table:
        goals = [goal for _, pair in criteria for goal in (pair.when_true, pair.when_false)]
        jobs = dict.fromkeys(
            (index, goal.mirrored)
            for goal in goals
            if isinstance(goal, Placed)
            for index in self.rulesets_of[goal.formula]
        )
        return Table(criteria, tuple(jobs))

    def _pair(self, condition: Expression, scope: Scope, key: StructureKey | None = None) -> Pair:
        return Pair(*(self._goal(certainly(condition, outcome, scope), key) for outcome in (True, False)))

    def _goal(self, formula: Formula, key: StructureKey | None) -> Goal:
        if isinstance(formula, bool):
            return formula
        mirrored = words_of(formula) <= {"other", "patient"} and "other" in words_of(formula)
        return Placed(self._number(seen_from_other(formula) if mirrored else formula, key), mirrored)

    def _number(self, formula: Formula, key: StructureKey | None) -> int:
        """The number of a formula, which is registered with all that must be decided before it."""
        number = self._numbers.get(formula)
        if number is None:
            rules = rules_of(formula)
            number = self._numbers[formula] = len(self._formulas)
            self._formulas.append(formula)
            self._rules.append(rules)
            self._users.append(set())
            self._strata.append((0, 0))
        if key is not None:
            self._users[number].add(key)
        asked = [attribute for rule in self._rules[number] for attribute in attributes_of(rule)]
        before = [self._strata[self._number(a.formula, key)] for a in asked if isinstance(a, HeldAttribute)]
        for attribute in asked:
            self._name(attribute)
        # Members are decided first, all of them; then what asks about any of them.
        phase = max([int(any(isinstance(a, AnyAttribute) for a in asked)), *(phase for phase, _ in before)])
        depth = max([0, *(depth + 1 for its_phase, depth in before if its_phase == phase)])
        self._strata[number] = (phase, depth)
        return number

    def _name(self, attribute: Attribute) -> None:
        if attribute in self._names:
            return
        match attribute:
            case FactAttribute(word, name, part):
                self._names[attribute] = f"{word}_{name}_{part}"
            case AnyAttribute(word, body, outcome):
                index = self._bodies.setdefault(body, len(self._bodies))
                self._names[attribute] = f"{word}_any{index}_{'some' if outcome else 'none'}"
            case HeldAttribute(formula):
                self._names[attribute] = f"held{self._numbers[formula]}"
            case _:
                assert_never(attribute)

    def _asked(self, attribute: Attribute) -> Asked:
        match attribute:
            case FactAttribute():
                return attribute
            case AnyAttribute(word, body, outcome):
                return AskedAny(word, self._bodies[body], outcome)
            case HeldAttribute(formula):
                return AskedFormula(self._numbers[formula])
            case _:
                assert_never(attribute)

    def _seal(self) -> None:
        """Pack the formulas that are in no ruleset yet."""
        check_names(self._names.values())
        groups: dict[tuple[object, ...], list[int]] = {}
        for number in range(len(self.rulesets_of), len(self._formulas)):
            words = words_of(self._formulas[number])
            if "structure" in words:
                view: object = ("structure", frozenset(self._users[number]))
            else:
                view = "pair" if "other" in words else "lesion" if "lesion" in words else "patient"
            groups.setdefault((self._strata[number], view), []).append(number)
        placed: dict[int, list[int]] = {n: [] for n in range(len(self.rulesets_of), len(self._formulas))}
        for numbers in groups.values():
            for rules in _packed([(number, rule) for number in numbers for rule in self._rules[number]]):
                for number in dict.fromkeys(number for number, _ in rules):
                    placed[number].append(len(self.rulesets))
                self.rulesets.append(self._ruleset(rules))
        self.rulesets_of += [tuple(where) for where in placed.values()]

    def _ruleset(self, rules: list[tuple[int, Formula]]) -> Ruleset:
        asked = dict.fromkeys(attribute for _, rule in rules for attribute in attributes_of(rule))
        definition = ruleset_of([rule for _, rule in rules], self._names)
        digest = hashlib.sha256(json.dumps(definition).encode()).hexdigest()
        return Ruleset(
            name=digest[:32],
            stratum=self._strata[rules[0][0]],
            rules=definition,
            formulas=tuple(number for number, _ in rules),
            names=tuple(self._names[attribute] for attribute in asked),
            attributes=tuple(self._asked(attribute) for attribute in asked),
            words=tuple(sorted(frozenset().union(*(words_of(rule) for _, rule in rules)))),
        )


def _packed(rules: list[tuple[int, Formula]]) -> Iterator[list[tuple[int, Formula]]]:
    """The rules in portions that one ruleset can carry."""
    portion: list[tuple[int, Formula]] = []
    room, ways = ATOMS_PER_RULESET, PATHS_PER_RULESET
    for number, rule in rules:
        if atoms(rule) > room or paths(rule) > ways:
            yield portion
            portion, room, ways = [], ATOMS_PER_RULESET, PATHS_PER_RULESET
        portion.append((number, rule))
        room, ways = room - atoms(rule), ways - paths(rule)
    if portion:
        yield portion
