"""What every room of the board's pages shares: the texts, the templates, and how a page or a refusal goes out."""

from __future__ import annotations

import datetime as dt
import gzip
import html
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from importlib import resources
from typing import Final, TypeVar

import anyio.to_thread
import jinja2
from fastapi import Request, Response
from markupsafe import Markup
from starlette.responses import HTMLResponse

from cds import __version__
from cds.board.case import patient_of
from cds.board.elements import telling
from cds.board.supposing import is_supposed
from cds.errors import Issue, NoAdvice, UnusableInput
from cds.evidence import proportion_percents
from cds.explanation import words
from cds.explanation.layout import printable
from cds.explanation.references import reference
from cds.recommendation.model import FactPart
from cds.records import PatientRecords, Records, RecordsUnavailable, UnknownRecord, UnreadableRecord
from cds.records.preparation import subject_of
from cds.service.board.archive import Archive
from cds.service.board.form import FORM_TYPES, fields_of
from cds.service.board.texts import Texts, load_texts, preferred
from cds.service.guard import record_incident
from cds.service.outcomes import Refused, refusal_of
from cds.service.requests import body_of
from cds.service.runtime import Caller, Runtime

T = TypeVar("T")

Route = tuple[str, Callable[..., Awaitable[Response]], str]
"""The address of a page, what answers it, and the method."""

LANGUAGE: Final = "cds_language"
"""The cookie with the language that was chosen; it holds nothing else, and goes with the browser."""
MOST_FACTS: Final = 4
"""Facts that stand open under an argument; the others are folded with its basis."""
Failure = UnusableInput | Refused | NoAdvice | RecordsUnavailable | UnknownRecord | UnreadableRecord
FAILURES: Final = (UnusableInput, Refused, NoAdvice, RecordsUnavailable, UnknownRecord, UnreadableRecord)


class Shell:
    """The frame around every page of one service."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._texts = load_texts()
        files = resources.files("cds.service.board")
        self.style_sheet: Final = (files / "templates" / "style.css").read_text(encoding="utf-8")
        self._templates = _environment()

    async def fields(self, request: Request, names: Container[object]) -> Mapping[str, bytes]:
        """The fields of a form that was sent here, those of other names left out.

        Raises `Refused`: 400 for a form that cannot be read, 403 for one that a page of somebody else sent.
        """
        check_same_origin(request)
        body = await body_of(request, FORM_TYPES, self.runtime.settings.largest_body)
        return await anyio.to_thread.run_sync(fields_of, request.headers["content-type"], body, names)

    def records(self, request: Request) -> Records:
        """The records that the caller may read, and write to. Raises `UnknownRecord` where nothing is recorded.

        No room reads or writes records in another way: a session that was opened for one patient sees this one only.
        """
        records, caller = self.runtime.records, getattr(request.state, "caller", None)
        if records is None:
            raise UnknownRecord("nothing is recorded here; see the setting `recording`")
        if not isinstance(caller, Caller) or caller.patient is None:
            return records
        return PatientRecords(records, patient=caller.patient, server=caller.issuer)

    async def archived(self, request: Request, read: Callable[[Archive], T]) -> T:
        """What is read from the records, off the event loop. Raises `UnknownRecord` where nothing is recorded."""
        return await anyio.to_thread.run_sync(read, Archive(self.records(request)))

    async def failed(self, request: Request, error: Failure) -> Response:
        """The page that says why there is no answer."""
        if isinstance(error, NoAdvice):
            record_incident(error)
        if isinstance(error, UnknownRecord):
            return await self.problem(request, 404, [Issue("error", error.code, "", str(error))])
        if isinstance(error, UnreadableRecord):
            return await self.problem(request, 500, [Issue("error", error.code, "", str(error))])
        return await self.problem(request, *refusal_of(error))

    async def problem(self, request: Request, status: int, issues: Sequence[Issue]) -> Response:
        """The page of a refusal, with every issue."""
        phrase = HTTPStatus(status).phrase
        return await self.html(request, "problem.html", status=status, number=status, issues=issues, phrase=phrase)

    def texts(self, request: Request) -> Texts:
        """The texts in the language that the address names, else in the one chosen before, else that is preferred."""
        for named in (request.query_params.get("lang", ""), request.cookies.get(LANGUAGE, "")):
            if named in self._texts:
                return self._texts[named]
        return self._texts[preferred(request.headers.get("accept-language"), self._texts)]

    async def html(self, request: Request, template: str, *, status: int = 200, **values: object) -> Response:
        """A page from its template, with what every page says."""
        packed = "gzip" in request.headers.get("accept-encoding", "")
        render = self._templates.get_template(template).render
        content = await anyio.to_thread.run_sync(partial(_rendered, render, {**self._frame(request), **values}, packed))
        language = self.texts(request).language
        headers = {"Content-Language": language, "Vary": "Accept-Language, Accept-Encoding, Cookie"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        response = HTMLResponse(content, status_code=status, headers=headers)
        if request.query_params.get("lang") == language:
            response.set_cookie(LANGUAGE, language, httponly=True, samesite="lax")
        return response

    async def text(self, request: Request, template: str, **values: object) -> str:
        """The same page as text, for what is made of it."""
        render = self._templates.get_template(template).render
        return await anyio.to_thread.run_sync(partial(render, {**self._frame(request), **values}))

    def _frame(self, request: Request) -> Mapping[str, object]:
        head, texts, caller = self.runtime.rules.head, self.texts(request), getattr(request.state, "caller", None)
        session = caller if isinstance(caller, Caller) and caller.patient is not None else None
        return {
            "head": head, "version": __version__, "t": texts, "path": request.url.path, "session": session,
            "languages": self._languages(request, texts),
        }  # fmt: skip

    def _languages(self, request: Request, here: Texts) -> Sequence[tuple[str, str, str]]:
        """The other languages of this page: code, own name, and address. None where it cannot be asked for again: the
        answer to a form, and the end of a launch, whose address holds what nobody may see.
        """
        if request.method != "GET" or request.url.path.startswith("/smart/"):
            return ()
        others = sorted((each for each in self._texts.values() if each is not here), key=lambda each: each.language)
        addresses = (request.url.include_query_params(lang=each.language) for each in others)
        return [
            (each.language, each("frame.language"), f"{address.path}?{address.query}")
            for each, address in zip(others, addresses, strict=True)
        ]


def check_same_origin(request: Request) -> None:
    """A form that writes is taken from our own pages only. Raises `Refused` (403).

    A browser says where a form comes from (`Sec-Fetch-Site`, else `Origin`); a program that is no browser says nothing,
    and carries nobody's session.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = origin is None or origin.partition("://")[2] == request.headers.get("host")
    if not own:
        told = "this form was sent by a page of another site; open it here, and send it again"
        raise Refused(403, "foreign-form", told)


def _rendered(render: Callable[..., str], named: Mapping[str, object], packed: bool) -> bytes:
    """A page as bytes. No page holds a secret beside text that a reader sent: compressing it tells nobody anything."""
    text = render(**named).encode()
    return gzip.compress(text, compresslevel=5, mtime=0) if packed else text


def _environment() -> jinja2.Environment:
    """The templates: every text that is put into one is escaped, and one that is missing is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cds.service.board"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "printable": printable, "content": _content, "spoken": words.spoken, "fact_label": words.fact_label,
        "telling": telling, "element": words.element, "percents": proportion_percents, "reference": reference,
        "day": _day, "moment": _moment, "leading": _leading, "first_few": _first_few, "the_rest": _the_rest,
        "patient_of": patient_of, "subject_of": subject_of,
    }  # fmt: skip
    environment.tests["supposed"] = is_supposed
    return environment


def _content(text: str) -> Markup:
    """A text as the content of an element, never of an attribute: quotation marks stay, which JSON is full of."""
    return Markup(html.escape(text, quote=False))  # nosec B704 - escaped, but for these marks


def _day(fact: FactPart) -> str:
    """The clinical days of a fact's elements: one, or the first and the last. None of birth."""
    told = (each for each in telling(fact.sources) if not each.path.endswith(".birthDate"))
    days = sorted({source.date[:10] for source in told if source.date})
    return "" if not days else days[0] if len(days) == 1 else f"{days[0]}, {days[-1]}"


def _leading(facts: Sequence[FactPart], truth: str) -> list[FactPart]:
    """Facts with what decides first: of an undecided criterion what is missing, else what the record says."""

    def place(fact: FactPart) -> int:
        if truth == "unknown":
            return 0 if fact.status != "known" else 1
        return 0 if fact.status == "known" and fact.sources else 1

    return sorted(facts, key=place)


def _first_few(facts: Sequence[FactPart]) -> Sequence[FactPart]:
    return facts[:MOST_FACTS]


def _the_rest(facts: Sequence[FactPart]) -> Sequence[FactPart]:
    return facts[MOST_FACTS:]


def _moment(moment: dt.datetime) -> str:
    """A moment as people read it, in UTC."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
