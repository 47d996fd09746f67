"""What the commands of the rule developers' kit share: the solver, and an outcome with its patient, told to people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from importlib.util import find_spec

import yaml

from cds.case import Case
from cds.case.writing import case_to_mapping
from cds.commands.streams import UnusableArgument
from cds.errors import Position
from cds.explanation.layout import printable, wrapped
from cds.intake.rebuild import NotRebuildable, rebuild
from cds.language.suggestion import did_you_mean
from cds.ruleset import RuleSet
from cds.vocabulary import Vocabulary

Json = dict[str, object]


def solver_is_here(command: str) -> None:
    """Whether proofs can be made. Raises `UnusableArgument` where the solver is not installed."""
    if find_spec("z3") is None:
        raise UnusableArgument(
            f"{command}: the solver (z3) is not installed, so nothing can be proved; "
            "install the package with its extra `verify`"
        )


def patient_yaml(case: Case, vocabulary: Vocabulary) -> str:
    """The patient as a worked case: only what is said."""
    return str(yaml.safe_dump(case_to_mapping(case, vocabulary), sort_keys=False, allow_unicode=True))


def patient_lines(case: Case, vocabulary: Vocabulary, *, heading: str = "") -> str:
    """The patient, indented under the statement that it speaks against."""
    text = patient_yaml(case, vocabulary)
    lines = [heading] if heading else []
    lines += text.splitlines()
    return "".join(f"    {_keeping_indent(line)}\n" for line in lines)


def _keeping_indent(line: str) -> str:
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + printable(line[indent:])


def patient_json(case: Case, vocabulary: Vocabulary) -> Json:
    """The patient as a worked case and as the smallest bundle that reads so; or why no bundle does."""
    told: Json = {"case": case_to_mapping(case, vocabulary)}
    try:
        return {**told, "bundle": rebuild(case, vocabulary)}
    except NotRebuildable as error:
        return {**told, "no_bundle": str(error)}


def prose(text: str, width: int, indent: str = "") -> str:
    r"""A sentence as lines of at most `width` cells; those after the first stand two cells further in.

    >>> prose("no worked case notices", 16)
    'no worked case\n  notices\n'
    """
    return "".join(f"{line}\n" for line in wrapped(text, width, indent, f"{indent}  "))


def on_its_day(rules: RuleSet, as_of: dt.date) -> str:
    """Which rule set it was, and the day whose thresholds held."""
    return f"{rules.head.id} {rules.head.version}, as of {as_of.isoformat()}"


def place_json(position: Position | None) -> Json | None:
    """Where a statement stands."""
    return None if position is None else {"file": position.file, "line": position.line, "column": position.column}


def version_json(rules: RuleSet) -> Json:
    """Which rule set it was."""
    return {"id": rules.head.id, "version": rules.head.version, "digest": rules.digest,
            "overrides": list(rules.overrides)}  # fmt: skip


def place_of(criterion: str, rules: RuleSet) -> Position | None:
    """Where the statement stands that a criterion belongs to, or a definition."""
    return rules.places.get(criterion.removesuffix(".done")) or rules.places.get(f"definitions.{criterion}")


def known_criterion(name: str | None, rules: RuleSet) -> None:
    """Whether the criterion that was asked for is there. Raises `UnusableArgument`."""
    known_name(name, [criterion.id for program in rules.programs.values() for criterion in program.criteria], rules)


def known_name(name: str | None, there: Iterable[str], rules: RuleSet) -> None:
    """Whether the criterion or definition that was asked for is one of those there. Raises `UnusableArgument`."""
    known = dict.fromkeys(there)
    if name is not None and name not in known:
        question = did_you_mean(name, known)
        hint = f"; {question}" if question else ""
        raise UnusableArgument(f"--rule: `{name}` is no criterion of {rules.head.id}{hint}; `cds explain` names them")
