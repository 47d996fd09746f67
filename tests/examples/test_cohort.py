"""The synthetic cohort: eleven made-up patients whose counts are those that the seed study published.

Every count is made anew, from the evaluated bundles for what the vocabulary has a fact for, from the resources for the
rest (number of cryoprobes, protection, complication of each procedure), and compared with the claims of the rule set.
No published number is written down here.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import cds
from cds.case import Case, Fact, Facts, Known
from cds.evidence import clopper_pearson
from cds.quantities import DateSpan, Interval
from cds.recommendation.model import OptionPart, Recommendation
from cds.ruleset import RuleSet
from cds.ruleset.model import Claim

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "fhir_examples" / "cohort"
FILES = sorted(FOLDER.glob("*.json"))
AS_OF = dt.date(2026, 11, 22)

LABEL = "synthetic, reproduces published counts, no real patient"
COHORT = "https://example.org/fhir/CodeSystem/synthetic-cohort"
LOCAL = "https://example.org/fhir/CodeSystem/hnc-cds-observation"
CRYOABLATION = "609173003"

every_bundle = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)

HISTOLOGIES = {
    "epidermoid": "scc",
    "adenocarcinoma": "adenocarcinoma",
    "muco-epidermoid": "mucoepidermoid",
    "adenoid cystic": "adenoid_cystic",
    "esthesioneuroblastoma": "esthesioneuroblastoma",
}
"""The study's words for a histology, in its order, and the vocabulary's codes."""


# --------------------------------------------------------------------------------------------- the evaluated bundles


@dataclass(frozen=True)
class Treatment:
    """One cryoablation, as the resources of its bundle tell it."""

    day: dt.date
    reported: dt.date
    number: int
    probes: int
    protected: bool
    complication: str
    event: str | None


@dataclass(frozen=True)
class Patient:
    """One evaluated bundle."""

    case: Case
    answer: Recommendation
    treatments: tuple[Treatment, ...]

    @property
    def lesion(self) -> Facts:
        """The facts of the only lesion."""
        (lesion,) = self.case.lesions
        return lesion.facts

    def option(self, name: str) -> OptionPart:
        """What the answer says of an option for the only lesion."""
        (lesion,) = self.answer.lesions
        return next(part for part in lesion.options if part.option == name)

    def truth(self, option: str, rule: str) -> str:
        """What the answer says of a rule."""
        (reason,) = [reason for reason in self.option(option).reasons if reason.rule == rule]
        return reason.truth


@cache
def rules() -> RuleSet:
    """The rule set of this checkout."""
    return cds.load_rules(REPOSITORY / "rules" / "recurrent-head-and-neck")


@cache
def evaluated(file: Path) -> Patient:
    """A patient of the cohort."""
    content = file.read_bytes()
    return Patient(
        case=cds.read_case(content, as_of=AS_OF, rules=rules()),
        answer=cds.evaluate(content, as_of=AS_OF, rules=rules()),
        treatments=tuple(treatments(resources(file))),
    )


def cohort() -> tuple[Patient, ...]:
    """All of them."""
    return tuple(evaluated(file) for file in FILES)


def resources(file: Path) -> list[dict[str, Any]]:
    """The resources of a bundle."""
    return [entry["resource"] for entry in json.loads(file.read_bytes())["entry"]]


def treatments(found: list[dict[str, Any]]) -> Iterator[Treatment]:
    """The cryoablations of a bundle, each with the one word on protection and the one report that belong to it."""
    for ablation in found:
        if ablation["resourceType"] == "Procedure" and code_of(ablation["code"]) == CRYOABLATION:
            assert ablation["status"] == "completed"
            part_of = {"reference": f"Procedure/{ablation['id']}"}
            parts = [resource for resource in found if part_of in resource.get("partOf", ())]
            (protection,) = [part for part in parts if part["resourceType"] == "Procedure"]
            (report,) = [part for part in parts if part["resourceType"] == "Observation"]
            assert protection["code"]["coding"] == [{"system": COHORT, "code": "thermoprotection"}]
            said = {(c["code"]["coding"][0]["system"], code_of(c["code"])): c for c in report["component"]}
            complication = said[LOCAL, "complication"]["valueCodeableConcept"]
            yield Treatment(
                day=dt.date.fromisoformat(ablation["performedDateTime"]),
                reported=dt.date.fromisoformat(report["effectiveDateTime"]),
                number=said[LOCAL, "procedure-number"]["valueInteger"],
                probes=said[COHORT, "cryoprobes"]["valueInteger"],
                protected={"completed": True, "not-done": False}[protection["status"]],
                complication=code_of(complication),
                event=complication.get("text"),
            )


def code_of(concept: Mapping[str, Any]) -> str:
    """The only code of a CodeableConcept."""
    (coding,) = concept["coding"]
    return str(coding["code"])


def value(fact: Fact) -> bool | str | Fraction | dt.date:
    """The value of a fact that has to be known, to the day and without doubt; unknown is never counted as "no"."""
    assert isinstance(fact.state, Known), fact
    match fact.state.value:
        case Interval() as number:
            assert number.low == number.high and number.low is not None, fact
            return number.low
        case DateSpan() as span:
            assert span.first == span.last, fact
            return span.first
        case bool() | str() as plain:
            return plain


# ------------------------------------------------------------------------------------------------- the table, anew


def having(fact: str) -> int:
    """How many patients have a fact; it has to be known of all."""
    facts = [{**patient.case.patient, **patient.lesion} for patient in cohort()]
    said = [value(one[fact]) for one in facts]
    assert all(isinstance(one, bool) for one in said)
    return said.count(True)


def proportion(k: int, n: int) -> dict[str, object]:
    """k of n with its percentage and exact 95 % interval, to two decimals."""
    low, high = (Decimal(f"{100 * limit:.2f}") for limit in clopper_pearson(k, n))
    percentage = (Decimal(100 * k) / n).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return {"value": percentage, "interval": (low, high), "k": k, "n": n}


@cache
def recomputed() -> Mapping[str, Mapping[str, object]]:
    """Claim → what the cohort gives for each of its members."""
    patients = len(cohort())
    done = [treatment for patient in cohort() for treatment in patient.treatments]
    histologies = Counter(value(patient.lesion["histology"]) for patient in cohort())
    irradiated, operated = having("priorRadiotherapyToSite"), having("priorSurgeryToSite")
    controlled = [value(patient.lesion["localControl"]) for patient in cohort()].count("controlled")
    months = [value(patient.lesion["followUpTime"]) for patient in cohort()]
    mean = (sum(map(Decimal, map(str, months)), Decimal(0)) / patients).quantize(Decimal("0.1"), ROUND_HALF_UP)
    percentage = Decimal(100 * controlled) / patients
    truncated, rounded = (percentage.quantize(Decimal("0.1"), way) for way in (ROUND_DOWN, ROUND_HALF_UP))
    probes = [treatment.probes for treatment in done]
    complications = Counter(treatment.complication for treatment in done)
    happened = Counter(treatment.event for treatment in done if treatment.complication == "major")
    local = proportion(controlled, patients)
    return {
        "seed-patients": {"values": (patients, len(done))},
        "seed-histology": {"values": tuple(histologies[code] for code in HISTOLOGIES.values())},
        "seed-squamous": {"k": histologies["scc"], "n": patients},
        "seed-prior-surgery": {"k": operated, "n": patients},
        "seed-prior-chemotherapy": {"k": having("priorChemotherapy"), "n": patients},
        "seed-prior-radiotherapy": {"k": irradiated, "n": patients},
        "seed-radiation-naive": {"k": patients - irradiated, "n": patients},
        "seed-population-sentences": {"values": (irradiated, patients)},
        "seed-probes": {"value": statistics.median(probes), "interval": quartiles(probes)},
        "seed-thermoprotection": {"k": [one.protected for one in done].count(True), "n": len(done)},
        "seed-local-control": {"values": (truncated, mean, min(months), max(months))},
        "seed-local-control-count": local,
        "seed-truncated": {"values": (truncated, local["value"], rounded), "k": controlled, "n": patients},
        "seed-intervals": {"values": (len(done), patients, min(months), max(months)), "k": controlled, "n": patients},
        "seed-complications": proportion(len(done) - complications["none"], len(done)),
        "seed-major": proportion(complications["major"], len(done)),
        "seed-each-major": proportion(max(happened.values()), len(done)),
        "seed-sepsis": {"value": happened[event_of("seed-sepsis")]},
        "seed-dysphonia": {"value": happened[event_of("seed-dysphonia")]},
        # The last number is the "1" of "in 1 or 2 patients unknown", which no cohort can count.
        "seed-pooled": {"values": (len(done), patients, complications["major"], 1)},
    }


def quartiles(numbers: list[int]) -> tuple[float, float]:
    """The first and third quartile; the publication does not say how they were taken, so every way has to agree."""
    ways = {(q[0], q[2]) for q in (statistics.quantiles(numbers, method=way) for way in ("inclusive", "exclusive"))}
    ordered = sorted(numbers)
    half = len(ordered) // 2
    ways.add((statistics.median(ordered[:half]), statistics.median(ordered[-half:])))
    assert len(ways) == 1, f"the quartiles depend on how they are taken: {ways}"
    return ways.pop()


def event_of(claim: str) -> str:
    """The words of a major complication, as the study has them."""
    return rules().claims[claim].quote.removeprefix("one ")


def stated(claim: Claim) -> dict[str, object]:
    """The numbers of a claim by member."""
    members = {name: getattr(claim, name) for name in ("value", "values", "interval", "k", "n")}
    return {name: said for name, said in members.items() if said not in (None, ())}


SEED = sorted(claim.id for claim in rules().claims.values() if claim.cite == "schwartz2022" and stated(claim))


def test_every_number_of_the_seed_study_is_recomputed() -> None:
    assert sorted(recomputed()) == SEED


@pytest.mark.parametrize("claim", SEED)
def test_the_cohort_has_the_published_numbers(claim: str) -> None:
    assert recomputed()[claim] == stated(rules().claims[claim])


def test_the_outcomes_that_an_answer_shows_are_those_of_the_cohort() -> None:
    outcomes = rules().options["cryoablation"].outcomes
    assert outcomes
    denominators = {"patient": len(cohort()), "procedure": sum(len(patient.treatments) for patient in cohort())}
    for outcome in outcomes:
        assert outcome.claim is not None
        again = recomputed()[outcome.claim]
        assert (outcome.k, outcome.n) == (again["k"], again["n"]), outcome.says
        assert outcome.n == denominators[outcome.per], outcome.says


def test_the_histologies_are_counted_in_the_order_of_the_claim() -> None:
    quote = rules().claims["seed-histology"].quote
    assert re.findall(r"\d ([a-z][a-z -]+?)(?:,| \()", quote) == list(HISTOLOGIES)
    assert {value(patient.lesion["histology"]) for patient in cohort()} == set(HISTOLOGIES.values())


def test_the_procedures_lie_in_the_years_of_the_study_and_reach_both_ends() -> None:
    years = {treatment.day.year for patient in cohort() for treatment in patient.treatments}
    first, last = map(int, re.findall(r"\b20\d\d\b", rules().claims["seed-patients"].quote))
    assert (min(years), max(years)) == (first, last)


def test_the_major_complications_are_the_two_that_the_study_names_and_the_others_are_not_described() -> None:
    done = [treatment for patient in cohort() for treatment in patient.treatments]
    assert sorted(str(one.event) for one in done if one.complication == "major") == sorted(
        event_of(claim) for claim in ("seed-sepsis", "seed-dysphonia")
    )
    assert {one.event for one in done if one.complication == "minor"} == {"minor; the publication does not describe it"}
    assert {one.event for one in done if one.complication == "none"} == {None}


# ---------------------------------------------------------------------- how contradictions of the study were read


def test_nobody_is_without_surgery_and_without_radiotherapy() -> None:
    assert earlier_treatments()[False, False] == 0


def test_the_major_complications_happened_to_two_patients() -> None:
    hurt = [patient for patient in cohort() if any(one.complication == "major" for one in patient.treatments)]
    assert len(hurt) == recomputed()["seed-major"]["k"]


def test_the_readme_tells_how_treatments_were_combined_as_they_are() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    earlier = earlier_treatments()
    assert (
        f"{earlier[True, True]} had both, {earlier[True, False]} surgery alone, "
        f"{earlier[False, True]} radiotherapy alone; nobody neither"
    ) in text
    times = Counter(len(patient.treatments) for patient in cohort())
    assert f"{times[1]} patients once, {times[2]} twice, {times[3]} three times" in text
    assert set(times) == {1, 2, 3}


def earlier_treatments() -> Counter[tuple[object, object]]:
    """How many patients by (operated, irradiated)."""
    facts = (patient.lesion for patient in cohort())
    return Counter((value(one["priorSurgeryToSite"]), value(one["priorRadiotherapyToSite"])) for one in facts)


# ------------------------------------------------------------------------------------------- facts and resources


@every_bundle
def test_the_facts_agree_with_the_resources_of_the_newest_procedure(file: Path) -> None:
    patient = evaluated(file)
    newest = max(patient.treatments, key=lambda treatment: treatment.day)
    assert [one.number for one in patient.treatments] == list(range(1, len(patient.treatments) + 1))
    assert value(patient.case.patient["procedureNumber"]) == newest.number == len(patient.treatments)
    assert value(patient.lesion["treated"]) is True
    assert value(patient.lesion["ablationDate"]) == newest.day
    assert value(patient.lesion["complication"]) == newest.complication


@every_bundle
def test_the_time_of_follow_up_is_the_time_between_its_dates(file: Path) -> None:
    patient = evaluated(file)
    treated = value(patient.lesion["ablationDate"])
    assert isinstance(treated, dt.date)
    for fact in ("followUpTime", "localControl"):
        (date,) = {source.date for source in patient.lesion[fact].sources if source.date}
        seen = dt.date.fromisoformat(date)
        assert seen.day == treated.day
        assert 12 * (seen.year - treated.year) + seen.month - treated.month == value(patient.lesion["followUpTime"])


@every_bundle
def test_a_bundle_is_read_without_any_issue(file: Path) -> None:
    assert [(issue.code, issue.details) for issue in evaluated(file).answer.issues] == []


@every_bundle
def test_a_patient_is_in_scope_and_of_the_population_that_the_study_speaks_of(file: Path) -> None:
    patient = evaluated(file)
    assert patient.answer.scope.truth == "true"
    assert [reason.code for reason in patient.answer.scope.reasons] == ["in-scope"]
    assert patient.truth("cryoablation", "CR-1") == "true", "ineligible for salvage surgery"
    assert patient.option("salvage-surgery").verdict == "ineligible"
    assert patient.option("cryoablation").verdict == "undetermined"


def test_answers_call_surgical_evidence_indirect_for_all_but_the_squamous_ones() -> None:
    said = Counter(patient.truth("salvage-surgery", "DQ-7") for patient in cohort())
    squamous, patients = (rules().claims["seed-squamous"].k, rules().claims["seed-squamous"].n)
    assert said == {"false": squamous, "true": (patients or 0) - (squamous or 0)}


def test_answers_ask_for_a_radiotherapy_opinion_for_each_patient_never_irradiated() -> None:
    said = Counter(patient.truth("cryoablation", "ALT-1") for patient in cohort())
    assert said["true"] == rules().claims["seed-radiation-naive"].k
    assert said["unknown"] == 0


@every_bundle
def test_protection_is_a_record_of_what_was_done_and_no_need_that_is_claimed_here(file: Path) -> None:
    patient = evaluated(file)
    (lesion,) = patient.answer.lesions
    assert {part.verdict for part in lesion.thermoprotection} == {"undetermined"}
    (read,) = patient.case.lesions
    stated_of_structures = {
        name
        for structure in read.structures
        for name, fact in structure.facts.items()
        if isinstance(fact.state, Known) and fact.sources
    }
    assert stated_of_structures == set(), "the study publishes no distance and no measure"


# ------------------------------------------------------------------------------------------------------ the files


@every_bundle
def test_every_file_says_that_it_is_made_up(file: Path) -> None:
    bundle = json.loads(file.read_bytes())
    test_data = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
    assert bundle["meta"]["tag"] == [test_data, {"system": COHORT, "code": "synthetic", "display": LABEL}]
    for resource in resources(file):
        assert test_data in resource["meta"]["tag"], resource["id"]
        if resource["resourceType"] == "Patient":
            assert LABEL in resource["text"]["div"].lower()
            assert {name["family"] for name in resource["name"]} == {"Synthetic"}


def test_the_readme_says_it_too_and_is_found_from_the_list_of_examples() -> None:
    assert LABEL in " ".join((FOLDER / "README.md").read_text(encoding="utf-8").lower().split())
    assert "](cohort/README.md)" in (FOLDER.parent / "README.md").read_text(encoding="utf-8")


@every_bundle
def test_every_resource_is_valid_r4b_and_every_reference_resolves(file: Path) -> None:
    from fhir.resources.R4B import get_fhir_model_class

    get_fhir_model_class("Bundle").model_validate_json(file.read_bytes())
    found = [f"{resource['resourceType']}/{resource['id']}" for resource in resources(file)]
    assert len(set(found)) == len(found)
    assert set(re.findall(r'"reference": "([^"]+)"', file.read_text(encoding="utf-8"))) <= set(found)


def test_the_bundles_are_what_the_table_in_the_script_says() -> None:
    command = [sys.executable, str(REPOSITORY / "scripts" / "make-cohort"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
