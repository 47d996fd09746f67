"""The patient's data for a launch: the searches of CDS Hooks, made by us, with the token of the launch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import httpx2

from cds.errors import Issue
from cds.service.hooks.envelope import Authorization
from cds.service.hooks.fhir_server import FhirServer, found_in
from cds.service.hooks.prefetch import Part, State, other_patients
from cds.service.hooks.services import INDISPENSABLE
from cds.service.hooks.settings import HooksSettings
from cds.service.settings import SmartApp
from cds.service.smart.authorization import Extent, Grant


def type_of(template: str) -> str:
    """The resource type that a search template asks for.

    >>> type_of("Patient/{{context.patientId}}"), type_of("Condition?patient={{context.patientId}}")
    ('Patient', 'Condition')
    """
    return template.partition("?")[0].partition("/")[0]


async def gathered(
    client: httpx2.AsyncClient,
    app: SmartApp,
    grant: Grant,
    templates: Mapping[str, str],
    settings: HooksSettings,
    patient: str,
) -> dict[str, Part]:
    """What could be had for every search. What was not granted is not asked for, and stays unknown."""
    extents = {key: grant.extent(type_of(each), "s" if "?" in each else "r") for key, each in templates.items()}
    asked = {key: Part(key, State.MISSING) for key, extent in extents.items() if extent != "none"}
    token = Authorization(
        access_token=grant.access_token, token_type="Bearer", expires_in=60, scope=grant.scope,  # nosec B106
        subject=app.client_id, patient=patient,
    )  # fmt: skip
    had = await FhirServer(app.server.rstrip("/"), token, settings, client).complete(asked, templates, patient)
    refused = {key: Part(key, State.MISSING, why="the EHR did not grant it") for key in templates}
    return {key: _bounded(had.get(key, refused[key]), extents[key]) for key in templates}


def _bounded(part: Part, extent: Extent) -> Part:
    """A search that may only see a part: what it did not find may be there all the same."""
    if extent != "part" or not part.complete:
        return part
    return replace(part, state=State.PARTIAL if part.found else State.MISSING, why="the EHR granted only a part of it")


def problems(parts: Mapping[str, Part], patient: str) -> Iterator[Issue]:
    """Why nothing can be said: what is indispensable and missing, and what is another patient's."""
    for each in other_patients(found_in(parts), patient):
        told = "the EHR handed over what is another patient's; tell those who run the EHR's connection"
        yield Issue("error", each.code, each.expression, told)
    for key in INDISPENSABLE:
        part = parts[key]
        if part.unanswered:
            told = f"`{key}` could not be obtained: {part.why}; without it nothing can be said"
            yield Issue("error", "not-obtained", f"fhirServer.{key}", told)
