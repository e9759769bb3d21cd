"""Search, as a person does it: a picture in, its neighbours out, and why."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.shop import MARKUP, Shop

if TYPE_CHECKING:
    from playwright.sync_api import Page

Opened = Callable[..., "Page"]
expect = pytest.importorskip("playwright.sync_api", reason="the page is tested by `make test-web`").expect

DROP = """([name, bytes]) => {
  const files = new DataTransfer();
  files.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
  const event = EVENT === "paste" ? new ClipboardEvent("paste", { clipboardData: files, bubbles: true })
    : new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true });
  document.querySelector(".drop").dispatchEvent(event);
}"""


def names(page: "Page") -> list[str]:
    return page.locator(".card .path").all_inner_texts()


def ask(page: "Page", shop: Shop, *numbers: int) -> None:
    page.set_input_files("input[type=file]", [shop.made.queries[number] for number in numbers])
    page.wait_for_selector(".card .figures")


def test_the_index_is_shown_before_anything_is_asked(address: str, open_page: Opened) -> None:
    page = open_page(address)
    page.wait_for_selector(".card")
    assert page.locator(".heading > *").all_inner_texts() == ["In the index", "69 pictures"]
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".card")).to_have_count(69)


def test_an_uploaded_photo_finds_its_product(address: str, open_page: Opened, shop: Shop) -> None:
    page = open_page(address)
    ask(page, shop, 0)
    assert page.inner_text(".heading h2") == "Nearest to photo-of-cocoa.jpg"
    assert page.locator(".card .label").first.inner_text() == "product-cocoa"
    figures = page.locator(".card .figures .score").all_inner_texts()
    assert figures == sorted(figures, reverse=True)


@pytest.mark.parametrize("event", ["paste", "drop"])
def test_a_picture_that_is_pasted_or_dropped_is_asked_with(
    address: str, open_page: Opened, shop: Shop, event: str
) -> None:
    page = open_page(address)
    page.wait_for_selector(".drop")
    photo = shop.made.photo
    page.evaluate(DROP.replace("EVENT", f'"{event}"'), [photo.name, list(photo.read_bytes())])
    page.wait_for_selector(".card .figures")
    assert page.locator(".card .label").first.inner_text() == "product-cocoa"


def test_of_several_pictures_each_has_its_own_answer(address: str, open_page: Opened, shop: Shop) -> None:
    page = open_page(address)
    ask(page, shop, 0, 2)
    page.get_by_role("button", name="Show what is near florin-2-altered.jpg").click()
    expect(page.locator(".heading h2")).to_contain_text("florin")
    page.wait_for_selector("main .results:not([aria-busy])")
    assert "florin" in names(page)[0]


def test_a_crop_that_is_drawn_narrows_what_is_asked(address: str, open_page: Opened, shop: Shop) -> None:
    page = open_page(address)
    ask(page, shop, 0)
    best = page.locator(".figures .score").first
    before = best.inner_text()
    box = page.locator(".croppable").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.8, steps=4)
    page.mouse.up()
    expect(best).not_to_have_text(before)
    page.locator(".crop-frame").press("Escape")
    expect(best).to_have_text(before)


def test_space_metric_and_filters_change_the_answer_and_the_address(
    address: str, open_page: Opened, shop: Shop
) -> None:
    page = open_page(address)
    ask(page, shop, 2)
    page.get_by_role("radio", name="copy").check()
    expect(page.locator(".heading")).to_contain_text("copy space")
    page.get_by_role("radio", name="L2").check()
    expect(page.locator(".heading")).to_contain_text("l2")
    page.get_by_label("Label").fill("banknotes-20-taler")
    page.get_by_label("Label").press("Enter")
    expect(page.locator(".card")).to_have_count(5)
    page.get_by_label("seller").select_option("ann")
    sold = "label=banknotes-20-taler&where=seller%3Dann"
    expected = page.request.get(f"{address}/api/v1/items?{sold}").json()["total"]
    assert 0 < expected < 5
    expect(page.locator(".card")).to_have_count(expected)
    assert "space=copy" in page.url
    assert "where=seller%3Dann" in page.url


def test_more_like_this_asks_with_a_picture_of_the_index(address: str, open_page: Opened) -> None:
    page = open_page(f"{address}/#/search?label=product-tea")
    page.get_by_role("button", name="More like this").first.click()
    page.wait_for_selector(".card .figures")
    assert page.locator(".card .verdict").first.inner_text() == "identical"
    page.go_back()
    page.wait_for_selector(".card")


def test_why_shows_where_an_altered_note_was_changed(address: str, open_page: Opened, shop: Shop) -> None:
    page = open_page(address)
    ask(page, shop, 2)
    page.locator(".card", has_text="florin-2.jpg").get_by_role("button", name="Why").click()
    page.wait_for_selector("dialog .evidence [data-verdict=altered]")
    assert page.locator("dialog .stage svg rect").count() >= 4  # two sides, two regions or more
    page.get_by_role("radio", name="Overlay").check()
    page.get_by_label("How much of A is shown").fill("80")
    assert "80%" in (page.locator(".over").get_attribute("style") or "")
    page.get_by_role("radio", name="Blink").check()
    page.get_by_role("button", name="Pause").click()
    assert page.locator(".over.paused").count() == 1
    page.get_by_role("radio", name="Difference").check()
    assert page.get_by_alt_text("Where B differs from A, in red").is_visible()


def test_what_was_found_can_be_decided_and_is_remembered(own_address: str, open_page: Opened) -> None:
    page = open_page(f"{own_address}/#/search?item=1")
    page.locator(".card").nth(1).get_by_role("button", name="Why").click()
    page.get_by_role("button", name="Same object").click()
    page.wait_for_selector("dialog [data-verdict=same-object][aria-pressed=true]")
    page.reload()
    page.locator(".card").nth(1).get_by_role("button", name="Why").click()
    page.wait_for_selector("dialog [data-verdict=same-object][aria-pressed=true]")


def test_a_label_that_is_given_on_the_page_is_there_after_a_reload(
    own_address: str, open_page: Opened
) -> None:
    page = open_page(own_address)
    card = page.locator(".card").first
    card.get_by_role("button", name="Label").click()
    card.get_by_label("Label").fill("<b>solar</b>")
    card.get_by_label("Label").press("Enter")
    expect(page.locator(".card .label").first).to_have_text("<b>solar</b>")
    page.reload()
    page.wait_for_selector(".card")
    assert page.locator(".card .label").first.inner_text() == "<b>solar</b>"
    page.locator(".card .frame").first.click()
    assert page.locator("dialog").get_by_label("Label").input_value() == "<b>solar</b>"


def test_a_path_with_markup_in_its_name_is_shown_as_text(address: str, open_page: Opened) -> None:
    page = open_page(f"{address}/#/search?path=onerror")
    page.wait_for_selector(".card")
    assert names(page) == [MARKUP]
    page.locator(".card .frame").click()
    page.wait_for_selector("dialog .place")
    assert MARKUP in page.inner_text("dialog .place")
    assert page.locator("img[src=x]").count() == 0


def test_a_broken_picture_is_refused_in_words(address: str, open_page: Opened, shop: Shop) -> None:
    page = open_page(address)
    page.set_input_files("input[type=file]", shop.made.broken)
    page.wait_for_selector(".results .notice")
    assert "truncated" in page.inner_text(".results .notice")
