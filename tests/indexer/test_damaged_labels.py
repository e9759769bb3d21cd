"""A label that damage changed is refused, and never written down anew as if it were sound."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from indexer import Index
from indexer.checksums import file_checksum
from indexer.contents import sound_files
from indexer.errors import StoreDamaged
from indexer.store import Store
from indexer.tables import AssignedLabel, File
from tests.indexer.shop import ALL, PICTURES, changed, healed, told
from tests.pictures import save

PLACE = Path("shop/2.png")
DAMAGE = "UPDATE files SET label = 'shoq' WHERE path = x'" + b"shop/2.png".hex() + "'"


def labels() -> dict[str, str | None]:
    with Index(".", jobs=1) as index:
        return {match.path: match.label for match in index.query(ALL[0], k=PICTURES + 1)}


def build() -> None:
    with Index(".", encoder="encoder", jobs=1) as index:
        index.build("shop")


CHANGES: dict[str, Callable[[], object]] = {
    "another picture comes to its place": lambda: save(PLACE, 77),
    "it is copied": lambda: shutil.copy(PLACE, "shop/copy.png"),
    "it moves": lambda: PLACE.rename("shop/moved.png"),
    "it is gone": PLACE.unlink,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_label_goes_on_to_no_other_row(place: Path, change: str) -> None:
    before = set(labels().values())
    changed(DAMAGE)
    CHANGES[change]()
    with pytest.raises(StoreDamaged, match="of table files is not what was written"):
        build()
    healed()
    build()
    assert set(labels().values()) == before


def test_giving_a_label_does_not_make_damaged_attributes_sound(place: Path) -> None:
    changed(DAMAGE.replace("label = 'shoq'", """attributes = '{"colour": "red"}'"""))
    with Index(".") as index, pytest.raises(StoreDamaged, match="of table files is not what was written"):
        index.label(PLACE, "mug")


def test_a_given_label_that_damage_changed_is_taken_from_the_files_that_carry_it(place: Path) -> None:
    with Index(".") as index:
        index.label(PLACE, "mug")
    before = labels()
    changed("UPDATE assigned_labels SET label = 'muf'")
    with pytest.raises(StoreDamaged, match="1 files have another label than was given to their content"):
        build()
    assert [kind for _, kind, _ in told()] == ["label-damaged"]
    assert healed()[0] == "gave shop/2.png the label 'mug' again, which its files carry, for 'muf'"
    build()
    assert labels() == before
    changed("DELETE FROM files WHERE path = x'" + b"shop/2.png".hex() + "'")
    build()
    assert labels() == before


def test_where_files_that_are_sound_carry_two_labels_a_repair_leaves_one(place: Path) -> None:
    """As a version left it that wrote a damaged label down as sound, in one of two catalogues."""
    shutil.copy(PLACE, "shop/copy.png")
    build()
    with Index(".") as index:
        index.label(PLACE, "mug")
    with Store(Path(".index")).database.writing() as connection:
        (file,) = sound_files(connection, File.path == "shop/copy.png")
        checksum = file_checksum(
            file.path, file.sha256, file.size_bytes, file.mtime_ns, "muf", file.attributes
        )
        connection.execute(update(File).where(File.id == file.id).values(label="muf", checksum=checksum))
        connection.execute(update(AssignedLabel).values(label="muf"))
    healed()
    build()
    with Index(".", jobs=1) as index:
        assert [match.label for match in index.query(PLACE, k=2)] == ["mug", "mug"]
