"""The board's pages of one service, room by room; each page is rendered off the event loop."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Response

from cds.service.board.cases import CasePages
from cds.service.board.decision import DecisionPages
from cds.service.board.entry import EntryPages
from cds.service.board.history import RecordPages
from cds.service.board.knowledge import KnowledgePages
from cds.service.board.shell import Shell
from cds.service.board.supposing import SupposePages
from cds.service.examples import Example
from cds.service.runtime import Runtime


def add_board(app: FastAPI, runtime: Runtime, examples: Mapping[str, Example]) -> None:
    """Serve the pages; they are for people, so the API's description leaves them out."""
    shell = Shell(runtime)
    cases = CasePages(shell, examples)
    # An example may have any name: its address comes after those of everything else.
    rooms = (
        RecordPages(shell, cases), DecisionPages(shell), SupposePages(shell), EntryPages(shell, cases, examples),
        KnowledgePages(shell), cases,
    )  # fmt: skip
    for room in rooms:
        for path, endpoint, method in room.routes():
            app.add_api_route(path, endpoint, methods=[method], include_in_schema=False, response_class=Response)
