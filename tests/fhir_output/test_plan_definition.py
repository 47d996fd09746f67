"""The artefacts are the rules: every statement stands in the plan once, word for word and with its criterion."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cds.cli import main
from cds.fhir_output import Addresses, artefacts, plan_definition
from cds.fhir_output.citations import NO_SOURCE, QUALITY, STRENGTH
from cds.fhir_output.code_systems import STATEMENTS, VERDICTS
from cds.fhir_output.operations import OPERATIONS
from cds.intake.values import kebab
from cds.language import parse, to_cql
from cds.recommendation.model import VerdictWord
from cds.recommendation.words import parameter_text
from cds.ruleset import RuleSet
from cds.ruleset.model import Effect
from cds.ruleset.vocabulary_file import PLANNER_FACTS
from tests.fhir_output.validators import Json


def actions_of(node: Json) -> Iterator[Json]:
    """Every action below a plan or an action."""
    for action in node.get("action", ()):
        yield action
        yield from actions_of(action)


@pytest.fixture(scope="module")
def actions(rules: RuleSet) -> dict[str, Json]:
    """The actions of the shipped plan by id."""
    found = list(actions_of(plan_definition(rules)))
    assert len({each["id"] for each in found}) == len(found)
    return {each["id"]: each for each in found}


def kind_of(action: Json) -> str:
    return str(action["code"][0]["coding"][0]["code"]) if "code" in action else ""


def test_the_plan_holds_every_statement_of_the_rule_files_and_no_other(
    actions: dict[str, Json], rules: RuleSet, repository: Path
) -> None:
    folder = repository / "rules" / "recurrent-head-and-neck"
    written: set[str] = set()
    for file in (
        *sorted((folder / "rules").glob("*.yaml")),
        folder / "preferences.yaml",
        folder / "thermoprotection.yaml",
    ):
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        written |= {each["id"] for entries in document.values() for each in entries}
    written |= {each.id for each in rules.alternatives}
    written |= set(yaml.safe_load((folder / "definitions.yaml").read_text(encoding="utf-8"))["definitions"])
    groups = {
        "scope",
        "options",
        "any-option",
        "order",
        "thermoprotection",
        "alternatives",
        "definitions",
        *rules.options,
    }
    assert set(actions) - groups == written


def test_every_rule_comes_back_from_the_plan_word_for_word(actions: dict[str, Json], rules: RuleSet) -> None:
    def said(template: str) -> str:
        for name, parameter in rules.parameters.items():
            template = template.replace(f"{{parameters.{name}}}", parameter_text(parameter))
        return template

    for rule in rules.rules:
        action = actions[rule.id]
        assert action["description"] == said(rule.says)
        assert action.get("textEquivalent") == (said(rule.otherwise) if rule.otherwise else None)
        codes = [each["coding"][0]["code"] for each in action["code"]]
        assert codes == [rule.effect, rule.phase, rule.for_each]
        cited = [each["label"] for each in action["documentation"] if each["type"] == "citation"]
        assert cited == [each.cite for each in rule.evidence]


def test_the_criteria_of_the_plan_mean_what_their_authors_wrote(actions: dict[str, Json], rules: RuleSet) -> None:
    compared = 0
    for rule in rules.rules:
        told = {each["expression"]["name"]: each for each in actions[rule.id]["condition"]}
        wanted = {rule.id: rule.when} | ({f"{rule.id}.done": rule.done} if rule.done is not None else {})
        assert set(told) == set(wanted)
        for name, text in wanted.items():
            assert told[name]["expression"]["language"] == "text/cql"
            assert told[name]["kind"] == ("applicability" if name == rule.id else "stop")
            if isinstance(text, str):
                # Read anew from the author's own text; `in {…}` is written out, for CQL's own is false of null.
                assert parse(told[name]["expression"]["expression"]) == parse(to_cql(parse(text)))
                compared += 1
    assert compared > len(rules.rules)


def test_every_name_in_a_criterion_is_a_fact_a_threshold_or_a_notion_of_the_plan(
    actions: dict[str, Json], rules: RuleSet
) -> None:
    facts = {definition.path for definition in rules.vocabulary.facts.values()}
    used = {
        name
        for action in actions.values()
        for condition in action.get("condition", ())
        for name in re.findall(r"\b(?:patient|lesion|structure)\.[A-Za-z0-9]+", condition["expression"]["expression"])
    }
    notions = {id_ for id_, action in actions.items() if kind_of(action) == "definition"}
    planned = {f"structure.{name}" for name in PLANNER_FACTS}
    assert used & notions
    assert used <= facts | notions | planned


def test_no_criterion_of_the_plan_holds_what_only_this_engine_reads(actions: dict[str, Json]) -> None:
    for action in actions.values():
        for condition in action.get("condition", ()):
            assert not re.search(r"\bin \{|\bany structure", condition["expression"]["expression"])


def test_strength_and_certainty_stand_beside_each_other_and_no_source_is_said(
    actions: dict[str, Json], rules: RuleSet
) -> None:
    for rule in rules.rules:
        for document, evidence in zip(actions[rule.id]["documentation"], rule.evidence, strict=bool(rule.evidence)):
            extensions = {
                each["url"]: each["valueCodeableConcept"]["text"] for each in document["document"]["extension"]
            }
            assert STRENGTH in extensions
            certainty = rules.references[evidence.cite].certainty
            assert extensions.get(QUALITY) == (certainty.replace("-", " ") if certainty else None)
            assert document.get("url") == rules.references[evidence.cite].url
        if not rule.evidence:
            (only,) = actions[rule.id]["documentation"]
            assert (only["type"], only["label"], only["display"]) == ("justification", rule.basis, NO_SOURCE)


def test_the_options_are_alternatives_that_the_events_of_cds_hooks_trigger(
    actions: dict[str, Json], rules: RuleSet
) -> None:
    options = actions["options"]
    assert [each["id"] for each in options["action"]] == list(rules.options)
    assert (options["groupingBehavior"], options["selectionBehavior"]) == ("logical-group", "at-most-one")
    assert {each["type"] for each in options["trigger"]} == {"named-event"}


def test_another_rule_makes_another_plan(rules: RuleSet) -> None:
    from dataclasses import replace

    first, *others = rules.rules
    changed = replace(rules, rules=(first.model_copy(update={"says": "Something else."}), *others))
    before, after = plan_definition(rules), plan_definition(changed)
    assert before != after
    assert json.dumps(after).count("Something else.") == 1


def test_a_rule_set_is_a_draft_until_somebody_signs_it(rules: RuleSet) -> None:
    from dataclasses import replace

    signed = replace(rules, head=rules.head.model_copy(update={"approved": dt.date(2026, 12, 1)}))
    if rules.head.approved is None:
        plan = plan_definition(rules)
        assert (plan["status"], plan["experimental"], "approvalDate" in plan) == ("draft", True, False)
    plan = plan_definition(signed)
    assert (plan["status"], plan["experimental"], plan["approvalDate"]) == ("active", False, "2026-12-01")


def test_every_code_that_a_plan_uses_is_in_a_code_system_that_is_published(rules: RuleSet) -> None:
    made = artefacts(rules)
    known = {
        (each["url"], concept["code"])
        for each in made
        if each["resourceType"] == "CodeSystem"
        for concept in each["concept"]
    }
    prefix = Addresses.of(rules).prefix
    used = {
        (coding["system"], coding["code"])
        for action in actions_of(plan_definition(rules))
        for concept in action.get("code", ())
        for coding in concept["coding"]
        if coding["system"].startswith(prefix)
    }
    assert used and used <= known


def test_the_words_of_the_answer_and_their_code_systems_are_the_same() -> None:
    assert set(VERDICTS) == set(VerdictWord.__args__)  # type: ignore[attr-defined]
    assert set(Effect.__args__) <= set(STATEMENTS)  # type: ignore[attr-defined]


def test_the_bundle_that_is_exported_holds_what_is_served(
    rules: RuleSet, capsys: pytest.CaptureFixture[str], repository: Path
) -> None:
    assert main(["export", "fhir", "--rules", str(repository / "rules" / "recurrent-head-and-neck")]) == 0
    told = json.loads(capsys.readouterr().out)
    held = [each["resource"] for each in told["entry"]]
    assert [each["resourceType"] for each in held].count("OperationDefinition") == len(OPERATIONS)
    assert all(each in held for each in json.loads(json.dumps(artefacts(rules))))


def test_the_library_says_every_fact_and_every_threshold(rules: RuleSet) -> None:
    library = next(each for each in artefacts(rules) if each["resourceType"] == "Library")
    assert {each["name"] for each in library["parameter"]} == set(rules.parameters)
    local = rules.mapping.local.observation
    codes = {
        code["code"]
        for each in library["dataRequirement"]
        for part in each.get("codeFilter", ())
        for code in part["code"]
        if code.get("system") == local
    }
    facts = {kebab(d.name) for d in rules.vocabulary.facts.values() if d.kind.value != "given"}
    assert {"inr", "carotid-encasement", "tumour-distance"} < facts <= codes
