"""The form for what EHRs do not send: its page, what is stored of it, and what is said once it is stored.

A form that was stored is never edited; a correction is another form, and the vocabulary says what two come to.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import anyio.to_thread
from fastapi import Request, Response
from starlette.responses import RedirectResponse

from cds.board.entry import DAY, NAME, EntryView, Filled, Problem, entry_view, filled
from cds.fhir_output.questionnaire import Unsayable, check_read_back, questionnaire_response
from cds.records import Author, Entry, Pseudonyms, RecordsUnavailable, UnknownRecord
from cds.records.preparation import subject_of
from cds.records.replay import completed
from cds.service.board.archive import Archive, Base
from cds.service.board.cases import CasePages
from cds.service.board.shell import FAILURES, Route, Shell
from cds.service.board.told import Told, told_about
from cds.service.entered import KIND, PLACE, WITHDRAWS, lesion_marks
from cds.service.examples import Example
from cds.service.outcomes import Refused
from cds.service.requests import Asked, today
from cds.service.runtime import Caller

AGAIN: Final = "POST /board/records/{record}/again"
_NOTHING: Final = EntryView(None, (), (), None)
"""A form that asks nothing but who fills it in."""


class Every:
    """The names of all fields: which of them a form asks is known once its record was read."""

    def __contains__(self, name: object) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class Opened:
    """A form that was opened beside a record: of which lesion, and the example that the record is of, if any."""

    base: Base
    view: EntryView
    example: Example | None

    @property
    def address(self) -> str:
        """Where the form is, and where it is sent."""
        lesion = {"lesion": self.view.lesion.id} if self.view.lesion is not None else {}
        return f"{record_address(self.base.entry.id)}/enter{_query({**lesion, **_named(self.example)})}"

    def marks(self, pseudonyms: Pseudonyms | None = None) -> dict[str, str | None] | None:
        """By what the lesion is told from others; `None` of a form about the patient alone."""
        own = [each for each in self.base.case.lesions if self.view.lesion and each.id == self.view.lesion.id]
        return lesion_marks(own[0], pseudonyms) if own else None

    @property
    def is_placed(self) -> bool:
        """Whether the record says where the lesion is, without which nothing that is entered about it is used."""
        marks = self.marks()
        return marks is None or all(marks[name] is not None for name in PLACE)


def record_address(record: str) -> str:
    """The address of a record's page."""
    return f"/board/records/{quote(record, safe='')}"


class EntryPages:
    """The form, and what was entered."""

    def __init__(self, shell: Shell, cases: CasePages, examples: Mapping[str, Example]) -> None:
        self._shell = shell
        self._cases = cases
        self._examples = examples

    def routes(self) -> tuple[Route, ...]:
        """The addresses of these pages."""
        return (
            ("/board/records/{record}/enter", self.form, "GET"), ("/board/records/{record}/enter", self.enter, "POST"),
            ("/board/records/{record}/entered/{entry}", self.entered, "GET"),
            ("/board/records/{record}/entered/{entry}", self.withdraw, "POST"),
            ("/board/records/{record}/again", self.again, "POST"),
        )  # fmt: skip

    async def form(self, record: str, request: Request) -> Response:
        """The empty form beside a recorded answer."""
        try:
            opened = await self._opened(record, request)
        except FAILURES as error:
            return await self._shell.failed(request, error)
        return await self._page(request, opened, {})

    async def enter(self, record: str, request: Request) -> Response:
        """Store what the form says; or the form again, with what was typed and everything that is wrong with it."""
        try:
            typed = _texts(await self._shell.fields(request, Every()))
            opened = await self._opened(record, request)
            form = filled(opened.view, typed, today(), author=_vouched(request))
            if form.problems:
                return await self._page(request, opened, typed, form, status=422)
            content = await anyio.to_thread.run_sync(self._content, opened, form)
        except FAILURES as error:
            return await self._shell.failed(request, error)
        about, author = opened.base.entry.id, _author(request)

        def store(archive: Archive) -> Entry:
            told = {**content, "lesion": opened.marks(archive.records.pseudonyms)}
            return archive.records.append_entry(KIND, told, about=about, author=author)

        try:
            entry = await self._shell.archived(request, store)
        except RecordsUnavailable:
            return await self._page(request, opened, typed, form, status=503)
        except FAILURES as error:
            return await self._shell.failed(request, error)
        return RedirectResponse(
            f"{record_address(about)}/entered/{entry.id}{_query(_named(opened.example))}", status_code=303
        )

    async def entered(self, record: str, entry: str, request: Request) -> Response:
        """What was stored, and how it is used."""
        try:
            told, base = await self._shell.archived(request, lambda archive: _stored(archive, record, entry))
        except FAILURES as error:
            return await self._shell.failed(request, error)
        return await self._entered(request, told, base)

    async def withdraw(self, record: str, entry: str, request: Request) -> Response:
        """Take back what was entered by mistake: it stays recorded, and no evaluation uses it any more."""
        try:
            typed = _texts(await self._shell.fields(request, (NAME,)))
            told, base = await self._shell.archived(request, lambda archive: _stored(archive, record, entry))
            signed = filled(_NOTHING, typed, today(), author=_vouched(request))
            problem = next((each for each in signed.problems if each.field == NAME), None)
            if problem is not None:
                return await self._entered(request, told, base, problem, 422)
            content = {WITHDRAWS: told.entry.id, "name": signed.name}
            author = _author(request)
            await self._shell.archived(
                request, lambda archive: archive.records.append_entry(KIND, content, about=record, author=author)
            )
        except FAILURES as error:
            return await self._shell.failed(request, error)
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{record_address(record)}/entered/{told.entry.id}{query}", status_code=303)

    async def _entered(
        self, request: Request, told: Told, base: Base, problem: Problem | None = None, status: int = 200
    ) -> Response:
        example = self._examples.get(request.query_params.get("example", ""))
        days = [each for each in (told.day, example.as_of.isoformat() if example and example.as_of else "") if each]
        again = f"/board/{quote(example.name)}?as_of={max(days)}" if example is not None and days else None
        return await self._shell.html(
            request, "entered.html", status=status, told=told, again=again, problem=problem, author=_vouched(request),
            kept=isinstance(base.content.get("bundle"), dict), address=record_address(base.entry.id),
        )  # fmt: skip

    async def again(self, record: str, request: Request) -> Response:
        """The answer for the bundle that a record keeps, as of today."""
        try:
            await self._shell.fields(request, ())
            base = await self._shell.archived(request, lambda archive: archive.base(record))
        except FAILURES as error:
            return await self._shell.failed(request, error)
        bundle = base.content.get("bundle")
        if not isinstance(bundle, dict):
            told = f"`{record[:64]}`: its bundle was not kept (setting `keep_bundles`); send the bundle again"
            return await self._shell.failed(request, UnknownRecord(told))
        asked = Asked(
            bundle, max(today(), base.case.as_of), str(base.entry.body.get("phase", "decision")),
            server=base.entry.body.get("server"),
        )  # fmt: skip
        return await self._cases.decided(request, lambda: asked, AGAIN, title="", unfold=False, address=None)

    # ------------------------------------------------------------------------------------------------------- reading

    async def _opened(self, record: str, request: Request) -> Opened:
        query = request.query_params
        base = await self._shell.archived(request, lambda archive: archive.base(record))
        return await anyio.to_thread.run_sync(
            self._form, base, query.get("lesion"), self._examples.get(query.get("example", ""))
        )

    def _form(self, base: Base, lesion: str | None, example: Example | None) -> Opened:
        """The form beside a record. Raises `UnknownRecord`, and `Refused` where nobody could say whose it would be."""
        if not base.content.get("patient") or subject_of(base.case) is None:
            details = "this record does not say whose it is: its Patient has no id; send the bundle with one, and go on"
            raise Refused(422, "nobody-named", f"{details} from that answer")
        answer, vocabulary = base.answer(), self._shell.runtime.rules.vocabulary
        case = completed(base.case, vocabulary)
        chosen = lesion if lesion is not None or not answer.lesions else answer.lesions[0].id
        try:
            return Opened(base, entry_view(answer, case, vocabulary, chosen), example)
        except KeyError:
            told = "this answer has no such lesion; open its record, and choose a lesion there"
            raise UnknownRecord(f"`{str(chosen)[:64]}`: {told}") from None

    def _content(self, opened: Opened, form: Filled) -> Mapping[str, object]:
        """What is stored of a form. Raises `Refused` (500) unless it is read again as exactly what was entered."""
        rules = self._shell.runtime.rules
        now = dt.datetime.now(dt.UTC)
        try:
            response = questionnaire_response(rules, form.said, day=form.day, authored=now, author=form.name)
            check_read_back(rules, response, form.said, max(today(), form.day))
        except Unsayable as error:
            told = f"nothing was stored, because it would be read otherwise than it was entered: {error}; report this"
            raise Refused(500, "not-read-back", told) from error
        return {"response": response, "patient": opened.base.content["patient"]}

    async def _page(
        self, request: Request, opened: Opened, typed: Mapping[str, str], form: Filled | None = None, status: int = 200
    ) -> Response:
        every = form.problems if form is not None else ()
        problems = {each.field: each for each in every}
        labels = {each.field: each.label for each in opened.view.controls if each.field in problems}
        return await self._shell.html(
            request, "enter.html", status=status, view=opened.view, base=opened.base, address=opened.address,
            record=record_address(opened.base.entry.id), typed=typed, every=every, problems=problems, labels=labels,
            lost=status == 503, author=_vouched(request), today=today(), day_field=DAY, is_placed=opened.is_placed,
        )  # fmt: skip


def _stored(archive: Archive, record: str, entry: str) -> tuple[Told, Base]:
    """What was entered beside a record. Raises `UnknownRecord`."""
    found = [told for told in told_about(archive.records, record) if told.entry.id == entry]
    if not found or found[0].entry.about != record:
        raise UnknownRecord(f"`{entry[:64]}`: nothing of this id was entered beside this record; open the record")
    return found[0], archive.base(record)


def _author(request: Request) -> Author | None:
    caller = getattr(request.state, "caller", None)
    return Author(caller.name, caller.issuer) if isinstance(caller, Caller) else None


def _vouched(request: Request) -> str | None:
    """The name of who fills the form in, where somebody vouches for it."""
    caller = getattr(request.state, "caller", None)
    return caller.name if isinstance(caller, Caller) and caller.issuer is not None else None


def _texts(fields: Mapping[str, bytes]) -> dict[str, str]:
    try:
        return {name: value.decode("utf-8") for name, value in fields.items()}
    except UnicodeDecodeError as error:
        told = "the form is not written in UTF-8; open the page here, and send it again"
        raise Refused(400, "unreadable-form", told) from error


def _named(example: Example | None) -> dict[str, str]:
    return {"example": example.name} if example is not None else {}


def _query(named: Mapping[str, str]) -> str:
    return f"?{urlencode(named)}" if named else ""

