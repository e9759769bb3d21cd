"""Types of columns that refuse a value of another type than was written, which SQLite lets a damaged row hold."""

import os
from typing import Any

from sqlalchemy import LargeBinary, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine


class UnsoundValue(ValueError):
    """A value that nobody can have written into its column."""


class FilePath(TypeDecorator[str]):
    """A path, stored as the bytes that the file system knows it by: not every name is valid UTF-8.

    What is read is a path, or None where the column is ``nullable``.

    Raises:
        UnsoundValue: a value that is read is neither.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, *, nullable: bool = False) -> None:
        super().__init__()
        self.nullable = nullable

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Encode for the database."""
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Decode from the database."""
        if isinstance(value, bytes) and b"\0" not in value:
            return os.fsdecode(value)
        if value is None and self.nullable:
            return None
        raise UnsoundValue(f"{value!r} in the place of a path")


class Exact(TypeDecorator[Any]):
    """A type for the columns that no checksum of their row covers, or that are used before it is asked.

    Raises:
        UnsoundValue: a value that is read is None, not of the type ``written`` (by default that of ``column``), or none
            of the ``words``, where there are any.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = TypeEngine  # each column's own, below
    cache_ok = True

    def __init__(
        self, column: TypeEngine[Any], written: type | None = None, *, words: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.impl = column
        self.written = written or column.python_type
        self.words = words

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002  (SQLAlchemy's signature)
        """Let through what can have been written."""
        if not isinstance(value, self.written):
            raise UnsoundValue(f"{value!r} in the place of {self.written.__name__}")
        if self.words and value not in self.words:
            raise UnsoundValue(f"{value!r} in the place of {' or '.join(self.words)}")
        return value
