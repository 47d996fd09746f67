"""Mutants of whole records: damaged bytes, JSON of any shape, changed and spliced bundles, texts made to be hard.

Mutant number n of a seed is always the same one, so that a run can be resumed and a failure looked at. Whatever a
mutant is, the reader reads it or refuses it with `UnusableInput`; anything else is a failure, and so is one that takes
longer than the bound.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from cds.errors import UnusableInput
from cds.intake import read_bundle
from cds.ruleset.rule_set import RuleSet
from cds.testing import add_noise, spell
from cds.testing.sampling import SeededChoices
from tests.intake.acceptance.mutants import LEAVES, mutant, resources
from tests.intake.goldens.records import GOLDENS
from tests.intake.records import AS_OF

Json = dict[str, Any]
Chance = random.Random

LARGEST: Final = 60_000
"""Records of more characters than this take long, and hold nothing that smaller ones do not."""
WORDS: Final = (
    "resourceType", "Bundle", "entry", "resource", "type", "collection", "Patient", "Observation", "Condition", "id",
    "fullUrl", "code", "coding", "system", "valueQuantity", "value", "unit", "subject", "reference", "extension", "url",
    "contained", "item", "linkId", "answer", "status", "final", "meta", "component", "focus", "#", "?identifier=|",
)  # fmt: skip


class Late(BaseException):
    """Reading took longer than the bound. No `Exception`, so that nothing on the way takes it for its own."""


@dataclass(slots=True)
class Tally:
    """What came of the mutants of a run: how many, by outcome; the slowest; and the failures by mutant number."""

    mutants: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)
    failures: list[str] = field(default_factory=list)


def originals(repository: Path, corpus: Path | None) -> list[Json]:
    """The records that mutants are made of: the examples, the goldens, and resources of the corpus in bundles."""
    found = [golden.bundle() for golden in GOLDENS]
    found += [json.loads(file.read_bytes()) for file in sorted((repository / "fhir_examples").glob("*/bundle.json"))]
    loose: list[Json] = []
    for file in sorted(corpus.rglob("*.json")) if corpus is not None else ():
        if file.stat().st_size <= LARGEST:
            tree = json.loads(file.read_bytes())
            is_bundle = isinstance(tree, dict) and tree.get("resourceType") == "Bundle"
            found += [tree] if is_bundle else []
            loose += [] if is_bundle else resources(tree)
    for start in range(0, len(loose), 6):
        found.append(_around(loose[start : start + 6]))
    return found


def _around(some: Sequence[Json]) -> Json:
    """A bundle of one patient that holds these resources as that patient's, beside a tumour."""
    whose = {"reference": "Patient/p1"}
    entries: list[Json] = [
        {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-01"},
        {
            "resourceType": "BodyStructure",
            "id": "t1",
            "identifier": [{"system": "urn:example:tumour-board", "value": "T1"}],
            "patient": whose,
        },
    ]
    for resource in some:
        if resource["resourceType"] != "Patient":
            entries.append({k: whose if k in ("subject", "patient") else v for k, v in resource.items()})
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": entry} for entry in entries]}


# --- mutants -------------------------------------------------------------------------------------------------------


def made(number: int, seed: int, records: Sequence[Json]) -> bytes | Json:
    """Mutant `number` of a seed: what is given to the reader."""
    chance = Chance(f"{seed}:{number}")
    return chance.choices(_KINDS, weights=_WEIGHTS)[0](chance, records, number)


def _bytes_of(tree: Any) -> bytes:
    return json.dumps(tree, default=lambda value: float(value) if isinstance(value, Decimal) else str(value)).encode()


def _changed(chance: Chance, records: Sequence[Json], number: int) -> bytes:
    """Elements removed, replaced, retyped, moved."""
    return _bytes_of(mutant(number, chance.randrange(2**30), records))


def _as_mapping(chance: Chance, records: Sequence[Json], number: int) -> Json:
    return mutant(number, chance.randrange(2**30), records)


def _noisy(chance: Chance, records: Sequence[Json], number: int) -> bytes:
    """Changed, and then written as another sender would write it."""
    tree = json.loads(_bytes_of(mutant(number, chance.randrange(2**30), records)))
    choices = SeededChoices(chance)
    with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError, IndexError):  # no bundle any more
        tree = add_noise(tree, choices)[0]
        return spell(tree, choices)
    return _bytes_of(tree)


def _spliced(chance: Chance, records: Sequence[Json], number: int) -> bytes:
    """Entries of several records in one, of one patient or of several."""
    taken = [entry for _ in range(chance.randint(2, 4)) for entry in chance.choice(records).get("entry", [])]
    chance.shuffle(taken)
    kind = chance.choice(("collection", "history", "transaction", "searchset", "document", "nothing"))
    return _bytes_of({"resourceType": "Bundle", "type": kind, "entry": taken[: chance.randint(1, 30)]})


def _damaged(chance: Chance, records: Sequence[Json], number: int) -> bytes:
    """Bytes replaced, inserted, removed, doubled, cut off."""
    source = bytearray(_bytes_of(chance.choice(records)))
    for _ in range(chance.choice((1, 1, 2, 5, 40))):
        place, length = chance.randrange(len(source) + 1), chance.choice((0, 1, 1, 2, 8, 200))
        new = chance.choice((
            chance.randbytes(chance.randint(0, 4)), b'"', b"{", b"]", b",", b"\\", b"\\u0000", b"\xff", b"\x00",
            b"1e9",
            bytes(source[place : place + chance.randint(1, 60)]), chance.choice(WORDS).encode(),
        ))  # fmt: skip
        source[place : place + length] = new
        if not source:
            break
    return bytes(source[: chance.randrange(len(source) + 1)] if chance.random() < 0.1 else source)


def _shape(chance: Chance, records: Sequence[Json], number: int) -> bytes:
    """JSON of any shape, made of the words of a record."""

    def node(depth: int) -> Any:
        kind = chance.random()
        if depth == 0 or kind < 0.3:
            return chance.choice((*LEAVES, *WORDS))
        if kind < 0.5:
            return [node(depth - 1) for _ in range(chance.randint(0, 4))]
        return {chance.choice(WORDS): node(depth - 1) for _ in range(chance.randint(0, 5))}

    tree = node(6)
    if chance.random() < 0.7:
        tree = {"resourceType": "Bundle", "type": "collection", "entry": tree if chance.random() < 0.5 else [
            {"resource": {"resourceType": chance.choice(("Patient", "Observation", "Condition", "BodyStructure")),
                          chance.choice(WORDS): node(4)}} for _ in range(chance.randint(1, 4))]}  # fmt: skip
    return _bytes_of(tree)


def _hard(chance: Chance, records: Sequence[Json], number: int) -> bytes:
    """Texts that are hard on parsers: deep, long, large, twice, half a character."""
    many = chance.choice((10, 60, 70, 1000, 20_000))
    return chance.choice((
        b"[" * many, b'{"a":' * many + b"1" + b"}" * many, b'{"entry":' + b"[" * many + b"]" * many + b"}",
        b'{"resourceType":"Bundle","type":"collection","entry":[' + b",".join([b"{}"] * many) + b"]}",
        b'{"resourceType":"Bundle","type":"' + b"x" * many + b'"}', b'{"a":1,"a":2}', b'{"a":"\\ud800"}', b"NaN",
        b'{"a":' + b"9" * many + b"}", b'{"a":1e' + b"9" * min(many, 1000) + b"}",
        b'{"a":0.' + b"0" * many + b"1}",
        b"\xef\xbb\xbf{}", '{"a":"é"}'.encode("utf-16"), b'{"\\u0061":1,"a":2}', b" " * many,
        b'"' + b"\\" * many + b'"',
        b'{"resourceType":"Bundle","type":"collection","link":[' + b",".join([b'{"relation":"next"}'] * 9) + b"]}",
        b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"p","name":'
        + b'[{"given":[' + b",".join([b'"' + b"n" * 50 + b'"'] * min(many, 2000)) + b"]}]}}]}",
        chance.randbytes(chance.randint(0, 300)),
    ))  # fmt: skip


_KINDS: Final[tuple[Callable[[Chance, Sequence[Json], int], bytes | Json], ...]] = (
    _changed, _as_mapping, _noisy, _spliced, _damaged, _shape, _hard,
)  # fmt: skip
_WEIGHTS: Final = (45, 5, 10, 10, 20, 8, 2)


# --- trying them ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise `Late` in what runs inside where it has not ended in time."""

    def ring(number: int, frame: object) -> None:
        raise Late

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome(source: bytes | Json, rules: RuleSet) -> str:
    """`read`, or the code by which it was refused. Raises what the reader raises beside."""
    try:
        case = read_bundle(source, vocabulary=rules.vocabulary, mapping=rules.mapping, as_of=AS_OF)
    except UnusableInput as refused:
        assert refused.issues, "a refusal says why"
        assert all(issue.code and issue.details for issue in refused.issues)
        return next(issue.code for issue in refused.issues if issue.severity == "error")
    assert case.as_of == AS_OF
    return "read, with a lesion" if case.lesions else "read"


def fuzz(
    first: int, count: int, seed: int, records: Sequence[Json], rules: RuleSet, tally: Tally, bound: float
) -> None:
    """Try `count` mutants from number `first` on, and add what came of them."""
    start = time.perf_counter()
    for number in range(first, first + count):
        source = made(number, seed, records)
        began = time.perf_counter()
        try:
            with bounded(bound):
                found = outcome(source, rules)
        except Late:
            found = f"longer than {bound:g} s"
            tally.failures.append(f"{seed}:{number}: {found}")
        except Exception as error:  # noqa: BLE001 - that it is none of ours is what is looked for
            found = f"{type(error).__name__}"
            tally.failures.append(f"{seed}:{number}: {type(error).__name__}: {str(error)[:200]}")
        tally.slowest = max(tally.slowest, (time.perf_counter() - began, number))
        tally.outcomes[found] += 1
        tally.mutants += 1
    tally.seconds += time.perf_counter() - start
