"""Which vectors may be found, by their attributes: a small closed algebra, evaluated here by numpy.

That evaluation is what a filter means; ``expressions`` says the same to Milvus. Numbers of an attribute declared as
``float`` are float32 on both sides of a comparison, text is compared by code points, and a missing bound of a range is
none. ``And`` of nothing passes everything, ``In`` of nothing passes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.errors import UsageRefused

Value = int | float | str
Bools = npt.NDArray[np.bool_]
_LARGEST_INT = 2**63 - 1  # and the least is its negative: a parser may read the minus apart from the digits
_LARGEST_FLOAT = float(np.finfo(np.float32).max)


class Kind(StrEnum):
    """What the values of an attribute are."""

    INT = "int"
    FLOAT = "float"
    TEXT = "text"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its column."""
        types: dict[str, np.dtype[Any]] = {
            Kind.INT: np.dtype(np.int64),
            Kind.FLOAT: np.dtype(np.float32),
            Kind.TEXT: np.dtypes.StringDType(),
        }
        return types[self]


Kinds = Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Eq:
    """The attribute has that value."""

    field: str
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """The attribute has one of those values."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """``lo <= attribute < hi``."""

    field: str
    lo: Value | None = None
    hi: Value | None = None


@dataclass(frozen=True, slots=True)
class And:
    """All parts pass."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not pass."""

    part: "Filter"


Filter = Eq | In | Range | And | Not


def checked(filter_: Filter, kinds: Kinds) -> Filter:
    """Return the filter with each value as its attribute holds it: int, a float that is a float32, or str.

    Raises:
        UsageRefused: an attribute that is not declared, or a value that none of its kind can be.
    """
    match filter_:
        case Eq(field, value):
            return Eq(field, _value(field, value, kinds))
        case In(field, values):
            _kind(field, kinds)
            return In(field, tuple(_value(field, value, kinds) for value in values))
        case Range(field, lo, hi):
            _kind(field, kinds)
            ends = (None if end is None else _value(field, end, kinds) for end in (lo, hi))
            return Range(field, *ends)
        case And(parts):
            return And(tuple(checked(part, kinds) for part in parts))
        case Not(part):
            return Not(checked(part, kinds))
    raise UsageRefused(f"not a filter: {filter_!r}", "use Eq, In, Range, And and Not")


def mask(filter_: Filter, columns: Mapping[str, npt.NDArray[Any]], size: int) -> Bools:
    """Tell, of each of ``size`` rows, whether it passes a filter that was ``checked``."""
    match filter_:
        case Eq(field, value):
            return np.asarray(columns[field] == _as_held(columns[field], (value,)))
        case In(field, values):
            return _is_one_of(columns[field], values)
        case Range(field, lo, hi):
            passes = np.ones(size, bool)
            if lo is not None:
                passes &= columns[field] >= _as_held(columns[field], (lo,))
            if hi is not None:
                passes &= columns[field] < _as_held(columns[field], (hi,))
            return passes
        case And(parts):
            return reduce(np.logical_and, (mask(part, columns, size) for part in parts), np.ones(size, bool))
        case Not(part):
            return ~mask(part, columns, size)


def _is_one_of(column: npt.NDArray[Any], values: tuple[Value, ...]) -> Bools:
    if column.dtype != Kind.TEXT.dtype:
        return np.isin(column, _as_held(column, values))
    wanted = set(values)  # numpy's own takes text for equal that differs behind a zero
    return np.fromiter((text in wanted for text in column.tolist()), bool, len(column))


def _as_held(column: npt.NDArray[Any], values: tuple[Value, ...]) -> npt.NDArray[Any]:
    return np.array(values, column.dtype)  # never a lone str: numpy would drop zeros from its end


def _kind(field: str, kinds: Kinds) -> Kind:
    if field not in kinds:
        raise UsageRefused(
            f"there is no attribute {field!r} to filter by", f"declared are: {', '.join(kinds) or 'none'}"
        )
    return kinds[field]


def _value(field: str, value: Any, kinds: Kinds) -> Value:
    kind = _kind(field, kinds)
    value = value.item() if isinstance(value, np.generic) else value
    refused = UsageRefused(f"{value!r} is no value of {field}", f"its values are of the kind {kind}")
    if isinstance(value, bool):
        raise refused
    if kind is Kind.INT and isinstance(value, int) and abs(value) <= _LARGEST_INT:
        return value
    if kind is Kind.FLOAT and isinstance(value, (int, float)) and abs(value) <= _LARGEST_FLOAT:
        return float(np.float32(value)) + 0.0  # a zero has one sign: not every engine takes two for equal
    if kind is Kind.TEXT and isinstance(value, str) and is_text(value):
        return value
    raise refused


def is_text(value: str) -> bool:
    """Tell text that engines can hold from halves of surrogate pairs, which no UTF-8 has."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
