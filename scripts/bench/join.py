"""The exact join beside FAISS's flat range search, on the same vectors in the same run.

    python scripts/bench/join.py [--count 200000] [--dim 256] [--threshold 0.9] [--peer-rows 20000]

Vectors are those of a catalogue with copies: random directions, a tenth of them repeated with noise on both sides of the
threshold. FAISS searches ``--peer-rows`` of them among all, and its time is scaled up to all rows: its cost per row
does not depend on which rows they are. Its pairs over these rows, judged in float64, are compared with ours.
"""

import argparse
import json
import os
import resource
import time

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


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--threshold", type=float, default=0.9)
    parser.add_argument("--peer-rows", type=int, default=20_000)
    arguments = parser.parse_args()
    vectors = catalogue(arguments.count, arguments.dim)
    rows = min(arguments.peer_rows, arguments.count)
    faiss_s, expected = peer(vectors, rows, arguments.threshold)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    pairs = self_join(vectors, arguments.threshold)
    ours_s = time.perf_counter() - started
    got = {(i, j) for i, j in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True) if i < rows}
    figures = {
        "vectors": arguments.count,
        "pairs": len(pairs.first),
        "ours_s": ours_s,
        "faiss_flat_range_s": faiss_s,
        "ratio": faiss_s / ours_s,
        "missed": len(expected - got),
        "extra": len(got - expected),
        "products_per_s": arguments.count * (arguments.count - 1) / 2 * arguments.dim * 2 / ours_s,
        "more_memory_mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "vectors_mib": vectors.nbytes / 2**20,
    }
    print(json.dumps(figures, indent=1))
    return int(bool(figures["missed"] or figures["extra"]))


if __name__ == "__main__":
    raise SystemExit(main())
