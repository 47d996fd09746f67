"""Both engines on every request: they agree on every criterion, or there is no answer."""

from __future__ import annotations

from cds.errors import EngineDisagreement, EngineFailure
from cds.reasoning.conditions import Derivation, ReferenceEngine
from cds.reasoning.contexts import Contexts
from cds.reasoning.engine import Decisions, Engine
from cds.ruleset.program import Program

Derivations = dict[tuple[str, str], Derivation]


def decide(program: Program, contexts: Contexts, reference: ReferenceEngine, second: Engine) -> Derivations:
    """The reference evaluator's derivations, once the second engine has decided every criterion the same way.

    Raises `EngineDisagreement` or `EngineFailure`; nothing is returned by one engine in silence.
    """
    derivations = reference.derivations(program, contexts)
    truths = {key: derivation.truth for key, derivation in derivations.items()}
    compare(truths, second.decide(program, contexts), second)
    return derivations


def compare(first: Decisions, second: Decisions, engine: Engine) -> None:
    """Raise unless both decided the same criteria in the same contexts, alike.

    The message names criteria and truths, never facts: it may be logged.
    """
    if first.keys() != second.keys():
        missing = len(first.keys() ^ second.keys())
        raise EngineFailure(f"{engine.name} {engine.version} left {missing} of {len(first)} criteria undecided")
    different = [key for key, truth in first.items() if second[key] is not truth]
    if different:
        shown = ", ".join(
            f"{criterion}: reference {first[criterion, context].value}, "
            f"{engine.name} {second[criterion, context].value}"
            for criterion, context in different[:5]
        )
        raise EngineDisagreement(f"the engines disagree on {len(different)} of {len(first)} criteria ({shown})")
