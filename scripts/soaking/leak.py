"""Hours of requests of every kind with builds between them: memory, open files, threads and temporary files stay flat."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from indexer import Index
from tests.pictures import save
from tests.tiny_encoder import write_tiny_encoder
from tests.trust.serving.footprint import MIB, Watch
from tests.trust.serving.mixture import Visitor
from tests.web.conftest import make_shop
from tests.web_slow.running import running

ROUNDS = 60  # of half a minute; 120 take an hour
SECONDS, VISITORS = 25, 4
WARM_ROUNDS = 6  # caches fill, and memory's own bookkeeping settles
LEAST_MINUTES = 20.0  # before what memory does is a trend: caches fill for a quarter of an hour
MIB_A_MINUTE = 1.0


class Part:
    """One server for all rounds: what grows does so from round to round."""

    def __init__(self, folder: Path) -> None:
        self._shop, self._temporary = folder / "shop", folder / "temporary"
        encoder = write_tiny_encoder(folder / "encoder")
        self._shop.mkdir()
        self._temporary.mkdir()
        with Index(self._shop, encoder=str(encoder), jobs=1) as index:
            index.build(make_shop(self._shop), labels=self._shop / "labels.csv")
        self._open = ExitStack()
        self._server = self._open.enter_context(
            running(self._shop / ".index", folder / "words", INDEX_JOBS="1", TMPDIR=str(self._temporary))
        )
        self._played = 0
        self._watch: Watch | None = None

    def play(self, seed: int, iteration: int) -> list[str]:
        until = time.monotonic() + SECONDS
        stop = threading.Event()

        def visit(number: int) -> int:
            visitor = Visitor(self._server, f"{seed} {iteration} {number}")
            try:
                while time.monotonic() < until and not stop.is_set():
                    visitor.ask()
            except BaseException:
                stop.set()
                raise
            finally:
                visitor.close()
            return visitor.asked

        save(self._shop / f"catalogue/bass/round-{iteration % 3}.jpg", seed=seed + 5000 + iteration)
        with ThreadPoolExecutor(VISITORS) as pool:
            visits = [pool.submit(visit, number) for number in range(VISITORS)]
            builder = Visitor(self._server, f"{seed} {iteration} builder")
            builder.build()
            builder.close()
            asked = sum(one.result() for one in visits)
        self._played += 1
        return ["requests"] * asked + ["builds"] + self._look()

    def _look(self) -> list[str]:
        if self._played < WARM_ROUNDS:
            return []
        if self._watch is None:
            self._watch = Watch(self._server, self._temporary)
        now = self._watch.look()
        print(
            f"  {self._watch.minutes:5.1f} min: {now.resident_bytes / MIB:.1f} MiB, "
            f"{now.open_files.total()} files, {now.threads} threads, {now.processes} processes; "
            f"{self._watch.mebibytes_a_minute:+.2f} MiB a minute",
            flush=True,
        )
        if self._watch.minutes < LEAST_MINUTES:
            return ["looks"]
        self._watch.assert_memory_is_flat(MIB_A_MINUTE)
        return ["looks", "looks at memory's slope"]

    def close(self) -> None:
        self._open.close()
