"""What the page weighs, and how soon it shows something, in headless Chromium over an index of noise.

    python scripts/bench/page.py [--pictures 100000] [--groups 30000] [--visits 5] [--folder DIR]

Of ``--pictures``, ``--groups`` are darkened copies of another one. The tests' tiny encoder tells noise apart: what is
measured is the page and the server, not the encoder. An index in ``--folder`` is kept, and used again where there is
one. Needs what `make test-web` needs.
"""

import argparse
import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "indexer" / "web" / "page"
STORE = ".index"
SIDE = 48  # pixels
# Milliseconds from the start of the visit until the first picture is decoded; waits for it where there is none yet.
FIRST_PICTURE = """async (selector) => {
  let image;
  while (!(image = document.querySelector(selector))?.complete) await new Promise(requestAnimationFrame);
  await image.decode();
  return performance.now();
}"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--groups", type=int, default=30_000)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    weigh()
    with tempfile.TemporaryDirectory(prefix="index-page-") as passing:
        folder = options.folder or Path(passing)
        if not (folder / STORE).is_dir():
            make_index(folder, options.pictures, options.groups)
        measure(folder / STORE, options.visits)
    return 0


def weigh() -> None:
    files = {path.name: path.read_bytes() for path in sorted(PAGE.iterdir())}
    for suffix in (".html", ".css", ".js", ".svg", ""):
        chosen = [content for name, content in files.items() if name.endswith(suffix)]
        packed = sum(len(gzip.compress(content)) for content in chosen)
        print(
            f"{suffix or 'all':5} {len(chosen):3} files {sum(map(len, chosen)):7} bytes {packed:7} compressed"
        )


def make_index(folder: Path, pictures: int, copies: int) -> None:
    from indexer.build import build
    from indexer.settings import load_settings
    from indexer.store import Store
    from tests.tiny_encoder import write_tiny_encoder

    draw(folder / "catalogue", pictures - copies, copies)
    store = Store(folder / STORE)
    settings = load_settings(store.path, {"encoder": str(write_tiny_encoder(folder / "encoder"))})
    report = build(store, [folder / "catalogue"], settings)
    print(f"{report.indexed} pictures indexed in {report.seconds:.0f} s", flush=True)


def measure(store: Path, count: int) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS, serve

    with sync_playwright() as playwright, contextmanager(serve)(store) as address:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        asking = browser.new_page().request
        while (groups := asking.get(f"{address}/api/v1/groups?limit=1").json())["state"] == "computing":
            time.sleep(0.5)
        held = asking.get(f"{address}/api/v1/status").json()["counts"]["items"]
        print(f"{held} pictures, {groups['open']} groups that wait")
        for view, selector in (("search", ".card img"), ("review", ".stage img")):
            first, *others = visits(browser, f"{address}/#/{view}", selector, count)
            print(
                f"{view}: first picture after {first:.0f} ms on the first visit, "
                f"then {statistics.median(others):.0f} ms (median of {len(others)}, each with an empty cache)"
            )
        browser.close()


def visits(browser: Any, url: str, selector: str, count: int) -> Iterator[float]:
    """Visit with an empty cache each time."""
    for _ in range(count):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(url)
        yield page.evaluate(FIRST_PICTURE, selector)
        context.close()


def draw(catalogue: Path, pictures: int, copies: int) -> None:
    """Write noise in folders of a thousand, and darkened copies of the first so many."""
    generator = np.random.default_rng(0)
    for number in range(pictures):
        pixels = generator.integers(0, 256, (4, 6, 3), np.uint8)
        picture = Image.fromarray(pixels).resize((SIDE * 3 // 2, SIDE), Image.Resampling.BILINEAR)
        folder = catalogue / f"{number // 1000:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{number:06d}.png", compress_level=1)
        if number < copies:
            picture.point(lambda value: value * 0.97).save(
                folder / f"{number:06d}-copy.png", compress_level=1
            )


if __name__ == "__main__":
    sys.exit(main())
