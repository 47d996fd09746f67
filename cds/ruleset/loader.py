"""Loading a rule set: every file read, every part checked against every other, everything wrong reported at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from cds.errors import Finding, Position, RuleSetError
from cds.ruleset.checks import check
from cds.ruleset.compilation import check_conditions, compile_program, condition_texts
from cds.ruleset.conditions import Conditions
from cds.ruleset.files import Files, Parts, read_parts
from cds.ruleset.mapping import load_mapping
from cds.ruleset.model import PHASES
from cds.ruleset.rule_set import Period, RuleSet
from cds.ruleset.vocabulary_file import build_vocabulary
from cds.vocabulary import Vocabulary

DEFAULT_RULE_SET = "recurrent-head-and-neck"


def default_folder() -> Path:
    """The folder of the rule set that ships with this package."""
    return Path(str(resources.files("cds_rules") / DEFAULT_RULE_SET))


def load_rules(path: Path | str | None = None, overlay: Path | str | None = None) -> RuleSet:
    """Load and check a rule set: the shipped one, or the folder `path`, under an institution's `overlay` file.

    Raises `RuleSetError` with every finding. Parts are checked against each other once each is valid by itself.

    >>> load_rules().head.id
    'recurrent-head-and-neck'
    """
    folder = default_folder() if path is None else Path(path)
    files = Files(folder, Path(overlay) if overlay is not None else None)
    parts = read_parts(files)
    _stop_if_broken(files.findings)
    assert parts is not None, "without findings every part was read"
    vocabulary, findings = build_vocabulary(parts.facts, parts.facts_document, parts.table, parts.table_document)
    findings += check(parts, vocabulary)
    conditions = Conditions(
        vocabulary, parts.parameters.values, parts.definitions.definitions, parts.definitions_document
    )
    texts = condition_texts(parts, conditions)
    programs = {phase: compile_program(parts, conditions, phase) for phase in PHASES}
    check_conditions(parts, conditions)
    mapping, mapping_findings = load_mapping(
        folder / "mapping",
        vocabulary,
        added=[file for file, _ in files.beside_overlay("mapping")],
        concept_maps=[file for file, _ in files.beside_overlay("concept_maps")],
    )
    warnings = [finding for finding in mapping_findings if finding.severity == "warning"]
    wrong = [finding for finding in mapping_findings if finding.severity == "error"]
    _stop_if_broken([*files.findings, *findings, *conditions.findings, *wrong])
    earlier, earlier_findings = _earlier(parts, vocabulary)
    _stop_if_broken(earlier_findings)
    return RuleSet(
        head=parts.head.rule_set,
        vocabulary=vocabulary,
        options=parts.head.options,
        alternatives=parts.head.alternatives,
        parameters=parts.parameters.values,
        rules=tuple(item.item for item in parts.rules),
        exceptions=tuple(item.item for item in parts.exceptions),
        preferences=tuple(item.item for item in parts.preferences),
        planner=parts.planner,
        references=parts.references,
        conditions=texts,
        programs=programs,
        mapping=mapping,
        digest=files.digest(),
        overrides=parts.parameters.overridden,
        warnings=tuple(warnings),
        source_attributes=parts.head.source_attributes,
        definitions=parts.definitions.definitions,
        claims={item.item.id: item.item for item in parts.claims},
        places=_places(parts),
        periods=earlier,
    )


def _earlier(parts: Parts, vocabulary: Vocabulary) -> tuple[tuple[Period, ...], list[Finding]]:
    """What holds before the newest values, period by period from the newest back; the last one has no first day."""
    days = sorted({day for parameter in parts.parameters.values.values() for day in parameter.days}, reverse=True)
    periods: list[Period] = []
    findings: list[Finding] = []
    for since, until in zip([*days[1:], None], days, strict=True):
        conditions = Conditions(
            vocabulary, parts.parameters.values, parts.definitions.definitions, parts.definitions_document,
            day=since or until - dt.timedelta(days=1),
        )  # fmt: skip
        programs = {phase: compile_program(parts, conditions, phase) for phase in PHASES}
        findings += conditions.findings
        periods.append(Period(until, conditions.parameters, programs))
    return tuple(periods), findings


def _places(parts: Parts) -> dict[str, Position]:
    """Where each statement stands by id, and what has a name as `parameters.name`: for findings made later."""
    places = {item.item.id: item.position() for item in (*parts.grounded, *parts.combinations, *parts.claims)}
    places |= {f"parameters.{name}": parts.parameters.position(name) for name in parts.parameters.values}
    places |= {f"options.{name}": parts.head_document.position(("options", name)) for name in parts.head.options}
    alternatives = enumerate(parts.head.alternatives)
    places |= {f"alternatives.{a.id}": parts.head_document.position(("alternatives", n)) for n, a in alternatives}
    definitions = parts.definitions.definitions
    places |= {
        f"definitions.{name}": parts.definitions_document.position(("definitions", name)) for name in definitions
    }
    structures = parts.table.structures
    return places | {f"structures.{name}": parts.table_document.position(("structures", name)) for name in structures}


def _stop_if_broken(findings: Iterable[Finding]) -> None:
    """Raise with every finding, in the order of the files."""
    found = sorted(findings, key=lambda f: (f.position.file, f.position.line, f.position.column, f.code))
    if found:
        raise RuleSetError(found)
