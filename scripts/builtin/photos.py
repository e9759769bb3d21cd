"""What the built-in encoder learns from: public photos, laid out as they come, without those that measure it.

Held out are what `bench/builtin_quality.py` measures on: the last 51 classes of Caltech-101, clothing of the senders
with odd numbers, the grocery set's validation photos and catalogue pictures, and all test parts.
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CALTECH_CLASSES = 50
UNNAMED = {"Not sure", "Other", "Skip"}


@dataclass(frozen=True)
class Photo:
    """A file, and its class where it has one: the set's name and the set's own label."""

    path: Path
    label: str | None


def training_photos(data: Path) -> list[Photo]:
    """Every content once, in an order that does not depend on the file system. Sets that are missing are left out."""
    seen: set[bytes] = set()
    photos = []
    for photo in [*_caltech(data), *_grocery(data), *_clothing(data), *_banknotes(data)]:
        digest = hashlib.sha256(photo.path.read_bytes()).digest()
        if digest not in seen:
            seen.add(digest)
            photos.append(photo)
    return photos


def _caltech(data: Path) -> Iterator[Photo]:
    folders = sorted(path for path in (data / "photos" / "caltech101").glob("*") if path.is_dir())
    for folder in folders[:CALTECH_CLASSES]:
        for path in sorted(folder.iterdir()):
            yield Photo(path, f"caltech {folder.name}")


def _grocery(data: Path) -> Iterator[Photo]:
    listing = data / "grocery" / "train.txt"
    if listing.exists():
        for line in listing.read_text().splitlines():
            path, number, _ = line.split(", ")
            yield Photo(data / "grocery" / path, f"grocery {number}")


def _clothing(data: Path) -> Iterator[Photo]:
    table = data / "clothing" / "images.csv"
    if not table.exists():
        return
    with table.open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["image"])
    for row in rows:
        path = data / "clothing" / "images" / f"{row['image']}.jpg"
        if int(row["sender_id"]) % 2 == 0 and path.exists():
            yield Photo(path, None if row["label"] in UNNAMED else f"clothing {row['label']}")


def _banknotes(data: Path) -> Iterator[Photo]:
    for path in sorted((data / "banknotes" / "turkish" / "train").rglob("*.*")):
        yield Photo(path, f"turkish {path.parent.name}")
