"""No number and no source of the shipped rules that the evidence does not hold, and none under another tag."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cds.case.reading import case_from_mapping
from cds.explanation import words
from cds.recommendation import recommend
from cds.ruleset.documents import read_document
from cds.ruleset.model import Grounded, Parameter, Reference
from tests.ruleset.shipped import shipped_folder, shipped_rules

RULES = shipped_rules()
STATEMENTS: list[tuple[str, Grounded]] = [
    (item.id, item)
    for item in (
        *RULES.rules,
        *RULES.exceptions,
        *RULES.preferences,
        *RULES.planner.need,
        *RULES.planner.measures,
        *RULES.planner.monitoring,
        *RULES.planner.combinations,
    )
]
NUMBERED = [(name, p) for name, p in RULES.parameters.items() if p.value is not None]
WORDS = {6: "six", 12: "twelve", 18: "eighteen", 24: "24", 2: "two", 0: "zero"}


@pytest.fixture(scope="module")
def evidence(repository: Path) -> Path:
    folder = repository.parent / "shared" / "evidence"
    if not folder.is_dir():
        pytest.skip("the evidence dossier is not beside the repository: nothing to trace the rules to")
    return folder


@pytest.fixture(scope="module")
def sources(evidence: Path) -> dict[str, dict[str, Any]]:
    entries = json.loads((evidence / "references.json").read_text(encoding="utf-8"))
    return {entry["id"]: entry for entry in entries}


@pytest.fixture(scope="module")
def dossier(evidence: Path) -> str:
    return (evidence / "dossier.md").read_text(encoding="utf-8") + (evidence / "rules-sketch.md").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("reference", RULES.references.values(), ids=lambda reference: reference.id)
def test_a_reference_is_one_of_the_evidence_under_the_same_tag(
    sources: dict[str, dict[str, Any]], reference: Reference
) -> None:
    assert reference.id in sources
    source = sources[reference.id]
    assert reference.tag == tag_of(source)
    assert reference.title == source["title"]
    assert source.get("DOI") == reference.DOI


def tag_of(source: dict[str, Any]) -> str:
    """The tag as the evidence keeps it: a member of its own, or in its note."""
    for key in ("x-tag", "tag"):
        if key in source:
            return str(source[key])
    match = re.search(r"\b(V1|V2|REF|U)\b", str(source.get("custom", source.get("note", ""))))
    return match[1] if match else "?"


@pytest.mark.parametrize(("name", "parameter"), NUMBERED, ids=[name for name, _ in NUMBERED])
def test_a_number_of_a_parameter_stands_in_the_dossier(dossier: str, name: str, parameter: Parameter) -> None:
    value = Decimal(parameter.value or 0)
    number = f"{value.normalize():f}"
    forms = [number, WORDS.get(int(value), number)]
    if parameter.unit == "mm" and value % 10 == 0:
        forms.append(f"{value / 10:f} cm")
    text = dossier.replace("\N{MINUS SIGN}", "-")
    assert any(re.search(rf"(?<![\d.]){re.escape(form)}(?![\d]|\.\d)", text) for form in forms), (name, forms)


@pytest.mark.parametrize(("name", "parameter"), NUMBERED, ids=[name for name, _ in NUMBERED])
def test_a_number_without_a_source_says_that_it_is_the_institutions(name: str, parameter: Parameter) -> None:
    assert parameter.cite is not None or parameter.status == "institution-default"
    assert parameter.locator


@pytest.mark.parametrize(("name", "parameter"), NUMBERED, ids=[name for name, _ in NUMBERED])
def test_a_number_is_called_verified_only_where_the_source_itself_was_seen(name: str, parameter: Parameter) -> None:
    if parameter.status == "verified":
        assert parameter.cite is not None
        assert RULES.references[parameter.cite].tag == "V1"


@pytest.mark.parametrize(("name", "statement"), STATEMENTS, ids=[name for name, _ in STATEMENTS])
def test_what_a_statement_rests_on_is_said(name: str, statement: Grounded) -> None:
    assert statement.review is not None
    assert statement.basis != "cited" or statement.evidence
    assert all(entry.locator for entry in statement.evidence)


@pytest.mark.parametrize(("name", "statement"), STATEMENTS, ids=[name for name, _ in STATEMENTS])
def test_a_locator_leads_to_a_section_of_the_dossier(dossier: str, name: str, statement: Grounded) -> None:
    for entry in statement.evidence:
        for section in re.findall(r"\d+\.\d+", entry.locator):
            assert f"**{section} " in dossier, (name, entry.cite, section)


PUBLISHERS = {
    "articl.net", "bjsm.bmj.com", "consilium.orscience.ru", "hmpgloballearningnetwork.com", "ijdvl.com",
    "northstarradiology.com", "oncohemakey.com", "radiopaedia.org", "reference.medscape.com",
    "training.seer.cancer.gov", "www.cambridge.org", "www.cancer.gov", "www.guidelinecentral.com",
}  # fmt: skip
"""Who published the page itself that was read: a journal, an institute, or the summary that is cited as such."""


@pytest.mark.parametrize("reference", RULES.references.values(), ids=lambda reference: reference.id)
def test_a_link_goes_by_doi_or_pubmed_or_to_the_publisher_and_never_to_a_mirror(reference: Reference) -> None:
    if reference.url is not None:
        address = urlsplit(reference.url)
        assert address.scheme == "https"
        assert address.hostname in {"doi.org", "pubmed.ncbi.nlm.nih.gov", "pmc.ncbi.nlm.nih.gov", *PUBLISHERS}


SECOND_HAND = {"CR-3", "CR-5", "CR-6", "CR-6b", "CR-7", "CR-8", "TP-10"}
"""Statements that cite, and of none of whose sources more than a summary was seen."""


def test_a_source_that_was_not_seen_itself_carries_no_statement_without_the_answer_showing_it() -> None:
    tags = {name: {RULES.references[e.cite].tag for e in statement.evidence} for name, statement in STATEMENTS}
    assert {name for name, seen in tags.items() if seen and "V1" not in seen} == SECOND_HAND
    shown: set[str] = set()
    for name in ("an-inr-above-the-limit", "an-active-infection", "no-safe-path", "a-plan-that-covers-the-vagus-nerve"):
        document = read_document(shipped_folder() / "cases" / f"{name}.yaml", name)
        case = case_from_mapping(RULES.vocabulary, document.data)
        for phase in ("decision", "planning"):
            answer = recommend(case, RULES, phase=phase)
            for reason in (r for lesion in answer.lesions for option in lesion.options for r in option.reasons):
                if reason.rule in SECOND_HAND:
                    shown.add(reason.rule)
                    assert reason.support == "second-hand"
                    assert {evidence.tag for evidence in reason.evidence} == {"V2"}
                    assert words.SUPPORT["second-hand"] in words.sources(reason)
    assert shown == SECOND_HAND


def test_every_reference_that_the_rules_hold_is_cited_somewhere_and_the_other_way_round() -> None:
    cited = {entry.cite for _, statement in STATEMENTS for entry in statement.evidence}
    cited |= {p.cite for p in RULES.parameters.values() if p.cite}
    cited |= {cite for structure in RULES.vocabulary.structures.values() for cite in structure.evidence}
    for option in RULES.options.values():
        cited |= {entry.cite for entry in (option.banner.evidence if option.banner else ())}
        cited |= {outcome.cite for outcome in option.outcomes}
    cited |= {entry.cite for alternative in RULES.alternatives for entry in alternative.evidence}
    cited |= {entry.cite for attribute in RULES.source_attributes for entry in attribute.evidence}
    assert cited == set(RULES.references)
