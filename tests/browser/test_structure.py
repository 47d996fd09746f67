"""Every page is valid HTML, and axe finds nothing against WCAG 2.2 AA, in light and in dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NPM, Opened, Service, html_problems, node
from tests.browser.pages import PAGES

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BROKEN = "<!doctype html><html lang=en><head><title>x</title></head><body><p><div>x</p><img src=x></body></html>"
Address = Callable[[Service], str]


def read(address: str) -> str:
    try:
        with urlopen(address) as answer:
            return str(answer.read().decode("utf-8"))
    except HTTPError as error:
        return error.read().decode("utf-8")


@pytest.mark.slow
def test_every_page_is_valid_html(service: Service) -> None:
    texts = {name: read(service.url + address(service)) for name, address in PAGES.items()}
    found = dict(zip(texts, html_problems(list(texts.values())), strict=True))
    assert found == {name: [] for name in PAGES}


def test_the_checker_of_html_finds_what_is_broken() -> None:
    assert html_problems([BROKEN])[0]


def axe(page: Page) -> list[dict[str, Any]]:
    """What axe finds: the rule, and the elements that break it."""
    node()
    page.add_script_tag(path=NPM / "node_modules" / "axe-core" / "axe.min.js")
    found = page.evaluate(
        "async (tags) => (await axe.run(document, {runOnly: tags, resultTypes: ['violations']})).violations"
        ".map((each) => ({rule: each.id, where: each.nodes.slice(0, 5).map((node) => node.html.slice(0, 200))}))",
        WCAG,
    )
    assert isinstance(found, list)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(name: str, scheme: Literal["light", "dark"], service: Service, opened: Opened) -> None:
    # The page's own policy would refuse axe itself; every other test here runs under it.
    page = opened(service.url + PAGES[name](service), bypass_csp=True, color_scheme=scheme)
    assert axe(page) == []


def test_axe_finds_what_is_seeded(service: Service, opened: Opened) -> None:
    page = opened(service.url + "/", bypass_csp=True)
    page.evaluate("document.querySelector('label[for=bundle]').remove()")
    page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    assert {"label", "color-contrast"} <= {each["rule"] for each in axe(page)}
