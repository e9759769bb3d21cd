"""What is handed to a vector store is held to what it takes, before any engine sees it."""

from typing import Any

import numpy as np
import pytest

from indexer.errors import UsageRefused
from indexer.vectors import arguments
from indexer.vectors.filters import Kind
from retrieval.errors import VectorsInvalid
from tests.engines.catalogue import KINDS

UNIT = np.eye(2, 4, dtype=np.float32)


def rows(**changed: Any) -> arguments.Rows:
    given: dict[str, Any] = {
        "ids": [1, 2], "vectors": UNIT, "cat": [1, 2], "price": [0.5, 1], "label": ["a", "b"]
    } | changed  # fmt: skip
    attributes = {name: given[name] for name in given if name not in ("ids", "vectors")}
    return arguments.require_rows(given["ids"], given["vectors"], attributes, 4, KINDS)


def test_rows_are_kept_as_arrays_of_their_kinds() -> None:
    kept = rows()
    assert (kept.ids.dtype, kept.vectors.dtype) == (np.int64, np.float32)
    assert {name: column.dtype for name, column in kept.columns.items()} == {
        name: kind.dtype for name, kind in KINDS.items()
    }


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ids": [1, 1]}, "twice"),
        ({"ids": [-1, 2]}, "negative"),
        ({"ids": np.array([1, 2**63], np.uint64)}, "larger"),
        ({"ids": [1, 2**63 - 1]}, "larger"),
        ({"ids": [1.0, 2.0]}, "integers"),
        ({"ids": [[1, 2]]}, "integers"),
        ({"cat": [1]}, "shape"),
        ({"cat": [1.0, 2.0]}, "kind int"),
        ({"cat": [True, False]}, "kind int"),
        ({"cat": np.array([1, 2**63], np.uint64)}, "none of int64"),
        ({"cat": [1, -(2**63)]}, "least"),
        ({"price": ["a", "b"]}, "kind float"),
        ({"price": [1, np.nan]}, "NaN"),
        ({"price": [1, 1e39]}, "infinite"),
        ({"label": [1, 2]}, "kind text"),
        ({"label": np.array(["a", None], object)}, "no text"),
        ({"label": np.array(["a", "\ud800"], object)}, "no text"),
        ({"label": ["a", "é" * 2049]}, "no text"),
        ({"colour": ["a", "b"]}, "colour"),
    ],
)
def test_what_cannot_be_kept_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageRefused, match=words):
        rows(**changed)


def test_every_declared_attribute_is_needed() -> None:
    with pytest.raises(UsageRefused, match="attributes given: cat") as refused:
        arguments.require_rows([1, 2], UNIT, {"cat": [1, 2]}, 4, arguments.require_kinds(KINDS))
    assert refused.value.hint == "declared are: cat, label, price"


def test_a_vector_for_each_id_is_needed() -> None:
    with pytest.raises(VectorsInvalid, match="2 ids came with 1 vectors"):
        rows(vectors=UNIT[:1])


@pytest.mark.parametrize("name", ["", "Cat", "1st", "a-b", "a" * 65, "é", 'a" or 1==1'])
def test_an_attribute_has_a_plain_name(name: str) -> None:
    with pytest.raises(UsageRefused, match="cannot name an attribute"):
        arguments.require_kinds({name: Kind.INT})


@pytest.mark.parametrize("watermark", [-1, 2**63])
def test_a_watermark_is_a_count(watermark: int) -> None:
    with pytest.raises(UsageRefused, match="watermark"):
        arguments.require_watermark(watermark)


def test_a_threshold_is_a_number() -> None:
    with pytest.raises(UsageRefused, match="has to be a number"):
        arguments.require_threshold(float("nan"))
