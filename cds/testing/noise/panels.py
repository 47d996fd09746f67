"""Observations gathered: as the components of one, or as the members of a panel or a report."""

from __future__ import annotations

import copy
import json
import re
from typing import Final

from cds.testing.generation import Choices
from cds.testing.noise.bundle import EHR, Json, add_entry, entries_of, patient_of

_PANEL: Final = {"coding": [{"system": f"{EHR}/CodeSystem/panels", "code": "board-sheet"}]}
_STATES: Final = re.compile(r"_?value[A-Z].*|_?dataAbsentReason")


def components(bundle: Json, choices: Choices) -> None:
    """Observations that differ in nothing but what they state become components of one."""
    groups: dict[str, list[Json]] = {}
    for entry in entries_of(bundle):
        resource = entry["resource"]
        if resource["resourceType"] == "Observation" and not {"component", "hasMember", "contained"} & set(resource):
            moved = {key for key in resource if _STATES.fullmatch(key)} | {"id", "code", "extension", "text"}
            context = {key: value for key, value in resource.items() if key not in moved}
            groups.setdefault(json.dumps(context, sort_keys=True), []).append(entry)
    for number, (context_text, group) in enumerate(groups.items()):
        taken = [entry for entry in group if choices.chance(0.4)]
        if not taken:
            continue
        context = json.loads(context_text)
        components = []
        for entry in taken:
            resource = entry["resource"]
            kept = {key: value for key, value in resource.items() if _STATES.fullmatch(key) or key == "extension"}
            components.append({"code": resource["code"], **kept})
            bundle["entry"].remove(entry)
        panel = {"resourceType": "Observation", "id": f"panel-{number}", "code": copy.deepcopy(_PANEL)}
        add_entry(bundle, {**panel, **context, "component": components})


def panels(bundle: Json, choices: Choices) -> None:
    """A panel, and sometimes a report, that name every Observation as their member."""
    observations = [e for e in entries_of(bundle) if e["resource"]["resourceType"] == "Observation"]
    named = [e for e in observations if "fullUrl" in e or "id" in e["resource"]]
    if not named:
        return
    members = [{"reference": e.get("fullUrl", f"Observation/{e['resource'].get('id')}")} for e in named]
    panel: Json = {"status": "final", "code": copy.deepcopy(_PANEL), "subject": patient_of(bundle)}
    add_entry(bundle, {"resourceType": "Observation", "id": "sheet", **panel, "hasMember": members}, choices.below(2))
    if choices.chance(0.5):
        report = {"resourceType": "DiagnosticReport", "id": "report", **copy.deepcopy(panel), "result": members}
        add_entry(bundle, report)
