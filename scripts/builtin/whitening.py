"""Where the built-in encoder's heads start: projections learned from features alone, without a gradient."""

from collections.abc import Mapping

import numpy as np


def learned_whitening(
    features: np.ndarray,
    differences: Mapping[str, np.ndarray],
    weights: Mapping[str, float],
    *,
    dim: int,
    shrinkage: float,
    whitening: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Weight (d, dim) and bias (dim,); ``differences`` are (m, d) per kind, between features that should be near.

    The directions in which those differ are shrunk, then the largest components of the (n, d) features are kept
    (Mikolajczyk and Matas, ICCV 2007; Radenović, Tolias and Chum, PAMI 2018). ``shrinkage`` is added to their spread
    in every direction, in units of its mean: the more, the nearer to a plain PCA. ``whitening`` divides the components
    kept by their deviation to that power. In float64, with the sign of every component fixed by its largest weight.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    near = np.eye(features.shape[1]) * shrinkage * sum(weights.values()) / features.shape[1]
    for kind, weight in weights.items():
        rows = differences[kind].astype(np.float64)
        near += rows.T @ rows * weight / (rows**2).sum()
    spread, directions = np.linalg.eigh(near)
    shrink = directions / np.sqrt(spread)
    variances, components = np.linalg.eigh(shrink.T @ (centred.T @ centred / len(centred)) @ shrink)
    variances, components = variances[::-1][:dim], components[:, ::-1][:, :dim]
    projection = shrink @ (components / variances ** (whitening / 2))
    projection *= np.sign(projection[np.abs(projection).argmax(axis=0), np.arange(dim)])
    projection /= np.abs(
        projection
    ).max()  # a common factor changes no cosine and keeps float16 away from its limits
    return projection.astype(np.float32), (-mean @ projection).astype(np.float32)


def class_differences(rows: np.ndarray, labels: list[str | None], most: int = 100) -> np.ndarray:
    """What (n, d) features of one class differ by from their mean; at most ``most`` of a class count."""
    classes: dict[str, list[np.ndarray]] = {}
    for row, label in zip(rows, labels, strict=True):
        if label is not None:
            classes.setdefault(label, []).append(row)
    capped = [np.stack(members[:most]) for members in classes.values() if len(members) > 1]
    return np.concatenate([members - members.mean(axis=0) for members in capped])
