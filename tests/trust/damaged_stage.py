"""A store to damage, in two conditions, and what every command must make of it once it is damaged.

The conditions are ``closed``, and ``logged``: its last generation lies in the write-ahead log, as a killed build leaves
it. Commands run in this process, a thousand of them in a minute or two. Everything is drawn from a seed, so that a case
can be played again.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from indexer import Index
from indexer.store import Store
from indexer.web.pictures import Thumbnails
from tests.crash.oracle import database_copy, tree_digest
from tests.crash.stage import noise
from tests.tiny_encoder import write_tiny_encoder
from tests.trust.damages import DAMAGES, IN_THE_WAY, Target
from tests.trust.in_process import Ended, ended_as, modes_obeyed, run

CLOSED, LOGGED = "closed", "logged"
DATABASE, LOG, SHARED = "catalog.db", "catalog.db-wal", "catalog.db-shm"
OLDER_STATE_IS_SOUND = {
    DATABASE,
    LOG,
    SHARED,
}  # SQLite takes a log that ends early for one that was never longer
LOSES_ALL = {"put_older", "swap", "delete", "empty", "to_folder", "dangle"}
NEAREST = 8  # of 13: a search that misses one gives another answer
REPAIR_SECONDS = (0.3, 0.9)  # from before it reads the store until after it is done
REFUSALS = {2, 10, 12, 13, 15, 16}

Answers = list[tuple[str, float, str | None, str]]


@dataclass(frozen=True)
class State:
    """What a store answers, and what its ledger of decisions says."""

    answers: Answers
    decided: list[Any]


class DamagedStage:
    """Templates of a catalogue, its encoder and its store; every case damages a copy."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._kills: random.Random | None = None
        self._older = {condition: folder / f"{condition}-older" for condition in (CLOSED, LOGGED)}
        self._templates = {condition: folder / condition for condition in (CLOSED, LOGGED)}
        self._play()
        self._foreign = self._other_store()
        with self._copied(self._older[CLOSED]) as old, self._copied(self._templates[CLOSED]) as new:
            self.sound = self._state(new)
            self.older = [self._between, self._state(old).answers]
        assert self.sound.answers not in self.older
        self._targets = {
            condition: sorted(self._objects(template)) for condition, template in self._templates.items()
        }

    def _play(self) -> None:
        """Build twice, with a decision, a listing and a label between; the catalogue changed in between."""
        case = self._templates[CLOSED]
        catalogue = case / "catalogue"
        for i in range(10):
            noise(catalogue / "ab"[i % 2] / f"{i:02d}.png", i)
        write_tiny_encoder(case / "encoder", size=8, dim=8)
        with self._kept_open(case, self._older[LOGGED]):
            self._build(case)
        shutil.copytree(case, self._older[CLOSED])
        _told(run(case, "decide", catalogue / "a/00.png", catalogue / "b/01.png", "different"))
        _told(run(case, "list", "add", "fraud", catalogue / "a/02.png"))
        _told(run(case, "label", catalogue / "a/04.png", "marked"))
        (catalogue / "b/03.png").unlink()
        noise(catalogue / "b/05.png", 105)
        for i in range(10, 14):
            noise(catalogue / f"b/{i:02d}.png", i)
        for content in (b"one", b"two"):
            Thumbnails(Store(case / ".index")).keep(content * 10, 64, b"jpeg of " + content)
        self._between = answers(self._query(case))
        with self._kept_open(case, self._templates[LOGGED]):
            self._build(case)

    @contextmanager
    def _kept_open(self, case: Path, logged: Path) -> Iterator[None]:
        """Read in the database all the while, so that its log stays; copy the case as it then is to ``logged``."""
        store = case / ".index"
        store.mkdir(exist_ok=True)
        with closing(sqlite3.connect(store / DATABASE, isolation_level=None)) as reader:
            reader.execute("PRAGMA journal_mode=WAL").close()
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchall()
            yield
            shutil.copytree(case, logged)

    def _build(self, case: Path) -> None:
        _told(run(case, "build", case / "catalogue", "--encoder", case / "encoder", "--quiet"))

    def _other_store(self) -> Path:
        """Make a store of another catalogue, by another encoder."""
        case = self._folder / "foreign"
        for i in range(3):
            noise(case / f"catalogue/a/{i:02d}.png", 500 + i)
        write_tiny_encoder(case / "encoder", seed=1, size=8, dim=8)
        self._build(case)
        return case

    def _objects(self, template: Path) -> Iterator[str]:
        for path in [*(template / ".index").rglob("*"), *(template / "encoder").iterdir()]:
            if path.is_file():
                yield str(path.relative_to(template))

    @contextmanager
    def _copied(self, template: Path) -> Iterator[Path]:
        case = self._folder / f"case-{self._count}"
        self._count += 1
        shutil.copytree(template, case)
        yield case
        shutil.rmtree(case)

    def _state(self, case: Path) -> State:
        answered, decided = self._query(case), _told(run(case, "decide", "--list", "--json"))
        return State(answers(answered), [entry["verdict"] for entry in decided.json()["decisions"]])

    def _query(self, case: Path) -> Ended:
        """Ask for a picture by its pixels, which starts no process."""
        with Image.open(case / "catalogue/a/00.png") as image:
            pixels = np.asarray(image.convert("RGB"))

        def ask() -> int:
            with Index(case / ".index") as index:
                print(json.dumps([match.to_dict() for match in index.query(pixels, k=NEAREST)]))
            return 0

        return ended_as(case, ask)

    def names(self, condition: str) -> list[str]:
        """The objects that may be damaged, by their place in the case's folder."""
        return self._targets[condition]

    def answering_file(self) -> str:
        """The FAISS file that answers come from."""
        newest = "SELECT sha256 FROM faiss_files WHERE space = 'object' ORDER BY generation_id DESC LIMIT 1"
        with database_copy(self._templates[CLOSED] / ".index") as connection:
            (sha256,) = connection.execute(newest).fetchone()
        return f".index/faiss/{sha256}.faiss"

    def _target(self, case: Path, condition: str, name: str) -> Target:
        path, older = case / name, self._older[condition] / name
        alike = [
            other for other in self._targets[condition] if Path(other).suffix == path.suffix and other != name
        ]
        foreign = self._foreign / name
        if path.suffix == ".faiss" or not foreign.is_file():
            other = case / alike[0] if alike else case / ".index/index.toml"
            older = older if older.is_file() else next((self._older[condition] / ".index/faiss").iterdir())
        else:
            other = case / "foreign"
            shutil.copyfile(foreign, other)
        return Target(path, other, older)

    def play(
        self, condition: str, name: str, kind: str, draw: random.Random, *, killed: bool = False
    ) -> list[str]:
        """Damage one object of a copy and hold every command to its promises; say what happened.

        Of a repair that is ``killed`` on its way the same is asked, once it was run again.
        """
        with self._copied(self._templates[condition]) as case:
            catalogue, digest = case / "catalogue", tree_digest(case / "catalogue")
            DAMAGES[kind](self._target(case, condition, name), draw)
            self._kills = draw if killed else None
            told = self._meet(case, name, kind)
            assert tree_digest(catalogue) == digest, "catalogue untouched: the catalogue was written to"
        return [f"{_family(name)}: {what}" for what in told]

    def _meet(self, case: Path, name: str, kind: str) -> list[str]:
        with modes_obeyed() if kind == "forbid" else contextlib.nullcontext():
            answered = self._query(case)
            told = [self._judge(answered, name, "query")]
            run(case, "status", "--json")
            checked = run(case, "check", "--json")
        if answered.code == 12:
            assert checked.code == 12, f"query refuses {answered.err!r}, check exits {checked.code}"
        if kind in IN_THE_WAY:
            return [*told, "in the way: " + self._clear(case, name, kind)]
        if checked.code == 0 and told == ["query: sound"]:
            return [*told, "unharmed"]
        if name.startswith("encoder"):
            return [*told, self._meet_repair_without_the_encoder(case, name)]
        return [*told, self._meet_repair(case, name, kind)]

    def _judge(self, ended: Ended, name: str, what: str, *, labelled: bool = True) -> str:
        """An answer is the sound one, or a typed error names what is broken.

        The database of another store has other labels, so that without them it is held to what it finds.
        """
        if ended.code == 0:
            found = answers(ended)
            if found == self.sound.answers or (not labelled and places(found) == places(self.sound.answers)):
                return f"{what}: sound"
            family = _family(name)
            assert family in OLDER_STATE_IS_SOUND, (
                f"never silently wrong: {name} damaged, {what} answers {found}"
            )
            assert found in self.older, f"never silently wrong: {name} damaged, {what} answers {found}"
            return f"{what}: sound, of the generation before"
        assert ended.code in REFUSALS, f"{what} exits {ended.code}: {ended.err}"
        assert ended.out == "", f"{what} refuses and answers: {ended.out}"
        assert _is_named(name, ended.err), f"{what} does not name {name}: {ended.err}"
        return f"{what}: refused by {ended.code}"

    def _meet_repair(self, case: Path, name: str, kind: str) -> str:
        """Repair, perhaps killed on its way, then twice; then what it could not know is built from the catalogue."""
        if self._kills is not None:
            kill_a_repair(case, self._kills)
        repaired = run(case, "check", "--repair", "--json")
        if repaired.code == 0:
            assert run(case, "check").code == 0, "repair: check still finds damage"
            again = run(case, "check", "--repair", "--json")
            assert (again.code, again.json()["done"]) == (0, []), f"repair: a second one does {again.out}"
            outcome = self._judge(self._query(case), name, "after repair", labelled=kind != "swap")
        else:
            assert repaired.code in REFUSALS, repaired.err
            assert _is_named(name, repaired.err + repaired.out), (
                f"repair does not name {name}: {repaired.err}"
            )
            outcome = f"repair refused by {repaired.code}"
        if outcome != "after repair: sound":
            outcome += f", {self._rebuild(case, name)}"
        self._assert_decisions_are_somewhere(case, name, kind)
        return outcome

    def _rebuild(self, case: Path, name: str) -> str:
        """Build anew from the catalogue: the same pictures are found; labels went where the database went."""
        built = run(case, "build", case / "catalogue", "--encoder", case / "encoder", "--json")
        if built.code != 0:
            assert built.code in REFUSALS, built.err
            assert _is_named(name, built.err), f"build does not name {name}: {built.err}"
            return f"build refused by {built.code}"
        found = self._query(case)
        assert found.code == 0, f"built: query exits {found.code}: {found.err}"
        told, expected = places(answers(found)), places(self.sound.answers)
        assert told == expected, f"built: {told} instead of {expected}"
        assert run(case, "check").code == 0, "built: check finds damage"
        return "built"

    def _assert_decisions_are_somewhere(self, case: Path, name: str, kind: str) -> None:
        """Unless the whole database went away, decisions are in it, or in a file that was set aside."""
        store = case / ".index"
        aside = [*store.glob(f"{DATABASE}.damaged-*"), *store.glob("*-set-aside-*")]
        if aside or (_family(name) in OLDER_STATE_IS_SOUND and kind in LOSES_ALL):
            return
        with database_copy(store) as connection:
            found = [row[0] for row in connection.execute("SELECT verdict FROM decisions")]
        assert found == self.sound.decided, f"repair: decisions were {self.sound.decided}, now {found}"

    def _meet_repair_without_the_encoder(self, case: Path, name: str) -> str:
        """Nothing but the encoder itself mends an encoder: repair says so, and changes nothing."""
        repaired = run(case, "check", "--repair", "--json")
        assert repaired.code in REFUSALS, (
            f"repair exits {repaired.code} beside a damaged encoder: {repaired.out}"
        )
        assert "encoder" in repaired.err + repaired.out
        return f"repair refused by {repaired.code}, {self._restore(case, name)}"

    def _restore(self, case: Path, name: str) -> str:
        shutil.copy2(self._templates[CLOSED] / name, case / name)
        assert self._judge(self._query(case), name, "restored") == "restored: sound"
        assert run(case, "check").code == 0
        return "restored"

    def _clear(self, case: Path, name: str, kind: str) -> str:
        """Take what is in the way out of it, as a user would, and go on from there."""
        path = case / name
        if kind == "forbid":
            path.chmod(0o600)
        elif kind == "to_folder":
            path.rmdir()
        else:
            path.unlink()
        if name.startswith("encoder"):
            return (
                self._restore(case, name)
                if kind != "forbid"
                else self._judge(self._query(case), name, "query")
            )
        return self._meet_repair(case, name, kind)


def kill_a_repair(case: Path, draw: random.Random) -> None:
    """Begin a repair, and kill it at a random moment, most often when it is at work."""
    command = [sys.executable, "-m", "indexer", "check", "--repair"]
    with subprocess.Popen(
        command, cwd=case, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as repair:
        with contextlib.suppress(subprocess.TimeoutExpired):
            repair.wait(draw.uniform(*REPAIR_SECONDS))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(repair.pid, signal.SIGKILL)


def answers(ended: Ended) -> Answers:
    """What a query found: path, score, label, attributes."""
    return [
        (r["path"], round(r["score"], 6), r["label"], json.dumps(r["attributes"], sort_keys=True))
        for r in ended.json()
    ]


def places(found: Answers) -> list[tuple[str, float]]:
    """What was found, whatever is said of it."""
    return [(path, score) for path, score, *_ in found]


def _told(ended: Ended) -> Ended:
    assert ended.code == 0, ended.err
    return ended


def _family(name: str) -> str:
    """FAISS files and thumbnails have names of their own."""
    path = Path(name)
    return {".faiss": "FAISS file", ".jpg": "thumbnail"}.get(path.suffix, path.name)


def _is_named(name: str, text: str) -> bool:
    """The file itself; of a database also its row, its generation, or the store that it is all of."""
    if _family(name) in OLDER_STATE_IS_SOUND:
        return any(word in text for word in (DATABASE, "row ", "generation ", ".index", ".faiss", "encoder"))
    if _family(name) == "FAISS file":  # which may have changed places with another
        return "/.index/faiss/" in text
    return Path(name).name in text or (name.startswith("encoder") and "encoder" in text)
