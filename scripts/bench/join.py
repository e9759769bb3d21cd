"""The exact join beside FAISS's flat range search, on the same vectors in the same run.

    python scripts/bench/join.py [--count 200000 ...] [--dim 256] [--threshold 0.9] [--peer-rows 20000] [--plot FILE]

Vectors are those of a catalogue with copies: random directions, a tenth of them repeated with noise on both sides of the
threshold. FAISS searches ``--peer-rows`` of them among all, and its time is scaled up to all rows: its cost per row
does not depend on which rows they are. Its pairs over these rows, judged in float64, are compared with ours. Of several
counts the cost against the count can be drawn, and ``exponent`` says how it grew since the one before.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import faiss
import numpy as np

from retrieval.join import self_join
from retrieval.similarity import normalise


def catalogue(count: int, dim: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    vectors = normalise(generator.normal(size=(count, dim)).astype(np.float32))
    copies = generator.permutation(count)[: count // 10]
    originals = generator.integers(0, count, len(copies))
    noise = generator.uniform(0.1, 0.8, (len(copies), 1)) / dim**0.5
    vectors[copies] = normalise(
        vectors[originals] + (noise * generator.normal(size=(len(copies), dim))).astype(np.float32)
    )
    return vectors


def peer(vectors: np.ndarray, rows: int, threshold: float) -> tuple[float, set[tuple[int, int]]]:
    """Seconds for all rows, and the pairs first < second of the first ``rows``."""
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    started = time.perf_counter()
    limits, _, found = index.range_search(vectors[:rows], threshold - 1e-5)
    seconds = (time.perf_counter() - started) * len(vectors) / rows
    first = np.repeat(np.arange(rows), np.diff(limits).astype(np.int64))
    exact = np.einsum("md,md->m", vectors[first].astype(np.float64), vectors[found].astype(np.float64))
    kept = (exact >= threshold) & (first < found)
    return seconds, set(zip(first[kept].tolist(), found[kept].tolist(), strict=True))


def memory_mib(field: str) -> float:
    """Of this process, from Linux: ``VmRSS`` is what it holds, ``VmHWM`` the most that it held."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[field].split()[0]) / 1024


def measured(count: int, dim: int, threshold: float, peer_rows: int) -> dict[str, float]:
    vectors = catalogue(count, dim)
    rows = min(peer_rows, count)
    faiss_s, expected = peer(vectors, rows, threshold)
    before = memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    started = time.perf_counter()
    pairs = self_join(vectors, threshold)
    ours_s = time.perf_counter() - started
    more = memory_mib("VmHWM") - before
    got = {(i, j) for i, j in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True) if i < rows}
    return {
        "vectors": count,
        "pairs": len(pairs.first),
        "ours_s": ours_s,
        "faiss_flat_range_s": faiss_s,
        "ratio": faiss_s / ours_s,
        "missed": len(expected - got),
        "extra": len(got - expected),
        "products_per_s": count * (count - 1) / 2 * dim * 2 / ours_s,
        "more_memory_mib": more,
        "vectors_mib": vectors.nbytes / 2**20,
    }


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
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--threshold", type=float, default=0.9)
    parser.add_argument("--peer-rows", type=int, default=20_000)
    parser.add_argument("--plot", type=Path, help="SVG or PNG of the cost against the count")
    arguments = parser.parse_args()
    figures: list[dict[str, float]] = []
    for count in sorted(arguments.count):
        found = measured(count, arguments.dim, arguments.threshold, arguments.peer_rows)
        if figures:
            last = figures[-1]
            grown = math.log(found["ours_s"] / last["ours_s"])
            found["exponent"] = grown / math.log(count / last["vectors"])
        figures.append(found)
        print(json.dumps(found, indent=1), flush=True)
    if arguments.plot is not None:
        draw(figures, arguments.plot)
    return int(any(found["missed"] or found["extra"] for found in figures))


if __name__ == "__main__":
    raise SystemExit(main())
