"""The routes of the board's pages; each page is rendered off the event loop."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from importlib import resources
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import anyio.to_thread
import jinja2
from fastapi import FastAPI, Request, Response
from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, RedirectResponse

from cds import __version__
from cds.board.case import CaseView, case_view
from cds.board.comparison import compare
from cds.board.elements import telling
from cds.board.knowledge import reference_view, rule_list, rule_view, vocabulary_view
from cds.board.listing import Search
from cds.errors import Issue, NoAdvice, UnusableInput
from cds.evidence import proportion_text
from cds.explanation import words
from cds.explanation.answer import reference
from cds.explanation.layout import printable
from cds.intake.document import parse_document
from cds.recommendation.model import FactPart, Recommendation
from cds.records import Records, RecordsUnavailable, UnknownRecord, UnreadableRecord
from cds.ruleset.model import PHASES
from cds.service.board.archive import Archive, Recorded
from cds.service.board.form import FORM_TYPES, bundle_of, fields_of
from cds.service.board.texts import DEFAULT, load_texts, preferred
from cds.service.examples import Example
from cds.service.guard import record_incident
from cds.service.outcomes import Refused, refusal_of
from cds.service.requests import NAMES, Asked, asked, body_of, today
from cds.service.runtime import Runtime
from cds.vocabulary import FactKind

T = TypeVar("T")

MOST_FACTS: Final = 4
"""Facts that stand open under an argument; the others are folded with its basis."""
VERDICTS: Final = ("eligible", "conditional", "ineligible", "undetermined", "not-assessed")
Failure = UnusableInput | Refused | NoAdvice | RecordsUnavailable | UnknownRecord | UnreadableRecord
FAILURES: Final = (UnusableInput, Refused, NoAdvice, RecordsUnavailable, UnknownRecord, UnreadableRecord)


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


class Board:
    """The pages of one service."""

    def __init__(self, runtime: Runtime, examples: Mapping[str, Example]) -> None:
        self._runtime = runtime
        self._examples = examples
        self._texts = load_texts()
        files = resources.files("cds.service.board")
        self._style = (files / "templates" / "style.css").read_text(encoding="utf-8")
        self._templates = _environment()

    def add_to(self, app: FastAPI) -> None:
        """Serve the pages; they are for people, so the API's description leaves them out."""
        routes: tuple[tuple[str, Callable[..., Awaitable[Response]], str], ...] = (
            ("/", self.first, "GET"), ("/style.css", self.style, "GET"),
            ("/board/records", self.records, "GET"), ("/board/records/{record}", self.record, "GET"),
            ("/board/compare", self.compared, "GET"), ("/board/{name}", self.example, "GET"),
            ("/board", self.form, "POST"), ("/board", self.back, "GET"),
            ("/rules", self.rules, "GET"), ("/rules/{name}", self.rule, "GET"),
            ("/references", self.references, "GET"), ("/references/{name}", self.reference, "GET"),
            ("/vocabulary", self.vocabulary, "GET"),
        )  # fmt: skip
        for path, endpoint, method in routes:
            app.add_api_route(path, endpoint, methods=[method], include_in_schema=False, response_class=Response)

    # ------------------------------------------------------------------------------------------ the first page

    async def first(self, request: Request) -> Response:
        """What this is, the examples, and the form."""
        return await self._html(
            request, "index.html", examples=self._examples.values(), today=today(), phases=PHASES
        )

    async def style(self) -> Response:
        """The only style sheet."""
        return Response(self._style, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    async def back(self) -> Response:
        """A reader who reloads the address of a form's answer has nothing to send: back to the form."""
        return RedirectResponse("/", status_code=303)

    # -------------------------------------------------------------------------------------------------- a case

    async def example(self, name: str, request: Request) -> Response:
        """The answer for an example patient."""
        example = self._examples.get(name)
        if example is None:
            told = Issue("error", "not-found", "", "there is no example of this name")
            return await self._problem(request, 404, [told])
        query = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
        unfold = ("unfold", "true") in query
        named = QueryParams([(key, value) for key, value in query if key != "unfold"])

        def ask() -> Asked:
            wanted = asked(example.file.read_bytes(), named, self._runtime.limits)
            return wanted if "as_of" in named or example.as_of is None else replace(wanted, as_of=example.as_of)

        return await self._decided(
            request, ask, "GET /board/{name}", title=example.title, unfold=unfold, address=f"/board/{name}"
        )

    async def form(self, request: Request) -> Response:
        """The answer for a bundle that was pasted or chosen as a file."""
        try:
            body = await body_of(request, FORM_TYPES, self._runtime.settings.largest_body)
            fields = await anyio.to_thread.run_sync(fields_of, request.headers["content-type"], body)
            bundle = bundle_of(fields)
        except Refused as error:
            return await self._failed(request, error)
        unfold = fields.get("unfold") == b"true"

        def ask() -> Asked:
            named = {name: fields[name].decode("utf-8", "replace") for name in NAMES if fields.get(name)}
            return asked(bundle, QueryParams(named), self._runtime.limits)

        return await self._decided(request, ask, "POST /board", title="", unfold=unfold, address=None)

    async def _decided(
        self, request: Request, ask: Callable[[], Asked], door: str, *, title: str, unfold: bool, address: str | None
    ) -> Response:
        asked_for: list[Asked] = []

        def asking() -> Asked:
            asked_for.append(ask())
            return asked_for[-1]

        caller = getattr(request.state, "caller", None)
        try:
            decided = await self._runtime.decide(asking, door=door, caller=caller)
        except FAILURES as error:
            return await self._failed(request, error)
        shown = Shown(title, decided.answer, asked_for[-1].bundle, decided.record, unfold, address)
        return await self._case(request, shown)

    async def _case(self, request: Request, shown: Shown) -> Response:
        texts = self._texts[self._language(request)]
        title = shown.title or texts("recorded.title" if shown.recorded is not None else "case.pasted")
        case = await anyio.to_thread.run_sync(self._view, shown)
        return await self._html(
            request, "case.html", case=case, title=title, unfold=shown.unfold,
            address=shown.address, record=shown.record if shown.recorded is None else None, recorded=shown.recorded,
            same_rules=shown.answer.rule_set.digest == self._runtime.rules.digest,
        )  # fmt: skip

    def _view(self, shown: Shown) -> CaseView:
        bundle = shown.bundle
        return case_view(
            shown.answer, parse_document(bundle, self._runtime.limits) if isinstance(bundle, bytes) else bundle
        )

    # ------------------------------------------------------------------------------------------------- records

    async def record(self, record: str, request: Request) -> Response:
        """A recorded answer, as it was given out."""
        try:
            recorded = await self._archived(lambda archive: archive.recorded(record))
        except FAILURES as error:
            return await self._failed(request, error)
        unfold = request.query_params.get("unfold") == "true"
        address = f"/board/records/{recorded.entry.id}"
        return await self._case(
            request, Shown("", recorded.answer, recorded.bundle, record, unfold, address, recorded)
        )

    async def records(self, request: Request) -> Response:
        """The recorded cases, newest first, with a search."""
        query = request.query_params
        search = Search(*(query.get(name, "")[:100] for name in ("q", "verdict", "option", "missing")))
        rules = self._runtime.rules
        shown: dict[str, Any] = {
            "search": search, "verdicts": VERDICTS, "rows": (), "searched": None, "older": None, "unread": 0,
            "options": [(name, option.label) for name, option in rules.options.items()],
            "facts": [
                (each.path, each.label) for each in rules.vocabulary.facts.values()
                if each.kind not in (FactKind.GIVEN, FactKind.DOCUMENT)
            ],
        }  # fmt: skip
        if self._runtime.records is None:
            return await self._html(request, "records.html", recording=False, **shown)
        given = query.get("before", "")
        before = int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None
        try:
            page = await self._archived(lambda archive: archive.page(search, before=before))
        except FAILURES as error:
            return await self._failed(request, error)
        older = None
        if page.next_before is not None:
            kept = {"q": search.text, "verdict": search.verdict, "option": search.option, "missing": search.missing}
            older = urlencode({**{key: value for key, value in kept.items() if value}, "before": page.next_before})
        shown |= {"rows": page.rows, "searched": page.searched, "older": older, "unread": page.unread}
        return await self._html(request, "records.html", recording=True, **shown)

    async def compared(self, request: Request) -> Response:
        """Two recorded evaluations side by side."""
        ids = request.query_params.get("before", ""), request.query_params.get("after", "")
        try:
            comparison = await self._archived(
                lambda archive: compare(archive.recorded(ids[0]).answer, archive.recorded(ids[1]).answer)
            )
        except FAILURES as error:
            return await self._failed(request, error)
        return await self._html(request, "compare.html", comparison=comparison, ids=ids)

    async def _archived(self, read: Callable[[Archive], T]) -> T:
        records: Records | None = self._runtime.records
        if records is None:
            raise UnknownRecord("nothing is recorded here; see the setting `recording`")
        return await anyio.to_thread.run_sync(read, Archive(records))

    # ------------------------------------------------------------------------------------------------ rule set

    async def rules(self, request: Request) -> Response:
        """Every statement of the rule set."""
        return await self._html(request, "rules.html", lines=rule_list(self._runtime.rules))

    async def rule(self, name: str, request: Request) -> Response:
        """One statement with its condition, evidence and thresholds."""
        found = rule_view(self._runtime.rules, name)
        if found is None:
            return await self._problem(request, 404, [Issue("error", "not-found", "", "there is no rule of this id")])
        return await self._html(request, "rule.html", rule=found)

    async def references(self, request: Request) -> Response:
        """Every reference."""
        found = [each for _, each in sorted(self._runtime.rules.references.items())]
        return await self._html(request, "references.html", references=found)

    async def reference(self, name: str, request: Request) -> Response:
        """One reference with what it says, and what rests on it."""
        found = reference_view(self._runtime.rules, name)
        if found is None:
            told = Issue("error", "not-found", "", "there is no reference of this name")
            return await self._problem(request, 404, [told])
        return await self._html(request, "reference.html", reference=found)

    async def vocabulary(self, request: Request) -> Response:
        """Every fact that rules may speak of."""
        return await self._html(request, "vocabulary.html", levels=vocabulary_view(self._runtime.rules))

    # --------------------------------------------------------------------------------------------------- pages

    async def _failed(self, request: Request, error: Failure) -> Response:
        if isinstance(error, NoAdvice):
            record_incident(error)
        if isinstance(error, UnknownRecord):
            return await self._problem(request, 404, [Issue("error", error.code, "", str(error))])
        if isinstance(error, UnreadableRecord):
            return await self._problem(request, 500, [Issue("error", error.code, "", str(error))])
        return await self._problem(request, *refusal_of(error))

    async def _problem(self, request: Request, status: int, issues: tuple[Issue, ...] | list[Issue]) -> Response:
        phrase = HTTPStatus(status).phrase
        return await self._html(request, "problem.html", status=status, number=status, issues=issues, phrase=phrase)

    def _language(self, request: Request) -> str:
        named = request.query_params.get("lang", "")
        return named if named in self._texts else preferred(request.headers.get("accept-language"), self._texts)

    async def _html(self, request: Request, template: str, *, status: int = 200, **values: object) -> Response:
        texts = self._texts.get(self._language(request), self._texts[DEFAULT])
        frame = {"head": self._runtime.rules.head, "version": __version__, "t": texts, "path": request.url.path}
        packed = "gzip" in request.headers.get("accept-encoding", "")
        render = self._templates.get_template(template).render
        content = await anyio.to_thread.run_sync(partial(_rendered, render, {**frame, **values}, packed))
        headers = {"Content-Language": texts.language, "Vary": "Accept-Language, Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        return HTMLResponse(content, status_code=status, headers=headers)


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
        "printable": printable, "spoken": words.spoken, "fact_label": words.fact_label, "telling": telling,
        "element": words.element, "proportion": proportion_text, "reference": reference, "day": _day,
        "moment": _moment, "leading": _leading, "first_few": _first_few, "the_rest": _the_rest,
    }  # fmt: skip
    return environment


def _day(fact: FactPart) -> str:
    """The clinical days of a fact's elements: one, or the first and the last."""
    days = sorted({source.date[:10] for source in telling(fact.sources) if source.date})
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
