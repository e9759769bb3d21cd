"""Readers that never stop asking while one build after the other commits."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.crash.oracle import Snapshot, read_snapshot
from tests.crash.reader import SPACES, K, questions, read_until
from tests.crash.server import ROOT, Server
from tests.crash.stage import noise

BUILDS = 10


@contextmanager
def readers(store: Path, folder: Path) -> Iterator[list[dict[str, int]]]:
    """Two processes and two threads; the answers of all are in the list when the block has ended."""
    stop, seen = folder / "stop", []
    modes = ("stay-open", "open-anew")
    outputs = [folder / f"seen-{mode}.json" for mode in modes]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.crash.reader", store, stop, mode, output],
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        for mode, output in zip(modes, outputs, strict=True)
    ]
    with ThreadPoolExecutor(2) as pool:
        threads = [pool.submit(read_until, store, stop, stay_open=stay_open) for stay_open in (True, False)]
        try:
            yield seen
        finally:
            stop.touch()
        seen += [thread.result(30) for thread in threads]
    for process, output in zip(processes, outputs, strict=True):
        _, words = process.communicate(timeout=30)
        assert (process.returncode, words) == (0, b"")
        seen.append(json.loads(output.read_text()))


def expected(state: Snapshot, space: str) -> str:
    """What a generation answers, by brute force, as readers write it down."""
    answers = [state.answer(space, question, K) for question in questions()]
    return json.dumps([space, [[[path, round(score, 5)] for path, score in answer] for answer in answers]])


def rounded_alike(answer: str, states: list[Snapshot]) -> bool:
    """Tell whether an answer is one generation's, scores equal to the fourth decimal."""
    space, found = json.loads(answer)
    if isinstance(found, str):  # an error, which no generation answers
        return False
    for state in states:
        wanted = json.loads(expected(state, space))[1]
        same_paths = [[p for p, _ in a] for a in found] == [[p for p, _ in a] for a in wanted]
        if same_paths and all(
            abs(score - should_be) < 1e-4
            for a, b in zip(found, wanted, strict=True)
            for (_, score), (_, should_be) in zip(a, b, strict=True)
        ):
            return True
    return False


def test_every_answer_during_ten_builds_is_that_of_one_committed_generation(
    server: Server, tmp_path: Path
) -> None:
    for i in range(8):
        noise(tmp_path / f"pictures/{i}.png", i)
    states: list[Snapshot] = []

    def build() -> None:
        ended = server.run("build", "pictures", "--json", cwd=tmp_path)
        assert ended.code == 0, ended.err
        state = read_snapshot(tmp_path / ".index")
        assert state is not None
        assert state.generation == ended.acknowledged
        states.append(state)

    build()
    with readers(tmp_path / ".index", tmp_path) as seen:
        for i in range(BUILDS):
            noise(tmp_path / f"pictures/{8 + i}.png", 8 + i)
            (tmp_path / f"pictures/{i}.png").unlink()
            build()
    assert [state.generation for state in states] == list(range(1, BUILDS + 2))
    for answers in seen:
        wrong = [answer for answer in answers if not rounded_alike(answer, states)]
        assert not wrong, wrong[:3]
        assert sum(answers.values()) > 2 * len(SPACES)
    distinct = {answer for answers in seen for answer in answers}
    assert len(distinct) > len(SPACES) * BUILDS / 2, "the readers saw too few generations to tell"
