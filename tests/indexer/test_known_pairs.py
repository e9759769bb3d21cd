"""Known pairs of a small index: what is gone, changed or unreadable is named, and costs nothing but its own pairs."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from indexer import Index
from indexer.calibrate import measure_calibration
from indexer.decoding.sandbox import Sandbox
from indexer.encoding import no_progress
from indexer.errors import UsageRefused
from indexer.known_pairs import FIT, HELD_OUT, PAIR, JudgedPairs, listed_pairs
from indexer.lookup import Gallery
from indexer.store import open_store
from indexer.synthetic import edited_copies
from retrieval.encoder import Space
from retrieval.errors import CalibrationRefused
from tests.indexer.sandboxes import sandbox_of
from tests.pictures import save


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    folder = tmp_path_factory.mktemp("built")
    for seed in range(6):
        save(folder / f"c/{seed}.png", seed)
    Index(folder, encoder=str(tiny_encoder), jobs=1).build(folder / "c")
    return folder


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_of(1) as opened:
        yield opened


@dataclass(frozen=True)
class Shop:
    """A copy of the index with its six pictures."""

    folder: Path
    gallery: Gallery
    space: Space


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Shop:
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    gallery = Gallery(open_store(tmp_path / ".index"))
    return Shop(tmp_path / "c", gallery, gallery.generation.space("copy"))


def test_of_a_list_the_pairs_of_what_cannot_be_read_are_left_out_and_named(
    shop: Shop, sandbox: Sandbox
) -> None:
    (shop.folder / "broken.png").write_bytes(b"no picture")
    rows = [("0", "1", "same"), ("2", "3", "0"), ("0", "gone", "same"), ("broken", "4", "0")]
    listed = shop.folder / "pairs.csv"
    lines = [f"{shop.folder / a}.png,{shop.folder / b}.png,{same}\n" for a, b, same in rows]
    listed.write_text("a,b,same\n" + "".join(lines))
    judged = listed_pairs(shop.gallery, sandbox, listed, shop.space, 0, no_progress)
    named = {Path(one.path).name: one.reason for one in judged.unusable}
    assert named == {"gone.png": "vanished", "broken.png": "not-an-image"}
    assert sum(len(judged.same[half][PAIR]) for half in (FIT, HELD_OUT)) == 1
    assert sum(judged.different_count(half) for half in (FIT, HELD_OUT)) == 1
    assert (judged.facts["pairs"], judged.facts["left_out"]) == (4, 2)


def test_only_what_is_still_what_was_indexed_is_edited(shop: Shop, sandbox: Sandbox) -> None:
    (shop.folder / "0.png").unlink()
    save(shop.folder / "1.png", 77)
    made = edited_copies(shop.gallery, sandbox, shop.space, 0, no_progress)
    assert {Path(one.path).name: one.reason for one in made.unusable} == {
        "0.png": "vanished",
        "1.png": "changed",
    }
    assert (made.facts["pictures"], made.facts["edited"]) == (6, 4)
    assert made.copies.shape[:2] == (2, 4)


def test_where_no_picture_is_left_to_edit_nothing_is_learned(shop: Shop) -> None:
    shutil.rmtree(shop.folder)
    with Index(shop.folder.parent) as index:
        with pytest.raises(UsageRefused, match="no same pairs to learn from"):
            index.calibrate("synthetic", fpr=0.1)
        assert index.status().calibrations == []


def test_a_calibration_that_nothing_is_left_to_judge_by_is_none() -> None:
    """As where all that was listed hangs together, and no picture is dealt to both halves."""
    generator, nothing = np.random.default_rng(0), np.empty(0)
    same = {PAIR: generator.uniform(0.8, 1, 60)}
    different = generator.uniform(-0.5, 0.5, 200), np.arange(400).reshape(-1, 2)
    none = nothing, np.empty((0, 2), np.int64)
    for known in (
        JudgedPairs((same, {PAIR: nothing}), (different, different), 400),
        JudgedPairs((same, same), (different, none), 400),
    ):
        with pytest.raises(CalibrationRefused, match="a half has none of one kind"):
            measure_calibration(known, 0.1)
    whole = measure_calibration(JudgedPairs((same, same), (different, different), 400), 0.1)
    assert whole["held_out"]["recall"] == 1
