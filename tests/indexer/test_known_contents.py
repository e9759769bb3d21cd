"""What the index knows of a content is used again, and what it has lost of one is made again."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from indexer import Index
from indexer.errors import StoreDamaged
from tests.indexer.shop import changed, healed


def rows(statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        return database.execute(statement).fetchall()


def test_a_copy_of_a_known_content_is_hashed_and_not_decoded(place: Path) -> None:
    shutil.copy("shop/1.png", "shop/copy.png")
    with Index(
        ".", encoder="encoder", jobs=1, max_pixels=1
    ) as index:  # by which any that is decoded is rejected
        report = index.build("shop")
    assert (report.moved, report.rejected, report.encoded) == (1, [], 0)
    assert (
        len(
            rows(
                f"SELECT id FROM files WHERE item_id = (SELECT id FROM items WHERE sha256 = {hex_of('1.png')})"
            )
        )
        == 2
    )


def hex_of(name: str) -> str:
    sha256 = rows(
        f"SELECT hex(items.sha256) FROM items JOIN files ON item_id = items.id WHERE path = CAST('shop/{name}' AS BLOB)"
    )
    return f"x'{sha256[0][0]}'"


def test_a_content_that_lost_its_vector_in_one_space_gets_all_of_them_anew(place: Path) -> None:
    changed("DELETE FROM embeddings WHERE item_id = 3 AND space = 'copy'")
    with Index(".", encoder="encoder", jobs=1) as index:
        assert index.build("shop").encoded == 1
    assert rows("SELECT space FROM embeddings WHERE item_id = 3 ORDER BY space") == [("copy",), ("object",)]
    assert healed() == []


def test_a_generation_whose_encoder_is_lost_is_damage_and_not_an_empty_index(place: Path) -> None:
    changed("DELETE FROM encoders")
    with Index(".") as index, pytest.raises(StoreDamaged, match="generation 1 cannot be read"):
        index.query("shop/1.png")


def test_where_only_places_change_the_search_files_are_not_written_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from indexer import generations

    Path("shop/1.png").rename("shop/moved.png")
    monkeypatch.setattr(generations, "build_index", None)
    with Index(".", encoder="encoder", jobs=1) as index:
        assert index.build("shop").generation == 2
