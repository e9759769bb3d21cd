"""What is decided of two contents counts until it is decided anew, whatever happens to the files."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert

from indexer import Index
from indexer.commands.decide import VERDICTS
from indexer.decisions import (
    NOTE_CHARACTERS,
    Decisions,
    DecisionVerdict,
    Entry,
    add_entry,
    decide,
    pair_of,
    read_entries,
)
from indexer.durable import sha256_of
from indexer.errors import StoreDamaged, UsageRefused
from indexer.salvage import salvage
from indexer.store import Store
from indexer.tables import Base, Calibration, Disposal
from tests.conftest import Command
from tests.pictures import save
from tests.tiny_encoder import write_tiny_encoder

SAME, DIFFERENT = DecisionVerdict.SAME, DecisionVerdict.DIFFERENT


@pytest.fixture
def store(workplace: Path) -> Store:
    """A store in which nothing is indexed: decisions need no more."""
    opened = Store(workplace / ".index")
    with opened.writing():
        pass
    return opened


@pytest.fixture
def files(workplace: Path) -> list[Path]:
    """Three files with contents of their own."""
    paths = [workplace / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_text(path.name)
    return paths


def sha(path: Path) -> bytes:
    return bytes.fromhex(sha256_of(path))


def decisions(store: Store) -> Decisions:
    with store.database.reading() as connection:
        return Decisions.read(connection)


def ledger(store: Store) -> list[Entry]:
    with store.database.reading() as connection:
        return list(read_entries(connection))


def test_the_order_of_the_two_does_not_matter(store: Store, files: list[Path]) -> None:
    a, b, c = files
    decide(store, a, b, "same")
    decide(store, c, b, "fraud")
    found = decisions(store)
    for one, other, verdict in ((a, b, "same"), (b, c, "fraud"), (a, c, None)):
        assert found.verdict(sha(one), sha(other)) == found.verdict(sha(other), sha(one)) == verdict
    assert sorted(found.pairs()) == sorted(
        [(*pair_of(sha(a), sha(b)), SAME), (*pair_of(sha(b), sha(c)), "fraud")]
    )


def test_the_newest_decision_counts_and_nothing_is_overwritten(store: Store, files: list[Path]) -> None:
    a, b, _ = files
    assert decide(store, a, b, "same").before is None
    assert decide(store, b, a, "different").before == "same"
    assert decisions(store).verdict(sha(a), sha(b)) is DIFFERENT
    assert [entry.verdict for entry in ledger(store)] == [SAME, DIFFERENT]


def test_deciding_the_same_again_adds_nothing_but_a_new_note(store: Store, files: list[Path]) -> None:
    a, b, _ = files
    told = [
        decide(store, a, b, "same", note).added for note in ("", "", "cropped", "cropped ", "", "scanned")
    ]
    assert told == [True, False, True, False, False, True]
    assert [entry.note for entry in ledger(store)] == ["", "cropped", "scanned"]


def test_what_was_decided_can_be_taken_back(store: Store, files: list[Path]) -> None:
    a, b, _ = files
    assert not decide(store, a, b, None).added
    decide(store, a, b, "same")
    assert decide(store, a, b, None).to_dict()["before"] == "same"
    assert not decide(store, a, b, None).added
    assert (len(decisions(store)), len(ledger(store))) == (0, 2)
    assert decide(store, a, b, "same").added


def test_a_decision_counts_even_where_the_clock_was_set_back(store: Store, files: list[Path]) -> None:
    a, b, _ = files
    decide(store, a, b, "same")
    with store.database.writing() as connection:
        add_entry(
            connection, replace(ledger(store)[0], verdict=DIFFERENT, decided_at="2999-01-01T00:00:00+00:00")
        )
    decide(store, a, b, "cleared")
    assert decisions(store).verdict(sha(a), sha(b)) == "cleared"


def test_what_cannot_be_meant_is_refused(store: Store, files: list[Path]) -> None:
    a, b, c = files
    c.write_bytes(a.read_bytes())
    wrong: list[tuple[Path, Path, str, str, str]] = [
        (a, a.with_name("none"), "same", "", "there is no file"),
        (a, a.parent, "same", "", "there is no file"),
        (a, Path("a\0"), "same", "", "zero byte"),
        (a, a, "same", "", "same bytes"),
        (a, c, "same", "", "same bytes"),
        (a, b, "equal", "", "no verdict"),
        (a, b, "same", "\udcff", "UTF-8"),
        (a, b, "same", "x" * (NOTE_CHARACTERS + 1), str(NOTE_CHARACTERS)),
    ]
    for one, other, verdict, note, told in wrong:
        with pytest.raises(UsageRefused, match=told):
            decide(store, one, other, verdict, note)
    assert ledger(store) == []


def test_a_decision_survives_moves_copies_another_encoder_and_files_that_leave(
    index: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workplace / "pictures"
    a, b = (save(folder / f"{seed}.jpg", seed) for seed in (1, 2))
    assert index("build", folder).code == 0
    assert index("decide", a, b, "same-object").code == 0
    a.rename(moved := folder / "moved.jpg")
    (copy := folder / "copy.jpg").write_bytes(b.read_bytes())
    monkeypatch.setenv("INDEX_ENCODER", str(write_tiny_encoder(workplace / "other", seed=1)))
    assert index("build", folder).code == 0
    assert not index("decide", copy, moved, "same-object", "--json").json()["added"]
    assert index("remove", moved, copy).code == 0
    assert index("build").code == 0
    assert index("status", "--json").json()["decisions"] == 1
    assert index("decide", "--list", "--json").json()["decisions"][0]["verdict"] == "same-object"
    assert index("check").code == 0


def test_the_index_answers_for_a_file_that_is_gone_and_not_for_one_that_changed(
    index: Command, workplace: Path
) -> None:
    folder = workplace / "pictures"
    a, b = (save(folder / f"{seed}.jpg", seed) for seed in (1, 2))
    assert index("build", folder).code == 0
    known = sha(a)
    a.unlink()
    decided = Index(workplace).decide(a, b, "different")
    assert {decided.first_sha256, decided.second_sha256} == {known.hex(), sha(b).hex()}
    a.write_text("something else")
    assert decide(Store(workplace / ".index"), a, b, "different").added
    assert [entry.source for entry in ledger(Store(workplace / ".index"))] == ["api", "cli"]


def test_groups_are_those_that_walking_from_content_to_content_finds() -> None:
    generator = np.random.default_rng(0)
    contents = [bytes([i]) * 32 for i in range(40)]
    pairs = list(combinations(contents, 2))
    drawn = generator.choice(["same", "different", ""], size=len(pairs), p=[0.03, 0.05, 0.92])
    found = Decisions(
        {pair: DecisionVerdict(verdict) for pair, verdict in zip(pairs, drawn, strict=True) if verdict}
    )

    def reached(start: bytes) -> set[bytes]:
        seen, pending = {start}, [start]
        while pending:
            here = pending.pop()
            near = {there for there in contents if found.verdict(here, there) is SAME} - seen
            seen |= near
            pending += near
        return seen

    groups = {tuple(sorted(reached(content))) for content in contents}
    assert found.closure_same() == [list(group) for group in sorted(groups) if len(group) > 1]
    wrong = [pair for pair in pairs if found.verdict(*pair) is DIFFERENT and pair[1] in reached(pair[0])]
    assert found.contradictions() == wrong
    assert wrong


@pytest.mark.parametrize(
    "change",
    [
        "verdict = 'different'",
        "verdict = NULL",
        "note = 'b'",
        "second_sha256 = zeroblob(32)",
        "first_sha256 = 'text'",
        "decided_at = 5",
    ],
)
def test_a_row_that_is_not_what_was_written_is_refused_by_name(
    store: Store, files: list[Path], change: str
) -> None:
    decide(store, files[0], files[1], "same", "a")
    with closing(sqlite3.connect(store.database.path)) as database, database:
        database.execute(f"UPDATE decisions SET {change}")
    with pytest.raises(StoreDamaged, match=f"row 1 of table decisions in {store.database.path}"):
        decisions(store)


def test_a_repair_sets_a_damaged_decision_aside_and_lets_no_older_one_count_in_its_place(
    index: Command, workplace: Path, files: list[Path]
) -> None:
    a, b, c = files
    folder = save(workplace / "pictures/1.jpg", 1).parent
    assert index("build", folder).code == 0
    for one, other, verdict in ((a, b, "same"), (a, b, "different"), (b, c, "fraud"), (a, c, "same")):
        assert index("decide", one, other, verdict, "--note", "mine").code == 0
    store = Store(workplace / ".index")
    sound = ledger(store)
    with closing(sqlite3.connect(store.database.path)) as database, database:
        database.execute("UPDATE decisions SET verdict = 'cleared' WHERE id = 2")
        database.execute("UPDATE decisions SET first_sha256 = 'text' WHERE id = 4")
    checked = index("check", "--json")
    assert (checked.code, [f["kind"] for f in checked.json()["findings"]]) == (12, ["decision-damaged"])
    repaired = index("check", "--repair", "--json").json()
    assert "set 2 damaged decisions aside" in repaired["done"][0]
    assert repaired["left"] == []
    (aside,) = store.path.glob("decisions-set-aside-*.jsonl")
    assert [sound[1].first_sha256.hex() in line for line in aside.read_text().splitlines()] == [True, False]
    after = ledger(store)
    assert [entry for entry in sound if entry not in after] == [sound[1], sound[3]]
    assert decisions(store).verdict(sha(a), sha(b)) is None
    assert decisions(store).verdict(sha(b), sha(c)) == "fraud"
    assert index("check").code == 0


def test_a_repair_keeps_what_can_be_read_of_a_decision_that_is_no_text_any_more(
    index: Command, workplace: Path, files: list[Path]
) -> None:
    assert index("build", save(workplace / "pictures/1.jpg", 1).parent).code == 0
    store = Store(workplace / ".index")
    for other in files[1:]:
        decide(store, files[0], other, "fraud", "mine")
    with closing(sqlite3.connect(store.database.path)) as database, database:
        database.execute("UPDATE decisions SET note = CAST(x'6dff6e65' AS TEXT) WHERE id = 1")
    assert index("decide", "--list").code == 12
    assert index("check", "--repair").code == 0
    (aside,) = store.path.glob("decisions-set-aside-*.jsonl")
    assert '"fraud"' in aside.read_text()
    assert [entry.second_sha256 in {sha(path) for path in files} for entry in ledger(store)] == [True]
    assert index("check").code == 0


def test_decisions_calibrations_and_disposals_survive_a_salvage(store: Store, files: list[Path]) -> None:
    decide(store, files[0], files[1], "same", "a note")
    with store.database.writing() as connection:
        connection.execute(
            insert(Calibration).values(
                fingerprint="f", space="copy", source="s", document={"a": 1}, checksum=bytes(16)
            )
        )
        names = ("run", "action", "state", "path", "keep_path")
        connection.execute(insert(Disposal).values({name: name for name in names} | {"sha256": bytes(32)}))

    def rows() -> list[list[tuple[object, ...]]]:
        tables = [Base.metadata.tables[name] for name in ("decisions", "calibrations", "disposals")]
        with store.database.reading() as connection:
            return [[tuple(row) for row in connection.execute(table.select())] for table in tables]

    before = rows()
    with store.locked():
        assert "1 decisions" in salvage(store)[0]
    assert rows() == before
    assert [len(table) for table in before] == [1, 1, 1]
    assert decide(store, files[0], files[2], "same").added


def test_an_index_of_an_older_schema_has_no_decisions_to_check(index: Command, workplace: Path) -> None:
    assert index("build", save(workplace / "pictures/1.jpg", 1).parent).code == 0
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute("DROP TABLE decisions")
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    assert index("check").code == 0


def test_the_command_says_what_it_did(index: Command, store: Store, files: list[Path]) -> None:
    a, b, c = files
    assert index("decide", a, b, "same", "--note", "a scan").out == "decided: same\n"
    assert index("decide", b, a, "same").out == "decided already: same\n"
    assert index("decide", b, a, "different").out == "decided: different, before: same\n"
    assert index("decide", a, b, "--undo").out == "taken back: different\n"
    assert index("decide", a, b, "--undo").out == "nothing was decided of these two\n"
    for pair, verdict in (((a, b), "same"), ((b, c), "same"), ((a, c), "different")):
        index("decide", *pair, verdict)
    listed = index("decide", "--list")
    lines = [line.split("\t") for line in listed.out.splitlines()]
    assert [line[1:3] for line in lines[1:]] == [
        *[["different", "yes"], ["same", "yes"], ["same", "yes"]],
        *[["undo", "no"], ["different", "no"], ["same", "no"]],
    ]
    assert lines[-1][-1] == "a scan"
    assert "contradiction" in listed.err
    document = index("decide", "--list", "--json").json()
    assert [row["counts"] for row in document["decisions"]] == [True, True, True, False, False, False]
    (wrong,) = document["contradictions"]
    assert {wrong["first_sha256"], wrong["second_sha256"]} == {sha(a).hex(), sha(c).hex()}


def test_the_command_knows_the_verdicts_of_the_ledger() -> None:
    assert list(VERDICTS) == list(DecisionVerdict)


@pytest.mark.parametrize(
    "arguments",
    [
        lambda a, b: (),
        lambda a, b: (a, b),
        lambda a, b: (a, b, "same", "--undo"),
        lambda a, b: (a, b, "same", "--list"),
        lambda a, b: (a, "--undo"),
        lambda a, b: ("--list", "--note", "x"),
        lambda a, b: ("--list", "--export", "x.csv"),
        lambda a, b: (a, b, "equal"),
    ],
)
def test_the_command_does_one_thing_at_a_time(
    index: Command, store: Store, files: list[Path], arguments: Callable[[Path, Path], tuple[object, ...]]
) -> None:
    assert index("decide", *arguments(files[0], files[1])).code == 2
    assert ledger(store) == []


def test_without_an_index_nothing_can_be_decided(index: Command, files: list[Path]) -> None:
    assert index("decide", files[0], files[1], "same").code == 10
