"""What a build says it did, one kind of change at a time: two that are confused would cancel out in one report."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from indexer import Index
from indexer.build_report import BuildReport
from indexer.errors import StoreDamaged, UsageRefused
from tests.conftest import Command
from tests.pictures import save
from tests.tiny_encoder import write_tiny_encoder

COUNTS = ("found", "indexed", "unchanged", "moved", "removed", "encoded")
SHOP = 6


@pytest.fixture
def shop(workplace: Path) -> Path:
    """A catalogue of six pictures, indexed."""
    for seed in range(SHOP):
        save(workplace / f"shop/{seed}.png", seed)
    built(workplace)
    return workplace / "shop"


def built(workplace: Path, *catalogues: str, **options: object) -> BuildReport:
    return Index(workplace).build(*(catalogues or ("shop",)), **options)  # type: ignore[arg-type]


def counts(report: BuildReport) -> tuple[int, ...]:
    return tuple(getattr(report, name) for name in COUNTS)


def rows(workplace: Path, table: str) -> int:
    with closing(sqlite3.connect(workplace / ".index/catalog.db")) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_picture_that_was_touched_is_unchanged(shop: Path) -> None:
    (shop / "0.png").touch()
    assert counts(built(shop.parent)) == (SHOP, 0, SHOP, 0, 0, 0)


def test_a_picture_that_was_edited_is_indexed(shop: Path) -> None:
    save(shop / "0.png", 100)
    assert counts(built(shop.parent)) == (SHOP, 1, SHOP - 1, 0, 0, 1)
    assert Index(shop.parent).check() == []


def test_a_new_picture_is_indexed(shop: Path) -> None:
    save(shop / "new.png", 100)
    assert counts(built(shop.parent)) == (SHOP + 1, 1, SHOP, 0, 0, 1)


def test_a_picture_that_has_another_name_was_moved_and_is_not_removed(shop: Path) -> None:
    (shop / "0.png").rename(shop / "other.png")
    assert counts(built(shop.parent)) == (SHOP, 0, SHOP - 1, 1, 0, 0)


def test_a_picture_that_takes_anothers_place_is_no_new_content(shop: Path) -> None:
    """It was known before, and so was the path, with another content: neither touched nor moved."""
    shutil.copy(shop / "1.png", shop / "0.png")
    assert counts(built(shop.parent)) == (SHOP, 1, SHOP - 1, 0, 0, 0)


def test_a_picture_that_is_gone_was_removed(shop: Path) -> None:
    (shop / "0.png").unlink()
    assert counts(built(shop.parent)) == (SHOP - 1, 0, SHOP - 1, 0, 1, 0)
    assert Index(shop.parent).check() == []
    assert rows(shop.parent, "items") == SHOP - 1


def test_every_kind_of_picture_counts_as_found(shop: Path) -> None:
    save(shop / "new.png", 100)
    (shop / "0.png").rename(shop / "other.png")
    (shop / "text.png").write_text("no picture")
    report = built(shop.parent)
    assert (counts(report), len(report.rejected)) == ((SHOP + 2, 1, SHOP - 1, 1, 0, 1), 1)


def test_rejections_are_named_in_the_order_of_their_paths(shop: Path) -> None:
    for name in ("z.png", "a.png", "k.png"):
        (shop / name).write_text(name)
    assert [entry["path"] for entry in built(shop.parent).rejected] == [f"shop/{n}.png" for n in "akz"]


def test_pictures_that_vanish_while_others_are_read_are_removed_and_no_rejections(workplace: Path) -> None:
    """They lie far behind what is read ahead."""
    for seed in range(150):
        save(workplace / f"shop/{seed:03d}.png", seed)
    gone = sorted((workplace / "shop").iterdir())[-2:]

    def remove(done: int, total: int) -> None:
        for path in gone:
            path.unlink(missing_ok=True)

    report = built(workplace, progress=remove)
    assert (counts(report), report.rejected) == ((148, 148, 0, 0, 2, 148), [])


def test_a_picture_that_vanishes_once_it_was_indexed_leaves_the_index(workplace: Path) -> None:
    for seed in range(150):
        save(workplace / f"shop/{seed:03d}.png", seed)
    built(workplace)
    for path in (workplace / "shop").iterdir():
        path.touch()
    last = workplace / "shop/149.png"
    report = built(workplace, progress=lambda done, total: last.unlink(missing_ok=True))
    assert counts(report)[2] == 149
    assert Index(workplace).status().files == 149


def test_labels_are_unmatched_of_files_that_no_catalogue_lists(shop: Path) -> None:
    """What cannot be read is listed: there is a file to which its label belongs."""
    (shop / "link.png").symlink_to("nowhere")
    names = ("0.png", "link.png", "missing.png", "gone/too.png")
    facts = shop.parent / "facts.csv"
    facts.write_text("path,label\n" + "".join(f"shop/{name},new\n" for name in names))
    assert built(shop.parent, labels=facts).unmatched_labels == 2


def test_a_build_says_how_long_it_took(shop: Path) -> None:
    began = time.monotonic()
    seconds = built(shop.parent).seconds
    assert 0 < seconds <= time.monotonic() - began + 0.001
    assert round(seconds, 3) == seconds


def test_rejections_that_are_known_are_no_reason_for_another_generation(shop: Path) -> None:
    """Neither of the catalogue that is built, nor of one that is not."""
    (shop / "text.png").write_text("no picture")
    save(shop.parent / "second/0.png", 50)
    (shop.parent / "second/text.png").write_text("none either")
    generation = built(shop.parent, "shop", "second").generation
    for catalogues in (("shop", "second"), ("shop",), ("second",)):
        assert built(shop.parent, *catalogues).generation == generation
    assert len(Index(shop.parent).status().rejected) == 2


def test_a_rejection_that_is_over_is_a_reason_for_another_generation(shop: Path) -> None:
    (shop / "text.png").write_text("no picture")
    generation = built(shop.parent).generation
    (shop / "text.png").unlink()
    assert built(shop.parent).generation == generation + 1
    assert Index(shop.parent).status().rejected == []


def test_a_build_of_nothing_asks_for_a_folder_and_leaves_no_store(index: Command, workplace: Path) -> None:
    with pytest.raises(UsageRefused, match="which folder"):
        Index(workplace).build()
    answer = index("build")
    assert answer.code == 2
    assert "which folder" in answer.err
    assert not (workplace / ".index").exists()


def test_a_labels_file_that_is_not_there_is_refused_before_anything_is_made(
    index: Command, catalogue: Path
) -> None:
    answer = index("build", catalogue, "--labels", "missing.csv")
    assert answer.code == 2
    assert "missing.csv does not exist" in answer.err
    assert not Path(".index").exists()


def test_a_content_that_was_written_down_is_not_encoded_again_in_the_same_build(workplace: Path) -> None:
    """The copy comes long after the batch that its original was in."""
    for seed in range(130):
        save(workplace / f"shop/{seed:03d}.png", seed)
    shutil.copy(workplace / "shop/000.png", workplace / "shop/copy.png")
    assert counts(built(workplace)) == (131, 131, 0, 0, 0, 130)


def test_pictures_of_which_none_gets_a_vector_are_all_rejected(workplace: Path) -> None:
    (workplace / "shop").mkdir()
    for size in (64, 65):
        Image.new("RGB", (size, size)).save(workplace / f"shop/{size}.png")
    encoder = write_tiny_encoder(workplace / "fragile", fails_on_black=True)
    report = Index(workplace, encoder=encoder).build("shop")
    assert counts(report) == (2, 0, 0, 0, 0, 2)
    assert {entry["reason"] for entry in report.rejected} == {"no-vector"}
    assert Index(workplace, encoder=encoder).check() == []


def test_another_metric_alone_is_a_reason_for_another_generation(shop: Path) -> None:
    assert built(shop.parent).generation == 1
    assert Index(shop.parent, metric="l2").build("shop").generation == 2
    assert Index(shop.parent).status().metric == "l2"


def test_an_encoder_that_no_kept_generation_was_made_with_is_forgotten(shop: Path) -> None:
    """Two generations are kept."""
    other = write_tiny_encoder(shop.parent / "other", seed=3)
    with Index(shop.parent, encoder=other) as index:
        index.build("shop")
        assert index.query(shop / "0.png", k=1)[0].score == pytest.approx(1)
    assert rows(shop.parent, "encoders") == 2
    save(shop / "new.png", 100)
    Index(shop.parent, encoder=other).build("shop")
    assert rows(shop.parent, "encoders") == 1


def test_the_settings_file_is_written_once_and_what_the_user_wrote_stays(shop: Path) -> None:
    settings = shop.parent / ".index/index.toml"
    assert "exact_limit" in settings.read_text()
    settings.write_text("jobs = 1\n")
    built(shop.parent)
    assert settings.read_text() == "jobs = 1\n"


class StoppedError(Exception):
    """Raised by a test in the midst of a build."""


def stop(done: int, total: int) -> None:
    if done == total:
        raise StoppedError


@pytest.mark.parametrize(("kind", "table"), [("picture", "items"), ("text", "rejections")])
def test_a_build_that_is_stopped_has_written_down_all_full_batches_of_64(
    workplace: Path, kind: str, table: str
) -> None:
    for seed in range(70):
        path = save(workplace / f"shop/{seed:03d}.png", seed)
        if kind == "text":
            path.write_text(f"no picture {seed}")
    with pytest.raises(StoppedError):
        built(workplace, progress=stop)
    assert rows(workplace, table) == 64


def test_a_file_that_one_encoder_makes_no_vector_of_is_tried_with_another(workplace: Path) -> None:
    (workplace / "shop").mkdir()
    Image.new("RGB", (64, 64)).save(workplace / "shop/black.png")
    fragile = write_tiny_encoder(workplace / "fragile", fails_on_black=True)
    assert len(Index(workplace, encoder=fragile).build("shop").rejected) == 1
    assert Index(workplace, encoder=fragile).build("shop").encoded == 0  # known by now
    assert counts(built(workplace)) == (1, 1, 0, 0, 0, 1)


def test_what_a_killed_writer_left_and_what_no_generation_names_is_removed(shop: Path) -> None:
    folder = shop.parent / ".index"
    for name in ("123.tmp", "index.toml.123.tmp", "faiss/123.tmp", f"faiss/{'0' * 64}.faiss"):
        (folder / name).touch()
    for seed in range(3):
        save(shop / "new.png", 100 + seed)
        built(shop.parent)
    assert not list(folder.rglob("*.tmp"))
    with closing(sqlite3.connect(folder / "catalog.db")) as database:
        named = {f"{sha256}.faiss" for (sha256,) in database.execute("SELECT sha256 FROM faiss_files")}
    assert {path.name for path in (folder / "faiss").iterdir()} == named


def test_a_stored_vector_of_another_length_is_named_and_no_generation_is_made_of_it(shop: Path) -> None:
    with closing(sqlite3.connect(shop.parent / ".index/catalog.db")) as database:
        database.execute("UPDATE embeddings SET vector = zeroblob(12) WHERE item_id = 2")
        database.commit()
    save(shop / "new.png", 100)
    with pytest.raises(StoreDamaged, match="does not have 24 values"):
        built(shop.parent)
    assert rows(shop.parent, "generations") == 1


def test_the_store_is_for_its_owner_alone(shop: Path) -> None:
    folder = shop.parent / ".index"
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "faiss")] == [0o700, 0o700]
