"""The parts of an answer that stand in it many times: facts, elements, thresholds, citations; each is made once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cds.case import Case, Fact, Source
from cds.reasoning.conditions import Derivation
from cds.reasoning.contexts import Context
from cds.reasoning.verdict import Verdict, listed
from cds.recommendation.model import (
    ClaimPart,
    EvidencePart,
    FactPart,
    ParameterPart,
    SettledVerdictWord,
    SourcePart,
    SupportWord,
    TruthWord,
)
from cds.recommendation.words import fact_part, filled, parameter_text, source_part
from cds.ruleset import RuleSet
from cds.ruleset.model import Evidence, Reference, Tag
from cds.truth import Truth
from cds.vocabulary import FactDefinition, FactKind, Level, level_of


def word(truth: Truth) -> TruthWord:
    """A truth as the answer writes it.

    >>> word(Truth.UNKNOWN)
    'unknown'
    """
    return truth.value


def words(possible: Iterable[Verdict]) -> tuple[SettledVerdictWord, ...]:
    """Possible verdicts as the answer writes them, in their fixed order.

    >>> words({Verdict.INELIGIBLE, Verdict.ELIGIBLE})
    ('eligible', 'ineligible')
    """
    result: list[SettledVerdictWord] = []
    for verdict in listed(frozenset(possible)):
        if verdict is not Verdict.UNDETERMINED:
            result.append(verdict.value)
    return tuple(result)


_SUPPORT: Final[Mapping[Tag, SupportWord]] = {
    "V1": "primary", "V2": "second-hand", "REF": "listing-only", "U": "unverified",
}  # fmt: skip
"""How well a source was seen, from the best to the worst."""


def support_of(cited: Iterable[Reference]) -> SupportWord:
    """How well the best of some sources was seen.

    >>> support_of([])
    'none'
    """
    tags = {reference.tag for reference in cited}
    return next((said for tag, said in _SUPPORT.items() if tag in tags), "none")


class Parts:
    """The parts of one answer; it notes which references they cite, and lives as long as the answer is built."""

    def __init__(self, case: Case, rules: RuleSet) -> None:
        self.rules = rules
        self.cited: dict[str, None] = {}
        """The references that some part cites."""
        self.labels = {lesion.id: lesion.label for lesion in case.lesions} | {
            f"{lesion.id}/{structure.key}": structure.label
            for lesion in case.lesions
            for structure in lesion.structures
        }
        """What lesions and structures are called, by their subjects."""
        self._facts: dict[tuple[str, str], FactPart] = {}
        self._sources: dict[Source, SourcePart] = {}
        self._parameters: dict[tuple[str, ...], tuple[ParameterPart, ...]] = {}
        self._evidence: dict[tuple[Evidence, ...], tuple[EvidencePart, ...]] = {}

    def fact(self, subject: str, fact: Fact, definition: FactDefinition) -> FactPart:
        """A fact as the answer carries it, made once: most stand in a dozen reasons."""
        key = (subject, definition.path)
        if key not in self._facts:
            self._facts[key] = fact_part(definition.path, subject, fact, definition, self.source)
        return self._facts[key]

    def source(self, source: Source) -> SourcePart:
        """An element of the record as the answer carries it, made once: many facts rest on the same ones."""
        if source not in self._sources:
            self._sources[source] = source_part(source)
        return self._sources[source]

    def read(self, *derivations: Derivation | None) -> tuple[FactPart, ...]:
        """The facts that derivations read, each once; what the structure table itself gives is none of the record."""
        found: dict[tuple[str, str], FactPart] = {}
        for derivation in derivations:
            for subject, reference, fact in derivation.facts() if derivation else ():
                definition = self.rules.vocabulary.fact(level_of(reference.level), reference.name)
                if definition.kind is not FactKind.GIVEN:
                    found.setdefault((subject, definition.path), self.fact(subject, fact, definition))
        return tuple(found.values())

    def label(self, subject: str, definition: FactDefinition) -> str:
        """What a fact is called; of a structure's with the structure."""
        structure = definition.level is Level.STRUCTURE
        return f"{definition.label}, {self.labels[subject]}" if structure else definition.label

    def filled(self, template: str, context: Context) -> str:
        """A sentence of a rule, said of this patient."""
        return filled(template, context, self.rules, lambda subject: self.labels.get(subject, subject))

    def parameters(self, *ids: str) -> tuple[ParameterPart, ...]:
        """The thresholds that these criteria read, each once."""
        if ids not in self._parameters:
            self._parameters[ids] = self._parameter_parts(ids)
        return self._parameters[ids]

    def _parameter_parts(self, ids: tuple[str, ...]) -> tuple[ParameterPart, ...]:
        names = [name for key in ids if key in self.rules.conditions for name in self.rules.conditions[key].parameters]
        parts = []
        for name in dict.fromkeys(names):
            parameter = self.rules.parameters[name]
            if parameter.cite is not None:
                self.cited[parameter.cite] = None
            parts.append(
                ParameterPart(
                    name=name,
                    value=parameter_text(parameter),
                    status=parameter.status,
                    cite=parameter.cite,
                    overridden=parameter.overridden,
                    label=parameter.label,
                    note=parameter.note,
                    locator=parameter.locator,
                    valid_from=parameter.since,
                    owner=parameter.review.owner if parameter.review else None,
                    review_due=parameter.review.due if parameter.review else None,
                    claim=self.claim(parameter.claim),
                )
            )
        return tuple(parts)

    def claim(self, name: str | None) -> ClaimPart | None:
        """What a source says, as the answer carries it."""
        if name is None:
            return None
        claim = self.rules.claims[name]
        low, high = claim.interval or (None, None)
        return ClaimPart(
            id=claim.id,
            says=claim.says,
            quote=claim.quote,
            values=tuple(str(number) for number in claim.numbers),
            unit=claim.unit,
            interval=(str(low), str(high)) if claim.interval else None,
            k=claim.k,
            n=claim.n,
            locator=claim.locator,
        )

    def evidence(self, evidence: Iterable[Evidence]) -> tuple[EvidencePart, ...]:
        """The citations as the answer carries them, made once: a rule stands in the reasons of many structures."""
        cited = tuple(evidence)
        if cited not in self._evidence:
            self._evidence[cited] = self._evidence_parts(cited)
        return self._evidence[cited]

    def _evidence_parts(self, evidence: Iterable[Evidence]) -> tuple[EvidencePart, ...]:
        parts = []
        for entry in evidence:
            reference = self.rules.references[entry.cite]
            self.cited[entry.cite] = None
            parts.append(
                EvidencePart(
                    cite=entry.cite,
                    locator=entry.locator,
                    supports=entry.supports,
                    certainty=reference.certainty,
                    tag=reference.tag,
                    directness=reference.directness,
                    url=reference.url,
                    claim=self.claim(entry.claim),
                )
            )
        return tuple(parts)
