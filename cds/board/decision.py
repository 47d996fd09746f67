"""What a board chooses from beside an answer, what speaks against each choice, and what it decided.

What the answer leaves open is one rule, `Choice.follows`; a choice that does not follow from it needs a reason.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from cds.board.arguments import Argument, Kind, OptionView, option_view
from cds.recommendation.model import LesionPart, OptionPart, Recommendation

ChoiceKind = Literal["option", "alternative", "other"]
OBJECTIONS: Final[tuple[Kind, ...]] = ("excluding", "to-correct", "against", "undecided")
"""What speaks against a choice, or may: these can be overridden."""
OTHER: Final = "other"
"""What stands for a choice that the board says in its own words."""


@dataclass(frozen=True, slots=True)
class Objection:
    """One rule that speaks against a choice, or may, once for everything that it is true of."""

    rule: str
    says: str
    kind: Kind
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that a board can choose for a lesion: an option of the rules, or an alternative that they list.

    `view` is the option's standing in the answer; an alternative has none. `follows` is whether the answer leaves it
    open; `None` where the answer says nothing of it.
    """

    id: str
    kind: ChoiceKind
    label: str
    view: OptionView | None
    follows: bool | None
    objections: tuple[Objection, ...] = ()

    @property
    def verdict(self) -> str | None:
        """What the answer says of it."""
        return self.view.verdict if self.view is not None else None

    @property
    def excluding(self) -> tuple[str, ...]:
        """The rules that exclude it: whoever chooses it has to override each of them."""
        return tuple(each.rule for each in self.objections if each.kind == "excluding")


def choices(answer: Recommendation, lesion: LesionPart) -> tuple[Choice, ...]:
    """What can be chosen for a lesion: the options as the rules list them, then the alternatives.

    An option follows where it is eligible or conditional, the patient does not decline it, and no order that is still
    possible puts another such option before it. An alternative follows where no option does. Where the answer assesses
    nothing (out of scope, another phase) it says nothing of any of them; out of scope no rule objects to anything.
    """
    views = [option_view(option, lesion) for option in lesion.options]
    assessed = any(view.verdict != "not-assessed" for view in views)
    in_scope = lesion.scope.truth != "false"
    following = {view.part.option for view in views if _is_open(view.part)}
    following = {option for option in following if _may_come_first(option, following, lesion)}
    alternative_follows = not following if assessed else None
    return (
        *(
            Choice(view.part.option, "option", view.part.label, view,
                   view.part.option in following if assessed else None, tuple(_objections(view)) if in_scope else ())
            for view in views
        ),
        *(
            Choice(each.id, "alternative", each.says, None, alternative_follows)
            for each in answer.alternatives
        ),
    )  # fmt: skip


def _is_open(option: OptionPart) -> bool:
    return option.verdict in ("eligible", "conditional") and option.declined != "true"


def _may_come_first(option: str, rivals: Iterable[str], lesion: LesionPart) -> bool:
    orders = lesion.order.possible
    return not orders or any(_first_of(rivals, order.groups, option) for order in orders)


def _first_of(rivals: Iterable[str], groups: tuple[tuple[str, ...], ...], option: str) -> bool:
    open_ones = set(rivals)
    first = next((open_ones.intersection(group) for group in groups if open_ones.intersection(group)), {option})
    return option in first


def _objections(view: OptionView) -> Iterator[Objection]:
    told: set[str] = set()
    for kind in OBJECTIONS:
        for argument in view.of(kind):
            # A rule may hold for one structure and be open for another: it is overridden once.
            if argument.first.rule not in told:
                told.add(argument.first.rule)
                yield Objection(argument.first.rule, sentence_of(argument), kind, argument.others)


def sentence_of(argument: Argument) -> str:
    """What an argument says, with what would correct it."""
    reason = argument.first
    return f"{reason.says} {reason.remedy}" if reason.remedy and reason.truth != "true" else reason.says


@dataclass(frozen=True, slots=True)
class OverriddenRule:
    """A rule that the board decided against, with the sentence that it read."""

    rule: str
    says: str


@dataclass(frozen=True, slots=True)
class BoardDecided:
    """What a board decided, as it is recorded.

    `id` and `number` are those of its entry, `record` the id of the answer's; `lesion` the lesion's id in the answer.
    `option` is what was chosen, `label` what it is called, `verdict` what the answer says of it. `writer` is who wrote
    it, `issuer` what vouches for that name. `replaced_by` is the id of a later correction.
    """

    id: str
    number: int
    record: str
    recorded_at: dt.datetime
    lesion: str | None
    option: str
    label: str
    verdict: str | None
    follows: bool | None
    decided_on: str
    rationale: str
    members: tuple[str, ...]
    overridden: tuple[OverriddenRule, ...]
    writer: str | None = None
    issuer: str | None = None
    supersedes: str | None = None
    replaced_by: str | None = None

    @property
    def named(self) -> str:
        """What was chosen, in words."""
        return self.label or self.option


def lesion_of(answer: Recommendation, id_: str | None) -> LesionPart | None:
    """The lesion of an answer by its id."""
    return next((lesion for lesion in answer.lesions if lesion.id == id_), None)


def has_changed(before: Recommendation, after: Recommendation, lesion: str | None) -> bool:
    """Whether a later answer says otherwise of a lesion (`None`: of any): another verdict or standing, or nothing."""
    return _standings(before, lesion) != _standings(after, lesion)


def _standings(answer: Recommendation, lesion: str | None) -> dict[tuple[str, str], object]:
    return {
        (each.id, option.option): (option.verdict, frozenset(option.possible), option.standing)
        for each in answer.lesions if lesion in (None, each.id) for option in each.options
    }  # fmt: skip
