"""What an engine is: something that decides every criterion of a program in every context of a case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cds.reasoning.contexts import Contexts
from cds.ruleset.program import Program
from cds.truth import Truth

Decisions = Mapping[tuple[str, str], Truth]
"""The truth of each criterion in each context, by (criterion id, context id)."""


class Engine(Protocol):
    """Decides criteria. Two engines that share no code run on every request and must agree."""

    @property
    def name(self) -> str:
        """`reference` or `durable_rules`."""

    @property
    def version(self) -> str:
        """The version of the engine that ran."""

    def decide(self, program: Program, contexts: Contexts) -> Decisions:
        """The truth of every criterion of the program in every context of its level.

        Raises `EngineFailure` where it cannot vouch for all of them; it never leaves one out.
        """
