"""More vectors than a data set has pictures: drawn so that they lie as the real ones do."""

import numpy as np

_NEAREST = 20
_SPREAD = 0.5
_AT_ONCE = 50_000


def simulated(real: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draw (count, dim) unit vectors like the (n, dim) real ones.

    Each lies between a real one and one of its nearest, moved by half of the spread that each dimension has: kinds of
    things stay, and no two vectors are the same.
    """
    generator = np.random.default_rng(seed)
    nearest = np.concatenate(
        [
            np.argpartition(-(real[start : start + 1000] @ real.T), _NEAREST, axis=1)[:, : _NEAREST + 1]
            for start in range(0, len(real), 1000)
        ]
    )
    spread = _SPREAD * real.std(axis=0)
    drawn = np.empty((count, real.shape[1]), np.float32)
    for start in range(0, count, _AT_ONCE):
        size = min(_AT_ONCE, count - start)
        one = generator.integers(0, len(real), size)
        other = nearest[one, generator.integers(0, _NEAREST + 1, size)]
        share = generator.uniform(0, 1, (size, 1)).astype(np.float32)
        moved = spread * generator.standard_normal((size, real.shape[1]), np.float32)
        vectors = share * real[one] + (1 - share) * real[other] + moved
        drawn[start : start + size] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return drawn
