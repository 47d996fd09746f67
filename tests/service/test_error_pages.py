"""Every error that the service tells by a code has its page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from cds.records.errors import DecidedMeanwhile, RecordsUnavailable, UnknownRecord, UnreadableRecord
from cds.service.recording import NOT_RECORDED
from cds.service.security.outbound import NotFetched
from cds.service.security.tokens import NotAllowed, NotAuthentic

CLASSES = (
    DecidedMeanwhile, RecordsUnavailable, UnknownRecord, UnreadableRecord, NotFetched, NotAllowed, NotAuthentic,
)  # fmt: skip


def told(repository: Path) -> Iterator[str]:
    """The codes of the issues that the service makes itself."""
    service = repository / "cds" / "service"
    rooms = (service, *(service / name for name in ("board", "security", "smart")))
    for file in (file for room in rooms for file in room.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Refused", "Issue"):
                code = node.args[1] if len(node.args) > 1 else None
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield code.value


def test_every_code_has_its_page(repository: Path) -> None:
    codes = {*told(repository), NOT_RECORDED.code, *(error.code for error in CLASSES)}
    assert len(codes) > 18
    for code in sorted(codes - {"more-issues"}):
        page = repository / "docs" / "reference" / "errors" / f"{code}.md"
        assert page.is_file(), code
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {code}\n")
        assert "## Summary" in text
