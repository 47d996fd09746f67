"""A page on paper: the same HTML as a PDF of one sheet, by WeasyPrint, which is given our style sheet and nothing else.

WeasyPrint is the extra `pdf`, and needs Pango of the system; the letters are those that the system has.
"""

from __future__ import annotations

import logging
from typing import Final

from cds.service.outcomes import Refused

SIZES: Final = ("8pt", "7pt", "6pt")
"""The sizes of letters that are tried until the page fits on one sheet."""
_SITE: Final = "https://board.invalid/"
"""Stands for our own address, which a page on paper does not have."""


def pdf_of(html: str, style_sheet: str) -> bytes:
    """A page as a PDF. Raises `Refused` (501) where WeasyPrint, or a library that it needs, is not installed."""
    try:
        import weasyprint  # type: ignore[import-untyped]  # it publishes no types
        from weasyprint.urls import URLFetcher, URLFetcherResponse  # type: ignore[import-untyped]  # the same
    except (ModuleNotFoundError, OSError) as error:  # it looks for its libraries while it is imported
        told = "no PDF is made here: install the extra `pdf` and Pango (Debian's libpangoft2-1.0-0), or print the page"
        raise Refused(501, "no-pdf", told) from error
    # It warns of each property that is for screens and drawings alone; what fails is an error.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)

    class OwnFiles(URLFetcher):  # type: ignore[misc]  # a base without types
        """Reads our style sheet, and refuses every other address."""

        def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
            if url != f"{_SITE}style.css":
                raise ValueError("nothing is loaded for a page on paper")
            return URLFetcherResponse(url, style_sheet, {"Content-Type": "text/css"})

    fetcher = OwnFiles(allowed_protocols=())
    page = weasyprint.HTML(string=html, base_url=_SITE, url_fetcher=fetcher)
    document = page.render()
    for size in SIZES:
        if len(document.pages) == 1:
            break
        sized = weasyprint.CSS(string=f"html {{ font-size: {size} !important }}", url_fetcher=fetcher)
        document = page.render(stylesheets=[sized])
    return bytes(document.write_pdf())
