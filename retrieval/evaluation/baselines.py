"""What an encoder has to beat: (n, size, size, 3) uint8 pictures to (n, d) float32 vectors of unit length.

None of the three has learnt anything, so that a figure says what a data set gives away for nothing.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from retrieval.similarity import Float32, Float64, normalise

Pictures = npt.NDArray[np.uint8]

_BATCH = 32
_LEVELS = 8  # of each colour channel
_HASH_SIDE, _HASHED_SIDE = 8, 32
_NETWORK_SIDE = 64
_LUMA = np.array([0.299, 0.587, 0.114])


def colour_histogram(images: Pictures) -> Float32:
    """Count colours in 8 x 8 x 8 RGB bins; the square roots have unit length, their cosine is Hellinger's affinity.

    (Swain and Ballard, "Color indexing", IJCV 1991; Arandjelović and Zisserman, CVPR 2012, for the root.)
    """
    vectors = np.empty((len(images), _LEVELS**3), np.float32)
    for row, image in enumerate(images):
        red, green, blue = (image.reshape(-1, 3) // (256 // _LEVELS)).astype(np.int64).T
        counts = np.bincount((red * _LEVELS + green) * _LEVELS + blue, minlength=_LEVELS**3)
        vectors[row] = np.sqrt(counts / counts.sum())
    return vectors


def perceptual_hash(images: Pictures) -> Float32:
    """Hash by the signs of 64 frequencies: pHash (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010).

    The bits are the low frequencies above their median. They are stored as ±1/8, so that the cosine is
    1 - 2 * hamming / 64.
    """
    vectors = np.empty((len(images), _HASH_SIDE**2), np.float32)
    for start in range(0, len(images), _BATCH):
        grey = images[start : start + _BATCH] @ _LUMA
        transform = _cosines() @ _averaging(grey.shape[1], _HASHED_SIDE)
        # Rounding, so that equal coefficients of a plain picture do not differ by noise.
        frequencies = (transform @ grey @ transform.T).reshape(len(grey), -1).round(6)
        above = frequencies > np.median(frequencies, axis=1, keepdims=True)
        vectors[start : start + len(grey)] = np.where(above, 1, -1) / _HASH_SIDE
    return vectors


def random_network(images: Pictures) -> Float32:
    """Two layers of random convolutions that were never trained, averaged over quarters of the picture: 256 values.

    (Random filters as a baseline: Jarrett et al., "What is the best multi-stage architecture for object
    recognition?", ICCV 2009.)
    """
    generator = np.random.default_rng(0)
    first = _filters(generator, 5, 3, 32)
    second = _filters(generator, 3, 32, 64)
    vectors = np.empty((len(images), 256), np.float32)
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        shrink = _averaging(batch.shape[1], _NETWORK_SIDE).astype(np.float32)
        small = np.einsum("ap,npqc,bq->nabc", shrink, batch / np.float32(127.5) - 1, shrink, optimize=True)
        maps = _convolved(_convolved(small, first), second)
        side = maps.shape[1] // 2 * 2
        quarters = maps[:, :side, :side].reshape(len(batch), 2, side // 2, 2, side // 2, -1).mean(axis=(2, 4))
        vectors[start : start + len(batch)] = quarters.reshape(len(batch), -1)
    return normalise(vectors)


BASELINES: dict[str, Callable[[Pictures], Float32]] = {
    "colour histogram": colour_histogram,
    "pHash": perceptual_hash,
    "random network": random_network,
}


def _averaging(size: int, target: int) -> Float64:
    """Return the (target, size) matrix that averages ``size`` pixels over ``target`` equal stretches."""
    edges = np.linspace(0, size, target + 1)
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(overlap.clip(0) * target / size)


def _cosines() -> Float64:
    """Return the first eight rows of the DCT-II over 32 samples, (8, 32)."""
    frequency, sample = np.arange(_HASH_SIDE)[:, None], np.arange(_HASHED_SIDE)
    return np.cos(np.pi * frequency * (2 * sample + 1) / (2 * _HASHED_SIDE))


def _filters(generator: np.random.Generator, side: int, channels: int, count: int) -> Float32:
    """Draw (channels, side, side, count) weights that keep the variance of what they are applied to (He, 2015)."""
    spread = np.sqrt(2 / (channels * side * side))
    return generator.normal(0, spread, (channels, side, side, count)).astype(np.float32)


def _convolved(maps: Float32, filters: Float32) -> Float32:
    """Convolve (n, h, w, c) with stride 2 and rectify."""
    side = filters.shape[1]
    patches = np.lib.stride_tricks.sliding_window_view(maps, (side, side), axis=(1, 2))[:, ::2, ::2]
    return np.maximum(np.tensordot(patches, filters, axes=3), 0)
