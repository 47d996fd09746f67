"""A recorded case in one row of the list, and whether a search finds it.

A row is read from the answer's JSON as it was recorded, not from the whole answer: a list reads many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RowOption:
    """An option with its verdict, for a lesion by its label."""

    lesion: str
    option: str
    label: str
    verdict: str


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One recorded answer: its lesions, the verdict of each option, what is missing, and whose record it is.

    `missing` are the labels of the facts that could settle something, by name; `patient` is the reference of the
    patient, as far as the answer names it.
    """

    record: str
    recorded_at: str
    as_of: str
    patient: str
    lesions: tuple[str, ...]
    options: tuple[RowOption, ...]
    missing: Mapping[str, str]


def case_row(record: str, recorded_at: str, answer: Mapping[str, Any]) -> CaseRow:
    """The row of an answer's JSON. Raises `KeyError` or `TypeError` where it is of another form."""
    lesions = answer["lesions"]
    options = [(lesion, option) for lesion in lesions for option in lesion["options"]]
    sources = (source["resource"] for fact in answer["facts"] for source in fact["sources"])
    return CaseRow(
        record=record,
        recorded_at=recorded_at,
        as_of=str(answer["as_of"]),
        patient=next((str(each) for each in sources if str(each).startswith("Patient/")), ""),
        lesions=tuple(str(lesion["label"]) for lesion in lesions),
        options=tuple(
            RowOption(str(lesion["label"]), str(option["option"]), str(option["label"]), str(option["verdict"]))
            for lesion, option in options
        ),
        missing={str(fact["name"]): str(fact["label"]) for _, option in options for fact in option["settling_facts"]},
    )


@dataclass(frozen=True, slots=True)
class Search:
    """What a reader looks for; an empty text looks for nothing in particular.

    `missing` is the name of a fact, `text` is looked for in the labels of lesions, the patient and the record's id.
    """

    text: str = ""
    verdict: str = ""
    option: str = ""
    missing: str = ""

    def finds(self, row: CaseRow) -> bool:
        """Whether a row is what is looked for."""
        options = [each for each in row.options if self.option in ("", each.option)]
        if self.option and not options:
            return False
        if self.verdict and not any(each.verdict == self.verdict for each in options):
            return False
        if self.missing and self.missing not in row.missing:
            return False
        told = " ".join([row.record, row.patient, *row.lesions]).casefold()
        return all(word in told for word in self.text.casefold().split())
