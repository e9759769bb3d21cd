"""Writes the demo's catalogue: a folder per class, the things planted in it to be found, and pictures to ask with.

The same seed gives the same bytes. Nothing is ever deleted: made again, the same files are written over.
"""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.demo.banknotes import DESIGNS, SERIAL_BOXES, VALUE_BOX, Design, Scan, nth_scan, numbered
from indexer.demo.edits import EDITS, Box, altered
from indexer.demo.products import PRODUCTS, Product, shot
from indexer.demo.signatures import WRITERS, Writer, signature

MARKER = ".index-demo"
PER_CLASS = 4

# Which pictures have an edited copy beside them, and by which edit.
EDITED = (
    ("banknotes-20-taler/taler-1.jpg", "resaved"),
    ("banknotes-100-solar/solar-3.jpg", "cropped"),
    ("product-cocoa/cocoa-1.jpg", "captioned"),
    ("product-oats/oats-2.jpg", "tinted"),
    ("product-soda/soda-3.jpg", "flipped"),
    ("product-tea/tea-2.jpg", "resized"),
    ("product-honey/honey-1.jpg", "cropped"),
    ("signature-irene/irene-1.jpg", "resaved"),
)
DUPLICATES = (
    ("product-oil/oil-1.jpg", "IMG_2041.jpg"),
    ("banknotes-50-florin/florin-1.jpg", "scan (1).jpg"),
)
EDITED_NOTE = ("banknotes-100-solar/solar-2.jpg", "captioned")
BROKEN = ("product-oats/oats-1.jpg", "interrupted.jpg")


class FolderNotEmpty(Exception):
    """The folder holds files that the demo did not make."""


@dataclass(frozen=True)
class EditedCopy:
    """A picture made from another by one of `EDITS`."""

    path: Path
    original: Path
    edit: str


@dataclass(frozen=True)
class AlteredNote:
    """A forged scan of a banknote, and where it was changed: boxes (left, top, right, bottom) in pixels of both."""

    path: Path
    original: Path
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class DemoCatalogue:
    """What was written, and what is there to be found."""

    folder: Path  # to be indexed; a class per folder inside
    edited: tuple[EditedCopy, ...]
    duplicates: tuple[tuple[Path, Path], ...]  # byte for byte: the original, and its copy in another folder
    broken: Path  # a JPEG cut short
    photo: Path  # query: a product, photographed once more
    edited_note: EditedCopy  # query
    altered_note: AlteredNote  # query

    @property
    def queries(self) -> tuple[Path, Path, Path]:
        """Pictures to ask with; none of them is in the catalogue."""
        return self.photo, self.edited_note.path, self.altered_note.path


def make_catalogue(folder: Path, seed: int = 7) -> DemoCatalogue:
    """Write `catalogue/` and `queries/` into a folder that is new, empty, or was made here before.

    Raises:
        FolderNotEmpty: something else lies in the folder; nothing was written.
    """
    _claim(folder)
    catalogue, queries = folder / "catalogue", folder / "queries"
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy and Pillow draw without holding the interpreter
        classes = [pool.submit(_fill, catalogue, *each) for each in _classes(seed)]
        altered_note = pool.submit(_altered, catalogue, queries, seed)
        photo = pool.submit(_photo, queries, seed)
        for drawn in classes:
            drawn.result()
    duplicates, broken = _downloads(catalogue)
    return DemoCatalogue(
        folder=catalogue,
        edited=tuple(_edited(catalogue / path, (catalogue / path).parent, edit) for path, edit in EDITED),
        duplicates=duplicates,
        broken=broken,
        photo=photo.result(),
        edited_note=_edited(catalogue / EDITED_NOTE[0], queries, EDITED_NOTE[1]),
        altered_note=altered_note.result(),
    )


def _claim(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise FolderNotEmpty(f"{folder} is not empty, and the demo did not make it: name a new folder")
    (folder / MARKER).write_text("Made by `index demo`, which may write its pictures here again.\n")


def _random(seed: int, name: str) -> np.random.Generator:
    """Each class draws from a stream of its own: it looks the same whatever is drawn before it, or beside it."""
    return np.random.default_rng([seed, *name.encode()])


def _issue(design: Design, seed: int) -> list[tuple[str, Scan]]:
    """Serial digits and scan of each note of a design."""
    rng = _random(seed, design.name)
    digits = [f"{first} {last}" for first, last in rng.integers(1000, 9999, (PER_CLASS, 2))]
    return [(each, nth_scan(number, rng)) for number, each in enumerate(digits)]


def _notes(design: Design, seed: int) -> Iterator[Image.Image]:
    return (scan.of(numbered(design, digits)) for digits, scan in _issue(design, seed))


def _shots(product: Product, seed: int) -> Iterator[Image.Image]:
    rng = _random(seed, product.name)
    return (shot(product, number, rng) for number in range(PER_CLASS))


def _signings(writer: Writer, seed: int) -> Iterator[Image.Image]:
    rng = _random(seed, writer.name)
    return (signature(writer, rng) for _ in range(PER_CLASS))


def _classes(seed: int) -> Iterator[tuple[str, str, str, Iterator[Image.Image]]]:
    """Name of each class, what its files are called, the suffix of the last of them, and the pictures."""
    for design in DESIGNS:
        yield f"banknotes-{design.name}", design.unit, ".jpg", _notes(design, seed)
    for product in PRODUCTS:
        yield f"product-{product.name}", product.name, ".webp", _shots(product, seed)
    for writer in WRITERS:
        yield f"signature-{writer.name}", writer.name, ".png", _signings(writer, seed)


def _fill(catalogue: Path, name: str, stem: str, last: str, pictures: Iterator[Image.Image]) -> None:
    for number, picture in enumerate(pictures, 1):
        _save(picture, catalogue / name / f"{stem}-{number}{last if number == PER_CLASS else '.jpg'}")


def _save(picture: Image.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=86, method=1, compress_level=3)  # each format takes what it knows
    return path


def _edited(original: Path, folder: Path, edit: str) -> EditedCopy:
    with Image.open(original) as picture:
        path = _save(EDITS[edit](picture), folder / f"{original.stem}-{edit}.jpg")
    return EditedCopy(path, original, edit)


def _photo(queries: Path, seed: int) -> Path:
    product = PRODUCTS[0]
    picture = shot(product, PER_CLASS, _random(seed, "photo"), grain=7)
    return _save(picture, queries / f"photo-of-{product.name}.jpg")


def _altered(catalogue: Path, queries: Path, seed: int) -> AlteredNote:
    """The second florin note with its value raised tenfold, and the last digits of its serial changed."""
    design = DESIGNS[0]
    digits, scan = _issue(design, seed)[1]
    other_digits = f"{digits[:-2]}{(int(digits[-2:]) + 37) % 100:02}"
    forged = scan.of(numbered(replace(design, value=10 * design.value), other_digits))
    boxes = tuple(scan.box(box) for box in (*SERIAL_BOXES, VALUE_BOX))
    picture = altered(scan.of(numbered(design, digits)), forged, boxes)
    original = catalogue / f"banknotes-{design.name}" / f"{design.unit}-2.jpg"
    return AlteredNote(_save(picture, queries / f"{original.stem}-altered.jpg"), original, boxes)


def _downloads(catalogue: Path) -> tuple[tuple[tuple[Path, Path], ...], Path]:
    """A folder as everybody has one: copies of what is elsewhere, and a download that broke off."""
    downloads = catalogue / "downloads"
    downloads.mkdir(exist_ok=True)
    pairs = tuple((catalogue / original, downloads / name) for original, name in DUPLICATES)
    for original, copy in pairs:
        shutil.copyfile(original, copy)
    whole = (catalogue / BROKEN[0]).read_bytes()
    broken = downloads / BROKEN[1]
    broken.write_bytes(whole[: len(whole) // 3])
    return pairs, broken
