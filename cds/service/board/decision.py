"""What the board decided: the form beside an answer, the page of a decision, on paper and as FHIR.

A decision is appended and never edited; a correction is a new one that names the one it replaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import anyio
import anyio.to_thread
import orjson
from fastapi import Request, Response
from starlette.responses import RedirectResponse

from cds.board.decision import BoardDecided, Choice, choices, lesion_of
from cds.board.sheet import DecisionSheet, decision_sheet
from cds.errors import Issue
from cds.fhir_output.board_decision import decision_bundle
from cds.recommendation.model import LesionPart
from cds.records import (
    Author,
    BoardDecision,
    DecidedMeanwhile,
    Entry,
    RecordsUnavailable,
    UnknownRecord,
    UnreadableRecord,
)
from cds.service.board.archive import Archive, Later, Recorded
from cds.service.board.deciding import DecisionFields, Filled, Problem, Typed, box_of, typed_again
from cds.service.board.paper import pdf_of
from cds.service.board.shell import FAILURES, Failure, Route, Shell
from cds.service.outcomes import FHIR_JSON, Refused, outcome_response, refusal_of
from cds.service.requests import today


@dataclass(frozen=True, slots=True)
class Deciding:
    """What a board has before it while it decides.

    `before` is what was decided about the lesion until now, newest first; `later` a newer evaluation of the patient;
    `corrects` the decision that this one is to replace.
    """

    recorded: Recorded
    lesion: LesionPart
    choices: tuple[Choice, ...]
    before: tuple[BoardDecided, ...]
    later: Later | None
    corrects: BoardDecided | None

    @property
    def seen(self) -> int:
        """The number of the newest decision that the form is made beside; 0: there is none."""
        return max((each.number for each in self.before), default=0)


class DecisionPages:
    """The form of a decision, and the decision."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        # One sheet at a time: each keeps a processor busy for a second.
        self._press = anyio.CapacityLimiter(1)

    def routes(self) -> tuple[Route, ...]:
        """The addresses of these pages."""
        return (
            ("/board/records/{record}/decide", self.form, "GET"),
            ("/board/records/{record}/decide", self.decide, "POST"),
            ("/board/decisions/{decision}.pdf", self.paper, "GET"),
            ("/board/decisions/{decision}", self.decision, "GET"),
            ("/board/decisions/{decision}/fhir", self.fhir, "GET"),
        )  # fmt: skip

    async def form(self, record: str, request: Request) -> Response:
        """The form beside a recorded answer."""
        try:
            deciding = await self._deciding(record, request)
        except FAILURES as error:
            return await self._shell.failed(request, error)
        typed = Typed(decided_on=today().isoformat())
        if deciding.corrects is not None:
            typed = typed_again(deciding.corrects, deciding.choices)
        return await self._form(request, deciding, replace(typed, beside=str(deciding.seen)))

    async def decide(self, record: str, request: Request) -> Response:
        """Record what the form says; or the form again, with what was typed and everything that is wrong with it."""
        try:
            typed = Typed.of(await self._shell.fields(request, DecisionFields()))
        except Refused as error:
            return await self._shell.failed(request, error)
        try:
            deciding = await self._deciding(record, request)
            filled = Filled(typed, deciding.choices, today(), _author(request))
            problems = filled.problems()
            if problems:
                # The number that was sent stays: what came in between is still to be confirmed.
                return await self._form(request, deciding, typed, status=422, problems=problems)
            corrects = deciding.corrects.id if deciding.corrects is not None else None
            made = filled.decision(deciding.recorded.entry.id, deciding.lesion.id, corrects)
            try:
                entry = await self._append(request, made, typed.seen)
            except DecidedMeanwhile as error:
                now = await self._deciding(record, request)
                shown = replace(typed, beside=str(now.seen))
                return await self._form(request, now, shown, status=409, others=error.others)
        except RecordsUnavailable:
            return await self._shell.html(request, "unsaved.html", status=503, typed=typed, address=_address(request))
        except FAILURES as error:
            return await self._shell.failed(request, error)
        language = request.query_params.get("lang")
        query = f"?{urlencode({'lang': language})}" if language else ""
        return RedirectResponse(f"/board/decisions/{entry.id}{query}", status_code=303)

    async def decision(self, decision: str, request: Request) -> Response:
        """One decision, on one page."""
        try:
            sheet = await self._sheet(decision, request)
        except FAILURES as error:
            return await self._shell.failed(request, error)
        return await self._shell.html(request, "decision.html", sheet=sheet)

    async def paper(self, decision: str, request: Request) -> Response:
        """The same page as a PDF."""
        try:
            sheet = await self._sheet(decision, request)
            html = await self._shell.text(request, "decision.html", sheet=sheet)
            made = await anyio.to_thread.run_sync(pdf_of, html, self._shell.style_sheet, limiter=self._press)
        except FAILURES as error:
            return await self._shell.failed(request, error)
        named = f'inline; filename="board-decision-{sheet.decided.id}.pdf"'
        return Response(made, media_type="application/pdf", headers={"Content-Disposition": named})

    async def fhir(self, decision: str, request: Request) -> Response:
        """The same as a Bundle of FHIR R4 resources."""
        try:
            sheet = await self._sheet(decision, request)
        except FAILURES as error:
            return _outcome(error)
        runtime = self._shell.runtime
        hidden = runtime.records is not None and runtime.records.pseudonyms is not None
        made = decision_bundle(sheet.decided, sheet.answer, runtime.rules, pseudonymous=hidden)
        return Response(orjson.dumps(made), media_type=FHIR_JSON)

    async def _deciding(self, record: str, request: Request) -> Deciding:
        """What the board has before it. Raises what reading the records raises."""
        query = request.query_params
        named, corrects = query.get("lesion"), query.get("corrects")

        def read(archive: Archive) -> Deciding:
            recorded = archive.recorded(record)
            only = recorded.answer.lesions[0].id if len(recorded.answer.lesions) == 1 else ""
            lesion = named if named is not None else only
            part = lesion_of(recorded.answer, lesion)
            if part is None:
                told = "this answer has no such lesion; open its record, and choose a lesion there"
                raise UnknownRecord(f"`{lesion[:64]}`: {told}")
            before = tuple(each.decided for each in recorded.decisions if each.decided.lesion == lesion)
            corrected = _newest(before, corrects)
            if corrects is not None and corrected is None:
                told = "no decision about this lesion, so it cannot be corrected here; open the record"
                raise UnknownRecord(f"`{corrects[:64]}`: {told}")
            offered = choices(recorded.answer, part)
            return Deciding(recorded, part, offered, before, archive.later(recorded, lesion), corrected)

        return await self._shell.archived(request, read)

    async def _append(self, request: Request, made: BoardDecision, seen: int) -> Entry:
        return await self._shell.archived(
            request, lambda archive: archive.records.append_board_decision(made, beside=seen)
        )

    async def _form(
        self,
        request: Request,
        deciding: Deciding,
        typed: Typed,
        *,
        status: int = 200,
        problems: Sequence[Problem] = (),
        others: Sequence[str] = (),
    ) -> Response:
        return await self._shell.html(
            request, "decide.html", status=status, deciding=deciding, typed=typed, problems=problems, box_of=box_of,
            others=[each for each in deciding.before if each.id in others], today=today(), author=_author(request),
            address=_address(request),
        )  # fmt: skip

    async def _sheet(self, decision: str, request: Request) -> DecisionSheet:
        def read(archive: Archive) -> DecisionSheet:
            decided = archive.decision(decision)
            return decision_sheet(decided, archive.answer_of(decided.record))

        return await self._shell.archived(request, read)


def _newest(decided: Sequence[BoardDecided], id_: str | None) -> BoardDecided | None:
    """A decision by its id; of one that was replaced what stands in its place, so that no two corrections stand."""
    known = {each.id: each for each in decided}
    found = known.get(id_ or "")
    while found is not None and found.replaced_by in known:
        found = known[found.replaced_by or ""]
    return found


def _address(request: Request) -> str:
    """Where a form is sent: the address of its own page."""
    return f"{request.url.path}?{request.url.query}"


def _author(request: Request) -> Author | None:
    """Who writes, where somebody vouches for the name."""
    caller = getattr(request.state, "caller", None)
    return Author(caller.name, caller.issuer) if caller is not None and caller.issuer is not None else None


def _outcome(error: Failure) -> Response:
    """A refusal as the OperationOutcome that a FHIR client reads."""
    if isinstance(error, UnknownRecord):
        return outcome_response(404, [Issue("error", error.code, "", str(error))])
    if isinstance(error, UnreadableRecord):
        return outcome_response(500, [Issue("error", error.code, "", str(error))])
    return outcome_response(*refusal_of(error))
