"""The services: on which hook each answers, and which searches it asks the client to prefetch.

Templates keep to what every client of CDS Hooks 2.0 can satisfy: one instance read, searches by type with `patient`,
by `code` and `questionnaire` for equality, and `_sort`; the only token is `context.patientId`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cds.ruleset import RuleSet
from cds.ruleset.hooks import PrefetchFamily
from cds.ruleset.mapping import MappingTables

SPECIFICATION: Final = "2.0.1"
REVIEW: Final = "recurrent-head-and-neck-review"
ORDER: Final = "recurrent-head-and-neck-order"
PATIENT: Final = "patient"
CONDITIONS: Final = "conditions"
INDISPENSABLE: Final = (PATIENT, CONDITIONS)
PATIENT_TOKEN: Final = "{{context.patientId}}"
_NEEDS: Final = (
    "Needs `patient` and `conditions`, as prefetch or from `fhirServer` with a token; answers 412 without them. Every "
    "other key that is not sent makes facts unknown, never `no`: send `null` where a search found nothing. For safety "
    "the client has to call this service on every hook that it is listed for."
)


@dataclass(frozen=True, slots=True)
class Service:
    """One service on one hook. Where an id stands for several hooks, a later hook's cards replace the earlier ones."""

    id: str
    hook: str
    title: str
    description: str


SERVICES: Final = (
    Service(
        REVIEW,
        "patient-view",
        "Recurrent head and neck cancer: options",
        "For a patient with a recurrent head and neck cancer: where salvage surgery and percutaneous cryoablation "
        "stand for each lesion, why, what is missing, and the evidence. Lists options; issues no directive.",
    ),
    *(
        Service(
            ORDER,
            hook,
            "Recurrent head and neck cancer: check of an order",
            f"Checks {what} for salvage surgery or ablation against the case: what speaks against it, what is not "
            "known, and what is still owed. Silent about every other order.",
        )
        for hook, what in (
            ("order-select", "a selected order"),
            ("order-sign", "an order that is about to be signed"),
            ("order-dispatch", "an order that is being assigned to a performer"),
        )
    ),
)


def hooks_of(id_: str) -> tuple[str, ...]:
    """The hooks of an id; empty for an id that is no service."""
    return tuple(each.hook for each in SERVICES if each.id == id_)


def services_of(rules: RuleSet) -> tuple[Service, ...]:
    """The services that a rule set can serve: none where it says nothing for CDS Hooks."""
    return SERVICES if rules.mapping.hooks is not None else ()


def templates(rules: RuleSet) -> dict[str, str]:
    """The prefetch templates, `patient` first.

    >>> from cds.ruleset import load_rules
    >>> templates(load_rules())["patient"], templates(load_rules())["procedures"]
    ('Patient/{{context.patientId}}', 'Procedure?patient={{context.patientId}}')
    """
    tables = rules.mapping
    families = tables.hooks.prefetch if tables.hooks is not None else {}
    return {
        PATIENT: f"Patient/{PATIENT_TOKEN}",
        **{key: _search(family, families, tables) for key, family in families.items()},
    }


def discovery(rules: RuleSet) -> dict[str, object]:
    """What `GET /cds-services` answers."""
    prefetch = templates(rules)
    return {
        "services": [
            {
                "hook": each.hook, "title": each.title, "description": each.description, "id": each.id,
                "version": SPECIFICATION, "prefetch": prefetch, "usageRequirements": _NEEDS,
            }
            for each in services_of(rules)
        ]
    }  # fmt: skip


def _search(family: PrefetchFamily, families: Mapping[str, PrefetchFamily], tables: MappingTables) -> str:
    search = f"{family.type}?patient={PATIENT_TOKEN}"
    if family.form and tables.local.questionnaire:
        search += f"&questionnaire={tables.local.questionnaire}"
    codes = [code for name in family.codes for code in _codes(name, tables)]
    if family.rest:
        taken = {name for other in families.values() for name in other.codes}
        names = dict.fromkeys(r.codes for r in tables.readers.observations if r.codes not in taken)
        local = tables.local.observation
        # `system|` asks for every code of a system: all that the local one defines are facts.
        codes += [f"{local}|", *(c for n in names for c in _codes(n, tables) if not c.startswith(f"{local}|"))]
    if codes:
        search += f"&code={','.join(dict.fromkeys(codes))}"
    return f"{search}&_sort=-date" if family.type == "Observation" else search


def _codes(name: str, tables: MappingTables) -> list[str]:
    return [f"{tables.systems[system].uri}|{code}" for system, code in sorted(tables.value_set(name).codes)]
