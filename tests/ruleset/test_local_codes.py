"""An institution's local codes: ConceptMaps and tables beside its overlay, checked, used, and named in the answer."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from cds.api import evaluate, read_case
from cds.explanation.text import render
from cds.ruleset import RuleSet, load_rules
from tests.ruleset.shipped import shipped_folder, shipped_rules
from tests.ruleset.workshop import findings_of, only_finding

LAB = "urn:example:lab"
DAY = dt.date(2026, 11, 22)
BUNDLE = Path(__file__).resolve().parents[2] / "fhir_examples" / "09-coagulopathy-to-correct" / "bundle.json"
OWN = "https://example.org/fhir/CodeSystem/hnc-cds-observation"


def element(code: str, target: str, equivalence: str = "equivalent", **more: Any) -> dict[str, Any]:
    return {"code": code, "target": [{"code": target, "equivalence": equivalence, **more}]}


def concept_map(*elements: dict[str, Any], target: str = "http://loinc.org", **more: Any) -> dict[str, Any]:
    group = {"source": LAB, "target": target, "element": list(elements)}
    return {"resourceType": "ConceptMap", "url": "urn:example:map", "version": "3", "status": "active",
            "group": [group], **more}  # fmt: skip


def overlay(folder: Path, *maps: Any, mapping: str = "") -> Path:
    """An overlay that names these ConceptMaps, and a table if there is one."""
    names = []
    for number, content in enumerate(maps):
        name = f"map{number}.json"
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content, indent=1), "utf-8")
        names.append(name)
    (folder / "table.yaml").write_text(mapping, "utf-8")
    tables = "mapping: [table.yaml]\n" if mapping else ""
    file = folder / "overlay.yaml"
    file.write_text(f"label: Example hospital\nconcept_maps: [{', '.join(names)}]\n{tables}", "utf-8")
    return file


def loaded(folder: Path, *maps: Any, mapping: str = "") -> RuleSet:
    return load_rules(shipped_folder(), overlay(folder, *maps, mapping=mapping))


def coded_locally(**codes: str) -> bytes:
    """The example's bundle with published codes replaced by the laboratory's own."""
    text = BUNDLE.read_text(encoding="utf-8")
    bundle = json.loads(text)
    for entry in bundle["entry"]:
        for coding in entry["resource"].get("code", {}).get("coding", []):
            if coding["code"] in codes.values():
                local = next(ours for ours, published in codes.items() if published == coding["code"])
                coding.update(system=LAB, code=local)
    return json.dumps(bundle).encode()


INR = element("INR", "6301-6")


def test_a_local_code_says_what_its_concept_map_says_and_the_answer_names_the_map(tmp_path: Path) -> None:
    rules = loaded(tmp_path, concept_map(INR))
    assert rules.warnings == ()
    ours = read_case(coded_locally(INR="6301-6"), as_of=DAY, rules=rules)
    published = read_case(BUNDLE.read_bytes(), as_of=DAY, rules=rules)
    assert ours.patient["inr"].state == published.patient["inr"].state
    answer = evaluate(coded_locally(INR="6301-6"), as_of=DAY, rules=rules)
    sources = next(fact.sources for fact in answer.facts if fact.name == "patient.inr")
    named = {source.mapping for source in sources if source.role == "value"}
    assert named == {"loinc-inr; ConceptMap urn:example:map|3"}
    shown = render(answer, unfold=True, width=200)
    assert "by ConceptMap urn:example:map|3" in " ".join(shown.split())


def test_without_the_map_the_local_code_says_nothing_and_is_not_guessed() -> None:
    case = read_case(coded_locally(INR="6301-6"), as_of=DAY, rules=shipped_rules())
    assert not case.patient["inr"].is_known


def test_a_fact_that_needed_no_map_names_none(tmp_path: Path) -> None:
    answer = evaluate(BUNDLE.read_bytes(), as_of=DAY, rules=loaded(tmp_path, concept_map(INR)))
    assert not any("ConceptMap" in (s.mapping or "") for fact in answer.facts for s in fact.sources)


def test_a_local_code_can_mean_a_code_that_the_rule_set_defines_itself(tmp_path: Path) -> None:
    rules = loaded(tmp_path, concept_map(element("ENC", "carotid-encasement"), target=OWN))
    assert rules.warnings == ()
    case = read_case(coded_locally(ENC="carotid-encasement"), as_of=DAY, rules=rules)
    assert case.lesions[0].facts["carotidEncasement"].is_known


def test_a_table_of_the_institution_adds_codes_and_is_named(tmp_path: Path) -> None:
    value_set = next(reader.codes for reader in shipped_rules().mapping.readers.observations
                     if reader.fact == "patient.inr")  # fmt: skip
    table = (
        f"systems: {{lab: {{uri: '{LAB}'}}}}\n"
        f"value_sets: {{{value_set}: [{{system: lab, source: our laboratory, codes: {{INR: INR}}}}]}}\n"
    )
    answer = evaluate(coded_locally(INR="6301-6"), as_of=DAY, rules=loaded(tmp_path, mapping=table))
    fact = next(fact for fact in answer.facts if fact.name == "patient.inr")
    assert fact.status == "known"
    assert {s.mapping for s in fact.sources if s.role == "value"} == {"loinc-inr; table.yaml (our laboratory)"}


def test_a_table_that_adds_to_nothing_is_found(tmp_path: Path) -> None:
    table = "value_sets: {no-such-set: [{system: loinc, source: ours, codes: {x: x}}]}\n"
    found = only_finding(shipped_folder(), overlay(tmp_path, mapping=table))
    assert (found.code, found.position.file) == ("unknown-name", "table.yaml")


@pytest.mark.parametrize("equivalence", ["wider", "narrower", "unmatched", "inexact", "relatedto", "subsumes"])
def test_what_is_not_the_same_is_not_translated_and_found(tmp_path: Path, equivalence: str) -> None:
    rules = loaded(tmp_path, concept_map(element("INR", "6301-6", equivalence)))
    (found,) = rules.warnings
    assert (found.code, found.position.file, found.severity) == ("unused-mapping", "map0.json", "warning")
    assert found.position.line > 1
    assert not read_case(coded_locally(INR="6301-6"), as_of=DAY, rules=rules).patient["inr"].is_known


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (concept_map(element("INR", "6301-6", dependsOn=[{"property": "x", "value": "y"}])), "unused-mapping"),
        (concept_map(INR, status="retired"), "unused-mapping"),
        (concept_map(element("INR", "0000-0")), "unknown-target"),
        (concept_map(element("INR", "x"), target="urn:example:nowhere"), "unknown-target"),
        (concept_map(element("INR", "no-such-fact"), target=OWN), "unknown-target"),
    ],
)
def test_what_would_change_nothing_is_found_and_keeps_nothing_from_loading(
    tmp_path: Path, content: Any, code: str
) -> None:
    assert [finding.code for finding in loaded(tmp_path, content).warnings] == [code]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (concept_map(INR, element("INR", "777-3")), "ambiguous-code"),
        (concept_map(INR, INR), "duplicate-name"),
        (concept_map(INR, element("INR2", "INR"), target=LAB), "mapped-again"),
        (
            {"resourceType": "ConceptMap", "status": "active", "group": [
                {"source": "http://loinc.org", "target": "http://loinc.org", "element": [element("777-3", "6301-6")]}]},
            "ambiguous-code",
        ),
        ("{", "not-json"),
        ({"resourceType": "ConceptMap", "status": "active", "group": [{"source": LAB}]}, "concept-map-shape"),
        ({"resourceType": "ValueSet", "status": "active", "group": []}, "concept-map-shape"),
    ],
)
def test_a_map_that_contradicts_itself_or_cannot_be_read_does_not_load(tmp_path: Path, content: Any, code: str) -> None:
    codes = {finding.code for finding in findings_of(shipped_folder(), overlay(tmp_path, content))}
    assert codes == {code}


def test_maps_that_lead_in_a_circle_are_found(tmp_path: Path) -> None:
    circle = concept_map(element("A", "B"), element("B", "A"), target=LAB)
    assert [f.code for f in findings_of(shipped_folder(), overlay(tmp_path, circle))] == ["mapped-again"] * 2


def test_a_map_that_is_not_there_is_found_where_the_overlay_names_it(tmp_path: Path) -> None:
    file = tmp_path / "overlay.yaml"
    file.write_text("label: x\nconcept_maps: [none.json]\n", "utf-8")
    found = only_finding(shipped_folder(), file)
    assert (found.code, found.position.line) == ("missing-file", 2)


def test_the_digest_covers_the_maps(tmp_path: Path) -> None:
    first = loaded(tmp_path, concept_map(INR)).digest
    assert loaded(tmp_path, concept_map(INR, element("PLT", "777-3"))).digest != first


