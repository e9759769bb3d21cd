import numpy as np

from retrieval.groups import lowest_score
from retrieval.join import self_join
from retrieval.similarity import normalise


def clustered(count: int, dim: int, seed: int) -> np.ndarray:
    """Unit vectors around a few centres, so that scores lie on both sides of any threshold."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(max(1, count // 6), dim))
    vectors = centres[generator.integers(0, len(centres), count)] + 0.4 * generator.normal(size=(count, dim))
    return normalise(vectors.astype(np.float32))


def loop_join(vectors: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    wide = vectors.astype(np.float64)
    return {
        (i, j)
        for i in range(len(wide))
        for j in range(i + 1, len(wide))
        if float(np.einsum("d,d->", wide[i], wide[j])) >= threshold
    }


def test_the_join_finds_the_pairs_of_a_plain_loop_and_no_others() -> None:
    for seed, threshold in [(0, 0.5), (1, 0.8), (2, 0.95), (3, -1.0)]:
        vectors = clustered(120, 24, seed)
        pairs = self_join(vectors, threshold)
        assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == loop_join(
            vectors, threshold
        )


def test_the_join_is_exact_across_block_borders() -> None:
    vectors = np.tile(clustered(3, 8, 0), (1400, 1))  # 4,200 rows: three blocks, many equal rows
    pairs = self_join(vectors, 0.9999)
    assert len(pairs.first) >= 3 * (1400 * 1399 // 2)
    assert (pairs.first < pairs.second).all()


def test_a_pair_exactly_at_the_threshold_is_found() -> None:
    vectors = clustered(40, 16, 4)
    score = float(np.einsum("d,d->", vectors[3].astype(np.float64), vectors[9].astype(np.float64)))
    pairs = self_join(vectors, score)
    assert (3, 9) in set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def test_fewer_than_two_vectors_have_no_pairs() -> None:
    assert len(self_join(np.empty((0, 8), np.float32), 0.5).first) == 0
    assert len(self_join(clustered(1, 8, 0), 0.5).first) == 0


def test_the_lowest_score_among_vectors_is_that_of_a_plain_loop() -> None:
    vectors = clustered(9, 16, 7)
    wide = vectors.astype(np.float64)
    assert abs(lowest_score(vectors) - min(float(a @ b) for a in wide for b in wide)) < 1e-12
