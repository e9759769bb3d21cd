"""What the vector stores are filled with and asked for, and the answers: numpy, over all of it, in float64."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.vectors.filters import And, Eq, Filter, In, Kind, Not, Range
from retrieval.similarity import Float32, Int64, normalise

COUNT, DIM, QUERIES = 20_000, 64, 100
KINDS = {"cat": Kind.INT, "price": Kind.FLOAT, "label": Kind.TEXT}
FILTERS: dict[str, Filter | None] = {
    "no filter": None,
    "10 %": Eq("cat", 3),
    "7 %, and, not": And((Not(In("cat", (1, 2, 3))), Range("price", 0.2, 0.3))),
    "0.5 %": And((Eq("label", "label 5"), Range("price", None, 0.05))),
}


@dataclass(frozen=True)
class Catalogue:
    """Ids, vectors and attributes, (n,) each, and (m, DIM) queries."""

    ids: Int64
    vectors: Float32
    columns: dict[str, npt.NDArray[Any]]
    queries: Float32

    def rows(self, chosen: slice | Int64) -> tuple[Int64, Float32, dict[str, npt.NDArray[Any]]]:
        """What is handed to ``upsert``."""
        some = {name: column[chosen] for name, column in self.columns.items()}
        return self.ids[chosen], self.vectors[chosen], some

    def passes(self, filter_: Filter | None) -> list[bool]:
        """A plain loop over the rows."""
        names = list(self.columns)
        rows = zip(*(self.columns[name].tolist() for name in names), strict=True)
        return [filter_ is None or holds(filter_, dict(zip(names, row, strict=True))) for row in rows]

    def scores(self) -> npt.NDArray[np.float64]:
        """Of each query with each vector."""
        return self.queries.astype(np.float64) @ self.vectors.astype(np.float64).T


def holds(filter_: Filter, row: dict[str, Any]) -> bool:
    """Whether one row passes, in Python's own comparisons; floats are float32 already."""
    match filter_:
        case Eq(field, value):
            return bool(row[field] == as_kept(value))
        case In(field, values):
            return any(row[field] == as_kept(value) for value in values)
        case Range(field, lo, hi):
            return (lo is None or row[field] >= as_kept(lo)) and (hi is None or row[field] < as_kept(hi))
        case And(parts):
            return all(holds(part, row) for part in parts)
        case Not(part):
            return not holds(part, row)


def as_kept(value: Any) -> Any:
    """A float as float32 keeps it."""
    return float(np.float32(value)) if isinstance(value, float) else value


def make() -> Catalogue:
    """400 clusters, with a twin for each 50th vector; queries lie near vectors of the catalogue."""
    random = np.random.default_rng(7)
    centres = random.normal(size=(400, DIM))
    vectors = centres[random.integers(0, 400, COUNT)] + 0.9 * random.normal(size=(COUNT, DIM))
    twins = random.permutation(COUNT)[: COUNT // 25].reshape(2, -1)
    vectors[twins[1]] = vectors[twins[0]] + 0.05 * random.normal(size=(twins.shape[1], DIM))
    unit = normalise(vectors.astype(np.float32))
    near = unit[random.choice(COUNT, QUERIES, replace=False)] + 0.03 * random.normal(size=(QUERIES, DIM))
    cat = random.integers(0, 10, COUNT)
    columns = {
        "cat": cat,
        "price": random.random(COUNT).astype(np.float32),
        "label": np.array([f"label {number}" for number in cat]),
    }
    ids = np.sort(random.choice(10**12, COUNT, replace=False)).astype(np.int64)
    return Catalogue(ids, unit, columns, normalise(near.astype(np.float32)))


def outdated(catalogue: Catalogue, chosen: slice) -> Catalogue:
    """The same ids with other vectors and attributes."""
    vectors = np.roll(catalogue.vectors, 1000, axis=0)
    columns = {name: np.roll(column, 1000) for name, column in catalogue.columns.items()}
    changed = replace(catalogue, vectors=vectors, columns=columns)
    ids, vectors, columns = changed.rows(chosen)
    return Catalogue(ids, vectors, columns, catalogue.queries)
