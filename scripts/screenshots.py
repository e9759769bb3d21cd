#!/usr/bin/env python3
"""Draw the page's screenshots in docs/, light and dark, over the demo's catalogue: no picture in them is anybody's.

    python scripts/screenshots.py [VIEW...]

Needs what `make test-web` needs.
"""

import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
DESKTOP, PHONE = (1280, 800), (390, 780)
SHRUNK = 0.7  # so that the files stay small
EXACT = 56  # colours
DECIDED = 6  # groups, so that the queue shows some progress
PATIENCE_S = 120
SEEN_IS_THERE = """() => !document.querySelector("[aria-busy]") && [...document.images].every((image) => {
  const { top, bottom } = image.getBoundingClientRect();
  return image.complete || top > innerHeight || bottom < 0;
})"""


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from tests.browser.conftest import CHROMIUM, FLAGS, serve
    from tests.browser.shop import make_shop

    wanted = sys.argv[1:] or list(VIEWS)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # paths are shown from here
        shop = make_shop(Path("shop"))
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright, contextmanager(serve)(shop.store) as address:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            decide_some(browser.new_page().request, address)
            for name in wanted:
                for scheme in ("light", "dark"):
                    size = PHONE if name.startswith("phone") else DESKTOP
                    context = browser.new_context(
                        viewport={"width": size[0], "height": size[1]},
                        color_scheme=scheme,
                        reduced_motion="reduce",
                        has_touch=size is PHONE,
                        is_mobile=size is PHONE,
                    )
                    page = context.new_page()
                    VIEWS[name](page, address)
                    settle(page)
                    save(page.screenshot(), DOCS / f"page-{name}-{scheme}.png")
                    context.close()
            browser.close()
    return 0


def decide_some(request: Any, address: str) -> None:
    """Decide groups from the end of the queue, once it is there."""
    while (found := request.get(f"{address}/api/v1/groups?limit=200").json())["state"] == "computing":
        time.sleep(0.2)
    for group in found["groups"][-DECIDED:]:
        for member in group["members"]:
            pair = {"a": group["keep"]["item"], "b": member["item"], "verdict": "same"}
            assert request.post(f"{address}/api/v1/decisions", data=pair).ok


def settle(page: Any) -> None:
    """Wait until all that can be seen is there."""
    deadline = time.monotonic() + PATIENCE_S
    while not page.evaluate(SEEN_IS_THERE):
        assert time.monotonic() < deadline, "pictures are missing"
        time.sleep(0.1)
    page.wait_for_timeout(600)


def found(page: Any, address: str) -> None:
    page.goto(f"{address}/#/search?space=copy&verify=10")
    page.set_input_files("input[type=file]", "shop/queries/florin-2-altered.jpg")
    page.wait_for_selector(".card .figures")


def browse(page: Any, address: str) -> None:
    page.goto(f"{address}/#/search?where=seller%3Dben")
    page.wait_for_selector(".card")


def why(page: Any, address: str) -> None:
    found(page, address)
    page.locator(".card", has_text="florin-2.jpg").get_by_role("button", name="Why").click()
    page.wait_for_selector("dialog .evidence p")


def review(page: Any, address: str) -> None:
    page.goto(f"{address}/#/review")
    page.locator(".queue li", has_text="honey-2.jpg").locator("button").click()
    page.wait_for_selector(".evidence p")


def alerts(page: Any, address: str) -> None:
    page.goto(f"{address}/#/review?kind=alerts")
    page.wait_for_selector(".evidence p")
    page.keyboard.press("2")
    page.wait_for_selector(".wipe")


def overview(page: Any, address: str) -> None:
    page.goto(f"{address}/#/overview")
    page.wait_for_selector(".plot")
    page.locator("canvas").hover(position={"x": 5, "y": 5})


def measured(page: Any, address: str) -> None:
    overview(page, address)
    page.get_by_role("region", name="Nights").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('[aria-label=\"Rejected files\"]').scrollIntoView()")
    page.evaluate("scrollBy(0, -80)")


VIEWS: dict[str, Callable[[Any, str], None]] = {
    "search": browse,
    "found": found,
    "why": why,
    "review": review,
    "alerts": alerts,
    "overview": overview,
    "measured": measured,
    "phone-found": found,
    "phone-review": review,
}


def save(png: bytes, target: Path) -> None:
    with Image.open(io.BytesIO(png)) as picture:
        smaller = picture.convert("RGB").resize(
            (round(picture.width * SHRUNK), round(picture.height * SHRUNK)), Image.Resampling.LANCZOS
        )
    # The colours of the page itself stay what they are; those of the pictures share the rest of the palette.
    frequent = sorted(smaller.getcolors(smaller.width * smaller.height), reverse=True)[:EXACT]
    colours = [channel for _, colour in frequent for channel in colour]
    shared = smaller.quantize(256 - len(frequent), Image.Quantize.FASTOCTREE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette((colours + shared)[: 3 * 256])
    reduced = smaller.quantize(palette=palette, dither=Image.Dither.NONE)
    reduced.save(target, optimize=True)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1024:.0f} KiB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
