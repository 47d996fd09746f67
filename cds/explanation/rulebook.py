"""The rule book: one Markdown page for each rule and each parameter, made from the rule set itself.

Every page has the statement, its condition in words and in CQL, its exceptions, its evidence with certainty and
intervals, and the worked cases in which it came out true, false and unknown when the book was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cds.case.reading import case_from_mapping
from cds.evidence import capped, proportion_text
from cds.explanation.english import Statement, definition_in_words, in_words
from cds.explanation.markdown import escaped
from cds.explanation.references import reference
from cds.explanation.words import BASIS, BEFORE, graded
from cds.language import facts_of, parse, to_cql, walk
from cds.language.syntax import CodeLiteral
from cds.reasoning.conditions import ReferenceEngine, derive
from cds.reasoning.contexts import contexts_of
from cds.reasoning.decision import blank
from cds.recommendation.words import parameter_text, spoken, with_places
from cds.ruleset import RuleSet
from cds.ruleset.model import (
    Claim,
    Combination,
    DatedValue,
    Evidence,
    Grounded,
    MeasureRule,
    Need,
    Parameter,
    Phase,
    Preference,
    Review,
    Rule,
    RuleException,
)
from cds.ruleset.upkeep import statements
from cds.truth import Truth
from cds.vocabulary import Level, level_of

Book = Mapping[str, str]
"""The pages: their paths in the book, and their Markdown."""

MOST_EXAMPLES: Final = 5
MOST_SUBJECTS: Final = 2
_TRUTHS: Final = (Truth.TRUE, Truth.FALSE, Truth.UNKNOWN)
_TAGS: Final = {
    "V1": "the source itself was seen",
    "V2": "only a summary was seen",
    "REF": "only its listing was seen",
    "U": "not verified",
}
_EFFECTS: Final = {
    "requires": "has to hold for the option",
    "excludes": "rules the option out",
    "against": "speaks against the option",
    "for": "speaks for the option",
    "obliges": "asks somebody to do something",
    "informs": "is told for information",
}
_LEVELS: Final = {
    "patient": "the patient",
    "lesion": "each lesion",
    "structure": "each structure at risk",
    "other-lesion": "each other lesion",
}


@dataclass(frozen=True, slots=True)
class WorkedCase:
    """A worked case of the rule set: its name, its data as the file holds them, and the phase it is about."""

    name: str
    data: Mapping[str, object]
    phase: Phase


def rulebook(rules: RuleSet, cases: Iterable[WorkedCase]) -> Book:
    """Every page of the rule book, the same for the same rule set and cases.

    >>> from cds.ruleset import load_rules
    >>> sorted(rulebook(load_rules(), []))[0]
    'citations.md'
    """
    return _Book(rules, _examples(rules, cases)).pages()


Examples = Mapping[tuple[str, Truth], Sequence[str]]
"""By criterion and truth, the worked cases in which it came out so, each with whom it was about."""


def _examples(rules: RuleSet, cases: Iterable[WorkedCase]) -> Examples:
    found: dict[tuple[str, Truth], dict[str, list[str]]] = {}
    for each in cases:
        case = case_from_mapping(rules.vocabulary, dict(each.data))
        then = rules.on(case.as_of)
        derivations = ReferenceEngine().derivations(then.programs[each.phase], contexts_of(case))
        whom = {f"{lesion.id}/{s.key}": f"{lesion.id}, {s.label}" for lesion in case.lesions for s in lesion.structures}
        for (criterion, context), derivation in derivations.items():
            about = found.setdefault((criterion, derivation.truth), {}).setdefault(each.name, [])
            about.append(whom.get(context, context))
    return {key: [_told(name, about) for name, about in its.items()] for key, its in found.items()}


def _told(name: str, about: Sequence[str]) -> str:
    """A case, and the first of those in it whom a criterion was about."""
    return f"{name} ({', '.join(about[:MOST_SUBJECTS])}{', …' if len(about) > MOST_SUBJECTS else ''})"


@dataclass(frozen=True, slots=True)
class _Book:
    rules: RuleSet
    examples: Examples

    def pages(self) -> Book:
        pages = {"index.md": self._index(), "how-to-read-a-rule.md": _HOW_TO_READ, "citations.md": self._citations(),
                 "notions.md": self._notions()}  # fmt: skip
        pages |= {f"rules/{name}.md": self._statement(name, each) for name, each in statements(self.rules)}
        pages |= {f"parameters/{name}.md": self._parameter(name, p) for name, p in self.rules.parameters.items()}
        return dict(sorted(pages.items()))

    # ------------------------------------------------------------------------------------------------- one rule

    def _statement(self, name: str, statement: Grounded) -> str:
        lines = [f"# {name}", "", escaped(self._plain(_says(statement))), ""]
        lines += self._about(statement)
        when = getattr(statement, "when", None)
        if when is not None:
            lines += ["## When", "", *_bullets(in_words(when, self.rules)), ""]
            cql = to_cql(self.rules.conditions[name].tree)
            lines += ["In CQL ([notions](../notions.md) by name):", "", "```cql", cql, "```", ""]
        done = getattr(statement, "done", None)
        if done is not None:
            lines += ["## Fulfilled by", "", *_bullets(in_words(done, self.rules)), ""]
            lines += ["```cql", to_cql(self.rules.conditions[f"{name}.done"].tree), "```", ""]
        lines += self._exceptions(name)
        lines += self._evidence(statement.evidence)
        used = self.rules.conditions[name].parameters if name in self.rules.conditions else ()
        if used:
            lines += ["## Thresholds", ""]
            lines += [f"- {self._threshold(each)}" for each in used]
            lines.append("")
        note = f": {escaped(statement.fidelity.note)}" if statement.fidelity.note else ""
        lines += ["## Fidelity", "", f"{statement.fidelity.kind} rendering of its source{note}", ""]
        if statement.note:
            lines += [escaped(statement.note), ""]
        if when is not None:
            lines += self._worked(name)
        return _text([*lines, "[How to read a rule](../how-to-read-a-rule.md) · [index](../index.md)"])

    def _about(self, statement: Grounded) -> list[str]:
        told: list[tuple[str, str]] = []
        match statement:
            case Rule():
                option = self.rules.options.get(statement.option)
                told += [("option", option.label if option else statement.option),
                         ("asked of", _LEVELS[statement.for_each]), ("phase", statement.phase),
                         ("effect", f"{statement.effect}: {_EFFECTS[statement.effect]}")]  # fmt: skip
                told += [(key, self._plain(text)) for key, text in (
                    ("otherwise", statement.otherwise), ("correction", statement.remedy), ("ground", statement.ground),
                    ("due", f"{BEFORE[statement.before]}, by the {statement.who}" if statement.before else None),
                    ("asks people to", statement.asks), ("topic", statement.topic),
                ) if text]  # fmt: skip
                cited = [self.rules.references[each.cite] for each in statement.evidence]
                shown = capped(statement.strength, statement.effect, cited)
                if shown != statement.strength:
                    told.append(("shown as", f"{shown}, since its evidence allows no more"))
            case RuleException():
                told.append(("exception to", statement.exception_to))
            case Preference():
                order = ", then ".join(" or ".join(group) for group in statement.order)
                told += [("order", order), ("condition", statement.condition)]
                told += [("exception to", statement.exception_to)] if statement.exception_to else []
            case MeasureRule():
                whom = statement.measure or f"measures of the class {statement.measure_class}"
                told.append(("measure", f"{statement.status.replace('-', ' ')}: {whom}"))
            case Combination():
                kind = "go together" if statement.together else "exclude each other"
                told.append((kind, ", ".join(statement.members)))
            case Need():
                told.append(("asked of", "each structure at risk"))
            case _:
                pass
        told += [("strength", statement.strength), ("basis", BASIS.get(statement.basis, statement.basis))]
        told += _review(statement.review)
        return ["| | |", "|---|---|", *(f"| {key} | {escaped(text)} |" for key, text in told if text), ""]

    def _exceptions(self, name: str) -> list[str]:
        found = [(e.id, e.says) for e in self.rules.exceptions if e.exception_to == name]
        found += [(p.id, p.says) for p in self.rules.preferences if p.exception_to == name]
        if not found:
            return []
        return ["## Exceptions", "", *(f"- [{each}]({each}.md): {escaped(says)}" for each, says in found), ""]

    def _evidence(self, evidence: Sequence[Evidence]) -> list[str]:
        lines = ["## Evidence", ""]
        if not evidence:
            return [*lines, "No published source.", ""]
        claims: dict[tuple[str, str, str], list[str | None]] = {}
        for each in evidence:
            claims.setdefault((each.cite, each.locator, each.supports), []).append(each.claim)
        for (cite, locator, supports), named in claims.items():
            source = self.rules.references[cite]
            certainty = graded(source.certainty)
            directness = f", {source.directness}" if source.directness else ""
            where = f", {escaped(locator)}" if locator else ""
            lines.append(
                f"- [{cite}](../citations.md#{_anchor(cite)}){where}: supports the {supports}; "
                f"certainty {certainty}{directness}; {source.tag}: {_TAGS[source.tag]}"
            )
            lines += [line for name in named for line in self._claim(name)]
        return [*lines, ""]

    def _claim(self, name: str | None) -> Iterator[str]:
        if name is None:
            return
        claim: Claim = self.rules.claims[name]
        yield f"  - {escaped(claim.says)}{f' “{escaped(claim.quote)}”' if claim.quote else ''}"
        if claim.k is not None and claim.n is not None:
            yield f"  - {escaped(proportion_text(claim.k, claim.n))}, exact"
        if claim.interval is not None:
            yield f"  - interval of the source: {claim.interval[0]} to {claim.interval[1]}"

    def _threshold(self, name: str) -> str:
        parameter = self.rules.parameters[name]
        value = escaped(f"{parameter_text(parameter)}, {parameter.status}")
        return f"[{name}](../parameters/{name}.md): {value}"

    def _worked(self, name: str) -> list[str]:
        lines = ["## Worked cases", ""]
        for truth in _TRUTHS:
            found = self.examples.get((name, truth), ())
            listed = "; ".join(escaped(each) for each in found[:MOST_EXAMPLES]) or "in none"
            more = f"; and {len(found) - MOST_EXAMPLES} more" if len(found) > MOST_EXAMPLES else ""
            lines.append(f"- **{truth.value}**: {listed}{more}")
        return [*lines, ""]

    # -------------------------------------------------------------------------------------------- one parameter

    def _parameter(self, name: str, parameter: Parameter) -> str:
        told = [("name", name), ("measured from", parameter.measured_from or ""), *_review(parameter.review)]
        lines = [f"# {escaped(parameter.label or spoken(name))}", "", "| | |", "|---|---|"]
        lines += [f"| {key} | {escaped(text)} |" for key, text in told if text]
        lines += ["", "## Value", "", *self._dated(parameter, parameter.unit)]
        if parameter.overridden:
            lines.append("- set by the institution")
        if parameter.history:
            lines += ["", "## Before", ""]
            for earlier in reversed(parameter.history):
                lines += self._dated(earlier, parameter.unit)
        users = [each for each, condition in self.rules.conditions.items()
                 if name in condition.parameters and not each.endswith(".done")]  # fmt: skip
        lines += ["", "## Used by", ""]
        lines += [f"- [{each}](../rules/{each}.md)" for each in users] or ["no rule; see the vocabulary's freshness"]
        return _text([*lines, "", "[Index](../index.md)"])

    def _dated(self, value: DatedValue, unit: str | None) -> Iterator[str]:
        number = f"{value.value} {unit or ''}".strip() if value.value is not None else "not set"
        yield f"- {escaped(number)}, {value.status}, from {value.since}"
        if value.cite is not None:
            where = f", {escaped(value.locator)}" if value.locator else ""
            yield f"  - [{value.cite}](../citations.md#{_anchor(value.cite)}){where}"
        else:
            yield "  - no published source"
        yield from self._claim(value.claim)
        if value.note:
            yield f"  - {escaped(value.note)}"

    # ------------------------------------------------------------------------------------------- the other pages

    def _notions(self) -> str:
        lines = ["# Notions that rules share", ""]
        for name, definition in sorted(self.rules.definitions.items()):
            lines += [f"## {name}", ""]
            lines += [escaped(definition.says), ""] if definition.says else []
            for phase, words in definition_in_words(definition, self.rules).items():
                lines += [f"In {phase}:", "", *_bullets(words), ""]
            texts = [definition.when, definition.where, *definition.phases.values()]
            lines += ["```cql", *dict.fromkeys(to_cql(parse(text)) for text in texts if text), "```", ""]
        return _text([*lines, "[Index](index.md)"])

    def _citations(self) -> str:
        lines = ["# Citations", ""]
        for cite, source in sorted(self.rules.references.items()):
            certainty = graded(source.certainty)
            link = f" [{escaped(source.url)}]({source.url})" if source.url else ""
            users = [name for name, each in statements(self.rules) if any(e.cite == cite for e in each.evidence)]
            thresholds = [name for name, p in self.rules.parameters.items() if p.cite == cite]
            used = [f"[{name}](rules/{name}.md)" for name in users]
            used += [f"[{name}](parameters/{name}.md)" for name in thresholds]
            lines += [
                f"## {cite}", "", f"{escaped(source.title)}. {escaped(reference(source.csl()))}.{link}", "",
                f"- {source.tag}: {_TAGS[source.tag]}; certainty {certainty}",
                f"- used by {', '.join(used) if used else 'no rule and no threshold'}", "",
            ]  # fmt: skip
            for claim in (claim for claim in self.rules.claims.values() if claim.cite == cite):
                lines += [line.removeprefix("  ") for line in self._claim(claim.id)]
            lines.append("")
        return _text([*lines, "[Index](index.md)"])

    def _index(self) -> str:
        head = self.rules.head
        approved = f"approved on {head.approved}" if head.approved else "nobody has approved it"
        lines = [
            f"# {escaped(head.title or head.id)}", "",
            f"Rule book of {escaped(head.id)} {escaped(head.version)}: {approved}.",
            f"Rule set {self.rules.digest}.", "",
            "[How to read a rule](how-to-read-a-rule.md) · [notions](notions.md) · [citations](citations.md)", "",
            "## By option", "",
        ]  # fmt: skip
        groups: dict[str, list[str]] = {}
        for rule in self.rules.rules:
            option = self.rules.options.get(rule.option)
            groups.setdefault(option.label if option else rule.option, []).append(rule.id)
        planner = self.rules.planner
        groups["order"] = [*groups.get("order", []), *(each.id for each in self.rules.preferences)]
        groups["exceptions"] = [each.id for each in self.rules.exceptions]
        groups["thermoprotection"] = [
            *(n.id for n in planner.need), *(m.id for m in planner.measures), *(m.id for m in planner.monitoring),
            *(c.id for c in planner.combinations),
        ]  # fmt: skip
        for name, ids in groups.items():
            if ids:
                lines += [f"### {escaped(name)}", "", *self._listed(ids), ""]
        lines += ["## By structure", ""]
        for structure, ids in self._by_structure().items():
            lines.append(f"- {escaped(structure)}: {_links(ids)}")
        lines += ["", "## By citation", ""]
        for cite in sorted(self.rules.references):
            users = [name for name, each in statements(self.rules) if any(e.cite == cite for e in each.evidence)]
            if users:
                lines.append(f"- [{cite}](citations.md#{_anchor(cite)}): {_links(users)}")
        lines += ["", "## Thresholds", ""]
        lines += [f"- [{name}](parameters/{name}.md): {escaped(parameter_text(p))}, {p.status}, from {p.since}"
                  for name, p in sorted(self.rules.parameters.items())]  # fmt: skip
        return _text(lines)

    def _listed(self, ids: Iterable[str]) -> list[str]:
        says = {name: _says(each) for name, each in statements(self.rules)}
        return [f"- [{each}](rules/{each}.md): {escaped(self._plain(says[each]))}" for each in ids]

    def _plain(self, sentence: str) -> str:
        """A sentence of a rule with its thresholds in place, and what the patient fills in named."""

        def fill(word: str, name: str) -> str:
            if name in ("label", "name"):
                return f"‹the {'other lesion' if word == 'other' else word}›"
            definition = self.rules.vocabulary.facts.get((level_of(word), name))
            return f"‹{definition.label if definition else spoken(name)}›"

        return with_places(sentence, self.rules, fill)

    def _by_structure(self) -> Mapping[str, list[str]]:
        """The criteria that can come out otherwise than nothing at each structure, asked with all else unknown."""
        lesion = {"as_of": "2000-01-01", "lesions": [{"id": "L"}]}
        contexts = contexts_of(case_from_mapping(self.rules.vocabulary, lesion))
        found: dict[str, dict[str, None]] = {s.label: {} for s in self.rules.vocabulary.structures.values()}
        effects = {rule.id: rule.effect for rule in self.rules.rules}
        for program in self.rules.programs.values():
            for criterion in program.criteria:
                name = criterion.id
                if name.endswith(".done"):  # what fulfils a rule says nothing about where it asks
                    continue
                for context in contexts.at(Level.STRUCTURE) if criterion.level is Level.STRUCTURE else ():
                    idle = Truth.TRUE if effects.get(name) == "requires" else Truth.FALSE
                    if derive(criterion.condition, blank(context), program.derived).truth is not idle:
                        found[self.rules.vocabulary.structures[context.structure_name].label][name] = None
                for node, _ in walk(criterion.condition) if criterion.level is not Level.STRUCTURE else ():
                    named = self.rules.vocabulary.structures.get(node.value) if isinstance(node, CodeLiteral) else None
                    if named is not None and any(each.level == "structure" for each in facts_of(criterion.condition)):
                        found[named.label][name] = None
        return {label: list(ids) for label, ids in found.items() if ids}


def _says(statement: Grounded) -> str:
    says: str = getattr(statement, "says", "")
    return says


def _review(review: Review | None) -> list[tuple[str, str]]:
    if review is None:
        return [("owner", "nobody is named")]
    approved = str(review.approved) if review.approved else "nobody has approved it"
    return [("owner", review.owner), ("approved", approved), ("next review", str(review.due))]


def _bullets(lines: Iterable[Statement]) -> Iterator[str]:
    return (f"{'  ' * each.depth}- {escaped(each.text)}" for each in lines)


def _links(ids: Iterable[str]) -> str:
    return ", ".join(f"[{each}](rules/{each}.md)" for each in ids)


def _anchor(cite: str) -> str:
    """The anchor that Markdown gives to a heading."""
    return cite.lower()


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


_HOW_TO_READ: Final = """\
# How to read a rule

A rule is one question to the record of one patient, and what its answer does to one option. Nothing else
decides: what you read is what runs.

**The question has three answers.** *True*, *false* and *unknown*. Unknown is never read as no: a distance
that nobody measured does not count as far away. "Less than 5 mm" answers "at most 15 mm?" with true and "at
most 3 mm?" with unknown.

**What an answer does** stands under *effect*. *Requires*: false rules the option out, or, with a correction,
asks for it first. *Excludes*: true rules it out. *Against*: true makes it conditional, for you to weigh.
*For* and *informs* are told and decide nothing. *Obliges* says who owes what, and by when. While the answer
is unknown, the verdict that hangs on it stays open. Only what a person judged or chose, an indication or a
stated safety ground rules anything out; a number alone argues.

**When** gives the question in words, then in CQL, the language that other systems can run. A notion, such as
*structure.threatened*, is spelt out among the [notions](notions.md).

**Strength** is how firmly the rule is put forward. **Certainty** is how sure its evidence is, from high to
very low. They are two things: a strong warning may rest on weak evidence. What speaks *for* an option is
never put more firmly than its evidence allows.

**Basis** says what a rule rests on: a citation, a named judgement, the patient's choice, a definition, or
nothing published. Beside each citation stands how much of it was seen: *V1* the source itself, *V2* a summary
of it, *REF* its listing, *U* nothing.

**Thresholds** have pages of their own: their value, from which day it holds, who measured it and where. An
*institution default* is nobody's finding; your institution has to set it. *Unset* judges nothing.

**Fidelity** says how closely the rule follows its source and what was left out. **Worked cases** are made-up
patients in whom the question came out true, false and unknown when this book was made.

**Approved** names the day on which somebody signed. Until then a rule is a draft.

[Index](index.md)
"""
