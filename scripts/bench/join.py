"""All pairs above a threshold: the exact join and that by cells, beside FAISS's flat range search and fastdup's pipeline.

    python scripts/bench/join.py [--count 200000 ...] [--threshold 0.9] [--peer-rows 20000] [--fastdup PYTHON] [--plot FILE]
    python scripts/bench/join.py --count 200000 --fastdup PYTHON --keep      writes the rows of docs/speed.md

Vectors are those of a catalogue with copies: random directions, a tenth of them repeated with noise on both sides of the
threshold. FAISS searches ``--peer-rows`` of them among all, and its time is scaled up to all rows: its cost per row
does not depend on which rows they are. Its pairs over these rows, judged in float64, are compared with ours. The floor,
products of 8-bit matrices in ONNX Runtime's kernel on all cores, is scaled up from as many rows too. fastdup, in an
environment of its own, is given the same vectors, where they are fewer than a million; it asks a graph for the two
nearest of each and misses pairs, as the join by cells does, so that these two stand beside each other.

Of several counts the cost against the count can be drawn, and ``exponent`` says how it grew since the one before.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts/bench/speed")]

from results import Result, record  # noqa: E402  (found by the line above)

from retrieval.cell_join import cell_join  # noqa: E402
from retrieval.integer_product import RIGHT_LIMIT, integer_product  # noqa: E402
from retrieval.join import Pairs, self_join  # noqa: E402
from retrieval.similarity import normalise  # noqa: E402

DIM, BLOCK = 256, 1024
FASTDUP_TAKES = 999_999  # vectors, without a licence
CORES = os.cpu_count() or 1
FASTDUP = """
import sys, time, fastdup, numpy as np
vectors = np.load(sys.argv[1])
fastdup.save_binary_feature(sys.argv[2], [f"/{row}.jpg" for row in range(len(vectors))], vectors)
started = time.perf_counter()
fastdup.run("", work_dir=sys.argv[2], d=vectors.shape[1], run_mode=2, threshold=float(sys.argv[3]))
print("seconds", time.perf_counter() - started)
"""


def catalogue(count: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    vectors = normalise(generator.normal(size=(count, DIM)).astype(np.float32))
    copies = generator.permutation(count)[: count // 10]
    originals = generator.integers(0, count, len(copies))
    noise = generator.uniform(0.1, 0.8, (len(copies), 1)) / DIM**0.5
    vectors[copies] = normalise(
        vectors[originals] + (noise * generator.normal(size=(len(copies), DIM))).astype(np.float32)
    )
    return vectors


def by_faiss(vectors: np.ndarray, rows: int, threshold: float) -> tuple[float, set[tuple[int, int]]]:
    """Seconds for all rows, and the pairs first < second of the first ``rows``."""
    faiss.omp_set_num_threads(CORES)
    index = faiss.IndexFlatIP(DIM)
    index.add(vectors)
    started = time.perf_counter()
    limits, _, found = index.range_search(vectors[:rows], threshold - 1e-5)
    seconds = (time.perf_counter() - started) * len(vectors) / rows
    first = np.repeat(np.arange(rows), np.diff(limits).astype(np.int64))
    exact = np.einsum("md,md->m", vectors[first].astype(np.float64), vectors[found].astype(np.float64))
    kept = (exact >= threshold) & (first < found)
    return seconds, set(zip(first[kept].tolist(), found[kept].tolist(), strict=True))


def by_fastdup(vectors: np.ndarray, threshold: float, python: str) -> tuple[float, set[tuple[int, int]]]:
    """Seconds, and the pairs first < second that it reports."""
    with tempfile.TemporaryDirectory() as scratch:
        np.save(f"{scratch}/vectors.npy", vectors)
        command = [python, "-c", FASTDUP, f"{scratch}/vectors.npy", scratch, str(threshold)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        with Path(scratch, "similarity.csv").open(newline="") as file:
            rows = [
                sorted(int(Path(row[side]).stem) for side in ("from", "to")) for row in csv.DictReader(file)
            ]
    return float(said.split()[-1]), {(first, second) for first, second in rows}


def floor_s(count: int, rows: int) -> float:
    """Seconds for the integer products of all pairs, once each."""
    generator = np.random.default_rng(0)
    left = generator.integers(0, 256, (BLOCK, DIM), dtype=np.uint8)
    right = generator.integers(-RIGHT_LIMIT, RIGHT_LIMIT + 1, (DIM, BLOCK), dtype=np.int8)
    blocks = math.ceil(rows / BLOCK) * math.ceil(count / BLOCK)
    with ThreadPoolExecutor(CORES) as pool:
        started = time.perf_counter()
        for _ in pool.map(lambda _: integer_product(left, right).shape, range(blocks)):
            pass
        return (time.perf_counter() - started) * (count / 2) / rows


def memory_mib(field: str) -> float:
    """Of this process, from Linux: ``VmRSS`` is what it holds, ``VmHWM`` the most that it held."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[field].split()[0]) / 1024


def exactly(vectors: np.ndarray, threshold: float) -> tuple[float, float, Pairs]:
    """Seconds, MiB beyond the vectors, and the pairs."""
    before = memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    started = time.perf_counter()
    pairs = self_join(vectors, threshold)
    return time.perf_counter() - started, memory_mib("VmHWM") - before, pairs


def by_cells(vectors: np.ndarray, threshold: float) -> tuple[float, Pairs]:
    with ThreadPoolExecutor(CORES) as pool:
        started = time.perf_counter()
        joined = cell_join(vectors, threshold, run=pool.map)
        return time.perf_counter() - started, joined.pairs


def set_of(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def measured(count: int, threshold: float, peer_rows: int, fastdup: str | None) -> dict[str, float]:
    vectors = catalogue(count)
    rows = min(peer_rows, count)
    faiss_s, expected = by_faiss(vectors, rows, threshold)
    ours_s, more_mib, pairs = exactly(vectors, threshold)
    everything = set_of(pairs)
    got = {pair for pair in everything if pair[0] < rows}
    cells_s, in_cells = by_cells(vectors, threshold)
    found = {
        "vectors": count,
        "pairs": len(everything),
        "floor_s": floor_s(count, rows),
        "ours_s": ours_s,
        "faiss_flat_range_s": faiss_s,
        "ratio": faiss_s / ours_s,
        "missed": len(expected - got),
        "extra": len(got - expected),
        "more_memory_mib": more_mib,
        "vectors_mib": vectors.nbytes / 2**20,
        "cells_s": cells_s,
        "cells_found": len(set_of(in_cells) & everything) / len(everything),
    }
    if fastdup and count <= FASTDUP_TAKES:
        seconds, reported = by_fastdup(vectors, threshold, fastdup)
        found |= {"fastdup_s": seconds, "fastdup_found": len(reported & everything) / len(everything)}
    return found


def results(found: dict[str, float]) -> list[Result]:
    """The rows of docs/speed.md."""
    name = f"all pairs of {found['vectors']:,} vectors"
    exact = Result(
        name,
        "s",
        found["ours_s"],
        found["floor_s"],
        "the integer matrix product",
        {"FAISS flat range search": found["faiss_flat_range_s"]},
        must_of_peer=10,
        aim_of_peer=15,
        note=f"{found['pairs']:,} pairs, {found['missed']} missed and {found['extra']} more than FAISS's over the rows "
        f"that it was asked; {found['more_memory_mib']:.0f} MiB beyond the vectors",
    )
    if "fastdup_s" not in found:
        return [exact]
    in_cells = Result(
        f"{name}, by cells",
        "s",
        found["cells_s"],
        peers={"fastdup": found["fastdup_s"]},
        must_of_peer=10,
        aim_of_peer=15,
        note=f"of all pairs ours finds {found['cells_found']:.3f}, fastdup {found['fastdup_found']:.3f}",
    )
    return [exact, in_cells]


def draw(figures: list[dict[str, float]], path: Path) -> None:
    """Seconds against vectors, both by powers of ten."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="vectors", ylabel="seconds, two cores")
    counts = [row["vectors"] for row in figures]
    for name, label, marker in (
        ("faiss_flat_range_s", "FAISS flat range search", "s"),
        ("ours_s", "exact join", "o"),
    ):
        axes.plot(counts, [row[name] for row in figures], marker=marker, label=label)
    axes.grid(which="both", alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, nargs="+", default=[200_000])
    parser.add_argument("--threshold", type=float, default=0.9)
    parser.add_argument("--peer-rows", type=int, default=20_000)
    parser.add_argument("--fastdup", metavar="PYTHON", help="of an environment that has fastdup")
    parser.add_argument("--keep", action="store_true", help="write the rows of docs/speed.md")
    parser.add_argument("--plot", type=Path, help="SVG or PNG of the cost against the count")
    arguments = parser.parse_args()
    figures: list[dict[str, float]] = []
    for count in sorted(arguments.count):
        found = measured(count, arguments.threshold, arguments.peer_rows, arguments.fastdup)
        if figures:
            last = figures[-1]
            grown = math.log(found["ours_s"] / last["ours_s"])
            found["exponent"] = grown / math.log(count / last["vectors"])
        figures.append(found)
        print(json.dumps(found, indent=1), flush=True)
        if arguments.keep:
            peers = f"--peer-rows {arguments.peer_rows}" + " --fastdup PYTHON" * bool(arguments.fastdup)
            record(results(found), f"scripts/bench/join.py --count {count} {peers} --keep")
    if arguments.plot is not None:
        draw(figures, arguments.plot)
    return int(any(found["missed"] or found["extra"] for found in figures))


if __name__ == "__main__":
    raise SystemExit(main())
