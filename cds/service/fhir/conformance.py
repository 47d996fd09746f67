"""What the FHIR door offers, as a CapabilityStatement. Made from the same tables that serve it."""

from __future__ import annotations

import datetime as dt
from typing import Final

from cds import __version__
from cds.fhir_output.addresses import Addresses
from cds.fhir_output.datatypes import TERMINOLOGY, Json, concept
from cds.fhir_output.operations import OPERATIONS
from cds.fhir_output.plan_definition import status
from cds.ruleset import RuleSet
from cds.service.settings import Settings

SEARCHES: Final = {"_id": "token", "url": "uri"}
"""The search parameters of every type."""
DEFINITIONS: Final = {"_id": "http://hl7.org/fhir/SearchParameter/Resource-id"}


def capability_statement(
    rules: RuleSet, types: tuple[str, ...], settings: Settings, base: str, since: dt.datetime
) -> Json:
    """The capabilities of one running server at `base`; `since` is when it was started."""
    addresses = Addresses.of(rules)
    return {
        "resourceType": "CapabilityStatement",
        "id": "cds",
        "url": addresses.canonical("CapabilityStatement", "cds"),
        "version": __version__,
        "name": "CdsServer",
        "title": f"Clinical decision support: {rules.head.title}",
        "status": status(rules),
        "date": since.isoformat(timespec="seconds"),
        "kind": "instance",
        "software": {"name": "cds-head-neck", "version": __version__},
        "implementation": {
            "description": f"Rule set {rules.head.id} {rules.head.version}, {rules.digest}",
            "url": base,
        },
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Artefacts made from the rules, and operations on them. Nothing is stored or fetched.",
                "security": _security(settings),
                "resource": [_resource(kind, addresses, rules) for kind in types],
            }
        ],
    }


def _resource(kind: str, addresses: Addresses, rules: RuleSet) -> Json:
    searches = [
        {"name": name, "type": type_, **({"definition": DEFINITIONS[name]} if name in DEFINITIONS else {})}
        for name, type_ in SEARCHES.items()
    ]
    told: Json = {
        "type": kind,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "no-version",
        "searchParam": searches,
    }
    if kind == "PlanDefinition":
        told["operation"] = [
            {"name": each.code, "definition": addresses.canonical("OperationDefinition", each.id)}
            for each in OPERATIONS
        ]
    return told


def _security(settings: Settings) -> Json:
    """How one gets in, as the settings say."""
    if settings.authentication == "development":
        return {"cors": bool(settings.cors_origins), "description": "Development: nobody is asked who they are."}
    return {
        "cors": bool(settings.cors_origins),
        "service": [concept(f"{TERMINOLOGY}restful-security-service", "OAuth", "OAuth2 bearer token")],
        "description": "A bearer token of the configured issuer, with the scope cds.evaluate.",
    }
