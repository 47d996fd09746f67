"""Facts, values and sentences of a decision in words: the only place where a value becomes text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from cds.case import Absent, Conflicting, Fact, Known, Source, Value
from cds.language.types import QuantityType
from cds.quantities import DateSpan, Interval, decimal_text
from cds.reasoning.changes import Change
from cds.reasoning.contexts import Context
from cds.recommendation.model import DateValue, FactPart, FactValue, NumberValue, SourcePart
from cds.ruleset import RuleSet
from cds.ruleset.model import Parameter
from cds.vocabulary import FactDefinition, level_of

NOT_KNOWN: Final = "not known"
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PLACE: Final = re.compile(r"\{([a-z]+)\.([A-Za-z][A-Za-z0-9_]*)\}")


def spoken(name: str) -> str:
    """A fact's or parameter's name as words, without its level.

    >>> spoken("lesion.carotidEncasement"), spoken("patient.initialStageIV")
    ('carotid encasement', 'initial stage IV')
    """
    words = _WORD.sub(" ", name.rpartition(".")[2]).split()
    return " ".join(word if word.isupper() else word.lower() for word in words)


def value_text(value: Value, definition: FactDefinition) -> str:
    """A value as people read it: `270 deg`, `unresectable`, `yes`, `2026-03`.

    >>> from fractions import Fraction
    >>> from cds.testing import sample_vocabulary
    >>> value_text(Interval.point(Fraction(20)), sample_vocabulary().fact(level_of("lesion"), "diameter"))
    '20 mm'
    """
    match value:
        case bool():
            return "yes" if value else "no"
        case Interval():
            unit = definition.type.unit if isinstance(definition.type, QuantityType) else "1"
            return f"{value} {unit}" if unit != "1" else str(value)
        case DateSpan():
            return str(value)
        case str():
            return definition.value_labels.get(value, value)


def region_text(region: Interval, definition: FactDefinition) -> str:
    """Numbers that a fact may have, as people read them; the bounds of what is plausible at all are left out.

    >>> from fractions import Fraction
    >>> from cds.testing import sample_vocabulary
    >>> from cds.vocabulary import Level
    >>> diameter = sample_vocabulary().fact(Level.LESION, "diameter")  # 0 to 300 mm
    >>> region_text(Interval(Fraction(0), Fraction(5), high_open=True), diameter)
    'less than 5 mm'
    """
    plausible, type_ = definition.plausible, definition.type
    unit = f" {type_.unit}" if isinstance(type_, QuantityType) and type_.unit != "1" else ""
    low = None if plausible is not None and region.low == plausible.low else region.low
    high = None if plausible is not None and region.high == plausible.high else region.high
    if region.is_point or (low is None and high is None):
        return value_text(region, definition)
    if low is not None and high is not None and not (region.low_open or region.high_open):
        return f"from {decimal_text(low)} to {decimal_text(high)}{unit}"
    ends = [f"{'more than' if region.low_open else 'at least'} {decimal_text(low)}"] if low is not None else []
    ends += [f"{'less than' if region.high_open else 'at most'} {decimal_text(high)}"] if high is not None else []
    return f"{' and '.join(ends)}{unit}"


def change_text(change: Change) -> str:
    """What a fact would have to be: `at most 1.8`, `unresectable or not offered`, `yes`."""
    definition = change.definition
    texts = [
        region_text(value, definition) if isinstance(value, Interval) else value_text(value, definition)
        for value in change.values
    ]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def fact_text(fact: Fact, definition: FactDefinition) -> str:
    """A fact as people read it; unknown ones say why.

    >>> from cds.case import NEVER_RECORDED
    >>> from cds.testing import sample_vocabulary
    >>> fact_text(NEVER_RECORDED, sample_vocabulary().fact(level_of("lesion"), "diameter"))
    'not known (never recorded)'
    """
    match fact.state:
        case Known(value):
            return value_text(value, definition)
        case Absent(reason, note):
            return f"{NOT_KNOWN} ({reason.value.replace('-', ' ')}{': ' + note if note else ''})"
        case Conflicting(values):
            return f"{NOT_KNOWN} (sources disagree: {' / '.join(value_text(value, definition) for value in values)})"


def value_part(value: Value, definition: FactDefinition) -> FactValue:
    """A value as the answer carries it; numbers as decimal text."""
    match value:
        case bool() | str():
            return value
        case DateSpan():
            return DateValue(first=value.first, last=value.last)
        case Interval():
            return NumberValue(
                low=decimal_text(value.low) if value.low is not None else None,
                high=decimal_text(value.high) if value.high is not None else None,
                unit=definition.type.unit if isinstance(definition.type, QuantityType) else None,
                low_open=value.low_open,
                high_open=value.high_open,
            )


def source_part(source: Source) -> SourcePart:
    """An element of the record as the answer carries it."""
    return SourcePart(
        resource=source.resource,
        version=source.version,
        path=source.path,
        date=source.date,
        entry=source.entry or None,
        mapping=source.mapping or None,
        role=source.role,
    )


def fact_part(
    name: str,
    subject: str,
    fact: Fact,
    definition: FactDefinition,
    source: Callable[[Source], SourcePart] = source_part,
) -> FactPart:
    """A fact as the answer carries it, with its sources."""
    state = fact.state
    values = state.values if isinstance(state, Conflicting) else ()
    return FactPart(
        name=name,
        label=definition.label,
        subject=subject,
        status="known" if isinstance(state, Known) else "absent" if isinstance(state, Absent) else "conflicting",
        value=value_part(state.value, definition) if isinstance(state, Known) else None,
        display=fact_text(fact, definition),
        reason=state.reason.value if isinstance(state, Absent) else None,
        note=fact.note or (state.note if isinstance(state, Absent) else "") or None,
        values=tuple(value_part(value, definition) for value in values),
        sources=tuple(map(source, fact.sources)),
    )


def parameter_text(parameter: Parameter) -> str:
    """A parameter's value with its unit.

    >>> from cds.ruleset import load_rules
    >>> parameter_text(load_rules().parameters["carotidEncasementLimit"])
    '270 deg'
    """
    if parameter.value is None:
        return "not set"
    number = f"{parameter.value.normalize():f}" if not isinstance(parameter.value, int) else str(parameter.value)
    return f"{number} {parameter.unit}" if parameter.unit and parameter.unit != "1" else number


def filled(template: str, context: Context, rules: RuleSet, labels: Callable[[str], str]) -> str:
    """A sentence of a rule with its places filled from the case: `{lesion.carotidEncasement}`, `{parameters.inrLimit}`.

    `labels` gives the label of a lesion or a structure by its subject. Every place names something: one that does not
    is found when the rule set loads.
    """

    def fill(word: str, name: str) -> str:
        if name in ("label", "name"):
            return labels(context.subjects[word])
        return fact_text(context.facts[word][name], rules.vocabulary.fact(level_of(word), name))

    text = with_places(template, rules, fill)
    return text[:1].upper() + text[1:]


def with_places(template: str, rules: RuleSet, fill: Callable[[str, str], str]) -> str:
    """A sentence of a rule with its thresholds in place; `fill` gives what stands for any other `{word.name}`.

    >>> from cds.ruleset import load_rules
    >>> sentence = "above {parameters.carotidEncasementLimit}, here {lesion.carotidEncasement}"
    >>> with_places(sentence, load_rules(), lambda word, name: f"<{spoken(name)}>")
    'above 270 deg, here <carotid encasement>'
    """

    def filled_in(place: re.Match[str]) -> str:
        word, name = place.groups()
        return parameter_text(rules.parameters[name]) if word == "parameters" else fill(word, name)

    return _PLACE.sub(filled_in, template)
