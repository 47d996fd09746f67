"""Every noise with its reason, and how some of them are laid over a bundle."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cds.case import Case
from cds.testing.generation import Choices
from cds.testing.noise.bundle import Json
from cds.testing.noise.bundle_types import bundle_types
from cds.testing.noise.bystanders import other_people, unrelated
from cds.testing.noise.codes import codings, systems
from cds.testing.noise.copies import copies, duplicates, shuffled
from cds.testing.noise.panels import components, panels
from cds.testing.noise.references import contained, reference_styles
from cds.testing.noise.spelling import spell
from cds.testing.noise.surroundings import extensions, meta, narrative, notes
from cds.testing.noise.values import dates, statuses, units, value_forms


@dataclass(frozen=True, slots=True)
class Noise:
    """A way in which a record may be written differently, and why it says the same.

    `change` works on a bundle in place. A choice of 0, or of `False`, changes nothing or as little as possible.
    """

    name: str
    why: str
    change: Callable[[Json, Choices], None]


def add_noise(
    bundle: Mapping[str, Any], choices: Choices, noises: Sequence[Noise] = ()
) -> tuple[Json, tuple[str, ...]]:
    """The bundle with noise over it, and the names of what was done.

    `noises` are all done; without them, some of `NOISES` are, one in four. The given bundle stays as it is.
    """
    noisy: Json = json.loads(json.dumps(bundle))  # no object of it stands in two places
    done = list(noises) or [noise for noise in NOISES if choices.chance(0.25)]
    for noise in done:
        noise.change(noisy, choices)
        noisy = json.loads(json.dumps(noisy))
    return noisy, tuple(noise.name for noise in done)


@dataclass(frozen=True, slots=True)
class NoisyBundle:
    """A bundle with noise over it: the case as which it has to be read, if known; what was done; and its JSON."""

    case: Case | None
    noises: tuple[str, ...]
    bundle: Json = field(repr=False)
    source: bytes = field(repr=False)

    @classmethod
    def made(
        cls, bundle: Mapping[str, Any], choices: Choices, *, case: Case | None = None, noises: Sequence[Noise] = ()
    ) -> NoisyBundle:
        """The bundle with some of these noises, or all of the named ones, in one of the spellings of JSON."""
        changed, names = add_noise(bundle, choices, noises)
        return cls(case, names, changed, spell(changed, choices))


def noise_called(name: str) -> Noise:
    """One of `NOISES` by its name; `KeyError` where there is none."""
    return {noise.name: noise for noise in NOISES}[name]


NOISES: Final[tuple[Noise, ...]] = (
    Noise("value forms", "3 is a quantity of 3, a number a range of one, yes the code `present`", value_forms),
    Noise("units", "UCUM codes of one dimension convert exactly; very common ones come without their system", units),
    Noise("dates", "a day, the period of that day and a time on it are the same day", dates),
    Noise("statuses", "an amended or corrected Observation is a final one", statuses),
    Noise("unrelated resources", "what speaks of nothing here changes nothing here", unrelated),
    Noise("other people", "a finding whose subject or focus is another says nothing of the patient", other_people),
    Noise("components", "a component has its own code and value, and its Observation's subject and date", components),
    Noise("panels", "a panel or report repeats no value by naming its members", panels),
    Noise("copies", "a record merged from two systems says the same thing twice, under two ids", copies),
    Noise("codings", "one of several codings is enough, and no display or text is a key", codings),
    Noise("systems", "a code system is the same by its OID, in its editions and versions", systems),
    Noise("contained", "a contained resource with the same identifier is the same thing", contained),
    Noise("references", "FHIR lets a reference name its target in six ways", reference_styles),
    Noise("extensions", "an extension that is no modifier changes nothing that it stands beside", extensions),
    Noise("notes", "no fact is read from free text", notes),
    Noise("narrative", "no fact is read from the narrative", narrative),
    Noise("meta", "where a resource came from and when it was stored is not what it says", meta),
    Noise("duplicates", "the same entry twice says it once", duplicates),
    Noise("shuffled", "the order of entries has no meaning", shuffled),
    Noise("bundle types", "the type says how the resources came here, not what they say", bundle_types),
)
"""Every noise, in the order in which they are laid over a bundle."""
