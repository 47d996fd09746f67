"""What is missing, ordered by what it would settle, then by what it costs to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cds.recommendation.model import LesionPart, OptionPart, SettlingFact
from cds.vocabulary import Burden

_BURDENS: Final = {burden.value: place for place, burden in enumerate(Burden)}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the possible verdicts of an option would be if the fact had one of the values that `condition` says."""

    condition: str
    possible: tuple[str, ...]
    settles: bool
    """Whether one verdict would be left."""
    changes: bool
    """Whether less would be possible than now."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a missing fact would do to one option. `open` says that its values cannot be listed."""

    option: str
    outcomes: tuple[Outcome, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """A missing fact with what it would settle, and the burden of learning it."""

    name: str
    subject: str
    about: str
    label: str
    status: str
    reason: str | None
    burden: str
    modifiable: bool
    effects: tuple[Effect, ...]

    @property
    def field(self) -> str:
        """What the form for facts calls it (`cds.board.entry.Control.field`)."""
        structure = self.subject.partition("/")[2]
        return f"{self.name}@{structure}" if structure else self.name

    @property
    def settles(self) -> int:
        """For how many options one of its values would leave a single verdict."""
        return sum(any(outcome.settles for outcome in effect.outcomes) for effect in self.effects)

    @property
    def narrows(self) -> int:
        """For how many options one of its values would leave less possible."""
        return sum(any(outcome.changes for outcome in effect.outcomes) for effect in self.effects)


def missing_of(lesion: LesionPart, names: dict[str, str]) -> tuple[Missing, ...]:
    """The missing facts of a lesion, each once: what settles most first, and of equals the one that is easier to get.

    `names` says what a subject is called.
    """
    pairs: dict[tuple[str, str], list[tuple[OptionPart, SettlingFact]]] = {}
    for option in lesion.options:
        for fact in option.settling_facts:
            pairs.setdefault((fact.name, fact.subject), []).append((option, fact))
    found = [_missing(each, names) for each in pairs.values()]
    return tuple(sorted(found, key=lambda each: (-each.settles, -each.narrows, _BURDENS.get(each.burden, 99))))


def _missing(pairs: Sequence[tuple[OptionPart, SettlingFact]], names: dict[str, str]) -> Missing:
    fact = pairs[0][1]
    return Missing(
        name=fact.name, subject=fact.subject, about=names.get(fact.subject, fact.subject), label=fact.label,
        status=fact.status, reason=fact.reason, burden=fact.burden, modifiable=fact.modifiable,
        effects=tuple(_effect(option, each) for option, each in pairs),
    )  # fmt: skip


def _effect(option: OptionPart, fact: SettlingFact) -> Effect:
    outcomes = tuple(
        Outcome(
            condition=outcome.condition,
            possible=tuple(word for word in outcome.possible if word != "not-assessed") or ("not-assessed",),
            settles=len(outcome.possible) == 1 and len(option.possible) > 1,
            changes=set(outcome.possible) < set(option.possible),
        )
        for outcome in fact.outcomes
    )
    return Effect(option.label, outcomes, fact.open)
