"""A page as a reader of its structure sees it: headings, links, names and tables, by the standard library's parser."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "br", "img", "hr"})
BLOCKS = frozenset(
    {"p", "ul", "ol", "dl", "div", "section", "details", "table", "form", "pre", "h1", "h2", "h3", "h4", "h5"}
)
"""What ends a paragraph that it stands in, whatever the author meant."""
CLOSED_IN_SVG = frozenset({"circle", "path", "rect"})


@dataclass
class Page(HTMLParser):
    """What a page holds; `problems` are tags that do not match."""

    html: str
    headings: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self.feed(self.html)
        self.close()
        if self._open:
            self.problems.append(f"left open: {self._open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if len(named) != len(attrs):
            self.problems.append(f"{tag}: an attribute stands twice")
        self.tags.append((tag, named))
        if tag in BLOCKS and "p" in self._open:
            self.problems.append(f"<{tag}> in a paragraph at {self.getpos()}")
        if tag in self._open and tag in ("a", "form", "button", "summary", "label"):
            self.problems.append(f"<{tag}> in itself at {self.getpos()}")
        if "id" in named:
            self.ids.append(named["id"])
        if tag == "a":
            self.links.append(named.get("href", ""))
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in CLOSED_IN_SVG:
            self.problems.append(f"<{tag}/> is no void element")
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing, or something else, at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join(" ".join(self.texts).split())

    def of(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every tag of a name."""
        return [attributes for name, attributes in self.tags if name == tag]


def pages_of(pdf: bytes) -> int:
    """The pages of a PDF, in whatever stream they are described."""
    assert pdf.startswith(b"%PDF-")
    found = re.findall(rb"/Type\s*/Page\b", pdf)
    # A stream may itself end with the byte of a line's end: what follows its data is left over, and taken as no fault.
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            found += re.findall(rb"/Type\s*/Page\b", zlib.decompressobj().decompress(stream))
        except zlib.error:
            continue
    return len(found)
