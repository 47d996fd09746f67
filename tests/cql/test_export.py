"""The exported library means in an independent CQL engine what the rule set means here: true, false and unknown."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from cds.case import Case, Lesion
from cds.case.reading import case_from_mapping
from cds.cql_export import Library, case_parameters, cql_library, without_intervals
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.contexts import contexts_of
from cds.ruleset import RuleSet, default_folder, load_rules
from cds.ruleset.documents import read_document
from cds.ruleset.program import Program
from cds.testing import random_cases, thresholds
from cds.truth import Truth
from cds.vocabulary import Level
from cds.worked_cases import case_files
from tests.cql.engine import evaluate
from tests.ruleset.workshop import RULE_SET, a_rule, rules_of, small_rules

LETTERS = {Truth.TRUE: "t", Truth.FALSE: "f", Truth.UNKNOWN: "u"}
GENERATED = 1000
KEPT = 2
"""How many structures a lesion keeps beside those that a worked case names: the many that most rules are not about
would outweigh all others."""


@dataclass(frozen=True)
class Asked:
    """What is compared for a rule set: every define of a criterion, once, in the phase that it is first written for."""

    rules: RuleSet
    library: Library

    @staticmethod
    def of(rules: RuleSet) -> Asked:
        """Everything that is compared for a rule set."""
        return Asked(rules, cql_library(rules))

    @cached_property
    def programs(self) -> tuple[Program, ...]:
        """For each phase the criteria whose defines no earlier phase has."""
        asked: set[str] = set()
        programs = []
        for phase, program in self.rules.programs.items():
            names = {id_: name for level in self.library.defines[phase].values() for id_, name in level.items()}
            criteria = tuple(each for each in program.criteria if names[each.id] not in asked)
            asked |= set(names.values())
            programs.append(replace(program, criteria=criteria))
        return tuple(programs)

    @cached_property
    def defines(self) -> dict[str, list[str]]:
        """The defines of each level, in the order of `programs`."""
        return {
            level.value: [
                self.library.defines[phase][level][criterion.id]
                for phase, program in zip(self.rules.programs, self.programs, strict=True)
                for criterion in program.at(level)
            ]
            for level in Level
        }

    def line(self, case: Case) -> dict[str, Any]:
        """A case as the CQL engine is given it."""
        return {**case_parameters(case, self.rules.vocabulary), "defines": self.defines}

    def truths(self, case: Case) -> list[str]:
        """The reference evaluator's truths in the case without its intervals, for each context."""
        return self.truths_in(without_intervals(case))

    def truths_in(self, case: Case) -> list[str]:
        """The reference evaluator's truths in a case."""
        contexts = contexts_of(case)
        decided = [ReferenceEngine().decide(program, contexts) for program in self.programs]
        return [
            "".join(
                LETTERS[decisions[criterion.id, context.id]]
                for program, decisions in zip(self.programs, decided, strict=True)
                for criterion in program.at(context.level)
            )
            for context in contexts
        ]


@pytest.fixture(scope="module")
def shipped() -> Asked:
    return Asked.of(load_rules())


def worked(rules: RuleSet) -> Iterator[Case]:
    for number, file in enumerate(case_files(default_folder())):
        written = read_document(file, file.name).data
        told = [structure for lesion in written["lesions"] for structure in lesion.get("structures", [])]
        named = {f"{structure['name']}/{structure.get('side', 'none')}" for structure in told}
        case = case_from_mapping(rules.vocabulary, written)
        yield replace(case, lesions=tuple(with_few_structures(lesion, number, named) for lesion in case.lesions))


def generated(rules: RuleSet, count: int) -> Iterator[Case]:
    """Cases with values at and beside every threshold, some known well and some hardly."""
    constants = thresholds_of(rules)
    for seed, known in enumerate((0.97, 0.9)):
        cases = random_cases(rules.vocabulary, constants, seed=seed, n=count // 2, known=known)
        for number, case in enumerate(cases):
            yield replace(case, lesions=tuple(with_few_structures(lesion, number) for lesion in case.lesions))


def thresholds_of(rules: RuleSet) -> dict[str, tuple[Fraction, ...]]:
    return thresholds(each.condition for program in rules.programs.values() for each in program.criteria)


def with_few_structures(lesion: Lesion, number: int, named: Collection[str] = ()) -> Lesion:
    """The lesion with those of its structures that are named and some of the others, which differ by the number."""
    others = [structure for structure in lesion.structures if structure.key not in named]
    first = number % max(1, len(others))
    kept = (*(each for each in lesion.structures if each.key in named), *(others[first:] + others[:first])[:KEPT])
    return replace(lesion, structures=kept)


def differences(
    asked: Asked, cases: Sequence[Case], expected: Sequence[Sequence[str]], told: Sequence[Sequence[str]]
) -> list[str]:
    """Every define that has another truth in the CQL engine, with its case and context."""
    found = []
    for number, (case, here, there) in enumerate(zip(cases, expected, told, strict=True)):
        for context, ours, theirs in zip(contexts_of(case), here, there, strict=True):
            names = asked.defines[context.level.value]
            found += [
                f"case {number}, {context.id}, {name}: here {our}, there {their}"
                for name, our, their in zip(names, ours, theirs, strict=True)
                if our != their
            ]
    return found


@pytest.mark.slow
def test_a_cql_engine_finds_every_criterion_as_true_as_the_reference_evaluator(shipped: Asked) -> None:
    cases = [*worked(shipped.rules), *generated(shipped.rules, GENERATED)]
    # Criteria that are always true are the only ones that are known where no parameter is set.
    in_question = {
        level: [name for name in names if f'define "{name}":\n  true\n' not in shipped.library.text]
        for level, names in shipped.defines.items()
    }
    contexts = [{"level": level.value, "parameters": {}} for level in Level]
    nothing = {"subjects": {}, "contexts": contexts, "defines": in_question}
    library, untold, *told = evaluate([{"library": shipped.library.text}, nothing, *map(shipped.line, cases)])
    assert library == {"errors": [], "warnings": []}
    assert set("".join(untold)) == {"u"}
    assert differences(shipped, cases, [*map(shipped.truths, cases)], told) == []
    counted = Counter("".join(letters for truths in told for letters in truths))
    assert set(counted) == {"t", "f", "u"}
    assert min(counted["t"], counted["f"]) >= 0.2 * counted.total(), counted


def test_every_criterion_of_every_phase_has_its_define_in_the_library(shipped: Asked) -> None:
    for phase, program in shipped.rules.programs.items():
        for criterion in program.criteria:
            name = shipped.library.defines[phase][criterion.level][criterion.id]
            assert f'define "{name}":' in shipped.library.text
    assert sum(map(len, shipped.defines.values())) == sum(len(program.criteria) for program in shipped.programs)


@pytest.mark.slow
def test_on_a_day_without_values_what_compares_with_them_is_unknown_there_too(shipped: Asked) -> None:
    before = Asked.of(shipped.rules.on(dt.date(1999, 1, 1)))
    cases = list(generated(shipped.rules, 40))
    library, *told = evaluate([{"library": before.library.text}, *map(before.line, cases)])
    assert library["errors"] == []
    assert "null as Quantity" in before.library.text
    assert differences(before, cases, [*map(before.truths, cases)], told) == []


FAULTS: Mapping[str, tuple[str, str, str]] = {
    "a limit that belongs to its range": ("diseaseFreeInterval < ", "diseaseFreeInterval <= ", "SS-10a"),
    "a value in another unit": ("6.0 'mo'", "6.0 'wk'", "FU-2"),
    "a code that was left out": ("lesion.complication = 'minor' or ", "", "FU-3"),
    "an unknown that counts as no": (
        "  not lesion.priorRadiotherapyToSite", "  lesion.priorRadiotherapyToSite is false", "ALT-1"
    ),
    "an unknown member that counts as no": ("is null) then null as", "is null) then false as", "TP-11 in planning"),
}
"""What is written, what is put in its place, and a define that it makes wrong."""


@pytest.mark.slow
def test_wrong_exports_are_found_out(shipped: Asked) -> None:
    text = shipped.library.text
    for right, wrong, _ in FAULTS.values():
        assert right in text
        text = text.replace(right, wrong)
    cases = list(generated(shipped.rules, 100))
    library, *told = evaluate([{"library": text}, *map(shipped.line, cases)])
    assert library["errors"] == []
    found = "\n".join(differences(shipped, cases, [*map(shipped.truths, cases)], told))
    assert [fault for fault, (_, _, define) in FAULTS.items() if f", {define}: " not in found] == []


def test_the_translator_refuses_an_unknown_unit_an_unknown_name_and_a_wrong_type(shipped: Asked) -> None:
    parameters = shipped.library.text.partition("/*\n@definition")[0]
    conditions = {
        "lesion.carotidEncasement > 270 'deg'": "",
        "lesion.carotidEncasement > 270 'degrees of arc'": "UCUM",
        "lesion.traeted": "traeted",
        "lesion.site and lesion.treated": "String",
    }
    told = evaluate({"library": f'{parameters}define "it": {condition}'} for condition in conditions)
    for answer, (condition, message) in zip(told, conditions.items(), strict=True):
        assert bool(answer["errors"]) == bool(message), condition
        assert message in " ".join(answer["errors"])


@pytest.mark.parametrize(
    ("id_", "version", "name"),
    [("2nd-opinion", "1", "Rules2ndOpinion"), ("\u6b6f", "1'; b", "Rules"), ("teeth", "1", "Teeth")],
)
def test_a_library_of_any_id_and_version_is_one_that_the_translator_reads(
    tmp_path: Path, id_: str, version: str, name: str
) -> None:
    head = RULE_SET.replace("id: small, version: 0.0.1", f'id: "{id_}", version: "{version}"')
    library = cql_library(small_rules(tmp_path, ruleset=head))
    assert library.name == name
    (told,) = evaluate([{"library": library.text}])
    assert told["errors"] == []


def test_leaving_an_interval_out_can_only_make_a_truth_unknown(shipped: Asked) -> None:
    fewer = settled = 0
    for case in generated(shipped.rules, 60):
        for whole, told in zip(shipped.truths_in(case), shipped.truths(case), strict=True):
            for ours, theirs in zip(whole, told, strict=True):
                assert theirs in (ours, "u")
                fewer, settled = fewer + (theirs != ours), settled + (theirs == ours != "u")
    assert fewer > 100
    assert settled > 100


def test_the_same_rule_set_makes_the_same_text(shipped: Asked) -> None:
    assert cql_library(shipped.rules) == shipped.library


def test_every_define_says_what_it_is_and_where_its_numbers_come_from(shipped: Asked) -> None:
    defines = [part.partition("*/\ndefine ") for part in shipped.library.text.split("/*\n") if "*/\ndefine " in part]
    assert len(defines) == shipped.library.text.count("\ndefine ")
    for comment, _, define in defines:
        assert comment.startswith(("@definition: ", "@fact: ", "@rule: "))
        assert "@rule: " not in comment or "\n@says: " in comment
        limits = re.findall(r" [<>]=? (-?[0-9.]+) '", define)  # a count has no unit and no source
        assert "\n@parameters: " in comment or not any(map(float, limits)), define
    (encasement,) = (comment for comment, _, _ in defines if comment.startswith("@definition: lesion.carotidEncased\n"))
    parameter = shipped.rules.parameters["carotidEncasementLimit"]
    assert f"carotidEncasementLimit = {parameter.value} 'deg' ({parameter.status}, {parameter.cite})" in encasement


DEFINITIONS = """\
definitions:
  lesion.near: {says: near, any: structure, where: "structure.distance < parameters.limit and lesion.flag"}
  lesion.stuck: {says: stuck, any: structure, where: "structure.unprotectable and not structure.touched"}
  lesion.big: "lesion.size > parameters.mm20 or lesion.count in {1, 5}"
  patient.thin: {decision: patient.ratio >= parameters.ratioLimit, planning: "not (patient.ratio = 2.5)"}
"""
CONDITIONS = {
    "lesion": (
        "lesion.flag xor patient.flagB",
        "lesion.near implies lesion.big",
        "lesion.size between parameters.mm5 and parameters.mm20",
        "lesion.grade != 'low' and lesion.flag = false or patient.thin",
        "lesion.stuck",
    ),
    "structure": ("structure.unprotectable = false", "structure.coveredByPlan xor structure.looked"),
    "other-lesion": ("lesion.flag and other.near", "other.stuck or not lesion.stuck", "other.big implies other.flag"),
}


@pytest.mark.slow
def test_every_operator_of_the_language_means_the_same_there(tmp_path: Path) -> None:
    text = rules_of(
        *(
            a_rule(f"X-{level}-{number}", "informs", condition, for_each=level)
            for level, conditions in CONDITIONS.items()
            for number, condition in enumerate(conditions)
        )
    )
    asked = Asked.of(small_rules(tmp_path, text, definitions=DEFINITIONS))
    cases = list(random_cases(asked.rules.vocabulary, thresholds_of(asked.rules), n=100, known=0.8))
    library, *told = evaluate([{"library": asked.library.text}, *map(asked.line, cases)])
    assert library == {"errors": [], "warnings": []}
    assert differences(asked, cases, [*map(asked.truths, cases)], told) == []
    seen: dict[str, set[str]] = {}
    for case, truths in zip(cases, told, strict=True):
        for context, letters in zip(contexts_of(case), truths, strict=True):
            for name, letter in zip(asked.defines[context.level.value], letters, strict=True):
                seen.setdefault(name, set()).add(letter)
    assert {name: sorted(letters) for name, letters in seen.items() if len(letters) < 3} == {}
