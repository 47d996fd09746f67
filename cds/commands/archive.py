"""The archive of decision records under two versions of a rule set: which recorded patients come out otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from cds.analysis.outline import outlined, told
from cds.commands.proofs import Json
from cds.errors import CdsError
from cds.explanation.words import counted
from cds.records import Entry, Records, open_records
from cds.records.replay import completed
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES, Phase
from cds.service.settings import Settings

MOST_TOLD = 5
"""How many differences of one decision are told to people where no verdict is among them; programs get all."""

_NOT_THERE = "not there"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that an answer says otherwise: its place (`options T1 knife possible`), what it was, and what it is."""

    place: str
    old: str
    new: str

    @property
    def is_of_a_verdict(self) -> bool:
        """Whether other verdicts are possible."""
        return self.place.startswith("options ") and self.place.endswith(" possible")

    def __str__(self) -> str:
        return f"{self.place}: {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True)
class Changed:
    """What comes out otherwise for one recorded decision."""

    decision: str
    differences: tuple[Difference, ...]

    def line(self) -> str:
        """The verdicts where there are any among them, else the first few, and how many more."""
        verdicts = [each for each in self.differences if each.is_of_a_verdict]
        shown = verdicts or self.differences[:MOST_TOLD]
        more = len(self.differences) - len(shown)
        return f"{self.decision}: {'; '.join(map(str, shown))}" + (f"; and {more} more" if more else "")


@dataclass(frozen=True, slots=True)
class Archive:
    """Every recorded decision put to both versions."""

    read: int
    erased: int
    unusable: tuple[tuple[str, str], ...]
    """Decisions that a version gives no answer for, with the reason."""
    changed: tuple[Changed, ...]

    @property
    def is_unchanged(self) -> bool:
        """Whether every recorded decision comes out as it did: none otherwise, and none that could not be compared."""
        return not self.changed and not self.unusable

    def lines(self) -> Iterator[str]:
        """For people: the decisions by id, never a patient's name."""
        for change in self.changed:
            yield change.line()
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
                 "differences": [{"place": each.place, "old": each.old, "new": each.new}
                                 for each in change.differences]}
                for change in self.changed
            ],
        }  # fmt: skip


def read_archive(url: str, old: RuleSet, new: RuleSet) -> Archive:
    """Put every recorded decision to both versions, by the reference evaluator. The records are only read.

    Raises `RecordsUnavailable` where there are none at the URL.
    """
    settings = Settings(database=SecretStr(url))
    key = settings.pseudonym_key.get_secret_value() if settings.pseudonym_key is not None else None
    records = open_records(url, pseudonym_key=key, create=False)
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
            before, after = (_answer(records, entry, rules) for rules in (old, new))
        except CdsError as error:
            unusable.append((entry.id, str(error)))
            continue
        differences = tuple(
            Difference(place, before.get(place, _NOT_THERE), after.get(place, _NOT_THERE))
            for place in dict.fromkeys([*before, *after])
            if before.get(place, _NOT_THERE) not in _same_as(after.get(place, _NOT_THERE))
        )
        if differences:
            changed.append(Changed(entry.id, differences))
    return Archive(read, erased, tuple(unusable), tuple(changed))


def _same_as(word: str) -> frozenset[str]:
    """A reason that does not apply says no more than one that is not there."""
    return frozenset({_NOT_THERE, "false"} if word in (_NOT_THERE, "false") else {word})


def _decisions(records: Records) -> Iterator[Entry]:
    after = 0
    while page := records.entries("decision", after=after):
        yield from page
        after = page[-1].number


def _answer(records: Records, entry: Entry, rules: RuleSet) -> Mapping[str, str]:
    """What the answer to a recorded case says under a version, under the parameters of its day."""
    case = completed(records.case(entry.id), rules.vocabulary)
    return told(outlined(case, rules, _phase(entry)))


def _phase(entry: Entry) -> Phase:
    return next((phase for phase in PHASES if phase == entry.body.get("phase")), "decision")
