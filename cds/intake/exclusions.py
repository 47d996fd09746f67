"""Which of the elements that kept something from being used are those of a record that was not used after all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds.case import Absent, Case, Fact, Role, Source


def unused(case: Case, excluded: Iterable[Source]) -> tuple[Source, ...]:
    """What `Case.excluded` holds of the elements that were collected while the bundle was read.

    One reader has no use for a resource that another one reads. An element stays unless the resource gave a fact or a
    lesion and this very element is among what gave it.
    """
    facts = list(_facts(case))
    given = [s for lesion in case.lesions for s in lesion.sources]
    given += [s for fact in facts if not isinstance(fact.state, Absent) for s in fact.sources]
    used = {s.entry for s in given if s.role != Role.EXCLUSION.value}
    named = {(s.entry, s.path) for fact in facts for s in fact.sources}
    named |= {(s.entry, s.path) for s in given if s.role != Role.EXCLUSION.value}
    return tuple(s for s in excluded if s.entry not in used or (s.entry, s.path) not in named)


def _facts(case: Case) -> Iterator[Fact]:
    yield from case.patient.values()
    for lesion in case.lesions:
        yield from lesion.facts.values()
        for structure in lesion.structures:
            yield from structure.facts.values()
