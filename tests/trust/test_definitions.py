"""Bits flipped in the definitions of the database's tables: SQLite reads no table then, and a salvage loses no row."""

import random
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from indexer.cli import run
from indexer.salvage import salvage
from indexer.store import Store
from indexer.tables import Base
from tests.indexer.shop import make_shop
from tests.seeds import SEED

pytestmark = pytest.mark.timeout(1800)  # on a machine that is busy with something else

FLIPS = 120


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("definitions")
    make_shop(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["list", "add", "fraud", "shop/2.png", "--note", "seen twice"]) == 0
        assert run(["label", "shop/3.png", "marked"]) == 0
    return folder / ".index"


def spots(database: Path) -> list[int]:
    """Where each definition's type, name and table lie in the file, and its SQL; between them is its first page's number."""
    with closing(sqlite3.connect(database)) as connection:
        told = connection.execute(
            "SELECT type || name || tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        )
        entries = [(head.encode(), sql.encode()) for head, sql in told]
    content, found = database.read_bytes(), []
    for head, sql in entries:
        entry = re.search(b"(%s).{1,3}(%s)" % (re.escape(head), re.escape(sql)), content, re.DOTALL)
        assert entry is not None, head
        found += [at for part in (1, 2) for at in range(*entry.span(part))]
    return found


def rows(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(database)) as connection:
        return {
            table.name: connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]
            for table in Base.metadata.sorted_tables
        }


def test_a_flipped_bit_in_a_definition_costs_no_row(store: Path, tmp_path: Path) -> None:
    before, places = rows(store / "catalog.db"), spots(store / "catalog.db")
    content = (store / "catalog.db").read_bytes()
    assert len(places) > 2000
    assert {"decisions", "listings", "assigned_labels", "files"} <= {
        name for name, count in before.items() if count
    }
    draw = random.Random(SEED)
    for number in range(FLIPS):
        at, bit = draw.choice(places), 1 << draw.randrange(8)
        broken = bytearray(content)
        broken[at] ^= bit
        case = tmp_path / str(number)
        shutil.copytree(store, case)
        (case / "catalog.db").write_bytes(broken)
        salvage(Store(case))
        assert rows(case / "catalog.db") == before, f"byte {at}, bit {bit}: {content[at - 20 : at + 20]!r}"
        shutil.rmtree(case)
