"""`verification.yaml` of a rule set: invariants that its authors claim, and what they accept, by whom and until when.

```yaml
invariants:
  - id: INV-1
    says: Cryoablation is never eligible while a bleeding tendency cannot be corrected.
    while: patient.coagulopathyUncorrectable
    option: cryoablation
    never: [eligible]
monotone:
  - id: MON-1
    says: A larger distance never adds a need for protection.
    fact: structure.tumourDistance
    grows: larger
    never_adds: [TN-1]
  - id: MON-2
    says: A smaller INR never takes away that coagulation is good enough.
    fact: patient.inr
    grows: smaller
    never_removes: [CR-6]
waivers:
  - finding: redundant-rule:SS-3
    reason: Both reasons are shown to the board.
    author: head-and-neck-surgery
    until: 2027-06-01
```
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from cds.errors import Finding, Position, RuleSetError
from cds.language import ConditionError, ConditionErrors, findings, parse, resolve
from cds.language.suggestion import did_you_mean
from cds.language.syntax import Expression
from cds.language.types import NumberType, QuantityType
from cds.ruleset import RuleSet
from cds.ruleset.documents import Document, read_document
from cds.ruleset.files import shape_finding
from cds.ruleset.model import Day, Phase
from cds.ruleset.names import ConditionNames
from cds.vocabulary import Level

FILE: Final = "verification.yaml"
SettledVerdict = Literal["eligible", "conditional", "ineligible", "not-assessed"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Invariant(_Part):
    """While a condition holds, some verdicts on an option are never possible."""

    id: str
    says: str
    condition: str = Field(alias="while")
    level: Literal["patient", "lesion"] = "lesion"
    option: str
    never: tuple[SettledVerdict, ...] = Field(min_length=1)
    phase: Phase = "decision"


class Monotone(_Part):
    """What cannot happen to some criteria as a number grows, or shrinks, and nothing else changes.

    `never_adds`: none becomes true that was not, nor open that was false. `never_removes`: none becomes false that was
    not, nor open that was true.
    """

    id: str
    says: str
    fact: str
    grows: Literal["larger", "smaller"]
    never_adds: tuple[str, ...] = ()
    never_removes: tuple[str, ...] = ()
    phase: Phase = "decision"

    @model_validator(mode="after")
    def _claims(self) -> Monotone:
        if not self.never_adds and not self.never_removes:
            raise ValueError("a claim lists criteria in `never_adds`, in `never_removes` or in both; name one")
        return self


_Told = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _named(finding: str) -> str:
    if re.match(FINDING, finding) is None:
        raise ValueError("it names no finding; write what stands in brackets after it, such as `redundant-rule:SS-3`")
    return finding


FINDING: Final = "^[a-z-]+:."
"""A code and what it is about; a code alone names nothing that somebody has looked at."""
_Finding = Annotated[str, AfterValidator(_named), WithJsonSchema({"type": "string", "pattern": FINDING})]


class Waiver(_Part):
    """A finding that a person accepts until a day; `idle-part:TP-U` names every idle part of TP-U. No waiver covers all
    findings of a code: those of tomorrow were looked at by nobody.
    """

    finding: _Finding
    reason: _Told
    author: _Told
    until: Day

    def covers(self, finding: str) -> bool:
        """Whether a finding is meant."""
        return finding == self.finding or finding.startswith(f"{self.finding}:")


class DeclarationFile(_Part):
    """`verification.yaml`."""

    invariants: tuple[Invariant, ...] = ()
    monotone: tuple[Monotone, ...] = ()
    waivers: tuple[Waiver, ...] = ()


class Declarations:
    """What one `verification.yaml` declares, with the place of each part.

    >>> Declarations.none().waivers
    ()
    """

    def __init__(self, parts: DeclarationFile, document: Document | None) -> None:
        self.invariants = parts.invariants
        self.monotone = parts.monotone
        self.waivers = parts.waivers
        self._document = document

    @staticmethod
    def none() -> Declarations:
        """A rule set that declares nothing."""
        return Declarations(DeclarationFile(), None)

    def position(self, part: str, index: int) -> Position:
        """Where one part stands, such as the second of the `waivers`."""
        return self._document.position((part, index)) if self._document is not None else Position(FILE, 1, 1)

    def conditions(self, rules: RuleSet) -> dict[str, Expression]:
        """The condition of every invariant, by id, resolved; it names facts and parameters.

        Raises `RuleSetError` with everything that is wrong with them, every name that means nothing, every id twice.
        """
        found: dict[str, Expression] = {}
        wrong = [*self._unknown_names(rules)]
        for index, invariant in enumerate(self.invariants):
            level = Level(invariant.level)
            names = ConditionNames(level, invariant.phase, rules.vocabulary, rules.parameters, (), lambda *_: None)
            place = (
                self._document.text_position(("invariants", index, "while"))
                if self._document is not None
                else Position(FILE, 1, 1)
            )
            try:
                found[invariant.id] = resolve(parse(invariant.condition), names)
            except (ConditionError, ConditionErrors) as error:
                wrong += findings(error, invariant.condition, place)
        if wrong:
            raise RuleSetError(wrong)
        return found

    def _unknown_names(self, rules: RuleSet) -> Iterator[Finding]:
        places = [
            *((each.id, "invariants", index) for index, each in enumerate(self.invariants)),
            *((each.id, "monotone", index) for index, each in enumerate(self.monotone)),
        ]
        seen: set[str] = set()
        for claim, part, index in places:
            if claim in seen:
                told = f"`{claim}` stands twice; give each claim an id of its own"
                yield Finding("duplicate-id", self.position(part, index), told)
            seen.add(claim)
        for index, invariant in enumerate(self.invariants):
            if invariant.option not in rules.options:
                place = self.position("invariants", index)
                yield Finding("unknown-option", place, _unknown("option", invariant.option, rules.options))
        for index, monotone in enumerate(self.monotone):
            place = self.position("monotone", index)
            level, _, name = monotone.fact.partition(".")
            numbers = {
                f"{definition.level.value}.{definition.name}"
                for definition in rules.vocabulary.facts.values()
                if isinstance(definition.type, NumberType | QuantityType)
            }
            if f"{level}.{name}" not in numbers:
                yield Finding("unknown-fact", place, _unknown("number of the vocabulary", monotone.fact, numbers))
            known = {criterion.id for criterion in rules.programs[monotone.phase].criteria}
            for criterion in (*monotone.never_adds, *monotone.never_removes):
                if criterion not in known:
                    yield Finding("unknown-rule", place, _unknown("criterion of this phase", criterion, known))


def _unknown(what: str, word: str, accepted: Collection[str]) -> str:
    question = did_you_mean(word, accepted)
    return f"`{word}` is no {what}; {question or 'name one that there is'}"


def read_declarations(folder: Path) -> Declarations:
    """What the rule set in a folder declares; nothing where it has no such file.

    Raises `RuleSetError` with every finding of the file's form.
    """
    file = folder / FILE
    if not file.is_file():
        return Declarations.none()
    document = read_document(file, f"{folder.resolve().name}/{FILE}")
    if document.findings:
        raise RuleSetError(document.findings)
    try:
        return Declarations(DeclarationFile.model_validate(document.data or {}, by_alias=True, by_name=False), document)
    except ValidationError as error:
        raise RuleSetError([shape_finding(document, problem, DeclarationFile) for problem in error.errors()]) from None
