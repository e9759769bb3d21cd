"""A shop's index, as the page shows it: the demo's catalogue, two nights, and what came in between to be looked at."""

import csv
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from indexer.cli import run
from indexer.demo.catalogue import DemoCatalogue, make_catalogue
from indexer.demo.edits import resaved, resized, tinted

MARKUP = "<img src=x onerror=alert(1)>.jpg"
# Sent in before the second night: copies of what the shop has, edited and renamed.
SENT_IN = (
    ("product-cocoa/cocoa-2.jpg", resized, "mug for sale.jpg"),
    ("product-honey/honey-2.jpg", resized, "honey offer.jpg"),
    ("product-oil/oil-2.jpg", resaved, "oil.jpg"),
    ("product-soda/soda-1.jpg", resized, "soda can.jpg"),
    ("product-tea/tea-1.jpg", resaved, "tea box.jpg"),
    ("product-oats/oats-3.jpg", tinted, MARKUP),
    ("banknotes-20-taler/taler-3.jpg", resized, "note front.jpg"),
    ("banknotes-50-florin/florin-3.jpg", resaved, "note.jpg"),
)
SELLERS = ("ann", "ben", "cleo")


@dataclass(frozen=True)
class Shop:
    """Where it lies."""

    store: Path
    made: DemoCatalogue


def make_shop(folder: Path) -> Shop:
    """Draw the catalogue, calibrate, and let two nights pass; the second finds copies and an altered note."""
    made = make_catalogue(folder)
    store = folder / ".index"
    labels = _write_labels(folder / "labels.csv", made.folder)
    _index("build", made.folder, "--labels", labels, store=store)
    _index("calibrate", "--synthetic", "--fpr", "0.05", store=store)
    _index("nightly", store=store)
    incoming = made.folder / "incoming"
    incoming.mkdir(exist_ok=True)
    for original, edit, name in SENT_IN:
        with Image.open(made.folder / original) as picture:
            edit(picture.convert("RGB")).save(incoming / name, quality=80)
    (incoming / "florin.jpg").write_bytes(made.altered_note.path.read_bytes())
    _index("nightly", "--verify", store=store)
    return Shop(store, made)


def _write_labels(target: Path, catalogue: Path) -> Path:
    """Who sold each picture, and its folder as its label."""
    pictures = sorted(path for path in catalogue.rglob("*") if path.is_file())
    with target.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["path", "label", "seller"])
        for number, path in enumerate(pictures):
            rows.writerow([path, path.parent.name, SELLERS[number % len(SELLERS)]])
    return target


def _index(*arguments: object, store: Path) -> None:
    code = run([*map(str, arguments), "--store", str(store), "--quiet"])
    assert code in {0, 3}, arguments
