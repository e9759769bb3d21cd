"""Decisions leave in a CSV file and come back from it: all of them, once, and as they were."""

import csv
import shutil
from pathlib import Path

import pytest

from indexer.decision_export import as_written, export_decisions, inert, list_decisions
from indexer.decision_import import import_decisions
from indexer.decisions import Decisions, DecisionVerdict, Entry, add_entry, decide, read_entries
from indexer.durable import sha256_of
from indexer.errors import StoreDamaged, UsageRefused
from indexer.store import Store
from tests.conftest import Command
from tests.pictures import save

NOON, EVENING = "2026-01-01T12:00:00+00:00", "2026-01-01T18:00:00+00:00"


def new_store(folder: Path) -> Store:
    opened = Store(folder / ".index")
    with opened.writing():
        pass
    return opened


@pytest.fixture
def store(workplace: Path) -> Store:
    return new_store(workplace)


@pytest.fixture
def files(workplace: Path) -> list[Path]:
    """Three files with contents of their own."""
    paths = [workplace / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_text(path.name)
    return paths


def ledger(store: Store) -> list[Entry]:
    with store.database.reading() as connection:
        return list(read_entries(connection))


def counting(store: Store) -> Decisions:
    with store.database.reading() as connection:
        return Decisions.read(connection)


def add(store: Store, *entries: Entry) -> None:
    with store.database.writing() as connection:
        for entry in entries:
            add_entry(connection, entry)


def entry(content: int, verdict: str | None, decided_at: str = NOON) -> Entry:
    first, second = bytes([content]) * 32, bytes([content + 1]) * 32
    return Entry(first, second, DecisionVerdict(verdict) if verdict else None, "", "cli", decided_at)


def write(path: Path, *rows: str) -> Path:
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def test_an_export_imported_into_another_index_gives_the_same_ledger_however_often(
    store: Store, files: list[Path], tmp_path: Path
) -> None:
    a, b, c = files
    notes = ["=1+1", "'quoted", "'=both", 'two\r\nlines, "and" a comma', "żółw"]
    for verdict, note in zip(["same", "different", "same", "fraud", "cleared"], notes, strict=True):
        decide(store, a, b, verdict, note)
    decide(store, b, c, "same-object")
    decide(store, b, c, None, "a mistake")
    assert export_decisions(store, tmp_path / "all.csv") == 7
    other = new_store(tmp_path / "elsewhere")
    assert import_decisions(other, tmp_path / "all.csv").added == 7
    assert ledger(other) == ledger(store)
    for again in (store, other):
        done = import_decisions(again, tmp_path / "all.csv")
        assert (done.rows, done.added, done.known) == (7, 0, 7)
    export_decisions(other, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()


def test_somebody_may_change_his_mind_and_back_within_a_second(store: Store, tmp_path: Path) -> None:
    add(store, entry(1, "same"), entry(1, "different"), entry(1, "same"))
    export_decisions(store, tmp_path / "all.csv")
    other = new_store(tmp_path / "elsewhere")
    import_decisions(other, tmp_path / "all.csv")
    assert [row.verdict for row in ledger(other)] == ["same", "different", "same"]
    assert import_decisions(other, tmp_path / "all.csv").added == 0


def test_two_indexes_that_import_each_others_decisions_agree(store: Store, tmp_path: Path) -> None:
    other = new_store(tmp_path / "elsewhere")
    add(store, entry(1, "same", NOON), entry(5, "fraud", EVENING), entry(7, None, EVENING))
    add(other, entry(1, "different", EVENING), entry(5, "cleared", NOON), entry(7, "same", NOON))
    for one, file in ((store, "one.csv"), (other, "other.csv")):
        export_decisions(one, tmp_path / file)
    import_decisions(store, tmp_path / "other.csv")
    import_decisions(other, tmp_path / "one.csv")
    assert set(ledger(store)) == set(ledger(other))
    assert counting(store) == counting(other)
    assert sorted(verdict for _, _, verdict in counting(store).pairs()) == ["different", "fraud"]


def test_a_list_written_by_hand_needs_paths_and_verdicts_only(
    store: Store, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(files[0], tmp_path / "=a")
    (tmp_path / "lists").mkdir()
    shutil.copy(files[2], tmp_path / "lists/c beside")
    rows = ("first_path, second_path, verdict", "'=a, b, same", f"{files[0]},c beside,different")
    source = write(tmp_path / "lists/by-hand.csv", *rows)
    monkeypatch.chdir(tmp_path)
    assert import_decisions(store, source).added == 2
    assert {(row.verdict, row.source) for row in ledger(store)} == {
        ("same", "import"),
        ("different", "import"),
    }
    assert import_decisions(store, source).added == 0
    write(source, "first_path,second_path,verdict", "b,a,undo")
    import_decisions(store, source)
    assert [verdict for _, _, verdict in counting(store).pairs()] == ["different"]


HEADER = "first_sha256,second_sha256,verdict,note,source,decided_at,first_path,second_path"
A, B = "aa" * 32, "bb" * 32


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (f"{A},{B},equal", "'equal' is no verdict"),
        (f"{A},{B},", "'' is no verdict"),
        (f"{A},{A},same", "same bytes"),
        (f"{A[1:]},{B},same", "64 hexadecimal digits"),
        (f"{A},,same", "neither second_sha256 nor second_path"),
        (f"{A},,same,,,,,none", "no file none"),
        (f"{A},{B},same,,,yesterday", "no moment"),
        (f"{A},{B},same,,,2026-01-01T12:00:00", "no moment"),
        (f"{A},{B},same,,{'x' * 17}", "no source"),
        (f"{A},{B},same,,,,,,,", "more values"),
        (f"{B},{A},different", "line 2 decides the same pair otherwise"),
        (f'{A},{B},"same', "unexpected end"),
        (f"{A},{B},same,{'x' * 10_001}", "more than 10000"),
    ],
)
def test_one_bad_row_is_named_by_its_line_and_nothing_is_imported(
    store: Store, tmp_path: Path, row: str, told: str
) -> None:
    source = write(tmp_path / "rows.csv", HEADER, f"{A},{B},same", row)
    with pytest.raises(UsageRefused, match=f"rows.csv, line 3: .*{told}"):
        import_decisions(store, source)
    assert ledger(store) == []


@pytest.mark.parametrize(
    "header", ["", "a,b,verdict", "first_path,second_path", "first_path;second_path;verdict"]
)
def test_a_file_without_its_columns_is_refused(store: Store, tmp_path: Path, header: str) -> None:
    with pytest.raises(UsageRefused, match="has no column"):
        import_decisions(store, write(tmp_path / "rows.csv", header))
    with pytest.raises(UsageRefused, match="is not a file"):
        import_decisions(store, tmp_path)


def test_the_command_counts_what_was_added_and_what_was_known(
    index: Command, store: Store, files: list[Path]
) -> None:
    write(Path("all.csv"), "first_path,second_path,verdict", "a,b,same", "b,c,different")
    assert index("decide", "--import", "all.csv").out == "2 of 2 decisions added, 0 were known\n"
    again = index("decide", "--import", "all.csv", "--json").json()
    assert again == {"file": "all.csv", "rows": 2, "added": 0, "known": 2}


def test_a_moment_of_another_time_zone_is_the_same_moment(store: Store, tmp_path: Path) -> None:
    add(store, entry(1, "same"))
    first, second = "01" * 32, "02" * 32
    source = write(tmp_path / "rows.csv", HEADER, f"{first},{second},same,,cli,2026-01-01T14:00:00+02:00")
    assert import_decisions(store, source).known == 1


def test_the_export_names_paths_that_no_spreadsheet_runs(index: Command, workplace: Path) -> None:
    names = ["=cmd.jpg", "\udcff.jpg"]
    paths = [save(workplace / f"pictures/{i}.jpg", i) for i in range(2)]
    paths = [path.rename(workplace / name) for path, name in zip(paths, names, strict=True)]
    assert index("build", workplace).code == 0
    assert index("decide", *paths, "same").code == 0
    assert index("decide", "--export", "all.csv", "--json").json() == {"file": "all.csv", "rows": 1}
    text = (workplace / "all.csv").read_text(errors="surrogateescape")
    (row,) = csv.DictReader(text.splitlines())
    assert {row["first_path"], row["second_path"]} == {"'=cmd.jpg", "\udcff.jpg"}
    assert {row["first_sha256"], row["second_sha256"]} == {sha256_of(path) for path in paths}
    assert index("decide", "--import", "all.csv").out == "0 of 1 decisions added, 1 were known\n"
    assert "=cmd.jpg" in index("decide", "--list").out


def test_what_was_made_inert_is_read_as_it_was_written() -> None:
    for text in ("", "a", "=", "'", "''=", "'=x", "'x", "+1", "-", "@", "\tx", "it's"):
        assert as_written(inert(text)) == text
        assert not inert(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_damaged_ledger_is_neither_listed_nor_exported(store: Store, tmp_path: Path) -> None:
    add(store, entry(1, "same"))
    with store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE decisions SET note = 'other'")
    for reading in (lambda: list_decisions(store), lambda: export_decisions(store, tmp_path / "all.csv")):
        with pytest.raises(StoreDamaged):
            reading()
    assert not (tmp_path / "all.csv").exists()
