"""What holds of every view: accessible, light and dark, small, quick, and asking nobody else."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import copied, serve
from tests.browser.shop import Shop

if TYPE_CHECKING:
    from playwright.sync_api import Page

Opened = Callable[..., "Page"]
expect = pytest.importorskip("playwright.sync_api", reason="the page is tested by `make test-web`").expect

PAGE = Path(__file__).parents[2] / "indexer" / "web" / "page"
LARGEST_PAGE = 120_000  # bytes of everything that is not a picture
TOKEN = "a token that is long enough to be let in by"
VIEWS = {
    "search": ("#/search", ".card"),
    "found": ("#/search?item=3", ".card .figures"),
    "review": ("#/review", ".evidence p"),
    "alerts": ("#/review?kind=alerts", ".evidence p"),
    "overview": ("#/overview", ".plot"),
}
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def violations(page: "Page") -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    expect(page.locator("[aria-busy]")).to_have_count(0)
    page.wait_for_timeout(500)  # colours fade in; what is half way is no contrast to judge
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_accessible(address: str, open_page: Opened, view: str, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    where, there = VIEWS[view]
    page = open_page(f"{address}/{where}", color_scheme=scheme, viewport={"width": width, "height": height})
    page.wait_for_selector(there)
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_window_is_accessible(address: str, open_page: Opened, scheme: str) -> None:
    page = open_page(f"{address}/#/search?item=3", color_scheme=scheme)
    page.locator(".card .frame").nth(1).click()
    page.wait_for_selector("dialog .place")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Why").nth(1).click()
    page.wait_for_selector("dialog .evidence p")
    assert violations(page) == []
    page.goto(f"{address}/#/review")
    page.wait_for_selector(".evidence p")
    page.keyboard.press("?")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Accept many").click()
    page.get_by_label("scores at least").fill("0.9")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector(".offered li")
    assert violations(page) == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS)
def test_no_view_scrolls_sideways(address: str, open_page: Opened, view: str, size: str) -> None:
    width, height = SIZES[size]
    where, there = VIEWS[view]
    page = open_page(f"{address}/{where}", viewport={"width": width, "height": height})
    page.wait_for_selector(there)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_light_and_dark_follow_the_system_until_they_are_switched(address: str, open_page: Opened) -> None:
    page = open_page(address, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Switch to light colours").click()
    light = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == light
    page.emulate_media(color_scheme="light")
    page.get_by_role("button", name="Switch to dark colours").click()
    assert page.evaluate(background) == dark


def test_the_whole_page_weighs_less_than_its_limit() -> None:
    assert sum(path.stat().st_size for path in PAGE.iterdir()) < LARGEST_PAGE


def test_every_file_of_the_page_is_asked_for_and_there(address: str, open_page: Opened) -> None:
    asked = set()
    page = open_page(address)
    page.on(
        "response",
        lambda response: asked.add(response.url.rsplit("/", 1)[-1]) if "/page/" in response.url else None,
    )
    for view in ("search", "review", "overview"):
        page.goto(f"{address}/?{view}#/{view}")
        page.wait_for_selector("main h1")
    assert {path.name for path in PAGE.iterdir()} - asked <= {"index.html", "icon.svg"}


def test_views_are_reached_by_keyboard_and_told_to_screen_readers(address: str, open_page: Opened) -> None:
    page = open_page(address)
    page.wait_for_selector(".card")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("link", name="Review").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".desk .reason")
    assert page.title() == "Review · siamese-index"
    expect(page.locator("#spoken")).to_contain_text("Pair 1")


def test_nothing_moves_where_motion_is_not_wanted(address: str, open_page: Opened) -> None:
    page = open_page(f"{address}/#/review?kind=alerts", reduced_motion="reduce")
    page.wait_for_selector(".evidence p")
    page.keyboard.press("3")
    page.wait_for_selector(".blinking")
    assert page.evaluate("getComputedStyle(document.querySelector('.blinking')).animationName") == "none"
    page.keyboard.press(" ")
    page.keyboard.press(" ")
    assert page.evaluate("getComputedStyle(document.querySelector('.blinking')).opacity") == "0"


@pytest.fixture
def guarded(shop: Shop, tmp_path: Path) -> Iterator[str]:
    yield from serve(copied(shop, tmp_path / "shop"), token=TOKEN)


def test_a_server_with_a_token_asks_for_it_and_lets_in(guarded: str, open_page: Opened) -> None:
    page = open_page(guarded, expected=frozenset({401}))
    page.get_by_role("textbox", name="Token").fill("a wrong one, which has 32 characters too")
    page.keyboard.press("Enter")
    page.get_by_text("That is not the token").wait_for()
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_selector(".card img")
    page.reload()
    page.wait_for_selector(".card img")
    assert page.locator("dialog").count() == 0


def test_an_error_is_told_in_words_with_a_way_to_try_again(address: str, open_page: Opened) -> None:
    page = open_page(address, expected=frozenset({500}))
    page.wait_for_selector(".card")
    page.route(
        "**/api/**",
        lambda route: route.fulfill(status=500, json={"error": {"code": "internal", "message": "It broke."}}),
    )
    page.locator(".card .frame").first.click()
    page.get_by_role("alert").get_by_text("It broke.").wait_for()
    page.unroute("**/api/**")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("dialog .place")


def test_of_two_views_that_are_asked_for_at_once_the_last_is_shown(address: str, open_page: Opened) -> None:
    page = open_page(f"{address}/#/overview")
    page.evaluate("location.hash = '#/review'; location.hash = '#/search'")
    page.wait_for_selector(".card")
    expect(page.get_by_role("heading", level=1)).to_have_text("Search")


def test_a_server_that_does_not_answer_is_told_in_words(address: str, open_page: Opened) -> None:
    page = open_page(address, expected=frozenset({503}))
    page.wait_for_selector(".card")
    page.context.set_offline(True)
    page.locator(".card .frame").first.click()
    page.get_by_role("alert").get_by_text("The server does not answer").wait_for()
