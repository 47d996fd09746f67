"""The words of an answer as code systems, so that each code that a resource carries can be looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cds.fhir_output.addresses import Addresses
from cds.fhir_output.datatypes import Json, present
from cds.ruleset import RuleSet

VERDICTS: Final = {
    "eligible": "nothing that was asked holds the option back",
    "conditional": "possible; something has to be corrected, planned for or weighed first",
    "ineligible": "excluded, or a requirement without remedy is not met",
    "undetermined": "more than one verdict is still possible: facts are missing",
    "not-assessed": "these rules are not about this patient or lesion",
}
STATEMENTS: Final = {
    "requires": "the option is not possible where this is false",
    "excludes": "the option is not possible where this is true",
    "against": "speaks against the option where this is true",
    "for": "speaks for the option; moves no verdict",
    "obliges": "somebody owes something while this is true and it is not done",
    "informs": "is said where this is true; moves no verdict",
    "definition": "a notion that other criteria name; true and false as its own criterion is",
    "exception": "an exception to another rule",
    "preference": "puts the options in an order",
    "need": "a structure at risk needs protection where this is true",
    "advised-against": "a protective measure is advised against where this is true",
    "contraindicated": "a protective measure is contraindicated where this is true",
    "monitoring": "monitoring that is advised where this is true",
    "combination": "measures that go together or exclude each other",
    "alternative": "is always listed beside the options",
}
PHASES: Final = {
    "decision": "the board decides",
    "planning": "the procedure is planned",
    "follow-up": "after the procedure",
}
LEVELS: Final = {
    "patient": "asked once for the patient",
    "lesion": "asked for each target lesion",
    "structure": "asked for each structure at risk of a lesion",
    "other-lesion": "asked for each ordered pair of lesions",
}
ISSUES: Final = {
    "thermoprotection": "a structure needs protection, or something about its protection holds the option back",
    "contraindication": "excludes the option",
    "not-indicated": "the option is not for this patient or lesion",
    "correction-due": "something has to be corrected first",
    "plan-due": "something has to be planned for",
    "declined": "the patient declines the option",
    "caution": "speaks against the option and has to be weighed",
}


def code_systems(rules: RuleSet, status: str) -> list[Json]:
    """Every code system that resources made of a rule set and its answers use, but that of issue codes."""
    vocabulary = rules.vocabulary
    measures = {name: each.label for name, each in (*vocabulary.measures.items(), *vocabulary.monitoring.items())}
    named: dict[str, tuple[str, Mapping[str, str]]] = {
        "option": ("Options", {name: option.label for name, option in rules.options.items()}),
        "measure": ("Protective measures and monitoring", measures),
        "verdict": ("Verdicts", VERDICTS),
        "statement": ("Kinds of statements", STATEMENTS),
        "phase": ("Phases", PHASES),
        "level": ("What a statement is asked of", LEVELS),
        "detected-issue": ("Kinds of detected issues", ISSUES),
    }
    return [_code_system(Addresses.of(rules), name, title, words, status) for name, (title, words) in named.items()]


def _code_system(addresses: Addresses, name: str, title: str, words: Mapping[str, str], status: str) -> Json:
    url = addresses.system(name)
    return {
        "resourceType": "CodeSystem",
        "id": url.rpartition("/")[2],
        "url": url,
        "version": addresses.version,
        "name": "Cds" + "".join(part.capitalize() for part in name.split("-")),
        "title": title,
        "status": status,
        "caseSensitive": True,
        "content": "complete",
        "count": len(words),
        "concept": [
            present(code=code, display=code.replace("-", " "), definition=text) for code, text in words.items()
        ],
    }
