"""What is written of an entry, made ready without the database: it can be made in another process than the one that
appends it, and nothing of it is computed while others wait for the lock.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from cds.case import Case
from cds.case.document import case_document
from cds.records.chain import Content, packed
from cds.records.entries import Author, Decision
from cds.records.pseudonyms import Pseudonyms


@dataclass(frozen=True, slots=True)
class Prepared:
    """The body of an entry, in which the digest of its content stands, and that content (`None`: it has none)."""

    body: Mapping[str, Any]
    content: Content | None = None


def prepared(body: Mapping[str, Any], subject: str | None, text: bytes) -> Prepared:
    """An entry with content: `text` is its JSON, `subject` whom it is about.

    >>> prepared({"door": "x"}, "Patient/p", b"{}").body.keys()
    dict_keys(['door', 'content'])
    """
    content, digest = packed(subject, secrets.token_bytes(16), text)
    return Prepared({**body, "content": digest}, content)


def prepared_decision(decision: Decision, pseudonyms: Pseudonyms | None = None) -> Prepared:
    """An answer with its facts; under pseudonyms no identifier is left in it, and the bundle is left out."""
    facts: Mapping[str, Any] = case_document(decision.case)
    answer, subject, bundle = decision.answer, subject_of(decision.case), decision.bundle
    if pseudonyms is not None:
        facts, answer = pseudonyms.decision(decision.case, facts, answer)
        subject, bundle = pseudonyms.of(subject), None
    parts = [b'{"facts":', orjson.dumps(facts), b',"answer":', answer]
    if decision.patient:
        parts += [b',"patient":', orjson.dumps(dict(decision.patient))]
    if bundle is not None:
        parts += [b',"bundle":', bundle, b',"responses":', orjson.dumps(decision.responses)]
    body = {
        "as_of": decision.case.as_of.isoformat(), "phase": decision.phase, "door": decision.door,
        "rule_set": dict(decision.rule_set), "engines": dict(decision.engines),
        "seconds": {name: round(seconds, 6) for name, seconds in decision.seconds.items()},
        "author": author_told(decision.author),
        **({"server": decision.server} if decision.server is not None else {}),
    }  # fmt: skip
    return prepared(body, subject, b"".join([*parts, b"}"]))


def subject_of(case: Case) -> str | None:
    """The reference of the patient (`Patient/p`), where any fact was read from that resource."""
    facts = (fact for holder in (case.patient, *(lesion.facts for lesion in case.lesions)) for fact in holder.values())
    sources = (source.resource for fact in facts for source in fact.sources)
    excluded = (source.resource for source in case.excluded)
    return next((each for each in (*sources, *excluded) if each.startswith("Patient/")), None)


def author_told(author: Author | None) -> dict[str, str | None] | None:
    """An author as an entry's body says it."""
    return None if author is None else {"name": author.name, "issuer": author.issuer}
