"""What a statement rests on, as FHIR's RelatedArtifact: the citation, its strength and the certainty of its evidence.

Strength and certainty are two things and stay two extensions. A statement without a source says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cds.fhir_output.datatypes import TERMINOLOGY, Json, present
from cds.recommendation.model import EvidencePart, PlannerReason, ReasonPart
from cds.ruleset import RuleSet
from cds.ruleset.model import Evidence, Grounded, Reference, Strength

STRENGTH: Final = "http://hl7.org/fhir/StructureDefinition/cqf-strengthOfRecommendation"
QUALITY: Final = "http://hl7.org/fhir/StructureDefinition/cqf-qualityOfEvidence"
NO_SOURCE: Final = "no published source"
UNSEEN: Final = "["
"""How a title starts that was not seen on the source itself: not even to be repeated."""
_CODED_STRENGTHS: Final = ("strong", "weak")
"""The codes of HL7's code system `recommendation-strength`; it has none for what stands between."""


def evidence_part(evidence: Evidence, references: Mapping[str, Reference]) -> EvidencePart:
    """A citation of a rule as an answer carries it."""
    reference = references[evidence.cite]
    return EvidencePart(
        cite=evidence.cite,
        locator=evidence.locator,
        supports=evidence.supports,
        certainty=reference.certainty,
        tag=reference.tag,
        directness=reference.directness,
        url=reference.url,
    )


def of_rule(rule: Grounded, rules: RuleSet) -> list[Json]:
    """What a rule rests on: its citations with its strength, or that it has none."""
    evidence = [evidence_part(each, rules.references) for each in rule.evidence]
    csl = {each.cite: rules.references[each.cite].csl() for each in rule.evidence}
    return _grounds(evidence, csl, rule.strength, rule.basis, rule.fidelity.note)


def of_reason(reason: ReasonPart | PlannerReason, references: Mapping[str, Mapping[str, Any]]) -> list[Json]:
    """What a reason of an answer rests on."""
    return _grounds(reason.evidence, references, reason.strength, reason.basis, reason.fidelity.note)


def cited(
    evidence: Iterable[EvidencePart], references: Mapping[str, Mapping[str, Any]], strength: Strength | None = None
) -> list[Json]:
    """Citations, each with the certainty of its evidence and, where it is said, the strength of what cites it."""
    return [_citation(each, references.get(each.cite, {}), strength, "") for each in evidence]


def _grounds(
    evidence: Sequence[EvidencePart],
    references: Mapping[str, Mapping[str, Any]],
    strength: Strength,
    basis: str,
    note: str,
) -> list[Json]:
    if evidence:
        return [_citation(each, references.get(each.cite, {}), strength, note) for each in evidence]
    document = {"extension": [_strength(strength)], **present(title=note)}
    return [{"type": "justification", "label": basis, "display": NO_SOURCE, "document": document}]


def _citation(evidence: EvidencePart, csl: Mapping[str, Any], strength: Strength | None, note: str) -> Json:
    extensions = [_strength(strength)] if strength is not None else []
    if evidence.certainty is not None:
        extensions.append(_extension(QUALITY, "evidence-quality", evidence.certainty))
    where = "; ".join(part for part in (evidence.locator, f"supports the {evidence.supports}") if part)
    return present(
        type="citation",
        label=evidence.cite,
        display=where,
        citation=citation_text(csl),
        url=evidence.url,
        document=present(extension=extensions, title=note),
    )


def _strength(strength: Strength) -> Json:
    if strength in _CODED_STRENGTHS:
        return _extension(STRENGTH, "recommendation-strength", strength)
    return {"url": STRENGTH, "valueCodeableConcept": {"text": strength}}


def _extension(url: str, system: str, code: str) -> Json:
    value = {"coding": [{"system": f"{TERMINOLOGY}{system}", "code": code}], "text": code.replace("-", " ")}
    return {"url": url, "valueCodeableConcept": value}


def citation_text(csl: Mapping[str, Any]) -> str:
    """A reference written out: authors, title, where and when it was published; and how much of it was seen.

    >>> citation_text({"author": [{"family": "Yousem", "given": "D"}], "title": "Carotid", "issued":
    ...                {"date-parts": [[1995]]}, "container-title": "Radiology", "DOI": "10.1/x", "x-tag": "V1"})
    'Yousem D. Carotid. Radiology 1995. doi:10.1/x. [seen: V1]'
    """
    authors = csl.get("author", ())
    names = [" ".join(filter(None, (a.get("family") or a.get("literal"), a.get("given")))) for a in authors]
    who = ", ".join(names[:6]) + (", et al" if len(names) > 6 else "")
    dates = csl.get("issued", {}).get("date-parts") or [[]]
    year = str(dates[0][0]) if dates[0] else ""
    place = " ".join(filter(None, (csl.get("container-title"), year)))
    found = f"doi:{csl['DOI']}" if csl.get("DOI") else f"PMID {csl['PMID']}" if csl.get("PMID") else csl.get("URL", "")
    title = str(csl.get("title", ""))
    if title.startswith(UNSEEN):
        title = "[title not verified]"
    parts = [part.rstrip(".") for part in (who, title, place, found) if part]
    seen = f" [seen: {csl['x-tag']}]" if csl.get("x-tag") else ""
    return f"{'. '.join(parts)}.{seen}" if parts else ""
