"""The regions of a rule set: which grounds can stand together against an option, and what the verdict then is.

A patient of whom everything that bears on an option is settled stands in one region: the set of the criteria that speak
against it (what is required and not met, what excludes it, what argues against it). Two patients of one region have the
same verdict for the same reasons. Regions are enumerated from no ground on, then one, then two, up to a bound; each
comes with a made-up patient, or is proved to be empty by not being there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import z3

from cds.analysis.formulas import Formula, Symbolic, both, either, no, some
from cds.analysis.judging import Judgement, judged, untrusted
from cds.analysis.meaning import Meaning, holds_against
from cds.analysis.universe import Universe
from cds.analysis.witness import AS_OF, Patients, Undecided, case_of
from cds.case import Case
from cds.reasoning.verdict import Verdict, objection
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase, Rule
from cds.truth import Truth, any_of


@dataclass(frozen=True, slots=True)
class Region:
    """One region: the ids of the criteria that speak against the option, the verdict, a patient, and what it rests on.

    `worked_cases` are the names of those that stand in it; `cites` the references of its criteria, of the requirements
    and exclusions where nothing speaks against the option.
    """

    against: frozenset[str]
    verdict: Verdict
    patient: Case
    worked_cases: tuple[str, ...]
    cites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enumerated:
    """The regions up to the bound. `complete` says whether there is proved to be no further one."""

    regions: tuple[Region, ...]
    complete: bool
    undecided: bool


@dataclass(frozen=True)
class Regions:
    """The regions of one option, for patients with one lesion that is in scope."""

    rules: RuleSet
    option: str
    worked_cases: Mapping[str, Case]
    seconds: float = 20.0
    phase: Phase = "decision"
    as_of: dt.date = AS_OF

    @cached_property
    def _meaning(self) -> Meaning:
        return Meaning(self.rules, self.phase, Universe(self.rules.vocabulary))

    @cached_property
    def grounds(self) -> Mapping[str, tuple[Rule, Symbolic]]:
        """When each criterion that can move the verdict speaks against the option, somewhere about the lesion."""
        found: dict[str, tuple[Rule, list[Symbolic]]] = {}
        for rule, where in self._meaning.considered([self.option, "any"]):
            holds = holds_against(rule, self._meaning.truths[rule.id, where.id])
            if holds is not None:
                found.setdefault(rule.id, (rule, []))[1].append(holds.where(where.present))
        return {id_: (rule, some(truths)) for id_, (rule, truths) in found.items()}

    def enumerate(self, most: int) -> Enumerated:
        """Regions by the number of their grounds, at most `most` of them."""
        patients = Patients(self._meaning.universe)
        holds = {id_: truth.true for id_, (_, truth) in self.grounds.items()}
        settled = both(*(either(truth.true, truth.false) for _, truth in self.grounds.values()))
        everywhere = both(self._meaning.scope().true, settled)
        seen: list[Formula] = []
        found: list[Region] = []
        for number in range(len(holds) + 1):
            so_many = z3.PbEq([(each, 1) for each in holds.values()], number)
            while True:
                try:
                    model = patients.find(both(everywhere, so_many, *seen), seconds=self.seconds)
                except Undecided:
                    return Enumerated(tuple(found), complete=False, undecided=True)
                if model is None:
                    break
                if len(found) == most:
                    return Enumerated(tuple(found), complete=False, undecided=False)
                case = case_of(self._meaning.universe, model, self.as_of)
                region = self._region(judged(self._meaning, model, case))
                found.append(region)
                same = (holds[id_] if id_ in region.against else no(holds[id_]) for id_ in holds)
                seen.append(no(both(*same)))
            if not self._are_there_more(patients, both(everywhere, *seen)):
                return Enumerated(tuple(found), complete=True, undecided=False)
        return Enumerated(tuple(found), complete=True, undecided=False)

    def _are_there_more(self, patients: Patients, formula: Formula) -> bool:
        try:
            return patients.find(formula, seconds=self.seconds, minimal=False) is not None
        except Undecided:
            return True

    def _region(self, judgement: Judgement) -> Region:
        against = standing(judgement, self.option)
        possible = judgement.possible(self.option)
        if against is None or len(possible) != 1:
            raise untrusted(f"that everything about {self.option} is settled")
        cases = tuple(name for name, other in self._standing.items() if other == against)
        return Region(against, next(iter(possible)), judgement.case, cases, self._cites(against))

    @cached_property
    def _standing(self) -> Mapping[str, frozenset[str] | None]:
        return {
            name: standing(Judgement(self.rules, self.phase, case), self.option)
            for name, case in self.worked_cases.items()
        }

    @property
    def unsettled(self) -> tuple[str, ...]:
        """The worked cases that stand in no region: something that bears on the option is unknown, or out of scope."""
        return tuple(name for name, against in self._standing.items() if against is None)

    def _cites(self, against: Iterable[str]) -> tuple[str, ...]:
        named = frozenset(against)
        rules = [rule for id_, (rule, _) in self.grounds.items() if id_ in named]
        if not rules:
            rules = [rule for rule, _ in self.grounds.values() if rule.effect in ("requires", "excludes")]
        return tuple(dict.fromkeys(each.cite for rule in rules for each in rule.evidence))


def standing(judgement: Judgement, option: str) -> frozenset[str] | None:
    """The criteria that speak against an option in one case; `None` where one is unknown, or the scope is not true."""
    if judgement.scope is not Truth.TRUE:
        return None
    raised: dict[str, list[Truth]] = {}
    for rule, truth in judgement.considered([option, "any"]):
        found = objection(rule.effect, truth, has_remedy=rule.remedy is not None)
        if found is not None:
            raised.setdefault(rule.id, []).append(found.holds)
    holds = {id_: any_of(truths) for id_, truths in raised.items()}
    if Truth.UNKNOWN in holds.values():
        return None
    return frozenset(id_ for id_, truth in holds.items() if truth is Truth.TRUE)
