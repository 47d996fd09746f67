"""The example patients: each answer is what its `expected.yaml` says, down to the element of the record.

`expected.yaml` states what follows from the rules, not all that the answer holds: every statement in it must be true of
the answer; warnings and errors must be exactly those listed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import cds
from cds.case import Case
from cds.recommendation.model import (
    FactPart,
    LesionPart,
    OptionPart,
    ReasonPart,
    Recommendation,
    SourcePart,
    ThermoprotectionPart,
)
from cds.ruleset import RuleSet

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "fhir_examples"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/expected.yaml"))
DEFAULT_REMOVALS = 60
EVERY_LEVEL = 100
SMALLEST, LARGEST = 12_000, 25_000

every_example = pytest.mark.parametrize("name", NAMES)


@cache
def rules() -> RuleSet:
    """The rule set of this checkout."""
    return cds.load_rules(REPOSITORY / "rules" / "recurrent-head-and-neck")


@cache
def expected(name: str) -> dict[str, Any]:
    """What an example says of its answer."""
    text = (FOLDER / name / "expected.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document


@cache
def text_of(name: str) -> bytes:
    """An example's bundle as it would arrive."""
    return (FOLDER / name / "bundle.json").read_bytes()


def answer_to(bundle: bytes | Mapping[str, object], name: str) -> Recommendation:
    """The answer to a bundle on the day and in the phase of an example."""
    wanted = expected(name)
    return cds.evaluate(bundle, as_of=wanted["as_of"], phase=wanted["phase"], rules=rules())


@cache
def answer(name: str) -> Recommendation:
    """The answer to an example."""
    return answer_to(text_of(name), name)


def word(truth: object) -> object:
    """A truth as the answer writes it: YAML reads `true` as a boolean."""
    return str(truth).lower() if isinstance(truth, bool) else truth


def lesion_of(name: str, lesion: str) -> LesionPart:
    """One lesion of an example's answer."""
    found = [part for part in answer(name).lesions if part.id == lesion]
    assert len(found) == 1, f"{name}: no lesion {lesion}; there are {[part.id for part in answer(name).lesions]}"
    return found[0]


def option_of(name: str, lesion: str, option: str) -> OptionPart:
    """One option of a lesion."""
    return next(part for part in lesion_of(name, lesion).options if part.option == option)


def cases_of(*keys: str) -> list[tuple[str, ...]]:
    """Every (example, lesion) or (example, lesion, option) that some `expected.yaml` speaks of."""
    pairs = [(name, lesion) for name in NAMES for lesion in expected(name)["lesions"]]
    if keys == ("option",):
        return [(name, lesion, option) for name, lesion in pairs
                for option in expected(name)["lesions"][lesion]["options"]]  # fmt: skip
    return list(pairs)


every_lesion = pytest.mark.parametrize(("name", "lesion"), cases_of())
every_option = pytest.mark.parametrize(("name", "lesion", "option"), cases_of("option"))


def wanted_of(name: str, lesion: str, option: str | None = None) -> dict[str, Any]:
    """What an example expects of a lesion, or of one of its options."""
    part: dict[str, Any] = expected(name)["lesions"][lesion]
    return part["options"][option] if option else part


def subject_of(lesion: str, place: str, rule: str, reasons: Iterable[ReasonPart]) -> str:
    """`TP-1 vagus-nerve/left` is about T1/vagus-nerve/left, `SS-15 T2` about T1+T2, `CR-6` about whom the rule is."""
    if "/" in place:
        return f"{lesion}/{place}"
    if place:
        return f"{lesion}+{place}"
    subjects = [reason.subject for reason in reasons if reason.rule == rule]
    assert len(subjects) == 1, f"{rule} was considered for {subjects}; name one"
    return subjects[0]


def reason_of(part: OptionPart, lesion: str, key: str) -> ReasonPart:
    """The reason that a key of `reasons:` names."""
    rule, _, place = key.partition(" ")
    if not place:
        structures = [r for r in part.reasons if r.rule == rule and r.subject.endswith("/none")]
        assert not structures, f"{rule} is about structures; name one, such as `{rule} skin/none`"
    subject = subject_of(lesion, place, rule, part.reasons)
    found = [reason for reason in part.reasons if (reason.rule, reason.subject) == (rule, subject)]
    assert found, f"{key}: not among the reasons; {rule} was considered for " + str(
        [reason.subject for reason in part.reasons if reason.rule == rule]
    )
    return found[0]


def missing_source(facts: Iterable[FactPart], wanted: Mapping[str, str]) -> str | None:
    """Why a source is not among those of the facts of its name, or None where it is."""
    named = [fact for fact in facts if fact.name == wanted["fact"]]
    if not named:
        return f"the reason reads no {wanted['fact']}"
    sources = [source for fact in named for source in fact.sources]
    for source in sources:
        if source.resource == wanted["resource"] and wanted.get("path", source.path) == source.path:
            return None
    return f"{wanted} is none of the sources " + str([f"{s.resource} {s.path} ({s.role})" for s in sources])


# --------------------------------------------------------------------------------------- what the examples say


def test_there_are_thirteen_examples() -> None:
    assert [name[:2] for name in NAMES] == [f"{number:02}" for number in range(1, 14)]


@every_example
def test_an_example_says_what_it_shows_and_that_nobody_is_real(name: str) -> None:
    text = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    assert "made up; no real patient" in text.lower()
    assert len(text.splitlines()) <= 15
    assert f"]({name}/README.md)" in (FOLDER / "README.md").read_text(encoding="utf-8")


@every_example
def test_a_bundle_is_of_the_size_that_a_record_has(name: str) -> None:
    assert SMALLEST <= len(text_of(name)) <= LARGEST


@every_example
def test_every_resource_is_valid_r4b_unless_the_example_expects_an_issue_there(name: str) -> None:
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    faulty = {issue["expression"].split(".resource")[0] for issue in expected(name)["issues"]}
    for index, entry in enumerate(json.loads(text_of(name))["entry"]):
        model = get_fhir_model_class(entry["resource"]["resourceType"])
        if f"Bundle.entry[{index}]" in faulty:
            with pytest.raises(ValidationError):
                model.model_validate(entry["resource"])
        else:
            model.model_validate(entry["resource"])


@every_example
def test_ids_and_full_urls_are_unique_and_references_resolve(name: str) -> None:
    bundle = json.loads(text_of(name))
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    ids = [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle["entry"]]
    assert len(set(urls)) == len(urls) and len(set(ids)) == len(ids)
    for reference in references_in(bundle):
        assert reference in urls or reference in ids, reference


def references_in(node: object) -> Iterator[str]:
    """Every reference below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for value in node.values():
            yield from references_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from references_in(value)


# -------------------------------------------------------------------------------------------------- the answer


@every_example
def test_scope_and_lesions_are_as_expected(name: str) -> None:
    scope = answer(name).scope
    assert scope.truth == word(expected(name)["scope"]["truth"])
    assert [reason.code for reason in scope.reasons] == expected(name)["scope"]["reasons"]
    assert [part.id for part in answer(name).lesions] == list(expected(name)["lesions"])


@every_option
def test_verdict_possible_verdicts_and_standing_are_as_expected(name: str, lesion: str, option: str) -> None:
    part, wanted = option_of(name, lesion, option), wanted_of(name, lesion, option)
    said = {"verdict": part.verdict, "possible": list(part.possible), "standing": part.standing,
            "declined": part.declined}  # fmt: skip
    assert {key: said[key] for key in said if key in wanted} == {
        key: word(wanted[key]) for key in said if key in wanted
    }, [f"{r.rule} {r.subject}: {r.truth}" for r in part.reasons if r.moves_verdict]


@every_option
def test_reasons_have_the_expected_truths_facts_and_elements(name: str, lesion: str, option: str) -> None:
    part = option_of(name, lesion, option)
    problems: list[str] = []
    for key, wanted in wanted_of(name, lesion, option).get("reasons", {}).items():
        reason = reason_of(part, lesion, key)
        for member in ("truth", "addressed", "asks"):
            if member in wanted and getattr(reason, member) != word(wanted[member]):
                problems.append(f"{key}: {member} is {getattr(reason, member)}, not {wanted[member]}; facts: "
                                + "; ".join(f"{f.name} ({f.subject}): {f.display}" for f in reason.facts))  # fmt: skip
        for fact, display in wanted.get("facts", {}).items():
            displays = [f.display for f in reason.facts if f.name == fact]
            if display not in displays:
                problems.append(f"{key}: {fact} reads {displays}, not {display!r}")
        problems += [f"{key}: {told}" for source in wanted.get("sources", ())
                     if (told := missing_source(reason.facts, source))]  # fmt: skip
    assert not problems, "\n".join(problems)


@every_option
def test_settling_facts_have_the_expected_outcomes(name: str, lesion: str, option: str) -> None:
    part, wanted = option_of(name, lesion, option), wanted_of(name, lesion, option)["settling"]
    said = {
        fact.name: {outcome.condition: list(outcome.possible) for outcome in fact.outcomes}
        for fact in part.settling_facts
    }
    if not wanted:
        assert not said, f"settled, and yet these would settle it: {list(said)}"
    for fact, outcomes in wanted.items():
        assert said.get(fact) == outcomes, f"{fact} among {list(said)}"


@every_lesion
def test_the_order_is_as_expected(name: str, lesion: str) -> None:
    order, wanted = lesion_of(name, lesion).order, wanted_of(name, lesion)["order"]
    assert [
        {"groups": [list(group) for group in entry.groups], "if": entry.condition, "because": list(entry.because)}
        for entry in order.possible
    ] == wanted["possible"]
    assert [reason.rule for reason in order.withheld] == wanted["withheld"]


@every_lesion
def test_protection_is_as_expected(name: str, lesion: str) -> None:
    parts = {f"{p.structure}/{p.side or 'none'}": p for p in lesion_of(name, lesion).thermoprotection}
    for key, wanted in wanted_of(name, lesion).get("thermoprotection", {}).items():
        assert key in parts, f"{key} is not at risk of {lesion}; these are: {list(parts)}"
        assert protection(parts[key], wanted) == {k: word(v) for k, v in wanted.items()}, key


def protection(part: ThermoprotectionPart, wanted: Mapping[str, object]) -> dict[str, object]:
    """Of a structure's protection, what an example speaks of."""
    said: dict[str, object] = {
        "verdict": part.verdict,
        "distance": part.distance,
        "covered_by_plan": part.covered_by_plan,
        "measures": {measure.measure: measure.status for measure in part.measures},
        "advice": [reason.rule for reason in part.advice],
    }
    return {key: said[key] for key in wanted}


@every_lesion
def test_obligations_are_due_as_expected(name: str, lesion: str) -> None:
    parts = lesion_of(name, lesion).obligations
    said = {(part.rule, part.subject): part.due for part in parts}
    for key, due in wanted_of(name, lesion).get("obligations", {}).items():
        rule, _, place = key.partition(" ")
        found = {
            subject: truth
            for (its, subject), truth in said.items()
            if its == rule and (subject == f"{lesion}/{place}" if place else "/" not in subject)
        }
        assert list(found.values()) == [word(due)], f"{key}: {found}"


@every_example
def test_named_facts_are_as_expected(name: str) -> None:
    facts = {fact.name: fact for fact in answer(name).facts if not fact.name.startswith("structure.")}
    for key, wanted in expected(name).get("facts", {}).items():
        for member in ("status", "reason", "display"):
            if member in wanted:
                assert getattr(facts[key], member) == wanted[member], f"{key}: {facts[key].display}"
        for source in wanted.get("sources", ()):
            assert missing_source([facts[key]], {"fact": key, **source}) is None


@every_example
def test_warnings_and_errors_are_exactly_the_expected_ones(name: str) -> None:
    said = [(i.severity, i.code, i.expression) for i in answer(name).issues if i.severity != "information"]
    assert said == [(i["severity"], i["code"], i["expression"]) for i in expected(name)["issues"]], [
        issue.details for issue in answer(name).issues if issue.severity != "information"
    ]


@every_example
def test_what_is_only_worth_knowing_is_as_expected(name: str) -> None:
    said = [issue for issue in answer(name).issues if issue.severity == "information"]
    wanted = expected(name).get("information", [])
    assert [(i.code, i.expression) for i in said] == [(i["code"], i["expression"]) for i in wanted]
    assert all(f"`{one['names']}`" in issue.details for one, issue in zip(wanted, said, strict=True))


@every_example
def test_elements_that_kept_something_from_being_used_are_named(name: str) -> None:
    said = {(source.resource, source.path) for source in answer(name).excluded}
    for wanted in expected(name).get("excluded", ()):
        assert (wanted["resource"], wanted["path"]) in said, sorted(said)


@every_example
def test_the_answer_is_the_same_a_second_time(name: str) -> None:
    assert answer_to(json.loads(text_of(name)), name) == answer(name)


# ---------------------------------------------------------------------------------------- what may be left out


Removal = tuple[int, str, tuple[str | int, ...]]
"""An entry's index, the path of an element as a source would name it, and the keys that lead to it from the entry."""


def elements(bundle: Mapping[str, Any], depth: int) -> Iterator[Removal]:
    """Every element of every entry: its fullUrl, the resource, and what lies at most `depth` levels below it."""
    for index, entry in enumerate(bundle["entry"]):
        kind = entry["resource"]["resourceType"]
        yield index, "fullUrl", ("fullUrl",)
        yield index, kind, ()
        for path, keys in below(entry["resource"], kind, ("resource",), depth):
            if path != f"{kind}.resourceType":
                yield index, path, keys


Keys = tuple[str | int, ...]


def below(node: object, path: str, keys: Keys, depth: int) -> Iterator[tuple[str, Keys]]:
    """The elements below a node. Of a list with one item, the list stands for the item."""
    if depth == 0:
        return
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{path}.{key}", (*keys, key)
            yield from below(value, f"{path}.{key}", (*keys, key), depth - 1)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            if len(node) > 1:
                yield f"{path}[{number}]", (*keys, number)
            yield from below(value, f"{path}[{number}]", (*keys, number), depth - 1)


def without(bundle: Mapping[str, Any], removal: Removal) -> dict[str, Any]:
    """A bundle without one element; what it leaves empty goes with it."""
    index, _, keys = removal
    copy: dict[str, Any] = json.loads(json.dumps(bundle))
    if not keys:
        del copy["entry"][index]
        return copy
    path: list[Any] = [copy["entry"][index]]
    for key in keys[:-1]:
        path.append(path[-1][key])
    for node, key in zip(reversed(path), reversed(keys), strict=True):
        del node[key]
        if node:
            break
    return copy


def sources_of(whole: Recommendation) -> Iterator[SourcePart]:
    """Every source that an answer names."""
    facts = [*whole.facts]
    for lesion in whole.lesions:
        yield from lesion.sources
        reasons = [r for option in lesion.options for r in option.reasons]
        facts += [fact for reason in (*reasons, *lesion.order.reasons) for fact in reason.facts]
    yield from (source for fact in facts for source in fact.sources)
    yield from whole.excluded


def named_in(whole: Recommendation, bundle: Mapping[str, Any]) -> dict[int, set[str]]:
    """The paths that an answer names, by the entry that they are in."""
    index_of = {f"{e['resource']['resourceType']}/{e['resource']['id']}": i for i, e in enumerate(bundle["entry"])}
    named: dict[int, set[str]] = {i: set() for i in index_of.values()}
    for source in sources_of(whole):
        if source.resource in index_of:
            named[index_of[source.resource]].add(source.path)
        else:  # `Bundle.entry[3].fullUrl`
            place, _, rest = source.path.partition("].")
            named[int(place.removeprefix("Bundle.entry["))].add(rest)
    for issue in whole.issues:
        place, _, rest = issue.expression.removeprefix("Bundle.entry[").partition("]")
        if place.isdecimal():
            kind = bundle["entry"][int(place)]["resource"]["resourceType"]
            named[int(place)].add(rest.replace(".resource", kind, 1))
    return named


def overlaps(path: str, named: Iterable[str]) -> bool:
    """Whether an element is named, holds a named one, or lies within one."""

    def within(inner: str, outer: str) -> bool:
        return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))

    return any(within(path, other) or within(other, path) for other in named)


@cache
def unnamed(name: str, depth: int = 2) -> list[Removal]:
    """The elements of an example that its answer names nowhere, in an order that is the same on every run."""
    bundle = json.loads(text_of(name))
    named = named_in(answer(name), bundle)
    free = [removal for removal in elements(bundle, depth) if not overlaps(removal[1], named[removal[0]])]
    return sorted(free, key=lambda removal: hashlib.sha256(repr(removal[:2]).encode()).hexdigest())


def states(case: Case) -> object:
    """What of a case an answer about its lesions can depend on: the states of the facts, not where they were read."""

    def of(facts: Mapping[str, Any]) -> dict[str, object]:
        return {key: fact.state for key, fact in facts.items()}

    return of(case.patient), [
        (lesion.id, lesion.label, of(lesion.facts), [(s.key, of(s.facts)) for s in lesion.structures])
        for lesion in case.lesions
    ]


def decided(whole: Recommendation) -> object:
    """The answer about the lesions without the sources: verdicts, truths, settling facts, order, protection."""
    return [
        (
            lesion.id,
            lesion.scope.truth,
            [
                (o.option, o.verdict, o.possible, o.standing, o.declined,
                 [(r.rule, r.subject, r.truth, r.addressed) for r in o.reasons],
                 [(s.name, s.subject, s.outcomes) for s in o.settling_facts])
                for o in lesion.options
            ],
            lesion.order.possible,
            [(p.structure, p.side, p.verdict, [(m.measure, m.status) for m in p.measures], p.covered_by_plan)
             for p in lesion.thermoprotection],
            [(o.rule, o.subject, o.due) for o in lesion.obligations],
        )
        for lesion in whole.lesions
    ]  # fmt: skip


def changed_by(name: str, removals: Iterable[Removal]) -> list[str]:
    """The removals that change the answer about the lesions."""
    bundle = json.loads(text_of(name))
    day: dt.date = expected(name)["as_of"]
    before = states(cds.read_case(bundle, as_of=day, rules=rules()))
    problems: list[str] = []
    for removal in removals:
        where = f"Bundle.entry[{removal[0]}]: {bundle['entry'][removal[0]]['resource']['id']}: {removal[1]}"
        rest = without(bundle, removal)
        try:
            # The same facts give the same answer, so that only other ones need to be decided.
            if states(cds.read_case(rest, as_of=day, rules=rules())) == before:
                continue
            after = answer_to(rest, name)
        except cds.CdsError as error:
            problems.append(f"{where}: {error}")
            continue
        if decided(after) != decided(answer(name)):
            problems.append(where)
    return problems


@every_example
def test_an_element_that_no_source_names_may_be_left_out(name: str) -> None:
    removals = unnamed(name)
    assert removals, "no element is unnamed: nothing was tried"
    problems = changed_by(name, removals[:DEFAULT_REMOVALS])
    assert not problems, "named nowhere, and yet they change the answer:\n" + "\n".join(problems)


@pytest.mark.slow
@every_example
def test_no_element_at_all_that_no_source_names_changes_an_answer(name: str) -> None:
    problems = changed_by(name, unnamed(name, EVERY_LEVEL))
    assert not problems, "named nowhere, and yet they change the answer:\n" + "\n".join(problems)


def test_leaving_out_a_decisive_element_is_noticed() -> None:
    name = next(name for name in NAMES if name.startswith("02"))
    entries = json.loads(text_of(name))["entry"]
    index = next(i for i, entry in enumerate(entries) if entry["resource"]["id"] == "surgical-assessment")
    keys = ("resource", "valueCodeableConcept")
    assert changed_by(name, [(index, "Observation.valueCodeableConcept", keys)])
