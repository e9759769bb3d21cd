"""What the labels of an index teach does not depend on the order in which its pictures came in."""

from pathlib import Path

from indexer.labelled import read_labelled
from indexer.lookup import Gallery
from indexer.store import open_store
from tests.conftest import Command


def contents(store: Path) -> list[bytes]:
    gallery = Gallery(open_store(store))
    with gallery.store.database.reading() as connection:
        gallery.follow(connection)
        return read_labelled(connection, gallery.generation, gallery.generation.space("object")).sha256s


def test_labelled_contents_come_in_one_order_however_the_index_came_about(
    index: Command, catalogue: Path, tmp_path: Path
) -> None:
    stores = [tmp_path / "store-0", tmp_path / "store-1"]
    for store, last in zip(stores, ["bass/*", "ewer/*"], strict=True):
        for left_out in (last, "nothing"):
            assert index("build", catalogue, "--exclude", left_out, "--store", store).code == 0
    assert len(contents(stores[0])) == 24
    assert contents(stores[0]) == contents(stores[1])
