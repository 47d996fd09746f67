"""The same codes: by other addresses of their systems, and beside codes of the sender."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cds.testing.generation import Choices, pick
from cds.testing.noise.bundle import EHR, LOINC, SNOMED, Json, concepts_of

_ADDRESSES: Final[Mapping[str, tuple[str, ...]]] = {
    SNOMED: (
        "urn:oid:2.16.840.1.113883.6.96",
        f"{SNOMED}/900000000000207008/version/20240301",
        f"{SNOMED}/11000274103",
        f"{SNOMED}/",
    ),
    LOINC: ("urn:oid:2.16.840.1.113883.6.1", f"{LOINC}/"),
    "http://hl7.org/fhir/sid/icd-10": ("urn:oid:2.16.840.1.113883.6.3",),
    "http://hl7.org/fhir/sid/icd-10-cm": ("urn:oid:2.16.840.1.113883.6.90",),
    "http://terminology.hl7.org/CodeSystem/icd-o-3": ("urn:oid:2.16.840.1.113883.6.43.1",),
    "http://www.whocc.no/atc": ("urn:oid:2.16.840.1.113883.6.73",),
    "http://www.nlm.nih.gov/research/umls/rxnorm": ("urn:oid:2.16.840.1.113883.6.88",),
}
"""Other addresses of the same code systems: their OIDs (HL7's registry), editions and versions, a slash at the end."""


def systems(bundle: Json, choices: Choices) -> None:
    """Code systems by another of their addresses."""
    for concept in concepts_of(bundle):
        for coding in concept["coding"]:
            others = (*_ADDRESSES.get(str(coding.get("system")), ()), f"{coding.get('system')}/")
            other = choices.below(len(others) + 1)
            if other and coding.get("system", "").startswith("http"):
                coding["system"] = others[other - 1]


_DISPLAYS: Final = ("Zungengrund, links", "liežuvio šaknis\u200b", "舌根", "NOS (unspecified)", "Encased ≥ 270°")


def codings(bundle: Json, choices: Choices) -> None:
    """Texts and displays, and codings of the sender beside those that count."""
    for concept in list(concepts_of(bundle)):
        if choices.chance(0.3):
            concept["text"] = pick(choices, _DISPLAYS)
        if choices.chance(0.3):
            concept["coding"][0]["display"] = pick(choices, _DISPLAYS)
        if choices.chance(0.2):
            concept["coding"][0] |= {"version": "2024-03", "userSelected": True}
        if choices.chance(0.3):
            own = {"system": f"{EHR}/CodeSystem/house", "code": "H-17", "display": pick(choices, _DISPLAYS)}
            concept["coding"].insert(choices.below(len(concept["coding"]) + 1), own)
        if choices.chance(0.1):
            concept["coding"].append({"display": pick(choices, _DISPLAYS)})
