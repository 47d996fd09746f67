"""What holds for every patient under the shipped rules, whatever the record says."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from cds.case import Case, Fact, Known, narrowed
from cds.quantities import Interval
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import Decision, LesionDecision, reason
from cds.reasoning.thermoprotection import MeasureStanding, Need
from cds.reasoning.verdict import Standing, Verdict
from cds.recommendation.build import build
from cds.ruleset.model import PHASES, Phase
from cds.testing import cases, narrowings
from cds.truth import Truth
from cds.vocabulary import Level
from tests.ruleset.shipped import shipped_rules, shipped_thresholds

RULES, THRESHOLDS = shipped_rules(), shipped_thresholds()
VOCABULARY = RULES.vocabulary
REFERENCE = ReferenceEngine()
patients = st.one_of(
    cases(VOCABULARY, structures=3, known=0.5, constants=THRESHOLDS),
    cases(VOCABULARY, structures=4, known=0.9, constants=THRESHOLDS),
)
phases = st.sampled_from(PHASES)


def decide(case: Case, phase: Phase) -> Decision:
    return reason(case, RULES, phase, REFERENCE)


def pairs(before: Decision, after: Decision) -> Iterator[tuple[LesionDecision, LesionDecision]]:
    assert [lesion.lesion.id for lesion in before.lesions] == [lesion.lesion.id for lesion in after.lesions]
    yield from zip(before.lesions, after.lesions, strict=True)


def kept(before: Truth, after: Truth) -> bool:
    """A truth that was known is the same as before."""
    return not before.is_known or after is before


def assert_nothing_flipped(before: Decision, after: Decision) -> None:
    """Every criterion, verdict, standing, need, measure and order that was settled stays."""
    assert before.derivations.keys() == after.derivations.keys()
    for key, derivation in before.derivations.items():
        assert kept(derivation.truth, after.derivations[key].truth), key
    assert kept(before.scope, after.scope)
    for lesion, its in pairs(before, after):
        assert kept(lesion.scope, its.scope)
        for option, then in zip(lesion.options, its.options, strict=True):
            assert then.possible <= option.possible
            assert option.verdict is Verdict.UNDETERMINED or then.verdict is option.verdict
            assert option.standing is Standing.UNKNOWN or then.standing is option.standing
            assert kept(option.declined, then.declined)
        for structure, same in zip(lesion.structures, its.structures, strict=True):
            assert structure.protection.need in (Need.UNDETERMINED, same.protection.need)
            assert kept(structure.covered, same.covered)
            for measure, again in zip(structure.protection.measures, same.protection.measures, strict=True):
                assert measure.standing in (MeasureStanding.UNDETERMINED, again.standing)
        assert_no_new_order(lesion, its)


def assert_no_new_order(before: LesionDecision, after: LesionDecision) -> None:
    """An order that is possible now was possible before, if any was listed."""
    if before.orders:
        assert {order.groups for order in after.orders} <= {order.groups for order in before.orders}


@given(st.data(), phases)
def test_learning_more_never_flips_a_settled_answer(data: st.DataObject, phase: Phase) -> None:
    case = data.draw(patients)
    more = data.draw(narrowings(case, VOCABULARY, constants=THRESHOLDS))
    assert_nothing_flipped(decide(case, phase), decide(more, phase))


def intervals(case: Case) -> list[tuple[str, str, Interval]]:
    """Every measured value that is known as more than one number, with its subject and name."""
    subjects = [("patient", case.patient)]
    subjects += [(lesion.id, lesion.facts) for lesion in case.lesions]
    subjects += [(f"{lesion.id}/{s.key}", s.facts) for lesion in case.lesions for s in lesion.structures]
    return [
        (subject, name, fact.value)
        for subject, facts in subjects
        for name, fact in facts.items()
        if isinstance(fact.value, Interval) and not fact.value.is_point
    ]


@given(st.data(), phases)
def test_narrowing_an_interval_never_flips_a_settled_answer(data: st.DataObject, phase: Phase) -> None:
    case = data.draw(patients)
    wide = intervals(case)
    if not wide:
        return
    subject, name, interval = wide[data.draw(st.integers(0, len(wide) - 1))]
    level = Level.PATIENT if subject == "patient" else Level.STRUCTURE if "/" in subject else Level.LESION
    near = [Interval.point(c) for c in THRESHOLDS.get(f"{level.value}.{name}", ()) if interval.contains(c)]
    near += [Interval.point(end) for end in (interval.low, interval.high) if end is not None and interval.contains(end)]
    near += [
        part
        for c in THRESHOLDS.get(f"{level.value}.{name}", ())
        for half in (Interval.below(c, open_end=True), Interval.above(c, open_end=True))
        if (part := interval.intersection(half)) is not None
    ]
    if near:
        narrow = near[data.draw(st.integers(0, len(near) - 1))]
        assert narrow.within(interval)
        assert_nothing_flipped(
            decide(case, phase), decide(narrowed(case, VOCABULARY, subject, name, Fact(Known(narrow))), phase)
        )


@given(patients)
def test_an_unknown_contraindication_is_never_eligible(case: Case) -> None:
    """`derivation` is the criterion with its exceptions: one that an exception waives is decided."""
    for lesion in decide(case, "decision").lesions:
        for option in lesion.options:
            undecided = [
                c
                for c in option.considerations
                if c.objection is not None and c.objection.excludes and not c.truth.is_known
            ]
            if undecided and lesion.scope is not Truth.FALSE:
                assert Verdict.INELIGIBLE in option.possible, [c.rule.id for c in undecided]
                assert option.verdict is not Verdict.ELIGIBLE
                assert option.standing is not Standing.NOT_EXCLUDED


@given(patients)
def test_an_unknown_scope_never_promises_an_assessment(case: Case) -> None:
    for lesion in decide(case, "decision").lesions:
        for option in lesion.options:
            assert (Verdict.NOT_ASSESSED in option.possible) is (lesion.scope is not Truth.TRUE)


@given(patients, phases)
def test_every_criterion_considered_is_in_the_answer(case: Case, phase: Phase) -> None:
    """With its truth; and of its facts, every one that its condition read."""
    decision = decide(case, phase)
    answer = build(decision)
    rules = {rule.id: rule for rule in RULES.rules}
    for lesion, part in zip(decision.lesions, answer.lesions, strict=True):
        shown = {(reason_.rule, reason_.subject): reason_ for option in part.options for reason_ in option.reasons}
        shown |= {(r.rule, r.subject): r for r in (*part.order.withheld, *part.order.reasons)}
        considered = [c for option in lesion.options for c in option.considerations]
        for c in (*considered, *lesion.order_requirements):
            its = shown.get((c.rule.id, c.context.id))
            assert its is not None, f"{c.rule.id} at {c.context.id} is {c.truth.value} and not in the answer"
            assert its.truth == c.truth.value
            read = {reference.name for _, reference, _ in c.derivation.facts()} - {"name", "kind", "side"}
            assert {fact.name.partition(".")[2] for fact in its.facts} >= read
        scope = {(r.rule, r.lesion) for r in part.scope.reasons}
        assert scope == {(c.rule.id, lesion.lesion.id) for c in lesion.scope_considerations}
        assert {option.option for option in part.options} == set(RULES.options)
        # What is considered of a structure is every rule but those that cannot be about it.
        for option in lesion.options:
            asked = {c.rule.id for c in option.considerations}
            wanted = {r.id for r in RULES.rules_in(phase) if r.option in (option.option, "any")}
            if len(decision.lesions) < 2:
                wanted -= {name for name in wanted if rules[name].for_each == "other-lesion"}
            about = {name for name in wanted if rules[name].for_each != "structure"}
            assert about <= asked <= wanted
        if phase != "follow-up" and lesion.scope is not Truth.FALSE:
            keys = [f"{lesion.lesion.id}/{structure.key}" for structure in lesion.lesion.structures]
            assert len(part.thermoprotection) == len(keys)
            for plan in part.thermoprotection:
                assert [r.rule for r in plan.reasons] == [need.id for need in RULES.planner.need]
                assert [m.measure for m in plan.measures] == list(VOCABULARY.structures[plan.structure].measures)


@given(patients)
def test_every_obligation_considered_is_listed_once_whether_due_or_not(case: Case) -> None:
    decision = decide(case, "decision")
    for lesion, part in zip(decision.lesions, build(decision).lesions, strict=True):
        considered = {
            (c.rule.id, c.context.id): c.due
            for option in lesion.options
            for c in option.considerations
            if c.rule.effect == "obliges"
        }
        assert [(o.rule, o.subject) for o in part.obligations] == list(
            dict.fromkeys((o.rule, o.subject) for o in part.obligations)
        )
        assessed = lesion.scope is not Truth.FALSE  # nothing is owed about a cancer that the rules are not about
        due = {key: truth.value for key, truth in considered.items()} if assessed else {}
        assert {(o.rule, o.subject): o.due for o in part.obligations} == due


@given(patients, phases)
def test_every_parameter_and_citation_resolves(case: Case, phase: Phase) -> None:
    answer = build(decide(case, phase))
    known = set(answer.references)
    assert known <= set(RULES.references)
    parts = [answer.model_dump(mode="json")]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            if "cite" in part and part["cite"] is not None:
                assert part["cite"] in known, part["cite"]
            if "parameters" in part and isinstance(part["parameters"], list):
                named = {p if isinstance(p, str) else p["name"] for p in part["parameters"]}
                assert named <= set(RULES.parameters)
            parts += [value for key, value in part.items() if key != "references"]
        elif isinstance(part, list):
            parts += part


@given(patients, phases)
def test_an_answer_reads_back_from_its_json_as_it_was(case: Case, phase: Phase) -> None:
    answer = build(decide(case, phase))
    assert type(answer).model_validate_json(answer.model_dump_json()) == answer


@given(patients, phases)
def test_no_sentence_of_an_answer_has_an_unfilled_place(case: Case, phase: Phase) -> None:
    answer = build(decide(case, phase))
    for lesion in answer.lesions:
        reasons = [r for option in lesion.options for r in option.reasons]
        sentences = [text for r in reasons for text in (r.says, r.remedy) if text]
        sentences += [o.says for o in lesion.obligations]
        sentences += [r.says for plan in lesion.thermoprotection for r in (*plan.reasons, *plan.advice)]
        sentences += [r.says for plan in lesion.thermoprotection for m in plan.measures for r in m.reasons]
        assert not [sentence for sentence in sentences if "{" in sentence or "}" in sentence]


@given(patients)
def test_the_same_case_has_the_same_answer(case: Case) -> None:
    assert build(decide(case, "decision")) == build(decide(case, "decision"))


@given(patients)
def test_nothing_but_a_persons_word_makes_an_option_ineligible(case: Case) -> None:
    """Degrees, millimetres and counts argue, oblige or ask for correction; they do not exclude."""
    for lesion in decide(case, "decision").lesions:
        for option in lesion.options:
            if option.standing is Standing.EXCLUDED:
                grounds = [c for c in option.considerations if c.objection is not None and c.objection.excludes]
                holding = [c for c in grounds if c.objection is not None and c.objection.holds is Truth.TRUE]
                assert holding
                assert all(c.rule.ground is not None for c in holding)
