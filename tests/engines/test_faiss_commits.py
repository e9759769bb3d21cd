"""The embedded store after kills, full disks and damage: it opens at the last commit or the new one, whole, or says why not."""

import errno
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from indexer import durable
from indexer.errors import NewerFormat, NoSpace, StoreDamaged, StoreLocked, UsageRefused
from indexer.vectors.commits import COLUMNS_SUFFIX, VECTORS_SUFFIX, Commits
from indexer.vectors.faiss_store import FaissStore
from indexer.vectors.filters import Eq
from tests.engines.committing import DIM, KINDS, ROWS, contents, open_folder, write

ROOT = Path(__file__).parents[2]
FAILPOINTS = [
    "lock.taken:1", "file.half_written:1", "file.half_written:2", "file.before_fsync:1", "file.before_fsync:2",
    "file.before_rename:1", "file.before_rename:2", "file.before_dirsync:1", "file.before_dirsync:2",
    "file.before_readback:1", "file.before_readback:2", "replace.before_rename:1", "file.before_unlink:1",
    "file.before_unlink:2",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the commit 1."""
    store = open_folder(tmp_path / "vectors")
    write(store, 1)
    store.commit(1)
    store.close()
    return tmp_path / "vectors"


def committing(folder: Path, first: int, last: int, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.engines.committing", str(folder), str(first), str(last)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | environment
    )


def assert_whole(store: FaissStore) -> int:
    """The store holds what its watermark says, and nothing else; return the watermark."""
    watermark = store.committed()
    assert watermark is not None
    ids, vectors, _ = contents(watermark)
    [(found, held)] = list(store.iterate())
    assert np.array_equal(found, ids)
    assert np.array_equal(held, vectors)
    assert store.count(Eq("turn", watermark)) == store.count(Eq("label", f"é {watermark}")) == ROWS
    nearest, _ = store.search(vectors, 1)
    assert np.array_equal(nearest[:, 0], ids)
    return watermark


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_a_kill_at_any_step_leaves_the_commit_before_or_the_new_one(folder: Path, failpoint: str) -> None:
    process = committing(folder, 2, 2, INDEX_FAILPOINT=f"{failpoint}:kill")
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (-9, "")
    store = open_folder(folder)
    assert assert_whole(store) in (1, 2)
    write(store, 3)
    store.commit(3)
    store.close()
    assert assert_whole(open_folder(folder)) == 3
    assert len(files(folder)) == len({"CURRENT", "lock", "vectors", "columns"})


def test_kills_at_any_moment_lose_no_commit_that_was_said_to_be_made(folder: Path) -> None:
    chance, last = random.Random(5), 1
    for _ in range(6):
        process = committing(folder, last + 1, last + 10_000)
        assert process.stdout is not None
        said = [process.stdout.readline()]
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        said += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        made = max(int(line) for line in said if line.strip())
        last = assert_whole(open_folder(folder))
        assert made <= last <= made + 1


@pytest.mark.parametrize("action", ["enospc", "eio"])
def test_what_could_not_be_committed_can_be_committed_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    store = open_folder(folder)
    write(store, 2)
    for failpoint in ("file.half_written", "file.before_rename", "replace.before_rename"):
        monkeypatch.setattr(durable, "_hits", {})
        monkeypatch.setenv("INDEX_FAILPOINT", f"{failpoint}:1:{action}")
        with pytest.raises(NoSpace if action == "enospc" else StoreDamaged):
            store.commit(2)
        monkeypatch.delenv("INDEX_FAILPOINT")
        assert store.committed() == 1
        assert assert_whole(open_folder(folder)) == 1
    store.commit(2)
    store.close()
    assert assert_whole(open_folder(folder)) == 2


@pytest.mark.parametrize("suffix", [VECTORS_SUFFIX, COLUMNS_SUFFIX, "CURRENT"])
def test_no_flipped_bit_is_believed(folder: Path, suffix: str) -> None:
    [path] = folder.glob(f"*{suffix}")
    sound = path.read_bytes()
    for place in random.Random(1).sample(range(len(sound)), 40):
        damaged = bytearray(sound)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        try:
            store = open_folder(folder)
        except (StoreDamaged, NewerFormat):
            continue
        assert assert_whole(store) == 1  # a space of CURRENT that became another one


@pytest.mark.parametrize("suffix", [VECTORS_SUFFIX, COLUMNS_SUFFIX])
def test_a_missing_file_is_damage(folder: Path, suffix: str) -> None:
    [path] = folder.glob(f"*{suffix}")
    path.unlink()
    with pytest.raises(StoreDamaged, match="is missing"):
        open_folder(folder)


def test_a_newer_format_is_left_alone(folder: Path) -> None:
    current = json.loads((folder / "CURRENT").read_text())
    (folder / "CURRENT").write_text(json.dumps(current | {"format": 2}))
    with pytest.raises(NewerFormat):
        open_folder(folder)


def test_one_writes_and_others_read_what_was_committed(folder: Path) -> None:
    reader, writer, second = open_folder(folder), open_folder(folder), open_folder(folder)
    write(writer, 2)
    with pytest.raises(StoreLocked, match="being written by another process"):
        write(second, 3)
    assert assert_whole(open_folder(folder)) == 1
    writer.commit(2)
    assert assert_whole(reader) == 1
    assert assert_whole(open_folder(folder)) == 2
    writer.close()
    second.upsert(
        *(
            part[:1] if not isinstance(part, dict) else {name: values[:1] for name, values in part.items()}
            for part in contents(2)
        )
    )  # type: ignore[arg-type]
    second.commit(2)
    assert assert_whole(second) == 2
    second.close()


def test_what_was_not_committed_is_not_there(folder: Path) -> None:
    store = open_folder(folder)
    write(store, 2)
    store.close()
    assert assert_whole(open_folder(folder)) == 1


def test_a_reader_that_meets_a_new_commit_reads_that_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256_of, writer = durable.sha256_of, open_folder(folder)
    write(writer, 2)

    def meanwhile(path: Path) -> str:
        monkeypatch.setattr(durable, "sha256_of", sha256_of)
        writer.commit(2)
        return sha256_of(path)

    monkeypatch.setattr(durable, "sha256_of", meanwhile)
    assert assert_whole(open_folder(folder)) == 2
    writer.close()


def test_a_watermark_alone_writes_no_vectors(folder: Path) -> None:
    before = {path: path.stat().st_ino for path in folder.glob("*[.]*")}
    store = open_folder(folder)
    store.delete(np.array([10**6]))
    store.commit(9)
    store.close()
    assert {path: path.stat().st_ino for path in folder.glob("*[.]*")} == before
    last = Commits(folder).last()
    assert last is not None
    assert last.watermark == 9


def test_a_folder_of_other_vectors_is_not_opened(folder: Path) -> None:
    with pytest.raises(UsageRefused, match=f"holds vectors of {DIM} values"):
        FaissStore(folder, DIM * 2, KINDS)


def test_looking_into_a_folder_makes_none(tmp_path: Path) -> None:
    store = open_folder(tmp_path / "none")
    assert (store.count(), store.committed()) == (0, None)
    store.close()
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(durable, "make_folder", refuse)
    with pytest.raises(NoSpace, match="creating"):
        write(open_folder(folder), 2)


def test_threads_may_search_while_another_writes(folder: Path) -> None:
    store, wrong = open_folder(folder), list[str]()
    _, queries, _ = contents(1)
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            ids, scores = store.search(queries[:5], 10)
            if (ids < 0).any() or (np.abs(scores) > 1 + 1e-5).any():
                wrong.append(f"{ids} {scores}")

    readers = [threading.Thread(target=search) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(2, 40):
        ids, vectors, attributes = contents(turn)
        store.upsert(ids, vectors, attributes)
    done.set()
    for reader in readers:
        reader.join()
    store.close()
    assert wrong == []
