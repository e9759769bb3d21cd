"""Overview: the numbers are the index's own, and the map opens what it shows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

Opened = Callable[..., "Page"]
expect = pytest.importorskip("playwright.sync_api", reason="the page is tested by `make test-web`").expect


def test_counts_rejections_labels_nights_and_encoder_are_the_indexs_own(
    address: str, open_page: Opened
) -> None:
    page = open_page(f"{address}/#/overview")
    page.get_by_role("region", name="Encoder").get_by_text("builtin 0.2.0").wait_for()
    counts = page.request.get(f"{address}/api/v1/status").json()["counts"]
    assert page.locator(".counts dd").all_inner_texts() == [
        str(counts[name]) for name in ("items", "files", "labels", "rejected", "decisions")
    ]
    rejected = page.get_by_role("region", name="Rejected files").inner_text()
    assert "interrupted.jpg" in rejected
    assert "truncated" in rejected
    assert "banknotes-50-florin" in page.get_by_role("region", name="Labels").inner_text()
    page.get_by_role("button", name="Night 2").click()
    page.get_by_text("372 points in place").first.wait_for()


def test_the_calibration_is_drawn(address: str, open_page: Opened) -> None:
    page = open_page(f"{address}/#/overview")
    plot = page.locator(".plot")
    plot.wait_for()
    assert "threshold" in (plot.get_attribute("aria-label") or "")
    assert plot.locator(".dot").count() >= 3
    assert "NaN" not in plot.inner_html()


def test_the_map_opens_a_picture_by_mouse_and_by_keyboard(address: str, open_page: Opened) -> None:
    page = open_page(f"{address}/#/overview")
    canvas = page.locator("canvas.map")
    canvas.wait_for()
    canvas.focus()
    page.keyboard.press("+")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog .place")
    page.keyboard.press("Escape")
    box = canvas.bounding_box()
    assert box is not None
    for step in range(200):
        x, y = box["x"] + box["width"] * (0.1 + 0.004 * step), box["y"] + box["height"] * 0.5
        page.mouse.move(x, y)
        if page.locator(".hover").is_visible():
            page.mouse.click(x, y)
            break
    page.wait_for_selector("dialog .place")


def test_a_label_leads_to_its_pictures(address: str, open_page: Opened) -> None:
    page = open_page(f"{address}/#/overview")
    page.get_by_role("link", name="product-tea").click()
    page.wait_for_selector(".card")
    assert set(page.locator(".card .label").all_inner_texts()) == {"product-tea"}


def test_a_rebuild_tells_of_its_progress_and_its_end(own_address: str, open_page: Opened) -> None:
    page = open_page(f"{own_address}/#/overview")
    page.get_by_role("button", name="Build anew").click()
    page.get_by_text("Built:").wait_for(timeout=60_000)
    assert "71 found" in page.inner_text(".rebuild") or "72 found" in page.inner_text(".rebuild")
