"""The thermoprotection of a lesion: what each structure at risk needs, and what the plan makes of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cds.explanation import words
from cds.explanation.page import Entry, Section, Table
from cds.explanation.telling import Telling
from cds.recommendation.model import CombinationPart, LesionPart, ProtectionPlanPart, ThermoprotectionPart

MOST_STRUCTURES: Final = 3
MOST_SETS: Final = 2


def thermoprotection(telling: Telling, lesion: LesionPart) -> Iterator[Section]:
    """The structures that need protection, then the plan; nothing where no structure was considered."""
    parts, plan = lesion.thermoprotection, lesion.protection_plan
    if not parts:
        return
    entries = [*(_table(parts) if telling.unfold else _structures(parts))]
    if plan is not None:
        entries += _plan(telling, plan, parts)
    if telling.unfold:
        entries += [entry for part in parts for entry in _reasons(telling, part)]
    yield Section(3, "Thermoprotection", _counts(parts, plan), tuple(entries))


def _counts(parts: Sequence[ThermoprotectionPart], plan: ProtectionPlanPart | None) -> str:
    """How many structures have each answer, and how many of those that need protection the plan covers."""
    verdicts = [part.verdict for part in parts]
    required, undetermined = verdicts.count("required"), verdicts.count("undetermined")
    counts = [f"required for {words.counted(required, 'structure') if required else 'none'}"]
    counts += [f"undetermined for {undetermined}"] if undetermined else []
    counts += [f"not for {beyond}"] if (beyond := verdicts.count("not-required")) else []
    if plan is not None and plan.required:
        covered = len(plan.required) - len(plan.uncovered)
        counts.append(f"plan covers {'all' if covered == len(plan.required) else covered or 'none'}")
    return ", ".join(counts)


def _table(parts: Sequence[ThermoprotectionPart]) -> Iterator[Entry | Table]:
    rows = tuple(
        (part.label, part.distance, part.verdict.replace("-", " "), _measures(part, unfold=True),
         words.PLANNED[part.covered_by_plan])
        for part in parts
    )  # fmt: skip
    yield Table(("structure", "distance", "protection", "measures", "in plan"), rows)


def _structures(parts: Sequence[ThermoprotectionPart]) -> Iterator[Entry | Table]:
    """The structures that need protection, one line each; the undetermined ones in one."""
    for part in parts:
        if part.verdict == "required":
            distance = part.distance if part.distance != "not known" else "distance not known"
            yield Entry(f"{part.label}, {distance}: {_measures(part, unfold=False)}")
    undetermined = [part for part in parts if part.verdict == "undetermined"]
    if undetermined:
        told = [f"{part.label}, {part.distance}" for part in undetermined if part.distance != "not known"]
        told += [part.label for part in undetermined if part.distance == "not known"]
        yield Entry(f"undetermined: {words.some(told, MOST_STRUCTURES, '; ')}")


def _measures(part: ThermoprotectionPart, *, unfold: bool) -> str:
    """The measures that are open for a structure; of the others, folded, how many there are of each kind."""
    if not part.measures:
        return "no measure is known"
    available = [measure.label for measure in part.measures if measure.status == "available"]
    others = []
    for status, word in words.MEASURE.items():
        if labels := [measure.label for measure in part.measures if measure.status == status]:
            others.append(f"{word}: {', '.join(labels)}" if unfold else f"{len(labels)} {word}")
    told = [", ".join(available) or "no measure is open", *([f"({', '.join(others)})"] if others else [])]
    return " ".join(told)


def _plan(telling: Telling, plan: ProtectionPlanPart, parts: Sequence[ThermoprotectionPart]) -> Iterator[Entry]:
    """All threatened structures together: what would be enough, what the plan leaves out, what flags them."""
    names = {f"{part.structure}/{part.side or 'none'}": part.label for part in parts}
    labels = {m.measure: m.label for part in parts for m in part.measures}
    labels |= {m.monitoring: m.label for part in parts for m in part.monitoring}

    def listed(structures: Iterable[str]) -> str:
        called = [next((n for key, n in names.items() if each.endswith(f"/{key}")), each) for each in structures]
        return words.some(called, telling.most(MOST_STRUCTURES))

    if plan.protectable and plan.sufficient_sets:
        sets = [" + ".join(labels.get(each, each) for each in chosen.measures) + _with(telling, chosen.with_, labels)
                for chosen in plan.sufficient_sets]  # fmt: skip
        of = "them" if not plan.without_measure else f"{len(plan.protectable)} of them"
        either = words.some(sets, telling.most(MOST_SETS), "; or ")
        yield Entry(f"fewest measures, beside monitoring, for {of}: {either}")
    elif plan.protectable:
        yield Entry("the measures that are open for these structures exclude each other: no set covers all of them")
    if plan.without_measure and telling.unfold:
        yield Entry(f"no measure is open for {listed(plan.without_measure)}")
    if plan.uncovered and set(plan.uncovered) != set(plan.required):
        yield Entry(f"the plan does not cover {listed(plan.uncovered)}")
    planned = {measure.measure for part in parts for measure in part.measures if measure.planned == "true"}
    for each in plan.combinations:
        if each.kind == "excludes" and len(planned.intersection(each.members)) > 1:
            yield _combination(telling, each, "the plan names measures that exclude each other: ")
    if telling.unfold:
        yield from (_combination(telling, each) for each in plan.combinations)
    yield Entry(plan.says)
    for distance in plan.distances if telling.unfold else ():
        what = f"{words.spoken(distance.name)} {distance.value} ({distance.status.replace('-', ' ')})"
        yield Entry(f"{what}: {distance.note}" if distance.note else what, depth=1)


def _with(telling: Telling, partners: Sequence[str], labels: Mapping[str, str]) -> str:
    """What a combination says goes together with a set; folded, nothing."""
    if not partners or not telling.unfold:
        return ""
    return f" (with {', '.join(labels.get(each, each) for each in partners)})"


def _combination(telling: Telling, combination: CombinationPart, before: str = "") -> Entry:
    telling.citations.cite(combination.evidence)
    grounds = ", ".join(words.grounds(combination))
    return Entry(f"{before}{combination.says}", f"{combination.rule}; {combination.strength}; {grounds}")


def _reasons(telling: Telling, part: ThermoprotectionPart) -> Iterator[Entry]:
    """Every criterion behind the answer for one structure, its monitoring and what is planned for it."""
    planned = [each.label for each in part.measures if each.planned == "true"]
    planned += [each.label for each in part.monitoring if each.planned == "true"]
    monitoring = ", ".join(each.label for each in part.monitoring) or "none listed"
    plan = f"planned: {', '.join(planned)}" if planned else "nothing planned"
    yield Entry(f"{part.label}: monitoring {monitoring}; {plan}")
    for reason in (*part.reasons, *part.advice, *(each for measure in part.measures for each in measure.reasons)):
        telling.citations.cite(reason.evidence)
        yield Entry(f"{part.label}: {reason.says} ({reason.condition} is {reason.truth})", words.sources(reason))
