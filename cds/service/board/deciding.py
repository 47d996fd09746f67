"""The form of a board's decision: what was typed, what is wrong with it, and the decision that it makes.

Every problem is found at once, and named by the field that it stands beside.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cds.board.decision import OTHER, BoardDecided, Choice
from cds.records import Author, BoardDecision, Overridden
from cds.service.outcomes import Refused

TEXTS: Final = ("choice", "other", "members", "writer", "rationale", "decided_on", "beside")
"""The fields of the form, but for the boxes of the rules that are overridden."""
BOX: Final = "override."
"""How the name of such a box begins; the choice and the rule follow."""
MOST_MEMBERS: Final = 60
LONGEST: Final[Mapping[str, int]] = {"other": 300, "members": 6_000, "writer": 200, "rationale": 20_000}
"""Characters that a field takes."""


class DecisionFields:
    """The names of the form's fields: those of the texts, and every box."""

    def __contains__(self, name: object) -> bool:
        """Whether a field is one of the form's."""
        return isinstance(name, str) and (name in TEXTS or name.startswith(BOX))


def box_of(choice: Choice, rule: str) -> str:
    """The name of the box by which a rule is overridden for a choice."""
    return f"{BOX}{choice.id}.{rule}"


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form, as it was typed; `boxes` are the names of the ticked boxes."""

    choice: str = ""
    other: str = ""
    members: str = ""
    writer: str = ""
    rationale: str = ""
    decided_on: str = ""
    beside: str = ""
    boxes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, fields: Mapping[str, bytes]) -> Typed:
        """What was sent. Raises `Refused` (400) for what is no text."""
        try:
            texts = {name: fields[name].decode("utf-8") for name in TEXTS if name in fields}
        except UnicodeDecodeError as error:
            told = "the form is not written in UTF-8; open the page here, and send it again"
            raise Refused(400, "unreadable-form", told) from error
        texts = {name: text.replace("\r\n", "\n") for name, text in texts.items()}
        return cls(**texts, boxes=frozenset(name for name in fields if name.startswith(BOX)))

    @property
    def kept(self) -> tuple[tuple[str, str], ...]:
        """Every field with what stands in it, to be sent again as it is."""
        return (*((name, getattr(self, name)) for name in TEXTS), *((box, "true") for box in sorted(self.boxes)))

    @property
    def people(self) -> tuple[str, ...]:
        """Who took part: one name on each line."""
        return tuple(name for line in self.members.splitlines() if (name := " ".join(line.split())))

    @property
    def seen(self) -> int:
        """The number of the newest decision that the form was made beside; 0 where it names none."""
        return int(self.beside) if self.beside.isascii() and self.beside.isdigit() and len(self.beside) < 16 else 0


def typed_again(decided: BoardDecided, choices: tuple[Choice, ...]) -> Typed:
    """The form filled with a decision that is to be corrected."""
    chosen = next((each for each in choices if each.id == decided.option), None)
    boxes = (box_of(chosen, each.rule) for each in decided.overridden) if chosen is not None else ()
    return Typed(
        choice=f"{chosen.kind}:{chosen.id}" if chosen is not None else OTHER,
        other="" if chosen is not None else decided.option,
        members="\n".join(decided.members), writer="", rationale=decided.rationale, decided_on=decided.decided_on,
        boxes=frozenset(boxes),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field: `field` is its id on the page, `key` that of the text, with the text's places."""

    field: str
    key: str
    places: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Filled:
    """The form as it was sent, beside what could be chosen; `today` is the day on which it came.

    `author` is who is known to write (`None`: nobody vouches for a name, and the form asks for one).
    """

    typed: Typed
    choices: tuple[Choice, ...]
    today: dt.date
    author: Author | None

    @property
    def chosen(self) -> Choice | None:
        """The choice; `None` where there is none, or the board says it in its own words."""
        return next((each for each in self.choices if f"{each.kind}:{each.id}" == self.typed.choice), None)

    @property
    def follows(self) -> bool | None:
        """Whether the choice is what the answer leaves open; words of the board's own never are."""
        return self.chosen.follows if self.chosen is not None else False

    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong, in the order of the page."""
        typed = self.typed
        found: list[Problem] = []
        if self.chosen is None and typed.choice != OTHER:
            found.append(Problem("choice", "decide.problem.choice"))
        found += self._overriding()
        if typed.choice == OTHER and not typed.other.strip():
            found.append(Problem("other", "decide.problem.other"))
        if typed.choice != OTHER and typed.other.strip():
            found.append(Problem("other", "decide.problem.other-unused"))
        if not typed.rationale.strip() and (self.chosen is not None or typed.choice == OTHER):
            if self.follows is not True:
                found.append(Problem("rationale", "decide.problem.rationale"))
            elif typed.boxes:
                found.append(Problem("rationale", "decide.problem.rationale-overridden"))
        if not typed.people:
            found.append(Problem("members", "decide.problem.members"))
        elif len(typed.people) > MOST_MEMBERS:
            found.append(Problem("members", "decide.problem.too-many", (("most", str(MOST_MEMBERS)),)))
        if self.author is None and not typed.writer.strip():
            found.append(Problem("writer", "decide.problem.writer"))
        found += self._day()
        for field, most in LONGEST.items():
            if len(getattr(typed, field)) > most:
                found.append(Problem(field, "decide.problem.too-long", (("most", str(most)),)))
        return tuple(found)

    def _overriding(self) -> list[Problem]:
        """A choice that is excluded overrides every rule that excludes it; what speaks of another is no override."""
        found = []
        chosen = self.chosen
        own = {box_of(chosen, each.rule): each.rule for each in chosen.objections} if chosen is not None else {}
        for rule in chosen.excluding if chosen is not None else ():
            box = box_of(chosen, rule) if chosen is not None else ""
            if box not in self.typed.boxes:
                found.append(Problem(box, "decide.problem.not-overridden", (("rule", rule),)))
        for choice in self.choices:
            for each in choice.objections:
                box = box_of(choice, each.rule)
                if box in self.typed.boxes and box not in own:
                    places = (("rule", each.rule), ("option", choice.label))
                    found.append(Problem(box, "decide.problem.other-option", places))
        return found

    def _day(self) -> list[Problem]:
        day = _day_of(self.typed.decided_on)
        if day is None:
            return [Problem("decided_on", "decide.problem.day", (("given", self.typed.decided_on[:60]),))]
        if day > self.today:
            places = (("given", day.isoformat()), ("today", self.today.isoformat()))
            return [Problem("decided_on", "decide.problem.future", places)]
        return []

    def decision(self, record: str, lesion: str, supersedes: str | None) -> BoardDecision:
        """The decision that the form makes; only where it has no problem."""
        chosen, typed = self.chosen, self.typed
        objections = chosen.objections if chosen is not None else ()
        overridden = [each for each in objections if chosen is not None and box_of(chosen, each.rule) in typed.boxes]
        day = _day_of(typed.decided_on)
        if day is None:
            raise ValueError("a form with problems makes no decision")
        return BoardDecision(
            decision=record, lesion=lesion, decided_on=day, rationale=typed.rationale, members=typed.people,
            option=chosen.id if chosen is not None else typed.other.strip(),
            label=chosen.label if chosen is not None else "", verdict=chosen.verdict if chosen is not None else None,
            follows=self.follows, overridden=tuple(Overridden(each.rule, each.says) for each in overridden),
            author=self.author if self.author is not None else Author(" ".join(typed.writer.split())),
            supersedes=supersedes,
        )  # fmt: skip


def _day_of(text: str) -> dt.date | None:
    """A day as the form sends it; what is none is told as a problem."""
    try:
        return dt.datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        return None
