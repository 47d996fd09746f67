"""durable-rules as an engine: decides every criterion of a program in every context of a case.

Nothing is decided here. This module gathers the flat facts of each context, asks the worker which rules fire, and
reads the truth of a criterion from its two formulas. An answer counts only if the engine shows that it ran from the
first rule to the last.
"""

from __future__ import annotations

import importlib.metadata
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, assert_never

from cds.case import Facts
from cds.errors import EngineFailure
from cds.reasoning.contexts import OVER_OTHER_STRUCTURES, OVER_STRUCTURES, Context, Contexts
from cds.reasoning.durable_compat import DurableRulesUnavailable
from cds.reasoning.engine import Decisions
from cds.reasoning.forward_chaining.compilation import (
    GIVEN_FACTS,
    Asked,
    AskedAny,
    AskedFormula,
    CompiledProgram,
    Goal,
    Pair,
    Placed,
    Ruleset,
    StructureKey,
    Table,
)
from cds.reasoning.forward_chaining.encoding import BEGIN, END, encoded
from cds.reasoning.forward_chaining.lowering import LEVEL_OF_WORD, FactAttribute, Part
from cds.reasoning.forward_chaining.process import Evaluation, Worker
from cds.ruleset.program import Program
from cds.truth import Truth
from cds.vocabulary import Level

PROGRAMS_KEPT: Final = 8
RULESETS_PER_WORKER: Final = 256

_OVER: Final[Mapping[str, str]] = {"lesion": OVER_STRUCTURES, "other": OVER_OTHER_STRUCTURES}


class DurableRulesEngine:
    """durable-rules in a worker process of its own. Threads take turns; after a fork, each process has its worker.

    `time_limit` is in seconds for each exchange with the worker, of which a case needs one to a few; `start_limit`
    for starting a worker. `close()` ends the worker; it also ends with this object, and with its parent.
    """

    def __init__(self, *, time_limit: float = 10.0, start_limit: float = 30.0) -> None:
        self._time_limit = time_limit
        self._start_limit = start_limit
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._worker_of = 0
        self._programs: OrderedDict[int, CompiledProgram] = OrderedDict()

    @property
    def name(self) -> str:
        """`durable_rules`."""
        return "durable_rules"

    @property
    def version(self) -> str:
        """The installed version of durable-rules.

        >>> DurableRulesEngine().version
        '2.0.28'
        """
        try:
            return importlib.metadata.version("durable_rules")
        except importlib.metadata.PackageNotFoundError as error:
            raise DurableRulesUnavailable(
                "durable-rules: it is not installed; evaluation needs durable_rules 2.0.28; "
                "install this package with its dependencies"
            ) from error

    @property
    def worker_process_id(self) -> int | None:
        """The id of the worker process, or `None` while there is none."""
        worker = self._worker
        return None if worker is None else worker.process_id

    def prepare(self, program: Program) -> None:
        """Start the worker and load a program, so that the first case does not wait for either."""
        with self._lock:
            self._ask([(ruleset, {}) for ruleset in self._compiled(program).rulesets])

    def decide(self, program: Program, contexts: Contexts) -> Decisions:
        """The truth of every criterion of the program in every context of its level.

        Raises `EngineFailure` where the engine cannot vouch for all of them; the next call gets a new worker.
        """
        with self._lock:
            return _Run(self, self._compiled(program), contexts).decisions()

    def close(self) -> None:
        """End the worker and wait for its end. A later `decide` starts another."""
        with self._lock:
            self._dismiss()

    def _compiled(self, program: Program) -> CompiledProgram:
        # The compilation keeps the program, so that its identity cannot pass to another one.
        compiled = self._programs.pop(id(program), None) or CompiledProgram(program)
        self._programs[id(program)] = compiled
        if len(self._programs) > PROGRAMS_KEPT:
            self._programs.popitem(last=False)
        return compiled

    def _ask(self, evaluations: Sequence[tuple[Ruleset, Mapping[str, int]]]) -> list[list[str]]:
        """The rules that fired for each evaluation, checked, in one exchange with the worker."""
        if not evaluations:
            return []
        needed = {ruleset.name: ruleset.rules for ruleset, _ in evaluations}
        asked: list[Evaluation] = [(ruleset.name, facts) for ruleset, facts in evaluations]
        answered = False
        try:
            worker = self._worker_for(needed.keys())
            load = {name: rules for name, rules in needed.items() if name not in worker.loaded}
            fired = worker.evaluate(load, asked, self._time_limit)
            for (ruleset, _), names in zip(evaluations, fired, strict=True):
                check_answer(names, len(ruleset.formulas))
            answered = True
            return fired
        finally:
            # Whatever came in between, an interrupt too: its answer would be read as the next one's.
            if not answered:
                self._dismiss()

    def _worker_for(self, names: AbstractSet[str]) -> Worker:
        """A worker of this process that has room for these rulesets."""
        if self._worker is not None:
            crowded = bool(self._worker.loaded) and len(self._worker.loaded | names) > RULESETS_PER_WORKER
            if crowded or self._worker_of != os.getpid():
                self._dismiss()
        if self._worker is None:
            self._worker, self._worker_of = Worker(self._start_limit), os.getpid()
        return self._worker

    def _dismiss(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()


def check_answer(fired: Sequence[str], rules: int) -> None:
    """Raises `EngineFailure` unless the engine ran through: `begin` first, `end` last, known rules between.

    A rule may fire more than once: once for each way in which it holds.

    >>> check_answer(["begin", "r0", "r0", "end"], 2)
    >>> check_answer(["begin", "r0"], 2)
    Traceback (most recent call last):
    cds.errors.EngineFailure: durable-rules: it did not run to the end of its rules; ...
    """
    between = fired[1:-1]
    if len(fired) < 2 or fired[0] != BEGIN or fired[-1] != END or BEGIN in between or END in between:
        raise _not_vouched("it did not run to the end of its rules")
    if not {f"r{index}" for index in range(rules)}.issuperset(between):
        raise _not_vouched("it fired a rule that it was not given")


def truth_of(when_true: bool, when_false: bool) -> Truth:
    """The truth of a criterion whose formulas held or did not.

    Raises `EngineFailure` where it would be both true and false.

    >>> truth_of(False, False)
    <Truth.UNKNOWN: 'unknown'>
    """
    if when_true and when_false:
        raise _not_vouched("it found a criterion both true and false")
    return Truth.TRUE if when_true else Truth.FALSE if when_false else Truth.UNKNOWN


def _not_vouched(what: str) -> EngineFailure:
    return EngineFailure(
        f"durable-rules: {what}; an answer counts only if all of it can be vouched for; "
        "repeat the request, a new worker is started for it, and report this"
    )


_JobKey = tuple[int, ...]
"""A ruleset by its index, then the identities of the facts and members that it is shown."""


class _Run:
    """One case in one program: what must be decided where, asked stratum by stratum.

    A job is a ruleset in a context. Two contexts that show a ruleset the same facts are one job: a patient's facts are
    looked at once, whatever the number of lesions.
    """

    def __init__(self, engine: DurableRulesEngine, compiled: CompiledProgram, contexts: Contexts) -> None:
        self._engine = engine
        self._compiled = compiled
        self._contexts = tuple(contexts)
        self._definitions = compiled.program.vocabulary.facts
        self._structures: dict[int, StructureKey] = {}
        self._encoded: dict[tuple[int, str], Mapping[Part, int]] = {}
        self._keys: dict[tuple[int, int, bool], _JobKey] = {}
        self._jobs: dict[_JobKey, tuple[Context, bool]] = {}
        self._held: dict[_JobKey, frozenset[int]] = {}

    def decisions(self) -> Decisions:
        """The truth of every criterion in every context."""
        for context in self._contexts:
            if context.level is Level.STRUCTURE:
                self._structures[id(context)] = structure_key(context)
            for members in context.members.values():
                self._structures.update((id(member), structure_key(member)) for member in members)
        self._compiled.learn(self._structures.values())
        tables = [(context, self._table(context)) for context in self._contexts]
        for context, table in tables:
            for index, mirrored in table.jobs:
                self._want(index, context, mirrored)
        for stratum in sorted({self._compiled.rulesets[key[0]].stratum for key in self._jobs}):
            self._decide(stratum)
        decisions: dict[tuple[str, str], Truth] = {}
        for context, table in tables:
            held = {mirrored: self._held_in(context, table, mirrored) for mirrored in (False, True)}
            for criterion, pair in table.criteria:
                when_true, when_false = (
                    goal if isinstance(goal, bool) else goal.formula in held[goal.mirrored]
                    for goal in (pair.when_true, pair.when_false)
                )
                if when_true and when_false:
                    self._engine._dismiss()
                decisions[criterion.id, context.id] = truth_of(when_true, when_false)
        return decisions

    def _table(self, context: Context) -> Table:
        if context.level is Level.STRUCTURE:
            return self._compiled.at_structure(self._structures[id(context)])
        return self._compiled.at(context.level)

    def _held_in(self, context: Context, table: Table, mirrored: bool) -> frozenset[int]:
        """The formulas that held in a context."""
        jobs = (index for index, its in table.jobs if its is mirrored)
        return frozenset().union(*(self._held[self._key(index, context, mirrored)] for index in jobs))

    def _want(self, index: int, context: Context, mirrored: bool) -> None:
        """Note a job, and those that must be done before it."""
        key = self._key(index, context, mirrored)
        if key in self._jobs:
            return
        self._jobs[key] = context, mirrored
        for attribute in self._compiled.rulesets[index].attributes:
            if isinstance(attribute, AskedFormula):
                self._want_goal(Placed(attribute.formula, mirrored), context)
            elif isinstance(attribute, AskedAny):
                for pair, member in self._each(attribute, context, mirrored):
                    self._want_goal(pair.when_true, member)
                    self._want_goal(pair.when_false, member)

    def _want_goal(self, goal: Goal, context: Context) -> None:
        if isinstance(goal, Placed):
            for index in self._compiled.rulesets_of[goal.formula]:
                self._want(index, context, goal.mirrored)

    def _each(self, asked: AskedAny, context: Context, mirrored: bool) -> Iterator[tuple[Pair, Context]]:
        """The members that an *any structure* ranges over, with what decides its body for each."""
        for member in _members_of(asked.word, context, mirrored):
            yield self._compiled.bodies(self._structures[id(member)])[asked.body], member

    def _key(self, index: int, context: Context, mirrored: bool) -> _JobKey:
        where = index, id(context), mirrored
        key = self._keys.get(where)
        if key is None:
            ruleset = self._compiled.rulesets[index]
            shown = [id(_facts_of(word, context, mirrored)) for word in ruleset.words]
            if any(isinstance(attribute, AskedAny) for attribute in ruleset.attributes):
                shown += [id(_members_of(word, context, mirrored)) for word in ruleset.words if word in _OVER]
            key = self._keys[where] = (index, *shown)
        return key

    def _decide(self, stratum: tuple[int, int]) -> None:
        """Ask the engine about every job of a stratum; the same facts for the same ruleset only once."""
        same: dict[tuple[int, tuple[int | None, ...]], list[_JobKey]] = {}
        for key, (context, mirrored) in self._jobs.items():
            ruleset = self._compiled.rulesets[key[0]]
            if ruleset.stratum == stratum:
                values = tuple([self._value(attribute, context, mirrored) for attribute in ruleset.attributes])
                same.setdefault((key[0], values), []).append(key)
        evaluations = []
        for index, values in same:
            ruleset = self._compiled.rulesets[index]
            named = zip(ruleset.names, values, strict=True)
            evaluations.append((ruleset, {name: value for name, value in named if value is not None}))
        for keys, (ruleset, _), fired in zip(
            same.values(), evaluations, self._engine._ask(evaluations), strict=True
        ):
            held = frozenset(ruleset.formulas[int(name[1:])] for name in fired[1:-1])
            self._held.update(dict.fromkeys(keys, held))

    def _value(self, attribute: Asked, context: Context, mirrored: bool) -> int | None:
        """The integer that stands for an attribute in a context, or `None` where it is missing."""
        match attribute:
            case FactAttribute(word, name, part):
                facts = _facts_of(word, context, mirrored)
                parts = self._encoded.get((id(facts), name))
                return (self._encode(word, facts, name) if parts is None else parts).get(part)
            case AskedFormula(formula):
                return 1 if self._holds(Placed(formula, mirrored), context) else None
            case AskedAny():
                members = self._each(attribute, context, mirrored)
                if attribute.outcome:
                    found = any(self._holds(pair.when_true, member) for pair, member in members)
                else:
                    found = all(self._holds(pair.when_false, member) for pair, member in members)
                return 1 if found else None
            case _:
                assert_never(attribute)

    def _encode(self, word: str, facts: Facts, name: str) -> Mapping[Part, int]:
        if name not in facts:
            raise EngineFailure(
                f"durable-rules: the case says nothing of `{word}.{name}`, not even that it is unknown; "
                "a case is made by `assemble` with the vocabulary of its rules; use that one"
            )
        parts = encoded(self._definitions[LEVEL_OF_WORD[word], name], facts[name])
        self._encoded[id(facts), name] = parts
        return parts

    def _holds(self, goal: Goal, context: Context) -> bool:
        if isinstance(goal, bool):
            return goal
        return any(
            goal.formula in self._held[self._key(index, context, goal.mirrored)]
            for index in self._compiled.rulesets_of[goal.formula]
        )


def structure_key(context: Context) -> StructureKey:
    """What the structure table says of the structure of a context."""
    name, kind, side = (context.facts["structure"][fact].value for fact in GIVEN_FACTS)
    if not (isinstance(name, str) and isinstance(kind, str) and isinstance(side, str)):
        raise EngineFailure(
            "durable-rules: a structure lacks its name, kind or side; the structure table states all three; "
            "a case is made by `assemble`, which adds them"
        )
    return name, kind, side


def _facts_of(word: str, context: Context, mirrored: bool) -> Facts:
    return context.facts["other" if mirrored and word == "lesion" else word]


def _members_of(word: str, context: Context, mirrored: bool) -> tuple[Context, ...]:
    return context.members[_OVER["other" if mirrored and word == "lesion" else word]]
