"""What several commands start from: the day, the phase, the rule set, a case, and the bundles one after the other."""

from __future__ import annotations

import argparse
import datetime as dt
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cds.case import Case
from cds.case.reading import case_from_mapping
from cds.commands.problems import finding_lines, told
from cds.commands.streams import UnusableArgument, once, read_input
from cds.errors import CdsError
from cds.language.suggestion import did_you_mean
from cds.ruleset import RuleSet, default_folder, load_rules
from cds.ruleset.documents import parse_document
from cds.ruleset.model import PHASES, Phase

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from cds.service.settings import Settings


def the_day(arguments: argparse.Namespace) -> dt.date:
    """The day that was asked for; else today, read once, here, and said."""
    if isinstance(arguments.as_of, dt.date):
        return arguments.as_of
    today = dt.datetime.now(dt.UTC).astimezone().date()
    sys.stderr.write(f"cds {arguments.command}: no --as-of was given; as of today, {today}\n")
    return today


def the_phase(arguments: argparse.Namespace) -> Phase:
    """The phase that was asked for."""
    for phase in PHASES:
        if phase == arguments.phase:
            return phase
    question = did_you_mean(str(arguments.phase), PHASES)
    hint = f"; {question}" if question else ""
    raise UnusableArgument(f"--phase: `{arguments.phase}` is not a phase; accepted are {', '.join(PHASES)}{hint}")


def the_rules(arguments: argparse.Namespace) -> RuleSet:
    """The rule set that was asked for, or the shipped one."""
    folder = folder_of(arguments.rules)
    overlay = arguments.overlay
    if overlay is not None:
        read_input(overlay, "an overlay (YAML)")
    return load_rules(folder, overlay=overlay)


def the_settings(**given: Any) -> Settings:
    """The settings of the service: what is given, else the environment. Raises `UnusableArgument`."""
    from cds.service.settings import Settings

    with settings_told():
        return Settings(**given)


@contextmanager
def settings_told() -> Iterator[None]:
    """Say what is wrong with settings by their names. Raises `UnusableArgument`."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    try:
        yield
    except ValidationError as error:
        raise UnusableArgument("; ".join(_setting(each) for each in error.errors())) from None
    except SettingsError as error:  # its words name the field, and repeat nothing
        name = re.search(r'field "(\w+)"', str(error))
        place = f"CDS_{name[1].upper()}" if name else "settings"
        raise UnusableArgument(f"{place}: it is no JSON; write a list as [\"one\", \"two\"]") from None


def _setting(error: ErrorDetails) -> str:
    name, *within = error["loc"] or ("",)
    place = f"CDS_{str(name).upper()}" if name else "settings"
    place += "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in within)
    message = "it is missing; give it" if error["type"] == "missing" else error["msg"].removeprefix("Value error, ")
    return f"{place}: {message.replace('Input should be ', 'it has to be ')}"


def the_case(named: str, rules: RuleSet) -> Case:
    """The case of a worked case's file, or of standard input for `-`."""
    content = read_input(named, "a worked case (YAML)")
    name = shown(named)
    try:
        document = parse_document(content.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        raise UnusableArgument(f"`{name}`: byte {error.start} is not UTF-8; save the case as UTF-8") from error
    if document.findings:
        raise UnusableArgument(f"the case cannot be read\n{finding_lines(document.findings).rstrip()}")
    if not isinstance(document.data, dict):
        raise UnusableArgument(f"`{name}`: a case is one mapping; write `as_of: …`, `patient: …` and `lesions: …`")
    return case_from_mapping(rules.vocabulary, document.data)


def folder_of(named: str | None) -> Path:
    """The folder of the rule set that was named, else of the one that ships with this package."""
    if named is None:
        return shipped_folder()
    folder = Path(named)
    if not folder.is_dir():
        problem = "it is no folder" if folder.exists() else "no such folder"
        raise UnusableArgument(f"`{named}`: {problem}; give the folder that holds ruleset.yaml")
    if not (folder / "ruleset.yaml").is_file():
        raise UnusableArgument(f"`{named}`: it holds no ruleset.yaml; give the folder of a rule set")
    return folder


def shipped_folder() -> Path:
    """The folder of the rule set that ships with this package."""
    try:
        return default_folder()
    except ModuleNotFoundError as error:
        told = f"the rule set that ships with this package is not here (`{error.name}`)"
        raise UnusableArgument(f"{told}; install the package, or name the folder of a rule set") from error


def for_each_bundle(names: list[str], act: Callable[[str, bytes], Iterable[str]]) -> bool:
    """Read each bundle and write what `act` makes of it. What is wrong with one keeps no other from its result.

    Returns whether all could be used.
    """
    usable = True
    for name in once(names):
        try:
            text = "".join(act(name, read_input(name, "a FHIR bundle (JSON)")))
        except CdsError as error:
            usable = False
            sys.stderr.write(told(error, "cds" if isinstance(error, UnusableArgument) else shown(name)))
            continue
        sys.stdout.write(text)
        sys.stdout.flush()
    return usable


def shown(name: str) -> str:
    """What an input is called in messages and headings."""
    return "standard input" if name == "-" else name
