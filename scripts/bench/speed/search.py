"""One query and ten thousand at once, by the search structure of an index, beside other libraries at the same recall.

    python scripts/bench/speed/search.py VECTORS.npz [--count 100000 1000000] [--peers faiss hnswlib usearch]

VECTORS.npz is what `index export` writes; more vectors than it has are drawn like them (`simulated.py`), and so are the
queries. Ours is built as `index build` builds it, searched as it was set then, and what it proposes is scored again by
the vectors themselves, as every answer is. Each peer is set to the least effort that reaches our recall@10 on the same
queries. What a graph takes to reach it is chance where vectors lie in clumps, so that up to 100,000 vectors each peer
makes three graphs, and the median of what they take counts; what they take for a recall of 0.99 is noted. A graph that
does not reach a recall is searched with the most effort there is.

Single queries are timed in rounds, in which a hundred of each come after one another; the first fifty are not counted,
for they bring back to the processor's caches what the others drove out, as no server has to. Of the medians of the
rounds the least counts: what else runs on the machine only ever adds. The floor is the time in which the processor reads
as many bytes as the vectors have.

Needs `hnswlib` and `usearch`, for those peers, beside this project's own dependencies.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import faiss
import numpy as np
from results import Result, record, timed
from simulated import simulated

from retrieval.metric import Metric
from retrieval.recall import true_neighbours
from retrieval.search import build_index

K, QUERIES, ROUNDS, A_ROUND, WARMING, BATCH = 10, 500, 10, 100, 50, 10_000
GRAPHS, OF_SO_MANY, NOTED_RECALL = 3, 100_000, 0.99
EFFORTS = (10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512, 1024)

Search = Callable[[np.ndarray], Sequence[np.ndarray]]


def recall(search: Search, queries: np.ndarray, truth: list[list[int]]) -> float:
    found = search(queries)
    return float(
        np.mean([len({*row[:K].tolist()} & {*true}) / K for row, true in zip(found, truth, strict=True)])
    )


def faiss_hnsw(vectors: np.ndarray, seed: int) -> Callable[[int], Search]:
    index = faiss.IndexHNSWFlat(vectors.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.rng = faiss.RandomGenerator(seed)
    index.hnsw.efConstruction = 80
    index.add(vectors)

    def at(effort: int) -> Search:
        def search(queries: np.ndarray) -> np.ndarray:
            index.hnsw.efSearch = effort
            return index.search(queries, K)[1]

        return search

    return at


def hnswlib(vectors: np.ndarray, seed: int) -> Callable[[int], Search]:
    import hnswlib

    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(len(vectors), M=16, ef_construction=100, random_seed=seed)
    index.add_items(vectors)

    def at(effort: int) -> Search:
        def search(queries: np.ndarray) -> np.ndarray:
            index.set_ef(effort)
            return index.knn_query(queries, K)[0].astype(np.int64)

        return search

    return at


def usearch(vectors: np.ndarray, seed: int) -> Callable[[int], Search]:
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip", connectivity=16, expansion_add=100)
    order = np.random.default_rng(seed).permutation(len(vectors))  # it takes no seed
    index.add(order, vectors[order])

    def at(effort: int) -> Search:
        def search(queries: np.ndarray) -> np.ndarray:
            index.expansion_search = effort
            return np.atleast_2d(index.search(queries, K).keys).astype(np.int64)

        return search

    return at


PEERS = {"faiss": faiss_hnsw, "hnswlib": hnswlib, "usearch": usearch}
NAMES = {"faiss": "FAISS HNSW", "hnswlib": "hnswlib", "usearch": "usearch"}


def seconds_in_rounds(searches: dict[str, Search], queries: np.ndarray) -> dict[str, float]:
    medians: dict[str, list[float]] = {name: [] for name in searches}
    for turn in range(ROUNDS):
        some = np.roll(queries, -turn * (A_ROUND - WARMING), axis=0)[:A_ROUND]
        for name, search in searches.items():
            taken = [timed(partial(search, query[None])) for query in some]
            medians[name].append(float(np.median(taken[WARMING:])))
    return {name: min(of_rounds) for name, of_rounds in medians.items()}


def recalls_by_effort(
    at: Callable[[int], Search], queries: np.ndarray, truth: list[list[int]], enough: float
) -> dict[int, float]:
    """Return the recall at each effort, up to the first that is enough."""
    recalls: dict[int, float] = {}
    for effort in EFFORTS:
        recalls[effort] = recall(at(effort), queries, truth)
        if recalls[effort] >= enough:
            break
    return recalls


def of_all_graphs(seconds: dict[str, float]) -> dict[str, float]:
    """Return the median of what the graphs of each library take."""
    taken: dict[str, list[float]] = {}
    for name, one in seconds.items():
        taken.setdefault(name.split(", ")[0], []).append(one)
    return {name: float(np.median(of_graphs)) for name, of_graphs in taken.items()}


def measured(real: np.ndarray, count: int, peers: list[str], space: str) -> list[Result]:
    vectors, queries = simulated(real, count, 0), simulated(real, QUERIES, 1)
    ids = np.arange(count)
    parts = [(ids[at : at + 10_000], vectors[at : at + 10_000]) for at in range(0, count, 10_000)]
    truth = true_neighbours(lambda: parts, queries, K, Metric.COSINE)

    started = time.perf_counter()
    index = build_index(lambda: parts, dim=vectors.shape[1], metric=Metric.COSINE, count=count)
    built = {"ours": time.perf_counter() - started}

    def ours(some: np.ndarray) -> list[np.ndarray]:
        return [
            one.ids[np.argsort(-(vectors[one.ids] @ query))[:K]]
            for query, one in zip(some, index.search(some, K), strict=True)
        ]

    size = 0

    def weigh(data: bytes) -> int:
        nonlocal size
        size += len(data)
        return len(data)

    index.write(weigh)
    reached = recall(ours, queries, truth)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    searches: dict[str, Search] = {"ours": ours, "FAISS flat": lambda some: flat.search(some, K)[1]}
    recalls = {"ours": [reached], "FAISS flat": [1.0]}
    noted: dict[str, Search] = {}
    for peer, graph in product(peers, range(GRAPHS if count <= OF_SO_MANY else 1)):
        name = NAMES[peer]
        started = time.perf_counter()
        at = PEERS[peer](vectors, graph)
        built[name] = time.perf_counter() - started
        by_effort = recalls_by_effort(at, queries, truth, reached)
        most = max(by_effort)
        least = min((effort for effort, one in by_effort.items() if one >= NOTED_RECALL), default=most)
        recalls.setdefault(name, []).append(by_effort[most])
        searches[f"{name}, graph {graph}"], noted[f"{name}, graph {graph}"] = at(most), at(least)
    single = of_all_graphs(seconds_in_rounds(searches, queries))
    at_noted = of_all_graphs(seconds_in_rounds(noted, queries))
    block = np.ascontiguousarray(vectors)
    floor = min(timed(block.sum) for _ in range(5))
    many = simulated(real, BATCH, 2)
    flat_batch = min(timed(lambda: flat.search(many, K)) for _ in range(2))
    our_batch = min(timed(lambda: index.search(many, K)) for _ in range(2))
    matrix_product = min(timed(lambda: many[:1000] @ vectors.T) for _ in range(3)) * BATCH / 1000
    recalled = ", ".join(
        f"{name} {' '.join(f'{one:.4f}' for one in of_graphs)}" for name, of_graphs in recalls.items()
    )
    at_least = ", ".join(f"{name} {1000 * seconds:.3f} ms" for name, seconds in at_noted.items())
    made = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in built.items())
    milliseconds = {name: 1000 * taken for name, taken in single.items()}
    where = f"{count:,} vectors, {space}"
    return [
        Result(
            f"one query, {where}",
            "ms",
            milliseconds.pop("ours"),
            1000 * floor,
            "reading all vectors once",
            milliseconds,
            must_of_peer=1,
            aim_of_peer=1.5,
            note=f"recall@10: {recalled}; for {NOTED_RECALL} it takes {at_least}; made in {made}; "
            f"{size / count:.0f} bytes a vector",
        ),
        Result(
            f"{BATCH:,} queries at once, {where}",
            "s",
            our_batch,
            matrix_product,
            "the matrix product",
            {"FAISS flat": flat_batch},
            must_of_peer=3,
            aim_of_peer=8,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("vectors", type=Path)
    parser.add_argument("--count", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    given = parser.parse_args()
    with np.load(given.vectors) as data:
        real = data["vectors"].astype(np.float32)
    for count in given.count:
        record(
            measured(real, count, given.peers, given.vectors.stem),
            "scripts/bench/speed/search.py VECTORS.npz",
        )


if __name__ == "__main__":
    main()
