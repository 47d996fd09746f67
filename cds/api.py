"""The three calls that the package is used by from Python: read a case, evaluate a bundle, load rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from functools import cache

from cds.case import Case
from cds.errors import Issue, UnusableInput
from cds.intake import Limits, read_bundle
from cds.recommendation import Recommendation, recommend
from cds.ruleset import RuleSet, load_rules
from cds.ruleset.model import PHASES


@cache
def shipped_rules() -> RuleSet:
    """The rule set that ships with the package, loaded once."""
    return load_rules()


def read_case(
    bundle: bytes | Mapping[str, object],
    *,
    as_of: dt.date,
    rules: RuleSet | None = None,
    lesion: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen, so one for all calls is the same
) -> Case:
    """The typed facts of a bundle alone: what is known, absent and conflicting, each with its element of the record.

    `lesion` keeps one lesion by its id; `limits` are the caps on what is read. Raises `UnusableInput` with every
    problem of the bundle.

    >>> patient = {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"}
    >>> bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}
    >>> str(read_case(bundle, as_of=dt.date(2026, 11, 22)).patient["ageYears"].value)
    '69'
    """
    if problems := argument_problems(bundle, as_of):
        raise UnusableInput(problems)
    knowledge = rules if rules is not None else shipped_rules()
    return read_bundle(
        bundle,
        vocabulary=knowledge.vocabulary,
        mapping=knowledge.mapping,
        as_of=as_of,
        lesion=lesion,
        limits=limits,
        ages=ages(knowledge.on(as_of)),
    )


def argument_problems(bundle: object, as_of: object) -> list[Issue]:
    """What is wrong with arguments whatever their types say: a call from a shell or a notebook is not type-checked."""
    problems: list[Issue] = []
    if not isinstance(as_of, dt.date) or isinstance(as_of, dt.datetime):
        details = f"`{str(as_of)[:40]}` is no day to evaluate at; give a `datetime.date`"
        problems.append(Issue("error", "bad-as-of", "", details))
    if not isinstance(bundle, (bytes, Mapping)):
        details = f"a {type(bundle).__name__} is no bundle; give the bytes of its JSON, or the parsed object"
        problems.append(Issue("error", "not-an-object", "", details))
    return problems


def ages(rules: RuleSet) -> dict[str, tuple[Fraction, str]]:
    """The limits of age that the rule set's vocabulary names and that are set: parameter → number and unit of time.

    A limit without value is left out: the age of the fact is then shown and not judged.
    """
    named = {d.fresh.within for d in rules.vocabulary.facts.values() if d.fresh is not None and d.fresh.within}
    limits: dict[str, tuple[Fraction, str]] = {}
    for name in sorted(named):
        parameter = rules.parameters[name]
        if parameter.value is not None and parameter.unit is not None:
            limits[name] = (Fraction(parameter.value), parameter.unit)
    return limits


def evaluate(
    bundle: bytes | Mapping[str, object],
    *,
    as_of: dt.date,
    phase: str = "decision",
    rules: RuleSet | None = None,
    lesion: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen, so one for all calls is the same
) -> Recommendation:
    """The recommendation for a FHIR bundle (JSON bytes, or the parsed object) at a day.

    `phase` is `decision`, `planning` or `follow-up`. Raises `UnusableInput` with every problem of the bundle, and
    `NoAdvice` where the two engines disagree or one fails: an error never looks like an answer.

    >>> patient = {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"}
    >>> bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}
    >>> evaluate(bundle, as_of=dt.date(2026, 11, 22)).lesions
    ()
    """
    return answered(bundle, as_of=as_of, phase=phase, rules=rules, lesion=lesion, limits=limits)[1]


def answered(
    bundle: bytes | Mapping[str, object],
    *,
    as_of: dt.date,
    phase: str = "decision",
    rules: RuleSet | None = None,
    lesion: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen, so one for all calls is the same
) -> tuple[Case, Recommendation]:
    """The facts of a bundle, and the recommendation that was made of them: what a decision record keeps.

    Takes and raises what `evaluate` does.
    """
    knowledge = rules if rules is not None else shipped_rules()
    wrong = [] if phase in PHASES else [Issue("error", "unknown-phase", "", _no_phase(phase))]
    try:
        case = read_case(bundle, as_of=as_of, rules=knowledge, lesion=lesion, limits=limits)
    except UnusableInput as error:
        raise UnusableInput([*wrong, *error.issues]) from error
    if phase not in PHASES:
        raise UnusableInput(wrong)
    return case, recommend(case, knowledge, phase=phase)


def _no_phase(phase: object) -> str:
    return f"`{str(phase)[:40]}` is not a phase; accepted are {', '.join(PHASES)}"
