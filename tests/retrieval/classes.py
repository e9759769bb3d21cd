"""Labelled vectors for tests: Gaussian classes on the unit sphere."""

import numpy as np

from retrieval.similarity import Float32, normalise


def gaussian_classes(
    sizes: dict[str, int], *, spread: float, seed: int = 0, dim: int = 16
) -> tuple[Float32, list[str]]:
    """Unit vectors around a centre a class, (n, dim), and their labels; a class's centre depends on its name only."""
    generator = np.random.default_rng(seed)
    vectors, labels = [], []
    for label, size in sizes.items():
        centre = np.random.default_rng(list(label.encode())).normal(size=dim)
        centre /= np.linalg.norm(centre)
        vectors.append(centre + spread * generator.normal(size=(size, dim)) / np.sqrt(dim))
        labels += [label] * size
    return normalise(np.concatenate(vectors).astype(np.float32)), labels
