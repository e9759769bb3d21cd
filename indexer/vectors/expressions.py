"""A filter in Milvus's expression language, and attributes as Milvus holds them.

No user's word is ever part of an expression: text is held, and compared, as the hexadecimal digits of its UTF-8, which
have the same order and no character that any parser could read as the end of something. The escapes that a server, its
next version and the look-alike understand inside quotes are not the same.
"""

from typing import Any

import numpy.typing as npt

from indexer.vectors.filters import And, Eq, Filter, In, Not, Range, Value

ID, VECTOR = "id", "vector"
EVERYTHING, NOTHING = f"{ID} >= 0", f"{ID} < 0"
_PREFIX = "a_"  # so that no attribute is called as a word of the language is


def expression(filter_: Filter) -> str:
    """Say what a filter says that was ``checked``."""
    match filter_:
        case Eq(field, value):
            return f"{field_name(field)} == {_literal(value)}"
        case In(_, ()):
            return NOTHING
        case In(field, values):
            return f"{field_name(field)} in [{', '.join(map(_literal, values))}]"
        case Range(field, lo, hi):
            ends = ((">=", lo), ("<", hi))
            return _all(
                [f"{field_name(field)} {sign} {_literal(end)}" for sign, end in ends if end is not None]
            )
        case And(parts):
            return _all([expression(part) for part in parts])
        case Not(part):
            return f"not ({expression(part)})"


def field_name(attribute: str) -> str:
    """How a collection calls an attribute."""
    return f"{_PREFIX}{attribute}"


def held(column: npt.NDArray[Any]) -> list[Value]:
    """Values as a collection holds them."""
    values: list[Value] = column.tolist()
    return [_hexadecimal(value) if isinstance(value, str) else value for value in values]


def _literal(value: Value) -> str:
    if isinstance(value, str):
        return f'"{_hexadecimal(value)}"'
    return repr(value)


def _hexadecimal(text: str) -> str:
    return text.encode().hex()


def _all(parts: list[str]) -> str:
    return " and ".join(f"({part})" for part in parts) or EVERYTHING
