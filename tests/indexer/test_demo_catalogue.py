"""The catalogue that `index demo` draws: what is promised about it, as sentences that must be true."""

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.demo.banknotes import BED, DESIGNS, SERIAL_BOXES, nth_scan, numbered
from indexer.demo.catalogue import AlteredNote, DemoCatalogue, EditedCopy, FolderNotEmpty, make_catalogue
from indexer.demo.edits import EDITS, altered


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoCatalogue, float]:
    folder = tmp_path_factory.mktemp("demo")
    start = time.perf_counter()
    return make_catalogue(folder), time.perf_counter() - start


@pytest.fixture(scope="module")
def made(timed: tuple[DemoCatalogue, float]) -> DemoCatalogue:
    return timed[0]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.int16)


def test_the_same_seed_gives_the_same_bytes(made: DemoCatalogue, tmp_path: Path) -> None:
    make_catalogue(tmp_path)
    assert contents(made.folder.parent) == contents(tmp_path)


def test_it_is_drawn_in_seconds(timed: tuple[DemoCatalogue, float]) -> None:
    assert timed[1] < 30  # a loaded machine; two free cores need less than two seconds


def test_it_is_small_and_of_every_common_format(made: DemoCatalogue) -> None:
    files = [path for path in made.folder.rglob("*") if path.is_file()]
    assert 60 <= len(files) <= 90
    assert sum(path.stat().st_size for path in files) < 6_000_000
    assert {path.suffix for path in files} == {".jpg", ".png", ".webp"}


def test_every_class_has_a_folder_of_its_own_with_pictures_in_it(made: DemoCatalogue) -> None:
    kinds = Counter(folder.name.split("-")[0] for folder in made.folder.iterdir())
    assert kinds == {"banknotes": 3, "product": 6, "signature": 4, "downloads": 1}
    for folder in made.folder.iterdir():
        assert len(list(folder.iterdir())) >= 3


def test_every_picture_opens_but_the_broken_one(made: DemoCatalogue) -> None:
    for path in [*made.folder.rglob("*.*"), *made.queries]:
        if path != made.broken:
            assert pixels(path).std() > 5, path
    with pytest.raises(OSError, match="truncated"):
        pixels(made.broken)


def test_everything_planted_is_where_it_is_said_to_be(made: DemoCatalogue) -> None:
    assert {copy.edit for copy in made.edited} == set(EDITS)
    planted: list[EditedCopy | AlteredNote] = [*made.edited, made.edited_note, made.altered_note]
    for copy in planted:
        assert copy.path.is_file()
        assert copy.original.is_file()
        assert copy.original.is_relative_to(made.folder)
        assert copy.path.read_bytes() != copy.original.read_bytes()
    assert all(copy.path.is_relative_to(made.folder) for copy in made.edited)
    assert all(not path.is_relative_to(made.folder) for path in made.queries)


def test_exact_duplicates_are_equal_byte_for_byte_and_the_only_ones(made: DemoCatalogue) -> None:
    for original, copy in made.duplicates:
        assert original.parent != copy.parent
        assert original.read_bytes() == copy.read_bytes()
    same = Counter(path.read_bytes() for path in made.folder.rglob("*.*"))
    assert sorted(same.values(), reverse=True)[: len(made.duplicates) + 1] == [2] * len(made.duplicates) + [1]


def test_an_altered_note_differs_only_inside_its_boxes_before_it_is_saved() -> None:
    scan = nth_scan(1, np.random.default_rng(3))
    original = scan.of(numbered(DESIGNS[1], "1234 5678"))
    forged = scan.of(numbered(DESIGNS[1], "1234 5699"))
    boxes = [scan.box(box) for box in SERIAL_BOXES]
    changed = np.any(np.asarray(original) != np.asarray(altered(original, forged, boxes)), axis=2)
    outside = changed.copy()
    for left, top, right, bottom in boxes:
        assert changed[top:bottom, left:right].any()
        outside[top:bottom, left:right] = False
    assert not outside.any()


def test_the_planted_altered_note_is_its_original_but_for_its_boxes(made: DemoCatalogue) -> None:
    note = made.altered_note
    difference = np.abs(pixels(note.path) - pixels(note.original)).max(2)
    assert difference.shape == BED[::-1]
    for left, top, right, bottom in note.boxes:
        assert difference[top:bottom, left:right].max() > 60
        difference[max(0, top - 16) : bottom + 16, max(0, left - 16) : right + 16] = (
            0  # JPEG's blocks spill over
        )
    assert difference.max() == 0


def test_two_notes_of_one_design_differ_in_serial_and_wear(made: DemoCatalogue) -> None:
    notes = sorted((made.folder / "banknotes-50-florin").glob("florin-?.jpg"))
    assert len({path.read_bytes() for path in notes}) == len(notes) == 4


def test_a_folder_that_it_did_not_make_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(FolderNotEmpty, match="not empty"):
        make_catalogue(tmp_path)
    assert contents(tmp_path) == {"holiday.jpg": b"mine"}


def test_made_again_in_place_it_is_the_same_and_what_a_user_added_is_kept(made: DemoCatalogue) -> None:
    folder, mine = made.folder.parent, made.folder / "product-cocoa" / "mine.txt"
    mine.write_text("kept")
    before = contents(folder)
    assert make_catalogue(folder) == made
    assert contents(folder) == before
    mine.unlink()
