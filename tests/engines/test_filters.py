"""A filter means what a plain loop over the rows says, by numpy and in Milvus's words alike."""

import ast
import operator
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import UsageRefused
from indexer.vectors.expressions import expression, field_name, held
from indexer.vectors.filters import And, Eq, Filter, In, Kind, Not, Range, checked, mask
from tests.engines.catalogue import KINDS, holds

# Few values, so that they meet; with what strings, numbers and their order are got wrong by.
SOME_INTS = [-(2**63) + 1, -5, 0, 1, 2, 2**53, 2**53 + 1, 2**63 - 1]
SOME_FLOATS = [-1e30, -0.1, -0.0, 0.0, 0.1, 0.2, 1 / 3, 1.0, 1e-45, 16777217.0, 3.4e38]
SOME_TEXTS = ["", "a", "a\x00", "a\x00b", "b", "é", "'", '"', "\\", '" or 1==1', "\n", "漢", "\U0001f600"]
INTS, FLOATS, TEXTS = map(st.sampled_from, (SOME_INTS, SOME_FLOATS, SOME_TEXTS))
VALUES = {"cat": INTS, "price": FLOATS, "label": TEXTS | st.text(st.characters(exclude_categories=["Cs"]))}


def _leaves(field: str) -> st.SearchStrategy[Filter]:
    values = VALUES[field]
    ends = st.none() | values
    return (
        st.builds(Eq, st.just(field), values)
        | st.builds(In, st.just(field), st.lists(values, max_size=4).map(tuple))
        | st.builds(Range, st.just(field), ends, ends)
    )


FILTERS: st.SearchStrategy[Filter] = st.recursive(
    st.one_of([_leaves(field) for field in KINDS]),
    lambda parts: st.builds(And, st.lists(parts, max_size=3).map(tuple)) | st.builds(Not, parts),
    max_leaves=8,
)
ROWS = st.lists(st.tuples(INTS, FLOATS, VALUES["label"]), max_size=12)


def as_columns(rows: list[tuple[int, float, str]]) -> dict[str, np.ndarray[Any, Any]]:
    return {
        name: np.array([row[place] for row in rows], kind.dtype)
        for place, (name, kind) in enumerate(KINDS.items())
    }


def plain(filter_: Filter, columns: dict[str, np.ndarray[Any, Any]], count: int) -> list[bool]:
    return [
        holds(
            filter_,
            {
                name: column[row].item() if name != "label" else str(column[row])
                for name, column in columns.items()
            },
        )
        for row in range(count)
    ]


@given(FILTERS, ROWS)
def test_numpy_says_what_a_loop_over_the_rows_says(
    filter_: Filter, rows: list[tuple[int, float, str]]
) -> None:
    columns = as_columns(rows)
    passes = mask(checked(filter_, KINDS), columns, len(rows))
    assert passes.dtype == bool
    assert passes.tolist() == plain(filter_, columns, len(rows))


COMPARED = {
    ast.Eq: operator.eq,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.In: lambda one, many: one in many,
}


def value_of(node: ast.expr, names: dict[str, object]) -> Any:
    """What an expression is worth: Milvus's words are Python's too, of which these are all that are used."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return names[node.id]
        case ast.List():
            return [value_of(one, names) for one in node.elts]
        case ast.UnaryOp(op=ast.Not()):
            return not value_of(node.operand, names)
        case ast.UnaryOp(op=ast.USub()):
            return -value_of(node.operand, names)
        case ast.BoolOp(op=ast.And()):
            return all(value_of(one, names) for one in node.values)
        case ast.Compare(ops=[how], comparators=[other]):
            return COMPARED[type(how)](value_of(node.left, names), value_of(other, names))
    raise AssertionError(ast.dump(node))


@given(FILTERS, ROWS)
def test_milvuss_words_say_it_too(filter_: Filter, rows: list[tuple[int, float, str]]) -> None:
    columns = as_columns(rows)
    words = expression(checked(filter_, KINDS))
    kept = {field_name(name): held(column) for name, column in columns.items()}
    said = [
        bool(
            value_of(
                ast.parse(words, mode="eval").body,
                {"id": row} | {name: values[row] for name, values in kept.items()},
            )
        )
        for row in range(len(rows))
    ]
    assert said == plain(filter_, columns, len(rows))


@given(FILTERS)
def test_no_word_of_a_user_is_part_of_an_expression(filter_: Filter) -> None:
    words = expression(checked(filter_, KINDS))
    outside = re.sub(r'"[0-9a-f]*"', "", words)
    assert re.fullmatch(r"(?:a_cat|a_price|a_label|id|and|not|in|[-+0-9.e<>=()\[\], ])*", outside)


def test_text_as_it_is_held_has_the_order_that_it_has() -> None:
    texts = ["", "\x00", "a", "a\x00", "aa", "b", "é", "漢", "\uffff", "\U0001f600"]
    column = np.array(texts, Kind.TEXT.dtype)
    assert sorted(texts) == texts
    assert sorted(held(column)) == held(column)


@pytest.mark.parametrize(
    "filter_",
    [
        Eq("colour", "red"),
        In("colour", ()),
        Range("colour"),
        Not(Eq("colour", "red")),
        Eq("cat", "3"),
        Eq("cat", 3.0),
        Eq("cat", True),
        Eq("cat", 2**63),
        Eq("cat", -(2**63)),
        Eq("price", "1"),
        Eq("price", float("nan")),
        Range("price", float("-inf")),
        Eq("price", 1e39),
        Eq("price", 10**400),
        Eq("label", 1),
        Eq("label", "\ud800"),
        In("label", ("a", 1)),
        "cat == 3",
        And(("cat == 3",)),  # type: ignore[arg-type]
    ],
)
def test_what_no_attribute_can_be_held_to_is_refused(filter_: Any) -> None:
    with pytest.raises(UsageRefused):
        checked(filter_, KINDS)


def test_numbers_of_numpy_are_numbers() -> None:
    assert checked(Eq("cat", np.int64(3)), KINDS) == Eq("cat", 3)  # type: ignore[arg-type]
    assert checked(Eq("price", np.float32(0.1)), KINDS) == checked(Eq("price", 0.1), KINDS)  # type: ignore[arg-type]
