"""The recorded cases: their list with its search, one of them as it was given out, and two side by side."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response

from cds.board.comparison import compare
from cds.board.listing import Search
from cds.service.board.cases import CasePages, Shown
from cds.service.board.shell import FAILURES, Route, Shell
from cds.vocabulary import FactKind

VERDICTS: Final = ("eligible", "conditional", "ineligible", "undetermined", "not-assessed")


class RecordPages:
    """What is recorded, as pages."""

    def __init__(self, shell: Shell, cases: CasePages) -> None:
        self._shell = shell
        self._cases = cases

    def routes(self) -> tuple[Route, ...]:
        """The addresses of these pages."""
        return (
            ("/board/records", self.records, "GET"), ("/board/records/{record}", self.record, "GET"),
            ("/board/compare", self.compared, "GET"),
        )  # fmt: skip

    async def record(self, record: str, request: Request) -> Response:
        """A recorded answer, as it was given out."""
        try:
            recorded = await self._shell.archived(request, lambda archive: archive.recorded(record))
        except FAILURES as error:
            return await self._shell.failed(request, error)
        unfold = request.query_params.get("unfold") == "true"
        address = f"/board/records/{recorded.entry.id}"
        named = request.query_params.get("card")
        card = next((each.id for each in recorded.others if each.id == named), None)
        shown = Shown("", recorded.answer, recorded.bundle, record, unfold, address, recorded, card)
        return await self._cases.show(request, shown)

    async def records(self, request: Request) -> Response:
        """The recorded cases, newest first, with a search."""
        query = request.query_params
        search = Search(*(query.get(name, "")[:100] for name in ("q", "verdict", "option", "missing")))
        rules = self._shell.runtime.rules
        shown: dict[str, Any] = {
            "search": search, "verdicts": VERDICTS, "rows": (), "decided": {},
            "searched": None, "older": None, "unread": 0,
            "options": [(name, option.label) for name, option in rules.options.items()],
            "facts": [
                (each.path, each.label) for each in rules.vocabulary.facts.values()
                if each.kind not in (FactKind.GIVEN, FactKind.DOCUMENT)
            ],
        }  # fmt: skip
        if self._shell.runtime.records is None:
            return await self._shell.html(request, "records.html", recording=False, **shown)
        given = query.get("before", "")
        before = int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None
        try:
            page = await self._shell.archived(request, lambda archive: archive.page(search, before=before))
        except FAILURES as error:
            return await self._shell.failed(request, error)
        older = None
        if page.next_before is not None:
            kept = {"q": search.text, "verdict": search.verdict, "option": search.option, "missing": search.missing}
            older = urlencode({**{key: value for key, value in kept.items() if value}, "before": page.next_before})
        shown |= {"rows": page.rows, "decided": page.decided, "searched": page.searched}
        shown |= {"older": older, "unread": page.unread}
        return await self._shell.html(request, "records.html", recording=True, **shown)

    async def compared(self, request: Request) -> Response:
        """Two recorded evaluations side by side."""
        ids = request.query_params.get("before", ""), request.query_params.get("after", "")
        try:
            before, after = await self._shell.archived(
                request, lambda archive: (archive.recorded(ids[0]), archive.recorded(ids[1]))
            )
        except FAILURES as error:
            return await self._shell.failed(request, error)
        comparison = compare(before.answer, after.answer)
        same = after.entry.id in {before.entry.id, *(each.id for each in before.others)}
        return await self._shell.html(request, "compare.html", comparison=comparison, ids=ids, same=same)
