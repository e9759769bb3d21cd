"""Review, by keyboard: a decision a key, undone by a key, and there after a reload."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

Opened = Callable[..., "Page"]
playwright = pytest.importorskip("playwright.sync_api", reason="the page is tested by `make test-web`")
expect, TimeoutError = playwright.expect, playwright.TimeoutError  # noqa: A001  (it is what a wait raises)


def open_review(open_page: Opened, address: str, query: str = "") -> "Page":
    page = open_page(f"{address}/#/review{query}")
    try:
        page.wait_for_selector(".desk .reason")
    except TimeoutError as error:
        queue = page.request.get(f"{address}/api/v1/groups").text()[:500]
        raise AssertionError(
            f"no pair came; the page says {page.inner_text('main')!r}, the server {queue}"
        ) from error
    return page


def progress(page: "Page") -> tuple[int, int]:
    words = page.inner_text(".review .progress p").split()
    return int(words[0]), int(words[2])


def shown(page: "Page") -> list[str]:
    return page.locator(".stage figcaption").all_inner_texts()


def wait_for_progress(page: "Page", decided: int) -> None:
    expect(page.locator(".review .progress p")).to_contain_text(re.compile(f"^{decided} of"))


def test_ten_groups_are_reviewed_by_keyboard_undone_and_remembered(
    own_address: str, open_page: Opened
) -> None:
    page = open_review(open_page, own_address)
    before, total = progress(page)
    first = shown(page)
    for number in range(10):
        page.keyboard.press("Shift+S")
        wait_for_progress(page, before + number + 1)
    page.keyboard.press("u")
    wait_for_progress(page, before + 9)
    undone = shown(page)
    page.reload()
    page.wait_for_selector(".desk .reason")
    assert progress(page) == (before + 9, total)
    assert shown(page) == undone != first
    page.goto(f"{own_address}/#/review?state=decided")
    page.wait_for_selector(".queue [data-verdict=same]")
    assert page.locator(".queue li").count() == before + 9
    page.wait_for_selector(".verdicts [data-verdict=same][aria-pressed=true]")


def test_each_verdict_has_a_key_and_a_note_goes_with_it(own_address: str, open_page: Opened) -> None:
    page = open_review(open_page, own_address)
    page.keyboard.press("n")
    page.keyboard.type("seen at the counter")
    page.keyboard.press("Enter")
    for key, verdict in zip("sodfc", ("same", "same-object", "different", "fraud", "cleared"), strict=True):
        with page.expect_response("**/api/v1/decisions") as answered:
            page.keyboard.press(key)
        assert answered.value.json()["verdict"] == verdict
        expect(page.get_by_label("Note for the next decision")).to_have_value("")
    ledger = page.request.get(f"{own_address}/api/v1/decisions").json()["decisions"]
    assert [row["verdict"] for row in ledger] == ["cleared", "fraud", "different", "same-object", "same"]
    assert [row["note"] for row in ledger] == ["", "", "", "", "seen at the counter"]


def test_the_keys_pass_by_pairs_and_change_the_way_of_looking(address: str, open_page: Opened) -> None:
    page = open_review(open_page, address)
    first = shown(page)
    page.keyboard.press("j")
    expect(page.locator(".stage figcaption")).not_to_have_text(first)
    assert shown(page) != first
    page.keyboard.press("ArrowLeft")
    assert shown(page) == first
    page.wait_for_selector(".evidence p")
    for key, mode in (("2", "overlay"), ("3", "blink"), ("4", "difference"), ("1", "side")):
        page.keyboard.press(key)
        page.wait_for_selector(f".stage[data-mode={mode}]")
    page.keyboard.press("?")
    assert "undo the last decision" in page.inner_text("dialog")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_letters_do_nothing_where_they_are_turned_off_or_typed(own_address: str, open_page: Opened) -> None:
    page = open_review(open_page, own_address)
    before = progress(page)
    page.get_by_label("Note for the next decision").fill("")
    page.keyboard.type("sodfc")
    page.keyboard.press("Enter")
    page.keyboard.press("?")
    page.get_by_label("Letters act at once").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.keyboard.press("Shift+S")
    assert page.request.get(f"{own_address}/api/v1/decisions").json()["total"] == 0
    assert progress(page) == before


def test_many_are_accepted_after_a_preview_and_undone_as_one(own_address: str, open_page: Opened) -> None:
    page = open_review(open_page, own_address)
    decisions = f"{own_address}/api/v1/status"
    page.get_by_role("button", name="Accept many").click()
    page.get_by_label("scores at least").fill("0.9")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector(".offered li")
    pairs = page.locator(".offered li").count()
    assert pairs > 3
    assert page.request.get(decisions).json()["counts"]["decisions"] == 0
    page.locator(".offered input").first.uncheck()
    page.get_by_role("button", name=f"Write {pairs - 1} decisions down").click()
    page.wait_for_selector("dialog", state="detached")
    assert page.request.get(decisions).json()["counts"]["decisions"] == pairs - 1
    page.wait_for_selector(".desk .reason")
    with page.expect_response("**/api/v1/decisions/bulk"):
        page.keyboard.press("u")
    assert page.request.get(decisions).json()["counts"]["decisions"] == 0


def test_alerts_are_a_queue_of_their_own(own_address: str, open_page: Opened) -> None:
    page = open_review(open_page, own_address, "?kind=alerts")
    assert "night 2: altered" in page.inner_text(".desk .reason")
    page.wait_for_selector(".evidence [data-verdict=altered]")
    assert page.locator(".stage rect").count() >= 4
    before, _ = progress(page)
    page.keyboard.press("f")
    wait_for_progress(page, before + 1)
    page.reload()
    page.wait_for_selector(".desk .reason")
    assert progress(page)[0] == before + 1


def test_pages_of_the_queue_are_fetched_as_they_are_reached(address: str, open_page: Opened) -> None:
    page = open_page(f"{address}/#/overview")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/alerts" in request.url else None)
    page.goto(f"{address}/#/review?kind=alerts&state=all")
    page.wait_for_selector(".desk .reason")
    expect(page.locator(".queue li")).to_have_count(40)
    page.locator(".queue .more").scroll_into_view_if_needed()
    expect(page.locator(".queue li").nth(40)).to_be_attached()
    assert len(asked) == 2
