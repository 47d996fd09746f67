"""How one answer is told: folded or written out, and each reason with the sources that it cites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from cds.explanation import words
from cds.explanation.page import Entry
from cds.explanation.reasons import Grouped, holds_back, missing_values
from cds.explanation.references import Citations
from cds.recommendation.model import FactPart, ReasonPart, Recommendation, SettlingFact

Names = Mapping[str, str]
"""What the subjects of a lesion's reasons are called."""

MOST_LIKEWISE: Final = 2
MOST_CITES: Final = 2
SHOWN_TOPICS: Final = ("caution", "contradiction", "evidence", "prognosis")
"""Informing criteria of these topics are written out beside the verdicts; in phases that decide nothing, all are."""
_ADDRESSED: Final = {"true": " Addressed.", "false": " Not addressed.", "unknown": " Not known to be addressed."}


@dataclass
class Telling:
    """One page in the making; what it tells with sources is cited, and referenced at its end."""

    answer: Recommendation
    unfold: bool
    citations: Citations = field(default_factory=Citations)

    def most(self, number: int) -> int | None:
        """How many are listed: as many as there are, where all is written out."""
        return None if self.unfold else number

    def shows(self, reason: ReasonPart) -> bool:
        """Whether a criterion that only informs is written out in a folded page."""
        return self.answer.phase != "decision" or reason.topic in SHOWN_TOPICS

    def sources(self, reason: ReasonPart) -> str:
        """What stands in brackets after a reason."""
        self.citations.cite(reason.evidence)
        self.citations.cite_names(each.cite for each in reason.parameters if each.cite)
        return words.sources(reason, () if self.unfold else self._distances, self.most(MOST_CITES))

    @cached_property
    def _distances(self) -> frozenset[str]:
        """The distances of which the protection plan says what they are."""
        plans = (lesion.protection_plan for lesion in self.answer.lesions)
        return frozenset(each.name for plan in plans if plan is not None for each in plan.distances)

    def likewise(self, group: Grouped, names: Names) -> str:
        """The other structures of which a rule is true: each has its own sentence only when unfolded."""
        if not group.others:
            return ""
        others = [names.get(each.subject, each.subject) for each in group.others]
        return f" Likewise: {words.some(others, self.most(MOST_LIKEWISE))}."

    def said_once(self, group: Grouped, label: str, names: Names, remark: str = "") -> Entry:
        """A rule said once for all that it is true of."""
        return Entry(f"{group.first.says}{remark}{self.likewise(group, names)}", self.sources(group.first), label)

    def told(self, reason: ReasonPart, label: str, names: Names) -> Entry:
        """A decided reason with whose it is, whether it is addressed, and its remedy."""
        whose = names.get(reason.subject, reason.subject) if reason.subject.count("/") else ""
        says = f"{whose}: {reason.says}" if whose and whose not in reason.says else reason.says
        if holds_back(reason) and reason.addressed is not None:
            says += _ADDRESSED[reason.addressed]
        if reason.remedy and holds_back(reason):
            says += f" {reason.remedy}"
        return Entry(says, self.sources(reason), label)

    def undecided(self, reason: ReasonPart, label: str) -> Entry:
        """An undecided reason with what it lacks."""
        missing = [f"{words.fact_label(each)} of {each.subject}: {why_unknown(each)}"
                   for each in reason.facts if each.status != "known"]  # fmt: skip
        facts = words.some([*missing, *missing_values([reason])], None)
        return Entry(f"{reason.condition}: undecided; {facts or 'no fact is missing'}", self.sources(reason), label)


def why_unknown(fact: FactPart | SettlingFact) -> str:
    """Why a fact has no value, in a word or two."""
    return "contradictory" if fact.status == "conflicting" else (fact.reason or "unknown").replace("-", " ")
