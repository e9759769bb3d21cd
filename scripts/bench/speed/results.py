"""What one measurement is, and the file that the measurements of a machine are kept in."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "docs/speed.json"


@dataclass(frozen=True)
class Result:
    """One thing that a user waits for, beside the least that it could cost and what others take for the same work.

    All figures were taken in one run. Where ``more_is_better`` they are rates, else costs. ``must`` and ``aim`` are
    ratios to the floor, ``must_of_peer`` and ``aim_of_peer`` to the best of the peers; none where nothing was asked.
    """

    name: str
    unit: str
    ours: float
    floor: float | None = None
    floor_is: str = ""
    peers: dict[str, float] = field(default_factory=dict)
    more_is_better: bool = False
    must: float | None = None
    aim: float | None = None
    must_of_peer: float | None = None
    aim_of_peer: float | None = None
    note: str = ""

    @property
    def of_floor(self) -> float | None:
        """Our figure as a share of the floor's rate, or as a multiple of its cost."""
        return self.ours / self.floor if self.floor else None

    @property
    def of_peer(self) -> float | None:
        """How many times better than the best peer."""
        if not self.peers:
            return None
        return (
            self.ours / max(self.peers.values())
            if self.more_is_better
            else min(self.peers.values()) / self.ours
        )


def record(results: Sequence[Result], command: str, path: Path = RESULTS) -> None:
    """Print results and keep them in place of older ones of the same names."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    for result in results:
        entry = asdict(result) | {"of_floor": result.of_floor, "of_peer": result.of_peer}
        entry |= {"command": command, "date": datetime.now(UTC).date().isoformat(), "machine": machine()}
        kept[result.name] = entry
        print(json.dumps(entry, indent=1), flush=True)
    path.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")


def machine() -> str:
    """Name the processor and its cores."""
    model = platform.machine()
    with Path("/proc/cpuinfo").open() as lines:
        model = next(
            (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model
        )
    return f"{os.cpu_count()} cores of {model}"


def seconds_of(command: Sequence[object], cwd: Path | None = None) -> float:
    """Wall seconds of a whole process, which must end well."""
    started = time.perf_counter()
    subprocess.run([str(part) for part in command], cwd=cwd, check=True, capture_output=True)
    return time.perf_counter() - started


def timed(work: Callable[[], object], times: int = 1) -> float:
    """Seconds of some work in this process, done so many times."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return time.perf_counter() - started


def medians_in_turns(works: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Run all works in every round, so that a busy machine slows all of them alike; return the median of each."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(work())
    return {name: float(np.median(values)) for name, values in taken.items()}
