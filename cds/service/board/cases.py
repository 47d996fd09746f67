"""The first page, and the page of one case: an example's, a pasted bundle's, a record's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

import anyio.to_thread
from fastapi import Request, Response
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse

from cds.board.case import CaseView, case_view, patient_of
from cds.errors import Issue
from cds.intake.document import parse_document
from cds.recommendation.model import Recommendation
from cds.records import UnknownRecord
from cds.ruleset.model import PHASES
from cds.service.board.archive import Archive, Beside, Recorded
from cds.service.board.form import FIELDS, bundle_of
from cds.service.board.shell import FAILURES, Route, Shell
from cds.service.board.told import told_about
from cds.service.entered import person_of, with_responses
from cds.service.examples import Example
from cds.service.outcomes import Refused
from cds.service.requests import NAMES, Asked, asked, today


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer that is about to be shown: an example's title, its bundle where that is at hand, and its record."""

    title: str
    answer: Recommendation
    bundle: bytes | Mapping[str, object] | None
    record: str | None
    unfold: bool
    address: str | None
    recorded: Recorded | None = None
    card: str | None = None
    """The record of the answer on the card of an EHR whose link led here."""
    responses: tuple[Mapping[str, object], ...] = ()
    """What was entered here and put beside the bundle, as its last entries."""


class CasePages:
    """The first page, the examples, and what is made of a form."""

    def __init__(self, shell: Shell, examples: Mapping[str, Example]) -> None:
        self._shell = shell
        self._examples = examples

    def routes(self) -> tuple[Route, ...]:
        """The addresses of these pages."""
        return (
            ("/", self.first, "GET"), ("/style.css", self.style, "GET"), ("/board", self.form, "POST"),
            ("/board", self.back, "GET"), ("/board/{name}", self.example, "GET"),
            ("/board/records/{record}/resources", self.resources, "GET"),
        )  # fmt: skip

    async def first(self, request: Request) -> Response:
        """What this is, the examples, and the form."""
        return await self._shell.html(
            request, "index.html", examples=self._examples.values(), today=today(), phases=PHASES
        )

    async def style(self) -> Response:
        """The only style sheet."""
        return Response(self._shell.style_sheet, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    async def back(self) -> Response:
        """A reader who reloads the address of a form's answer has nothing to send: back to the form."""
        return RedirectResponse("/", status_code=303)

    async def example(self, name: str, request: Request) -> Response:
        """The answer for an example patient."""
        example = self._examples.get(name)
        if example is None:
            told = Issue("error", "not-found", "", "there is no example of this name")
            return await self._shell.problem(request, 404, [told])
        query = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
        unfold = ("unfold", "true") in query
        named = QueryParams([(key, value) for key, value in query if key != "unfold"])

        def ask() -> Asked:
            wanted = asked(example.file.read_bytes(), named, self._shell.runtime.limits)
            return wanted if "as_of" in named or example.as_of is None else replace(wanted, as_of=example.as_of)

        return await self.decided(
            request, ask, "GET /board/{name}", title=example.title, unfold=unfold, address=f"/board/{name}"
        )

    async def form(self, request: Request) -> Response:
        """The answer for a bundle that was pasted or chosen as a file."""
        try:
            fields = await self._shell.fields(request, FIELDS)
            bundle = bundle_of(fields)
        except Refused as error:
            return await self._shell.failed(request, error)
        unfold = fields.get("unfold") == b"true"

        def ask() -> Asked:
            named = {name: fields[name].decode("utf-8", "replace") for name in NAMES if fields.get(name)}
            return asked(bundle, QueryParams(named), self._shell.runtime.limits)

        return await self.decided(
            request, ask, "POST /board", title="", unfold=unfold, address=None, size=len(bundle)
        )

    async def decided(
        self, request: Request, ask: Callable[[], Asked], door: str, *, title: str, unfold: bool, address: str | None,
        size: int = 0,
    ) -> Response:  # fmt: skip
        """The page of the answer to what `ask` asks; `door` is the address that was asked, `size` the bytes of what was
        sent: of a large body everything but the page is made in a process of its own.
        """
        asked_for: list[Asked] = []

        def asking() -> Asked:
            asked_for.append(ask())
            return asked_for[-1]

        runtime, caller = self._shell.runtime, getattr(request.state, "caller", None)
        try:
            wanted = await runtime.evaluations.run(asking) if runtime.is_large(size) else asking
            decided = await runtime.decide(wanted, door=door, caller=caller, size=size)
        except FAILURES as error:
            return await self._shell.failed(request, error)
        answer = await anyio.to_thread.run_sync(lambda: decided.answer)
        shown = Shown(
            title, answer, asked_for[-1].bundle, decided.record, unfold, address, responses=decided.responses
        )
        return await self.show(request, shown)

    async def show(self, request: Request, shown: Shown) -> Response:
        """The page of an answer that was given, and may be a recorded one."""
        texts = self._shell.texts(request)
        title = shown.title or texts("recorded.title" if shown.recorded is not None else "case.pasted")
        case = await anyio.to_thread.run_sync(self._view, shown)
        try:
            beside = await self._beside(request, shown)
        except FAILURES as error:
            return await self._shell.failed(request, error)
        return await self._shell.html(
            request, "case.html", case=case, title=title, unfold=shown.unfold, beside=beside,
            address=shown.address, record=shown.record if shown.recorded is None else None, recorded=shown.recorded,
            same_rules=shown.answer.rule_set.digest == self._shell.runtime.rules.digest, card=shown.card,
            record_at=self._record_at(shown),
        )  # fmt: skip

    async def _beside(self, request: Request, shown: Shown) -> Beside | None:
        """What boards decided about the patient, and what was entered; `None` where the answer has no record that this
        caller may read.
        """
        recorded, record = shown.recorded, shown.record

        if recorded is None and record is None:
            return None

        def read(archive: Archive) -> Beside:
            if recorded is not None:
                found = Beside(recorded.entry.id, recorded.decisions, {})
            else:
                found = archive.beside(record or "", shown.answer)
            return replace(found, entered=told_about(archive.records, found.record))

        try:
            return await self._shell.archived(request, read)
        except UnknownRecord:
            return None

    def _record_at(self, shown: Shown) -> str:
        """The page of the resources behind an answer; empty where its own page has to show them, or nobody can.

        They are much of what a page weighs, and are read one at a time. Nobody comes back to the answer to a form. An
        example's file has no answers that were entered beside it: where facts rest on these, its own page shows them.
        """
        runtime = self._shell.runtime
        recorded = shown.recorded
        record = recorded.entry.id if recorded is not None else shown.record
        if record is None or shown.address is None or runtime.records is None:
            return ""
        address = f"/board/records/{quote(record, safe='')}/resources"
        if recorded is not None or runtime.settings.keep_bundles:
            return address
        example = shown.address.removeprefix("/board/")
        if example in self._examples and not shown.responses and runtime.records.pseudonyms is None:
            return f"{address}?{urlencode({'example': example})}"
        return ""

    async def resources(self, record: str, request: Request) -> Response:
        """The resources behind a recorded answer, with the elements marked that facts rest on."""
        try:
            recorded = await self._shell.archived(request, lambda archive: archive.recorded(record))
        except FAILURES as error:
            return await self._shell.failed(request, error)
        example = self._examples.get(request.query_params.get("example", ""))
        case = await anyio.to_thread.run_sync(self._resources, recorded, example)
        return await self._shell.html(
            request, "resources.html", case=case, record=recorded.entry.id, number=recorded.entry.number, folded=False
        )

    def _resources(self, recorded: Recorded, example: Example | None) -> CaseView:
        bundle: bytes | Mapping[str, object] | None = recorded.bundle
        if bundle is None and example is not None:
            told = person_of(example.file.read_bytes())
            if told is not None and patient_of(recorded.answer) == f"Patient/{told.id}":
                bundle = example.file.read_bytes()  # else the address names another patient's example
        return self._view(Shown("", recorded.answer, bundle, recorded.entry.id, False, None, recorded))

    def _view(self, shown: Shown) -> CaseView:
        bundle = shown.bundle
        tree = parse_document(bundle, self._shell.runtime.limits) if isinstance(bundle, bytes) else bundle
        return case_view(shown.answer, with_responses(tree, shown.responses) if tree is not None else None)
