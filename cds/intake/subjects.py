"""What a statement is about: the patient, a lesion, or a structure at risk of a lesion. By reference and code only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cds.case import Role, Source
from cds.intake.bundle import Entry
from cds.intake.coding import Concept, concept, extension
from cds.intake.document import Json, child, children
from cds.intake.lesions import BILATERAL, Tumour
from cds.intake.reconcile import Subject
from cds.intake.setting import ANY, Setting
from cds.vocabulary import FactDefinition, Level


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The subjects of a statement with the elements that name them.

    Where it is about something that it does not name well enough, `certain` is false, the subjects are all those that
    it may be about, and `problem` is the issue: its code, the element, its text.
    """

    subjects: tuple[Subject, ...]
    sources: tuple[Source, ...] = ()
    certain: bool = True
    problem: tuple[str, str, str] | None = None


PATIENT: Subject = ()


def whereabouts(
    entry: Entry,
    definition: FactDefinition,
    setting: Setting,
    *,
    structure: str | None = None,
    reference_elements: Sequence[str] = ("focus",),
) -> Whereabouts:
    """What an entry's statement of a fact is about. `structure` names the structure that the entry's code implies."""
    if definition.level is Level.PATIENT:
        return Whereabouts((PATIENT,))
    lesion = about_lesions(entry, setting, reference_elements)
    if definition.level is not Level.STRUCTURE:
        return lesion
    place = _structure(entry, setting, structure)
    subjects = tuple((*own, *its) for own in lesion.subjects for its in place.subjects)
    return Whereabouts(
        subjects, (*lesion.sources, *place.sources), lesion.certain and place.certain, lesion.problem or place.problem
    )


def _is_far_away(entry: Entry, setting: Setting) -> bool:
    """Whether an entry names a body site that is certainly none of the head and neck."""
    tables = setting.tables
    return concept(entry.resource.get("bodySite"), tables).any_in(tables.value_set(tables.lesions.far_sites))


def about_lesions(entry: Entry, setting: Setting, reference_elements: Sequence[str]) -> Whereabouts:
    """The lesions that an entry refers to; without reference, the only tumour of the record, if it is the only one."""
    lesions = setting.lesions
    found: dict[str, Tumour] = {}
    sources: dict[Source, None] = {}
    lost: list[str] = []
    for element, reference in _references(entry, setting, reference_elements):
        target = setting.references.resolve(reference, entry)
        held = lesions.holding(target) if target is not None else []
        if not held and target is not None and target.entry.type == "Patient":
            continue
        sources.setdefault(entry.source(element, role=Role.CONTEXT))
        if target is not None:
            for source in target.sources:
                sources.setdefault(source)
        for tumour in held:
            found.setdefault(tumour.id, tumour)
        if not held:
            lost.append(element)
    if found:
        # Only what the reference went by is named: the rest of the lesion's elements are the lesion's own sources.
        return Whereabouts(tuple((id_,) for id_ in found), tuple(sources))
    everything = tuple((tumour.id,) for tumour in lesions.tumours)
    if lost:
        return Whereabouts(
            everything,
            tuple(sources),
            False,
            (
                "not-a-lesion",
                lost[0],
                "it is about something that is no target lesion of this record; "
                "refer to the lesion's BodyStructure or Condition",
            ),
        )
    if entry.type == "Observation" and _is_far_away(entry, setting):
        details = "its body site is far from the head and neck: it is not about the record's only tumour"
        return Whereabouts((), (), False, ("not-a-lesion", "bodySite", details))
    only = lesions.only()
    if only is not None:
        return Whereabouts(((only.id,),), tuple(s for s in only.sources))
    if not everything:
        return Whereabouts((), (), False, None)
    where = reference_elements[0] if reference_elements else ""
    return Whereabouts(
        everything,
        (),
        False,
        (
            "which-lesion",
            "",
            f"the record names more than one tumour and this does not say which it is about; "
            f"refer to the lesion with `{where}`",
        ),
    )


def _references(entry: Entry, setting: Setting, elements: Sequence[str]) -> Iterable[tuple[str, Json]]:
    for element in elements:
        value = entry.resource.get(element)
        if isinstance(value, Mapping):
            yield element, value
        for item in children(entry.resource, element):
            yield element, item
    for _, item in extension(entry.resource, setting.tables.extensions.related_condition):
        yield "extension", child(item, "valueReference")


def _structure(entry: Entry, setting: Setting, implied: str | None) -> Whereabouts:
    """The structure and its side as a subject's last two parts."""
    sites = entry.resource.get("bodySite")
    site: Json = sites if isinstance(sites, Mapping) else {}
    sources = (entry.source("bodySite", role=Role.CONTEXT),) if site else ()
    said = concept(site, setting.tables) if site else None
    names = [implied] if implied else (list(_names(said, setting)) if said else [])
    if not names:
        problem = (
            "structure-not-known",
            "bodySite",
            "the structure at risk is not said by a code known here; "
            "send `bodySite` with a code of the local structure system",
        )
        return Whereabouts(((ANY, ANY),), sources, False, problem)
    if len(names) > 1:
        problem = (
            "structure-not-known",
            "bodySite",
            f"the codes name different structures: {', '.join(names)}; send one",
        )
        return Whereabouts(tuple((name, ANY) for name in names), sources, False, problem)
    definition = setting.vocabulary.structures[names[0]]
    if not definition.sided:
        return Whereabouts(((names[0], "none"),), sources)
    sides = _sides(site, setting)
    if not sides:
        problem = (
            "structure-without-side",
            "bodySite",
            f"{definition.label} has two sides and this says neither; send the laterality extension on `bodySite`",
        )
        return Whereabouts(((names[0], ANY),), sources, False, problem)
    if len(sides) > 1 and BILATERAL not in sides:
        problem = (
            "structure-without-side",
            "bodySite",
            f"{definition.label} is said to be on both {' and '.join(sides)}; send one",
        )
        return Whereabouts(((names[0], ANY),), sources, False, problem)
    both = BILATERAL in sides
    return Whereabouts(tuple((names[0], side) for side in (("left", "right") if both else sides)), sources)


def _names(said: Concept, setting: Setting) -> tuple[str, ...]:
    known = setting.vocabulary.structures
    local = [code.replace("_", "-") for code in said.local(setting.tables.local.structure)]
    mapped = said.mapped(setting.tables.code_map(setting.tables.lesions.structure))
    return tuple(dict.fromkeys(name for name in (*local, *mapped) if name in known))


def _sides(site: Json, setting: Setting) -> tuple[str, ...]:
    tables = setting.tables
    codes = tables.code_map(tables.lesions.side)
    given = [concept(e.get("valueCodeableConcept"), tables) for _, e in extension(site, tables.extensions.laterality)]
    sides = [side for c in given for side in (*c.mapped(codes), *c.local(f"{tables.local.value_prefix}side"))]
    return tuple(dict.fromkeys(side for side in sides if side in ("left", "right", BILATERAL)))
