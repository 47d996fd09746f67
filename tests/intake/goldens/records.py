"""Records in shapes that are not ours, each with the facts that a person read from it by the standards alone.

`expected.yaml` was written before the record was ever read here: what the standard says the elements mean, in the words
of the vocabulary. It names every fact that the record states; what it does not name was never recorded.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cds.case import AbsenceReason, Absent, Case, Fact
from cds.errors import Issue
from cds.intake import read_bundle
from cds.ruleset.rule_set import RuleSet
from cds.service.hooks.bundle import compose
from cds.service.hooks.prefetch import receive
from tests.intake.records import AS_OF
from tests.intake.records import said as in_words

FOLDER = Path(__file__).resolve().parent
SILENT = ("absent: never-recorded",)


@dataclass(frozen=True, slots=True)
class Golden:
    """One record, in a folder of its own."""

    name: str

    @property
    def expected(self) -> dict[str, Any]:
        """What a person read from it."""
        found: dict[str, Any] = yaml.safe_load((FOLDER / self.name / "expected.yaml").read_text(encoding="utf-8"))
        return found

    @property
    def never(self) -> tuple[str, ...]:
        """The noises that would make another record of it; `expected.yaml` says why."""
        return tuple(self.expected.get("never", ()))

    def source(self) -> dict[str, Any]:
        """The file as it stands."""
        found: dict[str, Any] = json.loads((FOLDER / self.name / "bundle.json").read_text(encoding="utf-8"))
        return found

    def bundle(self) -> dict[str, Any]:
        """The record as one bundle: what arrives at a hook is put together first."""
        source = self.source()
        return bundled(source["prefetch"], source["context"]["patientId"]) if "prefetch" in source else source

    def read(self, source: bytes, rules: RuleSet, as_of: dt.date = AS_OF) -> Case:
        """The record as a case."""
        return read_bundle(source, vocabulary=rules.vocabulary, mapping=rules.mapping, as_of=as_of)


def bundled(prefetch: Mapping[str, Any], patient: str) -> dict[str, Any]:
    """What the hooks' own door makes of a prefetch object."""
    issues: list[Issue] = []
    parts = receive(prefetch, {key: _template(value) for key, value in prefetch.items()}, issues)
    assert issues == []
    found: dict[str, Any] = json.loads(json.dumps(compose(parts, patient).bundle))
    return found


def _template(value: Mapping[str, Any]) -> str:
    type_ = value["resourceType"]
    return f"{value['entry'][0]['resource']['resourceType']}?patient=x" if type_ == "Bundle" else f"{type_}/x"


def stated(case: Case) -> dict[str, str]:
    """Every fact that is not what silence says, in a few words."""
    levels = {"patient": case.patient}
    for lesion in case.lesions:
        levels[lesion.id] = lesion.facts
        levels |= {f"{lesion.id}/{structure.key}": structure.facts for structure in lesion.structures}
    return {
        f"{subject}.{name}": in_words(fact)
        for subject, facts in levels.items()
        for name, fact in facts.items()
        if not _is_silent(name, fact)
    }


def _is_silent(name: str, fact: Fact) -> bool:
    given = name in ("name", "kind", "side") and fact.sources == ()
    return given or fact.state == Absent(AbsenceReason.NEVER_RECORDED) or fact.note == "not documented"


GOLDENS = [Golden(folder.name) for folder in sorted(FOLDER.iterdir()) if (folder / "bundle.json").is_file()]
