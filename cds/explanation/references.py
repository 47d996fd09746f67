"""What a page cites: remembered while it is told, so that only that is referenced at its end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cds.explanation import words
from cds.explanation.page import UNFOLD, Entry, Section
from cds.recommendation.model import ClaimPart, EvidencePart, Recommendation


@dataclass(slots=True)
class Citations:
    """The citations that a page has made so far."""

    _certainties: dict[str, dict[str, None]] = field(default_factory=dict)
    """What was cited, each with what was said of its certainty."""
    _claims: dict[str, dict[str, ClaimPart]] = field(default_factory=dict)
    """What was cited of each reference, word for word."""
    _background: list[EvidencePart] = field(default_factory=list)
    """What is cited whatever the case is; referenced last."""

    def cite(self, evidence: Iterable[EvidencePart]) -> None:
        """Remember what a statement of the page rests on."""
        for each in evidence:
            self._certainties.setdefault(each.cite, {})[words.certainty(each)] = None
            if each.claim is not None:
                self._claims.setdefault(each.cite, {})[each.claim.id] = each.claim

    def cite_names(self, cites: Iterable[str]) -> None:
        """Remember references of which nothing is said but their names."""
        for cite in cites:
            self._certainties.setdefault(cite, {})

    def cite_in_background(self, evidence: Iterable[EvidencePart]) -> None:
        """Remember what is cited whatever the case is."""
        self._background += evidence

    def section(self, answer: Recommendation, *, unfold: bool) -> Iterator[Section]:
        """What was cited; folded, by its certainty, without addresses. Nothing where nothing was."""
        if unfold:
            self.cite(self._background)
        background = dict.fromkeys(each.cite for each in self._background if each.cite not in self._certainties)
        if not self._certainties and not background:
            return
        if unfold:
            yield Section(3, "References", "with the certainty of the evidence", tuple(self._written_out(answer)))
            return
        by_certainty: dict[str, list[str]] = {}
        for cite, said in self._certainties.items():
            by_certainty.setdefault(" / ".join(said) or _certainty_of(cite, answer), []).append(cite)
        graded = [f"{', '.join(cites)} ({certainty})" for certainty, cites in by_certainty.items()]
        behind = ["addresses", *_inconsistencies(answer), *([f"{len(background)} more"] if background else [])]
        folded = f"unfold for {words.joined(behind, 'and')}" if graded else f"{len(background)} ({UNFOLD})"
        yield Section(3, "References", "; ".join([*graded, folded]))

    def _written_out(self, answer: Recommendation) -> Iterator[Entry]:
        for cite, said in self._certainties.items():
            graded = "".join(f"; {each}" for each in said)
            yield Entry(f"{cite}: {reference(answer.references.get(cite))}{graded}")
            claims = self._claims.get(cite, {}).values()
            yield from (Entry(words.claim(each), each.locator, depth=1) for each in claims)


def _certainty_of(cite: str, answer: Recommendation) -> str:
    """The certainty of a reference that only a threshold names."""
    return words.graded(answer.references.get(cite, {}).get("x-certainty"))


def _inconsistencies(answer: Recommendation) -> Iterator[str]:
    """How many inconsistencies of the evidence are known, of the options that were assessed."""
    assessed = [lesion for lesion in answer.lesions if lesion.scope.truth != "false"]
    banners = {o.option: o.banner for lesion in assessed for o in lesion.options if o.banner is not None}
    if number := sum(len(banner.known_inconsistencies) for banner in banners.values()):
        yield words.counted(number, "known inconsistency", "known inconsistencies")


def reference(csl: dict[str, Any] | None) -> str:
    """A reference in a few words: first author, year, where to find it.

    >>> reference({"author": [{"family": "Yousem"}], "issued": {"date-parts": [[1995]]}, "DOI": "10.1/x"})
    'Yousem 1995, doi:10.1/x'
    """
    if csl is None:
        return "not among the references of this answer"
    authors = csl.get("author") or [{}]
    first = authors[0].get("family") or authors[0].get("literal") or csl.get("container-title") or ""
    dates = csl.get("issued", {}).get("date-parts") or [[]]
    year = str(dates[0][0]) if dates[0] else "no year"
    host = re.sub(r"^https?://(?:www\.)?([^/]*).*$", r"at \1", csl.get("URL", ""))
    place = f"doi:{csl['DOI']}" if csl.get("DOI") else f"PMID {csl['PMID']}" if csl.get("PMID") else host
    who = f"{first} et al." if len(authors) > 1 else first
    return ", ".join(part for part in (f"{who} {year}".strip(), place) if part)
