"""The play that is interrupted: a catalogue that changed between two builds, and the states that a store may be in."""

import itertools
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.embedding import BATCH
from tests.crash.oracle import (
    Snapshot,
    assert_store_clean,
    assert_store_sound,
    encoded_contents,
    read_snapshot,
    tree_digest,
)
from tests.crash.server import Ended, Running, Server

FIRST, INCREMENTAL = "first", "incremental"
REJECTED = 3


def noise(path: Path, seed: int) -> Path:
    """Write a small picture that no other seed's resembles."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 48, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


class Stage:
    """A catalogue as two builds left it and a third finds it, with 2 batches of new pictures.

    Between the second and the third build files were added, edited, removed, renamed, copied and broken. Every case
    uses the same catalogue and a store of its own: the catalogue is never to be written to.
    """

    def __init__(self, folder: Path, server: Server) -> None:
        self.server = server
        self.folder = folder
        self.catalogue, self.labels = folder / "catalogue", folder / "labels.csv"
        self._cases = itertools.count()
        self._write_catalogue()
        self.stores: dict[str, Path | None] = {FIRST: None, INCREMENTAL: folder / "two-builds/.index"}
        self.states: dict[str, list[Snapshot | None]] = {}
        self.seconds: dict[str, float] = {}
        self._play()
        self.digest = tree_digest(self.catalogue)
        self.picture = self.catalogue / "a/00.png"
        self.rejected = [self.catalogue / "a/broken.png"]

    def _write_catalogue(self) -> None:
        for i in range(30):
            noise(self.catalogue / "ab"[i % 2] / f"{i:02d}.png", i)
        rows = [f"catalogue/a/{i:02d}.png,marked,seller-{i}" for i in (0, 2, 4)]
        self.labels.write_text("\n".join(["path,label,seller", *rows]) + "\n")

    def _grow(self) -> None:
        for i in range(30, 40):
            noise(self.catalogue / f"b/{i:02d}.png", i)

    def _change(self) -> None:
        for i in range(BATCH + 30):
            noise(self.catalogue / f"new/{i:03d}.png", 1000 + i)
        for i in (1, 3, 5, 7):
            noise(self.catalogue / f"b/{i:02d}.png", 2000 + i)
        for i in (9, 11, 13):
            (self.catalogue / f"b/{i:02d}.png").unlink()
        for i in (6, 8):
            (self.catalogue / f"a/{i:02d}.png").rename(self.catalogue / f"a/renamed-{i:02d}.png")
        shutil.copy2(self.catalogue / "a/10.png", self.catalogue / "b/copy.png")
        (self.catalogue / "a/broken.png").write_text("no picture")

    def _play(self) -> None:
        before = self.stores[INCREMENTAL]
        assert before is not None
        before.parent.mkdir()
        for change in (lambda: None, self._grow):
            change()
            assert self.server.run(*self.arguments, cwd=before.parent).code == 0
        self._change()
        old = read_snapshot(before)
        for kind in (FIRST, INCREMENTAL):
            case = self.case(kind)
            ended = case.build()
            assert ended.code == REJECTED, ended.err
            self.seconds[kind] = ended.seconds
            self.states[kind] = [old if kind == INCREMENTAL else None, read_snapshot(case.store)]
            assert_store_clean(case.store)

    @property
    def arguments(self) -> tuple[object, ...]:
        return ("build", self.catalogue, "--labels", self.labels, "--json")

    @property
    def contents(self) -> set[str]:
        """The contents that lie in the catalogue now."""
        after = self.states[FIRST][1]
        assert after is not None
        return {sha for sha, _, _ in after.files.values()}

    def case(self, kind: str) -> "Case":
        """Set up a store of its own: none yet, or that of the second build."""
        folder = self.folder / f"case-{next(self._cases)}"
        folder.mkdir()
        if (store := self.stores[kind]) is not None:
            shutil.copytree(store, folder / ".index")
        return Case(self, kind, folder)


@dataclass
class Case:
    """One store, and what was reported of it."""

    stage: Stage
    kind: str
    folder: Path
    acknowledged: int = 0
    ran: list[Ended] = field(default_factory=list)

    @property
    def store(self) -> Path:
        return self.folder / ".index"

    def start(self, **options: object) -> Running:
        return self.stage.server.start(*self.stage.arguments, cwd=self.folder, **options)  # type: ignore[arg-type]

    def build(self, **options: object) -> Ended:
        return self.note(self.start(**options).wait())

    def query(self, *options: object, **how: object) -> Ended:
        """Ask for a picture that is always there."""
        arguments = ("query", self.stage.picture, "--json", *options)
        return self.stage.server.run(*arguments, cwd=self.folder, **how)

    def note(self, ended: Ended) -> Ended:
        """Remember what a run reported as committed."""
        self.ran.append(ended)
        self.acknowledged = max(self.acknowledged, ended.acknowledged)
        return ended

    def assert_sound(self) -> Snapshot | None:
        """Hold the store to what no fault may break."""
        return assert_store_sound(
            self.store,
            states=self.stage.states[self.kind],
            acknowledged=self.acknowledged,
            catalogue=(self.stage.catalogue, self.stage.digest),
            picture=self.stage.picture,
        )

    def assert_query_answers(self) -> None:
        """Ask on the command line: the committed generation answers, or the code says that there is none."""
        state, answer = read_snapshot(self.store), self.query("-k", 5)
        if state is None:
            assert (answer.code, answer.out) == (10, ""), f"usable: no generation, but code {answer.code}"
            return
        assert answer.code == 0, f"usable: query exits {answer.code}: {answer.err}"
        results = answer.json()["queries"][0]["results"]
        vectors, picture = state.vectors["object"], str(self.stage.picture)
        expected = state.answer("object", vectors[state.files[picture][0]], 5)
        assert [os.path.abspath(result["path"]) for result in results] == [path for path, _ in expected], (
            "atomic: the command answers otherwise than brute force"
        )

    def missing(self) -> int:
        """How many contents of the catalogue have no vectors written down yet."""
        return len(self.stage.contents - encoded_contents(self.store))

    def missing_at_start(self) -> int:
        """How many there were before the first run."""
        before = self.stage.states[self.kind][0]
        return len(self.stage.contents - ({sha for sha, _, _ in before.files.values()} if before else set()))

    def assert_recovers(self, **options: object) -> Ended:
        """Run the same command again: it ends where an uninterrupted one ends, and leaves nothing behind."""
        missing = self.missing()
        ended = self.build(**options)
        assert ended.code == REJECTED, f"resumable: the rerun exits {ended.code}: {ended.err}"
        report = ended.json()
        assert report["encoded"] == missing, (
            f"resumable: {report['encoded']} pictures were encoded, {missing} were missing"
        )
        sorted_out = report["indexed"] + report["unchanged"] + report["moved"] + len(report["rejected"])
        assert report["found"] == sorted_out == len(self.stage.states[FIRST][1].files) + 1, "isolated"
        assert [entry["path"] for entry in report["rejected"]] == [str(path) for path in self.stage.rejected]
        state = self.assert_sound()
        after = self.stage.states[self.kind][1]
        assert state is not None
        assert after is not None
        assert not state.differences(after), f"resumable: {state.differences(after)[:3]}"
        assert_store_clean(self.store)
        return ended


def leave_a_log(source: Path | None, target: Path) -> None:
    """Copy a database in the state that a writer leaves who is killed right after a commit."""
    assert source is not None
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(source / "catalog.db", folder)
        with closing(sqlite3.connect(f"{folder}/catalog.db")) as connection, connection:
            connection.execute("UPDATE generations SET created_at = 'now'")
            connection.commit()
            for name in ("catalog.db", "catalog.db-wal"):
                shutil.copy(f"{folder}/{name}", target / name)
    assert (target / "catalog.db-wal").stat().st_size
