"""An answer as resources: only what may be proposed is, everything is traced, and nothing of the answer is lost."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cds.explanation.reasons import holds_back
from cds.fhir_output import Occasion, bundle, care_plan
from cds.fhir_output.data_requirements import missing_facts
from cds.fhir_output.proposal import is_proposable
from cds.recommendation.model import OptionPart
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES
from tests.fhir_output.answers import NAMES, OCCASION, answer_of, as_resource, plan_of
from tests.fhir_output.validators import Json, unresolved

EXAMPLES = [(name, phase) for name in NAMES for phase in PHASES]
each_example = pytest.mark.parametrize(("name", "phase"), EXAMPLES)


def contained(plan: Json, kind: str) -> list[Json]:
    return [each for each in plan["contained"] if each["resourceType"] == kind]


def only(plan: Json, kind: str) -> Json:
    (found,) = contained(plan, kind)
    return found


def options_in(plan: Json) -> Iterator[tuple[str, str, Json]]:
    """Lesion, option and action of everything that a plan proposes to choose from."""
    for group in only(plan, "RequestGroup").get("action", ()):
        if group["selectionBehavior"] == "at-most-one":
            lesion = group["title"].removeprefix("Options for ").partition(":")[0]
            for action in group["action"]:
                yield lesion, action["code"][0]["coding"][0]["code"], action


@each_example
def test_exactly_the_options_that_may_be_proposed_are_actions(name: str, phase: str) -> None:
    answer = answer_of(name, phase)
    wanted = {(lesion.id, o.option) for lesion in answer.lesions for o in lesion.options if is_proposable(o)}
    assert {(lesion, option) for lesion, option, _ in options_in(plan_of(name, phase))} == wanted
    told = {(lesion.id, o.option): o for lesion in answer.lesions for o in lesion.options}
    for lesion, option, action in options_in(plan_of(name, phase)):
        assert action["code"][1]["coding"][0]["code"] == told[lesion, option].verdict


@pytest.mark.parametrize(
    ("verdict", "proposed"),
    [
        ("eligible", True),
        ("conditional", True),
        ("undetermined", False),
        ("ineligible", False),
        ("not-assessed", False),
    ],
)
def test_nothing_undecided_or_excluded_may_be_proposed(verdict: Any, proposed: bool) -> None:
    option = OptionPart(
        option="x", label="X", verdict=verdict, possible=(), standing="unknown", declined="unknown", reasons=()
    )
    assert is_proposable(option) is proposed


def test_an_option_that_the_patient_declines_stays_beside_the_other_and_says_so() -> None:
    plan = plan_of("03-declined-surgery")
    titles = [action["title"] for _, _, action in options_in(plan)]
    assert titles == ["Percutaneous cryoablation", "Salvage surgery (declined by the patient)"]
    (declined,) = [i for i in contained(plan, "DetectedIssue") if i["code"]["coding"][0]["code"] == "declined"]
    assert declined["implicated"] == [{"reference": "#option-1-salvage-surgery"}]
    assert declined["evidence"][0]["detail"]


@each_example
def test_every_request_is_a_draft_and_a_proposal_without_a_priority(name: str, phase: str) -> None:
    plan = plan_of(name, phase)
    assert (plan["intent"], only(plan, "RequestGroup")["intent"]) == ("proposal", "proposal")
    for each in (*contained(plan, "ServiceRequest"), *contained(plan, "Task")):
        assert (each["status"], each["intent"]) == ("draft", "proposal")
        assert "priority" not in each


@each_example
def test_the_native_answer_comes_back_byte_for_byte(name: str, phase: str) -> None:
    answer = answer_of(name, phase)
    for made in (plan_of(name, phase), as_resource(answer, bundle)):
        held = made.get("contained") or [each["resource"] for each in made["entry"]]
        (parameters,) = [each for each in held if each["resourceType"] == "Parameters"]
        attachment = parameters["parameter"][-1]["valueAttachment"]
        packed = base64.b64decode(attachment["data"], validate=True)
        assert len(packed) == attachment["size"]
        assert gzip.decompress(packed) == answer.model_dump_json(by_alias=True).encode()


@each_example
def test_the_trace_names_every_option_with_its_verdict(name: str, phase: str) -> None:
    traced = [
        {part["name"]: next(v for k, v in part.items() if k.startswith("value")) for part in parameter["part"]}
        for parameter in only(plan_of(name, phase), "Parameters")["parameter"]
        if parameter["name"] == "option"
    ]
    answer = answer_of(name, phase)
    options = [(lesion.id, each) for lesion in answer.lesions for each in lesion.options]
    assert [(t["lesion"], t["option"], t["verdict"], t["standing"], t["declined"]) for t in traced] == [
        (lesion, each.option, each.verdict, each.standing, each.declined) for lesion, each in options
    ]


@each_example
def test_every_reference_within_an_answer_leads_somewhere(name: str, phase: str) -> None:
    assert unresolved(plan_of(name, phase)) == []
    assert unresolved(as_resource(answer_of(name, phase), bundle)) == []


@each_example
def test_what_excludes_an_option_is_an_issue_of_its_own(name: str, phase: str) -> None:
    answer, plan = answer_of(name, phase), plan_of(name, phase)
    details = [issue["detail"] for issue in contained(plan, "DetectedIssue")]
    for lesion in answer.lesions:
        for option in lesion.options if lesion.scope.truth != "false" else ():
            for reason in option.reasons:
                if holds_back(reason) and reason.effect == "excludes":
                    assert any(reason.says in detail for detail in details), reason.rule


@each_example
def test_every_structure_that_needs_protection_from_an_open_option_is_an_issue(name: str, phase: str) -> None:
    answer, plan = answer_of(name, phase), plan_of(name, phase)
    issues = [i for i in contained(plan, "DetectedIssue") if i["code"]["coding"][0]["code"] == "thermoprotection"]
    for lesion in answer.lesions:
        exposed = [o for o in lesion.options if o.standing != "excluded" and any("/" in r.subject for r in o.reasons)]
        for structure in lesion.thermoprotection if exposed else ():
            if structure.verdict == "required":
                about = [issue for issue in issues if structure.label in issue["code"]["text"]]
                assert about, structure.label
                planned = {m.measure for m in structure.measures if m.planned == "true"}
                told = {m["action"]["coding"][0]["code"] for each in about for m in each.get("mitigation", ())}
                assert planned <= told


def test_a_mitigation_is_told_only_of_what_the_plan_names() -> None:
    """FHIR: what has been taken or is committed. An available measure nobody planned is none; the detail names it."""
    mitigated = 0
    for name, phase in EXAMPLES:
        for issue in contained(plan_of(name, phase), "DetectedIssue"):
            for each in issue.get("mitigation", ()):
                assert each["action"]["text"].endswith("(planned)")
                mitigated += 1
            if issue["code"]["coding"][0]["code"] == "thermoprotection":
                assert "Measures: " in issue["detail"] or "No protective measure" in issue["detail"]
    assert mitigated


def test_severity_follows_the_strength_of_the_rule_and_what_excludes_is_high() -> None:
    seen = set()
    for name in NAMES:
        for issue in contained(plan_of(name), "DetectedIssue"):
            kind = issue["code"]["coding"][0]["code"]
            seen.add((kind, issue.get("severity")))
    assert ("contraindication", "high") in seen
    assert {severity for kind, severity in seen if kind == "contraindication"} == {"high"}
    assert {severity for kind, severity in seen if kind == "not-indicated"} == {None}


@each_example
def test_status_is_data_required_exactly_while_a_verdict_is_open(name: str, phase: str) -> None:
    answer, guidance = answer_of(name, phase), only(plan_of(name, phase), "GuidanceResponse")
    open_ = any(o.verdict == "undetermined" for lesion in answer.lesions for o in lesion.options)
    assert (guidance["status"] == "data-required") == (open_ or answer.scope.truth == "unknown")
    assert ("dataRequirement" in guidance) == (guidance["status"] != "success")


@each_example
def test_each_settling_fact_is_asked_for_by_type_and_code(name: str, phase: str, rules: RuleSet) -> None:
    answer, guidance = answer_of(name, phase), only(plan_of(name, phase), "GuidanceResponse")
    asked: dict[tuple[str, str], list[Json]] = {}
    for requirement in guidance.get("dataRequirement", ()):
        told = {each["url"]: next(v for k, v in each.items() if k.startswith("value"))
                for each in requirement["extension"][0]["extension"]}  # fmt: skip
        if told["decisive"]:
            asked.setdefault((told["fact"], told["subject"]), []).append(requirement)
    wanted = {
        (fact.name, fact.subject)
        for lesion in answer.lesions
        for option in lesion.options
        if option.verdict == "undetermined"
        for fact in option.settling_facts
    }
    assert wanted <= set(asked)
    for (fact, _), requirements in asked.items():
        observation = requirements[0]
        assert observation["type"] == "Observation"
        assert "value" in observation["mustSupport"]
        systems = {code["system"] for code in observation["codeFilter"][0]["code"]}
        assert rules.mapping.local.observation in systems, fact


def test_published_codes_of_the_mapping_tables_stand_beside_the_facts_own_code(rules: RuleSet) -> None:
    from cds.fhir_output.data_requirements import fact_requirements

    codes = {
        (c["system"], c["code"]) for c in fact_requirements("patient.inr", rules, None)[0]["codeFilter"][0]["code"]
    }
    published = {(rules.mapping.systems[s].uri, code) for s, code in rules.mapping.value_set("lab-inr").codes}
    assert published and published < codes
    assert {"Condition"} <= {each["type"] for each in fact_requirements("patient.bleedingDisorder", rules, None)}
    assert "Patient" in {each["type"] for each in fact_requirements("patient.ageYears", rules, None)}
    distance = fact_requirements("structure.tumourDistance", rules, "vagus-nerve")[0]
    assert distance["codeFilter"][1]["code"][0]["code"] == "vagus-nerve"


def test_where_no_lesion_was_found_a_lesion_is_asked_for() -> None:
    import cds
    from tests.fhir_output.answers import AS_OF, shipped

    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"}
    record = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}
    answer = cds.evaluate(record, as_of=AS_OF, rules=shipped())
    assert [fact.name for fact in missing_facts(answer)] == ["lesion"]
    plan = as_resource(answer)
    guidance = only(plan, "GuidanceResponse")
    assert guidance["status"] == "data-required"
    assert {each["type"] for each in guidance["dataRequirement"]} == {"BodyStructure", "Condition"}
    assert "action" not in only(plan, "RequestGroup")
    assert unresolved(plan) == []


@each_example
def test_provenance_names_every_resource_that_a_fact_or_a_lesion_rests_on_in_its_version(name: str, phase: str) -> None:
    answer, provenance = answer_of(name, phase), only(plan_of(name, phase), "Provenance")
    told = {each["what"].get("reference") for each in provenance["entity"]}
    for part in (*answer.facts, *answer.lesions):
        for source in part.sources:
            if source.resource != "Bundle":
                version = f"/_history/{source.version}" if source.version else ""
                assert f"{source.resource}{version}" in told


def test_the_device_names_program_rule_set_and_engines() -> None:
    answer, device = answer_of(NAMES[0]), only(plan_of(NAMES[0]), "Device")
    told = {each["type"]["text"]: each["value"] for each in device["version"]}
    assert told["rule set digest"] == answer.rule_set.digest
    assert told["durable-rules"] == answer.engines.durable_rules
    assert set(told) >= {"software", f"rule set {answer.rule_set.id}", "reference evaluator"}


@pytest.mark.parametrize("make", [care_plan, bundle])
def test_only_ids_and_times_tell_two_answers_of_the_same_apart(make: Callable[..., Json]) -> None:
    answer = answer_of("02-unresectable-carotid-encased-freeze-near-it")
    other = Occasion(uuid.UUID(int=8), OCCASION.moment + dt.timedelta(days=3), OCCASION.subject)
    first, again, later = (as_resource(answer, make, each) for each in (OCCASION, OCCASION, other))
    assert first == again
    assert first != later
    names = [f"issue-1-{n}" for n in range(1, 20)] + [f"due-1-{n}" for n in range(1, 20)]
    names += ["request-group", "option-1-cryoablation", "guidance", "answer", "input-issues", "provenance", "device"]
    names += ["bundle", "care-plan"]
    text = json.dumps(later).replace(other.instant, OCCASION.instant).replace(str(other.id), str(OCCASION.id))
    for name in names:
        text = text.replace(str(other.identity(name)), str(OCCASION.identity(name)))
    assert json.loads(text) == first


def test_what_the_client_names_is_copied_and_the_record_is_named() -> None:
    occasion = Occasion(
        OCCASION.id, OCCASION.moment, "Patient/p", "Encounter/e", "Practitioner/d", "Organization/o", "r-1"
    )
    plan = as_resource(answer_of(NAMES[0]), care_plan, occasion)
    assert plan["subject"] == {"reference": "Patient/p"}
    assert plan["encounter"] == only(plan, "RequestGroup")["encounter"] == {"reference": "Encounter/e"}
    assert [each["reference"] for each in plan["contributor"]] == ["Practitioner/d", "Organization/o"]
    assert "r-1" in {each["value"] for each in only(plan, "GuidanceResponse")["identifier"]}


def test_text_of_a_record_cannot_become_markup() -> None:
    answer = answer_of(NAMES[0])
    lesion = answer.lesions[0].model_copy(update={"label": "<script>alert(1)</script> & more"})
    plan = as_resource(answer.model_copy(update={"lesions": (lesion,)}))
    assert "<script>" not in plan["text"]["div"]
    assert "&lt;script&gt;" in plan["text"]["div"]


@each_example
def test_the_bundle_holds_the_same_resources_as_the_care_plan(name: str, phase: str) -> None:
    made = as_resource(answer_of(name, phase), bundle)
    assert made["entry"][0]["resource"]["resourceType"] == "RequestGroup"
    kinds = [each["resource"]["resourceType"] for each in made["entry"]]
    assert kinds == [each["resourceType"] for each in plan_of(name, phase)["contained"]]
    for entry in made["entry"]:
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
