"""What a statement is about: the patient, a lesion, or a structure at risk of a lesion. By reference and code only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cds.case import Role, Source
from cds.intake.bundle import Entry
from cds.intake.coding import Concept, concept, extension
from cds.intake.document import Json, child, children
from cds.intake.reconcile import Subject
from cds.intake.references import Target
from cds.intake.setting import ANY, Setting
from cds.intake.standing import is_subsetted
from cds.intake.tumours import BILATERAL, Tumour
from cds.ruleset.mapping import MappingTables
from cds.vocabulary import FactDefinition, Level


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The subjects of a statement with the elements that name them.

    Where it is about something that it does not name well enough, `certain` is false, the subjects are all those that
    it may be about, and `problem` is the issue: its code, the element, its text. `possible` are the subjects that a
    statement may be about besides those that it certainly is about.
    """

    subjects: tuple[Subject, ...]
    sources: tuple[Source, ...] = ()
    certain: bool = True
    problem: tuple[str, str, str] | None = None
    possible: tuple[Subject, ...] = ()


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
        if not setting.references.has_unknown_focus(entry):
            return Whereabouts((PATIENT,))
        details = "its focus is nothing that this record holds: it may be about somebody else; send what it is about"
        source = entry.source("focus", role=Role.CONTEXT)
        return Whereabouts((PATIENT,), (source,), False, ("unknown-subject", "focus", details))
    lesion = about_lesions(entry, setting, reference_elements, at_site=definition.level is Level.LESION)
    if definition.level is not Level.STRUCTURE:
        return lesion
    place = _structure(entry, setting, structure)
    return Whereabouts(
        _crossed(lesion.subjects, place.subjects),
        (*lesion.sources, *place.sources),
        lesion.certain and place.certain,
        lesion.problem or place.problem,
        _crossed(lesion.possible, place.subjects),
    )


def _crossed(lesions: Iterable[Subject], places: Sequence[Subject]) -> tuple[Subject, ...]:
    return tuple((*own, *its) for own in lesions for its in places)


def about_lesions(
    entry: Entry, setting: Setting, reference_elements: Sequence[str], *, at_site: bool = True
) -> Whereabouts:
    """The lesions that an entry refers to; without reference, the only tumour of the record, if it is the only one.

    With `at_site`, the entry's `bodySite` is where the lesion is, not which structure at risk is spoken of: what is at
    another place is not about the only tumour.
    """
    lesions = setting.lesions
    everything = tuple((tumour.id,) for tumour in lesions.tumours)
    found: dict[str, Tumour] = {}
    sources: dict[Source, None] = {}
    lost: list[str] = []
    elsewhere: list[str] = []
    inherited = False
    for pointer in _pointers(entry, setting, reference_elements, at_site=at_site):
        target = setting.references.resolve(pointer.reference, pointer.origin)
        held = lesions.holding(target) if target is not None else []
        if not held and target is not None and target.entry.type == "Patient":
            continue
        for source in _named(pointer, target, entry, setting):
            sources.setdefault(source)
        for tumour in held:
            found.setdefault(tumour.id, tumour)
        inherited = inherited or pointer.origin is not entry
        if not held:
            element = pointer.element if pointer.origin is entry else ""
            (elsewhere if target is not None and lesions.is_other(target) else lost).append(element)
    # Only what a reference went by is named: the rest of the lesion's elements are the lesion's own sources.
    named, own = tuple(sources), tuple((id_,) for id_ in found)
    if lost:
        details = (
            "it is about something that is no target lesion of this record; refer to the lesion's BodyStructure or "
            "Condition"
        )
        problem = ("not-a-lesion", lost[0], details)
        if found:
            return Whereabouts(own, named, True, problem, tuple(one for one in everything if one not in own))
        return Whereabouts(everything, named, False, problem)
    if inherited and len(own) > 1:
        details = "the groups that it is a member of are about different lesions; refer to the lesion with `focus`"
        return Whereabouts(own, named, False, ("which-lesion", "", details))
    if found:
        doubt = _elsewhere(entry, found.values(), setting) if at_site and entry.type == "Observation" else None
        if doubt is not None:
            whose = dict.fromkeys(source for tumour in found.values() for source in tumour.sources)
            site = entry.source("bodySite", role=Role.CONTEXT)
            return Whereabouts(own, (*named, site, *whose), False, ("not-a-lesion", "bodySite", doubt))
        return Whereabouts(own, named)
    if elsewhere:
        details = "it is about another diagnosis or tumour, none of the target lesions; nothing was attached to them"
        return Whereabouts((), named, False, ("not-a-lesion", elsewhere[0], details))
    return _without_reference(entry, setting, everything, reference_elements, at_site=at_site)


def _named(pointer: _Pointer, target: Target | None, entry: Entry, setting: Setting) -> Iterator[Source]:
    """The elements by which a reference was followed, or that kept it from being followed."""
    yield from pointer.sources
    if pointer.origin is entry:
        yield entry.source(pointer.element, role=Role.CONTEXT)
    yield from target.sources if target is not None else setting.references.obstacles(pointer.reference, pointer.origin)


def about_the_tumour(
    entry: Entry, stages: Mapping[int, Sequence[tuple[Entry, Source]]], setting: Setting
) -> Whereabouts:
    """Whether a staging is that of the head and neck tumour: then it is the patient's, as far as facts are.

    `stages` are, by the place of a staging, the Conditions that name it as their stage's assessment. Without any
    reference it is that of the record's cancer where there is none elsewhere.
    """
    lesions = setting.lesions
    nearby = {other.index for other in lesions.nearby}
    sources: dict[Source, None] = {}
    here = False
    lost: list[str] = []
    elsewhere: list[str] = []
    targets: list[tuple[str, Target | None, tuple[Source, ...]]] = []
    for pointer in _pointers(entry, setting, ("focus",)):
        target = setting.references.resolve(pointer.reference, pointer.origin)
        element = pointer.element if pointer.origin is entry else ""
        targets.append((element, target, tuple(_named(pointer, target, entry, setting))))
    for staged, way in ((entry, ()), *setting.groups(entry)):
        targets += [("", Target(condition), (*way, source)) for condition, source in stages.get(staged.index, ())]
    for element, target, named in targets:
        if target is not None and target.entry.type == "Patient":
            continue
        for source in named:
            sources.setdefault(source)
        if target is not None and (lesions.holding(target) or target.entry.index in nearby):
            here = True
        else:
            (elsewhere if target is not None and lesions.is_other(target) else lost).append(element)
    if here and elsewhere:
        details = "it stages the head and neck tumour and something else at once; refer to one Condition with `focus`"
        return Whereabouts((PATIENT,), tuple(sources), False, ("which-lesion", elsewhere[0], details))
    if here:
        details = "it also refers to something that this record does not hold; refer to the Condition that it stages"
        problem = ("which-lesion", lost[0], details) if lost else None
        return Whereabouts((PATIENT,), tuple(sources), True, problem)
    if elsewhere and not lost:
        details = "it stages another cancer than one of the head and neck; nothing was read from it"
        return Whereabouts((), tuple(sources), False, ("not-a-lesion", elsewhere[0], details))
    if lost or any(other.index not in nearby for other in lesions.others):
        details = "it does not say which of the record's cancers it stages; refer to the Condition with `focus`"
        return Whereabouts((PATIENT,), tuple(sources), False, ("which-lesion", lost[0] if lost else "", details))
    return Whereabouts((PATIENT,))


def _without_reference(
    entry: Entry, setting: Setting, everything: tuple[Subject, ...], elements: Sequence[str], *, at_site: bool
) -> Whereabouts:
    only = setting.lesions.only()
    site = (entry.source("bodySite", role=Role.CONTEXT),) if "bodySite" in entry.resource else ()
    if _is_far_away(entry, setting):
        details = "its body site is far from the head and neck: it is not about the record's only tumour"
        return Whereabouts((), site, False, ("not-a-lesion", "bodySite", details))
    if is_subsetted(entry) and not any(element in entry.resource for element in elements):
        details = "it is only a part of the resource, and what it is about may have been left out"
        return Whereabouts(everything, (), False, ("which-lesion", "meta.tag", details))
    if only is not None:
        doubt = _not_there(entry, only, setting) if at_site and site else None
        if doubt is not None:
            return Whereabouts(everything, (*site, *only.sources), False, ("not-a-lesion", "bodySite", doubt))
        return Whereabouts(((only.id,),), (*(site if at_site else ()), *only.sources))
    if not everything:
        return Whereabouts((), (), False, None)
    where = elements[0] if elements else ""
    details = (
        "the record names more than one tumour and this does not say which it is about; "
        f"refer to the lesion with `{where}`"
    )
    return Whereabouts(everything, (), False, ("which-lesion", "", details))


def _sites(entry: Entry) -> list[Json]:
    """The body sites of an entry: one in an Observation, a list in a Procedure and a request."""
    single = entry.resource.get("bodySite")
    return [single] if isinstance(single, Mapping) else children(entry.resource, "bodySite")


def _is_far_away(entry: Entry, setting: Setting) -> bool:
    """Whether an entry names body sites that are certainly none of the head and neck."""
    tables = setting.tables
    far = tables.value_set(tables.lesions.far_sites)
    sites = _sites(entry)
    return bool(sites) and all(concept(site, tables).any_in(far) for site in sites)


def _elsewhere(entry: Entry, tumours: Iterable[Tumour], setting: Setting) -> str | None:
    """Why an entry that refers to lesions may be about none of them: its body site is certainly not theirs."""
    if _is_far_away(entry, setting):
        return "it refers to a lesion, and its body site is far from the head and neck; correct one of them"
    for tumour in tumours:
        for site in _sites(entry):
            sides = {side for side in _sides(site, setting) if side != BILATERAL}
            if sides and not sides & (tumour.said("side") or sides):
                return "it refers to a lesion, and its body site is on the other side; correct one of them"
    return None


def _not_there(entry: Entry, tumour: Tumour, setting: Setting) -> str | None:
    """Why an entry's body site may not be where a lesion is; `None` where it is, or is in the head and neck at all."""
    tables = setting.tables
    own = {
        code
        for held in (*tumour.bodies, *tumour.conditions)
        for place in (child(held.resource, "location"), *children(held.resource, "bodySite"))
        for code in concept(place, tables).raw
    }
    known = tumour.said("site")
    for site in _sites(entry):
        said = concept(site, tables)
        sides = {side for side in _sides(site, setting) if side != BILATERAL}
        if sides and not sides & (tumour.said("side") or sides):
            return "its body site is on the other side than the record's only tumour; refer to the lesion"
        if own & set(said.raw) or _names(said, setting):
            continue
        words = _site_words(said, tables)
        if not words:
            return "its body site is none that is known here, so it may not be about the record's only tumour"
        if known and not words & {*known, tables.lesions.unspecified}:
            return "its body site is not that of the record's only tumour; refer to the lesion it is about"
    return None


def _site_words(said: Concept, tables: MappingTables) -> set[str]:
    local = (code.replace("-", "_") for code in said.local(f"{tables.local.value_prefix}site"))
    return {*said.mapped(tables.code_map(tables.lesions.site)), *local}


def in_head_and_neck(place: Concept, tables: MappingTables) -> bool:
    """Whether a place is known to be one of head and neck."""
    return bool(_site_words(place, tables))


@dataclass(frozen=True, slots=True)
class _Pointer:
    """A reference by which an entry says what it is about, the entry and element where it stands, what led there."""

    reference: Json
    origin: Entry
    element: str
    sources: tuple[Source, ...] = ()


def _pointers(entry: Entry, setting: Setting, elements: Sequence[str], *, at_site: bool = False) -> list[_Pointer]:
    """An entry's own references, or those of the groups that it is a member of, where it has none itself.

    With `at_site`, the BodyStructure that an Observation says it was made at is such a reference too.
    """
    own = list(_references(entry, setting, elements))
    if not own and at_site and entry.type == "Observation":
        own = list(_places(entry, setting))
    if own or entry.type != "Observation" or "focus" not in elements:
        return own
    return [
        replace(pointer, sources=(*named, group.source(pointer.element, role=Role.CONTEXT)))
        for group, named in setting.groups(entry)
        for pointer in _references(group, setting, elements)
    ]


def _references(entry: Entry, setting: Setting, elements: Sequence[str]) -> Iterable[_Pointer]:
    for element in elements:
        value = entry.resource.get(element)
        if isinstance(value, Mapping):
            yield _Pointer(value, entry, element)
        for item in children(entry.resource, element):
            yield _Pointer(item, entry, element)
    for _, item in extension(entry.resource, setting.tables.extensions.related_condition):
        yield _Pointer(child(item, "valueReference"), entry, "extension")


def _places(entry: Entry, setting: Setting) -> Iterator[_Pointer]:
    for element, holder in (("extension", entry.resource), *(("bodySite", site) for site in _sites(entry))):
        for _, item in extension(holder, setting.tables.extensions.body_structure):
            yield _Pointer(child(item, "valueReference"), entry, element)


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
