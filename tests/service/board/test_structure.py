"""What every page owes a reader with a keyboard, a screen reader, a small screen or a slow line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.service.board.conftest import AS_OF
from tests.service.board.reading import Page

Named = Callable[[str], str]
MOST_BYTES = 150_000
PAGES = [
    "/", "/board/records", "/rulebook", "/rules", "/rules/SS-2", "/rules/TP-1", "/references",
    "/references/schwartz2022", "/vocabulary", "/board/none", "02", "04", "05", "06", "10", "12", "02+",
]  # fmt: skip


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest, board: TestClient, named: Named) -> Page:
    path = request.param
    if path[0] != "/":
        path = f"{named(path[:2])}{'&unfold=true' if path.endswith('+') else ''}"
    return Page(board.get(path).text)


def test_its_tags_match_and_no_name_stands_twice(page: Page) -> None:
    assert page.problems == []
    assert len(page.ids) == len(set(page.ids))


def test_its_headings_begin_with_one_and_leave_no_level_out(page: Page) -> None:
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(page.headings))


def test_its_first_link_leads_past_the_navigation_and_every_link_leads_somewhere(page: Page) -> None:
    assert page.links[0] == "#main"
    fragments = {link[1:] for link in page.links if link.startswith("#")}
    assert fragments <= set(page.ids)
    assert all(re.match(r"#|/|https://", link) for link in page.links)
    assert "main" in page.ids


def test_it_says_its_language_its_title_and_how_wide_it_may_be(page: Page) -> None:
    assert page.of("html") == [{"lang": "en"}]
    assert len(page.of("title")) >= 1
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.of("meta")


def test_its_fields_drawings_and_scrolling_parts_have_names(page: Page) -> None:
    labelled = {attributes["for"] for attributes in page.of("label")}
    for tag in ("input", "select", "textarea"):
        assert all(attributes["id"] in labelled for attributes in page.of(tag))
    for drawing in page.of("svg"):
        assert drawing["role"] == "img"
        assert drawing.get("aria-label") or set(drawing["aria-labelledby"].split()) <= set(page.ids)
    for part in page.of("div"):
        if part.get("class") == "wide":
            # A group: as a region each would be a landmark, and a case has too many to be of use.
            assert part["role"] == "group"
            assert part["tabindex"] == "0"
            assert part["aria-label"]
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for attributes in page.of("th"))


def test_every_part_that_names_its_heading_names_one_that_is_there(page: Page) -> None:
    for _, attributes in page.tags:
        for each in attributes.get("aria-labelledby", "").split():
            assert each in page.ids


def test_it_runs_no_script_and_loads_only_its_style_sheet(page: Page) -> None:
    assert page.of("script") == page.of("style") == page.of("iframe") == page.of("img") == []
    assert page.of("link") == [{"rel": "stylesheet", "href": "/style.css"}]
    assert not any(name == "style" or name.startswith("on") for _, each in page.tags for name in each)


def test_it_says_that_it_is_no_device_and_that_nobody_approved_the_rules(page: Page) -> None:
    assert "Not a medical device" in page.text
    assert "Nobody has approved these rules" in page.text


def test_no_page_of_an_example_weighs_more_than_150_kb_in_any_language(board: TestClient, named: Named) -> None:
    """Unpacked: what a slow machine has to read, and somebody saves or prints."""
    weights: dict[str, int] = {}

    def weigh(address: str) -> str:
        response = board.get(address, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in response.headers
        weights[address] = len(response.content)
        return response.text

    named("01")
    examples = re.findall(r'href="(/board/[0-9][^"]*)"', board.get("/").text)
    assert len(examples) > 10
    for example in examples:
        text = weigh(f"{example}?as_of={AS_OF}&unfold=true&lang=fr")
        record = re.search(r"/board/records/[0-9a-f-]{36}", text)
        if record is None:
            continue  # there is no answer to a bundle that cannot be used
        weigh(f"{record[0]}/what-if?patient:inr=2.4&lang=fr")
        weigh(f"{record[0]}/resources?lang=fr")
        weigh(f"{record[0]}/enter?lang=fr")
        if "06-" in example:
            weigh(f"{record[0]}?unfold=true")
            weigh(f"{record[0]}/what-if?patient:inr=2.4&T1:declinesSurgery=true")
    for page in ("/", "/board/records", "/rulebook", "/rules", "/references", "/vocabulary"):
        weigh(f"{page}?lang=fr")
    assert {address: size for address, size in weights.items() if size > MOST_BYTES} == {}


def test_a_page_travels_packed_to_whom_can_unpack_it(board: TestClient, named: Named) -> None:
    packed = board.get(named("06"), headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(packed.content) / 4


def colours(style: str) -> Iterator[dict[str, str]]:
    """The palettes of the style sheet: light, then dark."""
    for block in re.findall(r":root \{([^}]*)\}", style)[:2]:
        yield dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 reckons it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_text_colour_can_be_read_on_its_ground_light_and_dark(repository: Path) -> None:
    style = (repository / "cds" / "service" / "board" / "templates" / "style.css").read_text(encoding="utf-8")
    palettes = list(colours(style))
    assert len(palettes) == 2
    for palette in palettes:
        for text in ("ink", "quiet", "warn", "link", "good", "care", "bad", "open"):
            for ground in ("paper", "panel"):
                assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
        assert contrast(palette["ink"], palette["mark"]) >= 4.5
        assert contrast(palette["ice"], palette["paper"]) >= 3
