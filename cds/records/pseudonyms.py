"""Pseudonyms: identifiers replaced by keyed digests, so that a record can be replayed and joined, and names nobody.

Whoever holds the key can find a patient's records; without it a pseudonym cannot be traced back or made again. What is
replaced: the ids of resources, of the patient and of lesions, wherever facts and answer name them. The words of issues,
which may repeat the record, are dropped. Dates stay: facts depend on them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from cds.case import Case

LESION: Final = "lesion.id"
"""The link id of the item of a QuestionnaireResponse that names a lesion."""
_PSEUDONYM: Final = re.compile(r"p-[0-9a-f]{24}")
_PARTS: Final = re.compile(r"([/+])")
"""Between the parts of a subject: `T1/carotid-artery/left`, `T1+T2`."""


class Pseudonyms:
    """Pseudonyms under one key.

    >>> Pseudonyms("k" * 32).of("Patient/p") == Pseudonyms("k" * 32).of("Patient/p")
    True
    """

    def __init__(self, key: str) -> None:
        if len(key) < 16:
            raise ValueError("the key of pseudonyms is shorter than 16 characters; give a random one of 32 or more")
        self._key = key.encode("utf-8")

    def of(self, name: str | None) -> str | None:
        """The pseudonym of a reference (`Patient/p`): its type stays, its id is replaced. `None` stays."""
        if name is None:
            return None
        kind, slash, id_ = name.rpartition("/")
        return f"{kind}{slash}{self._id(id_)}"

    def once(self, name: str | None) -> str | None:
        """The pseudonym of a reference or of an id; of what came out of these records, and is one already, itself.

        >>> pseudonyms = Pseudonyms("k" * 32)
        >>> name = pseudonyms.once("Condition/c")
        >>> name == pseudonyms.of("Condition/c") == pseudonyms.once(name)
        True
        """
        if name is None or _PSEUDONYM.fullmatch(name.rpartition("/")[2]):
            return name
        return self.of(name)

    def document(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """A document that somebody filled in, with every reference, identifier and lesion in it replaced.

        What people write themselves stays: nobody can tell which of its words is a name.
        """
        return dict(self._over(told))

    def _over(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._over(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        over = {name: self._over(each) for name, each in value.items()}
        reference = over.get("reference")
        if isinstance(reference, str):
            over["reference"] = self.once(reference)
            if "Patient/" in reference:
                over.pop("display", None)
        identifiers = over.get("identifier")
        for each in identifiers if isinstance(identifiers, list) else [identifiers]:
            if isinstance(each, dict) and isinstance(each.get("value"), str):
                each["value"] = self.once(each["value"])
        if over.get("linkId") == LESION:
            for each in over.get("answer", []):
                each["valueString"] = self.once(each.get("valueString"))
        return over

    def _id(self, id_: str) -> str:
        return "p-" + hmac.new(self._key, id_.encode("utf-8"), hashlib.sha256).hexdigest()[:24]

    def decision(self, case: Case, facts: Mapping[str, Any], answer: bytes) -> tuple[Mapping[str, Any], bytes]:
        """The document of a case and its answer with every identifier replaced, in both alike."""
        lesions = {lesion.id: self._id(lesion.id) for lesion in case.lesions}
        references = {
            str(source[0]): self.of(str(source[0])) or "" for source in facts["sources"] if "/" in str(source[0])
        }
        told = _Renaming(references, lesions)
        kept = dict(told.over(facts, ""))
        kept["issues"] = [[severity, code, expression, ""] for severity, code, expression, _ in facts["issues"]]
        given = dict(told.over(orjson.loads(answer), ""))
        given["issues"] = [{**issue, "details": ""} for issue in given.get("issues", ())]
        return kept, orjson.dumps(given)


class _Renaming:
    """Replaces identifiers in a JSON value by where they stand: a lesion's id may be a common word elsewhere."""

    NAMED: Final = frozenset({"subject", "id", "lesion"})

    def __init__(self, references: Mapping[str, str], lesions: Mapping[str, str]) -> None:
        self._references = references
        self._lesions = lesions

    def over(self, value: Any, key: str) -> Any:
        """The value with its identifiers replaced; `key` is the member that it stands under."""
        if isinstance(value, dict):
            return {name: self.over(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [self.over(each, key) for each in value]
        if not isinstance(value, str):
            return value
        if value in self._references:
            return self._references[value]
        first, *rest = _PARTS.split(value)
        # Alone, a lesion's id may be a common word: it counts only where a lesion is named.
        if first in self._lesions and (rest or key in self.NAMED):
            return "".join(self._lesions.get(part, part) for part in (first, *rest))
        return value
