"""What build, query, join, memory and disk cost from 1,000 to 1,000,000 pictures, and how each grows.

    python scripts/bench/speed/sizes.py PHOTOS [--builds 1000 10000 100000] [--stores 1000 10000 100000] [--vectors 1000000]

Builds are of real photos: beyond those there are, of cut-outs of them, each another, saved anew. Everything else runs on
indexes that `large_store.py` draws (small JPEGs with drawn vectors), and beyond 100,000 on vectors alone, drawn like the
photos' (`simulated.py`), in the structures that an index has for them. Each cost gets an exponent: 1 grows as the
number of pictures does, 2 as its square.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from results import ROOT
from simulated import simulated

sys.path.insert(0, str(ROOT / "scripts/bench"))

from foundation import PeakMemory
from join import memory_mib
from large_store import make_large_store

from indexer import Index
from retrieval.join import self_join
from retrieval.metric import Metric
from retrieval.search import build_index

SIZES = ROOT / "docs/sizes.json"
THRESHOLD, QUERIES, PART = 0.9, 50, 10_000


def enlarged(photos: Sequence[Path], count: int, folder: Path) -> None:
    """Save ``count`` pictures: the photos, then cut-outs of them."""
    generator = np.random.default_rng(0)
    for number in range(count):
        path = photos[number % len(photos)]
        target = folder / path.parent.name / f"{number:07d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        if number < len(photos):
            target.write_bytes(path.read_bytes())
            continue
        with Image.open(path) as photo:
            width, height = photo.size
            left, top, right, bottom = generator.uniform(0, 0.15, 4)
            box = (int(left * width), int(top * height), int((1 - right) * width), int((1 - bottom) * height))
            photo.convert("RGB").crop(box).save(target, quality=88)


def run(arguments: Sequence[object], cwd: Path) -> tuple[dict[str, object], float, float]:
    """Run a verb: its report, its seconds, and the peak memory of all its processes in MiB."""
    command = [sys.executable, "-m", "indexer", *map(str, arguments), "--json", "-q"]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True)
    sampler = PeakMemory(process.pid)
    sampler.start()
    said, _ = process.communicate()
    sampler.running = False
    return json.loads(said), time.perf_counter() - started, sampler.peak_mib


def size_of(folder: Path) -> float:
    """MiB of all files below it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def built(photos: Sequence[Path], count: int, folder: Path) -> dict[str, float]:
    enlarged(photos, count, folder / "catalogue")
    _, seconds, peak = run(["build", folder / "catalogue"], folder)
    return {"build, s": seconds, "build, peak MiB": peak, "index on disk, MiB": size_of(folder / ".index")}


def stored(count: int, folder: Path) -> dict[str, float]:
    make_large_store(folder, count, count // 10)
    picture = next((folder / "catalogue").rglob("*.jpg"))
    run(["build"], folder)
    queries = [run(["query", picture], folder) for _ in range(5)]
    _, dedupe_s, dedupe_mib = run(["dedupe"], folder)
    _, rebuild_s, rebuild_mib = run(["build"], folder)
    with Index(folder) as index:
        warm = []
        for path in sorted((folder / "catalogue").rglob("*.jpg"))[:: max(1, count // QUERIES)][:QUERIES]:
            started = time.perf_counter()
            index.query(path)
            warm.append(time.perf_counter() - started)
    return {
        "cold query, s": float(np.median([seconds for _, seconds, _ in queries])),
        "cold query, peak MiB": float(np.median([peak for *_, peak in queries])),
        "warm query with its picture, s": float(np.median(warm)),
        "dedupe, s": dedupe_s,
        "dedupe, peak MiB": dedupe_mib,
        "unchanged rebuild, s": rebuild_s,
        "unchanged rebuild, peak MiB": rebuild_mib,
    }


def vectors_alone(real: np.ndarray, count: int) -> dict[str, float]:
    vectors, queries = simulated(real, count, 0), simulated(real, 500, 1)
    ids = np.arange(count)
    parts = [(ids[at : at + PART], vectors[at : at + PART]) for at in range(0, count, PART)]
    started = time.perf_counter()
    index = build_index(lambda: parts, dim=vectors.shape[1], metric=Metric.COSINE, count=count)
    made = time.perf_counter() - started
    started = time.perf_counter()
    for query in queries:
        index.search(query[None], 10)
    searched = (time.perf_counter() - started) / len(queries)
    self_join(vectors[:500], THRESHOLD)  # loads what it needs: no cost of these vectors
    before = memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    started = time.perf_counter()
    self_join(vectors, THRESHOLD)
    return {
        "search structure, s": made,
        "search, s": searched,
        "join, s": time.perf_counter() - started,
        "join, MiB beyond the vectors": memory_mib("VmHWM") - before,
    }


def exponents(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """The slope of each cost over the number of pictures, both by powers of ten."""
    costs: dict[str, list[tuple[int, float]]] = {}
    for count, row in rows.items():
        for name, value in row.items():
            costs.setdefault(name, []).append((int(count), max(value, 1e-9)))
    return {
        name: float(np.polyfit(*np.log10(np.array(sorted(points))).T, 1)[0])
        for name, points in costs.items()
        if len(points) > 1
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--builds", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--stores", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--vectors", type=int, nargs="*", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--real", type=Path, help="an export of the photos' vectors")
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    photos = sorted(given.photos.rglob("*.jpg"))
    rows: dict[str, dict[str, float]] = json.loads(SIZES.read_text())["rows"] if SIZES.exists() else {}

    def keep(count: int, more: dict[str, float]) -> None:
        rows[str(count)] = rows.get(str(count), {}) | more
        print(count, json.dumps(more), flush=True)
        SIZES.write_text(json.dumps({"rows": rows, "exponents": exponents(rows)}, indent=1) + "\n")

    for count in given.stores:
        with tempfile.TemporaryDirectory(dir=given.work) as scratch:
            keep(count, stored(count, Path(scratch)))
    if given.real:
        with np.load(given.real) as data:
            real = data["vectors"].astype(np.float32)
        for count in given.vectors:
            keep(count, vectors_alone(real, count))
    for count in given.builds:
        with tempfile.TemporaryDirectory(dir=given.work) as scratch:
            keep(count, built(photos, count, Path(scratch)))


if __name__ == "__main__":
    main()
