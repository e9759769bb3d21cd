"""Readers who never stop asking while one build after the other commits, and what each of them must have been told."""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.crash.oracle import Snapshot, read_snapshot
from tests.crash.reader import KEPT, MODES, K, Told, questions, read_until
from tests.crash.server import ROOT, Server
from tests.crash.stage import noise

SAME_SCORE = 1e-4
MIB = 1 << 20
WAL_BYTES = 64 * MIB
_LOOK_EVERY_S = 0.05
_PATIENCE_S = 300.0  # on a machine that has other things to do

Answer = list[list[tuple[str, float]]]  # for each question the neighbours' paths and scores, best first


@contextmanager
def readers(
    store: Path, folder: Path, modes: Sequence[str], *, threads: Sequence[str] = (), url: str = ""
) -> Iterator[list[list[Told]]]:
    """Start a process or a thread for each mode; what all were told is in the list when the block has ended."""
    stop, told = folder / "stop", list[list[Told]]()
    outputs = [folder / f"told-{number}-{mode}.json" for number, mode in enumerate(modes)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.crash.reader", mode, str(store), url, str(stop), str(output)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        for mode, output in zip(modes, outputs, strict=True)
    ]
    with ThreadPoolExecutor(max(1, len(threads))) as pool:
        started = [folder / f"thread-{number}.started" for number in range(len(threads))]
        running = [
            pool.submit(read_until, MODES[mode](store), stop, first)
            for mode, first in zip(threads, started, strict=True)
        ]
        started += [output.with_name(f"{output.name}.started") for output in outputs]
        try:
            _wait_for(started)
            yield told
        finally:
            stop.touch()
        told += [thread.result(_PATIENCE_S) for thread in running]
    for mode, process, output in zip(modes, processes, outputs, strict=True):
        _, words = process.communicate(timeout=_PATIENCE_S)
        assert (process.returncode, words) == (0, b""), f"answered: reader {mode} said {words.decode()}"
        told.append([Told(**one) for one in json.loads(output.read_text())])


def _wait_for(paths: Sequence[Path]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not all(path.exists() for path in paths):
        assert time.monotonic() < until, "answered: some readers never were"
        time.sleep(0.02)


class Catalogue:
    """A folder that changes from build to build: files come, go, become others, and move; one is kept."""

    def __init__(self, folder: Path, server: Server, seed: int = 0) -> None:
        self._folder, self._server = folder, server
        self._draw = random.Random(seed)
        self._seed = 1000 * seed
        noise(folder / "pictures" / KEPT, self._seed)
        for _ in range(8):
            self._add()
        self.states: list[Snapshot] = []
        self.build()

    @property
    def store(self) -> Path:
        return self._folder / ".index"

    def build(self) -> None:
        """Commit a generation, and read what it holds."""
        ended = self._server.run("build", "pictures", "--json", cwd=self._folder)
        assert ended.code == 0, f"usable: build exits {ended.code}: {ended.err}"
        state = read_snapshot(self.store)
        assert state is not None
        assert state.generation == ended.acknowledged, "durable: another generation is there"
        self.states.append(state)

    def change(self) -> None:
        """Add a file, and then do to another what happens to files."""
        self._add()
        path = self._draw.choice(sorted((self._folder / "pictures").glob("[0-9]*.png")))
        self._draw.choice([self._edit, self._remove, self._move])(path)

    def _add(self) -> None:
        self._seed += 1
        noise(self._folder / f"pictures/{self._seed}.png", self._seed)

    def _edit(self, path: Path) -> None:
        self._seed += 1
        noise(path, self._seed)

    def _remove(self, path: Path) -> None:
        path.unlink()

    def _move(self, path: Path) -> None:
        path.rename(path.with_name(f"{path.stem}-moved.png"))


class Oracle:
    """What each committed generation answers, by brute force, in the order of their commits."""

    def __init__(self, states: Sequence[Snapshot]) -> None:
        self._states = list(states)
        self._known: dict[tuple[int, str, str | None], Answer] = {}

    def answer(self, number: int, space: str, content: str | None) -> Answer:
        """Return a generation's answer to the fixed questions, or for a content of the index."""
        key = number, space, content
        if key not in self._known:
            state = self._states[number]
            asked = questions() if content is None else [state.vectors[space][content]]
            self._known[key] = [state.answer(space, vector, K) for vector in asked]
        return self._known[key]

    def generations_of(self, told: Told) -> list[int]:
        """Return the places of all generations that answer so."""
        return [
            number
            for number in range(len(self._states))
            if isinstance(told.found, list)
            and _alike(told.found, self.answer(number, told.space, told.content))
        ]


def assert_each_answer_is_one_generations(told: Sequence[Told], states: Sequence[Snapshot]) -> set[int]:
    """Hold what one reader was told, in that order, to the generations; return those that it must have seen.

    A reader that has seen a generation is never again told of one before it.
    """
    oracle, at, seen = Oracle(states), 0, set[int]()
    for one in told:
        fitting = oracle.generations_of(one)
        assert fitting, f"atomic: no generation answers {one}"
        later = [number for number in fitting if number >= at]
        assert later, f"atomic: generation {at} was seen, and then {one} of {fitting}"
        at = later[0]
        if len(fitting) == 1:
            seen.add(at)
    return seen


@contextmanager
def log_bounded(store: Path, most_bytes: int = WAL_BYTES) -> Iterator[list[int]]:
    """Hold the database's log to a size, however many read; give a list whose first number is the most that it had."""
    most, ended = [0], threading.Event()

    def look() -> None:
        log = store / "catalog.db-wal"
        while not ended.wait(_LOOK_EVERY_S):
            most[0] = max(most[0], log.stat().st_size if log.exists() else 0)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()
    assert most[0] <= most_bytes, f"bounded: the database's log had {most[0] / MIB:.1f} MiB"


def _alike(found: Answer, wanted: Answer) -> bool:
    return len(found) == len(wanted) and all(
        len(a) == len(b)
        and all(
            path == other and abs(score - should_be) < SAME_SCORE
            for (path, score), (other, should_be) in zip(a, b, strict=True)
        )
        for a, b in zip(found, wanted, strict=True)
    )
