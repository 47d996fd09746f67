"""The board decides, by keyboard alone: the form, what is wrong with it, two at once, the database gone, on paper."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from cds.records import Records, RecordsUnavailable
from tests.browser.conftest import Opened, Service
from tests.browser.pages import record_of
from tests.service.board.reading import pages_of

DAY = "2020-01-02"
ExampleForm = Callable[[str], str]


@pytest.fixture
def form(service: Service) -> ExampleForm:
    """The address of the form beside a new answer about an example's first lesion."""
    return lambda number: f"{service.url}/board/records/{record_of(service, number)}/decide?lesion=T1"


def tab_to(page: Page, id_: str) -> None:
    """Go on with the tabulator until the control of this id has the focus."""
    for _ in range(60):
        if page.evaluate("document.activeElement.id") == id_:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {id_}")


def type_into(page: Page, id_: str, text: str) -> None:
    tab_to(page, id_)
    page.keyboard.type(text)


def fill(page: Page, member: str) -> None:
    """What every decision needs, but for the choice."""
    page.locator("#members").fill(member)
    page.locator("#writer").fill(member)
    page.locator("#decided_on").fill(DAY)


@pytest.mark.slow
def test_a_board_decides_by_keyboard_and_prints_one_sheet(
    service: Service, form: ExampleForm, opened: Opened, records: Records
) -> None:
    address = form("02")
    page = opened(address.partition("/decide")[0])
    link = page.get_by_role("link", name="Record the board's decision about T1")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Record the board's decision about T1")
    tab_to(page, "choice-1")
    page.keyboard.press("Space")  # salvage surgery, which the answer excludes
    type_into(page, "members", "Dr A\nDr B")
    type_into(page, "writer", "Dr A")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was recorded: 2 things are to be mended")
    expect(page.locator("#members")).to_have_value("Dr A\nDr B")
    page.get_by_role("link", name="SS-0 excludes this option").focus()
    page.keyboard.press("Enter")
    tab_to(page, "override.salvage-surgery.SS-0")
    page.keyboard.press("Space")
    type_into(page, "rationale", "A second opinion says otherwise.")
    tab_to(page, "writer")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Decision of the board: Salvage surgery")
    id_ = page.url.rpartition("/")[2]
    told = records.content(id_)
    assert (told["option"], told["members"], told["rationale"]) == (
        "salvage-surgery", ["Dr A", "Dr B"], "A second opinion says otherwise.",
    )  # fmt: skip
    assert [each["rule"] for each in told["overridden"]] == ["SS-0"]
    assert pages_of(page.pdf()) == 1
    page.goto(f"{service.url}/board/records")
    expect(page.get_by_text("The board decided on").first).to_be_visible()


@pytest.mark.slow
def test_of_two_at_once_the_second_sees_the_first_and_confirms_or_withdraws(
    form: ExampleForm, opened: Opened, records: Records
) -> None:
    address = form("07")
    one, other = opened(address), opened(address)
    for page, member in ((one, "Dr One"), (other, "Dr Other")):
        page.locator("#choice-2").check()
        fill(page, member)
    one.get_by_role("button", name="Record the decision").click()
    expect(one.get_by_role("heading", level=1)).to_contain_text("Decision of the board")
    stored = records.head()[0]
    other.get_by_role("button", name="Record the decision").click()
    expect(other.get_by_role("alert")).to_contain_text("Somebody recorded a decision about this lesion meanwhile")
    expect(other.locator("main")).to_contain_text("Dr One")
    expect(other.locator("#members")).to_have_value("Dr Other")
    assert records.head()[0] == stored
    expect(other.get_by_role("link", name="Withdraw")).to_be_visible()
    other.get_by_role("button", name="Record ours as well").click()
    expect(other.locator("main")).to_contain_text("Dr Other")
    assert records.head()[0] == stored + 1


@pytest.mark.slow
def test_with_the_database_gone_nothing_that_was_typed_is_lost(
    form: ExampleForm, opened: Opened, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(form("08"))
    page.locator("#choice-other").check()
    page.locator("#other").fill("wait")
    page.locator("#rationale").fill("three\nlines\nof reason")
    fill(page, "Dr A")

    def gone(*_: object, **__: object) -> None:
        raise RecordsUnavailable("records: the disk is full; nothing was recorded")

    with monkeypatch.context() as patch:
        patch.setattr(Records, "append_board_decision", gone)
        page.get_by_role("button", name="Record the decision").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing was recorded")
    expect(page.locator("main")).to_contain_text("of reason")
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Decision of the board: wait")
    assert records.content(page.url.rpartition("/")[2])["rationale"] == "three\nlines\nof reason"
