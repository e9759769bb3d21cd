"""A small set of the measurements, as ratios, held to what they were: what got slower by more than 15 % is seen.

    python scripts/bench/speed/watch.py            measure, and compare with the history of this kind of machine
    python scripts/bench/speed/watch.py --keep     write the figures down in the history too

Every figure is a cost of ours beside one that does not change with our code, taken in turns in the same minute: less is
better. It counts as slower only if it is so in three tries. The history, docs/speed-history.csv, has a line for each
figure that was kept. What is slower is told in any case, and is a failure where five figures of this kind of machine are
known: fewer do not say how far they wander by themselves.
"""

import argparse
import csv
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import faiss
import numpy as np
from PIL import Image
from results import ROOT, machine, medians_in_turns, seconds_of, timed

sys.path[:0] = [str(ROOT), str(ROOT / "scripts/bench")]

from cold_query import LIBRARIES  # noqa: E402
from photos import floor_seconds  # noqa: E402
from rebuild import WALK  # noqa: E402

from indexer.decoding.decode import decode  # noqa: E402
from indexer.decoding.limits import Limits  # noqa: E402
from retrieval.join import self_join  # noqa: E402
from retrieval.metric import Metric  # noqa: E402
from retrieval.search import build_index  # noqa: E402
from retrieval.similarity import normalise  # noqa: E402
from retrieval.view import Fit  # noqa: E402
from tests.pictures import picture  # noqa: E402

HISTORY = ROOT / "docs/speed-history.csv"
COLUMNS = ("date", "commit", "machine", "name", "ratio")
WORSE, TRIES, REMEMBERED = 1.15, 3, 5
PICTURES, FILES, VECTORS, DIM = 384, 4000, 60_000, 256

Works = dict[str, Callable[[], float]]


def clustered(count: int, seed: int) -> np.ndarray:
    kinds = np.random.default_rng(0).normal(size=(500, DIM)).astype(np.float32)
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((count, DIM), np.float32)
    return normalise(kinds[generator.integers(0, len(kinds), count)] + np.float32(0.6) * noise)


class Watched:
    """What is measured: for each name our work and the one beside it, and how often they take turns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        jpeg = io.BytesIO()
        for number in range(PICTURES):
            path = folder / f"pictures/{number % 10}/{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(number, (320, 240)).save(path, quality=88)
        picture(0, (4000, 3000)).save(jpeg, "JPEG", quality=90)
        self._paths = [str(path) for path in sorted((folder / "pictures").rglob("*.jpg"))]
        self._jpeg = jpeg.getvalue()
        for number in range(FILES):
            path = folder / f"many/{number % 40}/{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(Path(self._paths[0]).read_bytes() + str(number % PICTURES).encode())
        self._many = folder / "many-index"
        self._many.mkdir()
        seconds_of([*self._index, "build", folder / "many", "-q"], self._many)
        vectors, ids = clustered(VECTORS, 1), np.arange(VECTORS)
        self._vectors, self._queries = vectors, clustered(2000, 2)
        self._ours = build_index(lambda: [(ids, vectors)], dim=DIM, metric=Metric.COSINE, count=VECTORS)
        self._flat = faiss.IndexFlatIP(DIM)
        self._flat.add(vectors)

    @property
    def _index(self) -> list[str]:
        return [sys.executable, "-m", "indexer"]

    def _build(self) -> float:
        with tempfile.TemporaryDirectory(dir=self._folder) as place:
            return seconds_of([*self._index, "build", self._folder / "pictures", "-q"], Path(place))

    def _rebuild(self) -> float:
        return seconds_of([*self._index, "build", "-q"], self._many)

    def _rebuild_without_stamp(self) -> float:
        (self._many / ".index/unchanged.json").unlink(missing_ok=True)
        return self._rebuild()

    def works(self) -> dict[str, tuple[Callable[[], float], Callable[[], float], int]]:
        many, query = self._many, [*self._index, "query", self._paths[0], "-q"]
        ours, flat, queries, some = self._ours, self._flat, self._queries, self._vectors[:20_000]
        whole = faiss.IndexFlatIP(DIM)
        whole.add(some)
        return {
            "first build / decoding and encoding": (self._build, lambda: floor_seconds(self._paths), 3),
            "unchanged rebuild / walk and start": (
                self._rebuild_without_stamp,
                lambda: (
                    seconds_of([sys.executable, "-c", WALK, self._folder / "many"])
                    + seconds_of([sys.executable, "-c", "import sqlalchemy.orm, numpy, click"])
                ),
                7,
            ),
            "stamped rebuild / walk": (
                self._rebuild,
                lambda: seconds_of([sys.executable, "-c", WALK, self._folder / "many"]),
                7,
            ),
            "cold query / imports": (
                lambda: seconds_of(query, many),
                lambda: seconds_of([sys.executable, "-c", LIBRARIES]),
                9,
            ),
            "one query / FAISS flat": (
                lambda: timed(lambda: ours.search(queries[:1], 10), 200),
                lambda: timed(lambda: flat.search(queries[:1], 10), 20),
                7,
            ),
            "2,000 queries / FAISS flat": (
                lambda: timed(lambda: ours.search(queries, 10)),
                lambda: timed(lambda: flat.search(queries, 10)),
                5,
            ),
            "join of 20,000 / FAISS flat range search": (
                lambda: timed(lambda: self_join(some, 0.9)),
                lambda: timed(lambda: whole.range_search(some[:4000], 0.9)),
                5,
            ),
            "12-megapixel JPEG / decoded in full": (
                lambda: timed(lambda: decode(self._jpeg, size=224, fit=Fit.STRETCH, limits=Limits()), 3),
                lambda: timed(lambda: Image.open(io.BytesIO(self._jpeg)).convert("RGB"), 3),
                5,
            ),
        }


def ratio(ours: Callable[[], float], beside: Callable[[], float], rounds: int) -> float:
    taken = medians_in_turns({"ours": ours, "beside": beside}, rounds)
    return taken["ours"] / taken["beside"]


def remembered(name: str) -> list[float]:
    """The last figures that were kept for this kind of machine."""
    if not HISTORY.exists():
        return []
    with HISTORY.open(newline="") as lines:
        kept = [
            float(row["ratio"])
            for row in csv.DictReader(lines)
            if (row["name"], row["machine"]) == (name, machine())
        ]
    return kept[-REMEMBERED:]


def keep(ratios: dict[str, float]) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    is_new = not HISTORY.exists()
    with HISTORY.open("a", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        for name, value in ratios.items():
            writer.writerow([datetime.now(UTC).date().isoformat(), commit, machine(), name, f"{value:.4f}"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    ratios, slower, is_failure = {}, [], False
    with tempfile.TemporaryDirectory() as scratch:
        for name, (ours, beside, rounds) in Watched(Path(scratch)).works().items():
            known, found = remembered(name), []
            before = float(np.median(known)) if known else None
            while len(found) < TRIES:
                found.append(ratio(ours, beside, rounds))
                if before is None or found[-1] <= WORSE * before:
                    break
            ratios[name] = float(np.median(found))
            was = (
                "not known here"
                if before is None
                else f"was {before:.3f}, now {ratios[name] / before:.2f} of it"
            )
            print(f"{name:45} {ratios[name]:8.3f}  {was}", flush=True)
            if before is not None and min(found) > WORSE * before:
                slower.append(name)
                is_failure |= len(known) == REMEMBERED
    if given.keep:
        keep(ratios)
    for name in slower:
        print(f"slower by more than {WORSE - 1:.0%} in {TRIES} tries: {name}", file=sys.stderr)
    return int(is_failure)


if __name__ == "__main__":
    raise SystemExit(main())
