"""The archive of decision records under two versions of a rule set: which recorded patients come out otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import SecretStr

from cds.commands.proofs import Json
from cds.errors import CdsError
from cds.explanation.words import counted
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import Decision, reason
from cds.reasoning.verdict import ORDER_OF_VERDICTS, Verdict
from cds.records import Entry, Records, open_records
from cds.records.replay import completed
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES, Phase
from cds.service.settings import Settings


@dataclass(frozen=True, slots=True)
class Changed:
    """What comes out otherwise for one recorded decision: lesion and option with what was, and what is, possible."""

    decision: str
    options: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """Every recorded decision put to both versions."""

    read: int
    erased: int
    unusable: tuple[tuple[str, str], ...]
    """Decisions that a version gives no answer for, with the reason."""
    changed: tuple[Changed, ...]

    def lines(self) -> Iterator[str]:
        """For people: the decisions by id, never a patient's name."""
        for change in self.changed:
            told = "; ".join(
                f"{lesion} {option}: {' or '.join(before)} -> {' or '.join(after)}"
                for lesion, option, before, after in change.options
            )
            yield f"{change.decision}: {told}"
        for decision, why in self.unusable:
            yield f"{decision}: no answer to compare: {why}"
        gone = f"; {self.erased} were erased" if self.erased else ""
        failed = f"; {len(self.unusable)} could not be compared" if self.unusable else ""
        yield f"{counted(self.read, 'recorded decision')}: {len(self.changed)} treated differently{failed}{gone}"

    def json(self) -> Json:
        """For programs."""
        return {
            "read": self.read, "erased": self.erased,
            "could_not_be_compared": [{"decision": decision, "why": why} for decision, why in self.unusable],
            "treated_differently": [
                {"decision": change.decision,
                 "options": [{"lesion": lesion, "option": option, "old": list(before), "new": list(after)}
                             for lesion, option, before, after in change.options]}
                for change in self.changed
            ],
        }  # fmt: skip


def read_archive(url: str, old: RuleSet, new: RuleSet) -> Archive:
    """Put every recorded decision to both versions, by the reference evaluator."""
    settings = Settings(database=SecretStr(url))
    key = settings.pseudonym_key.get_secret_value() if settings.pseudonym_key is not None else None
    records = open_records(url, pseudonym_key=key)
    try:
        return _compared(records, old, new)
    finally:
        records.close()


def _compared(records: Records, old: RuleSet, new: RuleSet) -> Archive:
    read = erased = 0
    unusable: list[tuple[str, str]] = []
    changed: list[Changed] = []
    for entry in _decisions(records):
        if not records.has_content(entry.id):
            erased += 1
            continue
        read += 1
        try:
            before, after = (_possible(records, entry, rules) for rules in (old, new))
        except CdsError as error:
            unusable.append((entry.id, str(error)))
            continue
        options = tuple(
            (*key, _listed(before.get(key)), _listed(after.get(key)))
            for key in dict.fromkeys([*before, *after])
            if before.get(key) != after.get(key)
        )
        if options:
            changed.append(Changed(entry.id, options))
    return Archive(read, erased, tuple(unusable), tuple(changed))


def _decisions(records: Records) -> Iterator[Entry]:
    after = 0
    while page := records.entries("decision", after=after):
        yield from page
        after = page[-1].number


def _possible(records: Records, entry: Entry, rules: RuleSet) -> dict[tuple[str, str], frozenset[Verdict]]:
    phase = _phase(entry)
    decision: Decision = reason(completed(records.case(entry.id), rules.vocabulary), rules, phase, ReferenceEngine())
    return {
        (lesion.lesion.id, option.option): option.possible for lesion in decision.lesions for option in lesion.options
    }


def _phase(entry: Entry) -> Phase:
    return next((phase for phase in PHASES if phase == entry.body.get("phase")), "decision")


def _listed(possible: frozenset[Verdict] | None) -> tuple[str, ...]:
    if possible is None:
        return ("not offered",)
    return tuple(verdict.value for verdict in ORDER_OF_VERDICTS if verdict in possible)
