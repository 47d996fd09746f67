"""Every text stands in the catalogue, in every language, with the same places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
from starlette.testclient import TestClient

from cds.board.arguments import KINDS
from cds.case import AbsenceReason
from cds.evidence import proportion_percents, proportion_text
from cds.recommendation.model import MeasureWord, StandingWord, TruthWord, VerdictWord
from cds.ruleset.model import PHASES, Basis, Before, Effect, ParameterStatus, Strength, Tag
from cds.service.board.texts import Texts, load_texts
from cds.vocabulary import Burden, FactKind, Level
from tests.service.board.conftest import Named
from tests.service.board.reading import Page

CODES: dict[str, list[str]] = {
    "verdict": list(get_args(VerdictWord)), "symbol": list(get_args(VerdictWord)),
    "standing": list(get_args(StandingWord)), "truth": list(get_args(TruthWord)),
    "declined": list(get_args(TruthWord)), "addressed": list(get_args(TruthWord)),
    "planned": list(get_args(TruthWord)), "due": list(get_args(TruthWord)),
    "covered": [*get_args(TruthWord), "not-needed"], "kind": list(KINDS), "reason": [r.value for r in AbsenceReason],
    "burden": [b.value for b in Burden], "before": list(get_args(Before)), "phase": list(PHASES),
    "strength": list(get_args(Strength)), "basis": list(get_args(Basis)), "tag": list(get_args(Tag)),
    "parameter": [*get_args(ParameterStatus), "overridden"],
    "measure": [word for word in get_args(MeasureWord) if word != "available"],
    "need": ["required", "undetermined", "not-required"], "symbol.need": ["required", "undetermined", "not-required"],
    "certainty": ["high", "moderate", "low", "very-low", "none"], "supports": ["condition", "effect", "threshold"],
    "fidelity": ["exact", "stricter", "looser", "interpretation"], "fact-kind": [k.value for k in FactKind],
    "level": [level.value for level in Level if level is not Level.OTHER_LESION], "per": ["patient", "procedure"],
    "severity": ["error", "warning", "information"], "side": ["left", "right", "none"],
    "statement": [*get_args(Effect), "exception", "preference", "measure", "combination", "need"],
    "scope": ["true", "false", "unknown"], "asks": ["correct", "plan", "weigh"],
}  # fmt: skip


@pytest.fixture(scope="module", params=sorted(load_texts()))
def texts(request: pytest.FixtureRequest) -> Texts:
    return load_texts()[request.param]


def keys_of(repository: Path) -> set[str]:
    """The keys that templates and pages name."""
    folder = repository / "cds" / "service" / "board"
    named: set[str] = set()
    rooms = (file for file in folder.glob("*.py") if file.name != "texts.py")
    for file in [*(folder / "templates").glob("*.html"), *rooms]:
        text = file.read_text(encoding="utf-8")
        named |= set(re.findall(r'\b(?:t|texts)\("([^"]+)"', text))
        named |= set(re.findall(r'texts\("[a-z.-]+" if [^"]+ else "([^"]+)"', text))
        named |= {f"{key}.{n}" for key in re.findall(r't\.counted\("([^"]+)"', text) for n in ("one", "other")}
        named |= set(re.findall(r'"(frame\.nav\.[a-z]+|decide\.problem\.[a-z-]+)"', text))
    return named


def words_of(repository: Path) -> set[str]:
    folder = repository / "cds" / "service" / "board" / "templates"
    found = (re.findall(r't\.word\("([^"]+)"', file.read_text(encoding="utf-8")) for file in folder.glob("*.html"))
    return {kind for kinds in found for kind in kinds}


def test_every_text_that_a_page_names_is_there(texts: Texts, repository: Path) -> None:
    assert keys_of(repository) - set(texts.by_key) == set()


def test_every_code_of_an_answer_has_its_word(texts: Texts) -> None:
    missing = {f"{kind}.{code}" for kind, codes in CODES.items() for code in codes} - set(texts.by_key)
    assert missing == set()


def test_no_text_is_there_that_nobody_shows(texts: Texts, repository: Path) -> None:
    kinds = words_of(repository)
    used = keys_of(repository)
    unused = {key for key in texts.by_key if key not in used and not any(key.startswith(f"{k}.") for k in kinds)}
    assert unused == set()


def test_every_language_has_the_same_texts_with_the_same_places(texts: Texts) -> None:
    english = load_texts()["en"]
    assert set(texts.by_key) == set(english.by_key)
    for key, text in texts.by_key.items():
        assert places(text) == places(english.by_key[key]), key
        assert text.strip() == text != "", key


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_the_language_that_was_chosen_stays_on_every_page_after(board: TestClient, named: Named) -> None:
    with board_of(board) as reader:
        assert reader.get("/").headers["content-language"] == "en"
        switch = next(link for link in Page(reader.get("/rules").text).links if "lang=fr" in link)
        assert reader.get(switch).headers["content-language"] == "fr"
        for address in ("/", "/rules/SS-2", named("01"), "/board/records", "/board/none"):
            assert reader.get(address).headers["content-language"] == "fr", address
        assert reader.get("/?lang=en").headers["content-language"] == "en"
        assert reader.get("/rules").headers["content-language"] == "en"
        assert reader.get("/rules?lang=xx").headers["content-language"] == "en"


def test_what_the_address_says_besides_stays_in_the_link_to_another_language(board: TestClient, named: Named) -> None:
    links = Page(board.get(f"{named('02')}&unfold=true").text).links
    switch = next(link for link in links if "lang=fr" in link)
    assert "unfold=true" in switch
    assert "as_of=2026-11-22" in switch


@contextmanager
def board_of(board: TestClient) -> Iterator[TestClient]:
    """The same service, met by a browser of its own."""
    yield TestClient(board.app, raise_server_exceptions=False)


def test_a_proportion_is_said_in_each_language_with_the_same_numbers(board: TestClient, named: Named) -> None:
    for language, told in (
        ("en", "5 of 11: 45 % (95 % CI 17–77 %)"), ("fr", "5 sur 11 : 45 % (IC à 95 % 17–77 %)"),
    ):  # fmt: skip
        for address in (f"{named('02')}&lang={language}", f"/references/schwartz2022?lang={language}"):
            assert told in Page(board.get(address).text).text, address
    english = load_texts()["en"]
    point, low, high = proportion_percents(2, 16)
    said = english("evidence.proportion", k=2, n=16, point=point, low=low, high=high)
    assert said == proportion_text(2, 16)


def test_french_colons_stay_with_their_words() -> None:
    for key, text in load_texts()["fr"].by_key.items():
        assert not re.search(r" [:;?!%»]|« ", text), key
