"""The rule set as pages: its statements, its references, its vocabulary."""

from __future__ import annotations

import anyio.to_thread
from fastapi import Request, Response

from cds.board.knowledge import reference_view, rule_book, rule_list, rule_view, vocabulary_view
from cds.errors import Issue
from cds.service.board.shell import Route, Shell


class KnowledgePages:
    """What the answers rest on, as pages."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def routes(self) -> tuple[Route, ...]:
        """The addresses of these pages."""
        return (
            ("/rules", self.rules, "GET"), ("/rules/{name}", self.rule, "GET"),
            ("/rulebook", self.book, "GET"), ("/references", self.references, "GET"),
            ("/references/{name}", self.reference, "GET"), ("/vocabulary", self.vocabulary, "GET"),
        )  # fmt: skip

    async def rules(self, request: Request) -> Response:
        """Every statement of the rule set."""
        return await self._shell.html(request, "rules.html", lines=rule_list(self._shell.runtime.rules))

    async def rule(self, name: str, request: Request) -> Response:
        """One statement with its condition, evidence and thresholds."""
        found = rule_view(self._shell.runtime.rules, name)
        if found is None:
            told = Issue("error", "not-found", "", "there is no rule of this id")
            return await self._shell.problem(request, 404, [told])
        return await self._shell.html(request, "rule.html", rule=found)

    async def book(self, request: Request) -> Response:
        """The whole rule set, to be read from beginning to end."""
        book = await anyio.to_thread.run_sync(rule_book, self._shell.runtime.rules)
        return await self._shell.html(request, "rulebook.html", book=book)

    async def references(self, request: Request) -> Response:
        """Every reference."""
        found = [each for _, each in sorted(self._shell.runtime.rules.references.items())]
        return await self._shell.html(request, "references.html", references=found)

    async def reference(self, name: str, request: Request) -> Response:
        """One reference with what it says, and what rests on it."""
        found = reference_view(self._shell.runtime.rules, name)
        if found is None:
            told = Issue("error", "not-found", "", "there is no reference of this name")
            return await self._shell.problem(request, 404, [told])
        return await self._shell.html(request, "reference.html", reference=found)

    async def vocabulary(self, request: Request) -> Response:
        """Every fact that rules may speak of."""
        return await self._shell.html(request, "vocabulary.html", levels=vocabulary_view(self._shell.runtime.rules))
