"""The form: a QuestionnaireResponse whose link ids are the facts' names.

`patient.inr` is a fact of the patient. A group `lesion` with `lesion.id` holds facts of that lesion; a group
`structure` in it, with `structure.name` and `structure.side`, holds facts of a structure at risk. A lesion that only
the form names is a lesion of the record. `day` is the clinical day of all that a form answers; without it that is
`authored`, when it was filled in. Beside a `day`, when the form was stored says nothing of which findings are newer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cds.case import AbsenceReason, Absent, Known, Role, Source
from cds.intake.bundle import Entry
from cds.intake.coding import Concept, coding
from cds.intake.document import Json, children, string
from cds.intake.moments import Dated, dated_at, dated_by
from cds.intake.reconcile import Subject
from cds.intake.remarks import shown
from cds.intake.setting import ANY, FUTURE, UNREAD, Setting, Use
from cds.intake.spelling import near_facts
from cds.intake.tumours import BILATERAL, Tumour, identifiers, lesion_name
from cds.intake.values import Read, read_value
from cds.vocabulary import FactDefinition, Level

_USED: Final = frozenset({"completed", "amended"})
DAY: Final = "day"
"""The link id of the day of a form's findings."""
_REFERENCE: Final = re.compile(r"(^|/)(BodyStructure|Condition)/[^/]+$|^urn:(uuid|oid):")
"""A text that is a reference to what a lesion is in a record."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Where in the form an item stands: its lesion, its structures, and the elements that name them."""

    lesion: str | None = None
    structures: tuple[tuple[str, str], ...] = ()
    sources: tuple[Source, ...] = ()
    problem: str | None = None


def is_ours(entry: Entry, setting: Setting) -> bool:
    """Whether a QuestionnaireResponse answers this rule set's form."""
    asked = (string(entry.resource, "questionnaire") or "").split("|")[0]
    return bool(asked) and asked == setting.tables.local.questionnaire


def find_form_lesions(setting: Setting) -> None:
    """Add the lesions that only a form names. A form that is not read leaves open which lesions there are."""
    recorded = bool(setting.lesions.tumours or setting.lesions.unsettled)
    for entry in setting.record.of("QuestionnaireResponse"):
        told = is_ours(entry, setting) and string(entry.resource, "status") != "entered-in-error"
        if told and setting.use(entry) not in (Use.YES, Use.NOT_THE_PATIENTS):
            setting.lesions.unsettled.append(entry)
    for entry in _usable(setting):
        known = recorded or bool(setting.lesions.tumours)  # by an earlier form, too
        for group, path in _groups(entry, "lesion"):
            named = _lesion_id(entry, group, path, setting)
            if named.problem is not None or named.id is None:
                continue
            if all(tumour.id != named.id for tumour in setting.lesions.tumours):
                sources = setting.with_required((*named.sources, *_standing(entry, setting)))
                setting.lesions.tumours.append(Tumour(named.id, (), (), sources, ()))
                if known:
                    setting.remarks.warn(
                        "form-only-lesion",
                        entry.at(path),
                        f"the form names a lesion `{shown(named.id)}` that neither a resource of the record nor "
                        "another form names; if it is one of theirs, give the identifier or the reference of its "
                        "BodyStructure, or the same name",
                    )


def read_forms(setting: Setting) -> None:
    """Add what the forms of the record answer."""
    for entry in setting.record.of("QuestionnaireResponse"):
        status = string(entry.resource, "status")
        if not is_ours(entry, setting):
            setting.remarks.exclude(entry.source("questionnaire", role=Role.EXCLUSION))
            _name_other(entry, setting)
            continue
        if status not in _USED:
            setting.remarks.exclude(entry.source("status", role=Role.EXCLUSION))
            if status == "entered-in-error":
                continue
            setting.remarks.warn(
                "not-final",
                entry.at("status"),
                f"the form `{shown(entry.key)}` is not completed; completed and amended ones are used",
            )
        use = setting.use(entry)
        if use is Use.NOT_THE_PATIENTS:
            continue
        if use is not Use.YES:
            if use is not Use.MODIFIED:
                setting.shadow(
                    setting.all_facts(),
                    AbsenceReason.QUARANTINED,
                    "a form could not be used",
                    entry.source(role=Role.EXCLUSION),
                )
            _Form(entry, setting, UNREAD[use]).read()
        elif status not in _USED:
            _Form(entry, setting, Absent(AbsenceReason.NOT_FINAL, "the form is not completed")).read()
        else:
            _Form(entry, setting).read()


def _name_other(entry: Entry, setting: Setting) -> None:
    """Report a form that answers by the facts' names and does not say that it is this rule set's."""
    levels = {level.value for level in Level}
    stack = list(_items(entry.resource, ""))
    while stack:
        item, path = stack.pop(0)
        level, _, name = (string(item, "linkId") or "").partition(".")
        if level in levels and setting.definition(Level(level), name) is not None:
            setting.remarks.warn(
                "other-form",
                entry.at(path),
                f"`{shown(entry.key)}` answers `{level}.{name}` and is no answer to this form; it was not read; send "
                f"`questionnaire` as {setting.tables.local.questionnaire}",
            )
            return
        stack += _items(item, path)


def _usable(setting: Setting) -> Iterator[Entry]:
    for entry in setting.record.of("QuestionnaireResponse"):
        if is_ours(entry, setting) and string(entry.resource, "status") in _USED and setting.use(entry) is Use.YES:
            yield entry


def _items(node: Json, path: str) -> Iterator[tuple[Json, str]]:
    """The items directly below an item or the form, and those below its answers."""
    prefix = f"{path}." if path else ""
    for index, item in enumerate(children(node, "item")):
        yield item, f"{prefix}item[{index}]"
    for number, answer in enumerate(children(node, "answer")):
        for index, item in enumerate(children(answer, "item")):
            yield item, f"{prefix}answer[{number}].item[{index}]"


def _groups(entry: Entry, link: str) -> Iterator[tuple[Json, str]]:
    stack = list(_items(entry.resource, ""))
    while stack:
        item, path = stack.pop(0)
        if string(item, "linkId") == link:
            yield item, path
        else:
            stack += _items(item, path)


def _answers(item: Json, path: str) -> Iterator[tuple[Json, str]]:
    for index, answer in enumerate(children(item, "answer")):
        yield answer, f"{path}.answer[{index}]"


@dataclass(frozen=True, slots=True)
class _Named:
    """What a lesion's group says it is about: the lesion's id, the elements that say so, or why it is not known."""

    id: str | None
    sources: tuple[Source, ...] = ()
    problem: tuple[str, str] | None = None


def _lesion_id(entry: Entry, group: Json, path: str, setting: Setting) -> _Named:
    found: dict[str, None] = {}
    sources: dict[Source, None] = {}
    for item, place in _items(group, path):
        for answer, at in _answers(item, place) if string(item, "linkId") == "lesion.id" else ():
            element = next((e for e in ("valueReference", "valueString") if e in answer), None)
            if element is None:
                continue
            one = _named(entry, answer[element], f"{at}.{element}", setting)
            for source in one.sources:
                sources.setdefault(source)
            if one.problem is not None:
                return _Named(None, tuple(sources), one.problem)
            if one.id:
                found.setdefault(one.id)
    if len(found) != 1:
        details = "the lesion's group has no `lesion.id`, or two; give the one by which the lesion is known"
        return _Named(None, tuple(sources), ("lesion-without-id", details))
    return _Named(next(iter(found)), tuple(sources))


def _named(entry: Entry, answer: object, at: str, setting: Setting) -> _Named:
    """The lesion of one answer: by its id or identifier, by reference, or else one that only the form names.

    A name that is a lesion's but for its spelling is not taken for it, nor for another lesion's.
    """
    own = entry.source(at, role=Role.CONTEXT)
    text = answer.strip() if isinstance(answer, str) else ""
    known = setting.lesions.named(text) if text else []
    if len(known) == 1:
        return _Named(known[0].id, (own,))
    reference = answer if isinstance(answer, Mapping) else {"reference": text} if "/" in text or ":" in text else None
    target = setting.references.resolve(reference, entry) if reference is not None else None
    held = setting.lesions.holding(target) if target is not None else []
    if target is not None and len(held) == 1:
        return _Named(held[0].id, (own, *target.sources))
    near = known or held or (setting.lesions.nearly_named(text) if text else [])
    if near or target is not None or isinstance(answer, Mapping) or _REFERENCE.search(text):
        said = string(answer, "reference") if isinstance(answer, Mapping) else text
        known_as = ", ".join(f"`{tumour.id}`" for tumour in near or setting.lesions.tumours) or "none"
        details = f"`{shown(said)}` names no lesion of this record, or more than one; the record's are {known_as}"
        sources = () if target is not None else setting.references.obstacles(reference, entry)
        return _Named(None, (own, *sources), ("lesion-not-known", details))
    name = lesion_name(text)
    another = _another(name, setting) if name else None
    if another is not None:
        setting.remarks.exclude(replace(another, role=Role.EXCLUSION.value))
        details = f"`{shown(text)}` names `{shown(another.resource)}`, which is no target lesion of this record"
        return _Named(None, (own, another), ("lesion-not-known", details))
    return _Named(name or None, (own,) if name else ())


def _another(name: str, setting: Setting) -> Source | None:
    """The element by which a name is that of a diagnosis or a BodyStructure of the record; that it is a lesion's was
    looked at before.
    """
    for entry in setting.record.of("BodyStructure", "Condition"):
        if entry.id is not None and lesion_name(entry.id) == name:
            return entry.source("id", role=Role.CONTEXT)
        if any(lesion_name(value) == name for _, value in identifiers(entry.resource)):
            return entry.source("identifier", role=Role.CONTEXT)
    return None


def _standing(entry: Entry, setting: Setting) -> tuple[Source, ...]:
    own = tuple(entry.source(e, role=Role.CONTEXT) for e in ("questionnaire", "status"))
    return (*own, *setting.references.subject_sources(entry))


_NO_VALUE: Final = Read(
    (Absent(AbsenceReason.UNREADABLE_VALUE, "the answer holds no value"),),
    "",
    ("unreadable-value", "the answer holds no value that can be read; give one, or leave the answer out"),
)


def _dated(entry: Entry) -> Dated:
    """The clinical day of a form's answers: the one that it states, else when it was filled in.

    A day that is stated twice, or cannot be read, is none: the date of the filling in may be months off. Of two forms
    of one day neither is the later: who was the last to type need not be who is right.
    """
    stated = [
        (f"{at}.{element}", string(answer, element))
        for item, path in _groups(entry, DAY)
        for answer, at in _answers(item, path)
        for element in [next((e for e in ("valueDate", "valueDateTime") if e in answer), "valueDate")]
    ]
    if not stated:
        return dated_by(entry, "authored")
    (path, text), *more = stated
    dated = dated_at(entry, path, " ".join(each or "" for _, each in stated) if more else text)
    sources = tuple(entry.source(each, role=Role.CONTEXT) for each, _ in stated)
    return replace(dated, moment=replace(dated.moment, issued=None, updated=None), sources=sources)


class _Form:
    """One form being read; `instead` is what its answers come to where they may not be believed."""

    def __init__(self, entry: Entry, setting: Setting, instead: Absent | None = None) -> None:
        self.instead = instead
        self.entry = entry
        self.setting = setting
        dated = _dated(entry)
        self.moment, self.future = setting.timely(entry, dated)
        self.text = dated.text
        self.context = (*_standing(entry, setting), *dated.sources)

    def read(self) -> None:
        stack = [(item, path, _Group()) for item, path in _items(self.entry.resource, "")]
        while stack:
            item, path, group = stack.pop(0)
            link = string(item, "linkId") or ""
            if link == "lesion":
                group = self._lesion(item, path)
            elif link == "structure":
                group = self._structure(item, path, group)
            elif link not in (DAY, "lesion.id", "structure.name", "structure.side"):
                self._item(item, path, link, group)
            stack += [(inner, place, group) for inner, place in _items(item, path)]

    def _lesion(self, item: Json, path: str) -> _Group:
        named = _lesion_id(self.entry, item, path, self.setting)
        if named.problem is not None:
            code, details = named.problem
            self.setting.remarks.warn(code, self.entry.at(path), details)
            self.setting.remarks.exclude(*(replace(source, role=Role.EXCLUSION.value) for source in self.context))
            return _Group(None, (), named.sources, details)
        return _Group(named.id, (), named.sources)

    def _structure(self, item: Json, path: str, group: _Group) -> _Group:
        names: dict[str, None] = {}
        sides: dict[str, None] = {}
        sources: list[Source] = []
        for inner, place in _items(item, path):
            link = string(inner, "linkId")
            for answer, at in _answers(inner, place) if link in ("structure.name", "structure.side") else ():
                words = self._names(answer) if link == "structure.name" else self._sides(answer)
                for word in words:
                    (names if link == "structure.name" else sides).setdefault(word)
                sources.append(self.entry.source(at, role=Role.CONTEXT))
        known = [name for name in names if name in self.setting.vocabulary.structures]
        if len(known) != 1 or len(names) != 1:
            said = f"`{shown(', '.join(names))}`" if names else "no name"
            details = f"the structure's group has {said}; `structure.name` is one of the rule set's structures"
            self.setting.remarks.warn("structure-not-known", self.entry.at(path), details)
            return replace(group, structures=((ANY, ANY),), sources=(*group.sources, *sources), problem=details)
        name = known[0]
        problem = group.problem
        if not self.setting.vocabulary.structures[name].sided:
            places: tuple[tuple[str, str], ...] = ((name, "none"),)
        elif len(sides) == 1 and next(iter(sides)) in ("left", "right", BILATERAL):
            side = next(iter(sides))
            places = ((name, "left"), (name, "right")) if side == BILATERAL else ((name, side),)
        else:
            places = ((name, ANY),)
            problem = f"`structure.side` of {name} is not left or right; give the side"
            self.setting.remarks.warn("structure-without-side", self.entry.at(path), problem)
        return replace(group, structures=places, sources=(*group.sources, *sources), problem=problem)

    def _words(self, answer: Json) -> tuple[Concept | None, list[str]]:
        text = string(answer, "valueString")
        if text:
            return None, [text.lower()]
        node = answer.get("valueCoding")
        return (coding(node, self.setting.tables), []) if isinstance(node, Mapping) else (None, [])

    def _names(self, answer: Json) -> list[str]:
        tables = self.setting.tables
        said, words = self._words(answer)
        if said is not None:
            words = [code.lower() for code in said.local(tables.local.structure)]
            words += said.mapped(tables.code_map(tables.lesions.structure))
            words = words or [code for _, code in said.raw]
        return [word.replace("_", "-") for word in words]

    def _sides(self, answer: Json) -> list[str]:
        tables = self.setting.tables
        said, words = self._words(answer)
        if said is not None:
            words = [code.lower() for code in said.local(f"{tables.local.value_prefix}side")]
            words += said.mapped(tables.code_map(tables.lesions.side))
        return words

    # -------------------------------------------------------------------------------------------------- answers

    def _item(self, item: Json, path: str, link: str, group: _Group) -> None:
        level, dot, name = link.partition(".")
        known = dot and level in ("patient", "lesion", "structure")
        definition = self.setting.definition(Level(level), name) if known else None
        if definition is None and (known or "answer" in item):
            self.setting.remarks.warn(
                "unknown-fact",
                self.entry.at(path),
                f"`{shown(link)}` is no fact of this rule set; see the list of facts",
            )
            self._misspelt(item, path, link, group)
        if definition is None:
            return
        for answer, at in _answers(item, path):
            read = read_value(answer, definition, self.setting.tables, answer=True)
            if read is None and set(answer) <= {"item", "id"}:
                continue  # no answer of its own, only items below it
            self._answer(definition, read or _NO_VALUE, at, path, group)

    def _misspelt(self, item: Json, path: str, link: str, group: _Group) -> None:
        """Leave unknown what an item of an unknown name may have answered."""
        doubt = Absent(AbsenceReason.INDETERMINATE, f"{shown(link)} is no fact, and may mean this one")
        for definition in near_facts(link, self.setting.vocabulary) if self.instead is None else ():
            for _, at in _answers(item, path):
                self._answer(definition, Read((doubt,), ""), at, path, group)

    def _answer(self, definition: FactDefinition, read: Read, at: str, path: str, group: _Group) -> None:
        setting = self.setting
        element = f"{at}.{read.element}" if read.element else at
        if read.problem is not None:
            code, details = read.problem
            setting.remarks.warn(code, self.entry.at(element), details)
        subjects, certain = self._subjects(definition, group, path)
        known = any(isinstance(state, Known) for state in read.states)
        value = self.entry.source(
            element,
            role=Role.VALUE if known and self.instead is None else Role.ABSENCE,
            date=self.text,
            mapping=f"form:{definition.path}",
        )
        sources = (value, self.entry.source(f"{path}.linkId", role=Role.CONTEXT), *self.context, *group.sources)
        for state in read.states:
            if self.future:
                state = FUTURE
            elif self.instead is not None:
                state = self.instead
            elif not certain:
                state = Absent(
                    AbsenceReason.INDETERMINATE, group.problem or "the form does not say which lesion this is about"
                )
            for subject in subjects:
                setting.state(definition, subject, state, self.moment, sources, weak=self.future)
            if self.future or not subjects:
                setting.leave_out(sources)

    def _subjects(self, definition: FactDefinition, group: _Group, path: str) -> tuple[tuple[Subject, ...], bool]:
        if definition.level is Level.PATIENT:
            return ((),), True
        everything = tuple(tumour.id for tumour in self.setting.lesions.tumours)
        if group.lesion is None and group.problem is None:
            self.setting.remarks.warn(
                "which-lesion",
                self.entry.at(path),
                "it stands outside a group `lesion`; put it into the group of its lesion",
            )
        lesions = (group.lesion,) if group.lesion is not None else everything
        certain = group.lesion is not None and group.problem is None
        if definition.level is Level.LESION:
            return tuple((lesion,) for lesion in lesions), group.lesion is not None
        places = group.structures or ((ANY, ANY),)
        return tuple((lesion, *place) for lesion in lesions for place in places), certain and bool(group.structures)
