"""What callers hand to a vector store, held to what it takes: the one place for every engine."""

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.errors import UsageRefused
from indexer.vectors.filters import Kind, Kinds, is_text
from retrieval.errors import VectorsInvalid
from retrieval.similarity import Float32, Int64, require_vectors

UNIT_TOLERANCE = 1e-4
LARGEST_ID = 2**63 - 2  # a server loses the largest int64
TEXT_BYTES = 4096  # in UTF-8: as much as a path has
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Rows:
    """What is written: ids (n,) int64, vectors (n, dim) float32, and a column (n,) for each declared attribute."""

    ids: Int64
    vectors: Float32
    columns: dict[str, npt.NDArray[Any]]


def require_kinds(attributes: Mapping[str, Kind]) -> dict[str, Kind]:
    """Return the declared attributes, in the order of their names.

    Raises:
        UsageRefused: a name that not every engine takes.
    """
    for name in attributes:
        if not _NAME.fullmatch(name):
            raise UsageRefused(
                f"{name!r} cannot name an attribute", "use up to 64 small letters, digits and underscores"
            )
    return {name: Kind(attributes[name]) for name in sorted(attributes)}


def require_rows(
    ids: npt.ArrayLike,
    vectors: npt.ArrayLike,
    attributes: Mapping[str, npt.ArrayLike],
    dim: int,
    kinds: Kinds,
) -> Rows:
    """Return what is to be written as arrays of the types that are kept.

    Raises:
        UsageRefused: ids that are no keys or not all different, other attributes than are declared, or values that
            none of their kind can be.
        VectorsInvalid: vectors of another shape or number, not finite, or not of unit length.
    """
    keys, unit = require_ids(ids), require_unit(vectors, dim)
    if len(np.unique(keys)) != len(keys):
        raise UsageRefused("one id was given twice in one call", "give each id once, with its last vector")
    if len(unit) != len(keys):
        raise VectorsInvalid(f"{len(keys)} ids came with {len(unit)} vectors")
    if set(attributes) != set(kinds):
        raise UsageRefused(
            f"attributes given: {', '.join(sorted(attributes)) or 'none'}",
            f"declared are: {', '.join(kinds) or 'none'}",
        )
    columns = {name: _column(name, attributes[name], kind, len(keys)) for name, kind in kinds.items()}
    return Rows(keys, unit, columns)


def require_ids(ids: npt.ArrayLike) -> Int64:
    """Return ids as (n,) int64.

    Raises:
        UsageRefused: not one list of integers, or one of them is negative or beyond int64.
    """
    array = np.asarray(ids)
    if array.ndim == 1 and array.size == 0:
        return np.empty(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UsageRefused(f"ids are one list of integers, not {array.dtype} of shape {array.shape}")
    if array.min() < 0 or array.max() > LARGEST_ID:
        raise UsageRefused(f"an id is negative, or larger than {LARGEST_ID}")
    return array.astype(np.int64)


def require_unit(vectors: npt.ArrayLike, dim: int) -> Float32:
    """Return vectors, or queries, as (n, dim) float32.

    Raises:
        VectorsInvalid: another shape, values that are not finite, or a length other than 1.
    """
    array = require_vectors(vectors, dim)
    lengths = np.linalg.norm(array.astype(np.float64), axis=1)
    if (np.abs(lengths - 1) > UNIT_TOLERANCE).any():
        worst = lengths[np.abs(lengths - 1).argmax()]
        raise VectorsInvalid(f"vectors have to have length 1, one has {worst:.6g}")
    return array


def require_asked(number: int, what: str, most: int | None = None) -> int:
    """Return how many are asked for.

    Raises:
        UsageRefused: less than one, or more than the engine gives at once.
    """
    number = operator.index(number)
    if number < 1 or (most is not None and number > most):
        bounds = "at least 1" if most is None else f"from 1 to {most}"
        raise UsageRefused(
            f"{what} is {number}, and has to be {bounds}", "go through all vectors with `iterate` for more"
        )
    return number


def require_threshold(min_score: float) -> float:
    """Return the score that a range search has to be above.

    Raises:
        UsageRefused: not a finite number.
    """
    if not np.isfinite(min_score):
        raise UsageRefused(f"the least score is {min_score}, and has to be a number")
    return float(min_score)


def require_watermark(watermark: int) -> int:
    """Return the number of the last change that a commit knows.

    Raises:
        UsageRefused: negative, or larger than an int64.
    """
    watermark = operator.index(watermark)
    if not 0 <= watermark < 2**63:
        raise UsageRefused(f"the watermark is {watermark}, and has to be an int64 that is not negative")
    return watermark


def _column(name: str, values: npt.ArrayLike, kind: Kind, count: int) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.shape != (count,):
        raise UsageRefused(f"{name} has values of shape {array.shape}, and there are {count} ids")
    fits = {Kind.INT: "iu", Kind.FLOAT: "iuf", Kind.TEXT: "UTO"}[kind]
    if count and array.dtype.kind not in fits:
        raise UsageRefused(f"{name} holds values of the kind {kind}, not {array.dtype}")
    if kind is Kind.TEXT:
        return _texts(name, array)
    with np.errstate(over="ignore"):
        column: npt.NDArray[Any] = array.astype(kind.dtype)
    if kind is Kind.FLOAT and not np.isfinite(column).all():
        raise UsageRefused(f"{name} holds NaN, or a value that is infinite in float32")
    if kind is Kind.FLOAT:
        return column + np.float32(0)  # a zero has one sign, as in a filter
    if not (np.array_equal(column, array) and (column > np.iinfo(np.int64).min).all()):
        raise UsageRefused(f"{name} holds an integer that is none of int64, or its least")
    return column


def _texts(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    for value in array.tolist():
        if not isinstance(value, str) or not is_text(value) or len(value.encode()) > TEXT_BYTES:
            raise UsageRefused(f"{name} holds {value!r:.80}, which is no text of up to {TEXT_BYTES} bytes")
    return array.astype(Kind.TEXT.dtype)
