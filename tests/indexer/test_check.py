"""Every mismatch has its name, its place and its words, and is healed."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from indexer import Index
from indexer.check import Severity
from indexer.errors import StoreDamaged
from tests.indexer.shop import ALL, PICTURES, changed, faiss_files, found, healed, paths_found, told
from tests.pictures import save
from tests.tiny_encoder import write_tiny_encoder

DAMAGE, STALE, INFO = Severity.DAMAGE, Severity.STALE, Severity.INFO


def test_a_sound_index_has_no_findings_and_a_repair_leaves_it(place: Path) -> None:
    before = Path(".index/catalog.db").stat().st_mtime_ns
    assert told() == []
    report = Index(".").repair()
    assert (report.found, report.done, report.left) == ([], [], [])
    assert Path(".index/catalog.db").stat().st_mtime_ns == before


ROWS: dict[
    str, tuple[str, str, str]
] = {  # kind: table, what is changed in its first row, what a repair says of it
    "item-damaged": ("items", "width = width + 1", "dropped what hangs on 1 rows (item-damaged)"),
    "file-damaged": ("files", "label = 'other'", "dropped what hangs on 1 rows (file-damaged)"),
    "vector-damaged": (
        "embeddings",
        "vector = zeroblob(64)",
        "dropped what hangs on 1 rows (vector-damaged)",
    ),
    "decision-damaged": ("decisions", "verdict = 'same'", "set 1 damaged decisions aside"),
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_that_is_not_what_was_written_is_damage_and_healed(place: Path, kind: str) -> None:
    table, change, said = ROWS[kind]
    changed(f"UPDATE {table} SET {change} WHERE rowid = (SELECT min(rowid) FROM {table})")
    finding = next(one for one in found() if one.kind == kind)
    assert (finding.severity, len(finding.ids)) == (DAMAGE, 1)
    assert finding.message == f"1 rows of {table} are not what was written"
    assert finding.where == ".index/catalog.db"
    assert any(said in line for line in healed())
    assert paths_found() == ALL


def test_only_the_damaged_rows_are_encoded_again(place: Path) -> None:
    changed("UPDATE items SET width = width + 1 WHERE id IN (2, 3)")
    assert "encoded 2 pictures again and wrote the FAISS files of generation 2" in healed()


def test_several_damaged_rows_are_counted_and_named(place: Path) -> None:
    changed("UPDATE files SET label = 'other' WHERE id IN (2, 4, 5)")
    (finding,) = [one for one in found() if one.kind == "file-damaged"]
    assert (finding.ids, finding.message) == ((2, 4, 5), "3 rows of files are not what was written")


def test_counts_that_differ_are_damage(place: Path) -> None:
    changed("UPDATE generations SET file_count = 9, item_count = 8")
    counts = [(kind, message) for severity, kind, message in told() if kind == "count-differs"]
    assert counts == [
        ("count-differs", f"{PICTURES} files in the database, 9 when it was committed"),
        ("count-differs", f"{PICTURES} items in the database, 8 when it was committed"),
    ]
    assert {one.where for one in found() if one.kind == "count-differs"} == {"generation 1"}
    healed()


def test_a_lost_vector_is_damage_and_encoded_again(place: Path) -> None:
    changed("DELETE FROM embeddings WHERE item_id = 3 AND space = 'copy'")
    finding = next(one for one in found() if one.kind == "vector-lost")
    assert (finding.severity, finding.message, finding.ids) == (DAMAGE, "1 items lack a vector", (3,))
    assert "encoded 1 pictures again and wrote the FAISS files of generation 2" in healed()
    assert paths_found() == ALL


def test_rows_that_refer_to_rows_that_are_gone_are_damage(place: Path) -> None:
    changed("DELETE FROM items WHERE id = 2")
    assert (DAMAGE, "row-without-parent", "3 rows refer to rows not there") in told()
    healed()
    assert paths_found() == ALL


def test_a_query_that_meets_a_row_whose_parent_is_gone_is_refused(place: Path) -> None:
    changed("DELETE FROM items WHERE id = 2")
    with pytest.raises(StoreDamaged, match="row 2 of table files is not what was written"):
        paths_found()


def test_a_picture_that_an_unfinished_build_encoded_is_told_and_no_damage(place: Path) -> None:
    changed(
        "INSERT INTO items (sha256, size_bytes, width, height, format, checksum) "
        "SELECT randomblob(32), size_bytes, width, height, format, checksum FROM items WHERE id = 1"
    )
    findings = [entry for entry in told() if entry[1] == "build-unfinished"]
    assert findings == [(INFO, "build-unfinished", "1 pictures encoded by an unfinished build")]


def test_a_faiss_file_of_other_bytes_is_damage_and_the_other_is_read(place: Path) -> None:
    first, *others = faiss_files()
    first.write_bytes(first.read_bytes()[:-1])
    assert [(one.severity, one.kind, one.where) for one in found()] == [(DAMAGE, "faiss-damaged", str(first))]
    assert others
    healed()
    assert paths_found() == ALL


def test_each_faiss_file_that_is_gone_is_damage(place: Path) -> None:
    gone = faiss_files()
    for path in gone:
        path.unlink()
    assert [(one.kind, one.where) for one in found()].count(("faiss-damaged", str(gone[0]))) == 1
    assert {one.where for one in found()} == {str(path) for path in gone}
    healed()


def test_a_faiss_file_of_other_items_is_damage(place: Path) -> None:
    """The ids are others; the counts, and every row, are as they were."""
    changed(
        "UPDATE items SET id = 77 WHERE id = 2",
        "UPDATE files SET item_id = 77 WHERE item_id = 2",
        "UPDATE embeddings SET item_id = 77 WHERE item_id = 2",
    )
    findings = [entry for entry in told() if entry[1] == "faiss-differs"]
    assert findings == [
        (DAMAGE, "faiss-differs", "space 'copy' holds other items than the database"),
        (DAMAGE, "faiss-differs", "space 'object' holds other items than the database"),
    ]
    healed()


def test_another_encoder_in_the_place_of_the_one_that_was_is_damage_that_a_repair_leaves(place: Path) -> None:
    shutil.rmtree("encoder")
    write_tiny_encoder(place / "encoder", seed=5)
    (finding,) = found()
    assert (finding.severity, finding.kind, finding.where) == (DAMAGE, "encoder-differs", "encoder")
    assert finding.message.endswith("encode the catalogue with the one at hand")
    report = Index(".").repair()
    assert (report.done, report.left) == ([], [finding])


def test_a_catalogue_that_moved_on_says_how(place: Path) -> None:
    for seed in (10, 11, 12):
        save(place / f"shop/{seed}.png", seed)
    for seed in (0, 1):
        save(place / f"shop/{seed}.png", 100 + seed)
    (place / "shop/5.png").unlink()
    (finding,) = found()
    assert (finding.severity, finding.kind, finding.where) == (STALE, "catalogue-moved-on", "shop")
    assert finding.message == "3 new, 2 changed, 1 gone; `index build` follows"
    assert Index(".").repair().done == []


def test_what_did_not_happen_to_a_catalogue_is_not_told(place: Path) -> None:
    save(place / "shop/10.png", 10)
    assert told() == [(STALE, "catalogue-moved-on", "1 new; `index build` follows")]


def test_a_catalogue_that_is_gone_is_told_and_the_next_one_is_looked_at(place: Path) -> None:
    for name in ("earlier", "tomorrow"):  # whichever comes first
        save(place / name / "0.png", len(name))
        Index(".").build(name)
        save(place / name / "1.png", len(name) + 1)
    shutil.rmtree("shop")
    assert {(one.severity, one.kind, one.where) for one in found()} == {
        (STALE, "catalogue-gone", "shop"),
        (STALE, "catalogue-moved-on", "earlier"),
        (STALE, "catalogue-moved-on", "tomorrow"),
    }


def test_residue_is_told_and_what_lies_in_the_trash_is_not(place: Path) -> None:
    for name in (
        "faiss/1234.tmp",
        "left.tmp",
        f"faiss/{'0' * 64}.faiss",
        "trash/run/mine.tmp",
        "trash/x.faiss",
    ):
        path = place / ".index" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert [(one.severity, one.kind, one.where) for one in found()] == [
        (INFO, "residue", f".index/faiss/{'0' * 64}.faiss"),
        (INFO, "residue", ".index/faiss/1234.tmp"),
        (INFO, "residue", ".index/left.tmp"),
    ]


def test_a_malformed_database_is_one_finding_and_saved_by_a_repair(place: Path) -> None:
    database = Path(".index/catalog.db")
    content = bytearray(database.read_bytes())
    at = content.index(b"CREATE TABLE files")
    content[at : at + 6] = b"CRYATE"
    database.write_bytes(content)
    (finding,) = found()
    assert (finding.severity, finding.kind, finding.where) == (DAMAGE, "database-malformed", str(database))
    assert healed()[0].startswith("saved ")
    assert paths_found() == ALL


def test_pages_that_sqlite_finds_malformed_are_named_and_no_further_page_is_judged(place: Path) -> None:
    """An index of the database that says otherwise than its table."""
    changed("DROP INDEX ix_files_label")
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        database.execute("CREATE INDEX ix_files_label ON files (label) WHERE id > 3")
        database.execute("PRAGMA writable_schema=ON")
        database.execute(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX ix_files_label ON files (label)' WHERE name = 'ix_files_label'"
        )
        database.commit()
    malformed = [entry for entry in told() if entry[1] == "database-malformed"]
    assert len(malformed) == 1
    assert "ix_files_label" in malformed[0][2]
    healed()
