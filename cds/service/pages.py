"""Pages for people: what this is, the example patients, a form for a bundle, and an answer to read and to print.

Server-rendered, every text escaped, nothing loaded from elsewhere, no script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from importlib import resources
from typing import Final
from urllib.parse import parse_qsl

import jinja2
from fastapi import FastAPI, Request, Response
from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, RedirectResponse

from cds import __version__
from cds.errors import Issue, NoAdvice, UnusableInput
from cds.explanation.answer import page
from cds.explanation.layout import printable
from cds.explanation.page import Entry
from cds.intake.document import Limits
from cds.recommendation.model import Recommendation
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES
from cds.service.evaluation import Evaluations
from cds.service.examples import Example
from cds.service.guard import record_incident
from cds.service.outcomes import Refused, no_advice, status_of
from cds.service.requests import NAMES, Asked, asked, body_of, today

FORM_TYPE: Final = "application/x-www-form-urlencoded"
_FIELDS: Final = ("bundle", *NAMES, "unfold")


class Pages:
    """The pages of one service."""

    def __init__(
        self,
        rules: RuleSet,
        evaluations: Evaluations,
        examples: Mapping[str, Example],
        largest_body: int,
        limits: Limits,
    ) -> None:
        self._rules = rules
        self._evaluations = evaluations
        self._examples = examples
        self._largest_body = largest_body
        self._limits = limits
        self._style = (resources.files("cds.service") / "templates" / "style.css").read_text(encoding="utf-8")
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("cds.service"), autoescape=True, undefined=jinja2.StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.filters["printable"] = printable
        self._templates.tests["statement"] = lambda entry: isinstance(entry, Entry)

    def add_to(self, app: FastAPI) -> None:
        """Serve the pages; they are for people, so the API's description leaves them out."""
        for path, endpoint, method in (
            ("/", self.first, "GET"), ("/style.css", self.style, "GET"),
            ("/board/{name}", self.example, "GET"), ("/board", self.form, "POST"), ("/board", self.back, "GET"),
        ):  # fmt: skip
            app.add_api_route(path, endpoint, methods=[method], include_in_schema=False, response_class=Response)

    async def first(self) -> Response:
        """What this is, the examples, and the form."""
        return self._html("index.html", examples=self._examples.values(), today=today(), phases=PHASES)

    async def style(self) -> Response:
        """The only style sheet."""
        return Response(self._style, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    async def back(self) -> Response:
        """A reader who reloads the address of a form's answer has nothing to send: back to the form."""
        return RedirectResponse("/", status_code=303)

    async def example(self, name: str, request: Request) -> Response:
        """The answer for an example patient."""
        example = self._examples.get(name)
        if example is None:
            return self._problem(404, [Issue("error", "not-found", "", "there is no example of this name")])
        query = request.query_params.multi_items()
        unfold = ("unfold", "true") in query
        named = QueryParams([(key, value) for key, value in query if key != "unfold"])

        def ask() -> Asked:
            wanted = asked(example.file.read_bytes(), named, self._limits)
            return wanted if "as_of" in named or example.as_of is None else replace(wanted, as_of=example.as_of)

        try:
            answer = await self._evaluations.recommendation(ask)
        except (UnusableInput, Refused, NoAdvice) as error:
            return self._failed(error)
        return self._answer(example.title, answer, unfold, f"/board/{name}")

    async def form(self, request: Request) -> Response:
        """The answer for a bundle that was pasted; it is not kept."""
        try:
            body = await body_of(request, (FORM_TYPE,), self._largest_body)
            unfold = body.endswith(b"&unfold=true")  # the form's last field
            answer = await self._evaluations.recommendation(lambda: self._pasted(body))
        except (UnusableInput, Refused, NoAdvice) as error:
            return self._failed(error)
        return self._answer("A pasted bundle", answer, unfold, None)

    def _pasted(self, body: bytes) -> Asked:
        fields = _form_fields(body)
        named = {name: fields[name] for name in NAMES if fields.get(name)}
        return asked(fields.get("bundle", "").encode(), QueryParams(named), self._limits)

    def _answer(self, title: str, answer: Recommendation, unfold: bool, address: str | None) -> Response:
        content = page(answer, unfold=unfold)
        return self._html("answer.html", title=title, page=content, unfold=unfold, address=address, day=answer.as_of)

    def _failed(self, error: UnusableInput | Refused | NoAdvice) -> Response:
        if isinstance(error, NoAdvice):
            record_incident(error)
            return self._problem(503, no_advice(error))
        status = error.status if isinstance(error, Refused) else status_of(error.issues)
        return self._problem(status, error.issues)

    def _problem(self, status: int, issues: tuple[Issue, ...] | list[Issue]) -> Response:
        phrase = HTTPStatus(status).phrase
        return self._html("problem.html", status=status, number=status, issues=issues, phrase=phrase)

    def _html(self, template: str, *, status: int = 200, **values: object) -> Response:
        text = self._templates.get_template(template).render(head=self._rules.head, version=__version__, **values)
        return HTMLResponse(text, status_code=status)


def _form_fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict",
                          max_num_fields=len(_FIELDS))  # fmt: skip
    except ValueError as error:  # UnicodeError is one, too
        raise Refused(400, "unreadable-form", "the form cannot be read; paste the bundle as UTF-8 text") from error
    return {name: value for name, value in pairs if name in _FIELDS}
