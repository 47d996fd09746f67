"""Every text of the pages, in one catalogue for each language: `texts/en.json`, `texts/fr.json`.

A new language is a new file. What the rule set says (sentences, labels) stays in the rule set's own language.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final

DEFAULT: Final = "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language by key. A key that is not there is a `KeyError`: a defect, found by the tests.

    >>> texts = Texts("en", {"title": "Case {name}", "cases.one": "1 case", "cases.other": "{number} cases"})
    >>> texts("title", name="T1"), texts.counted("cases", 2), texts.word("verdict", "no-such-code")
    ('Case T1', '2 cases', 'no such code')
    """

    language: str
    by_key: Mapping[str, str]

    def __call__(self, key: str, **places: object) -> str:
        """The text of a key with its places filled. What fills a place is never read as a text itself."""
        text = self.by_key[key]
        return text.format_map(places) if places else text

    def word(self, kind: str, code: str) -> str:
        """The word for a code of the answer. A code that is not known here (of another version) stands as it is."""
        return self.by_key.get(f"{kind}.{code}", code.replace("-", " "))

    def counted(self, key: str, number: int, **places: object) -> str:
        """The text for a number: `key.one` or `key.other`, with `{number}`."""
        return self(f"{key}.{'one' if number == 1 else 'other'}", number=number, **places)


def load_texts() -> Mapping[str, Texts]:
    """The catalogue of every language, by its code."""
    folder = resources.files("cds.service.board") / "texts"
    return {
        file.name.removesuffix(".json"): Texts(
            file.name.removesuffix(".json"), json.loads(file.read_text(encoding="utf-8"))
        )
        for file in folder.iterdir()
        if file.name.endswith(".json")
    }


def preferred(accept_language: str | None, known: Iterable[str]) -> str:
    """The first language of an `Accept-Language` header that is known; else the default.

    >>> preferred("fr-FR,fr;q=0.9,en;q=0.8", ["en", "fr"]), preferred("de", ["en", "fr"]), preferred(None, ["en"])
    ('fr', 'en', 'en')
    """
    codes = set(known)
    for part in (accept_language or "")[:200].split(","):
        code = part.split(";")[0].strip().lower().partition("-")[0]
        if code in codes:
            return code
    return DEFAULT
