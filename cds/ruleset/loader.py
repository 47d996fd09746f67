"""Loading a rule set: every file read, every part checked against every other, everything wrong reported at once."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from cds.errors import Finding, RuleSetError
from cds.ruleset.checks import check
from cds.ruleset.compilation import check_conditions, compile_program, condition_texts
from cds.ruleset.conditions import Conditions
from cds.ruleset.files import Files, read_parts
from cds.ruleset.mapping import load_mapping
from cds.ruleset.model import PHASES
from cds.ruleset.rule_set import RuleSet
from cds.ruleset.vocabulary_file import build_vocabulary

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
    mapping, mapping_findings = load_mapping(folder / "mapping", vocabulary)
    _stop_if_broken([*findings, *conditions.findings, *mapping_findings])
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
    )


def _stop_if_broken(findings: Iterable[Finding]) -> None:
    """Raise with every finding, in the order of the files."""
    found = sorted(findings, key=lambda f: (f.position.file, f.position.line, f.position.column, f.code))
    if found:
        raise RuleSetError(found)
