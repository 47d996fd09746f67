"""The facts of a case in words: what is known, what is not and why, what contradicts itself, where each was read."""

from __future__ import annotations

from collections.abc import Iterator

from cds.case import NEVER_RECORDED, Case, Fact, subjects_of
from cds.explanation import words
from cds.explanation.page import Entry, Page, Section
from cds.recommendation.model import FactPart
from cds.recommendation.words import fact_part, fact_text
from cds.vocabulary import FactDefinition, FactKind, Vocabulary

Stated = tuple[str, FactDefinition, Fact]


def facts_of(case: Case, vocabulary: Vocabulary) -> Iterator[Stated]:
    """Every fact of a case with its subject and its definition; what the structure table itself gives is none."""
    for subject, level, facts in subjects_of(case):
        for name, fact in facts.items():
            definition = vocabulary.fact(level, name)
            if definition.kind is not FactKind.GIVEN:
                yield subject, definition, fact


def fact_parts(case: Case, vocabulary: Vocabulary) -> tuple[FactPart, ...]:
    """Every fact as the answer carries it."""
    return tuple(fact_part(each.path, subject, fact, each) for subject, each, fact in facts_of(case, vocabulary))


def facts_page(case: Case, vocabulary: Vocabulary, *, name: str, unfold: bool = False) -> Page:
    """The facts as a page; folded, what was never recorded is counted, by its label, under each subject."""
    labels = {"patient": "Patient"} | {lesion.id: f"{lesion.id} · {lesion.label}" for lesion in case.lesions}
    labels |= {
        f"{lesion.id}/{structure.key}": f"{lesion.id} · {structure.label}"
        for lesion in case.lesions
        for structure in lesion.structures
    }
    by_subject: dict[str, list[Stated]] = {subject: [] for subject in labels}
    for stated in facts_of(case, vocabulary):
        by_subject[stated[0]].append(stated)
    unspoken = [subject for subject, facts in by_subject.items()
                if "/" in subject and not any(map(_is_said, facts))]  # fmt: skip
    sections = [
        Section(1, "Facts", f"{name} · as of {case.as_of} · {words.counted(len(case.lesions), 'target lesion')}")
    ]
    for subject, facts in by_subject.items():
        if unfold or subject not in unspoken:
            sections.append(_subject(labels[subject], facts, unfold))
    if unspoken and not unfold:
        listed = words.some((labels[subject] for subject in unspoken), 4)
        detail = f"{words.counted(len(unspoken), 'structure')} at risk of which the record says nothing: {listed}"
        sections.append(Section(3, "Not spoken of", detail))
    sections += _remarks(case, unfold)
    return Page(tuple(sections))


def _is_said(stated: Stated) -> bool:
    """Whether the record, or its silence, says anything of a fact; a document that nobody wrote says nothing."""
    fact = stated[2]
    return fact != NEVER_RECORDED and bool(fact.sources or fact.note != "not documented")


def _subject(label: str, facts: list[Stated], unfold: bool) -> Section:
    said = [stated for stated in facts if unfold or _is_said(stated)]
    entries = [_entry(definition, fact, unfold) for _, definition, fact in said]
    silent = [definition.label for _, definition, fact in facts if fact == NEVER_RECORDED]
    if silent and not unfold:
        entries.append(Entry(f"{words.counted(len(silent), 'fact')} never recorded: {words.some(silent, 6)}"))
    undocumented = [definition.label for _, definition, fact in facts if fact.note == "not documented"]
    if undocumented and not unfold:
        entries.append(
            Entry(f"{words.counted(len(undocumented), 'document')} not there: {words.some(undocumented, 6)}")
        )
    known = sum(fact.is_known for _, _, fact in said)
    return Section(3, label, f"{known} known, {len(facts) - known} not known or not documented", tuple(entries))


def _entry(definition: FactDefinition, fact: Fact, unfold: bool) -> Entry:
    note = f"; {fact.note}" if fact.note else ""
    text = f"{definition.label} ({definition.path}): {fact_text(fact, definition)}{note}"
    return Entry(text, words.elements(fact.sources, unfold=unfold))


def _remarks(case: Case, unfold: bool) -> Iterator[Section]:
    if case.excluded and not unfold:
        resources = dict.fromkeys(each.resource for each in case.excluded)
        number = words.counted(len(resources), "resource")
        yield Section(3, "Not used", f"{number} of the record: {words.some(resources, 8)}")
    elif case.excluded:
        entries = tuple(Entry(f"{each.resource}: {each.path}", each.entry) for each in case.excluded)
        yield Section(3, "Not used", "elements that kept a resource from being used", entries)
    if case.issues:
        issues = tuple(
            Entry(
                f"{each.expression}: {each.details}" if each.expression else each.details,
                f"{each.severity}; {each.code}",
            )
            for each in case.issues
        )
        yield Section(3, "About the input", words.counted(len(issues), "remark"), issues)
