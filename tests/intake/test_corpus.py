"""Public records that nobody here wrote: none is of a head and neck patient, none may break the reader."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from cds.case import Case
from cds.errors import UnusableInput
from cds.intake import Limits
from tests.intake import records as r
from tests.intake.records import Reader

_REFUSALS = {
    "not-a-bundle",
    "wrong-fhir-version",
    "no-patient",
    "two-patients",
    "other-patient",
    "unknown-resource-type",
}


def wrapped(resource: dict[str, Any]) -> bytes:
    """A single resource in a bundle with the patient that it names."""
    patient = "p1"
    for element in ("subject", "patient"):
        reference = resource.get(element)
        if isinstance(reference, dict) and isinstance(reference.get("reference"), str):
            patient = reference["reference"].split("/")[-1]
    around = [] if resource["resourceType"] == "Patient" else [r.patient(id=patient)]
    return json.dumps(r.bundle(resource, *around, patient_first=False)).encode()


def outcome(read: Reader, source: bytes) -> Case | set[str]:
    try:
        return read.read(source)
    except UnusableInput as refused:
        return {issue.code for issue in refused.issues}


def test_every_record_is_read_or_refused_with_a_reason(read: Reader, corpus_dir: Path) -> None:
    count = 0
    for file in sorted(corpus_dir.rglob("*.json")):
        source = file.read_bytes()
        tree = json.loads(source)
        if isinstance(tree, dict) and "resourceType" in tree and tree["resourceType"] != "Bundle":
            source = wrapped(tree)
        result = outcome(read, source)
        if isinstance(result, Case):
            assert result.lesions == (), file.name
        else:
            assert result <= _REFUSALS, f"{file.name}: {result}"
        count += 1
    assert count > 100


def test_a_large_record_is_read_fast(read: Reader, corpus_dir: Path) -> None:
    file = max(corpus_dir.rglob("*.json"), key=lambda one: one.stat().st_size)
    source = file.read_bytes()
    read.read(source)
    start = time.perf_counter()
    case = read.read(source, limits=Limits())
    assert time.perf_counter() - start < 2
    assert case.patient["ageYears"].is_known
