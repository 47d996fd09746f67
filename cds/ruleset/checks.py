"""Every part of a rule set checked against every other: names that resolve, shapes that make sense together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from cds.errors import Finding, Position
from cds.language.types import BooleanType
from cds.ruleset.files import Parts, Placed, hint
from cds.ruleset.model import Claim, Evidence, Outcome, Parameter, Preference, Rule
from cds.ruleset.names import WORDS
from cds.vocabulary import Level, Vocabulary, level_of

PLACE: Final = re.compile(r"\{([^{}]*)\}")
"""A place in a sentence that the case fills: `{lesion.carotidEncasement}`."""


def check(parts: Parts, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Everything wrong between the parts of a rule set; conditions are checked where they are compiled."""
    yield from _ids(parts)
    yield from _rules(parts)
    yield from _exceptions(parts)
    yield from _preferences(parts)
    yield from _evidence(parts)
    yield from _claims(parts)
    yield from _options(parts, vocabulary)
    yield from _attributes(parts, vocabulary)
    yield from _freshness(parts)
    yield from _ordered(parts)
    yield from _planner(parts, vocabulary)
    yield from _sentences(parts, vocabulary)


def _ids(parts: Parts) -> Iterator[Finding]:
    """Ids name criteria, and so does an id with `.done`."""
    first: dict[str, Position] = {}
    for item in (*parts.grounded, *parts.combinations):
        place = item.position("id")
        ids = [item.item.id, *([f"{item.item.id}.done"] if getattr(item.item, "done", None) is not None else [])]
        for name in ids:
            if name in first:
                message = f"`{name}` is taken by {first[name]}; give one of the two another id"
                yield Finding("duplicate-id", place, message)
            first.setdefault(name, place)


def _rules(parts: Parts) -> Iterator[Finding]:
    options = parts.head.options
    accepted = [*options, "any", "scope", "order"]
    excluding: set[str] = set()
    for item in parts.rules:
        rule: Rule = item.item
        if rule.option not in accepted:
            known = hint(rule.option, accepted)
            message = f"`{rule.option}` is not an option{known}; accepted are {', '.join(accepted)}"
            yield Finding("unknown-option", item.position("option"), message)
        if rule.option in ("scope", "order") and (rule.effect != "requires" or rule.for_each != "lesion"):
            message = f"a rule of `{rule.option}` is a `requires` for each lesion; write it so"
            yield Finding("gate-shape", item.position(), message)
        unremedied = rule.effect == "requires" and rule.remedy is None
        if rule.phase == "decision" and (rule.effect == "excludes" or unremedied):
            excluding.add(rule.option)
    for option in options:
        if option not in excluding and "any" not in excluding:
            message = f"nothing can exclude `{option}`; give it a `requires` or an `excludes` rule"
            yield Finding("option-without-exclusion", parts.head_document.position(("options", option)), message)


def _exceptions(parts: Parts) -> Iterator[Finding]:
    ids = [item.item.id for item in parts.rules]
    for item in parts.exceptions:
        overridden = item.item.exception_to
        if overridden not in ids:
            message = f"`{overridden}` is not a rule{hint(overridden, ids)}; name the rule that it overrides"
            yield Finding("unknown-rule", item.position("exception_to"), message)


def _preferences(parts: Parts) -> Iterator[Finding]:
    by_id: Mapping[str, Placed] = {item.item.id: item for item in parts.preferences}
    for item in parts.preferences:
        preference: Preference = item.item
        for option in (option for group in preference.order for option in group):
            if option not in parts.head.options:
                message = f"`{option}` is not an option; accepted are {', '.join(parts.head.options)}"
                yield Finding("unknown-option", item.position("order"), message)
        seen = [preference.id]
        while (parent := by_id[seen[-1]].item.exception_to) is not None:
            place = item.position("exception_to")
            if parent not in by_id:
                message = f"`{parent}` is not a preference{hint(parent, by_id)}; name the one it overrides"
                yield Finding("unknown-rule", place, message)
                break
            if parent in seen:
                message = f"exceptions of one another: {' → '.join([*seen, parent])}; drop one of them"
                yield Finding("exception-cycle", place, message)
                break
            seen.append(parent)


def _evidence(parts: Parts) -> Iterator[Finding]:
    cited = list(_citations(parts))
    for item in (*parts.grounded, *parts.combinations):
        evidence: tuple[Evidence, ...] = item.item.evidence
        places = (item.document.position((*item.path, "evidence", index, "cite")) for index in range(len(evidence)))
        cited += [(entry.cite, place) for entry, place in zip(evidence, places, strict=True)]
        if item.item.basis == "cited" and not evidence:
            message = f"`{item.item.id}` says `basis: cited` and cites nothing; cite, or say what it rests on"
            yield Finding("uncited", item.position("basis"), message)
    for cite, place in cited:
        if cite not in parts.references:
            message = f"no reference `{cite}`{hint(cite, parts.references)}; add it to references.json with its tag"
            yield Finding("unknown-reference", place, message)


def _citations(parts: Parts) -> Iterator[tuple[str, Position]]:
    """What cites beside rules: options, alternatives, attributes, structures, claims, parameters."""
    for name, option in parts.head.options.items():
        place = parts.head_document.position(("options", name))
        yield from ((entry.cite, place) for entry in (option.banner.evidence if option.banner else ()))
        yield from ((outcome.cite, place) for outcome in option.outcomes)
    for index, alternative in enumerate(parts.head.alternatives):
        place = parts.head_document.position(("alternatives", index))
        yield from ((entry.cite, place) for entry in alternative.evidence)
    for name, structure in parts.table.structures.items():
        place = parts.table_document.position(("structures", name, "evidence"))
        yield from ((cite, place) for cite in structure.evidence)
    for index, attribute in enumerate(parts.head.source_attributes):
        place = parts.head_document.position(("source_attributes", index))
        yield from ((entry.cite, place) for entry in attribute.evidence)
    yield from ((item.item.cite, item.position("cite")) for item in parts.claims)
    for name, value, within in parts.parameters.dated():
        if value.cite is not None:
            yield value.cite, parts.parameters.position(name, *within, "cite")


def _claims(parts: Parts) -> Iterator[Finding]:
    """Claims under their reference's tag, and nothing that rests on one and says something else."""
    claims: dict[str, Claim] = {}
    for item in parts.claims:
        claim: Claim = item.item
        if claim.id in claims:
            yield Finding("duplicate-id", item.position("id"), f"the claim `{claim.id}` stands twice; keep one")
        claims.setdefault(claim.id, claim)
        reference = parts.references.get(claim.cite)
        if reference is not None and reference.tag != claim.tag:
            message = f"`{claim.id}` says {claim.tag}, `{claim.cite}` is {reference.tag} in references.json; keep that"
            yield Finding("claim-mismatch", item.position("tag"), message)
    for name, cite, place, value in _claimed(parts):
        stated = claims.get(name)
        if stated is None:
            yield Finding("unknown-claim", place, f"no claim `{name}`{hint(name, claims)}; add it to claims.yaml")
        elif stated.cite != cite:
            message = f"`{name}` is a claim of `{stated.cite}`, cited here is `{cite}`; name one of the two"
            yield Finding("claim-mismatch", place, message)
        elif wrong := _not_said(value, stated):
            yield Finding("claim-mismatch", place, f"{wrong}; write what the source says, or drop the claim")


def _claimed(parts: Parts) -> Iterator[tuple[str, str | None, Position, Parameter | Outcome | None]]:
    """Everything that rests on a claim: its name, the reference cited beside it, its place, what it states."""
    for item in (*parts.grounded, *parts.combinations):
        for index, entry in enumerate(item.item.evidence):
            if entry.claim is not None:
                place = item.document.position((*item.path, "evidence", index, "claim"))
                yield entry.claim, entry.cite, place, None
    for option_name, option in parts.head.options.items():
        for index, outcome in enumerate(option.outcomes):
            if outcome.claim is not None:
                place = parts.head_document.position(("options", option_name, "outcomes", index, "claim"))
                yield outcome.claim, outcome.cite, place, outcome
        for index, entry in enumerate(option.banner.evidence if option.banner else ()):
            if entry.claim is not None:
                place = parts.head_document.position(("options", option_name, "banner", "evidence", index, "claim"))
                yield entry.claim, entry.cite, place, None
    for index, alternative in enumerate(parts.head.alternatives):
        for number, entry in enumerate(alternative.evidence):
            if entry.claim is not None:
                place = parts.head_document.position(("alternatives", index, "evidence", number, "claim"))
                yield entry.claim, entry.cite, place, None
    for name, value, within in parts.parameters.dated():
        if value.claim is not None:
            place = parts.parameters.position(name, *within, "claim")
            then = parts.parameters.values[name].model_copy(update={"value": value.value})
            yield value.claim, value.cite, place, then


def _not_said(stated: Parameter | Outcome | None, claim: Claim) -> str:
    """What is stated and does not stand in the claim; empty where all of it does."""
    if isinstance(stated, Outcome) and (stated.k, stated.n) != (claim.k, claim.n):
        return f"`{claim.id}` does not say {stated.k} of {stated.n}"
    if isinstance(stated, Parameter):
        if stated.value is not None and stated.value not in claim.numbers:
            return f"`{claim.id}` does not say {stated.value}"
        if stated.unit != claim.unit:
            return f"`{claim.id}` counts in `{claim.unit}`, the parameter in `{stated.unit}`"
    return ""


def _options(parts: Parts, vocabulary: Vocabulary) -> Iterator[Finding]:
    for name, option in parts.head.options.items():
        definition = vocabulary.facts.get((Level.LESION, option.declined_by.removeprefix("lesion.")))
        if definition is None or not isinstance(definition.type, BooleanType):
            message = f"`{option.declined_by}` is not a fact of the lesion that is Boolean; name the patient's choice"
            yield Finding("unknown-fact", parts.head_document.position(("options", name, "declined_by")), message)


def _attributes(parts: Parts, vocabulary: Vocabulary) -> Iterator[Finding]:
    known = {definition.path for definition in vocabulary.facts.values()}
    seen: set[str] = set()
    for index, attribute in enumerate(parts.head.source_attributes):
        place = parts.head_document.position(("source_attributes", index))
        if attribute.id in seen:
            yield Finding("duplicate-id", place, f"the attribute `{attribute.id}` stands twice; keep one")
        seen.add(attribute.id)
        for name in attribute.facts:
            if name not in known:
                message = f"`{name}` is no fact of the vocabulary{hint(name, known)}; name one that is"
                yield Finding("unknown-fact", place, message)


def _freshness(parts: Parts) -> Iterator[Finding]:
    levels = (("patient", parts.facts.patient), ("lesion", parts.facts.lesion), ("structure", parts.facts.structure))
    for level, entries in levels:
        for name, entry in entries.items():
            within = entry.fresh.within if entry.fresh else None
            if within is not None and within not in parts.parameters.values:
                message = f"no parameter `{within}`{hint(within, parts.parameters.values)}; name one that is there"
                yield Finding("unknown-parameter", parts.facts_document.position((level, name, "fresh")), message)


def _ordered(parts: Parts) -> Iterator[Finding]:
    """Parameters that go by pairs stay in their order, on every day and under every overlay."""
    values = parts.parameters.values
    for name, upper in values.items():
        if upper.at_least is None:
            continue
        lower = values.get(upper.at_least)
        if lower is None:
            message = f"no parameter `{upper.at_least}`{hint(upper.at_least, values)}; name one that is there"
            yield Finding("unknown-parameter", parts.parameters.position(name, "at_least"), message)
            continue
        # The institution's own value is the one to change.
        blamed = upper.at_least if lower.overridden and not upper.overridden else name
        for day in sorted({*upper.days, *lower.days}):
            high, low = upper.on(day).value, lower.on(day).value
            if high is not None and low is not None and high < low:
                message = (
                    f"`{name}` is {high} from {day} on and `{upper.at_least}` {low}; `{name}` is at least "
                    f"`{upper.at_least}`: change one of them"
                )
                yield Finding("parameter-order", parts.parameters.position(blamed), message)
                break


def _planner(parts: Parts, vocabulary: Vocabulary) -> Iterator[Finding]:
    classes = sorted({str(measure.measure_class) for measure in vocabulary.measures.values()})
    for index, rule in enumerate(parts.planner.measures):
        place = parts.planner_document.position(("measures", index))
        if rule.measure is not None and rule.measure not in vocabulary.measures:
            known = hint(rule.measure, vocabulary.measures)
            yield Finding("unknown-measure", place, f"no measure `{rule.measure}`{known}; add it to structures.yaml")
        if rule.measure_class is not None and rule.measure_class not in classes:
            message = f"no measure is of class `{rule.measure_class}`; accepted are {', '.join(classes)}"
            yield Finding("unknown-measure", place, message)
    listed = {*vocabulary.measures, *vocabulary.monitoring}
    for item in parts.combinations:
        for name in item.item.members:
            if name not in listed:
                place = item.position("together" if item.item.together else "excludes")
                message = f"no measure or monitoring `{name}`{hint(name, listed)}; add it to structures.yaml"
                yield Finding("unknown-measure", place, message)


def _sentences(parts: Parts, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Every place of every sentence names something: else the answer fails with the patient who makes it speak."""
    for item in parts.grounded:
        level = Level(getattr(item.item, "for_each", None) or _decided_at(item, parts))
        for key in ("says", "otherwise", "remedy"):
            text = getattr(item.item, key, None)
            for name in PLACE.findall(text or ""):
                if not _is_fillable(name, level, parts, vocabulary):
                    message = f"`{{{name}}}` names nothing here; name a fact, a label or a parameter of this level"
                    yield Finding("unknown-place", item.position(key), message)


def _decided_at(item: Placed, parts: Parts) -> str:
    """The level of an exception is its rule's; what is left is the planner's, at structures."""
    overridden = getattr(item.item, "exception_to", None)
    rule = next((rule.item for rule in parts.rules if rule.item.id == overridden), None)
    return str(rule.for_each) if rule is not None else Level.STRUCTURE.value


def _is_fillable(name: str, level: Level, parts: Parts, vocabulary: Vocabulary) -> bool:
    word, _, member = name.partition(".")
    if word == "parameters":
        return member in parts.parameters.values
    if word not in WORDS[level]:
        return False
    if member in ("label", "name"):
        return word != "patient"
    return (level_of(word), member) in vocabulary.facts
