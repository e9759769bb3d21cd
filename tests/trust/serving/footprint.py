"""What a server takes up: memory, open files, processes, threads, temporary files; and that it stays so."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.web_slow.running import Running

MIB = 1 << 20
SPARE_FILES = 4  # a connection that is not closed yet, a database that is being read
SPARE_THREADS = 8  # a pool's, that are started when they are needed
SETTLES_S = 30.0


@dataclass(frozen=True)
class Footprint:
    """Of the server and all that it started, except that files are those of its own process."""

    resident_bytes: int
    open_files: Counter[str]
    processes: int
    threads: int
    temporary: list[str]

    def grown(self, before: "Footprint") -> list[str]:
        """Say what is more than before, memory apart."""
        told = []
        if self.open_files.total() > before.open_files.total() + SPARE_FILES:
            told.append(f"open files: {dict(self.open_files - before.open_files)} more")
        if self.processes > before.processes:
            told.append(f"processes: {self.processes} instead of {before.processes}")
        if self.threads > before.threads + SPARE_THREADS:
            told.append(f"threads: {self.threads} instead of {before.threads}")
        if self.temporary:
            told.append(f"temporary files: {self.temporary[:5]}")
        return told


def footprint(server: Running, temporary: Path) -> Footprint:
    """Measure a server that keeps its temporary files in a folder of its own."""
    family = list(_family(server.process.pid))
    return Footprint(
        resident_bytes=resident_bytes(server),
        open_files=Counter(_open_files(server.process.pid)),
        processes=len(family),
        threads=sum(len(_listed(f"/proc/{pid}/task")) for pid in family),
        temporary=sorted(str(path.relative_to(temporary)) for path in temporary.rglob("*")),
    )


def resident_bytes(server: Running) -> int:
    """Of the server and all that it started."""
    return sum(map(_resident_bytes, _family(server.process.pid)))


def settled(server: Running, temporary: Path, before: Footprint) -> Footprint:
    """Measure once what had to end has ended, or had half a minute for it."""
    until = time.monotonic() + SETTLES_S
    while (now := footprint(server, temporary)).grown(before) and time.monotonic() < until:
        time.sleep(0.2)
    return now


class Watch:
    """Looks at a server now and then, at rest: what it takes up must not grow with the hours."""

    def __init__(self, server: Running, temporary: Path) -> None:
        self._server, self._temporary = server, temporary
        self.first = footprint(server, temporary)
        self._started = time.monotonic()
        self._points: list[tuple[float, float]] = []

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self._started) / 60

    @property
    def mebibytes_a_minute(self) -> float:
        return growth(self._points)

    def look(self) -> Footprint:
        """Measure, and hold all but the memory to what it was at first."""
        now = settled(self._server, self._temporary, self.first)
        self._points.append((self.minutes, now.resident_bytes / MIB))
        grown = now.grown(self.first)
        assert not grown, f"bounded: {'; '.join(grown)}"
        return now

    def assert_memory_is_flat(self, most_mebibytes_a_minute: float) -> None:
        grows = self.mebibytes_a_minute
        assert grows < most_mebibytes_a_minute, (
            f"bounded: memory grows by {grows:.1f} MiB a minute, {self._points[0][1]:.0f} MiB at first and "
            f"{self._points[-1][1]:.0f} after {self.minutes:.0f} minutes"
        )


def growth(points: Sequence[tuple[float, float]]) -> float:
    """Return by how much the second number grows with the first: the median of the slopes between any two points.

    A few values that stick out do not move it, as they would a line of least squares.
    """
    slopes = sorted(
        (b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(points) for b in points[i + 1 :] if b[0] > a[0]
    )
    return slopes[len(slopes) // 2] if slopes else 0.0


def _family(pid: int) -> Iterator[int]:
    yield pid
    for thread in _listed(f"/proc/{pid}/task"):
        with suppress(OSError):
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split():
                yield from _family(int(child))


def _resident_bytes(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _open_files(pid: int) -> Iterator[str]:
    for descriptor in _listed(f"/proc/{pid}/fd"):
        with suppress(OSError):
            target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            yield target.partition(":")[0] if ":[" in target else target


def _listed(folder: str) -> list[str]:
    with suppress(OSError):
        return os.listdir(folder)
    return []
