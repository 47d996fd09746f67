"""What people entered here about a patient (`cds.service.board.entry`), put beside the record that is evaluated next.

A stored response is used for the same patient alone: the same reference of the same FHIR server (where none is known:
of the same caller's issuer), and no other identifier or date of birth. What is not used is said among the answer's
issues. It is kept without its subject, and gets the one of the record that it is put beside.

What it says of a lesion is used where the record still says of the lesion of that id what it said then: an id alone may
have passed to another lesion.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from cds.api import read_case
from cds.board.entry import day_of
from cds.case import Case, Lesion
from cds.errors import Issue
from cds.intake.document import Limits, children, parse_document, string
from cds.recommendation.model import IssuePart, Recommendation
from cds.records import Entry, Pseudonyms, Records, UnknownRecord, place_of
from cds.ruleset import RuleSet

KIND: Final = "questionnaire-response"
WITHDRAWS: Final = "withdraws"
"""The member of an entry that takes an earlier one back: its id. Nothing is deleted; it is not used any more."""

Json = Mapping[str, Any]
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


# ------------------------------------------------------------------------------------------------ whose record it is


@dataclass(frozen=True, slots=True)
class Person:
    """By what the patient of a bundle is told from others: id, identifiers and date of birth, as they stand."""

    id: str
    identifiers: frozenset[str]
    births: frozenset[str]

    def marks(self, pseudonyms: Pseudonyms | None = None) -> dict[str, list[str]]:
        """Digests of identifiers and date of birth, keyed where records hold pseudonyms: comparable, and no names."""
        return {
            "identifiers": sorted(_digest(each, pseudonyms) for each in self.identifiers),
            "births": sorted(_digest(each, pseudonyms) for each in self.births),
        }


def _digest(text: str, pseudonyms: Pseudonyms | None) -> str:
    plain = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return plain if pseudonyms is None else pseudonyms.of(plain) or ""


class _Resource(msgspec.Struct):
    """What of a resource is looked at; the rest is passed over unread, which is what makes this quick."""

    resourceType: object = None
    id: object = None
    identifier: msgspec.Raw = msgspec.Raw(b"null")
    birthDate: object = None


class _Entry(msgspec.Struct):
    resource: _Resource | None = None


class _Bundle(msgspec.Struct):
    entry: list[_Entry] | None = None


_BUNDLES: Final = msgspec.json.Decoder(_Bundle)


def person_of(bundle: bytes | Json) -> Person | None:
    """The patient of a bundle; `None` where it holds none, more than one, or one without id, or cannot be read at all:
    what is wrong with it then is for the evaluation to say.

    >>> person_of(b'{"entry": [{"resource": {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"}}]}').id
    'p'
    """
    patients = list(_patients(bundle))
    ids = {patient["id"] if isinstance(patient["id"], str) else "" for patient in patients}
    id_ = next(iter(ids)) if len(ids) == 1 else ""
    if not _ID.fullmatch(id_):
        return None
    identifiers = {
        f"{string(each, 'system') or ''}|{string(each, 'value')}"
        for patient in patients for each in children(patient, "identifier") if string(each, "value")
    }  # fmt: skip
    births = {str(patient["birthDate"]) for patient in patients if patient.get("birthDate")}
    return Person(id_, frozenset(identifiers), frozenset(births))


def _patients(bundle: bytes | Json) -> Iterator[dict[str, Any]]:
    if isinstance(bundle, Mapping):
        for entry in children(bundle, "entry"):
            resource = entry.get("resource")
            if isinstance(resource, Mapping) and resource.get("resourceType") == "Patient":
                yield {"id": None, **resource}
        return
    try:
        read = _BUNDLES.decode(bundle)
        for each in read.entry or ():
            if each.resource is not None and each.resource.resourceType == "Patient":
                identifier = msgspec.json.decode(each.resource.identifier)
                yield {"id": each.resource.id, "identifier": identifier, "birthDate": each.resource.birthDate}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return


def is_same_person(one: Json, other: Json) -> bool:
    """Whether nothing in two people's marks tells them apart: where both have identifiers they share one, and where
    both have a date of birth it is the same.

    >>> is_same_person({"identifiers": ["a"], "births": []}, {"identifiers": ["a", "b"], "births": ["c"]})
    True
    """
    ids, others = set(one.get("identifiers", ())), set(other.get("identifiers", ()))
    births, other_births = set(one.get("births", ())), set(other.get("births", ()))
    return bool(not ids or not others or ids & others) and (not births or not other_births or births == other_births)


def is_told_to_be(one: Json, other: Json) -> bool:
    """Whether anything in two people's marks says that they are one: an identifier that both have, or a date of birth.

    >>> is_told_to_be({"identifiers": [], "births": ["c"]}, {"identifiers": ["a"], "births": ["c"]})
    True
    """
    return any(set(one.get(name, ())) & set(other.get(name, ())) for name in ("identifiers", "births"))


def is_of_same_place(one: Json, other: Json) -> bool:
    """Whether a reference names the same patient beside two answers, by the bodies of their records: those of one FHIR
    server, or, where none is known, of one issuer's callers.

    >>> is_of_same_place({"author": {"name": "a", "issuer": None}}, {"author": None})
    True
    """
    return place_of(one) == place_of(other)


# --------------------------------------------------------------------------------------------- which lesion it is of

_ANEW: Final = "enter the facts again if they hold"
PLACE: Final = ("site", "side")
"""The facts of a lesion that do not change, and by which two lesions of one id are told apart."""


def lesion_marks(lesion: Lesion, pseudonyms: Pseudonyms | None = None) -> dict[str, str | None]:
    """By what a lesion is told from others: the codes of site and side (`None` where unknown or contradictory), and a
    digest of what the record calls it, keyed where records hold pseudonyms.

    >>> lesion_marks(Lesion("T1", "neck node, left", {}, ()))["site"] is None
    True
    """
    place = {name: _code(lesion, name) for name in PLACE}
    return {**place, "label": _digest(" ".join(lesion.label.casefold().split()), pseudonyms)}


def _code(lesion: Lesion, name: str) -> str | None:
    value = lesion.facts[name].value if name in lesion.facts else None
    return value if isinstance(value, str) else None


def why_other(then: object, now: Mapping[str, str | None]) -> str | None:
    """Why a lesion may be another than the one of which something was entered, by the marks of both, and what to do
    then; `None` where it is the same. What is not known of either is no reason to take them for one.

    >>> why_other({"site": "larynx", "side": "left", "label": "a"}, {"site": "larynx", "side": "right", "label": "a"})
    'its side was `left` then, and is `right` in this record; enter the facts again if they hold'
    """
    if not isinstance(then, Mapping):
        return f"it was stored by a version that did not keep which lesion that was; {_ANEW}"
    known = [(name, then.get(name), now.get(name)) for name in PLACE]
    for name, before, after in known:
        if before is not None and after is not None and before != after:
            return f"its {name} was `{before}` then, and is `{after}` in this record; {_ANEW}"
    for name, before, after in known:
        if after is None:
            told = f"this record does not say its {name}, or contradicts itself, so it may be another lesion"
            return f"{told}; send the record with its {name}"
        if before is None:
            told = f"the record of then did not say its {name}, or contradicted itself, so it may be another lesion"
            return f"{told}; {_ANEW}"
    if then.get("label") != now.get("label"):
        return f"this record describes it in other words, so it may be another lesion; {_ANEW}"
    return None


# --------------------------------------------------------------------------------------------------- what was stored


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored response: its entry's id, the QuestionnaireResponse without id and subject, and what was stored of the
    lesion that it is about (`lesion_marks`).
    """

    id: str
    response: Json
    lesion: object = None


@dataclass(frozen=True, slots=True)
class Beside:
    """What is to be put beside a bundle before it is evaluated, and what is said of what is not."""

    patient: str
    responses: tuple[Stored, ...]
    issues: tuple[Issue, ...]
    limits: Limits
    pseudonyms: Pseudonyms | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """What was entered into the records of one service."""

    records: Records
    limits: Limits

    def is_any(self) -> bool:
        """Whether anything was ever entered; most installations need ask no more. Raises `RecordsUnavailable`."""
        return self.records.has_any(KIND)

    def beside(self, bundle: bytes | Json, *, issuer: str | None, server: str | None) -> Beside | None:
        """What was entered about the patient of a bundle; `None` where that is nothing. Raises `RecordsUnavailable`.

        `issuer` and `server` say within what the patient's reference names somebody.
        """
        person = person_of(bundle)
        if person is None:
            return None
        pseudonyms = self.records.pseudonyms
        marks = person.marks(pseudonyms)
        used: list[Stored] = []
        issues: list[Issue] = []
        known = list(readable(self.records, self._about(f"Patient/{person.id}")))
        gone = {content.get(WITHDRAWS) for _, content in known}
        for entry, content in known:
            if WITHDRAWS in content or entry.id in gone:
                continue
            why = self._why_not(entry, content, marks, issuer, server)
            if why is None:
                used.append(Stored(entry.id, content["response"], content.get("lesion")))
            else:
                issues.append(_not_used(entry.id, why))
        if not used and not issues:
            return None
        return Beside(f"Patient/{person.id}", tuple(used), tuple(issues), self.limits, pseudonyms)

    def _about(self, patient: str) -> Iterator[Entry]:
        after = 0
        while page := self.records.entries(KIND, subject=patient, after=after):
            yield from page
            after = page[-1].number

    def _why_not(
        self, entry: Entry, content: Json, marks: Json, issuer: str | None, server: str | None
    ) -> str | None:
        if not isinstance(content.get("response"), dict) or entry.about is None:
            return f"it is of a form that this version does not read; {_ANEW}"
        asking = {"server": server, "author": {"issuer": issuer}}
        if not is_of_same_place(self.records.entry(entry.about).body, asking):
            return f"it was entered beside an answer for somebody else, whose patients may be others; {_ANEW}"
        if not is_same_person(content.get("patient") or {}, marks):
            return f"the patient had another identifier or another date of birth then; {_ANEW}"
        if server is None and not is_told_to_be(content.get("patient") or {}, marks):
            told = "no identifier and no date of birth says that it is the same patient, and the server is not known"
            return f"{told}; send the Patient with its identifier"
        return None


def readable(records: Records, entries: Iterable[Entry]) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Entries with what they say; one that was erased meanwhile says nothing any more."""
    for entry in entries:
        try:
            yield entry, records.content(entry.id)
        except UnknownRecord:
            continue


def not_read() -> Beside:
    """What is put beside a bundle where the records cannot be asked: nothing but a word about it."""
    told = "what was entered here about the patient could not be read; this answer rests on the bundle alone; ask again"
    return Beside("", (), (Issue("warning", "entered-not-read", "", told),), Limits())


def _not_used(id_: str, why: str) -> Issue:
    told = f"`QuestionnaireResponse/{id_}` was entered here about a patient of this reference and was not used: {why}"
    return Issue("warning", "entered-not-used", "", told)


def _not_used_of(lesion: str, id_: str, why: str) -> Issue:
    told = f"what `QuestionnaireResponse/{id_}`, entered here about a patient of this reference, says of the lesion"
    return Issue("warning", "entered-not-used", "", f"{told} `{lesion}` was not used: {why}")


# --------------------------------------------------------------------------------------------- beside what is evaluated


@dataclass(frozen=True, slots=True)
class Joined:
    """A bundle with the stored responses as its last entries, and what is said of those that are not there."""

    bundle: bytes | Json
    responses: tuple[Json, ...] = ()
    issues: tuple[Issue, ...] = ()


def joined(bundle: bytes | Json, beside: Beside | None, *, as_of: dt.date, rules: RuleSet) -> Joined:
    """Put what was entered beside a bundle. Raises `UnusableInput` where the bundle cannot be used.

    A response that the bundle holds itself is not put there again. Answers about a lesion that the bundle does not name
    are left out: the form alone shall make no lesion. So are those about one that may be another by now (`why_other`),
    by the bundle alone: what was entered shall not vouch for itself.
    """
    if beside is None or not beside.responses:
        return Joined(bundle, (), beside.issues if beside is not None else ())
    tree = parse_document(bundle, beside.limits)
    held = {string(r, "id") for r in _resources(tree) if r.get("resourceType") == "QuestionnaireResponse"}
    names = beside.pseudonyms
    lesions = {
        (names.of(each.id) if names is not None else each.id) or "": (each.id, lesion_marks(each, names))
        for each in read_case(tree, as_of=as_of, rules=rules, limits=beside.limits).lesions
    }
    issues = list(beside.issues)
    added: list[Json] = []
    for stored in beside.responses:
        if stored.id in held:
            continue
        day = day_of(stored.response)
        if day > as_of.isoformat():
            issues.append(_not_used(stored.id, f"its findings are of {day}, after this answer's day; ask as of then"))
            continue
        resource, unused = _attached(stored, beside.patient, lesions)
        issues += [_not_used_of(lesion, stored.id, why) for lesion, why in unused]
        added += [resource] if resource is not None else []
    return Joined(with_responses(tree, added), tuple(added), tuple(issues))


def with_responses(bundle: Json, responses: Sequence[Json]) -> Json:
    """A bundle with responses as its last entries. In the result of a search they are no matches."""
    if not responses:
        return bundle
    mode: Json = {"search": {"mode": "include"}} if bundle.get("type") == "searchset" else {}
    entries = bundle.get("entry")
    own = entries if isinstance(entries, list) else []
    return {**bundle, "entry": [*own, *({"resource": dict(each), **mode} for each in responses)]}


def with_issues(case: Case, answer: Recommendation, issues: Sequence[Issue]) -> tuple[Case, Recommendation]:
    """A case and its answer, with what has to be said of what was entered."""
    if not issues:
        return case, answer
    parts = [IssuePart(severity=i.severity, code=i.code, expression=i.expression, details=i.details) for i in issues]
    with_them = answer.model_copy(update={"issues": (*answer.issues, *parts)})
    return replace(case, issues=(*case.issues, *issues)), with_them


def _resources(tree: Json) -> Iterator[Json]:
    for entry in children(tree, "entry"):
        resource = entry.get("resource")
        if isinstance(resource, Mapping):
            yield resource


def _attached(
    stored: Stored, patient: str, lesions: Mapping[str, tuple[str, Mapping[str, str | None]]]
) -> tuple[dict[str, Any] | None, list[tuple[str, str]]]:
    """A response under its id, about this patient and these lesions (by what records call them: id and marks), and the
    lesions of which it is not used, each with why; `None` where it says nothing else.
    """
    items: list[Json] = []
    unused: list[tuple[str, str]] = []
    says = False
    for item in children(stored.response, "item"):
        if item.get("linkId") != "lesion":
            items.append(item)
            says = says or item.get("linkId") == "patient"
            continue
        lesion = _lesion_of(item)
        if lesion not in lesions:
            unused.append((lesion, f"this record has no such lesion; {_ANEW}"))
            continue
        id_, marks = lesions[lesion]
        why = why_other(stored.lesion, marks)
        if why is not None:
            unused.append((id_, why))
            continue
        says = True
        called = _called(id_)
        inner = [called if each.get("linkId") == "lesion.id" else each for each in children(item, "item")]
        items.append({**item, "item": inner})
    about = {"subject": {"reference": patient}}
    resource = {"resourceType": "QuestionnaireResponse", "id": stored.id, **stored.response, **about, "item": items}
    return (resource if says else None), unused


def _lesion_of(group: Json) -> str:
    names = [each for each in children(group, "item") if each.get("linkId") == "lesion.id"]
    answers = [answer for each in names for answer in children(each, "answer")]
    return string(answers[0], "valueString") or "" if answers else ""


def _called(lesion: str) -> Json:
    return {"linkId": "lesion.id", "answer": [{"valueString": lesion}]}
