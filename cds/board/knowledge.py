"""The rule set as a reader looks things up in it: one rule, one reference, the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cds.evidence import capped, proportion_text
from cds.explanation.english import Statement, in_words
from cds.language import facts_of, to_cql
from cds.recommendation.words import parameter_text, spoken, with_places
from cds.ruleset import RuleSet
from cds.ruleset.model import (
    AtLeast,
    Claim,
    Combination,
    Evidence,
    Grounded,
    MeasureRule,
    Parameter,
    Preference,
    Reference,
    Rule,
    RuleException,
)
from cds.ruleset.upkeep import statements, supported_by
from cds.vocabulary import FactDefinition, Level

_SENTENCES: Final = frozenset({"otherwise", "remedy"})


@dataclass(frozen=True, slots=True)
class CitedClaim:
    """What a source says, with the exact interval of its counts, where it has any."""

    claim: Claim
    proportion: str


@dataclass(frozen=True, slots=True)
class CitedEvidence:
    """One citation of a statement, with its source and what the source says."""

    evidence: Evidence
    source: Reference
    claim: CitedClaim | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A parameter that a statement reads."""

    name: str
    value: str
    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Related:
    """Another statement: an exception to this one, or what this one is an exception to."""

    id: str
    says: str


@dataclass(frozen=True, slots=True)
class RuleView:
    """One statement of the rule set. `shown_strength` is capped by the evidence; `told` are its plain properties."""

    id: str
    kind: str
    statement: Grounded
    says: str
    told: tuple[tuple[str, str], ...]
    shown_strength: str
    when: tuple[Statement, ...]
    when_cql: str
    done: tuple[Statement, ...]
    done_cql: str
    exceptions: tuple[Related, ...]
    evidence: tuple[CitedEvidence, ...]
    thresholds: tuple[Threshold, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the rule book: the statements about one option, or of one sort; `label` is an option's, or empty."""

    name: str
    label: str
    statements: tuple[RuleView, ...]


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The whole rule set, to be read: its statements by chapters, every threshold, and every structure at risk."""

    chapters: tuple[Chapter, ...]
    thresholds: tuple[Threshold, ...]
    structures: tuple[tuple[str, tuple[str, ...]], ...]
    """What each structure at risk is called, and the measures listed for it."""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One line of the list of rules."""

    id: str
    kind: str
    says: str
    approved: bool


@dataclass(frozen=True, slots=True)
class ReferenceView:
    """One reference: what was seen of it, what it says, and what rests on it."""

    cite: str
    source: Reference
    csl: dict[str, Any]
    url: str | None
    claims: tuple[CitedClaim, ...]
    rules: tuple[str, ...]
    others: tuple[tuple[str, str], ...]
    """Kind and name of what else rests on it: a parameter, an option, an alternative, a structure."""


@dataclass(frozen=True, slots=True)
class VocabularyLevel:
    """The facts of a level with the ids of the statements that read each."""

    level: str
    facts: tuple[tuple[FactDefinition, tuple[str, ...]], ...]


def unfilled(text: str, rules: RuleSet) -> str:
    """A sentence of a rule without a patient: thresholds with their values, facts by what they are called.

    >>> from cds.ruleset import load_rules
    >>> unfilled("More than {parameters.carotidEncasementLimit}: {lesion.carotidEncasement}.", load_rules())
    'More than 270 deg: [carotid encasement].'
    """
    filled = with_places(text, rules, lambda _, name: f"[{spoken(name)}]")
    return filled[:1].upper() + filled[1:]


def rule_list(rules: RuleSet) -> tuple[RuleLine, ...]:
    """Every statement, in the order of the rule set."""
    return tuple(
        RuleLine(name, kind_of(each), _says(each, rules), each.review is not None and bool(each.review.approved))
        for name, each in statements(rules)
    )


def rule_view(rules: RuleSet, name: str) -> RuleView | None:
    """A statement by its id; `None` where the rule set has none of this id."""
    found = dict(statements(rules)).get(name)
    if found is None:
        return None
    when: str | AtLeast | None = getattr(found, "when", None)
    done: str | AtLeast | None = getattr(found, "done", None)
    used = rules.conditions[name].parameters if name in rules.conditions else ()
    return RuleView(
        id=name, kind=kind_of(found), statement=found, says=_says(found, rules),
        told=tuple((key, unfilled(text, rules) if key in _SENTENCES else text) for key, text in _told(found, rules)),
        shown_strength=_shown_strength(found, rules),
        when=in_words(when, rules) if when is not None else (),
        when_cql=to_cql(rules.conditions[name].tree) if when is not None else "",
        done=in_words(done, rules) if done is not None else (),
        done_cql=to_cql(rules.conditions[f"{name}.done"].tree) if done is not None else "",
        exceptions=tuple(_exceptions(rules, name)),
        evidence=tuple(_cited(rules, each) for each in found.evidence),
        thresholds=tuple(Threshold(n, parameter_text(rules.parameters[n]), rules.parameters[n]) for n in used),
    )  # fmt: skip


def rule_book(rules: RuleSet) -> RuleBook:
    """The whole rule set in the order in which a board asks: scope, the options, their order, protection."""
    by_chapter: dict[str, list[RuleView]] = {}
    for name, statement in statements(rules):
        view = rule_view(rules, name)
        if view is not None:
            by_chapter.setdefault(_chapter_of(statement), []).append(view)
    order = ("scope", "any", *rules.options, "order", *by_chapter)
    return RuleBook(
        tuple(
            Chapter(name, rules.options[name].label if name in rules.options else "", tuple(by_chapter[name]))
            for name in dict.fromkeys(order) if name in by_chapter
        ),
        tuple(Threshold(name, parameter_text(each), each) for name, each in rules.parameters.items()),
        tuple(
            (each.label, tuple(rules.vocabulary.measures[name].label for name in each.measures))
            for each in rules.vocabulary.structures.values()
        ),
    )  # fmt: skip


def _chapter_of(statement: Grounded) -> str:
    match statement:
        case Rule():
            return statement.option
        case Preference():
            return "order"
        case RuleException():
            return "exceptions"
        case _:
            return "protection"


def kind_of(statement: Grounded) -> str:
    """What sort of statement it is: the effect of a rule, else the sort's own name."""
    match statement:
        case Rule():
            return statement.effect
        case RuleException():
            return "exception"
        case Preference():
            return "preference"
        case MeasureRule():
            return "measure"
        case Combination():
            return "combination"
        case _:
            return "need"


def _told(statement: Grounded, rules: RuleSet) -> Iterator[tuple[str, str]]:
    """The plain properties of a statement, by their keys in the catalogue."""
    match statement:
        case Rule():
            option = rules.options.get(statement.option)
            told = {
                "option": option.label if option is not None else statement.option, "for_each": statement.for_each,
                "phase": statement.phase, "otherwise": statement.otherwise, "remedy": statement.remedy,
                "ground": statement.ground, "before": statement.before, "who": statement.who,
                "asks": statement.asks, "topic": statement.topic,
            }  # fmt: skip
            yield from ((key, value) for key, value in told.items() if value)
        case RuleException():
            yield "exception_to", statement.exception_to
        case Preference():
            yield "order", ", then ".join(" or ".join(group) for group in statement.order)
            if statement.condition:
                yield "condition", statement.condition
            if statement.exception_to is not None:
                yield "exception_to", statement.exception_to
        case MeasureRule():
            yield "status", statement.status
            yield "measure", statement.measure or str(statement.measure_class)
        case Combination():
            yield "together" if statement.together else "excludes", ", ".join(statement.members)
        case _:
            return


def _shown_strength(statement: Grounded, rules: RuleSet) -> str:
    if not isinstance(statement, Rule):
        return statement.strength
    cited = [rules.references[each.cite] for each in statement.evidence]
    return capped(statement.strength, statement.effect, cited)


def _exceptions(rules: RuleSet, name: str) -> Iterator[Related]:
    others: tuple[RuleException | Preference, ...] = (*rules.exceptions, *rules.preferences)
    yield from (Related(each.id, _says(each, rules)) for each in others if each.exception_to == name)


def _says(statement: Grounded, rules: RuleSet) -> str:
    return unfilled(str(getattr(statement, "says", "")), rules)


def _cited(rules: RuleSet, evidence: Evidence) -> CitedEvidence:
    claim = rules.claims[evidence.claim] if evidence.claim is not None else None
    return CitedEvidence(evidence, rules.references[evidence.cite], _claimed(claim) if claim is not None else None)


def _claimed(claim: Claim) -> CitedClaim:
    counted = claim.k is not None and claim.n is not None
    return CitedClaim(claim, proportion_text(claim.k, claim.n) if counted and claim.k is not None and claim.n else "")


def reference_view(rules: RuleSet, cite: str) -> ReferenceView | None:
    """A reference by its name in citations; `None` where the rule set has none of this name."""
    source = rules.references.get(cite)
    if source is None:
        return None
    named = {name for name, _ in statements(rules)}
    supported = supported_by(rules, cite)
    return ReferenceView(
        cite=cite, source=source, csl=source.csl(),
        url=source.url if source.url is not None and source.url.startswith("https://") else None,
        claims=tuple(_claimed(each) for each in rules.claims.values() if each.cite == cite),
        rules=tuple(dict.fromkeys(each.name for each in supported if each.name in named)),
        others=tuple(dict.fromkeys((each.kind, each.name) for each in supported
                                   if each.name not in named and each.kind != "claim")),
    )  # fmt: skip


def vocabulary_view(rules: RuleSet) -> tuple[VocabularyLevel, ...]:
    """Every fact, by level, with the statements that read it in any phase, also through a shared notion."""
    readers: dict[str, dict[str, None]] = {}
    for program in rules.programs.values():
        for criterion in program.criteria:
            for fact in facts_of(criterion.condition):
                level = Level.LESION.value if fact.level == "other" else fact.level
                readers.setdefault(f"{level}.{fact.name}", {})[criterion.id.removesuffix(".done")] = None
    return tuple(
        VocabularyLevel(
            level.value, tuple((fact, tuple(readers.get(fact.path, ()))) for fact in rules.vocabulary.of(level))
        )
        for level in (Level.PATIENT, Level.LESION, Level.STRUCTURE)
    )
