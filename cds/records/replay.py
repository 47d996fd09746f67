"""Replay: a recorded decision evaluated again from its recorded facts, and what comes out otherwise than it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from cds.case import Case, Facts
from cds.case.case import silent
from cds.errors import CdsError
from cds.recommendation import recommend
from cds.records.entries import Entry
from cds.records.ledger import Records
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES, Phase
from cds.vocabulary import Level, Vocabulary

_NAMES: Final = ("rule", "option", "structure", "measure", "name", "id", "cite", "resource", "if")
"""What names an element of a list in the answer, so that one more element is not a change of all that follow."""
_ABOUT: Final = frozenset({"rule_set", "engines"})
"""What says who decided; told beside the changes."""
_FIRST: Final = ("verdict", "standing", "possible", "truth", "due")


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two answers differ; `None` stands for nothing there."""

    path: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision evaluated again: what changed, and whether by another rule set or other engines.

    `failure` says why there is no second answer.
    """

    entry: Entry
    changes: tuple[Change, ...]
    rule_set: tuple[str, str]
    engines_changed: bool
    failure: str | None = None


def replay(records: Records, entry: Entry, rules: RuleSet) -> Replayed:
    """Evaluate the facts of a recorded decision again. Raises `UnknownRecord` and `UnreadableRecord`."""
    recorded = records.content(entry.id)
    before: dict[str, Any] = recorded["answer"]
    case = completed(records.case(entry.id), rules.vocabulary)
    digests = (str(before["rule_set"]["digest"]), rules.digest)
    phase = cast(Phase, entry.body["phase"]) if entry.body.get("phase") in PHASES else "decision"
    try:
        after = recommend(case, rules, phase=phase).model_dump(mode="json", by_alias=True)
    except CdsError as error:
        return Replayed(entry, (), digests, False, f"{error.code}: {error}")
    changed = tuple(sorted(changes(before, after), key=_weight))
    return Replayed(entry, changed, digests, before.get("engines") != after.get("engines"))


def completed(case: Case, vocabulary: Vocabulary) -> Case:
    """The case with the facts and structures of a vocabulary: of a fact that was not asked for then, nothing was
    recorded, and what the vocabulary does not have (any more) is left out.
    """

    def of(level: Level, facts: Facts) -> Facts:
        return {d.name: facts[d.name] if d.name in facts else silent(d, {}) for d in vocabulary.of(level)}

    lesions = tuple(
        replace(
            lesion,
            facts=of(Level.LESION, lesion.facts),
            structures=tuple(
                replace(s, facts=of(Level.STRUCTURE, s.facts)) for s in lesion.structures
                if s.name in vocabulary.structures
            ),
        )
        for lesion in case.lesions
    )  # fmt: skip
    return replace(case, patient=of(Level.PATIENT, case.patient), lesions=lesions)


def changes(before: object, after: object, path: str = "") -> Iterator[Change]:
    """Every place where two JSON values differ.

    >>> list(changes({"a": [{"id": "x", "v": 1}]}, {"a": [{"id": "y", "v": 1}, {"id": "x", "v": 2}]}))[0]
    Change(path='a[x].v', before=1, after=2)
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            if path or name not in _ABOUT:
                place = f"{path}.{name}" if path else str(name)
                yield from changes(before.get(name), after.get(name), place)
    elif isinstance(before, list) and isinstance(after, list):
        old, new = _named(before), _named(after)
        for name in dict.fromkeys([*old, *new]):
            yield from changes(old.get(name), new.get(name), f"{path}[{name}]")
    elif before != after:
        yield Change(path, before, after)


def _named(items: Iterable[object]) -> dict[str, object]:
    """The elements of a list by what names them; equal names are counted."""
    seen: Counter[str] = Counter()
    named: dict[str, object] = {}
    for place, item in enumerate(items):
        name = str(place)
        if isinstance(item, Mapping):
            parts = [str(item[key]) for key in (*_NAMES, "subject", "side", "path") if item.get(key) is not None]
            name = " ".join(parts) or name
        elif isinstance(item, str):
            name = item
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name} #{seen[name]}"] = item
    return named


def _weight(change: Change) -> tuple[int, str]:
    """What matters most comes first."""
    last = change.path.split("[")[0 if "." not in change.path else -1].rpartition(".")[2]
    return (_FIRST.index(last) if last in _FIRST else len(_FIRST), change.path)
