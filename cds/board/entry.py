"""The form of one lesion: a control for each fact that a person may state, and what was typed read as facts.

What decides most stands first. A control that is left empty says nothing: not known is not "no".
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from cds.board.missing import missing_of
from cds.case import AbsenceReason, Absent, Case, Known, Lesion
from cds.explanation.words import spoken
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import DateSpan, Interval
from cds.recommendation.model import FactPart, LesionPart, Recommendation
from cds.vocabulary import FactDefinition, FactKind, Level, StructureDefinition, Vocabulary

Key = tuple[Level, str, tuple[str, ...]]
"""A fact of somebody: `()` the patient, `(lesion,)`, `(lesion, structure, side)`."""

DAY: Final = "day"
NAME: Final = "name"
SIGN: Final = "~"
"""Ends the name of the field that says how a number is meant: `<`, `>`, or nothing for the number itself."""
SIGNS: Final = ("<", "<=", ">", ">=")
LONGEST_NAME: Final = 100
NAMING: Final = ("lesion.id", "structure.side", "structure.name")
"""The link ids that say whom a group is about, in the order in which they are told."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.([0-9]{1,9}))?")
_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")


@dataclass(frozen=True, slots=True)
class Control:
    """One question. `field` names it in the form, `choices` are codes with what they are called; `now` is the fact as
    the answer has it, where the record says anything of it.
    """

    key: Key
    definition: FactDefinition
    field: str
    kind: Literal["choice", "number", "date"]
    choices: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    takes_sign: bool = False
    accepted: str = ""
    about: str = ""
    now: FactPart | None = None

    @property
    def label(self) -> str:
        """The question in words, with whom it is about where that is a structure at risk."""
        words = self.definition.label or spoken(self.definition.name)
        return f"{words} ({self.about})" if self.about else words


@dataclass(frozen=True, slots=True)
class Group:
    """Questions about one subject; `title` is what it is called, empty for the patient and the lesion itself."""

    level: Level
    title: str
    controls: tuple[Control, ...]


@dataclass(frozen=True, slots=True)
class EntryView:
    """The form of one lesion, or of the patient alone where there is none. No question stands in it twice."""

    lesion: LesionPart | None
    decisive: tuple[Control, ...]
    groups: tuple[Group, ...]
    earliest: dt.date | None
    """The first day on which the patient may have been born, where an age is known."""

    @property
    def controls(self) -> tuple[Control, ...]:
        """Every question, in the form's order."""
        return (*self.decisive, *(control for group in self.groups for control in group.controls))

    @property
    def fields(self) -> tuple[str, ...]:
        """The name of every field."""
        signs = (control.field + SIGN for control in self.controls if control.takes_sign)
        return (DAY, NAME, *(control.field for control in self.controls), *signs)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with what was typed into a field: a code, the text, and what is accepted there."""

    field: str
    code: str
    given: str = ""
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was sent: what it says, by whom and of which day, and everything that is wrong with it."""

    said: Mapping[Key, Known | Absent]
    day: dt.date
    name: str
    problems: tuple[Problem, ...]


# -------------------------------------------------------------------------------------------------------- questions


def entry_view(answer: Recommendation, case: Case, vocabulary: Vocabulary, lesion: str | None) -> EntryView:
    """The form for one lesion of an answer, by its id, from the facts that the answer was made of.

    Raises `KeyError` where the answer has no such lesion.
    """
    part = next((each for each in answer.lesions if each.id == lesion), None)
    own = next((each for each in case.lesions if each.id == lesion), None)
    if lesion is not None and (part is None or own is None):
        raise KeyError(lesion)
    known = {(fact.subject, fact.name): fact for fact in answer.facts}
    groups = list(_groups(own, vocabulary, known))
    every = {_named(control): control for group in groups for control in group.controls}
    decisive = [] if part is None else [
        every[each.subject, each.name] for each in missing_of(part, {}) if (each.subject, each.name) in every
    ]  # fmt: skip
    first = {control.field for control in decisive}
    rest = (Group(g.level, g.title, tuple(c for c in g.controls if c.field not in first)) for g in groups)
    return EntryView(part, tuple(decisive), tuple(group for group in rest if group.controls), _earliest_birth(case))


def _named(control: Control) -> tuple[str, str]:
    about = control.key[2]
    return "/".join(about) if about else "patient", control.definition.path


def _groups(
    lesion: Lesion | None, vocabulary: Vocabulary, known: Mapping[tuple[str, str], FactPart]
) -> Iterator[Group]:
    def controls(definitions: Iterable[FactDefinition], about: tuple[str, ...], name: str) -> tuple[Control, ...]:
        subject = "/".join(about) or "patient"
        return tuple(_control(each, about, name, known.get((subject, each.path))) for each in definitions)

    if lesion is not None:
        yield Group(Level.LESION, "", controls(_stated(vocabulary, Level.LESION), (lesion.id,), ""))
    yield Group(Level.PATIENT, "", controls(_stated(vocabulary, Level.PATIENT), (), ""))
    for structure in lesion.structures if lesion is not None else ():
        listed = _of_structure(vocabulary, vocabulary.structures.get(structure.name))
        about = (lesion.id if lesion is not None else "", structure.name, structure.side)
        yield Group(Level.STRUCTURE, structure.label, controls(listed, about, structure.label))


def _stated(vocabulary: Vocabulary, level: Level) -> Sequence[FactDefinition]:
    return [each for each in vocabulary.of(level) if each.kind is not FactKind.GIVEN]


def _of_structure(vocabulary: Vocabulary, structure: StructureDefinition | None) -> Sequence[FactDefinition]:
    """The facts of a structure; of the plan's only those for what is listed for this structure."""
    every = {**vocabulary.measures, **vocabulary.monitoring}
    listed = {*structure.measures, *structure.monitoring} if structure is not None else set(every)
    others = {measure.planned for name, measure in every.items() if name not in listed}
    others -= {measure.planned for name, measure in every.items() if name in listed}
    return [each for each in _stated(vocabulary, Level.STRUCTURE) if not others & {each.name, each.path}]


def _control(definition: FactDefinition, about: tuple[str, ...], name: str, now: FactPart | None) -> Control:
    field = definition.path if len(about) < 3 else f"{definition.path}@{'/'.join(about[1:])}"
    key = (definition.level, definition.name, about)
    shown = now if now is not None and (now.status != "absent" or now.sources) else None
    kind = definition.type
    if isinstance(kind, CodeType | BooleanType):
        return Control(key, definition, field, "choice", tuple(_choices(definition)), about=name, now=shown)
    if isinstance(kind, DateType):
        return Control(key, definition, field, "date", accepted="2026, 2026-11, 2026-11-22", about=name, now=shown)
    unit = kind.unit if isinstance(kind, QuantityType) else ""
    bounds = f"{definition.plausible} {unit}".strip() if definition.plausible is not None else ""
    signed = isinstance(kind, QuantityType)
    return Control(key, definition, field, "number", (), unit, signed, accepted=bounds, about=name, now=shown)


def _choices(definition: FactDefinition) -> Iterator[tuple[str, str]]:
    """Codes with the rule set's own words; of yes, no and the reasons of absence the pages have the words."""
    if isinstance(definition.type, CodeType):
        yield from ((code, definition.value_labels.get(code, code)) for code in definition.type.values)
    else:
        yield from (("true", ""), ("false", ""))
    yield from ((code, "") for code in definition.absences)


def _earliest_birth(case: Case) -> dt.date | None:
    age = case.patient.get("ageYears")
    if age is None or not isinstance(age.value, Interval) or age.value.high is None:
        return None
    year = case.as_of.year - int(age.value.high) - 1
    return dt.date(year, case.as_of.month, 28 if case.as_of.day > 28 else case.as_of.day) if year > 0 else None


# --------------------------------------------------------------------------------------------------- what was typed


def filled(view: EntryView, typed: Mapping[str, str], today: dt.date, *, author: str | None = None) -> Filled:
    """What a form says, with every problem of it. A field that is missing or blank says nothing.

    `author` is the name for which somebody vouches; without one the form has to say who fills it in.
    """
    texts = {field: " ".join(text.split()) for field, text in typed.items()}
    asked = set(view.fields)
    problems = [Problem("", "not-asked", field[:60]) for field, text in texts.items() if text and field not in asked]
    day = _day(texts.get(DAY, ""), view, today, problems)
    name = texts.get(NAME, "") if author is None else author
    if author is None and (not name or len(name) > LONGEST_NAME or not name.isprintable()):
        problems.append(Problem(NAME, "no-name" if not name else "unusable-name", name))
    said: dict[Key, Known | Absent] = {}
    for control in view.controls:
        read = _read(control, texts.get(control.field, ""), texts.get(control.field + SIGN, ""), today)
        if isinstance(read, Problem):
            problems.append(read)
        elif read is not None:
            said[control.key] = read
    if not said and not problems:
        problems.append(Problem("", "nothing"))
    return Filled(said, day, name, tuple(problems))


def _day(text: str, view: EntryView, today: dt.date, problems: list[Problem]) -> dt.date:
    """The day of the findings; `today` where there is a problem with it, and then nobody uses it."""
    day = _exact_day(text)
    if day is not None and day <= today and (view.earliest is None or day >= view.earliest):
        return day
    if day is None:
        code = "not-a-day" if text else "no-day"
    else:
        code = "day-to-come" if day > today else "day-before-birth"
    problems.append(Problem(DAY, code, text, today.isoformat()))
    return today


def _exact_day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if _DATE.fullmatch(text) and len(text) == 10 else None
    except ValueError:
        return None


def _read(control: Control, text: str, sign: str, today: dt.date) -> Known | Absent | Problem | None:
    """What one field says, what is wrong with it, or `None` where it is blank and says nothing."""
    if not text:
        return Problem(control.field, "sign-alone", sign, control.accepted) if sign else None
    if control.kind == "choice":
        found = _chosen(control.definition, text)
        code = "not-a-choice"
    elif control.kind == "date":
        found = _date(text)
        code = "not-a-date"
        if isinstance(found, Known) and isinstance(found.value, DateSpan) and found.value.first > today:
            found, code = None, "date-to-come"
    else:
        return _number(control, text, sign)
    return found if found is not None else Problem(control.field, code, text, control.accepted)


def _chosen(definition: FactDefinition, code: str) -> Known | Absent | None:
    kind = definition.type
    if isinstance(kind, BooleanType) and code in ("true", "false"):
        return Known(code == "true")
    if isinstance(kind, CodeType) and code in kind.values:
        return Known(code)
    return Absent(AbsenceReason(definition.absences[code])) if code in definition.absences else None


def _date(text: str) -> Known | None:
    try:
        return Known(DateSpan.parse(text)) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _number(control: Control, text: str, sign: str) -> Known | Problem:
    def wrong(code: str, given: str = text) -> Problem:
        return Problem(control.field, code, given, control.accepted)

    kind = control.definition.type
    assert isinstance(kind, NumberType | QuantityType), "only numbers come here"
    match = _NUMBER.fullmatch(text)
    if match is None:
        return wrong("not-a-number")
    if len(match[2] or "") > kind.decimals:
        step = f"{10**-kind.decimals:.{kind.decimals}f}"
        return Problem(control.field, "too-many-decimals", text, step)
    if sign and (sign not in SIGNS or not control.takes_sign):
        return wrong("not-a-sign", sign)
    value = _interval(Fraction(text), sign)
    bounds = control.definition.plausible
    return Known(value) if bounds is None or value.intersection(bounds) is not None else wrong("implausible")


def _interval(value: Fraction, sign: str) -> Interval:
    if not sign:
        return Interval.point(value)
    make = Interval.below if sign[0] == "<" else Interval.above
    return make(value, open_end=len(sign) == 1)


# ---------------------------------------------------------------------------------------------------- what was stored


@dataclass(frozen=True, slots=True)
class Line:
    """One answer of a stored response: the question, whom it is about, and the answer, as texts."""

    question: str
    about: str
    answer: str


def lines_of(response: Mapping[str, object]) -> tuple[Line, ...]:
    """The answers of a QuestionnaireResponse for people, in its order.

    >>> item = {"linkId": "patient.inr", "text": "INR", "answer": [{"valueDecimal": 1.2}]}
    >>> lines_of({"item": [{"linkId": "patient", "item": [item]}]})
    (Line(question='INR', about='', answer='1.2'),)
    """
    return tuple(_lines(response, ()))


def _lines(node: Mapping[str, object], about: tuple[str, ...]) -> Iterator[Line]:
    items = _listed(node, "item")
    texts = {str(item.get("linkId")): ", ".join(map(_answer_text, _listed(item, "answer"))) for item in items}
    about += tuple(texts[link] for link in NAMING if texts.get(link))
    for item in items:
        link = str(item.get("linkId"))
        if link in NAMING or link == DAY:
            continue
        if texts[link]:
            yield Line(str(item.get("text") or link), ", ".join(about), texts[link])
        yield from _lines(item, about)


def day_of(response: Mapping[str, object]) -> str:
    """The day of the findings of a QuestionnaireResponse, empty where it states none."""
    days = [item for item in _listed(response, "item") if item.get("linkId") == DAY]
    return ", ".join(_answer_text(answer) for item in days for answer in _listed(item, "answer"))


def _listed(node: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    found = node.get(name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _answer_text(answer: Mapping[str, object]) -> str:
    for element, value in answer.items():
        if element == "valueCoding" and isinstance(value, Mapping):
            return str(value.get("display") or str(value.get("code", "")).replace("-", " "))
        if element == "valueQuantity" and isinstance(value, Mapping):
            return f"{value.get('comparator', '')} {value.get('value')} {value.get('unit', '')}".strip()
        if element == "valueBoolean":
            return "yes" if value is True else "no"
        if element.startswith("value"):
            return str(value)
    return ""
