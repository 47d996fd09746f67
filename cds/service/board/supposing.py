"""What if: the answer to a recorded case of which some facts are supposed to be otherwise. Nothing here is recorded.

Every state of the page has its address, which names what is supposed; the form leads there, and so does the script,
without which everything works as well.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Final, cast
from urllib.parse import quote

import anyio.to_thread
from fastapi import Request, Response
from starlette.responses import RedirectResponse

from cds.board.case import CaseView, case_view
from cds.board.changes import LesionChanges, Way, changes_view
from cds.board.comparison import Comparison, compare
from cds.board.supposing import address_of, control_groups, supposed_facts
from cds.case import Case
from cds.case.supposing import NotSupposable, Place, place_text, read_suppositions, supposed
from cds.errors import Issue
from cds.recommendation.model import Recommendation
from cds.records import UnreadableRecord
from cds.records.replay import completed
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES, Phase
from cds.service.board.archive import Archive, Base
from cds.service.board.shell import FAILURES, Route, Shell
from cds.service.guard import HEADERS
from cds.service.outcomes import Refused

POLICY: Final = f"{HEADERS['Content-Security-Policy']}; script-src 'self'; connect-src 'self'"
"""The policy of the one page that has a script: our own, which asks our own address."""
_FRAME: Final = ("lang", "unfold")
"""What an address says besides what is supposed."""


class _Places(Container[object]):
    """The names of the form's fields: every one that names a fact."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and ":" in name


@dataclass(frozen=True, slots=True)
class Started:
    """What a question starts from: a record, and its facts as the rule set in force reads them."""

    base: Base
    case: Case
    rules: RuleSet

    @property
    def phase(self) -> Phase:
        """The phase of the record."""
        phase = self.base.entry.body.get("phase")
        return cast(Phase, phase) if phase in PHASES else "decision"

    @property
    def same_rules(self) -> bool:
        """Whether the record was answered by the rule set in force."""
        return self.base.digest == self.rules.digest


@dataclass(frozen=True, slots=True)
class Answered:
    """What comes out: the answer as a page, and what is otherwise than in the record's.

    The page is without what the record's page has: the facts that are not supposed, references, and what was seen in
    studies.
    """

    case: CaseView
    comparison: Comparison

    @classmethod
    def of(cls, answer: Recommendation, before: Recommendation) -> Answered:
        """An answer, and what is otherwise in it than `before`."""
        view = replace(case_view(answer), facts=(), anchors={}, references=(), outcomes=())
        return cls(view, compare(before, answer))


class SupposePages:
    """The page that asks what if, and its script."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        script = resources.files("cds.service.board") / "assets" / "what-if.js"
        self._script: Final = script.read_text(encoding="utf-8")

    def routes(self) -> tuple[Route, ...]:
        """The addresses of these pages."""
        page = "/board/records/{record}/what-if"
        return (page, self.page, "GET"), (page, self.form, "POST"), ("/assets/what-if.js", self.script, "GET")

    async def script(self) -> Response:
        """The only script."""
        return Response(self._script, media_type="text/javascript", headers={"Cache-Control": "max-age=3600"})

    async def form(self, record: str, request: Request) -> Response:
        """To the address of what a form supposes."""
        try:
            fields = await self._shell.fields(request, _Places())
        except Refused as error:
            return await self._shell.failed(request, error)
        written = [(place, text.decode("utf-8", "replace").strip()) for place, text in fields.items()]
        address = _address(record, [(place, text) for place, text in written if text], request)
        return RedirectResponse(address, status_code=303)

    async def page(self, record: str, request: Request) -> Response:
        """The answer if what the address supposes were so; where it supposes nothing, what would change the answer."""
        asked = _asked(request)
        rules = self._shell.runtime.rules
        try:
            start = await self._shell.archived(request, lambda archive: _started(archive, record, rules))
        except FAILURES as error:
            return await self._shell.failed(request, error)
        try:
            states = await anyio.to_thread.run_sync(read_suppositions, start.case, rules.vocabulary, asked)
        except NotSupposable as error:
            return await self._html(request, start, start.case, issues=error.issues)
        if not states:
            changes = await anyio.to_thread.run_sync(changes_view, start.case, rules, start.phase)
            return await self._html(request, start, start.case, changes=changes)
        case = supposed(start.case, rules.vocabulary, states)
        try:
            answer = await self._shell.runtime.suppose(case, rules, start.phase)
            before = await self._before(start, answer)
        except FAILURES as error:
            return await self._shell.failed(request, error)
        answered = await anyio.to_thread.run_sync(Answered.of, answer, before)
        return await self._html(request, start, case, answered=answered, places=tuple(states))

    async def _before(self, start: Started, answer: Recommendation) -> Recommendation:
        """What an answer is compared with: the recorded one; by other rules or engines the same facts answered anew."""
        if start.same_rules:
            try:
                recorded = await anyio.to_thread.run_sync(start.base.outline)
            except UnreadableRecord:  # of another form than this version reads: its facts are asked anew
                return await self._shell.runtime.suppose(start.case, start.rules, start.phase)
            if recorded.engines == answer.engines:
                return recorded
        return await self._shell.runtime.suppose(start.case, start.rules, start.phase)

    async def _html(
        self,
        request: Request,
        start: Started,
        case: Case,
        *,
        issues: Sequence[Issue] = (),
        answered: Answered | None = None,
        places: Sequence[Place] = (),
        changes: Sequence[LesionChanges] = (),
    ) -> Response:
        given = {place: text.strip() for place, text in _asked(request) if text.strip()}
        record = start.base.entry.id

        def view() -> dict[str, object]:
            groups = control_groups(case, start.rules, start.phase, given=given, issues=issues, recorded=start.case)
            anchors = {control.place: control.anchor for group in groups for control in group.controls}
            facts = supposed_facts(start.case, case, start.rules.vocabulary, places)
            return {
                "groups": groups,
                "problems": [(issue, anchors.get(issue.expression)) for issue in issues],
                "supposed": [(fact, _address(record, _but(given, fact.place), request)) for fact in facts],
            }

        def try_out(way: Way) -> str:
            return _address(record, _written(way), request)

        response = await self._shell.html(
            request, "what-if.html", status=400 if issues else 200, **await anyio.to_thread.run_sync(view),
            start=start, answered=answered, case=answered.case if answered is not None else None, changes=changes,
            unfold=request.query_params.get("unfold") == "true", here=_address(record, [], request), try_out=try_out,
        )  # fmt: skip
        response.headers["Content-Security-Policy"] = POLICY
        return response


def _asked(request: Request) -> list[tuple[str, str]]:
    """What an address supposes; a parameter that nobody knows is told, not passed over."""
    return [(name, text) for name, text in request.query_params.multi_items() if name not in _FRAME]


def _address(record: str, written: Sequence[tuple[str, str]], request: Request) -> str:
    lang = request.query_params.get("lang", "")
    return address_of(f"/board/records/{quote(record, safe='')}/what-if", written, lang=lang)


def _but(given: Mapping[str, str], place: str) -> list[tuple[str, str]]:
    return [(each, text) for each, text in given.items() if each != place]


def _written(way: Way) -> list[tuple[str, str]]:
    """The changes of a way as an address supposes them."""
    return [(place_text((each.subject, each.name.rpartition(".")[2])), each.value) for each in way.changes]


def _started(archive: Archive, record: str, rules: RuleSet) -> Started:
    base = archive.base(record)
    return Started(base, completed(base.case, rules.vocabulary), rules)
