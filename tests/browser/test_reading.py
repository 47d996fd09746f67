"""Pages as people meet them: narrow, zoomed, printed, without scripts, by keyboard; light to load, nothing from
elsewhere.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response

from tests.browser.conftest import AS_OF, Opened, Service
from tests.browser.pages import PAGES

A4 = {"width": 703, "height": 1009}
"""A page of A4 less its margins, in CSS pixels."""
MOST_BYTES = 150_000


def overflowing(page: Page) -> list[str]:
    """What stands out over the right edge of the page, but for what scrolls in a part of its own."""
    found = page.evaluate(
        """() => [...document.body.querySelectorAll('*')].filter((each) => {
          if (each.closest('.wide, pre, .skip, .hidden, svg') && !each.matches('.wide, pre')) return false;
          const box = each.getBoundingClientRect();
          return box.width > 0 && box.right > document.documentElement.clientWidth + 1;
        }).map((each) => each.outerHTML.slice(0, 120)).slice(0, 5)"""
    )
    assert isinstance(found, list)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 640])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_stands_out_on_a_narrow_screen(name: str, width: int, service: Service, opened: Opened) -> None:
    # 640 pixels are a screen of 1280 at 200 %.
    page = opened(service.url + PAGES[name](service), viewport={"width": width, "height": 800})
    assert overflowing(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_no_table_is_cut_on_paper(name: str, service: Service, opened: Opened) -> None:
    page = opened(service.url + PAGES[name](service), viewport=A4)
    page.emulate_media(media="print")
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.wide, table, pre, svg')]
          .filter((each) => each.clientWidth > 0 && each.scrollWidth > each.clientWidth + 1)
          .map((each) => each.outerHTML.slice(0, 120))"""
    )
    assert cut == []
    assert overflowing(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light_and_loads_nothing_from_elsewhere(name: str, service: Service, opened: Opened) -> None:
    page = opened("about:blank")
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(service.url + PAGES[name](service))
    page.wait_for_load_state("networkidle")
    assert {urlsplit(each.url).netloc for each in answers} == {urlsplit(service.url).netloc}
    sizes = [each.request.sizes() for each in answers]
    assert sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes) < MOST_BYTES


def test_a_page_says_the_same_without_scripts(service: Service, opened: Opened) -> None:
    address = service.example("02")
    texts = [
        opened(address, java_script_enabled=scripts).locator("main h1, main h2, main .answer").all_inner_texts()
        for scripts in (True, False)
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) > 5


def test_the_first_stop_of_the_keyboard_skips_to_the_content(service: Service, opened: Opened) -> None:
    page = opened(service.url + "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_every_stop_of_the_keyboard_is_seen(service: Service, opened: Opened) -> None:
    page = opened(f"{service.url}{service.examples['02']}?as_of={AS_OF}")
    page.keyboard.press("Tab")
    for _ in range(40):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(() => { const style = getComputedStyle(document.activeElement);"
            " return [style.outlineStyle, style.outlineWidth, document.activeElement.tagName]; })()"
        )
        assert style[0] != "none", style
        assert style[1] != "0px", style
