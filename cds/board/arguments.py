"""An option as the board reads it: its verdict, and every criterion sorted by what it does to the option."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cds.explanation.reasons import grouped, holds_back, holds_nothing_back, may_hold_back, rank, subjects
from cds.recommendation.model import ExceptionPart, LesionPart, OptionPart, ReasonPart, TruthWord

Kind = Literal[
    "excluding", "to-correct", "against", "undecided", "for", "met", "waived",
    "informing", "cleared", "advisory", "not-applying", "duty",
]  # fmt: skip
"""What a criterion does to its option, in the order in which a board reads it."""

KINDS: Final[tuple[Kind, ...]] = (
    "excluding", "to-correct", "against", "undecided", "for", "met", "waived",
    "informing", "cleared", "advisory", "not-applying", "duty",
)  # fmt: skip
LEADING: Final = frozenset({"excluding", "to-correct", "against", "undecided", "for", "met", "waived"})
"""What stands open on the page; the rest was considered, moves nothing here, and is folded."""


@dataclass(frozen=True, slots=True)
class About:
    """A reason, and what it is about: the label of a structure or lesion where the sentence does not name it."""

    reason: ReasonPart
    label: str


@dataclass(frozen=True, slots=True)
class Argument:
    """One rule with one truth, said once for everything that it is true of.

    `waivers` are its exceptions that hold.
    """

    first: ReasonPart
    abouts: tuple[About, ...]
    waivers: tuple[ExceptionPart, ...] = ()

    @property
    def others(self) -> tuple[str, ...]:
        """What else the sentence holds for, likewise."""
        return tuple(each.label for each in self.abouts[1:])


@dataclass(frozen=True, slots=True)
class ArgumentGroup:
    """The arguments of one kind; never empty."""

    kind: Kind
    arguments: tuple[Argument, ...]

    @property
    def leads(self) -> bool:
        """Whether it stands open on the page."""
        return self.kind in LEADING


@dataclass(frozen=True, slots=True)
class OptionView:
    """One option for one lesion. `verdict` is `not-assessed` where no verdict is given at all.

    `still_possible` has more than one word while the verdict is undetermined; `if_in_scope` says that everything holds
    only if the patient is in scope.
    """

    part: OptionPart
    verdict: str
    still_possible: tuple[str, ...]
    standing: str
    if_in_scope: bool
    groups: tuple[ArgumentGroup, ...]

    def of(self, kind: Kind) -> tuple[Argument, ...]:
        """The arguments of a kind."""
        return next((group.arguments for group in self.groups if group.kind == kind), ())

    @property
    def folded(self) -> tuple[ArgumentGroup, ...]:
        """What was considered and moves nothing here."""
        return tuple(group for group in self.groups if not group.leads)


def option_view(option: OptionPart, lesion: LesionPart) -> OptionView:
    """An option of a lesion with its arguments by kind."""
    scope = lesion.scope.truth
    possible = tuple(word for word in option.possible if word != "not-assessed")
    assessed = scope != "false" and option.verdict != "not-assessed" and bool(possible)
    conditional = assessed and (scope == "unknown" or len(possible) < len(option.possible))
    verdict: str = "not-assessed"
    if assessed:
        verdict = possible[0] if len(possible) == 1 else "undetermined"
    return OptionView(
        option, verdict, possible if verdict == "undetermined" else (), _standing(option, possible, scope), conditional,
        argument_groups(option.reasons, subjects(lesion)),
    )  # fmt: skip


def _standing(option: OptionPart, possible: tuple[str, ...], scope: TruthWord) -> str:
    """The standing; while the scope is not known, the one that holds if it is true."""
    if scope != "unknown":
        return option.standing
    if possible == ("ineligible",):
        return "excluded"
    return "unknown" if "ineligible" in possible else "not-excluded"


def argument_groups(reasons: Iterable[ReasonPart], names: Mapping[str, str]) -> tuple[ArgumentGroup, ...]:
    """Reasons by what they do, every one of them in exactly one group."""
    by_kind: dict[Kind, list[ReasonPart]] = {kind: [] for kind in KINDS}
    for reason in reasons:
        by_kind[kind_of(reason)].append(reason)
    return tuple(
        ArgumentGroup(kind, tuple(_arguments(sorted(its, key=rank), names))) for kind, its in by_kind.items() if its
    )


def kind_of(reason: ReasonPart) -> Kind:
    """What a criterion with this effect and this truth does to its option."""
    if reason.effect == "obliges":
        return "duty"
    if any(each.truth == "true" for each in reason.exception_truths) and not holds_back(reason):
        return "waived"
    if holds_back(reason):
        if reason.effect == "against":
            return "against"
        return "to-correct" if reason.effect == "requires" and reason.remedy is not None else "excluding"
    if may_hold_back(reason):
        return "undecided"
    if holds_nothing_back(reason):
        return "met" if reason.effect == "requires" else "cleared"
    if reason.truth == "true":
        return "for" if reason.effect == "for" else "informing"
    return "advisory" if reason.truth == "unknown" else "not-applying"


def _arguments(reasons: Iterable[ReasonPart], names: Mapping[str, str]) -> Iterable[Argument]:
    for group in grouped(reasons):
        abouts = tuple(About(each, names.get(each.subject, each.subject)) for each in group.all)
        waivers = tuple(each for each in group.first.exception_truths if each.truth == "true")
        yield Argument(group.first, abouts, waivers)
