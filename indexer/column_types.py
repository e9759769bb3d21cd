"""Types of columns that refuse a value of another type than was written, which SQLite lets a damaged row hold."""

import os
from typing import Any

from sqlalchemy import Column, LargeBinary, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine


def stored_type(column: Column[Any]) -> TypeEngine[Any]:
    """Return the type that the database itself has for a column."""
    return column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type


class UnsoundValue(ValueError):
    """A value that nobody can have written into its column."""


class FilePath(TypeDecorator[str]):
    """A path, stored as the bytes that the file system knows it by: not every name is valid UTF-8.

    What is read is a path, or None where the column is ``nullable``; ``of_no_file`` it may hold a zero byte.

    Raises:
        UnsoundValue: a value that is read is none of that.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, *, nullable: bool = False, of_no_file: bool = False) -> None:
        super().__init__()
        self.nullable = nullable
        self.of_no_file = of_no_file

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Encode for the database."""
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Decode from the database."""
        if isinstance(value, bytes) and (self.of_no_file or b"\0" not in value):
            return os.fsdecode(value)
        if value is None and self.nullable:
            return None
        raise UnsoundValue(f"{value!r:.60} in the place of a path")


class Exact(TypeDecorator[Any]):
    """A type for the columns that no checksum of their row covers, or that are used before it is asked.

    Raises:
        UnsoundValue: a value that is read is not of the type ``written``, by default that of ``column``, or none of the
            ``words`` where there are any; None is sound where the column is ``nullable``.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = TypeEngine  # each column's own, below
    cache_ok = True

    def __init__(
        self,
        column: TypeEngine[Any],
        written: type | None = None,
        *,
        words: tuple[str, ...] = (),
        nullable: bool = False,
    ) -> None:
        super().__init__()
        self.impl = self.column = column  # the latter as part of SQLAlchemy's cache key
        self.written = written or column.python_type
        self.words = words
        self.nullable = nullable

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002  (SQLAlchemy's signature)
        """Let through what can have been written."""
        if value is None and self.nullable:
            return value
        if isinstance(value, self.written) and (not self.words or value in self.words):
            return value
        wanted = " or ".join(self.words) or self.written.__name__
        raise UnsoundValue(f"{value!r:.60} in the place of {wanted}")
