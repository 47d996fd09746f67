"""The noise invariance suite can fail: each fault, put into the reader on purpose, is found by it.

A fault replaces one step of the reader by a wrong one that a reader might well have. The smallest bundles are still
read rightly with it; only noise shows it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cds.case import Case, Conflicting
from cds.errors import UnusableInput
from cds.intake import (
    bundle,
    coding,
    forms,
    lesions,
    observations,
    read_bundle,
    reader,
    reconcile,
    references,
    values,
)
from cds.intake.rebuild import rebuild
from cds.ruleset.loader import load_rules
from cds.ruleset.mapping import MappingTables
from cds.testing import NOISES, NoisyBundle, noise_called, random_cases, said, spell
from cds.testing.sampling import SeededChoices

RULES = load_rules(Path(__file__).resolve().parents[3] / "rules" / "recurrent-head-and-neck")
CASES = list(random_cases(RULES.vocabulary, seed=77, n=12, known=0.5, lesions=(1, 2)))

Patch = pytest.MonkeyPatch
Fault = Callable[[Patch], None]


def wraps(owner: Any, name: str, wrong: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Fault:
    """A fault that puts a wrong step around, or in place of, a right one."""
    return lambda patch: patch.setattr(owner, name, wrong(getattr(owner, name)))


def without_text(right: Callable[..., Any], *starts: str) -> Callable[..., Any]:
    """References that begin so point nowhere."""
    return lambda self, text, origin: None if text.startswith(starts) else right(self, text, origin)


def first_coding_only(right: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(codings: list[object], *rest: object) -> Any:
        return right(codings[:1], *rest)

    return wrong


def first_lesion(right: Callable[..., Any]) -> Callable[..., Any]:
    """Whatever a reference to a lesion says, it is the first of the bundle."""
    return lambda self, target: self.tumours[:1] if right(self, target) else []


def no_components(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, entry, code: (slot for slot in right(self, entry, code) if not slot.path)


def as_millimetres(right: Callable[..., Any]) -> Callable[..., Any]:
    """A number is taken as if it were in the fact's own unit."""

    def wrong(value: Fraction, unit: str, wanted: str) -> Fraction:
        right(value, unit, wanted)
        return value

    return wrong


def only_days(right: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(entry: Any) -> Any:
        kept = {k: v for k, v in entry.resource.items() if k not in ("effectivePeriod", "effectiveInstant")}
        return right(replace(entry, resource=kept))

    return wrong


def text_as_key(right: Callable[..., Any]) -> Callable[..., Any]:
    """A concept with a text is what the text says, not what its code says."""

    def wrong(node: object, tables: MappingTables) -> Any:
        found = right(node, tables)
        return replace(found, codes=(), raw=()) if found.text and found.text not in _LABELS else found

    return wrong


_LABELS = {definition.label or definition.name for definition in RULES.vocabulary.facts.values()}

FAULTS: Mapping[str, tuple[str, Fault]] = {
    "units are not looked at": ("units", wraps(values, "convert", as_millimetres)),
    "a missing UCUM system is not forgiven": (
        "units",
        wraps(values, "_unit", lambda right: lambda raw, *a, **k: (
            right(raw, *a, **k) if "system" in raw else right({**raw, "code": "?", "unit": "?"}, *a, **k))),
    ),
    "only the first coding counts": ("codings", wraps(coding, "_of", first_coding_only)),
    "a display is a key": ("codings", wraps(observations, "concept", text_as_key)),
    "a code system has one address": (
        "systems",
        wraps(MappingTables, "coded", lambda right: lambda self, system, code: (
            None if system and (system.startswith("urn:") or "/version/" in system) else right(self, system, code))),
    ),
    "contained resources are not followed": (
        "contained", wraps(references.References, "_by_text", lambda right: without_text(right, "#"))),
    "urn:uuid references are not followed": (
        "references", wraps(references.References, "_at_url", lambda right: lambda self, url: None)),
    "relative references are not followed": (
        "references", wraps(references.References, "_at_id", lambda right: lambda self, key, base: None)),
    "identifiers are not followed": (
        "references", wraps(references.References, "_identified", lambda right: lambda self, *a: None)),
    "the version of a reference is part of its name": (
        "references", wraps(references.References, "_by_text", lambda right: lambda self, text, origin: (
            None if "/_history/" in text else right(self, text, origin)))),
    "a finding is attached to the first lesion": (
        "shuffled", wraps(lesions.Lesions, "holding", first_lesion)),
    "components are not read": ("components", wraps(observations.Observations, "_slots", no_components)),
    "only effectiveDateTime is a date": ("dates", wraps(observations, "observed", only_days)),
    "amended findings are not read": (
        "statuses", lambda patch: patch.setattr(observations, "_FINAL", frozenset({"final"}))),
    "a finding with another focus is the patient's": (
        "other people", wraps(references.References, "_is_another", lambda right: lambda self, *a: False)),
    "identical copies are two resources": (
        "duplicates", wraps(bundle, "_payload", lambda right: lambda entry: f"{entry.index}")),
    "an older version counts like a newer one": (
        "bundle types", wraps(bundle, "_identity", lambda right: lambda entry: f"#{entry.index}")),
    "a request is no record": (
        "bundle types", lambda patch: patch.setattr(bundle, "_RECORD_METHODS", frozenset())),
    "a document is no bundle": (
        "bundle types", lambda patch: patch.setattr(bundle, "BUNDLE_TYPES", bundle.BUNDLE_TYPES - {"document"})),
    "a value beside an extension is none": (
        "extensions", wraps(values, "_absent_primitive", lambda right: lambda node, element, tables: (
            (values.AbsenceReason.MASKED, "") if f"_{element}" in node else right(node, element, tables)))),
    "the resource type has to stand first": (
        "spelling", wraps(reader, "read_record", lambda right: lambda tree, remarks: (
            right(tree if next(iter(tree)) == "resourceType" else {}, remarks)))),
    "every form is ours": ("unrelated resources", wraps(forms, "is_ours", lambda right: lambda *a: True)),
    "two that say the same contradict each other": (
        "copies", wraps(reconcile, "_state", lambda right: lambda readings: (
            right(readings) if len(readings) == 1 else Conflicting(("one", "other"))))),
    "a range is read by its low end only": (
        "value forms", wraps(values, "_range", lambda right: lambda raw, *a: right({"low": raw["low"]}, *a))),
}  # fmt: skip


def read(made: NoisyBundle, case: Case) -> object:
    try:
        return said(read_bundle(made.source, vocabulary=RULES.vocabulary, mapping=RULES.mapping, as_of=case.as_of))
    except UnusableInput as refused:
        return refused.issues


def differing(noise: str) -> int | None:
    """The first case that this noise lets be read otherwise."""
    for number, case in enumerate(CASES):
        choices = SeededChoices(random.Random(f"{noise}/{number}"))
        plain = json.loads(json.dumps(rebuild(case, RULES.vocabulary)))
        made = NoisyBundle(case, (), plain, spell(plain, choices))
        if noise != "spelling":
            made = NoisyBundle.made(plain, choices, case=case, noises=[noise_called(noise)])
        if read(made, case) != said(case):
            return number
    return None


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_was_put_into_the_reader_is_found_by_noise(name: str, monkeypatch: Patch) -> None:
    noise, fault = FAULTS[name]
    fault(monkeypatch)
    assert differing(noise) is not None


def test_every_noise_that_can_show_a_fault_has_one() -> None:
    """The others only add what nobody reads: a reader that did read it would have a reader for it."""
    passive = {"panels", "notes", "narrative", "meta"}
    assert {noise for noise, _ in FAULTS.values()} | passive == {noise.name for noise in NOISES} | {"spelling"}
