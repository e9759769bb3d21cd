"""What `index` does to a store, a job each: what was there before, the command, and what is run if it was stopped."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.crash.stage import noise

Command = tuple[object, ...]
BUILD: Command = ("build", "shop", "--json")
TRASH, LINK = (("dedupe", "--policy", policy, "--json") for policy in ("trash", "hardlink"))
UNDO: Command = ("dedupe", "--undo", "last", "--json")
DECIDE: Command = ("decide", "shop/ann/1.png", "shop/ann/2.png", "different")
LIST: Command = ("list", "add", "fraud", "shop/ann/1.png")
NIGHT: Command = ("nightly", "shop", "--json")
REPAIR: Command = ("check", "--repair", "--json")


def nothing(folder: Path) -> None:
    """Leave everything as it is."""


@dataclass(frozen=True)
class Job:
    """A command in a folder in which the commands ``before`` were run, and something was changed afterwards.

    ``recovery`` is what to run when the command was stopped, in place of itself. ``atomic`` jobs leave the database
    as it was or as it should be. ``refused`` are the failpoints at which a failing disk is told file by file.
    """

    name: str
    command: Command
    before: tuple[Command, ...] = (BUILD,)
    change: Callable[[Path], None] = nothing
    recovery: tuple[Command, ...] = ()
    atomic: bool = False
    refused: frozenset[str] = frozenset()

    @property
    def recovers_by(self) -> tuple[Command, ...]:
        return self.recovery or (self.command,)


def write_shop(folder: Path) -> None:
    """Nine pictures of two sellers, three copies of one of them byte for byte, and a list of decisions."""
    for i in range(9):
        noise(folder / f"shop/{'bob' if i == 8 else 'ann'}/{i}.png", i)
    for i in range(3):
        shutil.copy2(folder / "shop/ann/0.png", folder / f"shop/ann/copy-{i}.png")
    rows = ("shop/ann/1.png,shop/ann/2.png,different", "shop/ann/2.png,shop/ann/3.png,same")
    (folder / "by-hand.csv").write_text("\n".join(("first_path,second_path,verdict", *rows)))


def more_pictures(folder: Path) -> None:
    """One is new, one is another now, one is a copy, and one is gone."""
    noise(folder / "shop/bob/new.png", 100)
    noise(folder / "shop/ann/5.png", 105)
    shutil.copy2(folder / "shop/ann/6.png", folder / "shop/bob/same.png")
    (folder / "shop/ann/7.png").unlink()


def _sql(*statements: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with closing(sqlite3.connect(folder / ".index/catalog.db")) as database, database:
            database.execute("PRAGMA foreign_keys=OFF")
            for statement in statements:
                database.execute(statement)

    return change


def lost_faiss_files(folder: Path) -> None:
    for path in (folder / ".index/faiss").iterdir():
        path.unlink()


def malformed_database(folder: Path) -> None:
    path = folder / ".index/catalog.db"
    half = path.stat().st_size // 8192 * 4096
    with path.open("r+b") as file:
        file.seek(half)
        file.write(bytes(4096))


OLDER_SCHEMA = _sql(
    *(
        f"DROP TABLE {table}"
        for table in ("vector_collections", "vector_changes", "nights", "findings", "listings", "watermarks")
    ),
    "UPDATE alembic_version SET version_num = '0002'",
)
DAMAGE: dict[str, tuple[tuple[Command, ...], Callable[[Path], None]]] = {
    "lost FAISS files": ((BUILD,), lost_faiss_files),
    "a damaged vector": ((BUILD,), _sql("UPDATE embeddings SET vector = zeroblob(96) WHERE item_id = 3")),
    "a damaged file row": ((BUILD,), _sql("UPDATE files SET label = 'other' WHERE id = 3")),
    "a damaged decision": ((BUILD, DECIDE), _sql("UPDATE decisions SET note = 'another'")),
    "a damaged listing": ((BUILD, LIST), _sql("UPDATE listings SET note = 'another'")),
    "a damaged generation": ((BUILD,), _sql("UPDATE generations SET metric = 'manhattan'")),
    "a malformed database": ((BUILD,), malformed_database),
    "a lost last move": ((BUILD, TRASH), _sql("UPDATE disposals SET state = 'planned'")),
}
_MOVES = frozenset({"move.before_rename", "move.before_dirsync"})
_LINKS = frozenset({"link.before_link", "link.before_rename", "link.before_dirsync"})
_BACK = frozenset({"back.before_link", "back.before_unlink", "separate.before_rename"})

JOBS = {
    job.name: job
    for job in (
        Job("first build", BUILD, before=()),
        Job("incremental build", BUILD, change=more_pictures),
        Job("trash", TRASH, recovery=(TRASH, REPAIR), refused=_MOVES),
        Job("hardlink", LINK, recovery=(LINK, REPAIR), refused=_LINKS),
        Job("undo of trash", UNDO, before=(BUILD, TRASH), refused=_BACK),
        Job("undo of hardlink", UNDO, before=(BUILD, LINK), refused=_BACK),
        Job("decide", DECIDE, atomic=True),
        Job("import of decisions", ("decide", "--import", "by-hand.csv"), atomic=True),
        Job("calibrate", ("calibrate", "--synthetic", "--fpr", 0.2), atomic=True),
        Job("list", LIST, atomic=True),
        Job("list off", ("list", "off", "1"), before=(BUILD, LIST), atomic=True),
        Job("label", ("label", "shop/ann/1.png", "heron"), atomic=True),
        Job("remove", ("remove", "shop/ann/1.png", "--json")),
        Job("export", ("export", "vectors.csv"), atomic=True),
        Job("night", NIGHT, before=(NIGHT,), change=more_pictures),
        Job(
            "release from quarantine",
            ("nightly", "--release", "shop/ann"),
            before=(BUILD, (*NIGHT, "--flood", 0)),
            atomic=True,
        ),
        Job("migration", ("query", "shop/ann/1.png", "--json"), change=OLDER_SCHEMA, atomic=True),
        *(
            Job(f"repair of {damage}", REPAIR, before=before, change=change, recovery=(REPAIR, BUILD))
            for damage, (before, change) in DAMAGE.items()
        ),
    )
}
