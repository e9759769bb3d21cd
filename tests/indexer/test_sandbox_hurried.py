"""A run whose outcomes nobody wants any more ends soon, whatever it is at."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

from indexer.decoding.sandbox import Job, Outcome, Sandbox
from retrieval.view import Fit
from tests.indexer.sandboxes import SIZE, sandbox_of

ENDS_WITHIN_S = 30


def outcomes(sandbox: Sandbox, jobs: Iterator[Job]) -> Iterator[Outcome]:
    return sandbox.run(jobs, size=SIZE, fit=Fit.STRETCH, window=4)


def ends_when(hurried: Callable[[], None], run: Iterator[Outcome]) -> bool:
    """Tell whether a run in another thread, whose outcomes are all passed over, is given up once this was called."""
    given_up = threading.Event()

    def consume() -> None:
        try:
            for _ in run:
                pass
        except CancelledError:
            given_up.set()

    threading.Thread(target=consume, daemon=True).start()
    hurried()
    return given_up.wait(ENDS_WITHIN_S)


def endless(path: Path, begun: threading.Event) -> Iterator[Job]:
    key = 0
    while True:
        yield Job(key, path, wants="hash")
        key += 1
        if key == 10:
            begun.set()


def test_a_run_of_which_nothing_is_of_interest_ends(photos: list[Path]) -> None:
    begun = threading.Event()
    with sandbox_of(1) as sandbox:

        def hurry() -> None:
            assert begun.wait(60)
            sandbox.hurry()

        assert ends_when(hurry, outcomes(sandbox, endless(photos[0], begun)))


def test_a_picture_that_is_being_decoded_is_not_waited_for(photos: list[Path]) -> None:
    with sandbox_of(1) as sandbox:
        assert next(outcomes(sandbox, iter([Job(0, photos[0])]))).failure is None
        (worker,) = sandbox._workers
        os.kill(worker.process.pid, signal.SIGSTOP)

        def hurry() -> None:
            while not worker.queue:
                time.sleep(0.01)
            sandbox.hurry()

        assert ends_when(hurry, outcomes(sandbox, iter([Job(1, photos[1])])))
        assert worker.process.poll() == -signal.SIGKILL


def test_a_run_that_begins_afterwards_ends_too(photos: list[Path]) -> None:
    with sandbox_of(1) as sandbox:
        sandbox.hurry()
        assert ends_when(lambda: None, outcomes(sandbox, iter([Job(0, photos[0])])))
