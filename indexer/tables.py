"""The tables, as SQLAlchemy models. The database is the truth: every vector is in it, FAISS files are a cache.

An *item* is a content, known by its SHA-256; a *file* is a place where that content lies. Vectors, labels that a
user gave and decisions belong to the content, so that they survive moves, copies and renames.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from indexer.column_types import Exact, FilePath

# The Alembic revision that these models describe; a test holds it to the newest migration.
SCHEMA_REVISION = "0006"
KNOWN_REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
# Raised when what is stored beside the schema (checksums, FAISS files) changes its meaning.
FORMAT_VERSION = 1
CATALOGUE_KINDS = FOLDER, MANIFEST = "folder", "manifest"

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite only counts up INTEGER keys


def now() -> str:
    """The present, in UTC, as ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Base(DeclarativeBase):
    """Base of all tables."""


class Catalogue(Base):
    """A folder or a manifest that `build` was pointed at."""

    __tablename__ = "catalogues"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    path: Mapped[str] = mapped_column(FilePath, unique=True)
    kind: Mapped[str] = mapped_column(Exact(String(16), words=CATALOGUE_KINDS))
    exclude: Mapped[list[str]] = mapped_column(Exact(JSON(), list))


class Item(Base):
    """One content: the picture itself, wherever its files lie."""

    __tablename__ = "items"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  (SQLAlchemy's way; an id is never given twice)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger, index=True)
    width: Mapped[int]
    height: Mapped[int]
    format: Mapped[str] = mapped_column(String(16))
    checksum: Mapped[bytes] = mapped_column(LargeBinary(16))


class File(Base):
    """One place where a content lies, as the last committed generation saw it."""

    __tablename__ = "files"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    path: Mapped[str] = mapped_column(FilePath, unique=True)
    catalogue_id: Mapped[int] = mapped_column(ForeignKey("catalogues.id"), index=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    label: Mapped[str | None] = mapped_column(Text, index=True)
    attributes: Mapped[dict[str, str]] = mapped_column(Exact(JSON(), dict))
    checksum: Mapped[bytes] = mapped_column(LargeBinary(16))


class Encoder(Base):
    """An encoder that vectors in this store were made with."""

    __tablename__ = "encoders"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(Exact(String(64)), unique=True)
    name: Mapped[str] = mapped_column(Exact(Text()))
    version: Mapped[str] = mapped_column(Exact(Text()))
    source: Mapped[str] = mapped_column(FilePath)
    spec: Mapped[dict[str, Any]] = mapped_column(Exact(JSON(), dict))


class Embedding(Base):
    """One item's vector in one space of one encoder: float32, little-endian."""

    __tablename__ = "embeddings"
    encoder_id: Mapped[int] = mapped_column(ForeignKey("encoders.id"), primary_key=True)
    space: Mapped[str] = mapped_column(String(64), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    checksum: Mapped[bytes] = mapped_column(LargeBinary(16))


class Rejection(Base):
    """A file that could not be indexed, and why; not tried again until it changes."""

    __tablename__ = "rejections"
    path: Mapped[str] = mapped_column(FilePath(of_no_file=True), primary_key=True)
    catalogue_id: Mapped[int] = mapped_column(ForeignKey("catalogues.id"), index=True)
    size_bytes: Mapped[int] = mapped_column(Exact(BigInteger()))
    mtime_ns: Mapped[int] = mapped_column(Exact(BigInteger()))
    reason: Mapped[str] = mapped_column(Exact(String(64)))
    message: Mapped[str] = mapped_column(Exact(Text()))


class AssignedLabel(Base):
    """A label that a user gave to a content; it beats the manifest's and the folder's."""

    __tablename__ = "assigned_labels"
    sha256: Mapped[bytes] = mapped_column(Exact(LargeBinary(32)), primary_key=True)
    label: Mapped[str] = mapped_column(Exact(Text()))
    assigned_at: Mapped[str] = mapped_column(Exact(String(32)), default=now)


class Exclusion(Base):
    """A path that the user removed from the index while it stays on disk."""

    __tablename__ = "exclusions"
    path: Mapped[str] = mapped_column(FilePath, primary_key=True)
    excluded_at: Mapped[str] = mapped_column(Exact(String(32)), default=now)


class Generation(Base):
    """One committed state of the index. The newest row is the current one: inserting it is the commit."""

    __tablename__ = "generations"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  (as above)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    created_at: Mapped[str] = mapped_column(Exact(String(32)), default=now)
    encoder_id: Mapped[int] = mapped_column(ForeignKey("encoders.id"))
    metric: Mapped[str] = mapped_column(Exact(String(16)))
    item_count: Mapped[int] = mapped_column(Exact(BigInteger()))
    file_count: Mapped[int] = mapped_column(Exact(BigInteger()))
    format_version: Mapped[int] = mapped_column(Exact(Integer()))


class FaissFile(Base):
    """The FAISS file of one space of one generation, named by its SHA-256.

    Where ``kind`` is ``engine`` it is no file, and ``sha256`` the name of a collection.
    """

    __tablename__ = "faiss_files"
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"), primary_key=True)
    space: Mapped[str] = mapped_column(Exact(String(64)), primary_key=True)
    sha256: Mapped[str] = mapped_column(Exact(String(64)))
    size_bytes: Mapped[int] = mapped_column(Exact(BigInteger()))
    kind: Mapped[str] = mapped_column(Exact(String(16)))
    recall: Mapped[float] = mapped_column(Exact(Double()))


class VectorCollection(Base):
    """A collection of vectors on the engine at ``url``, from before it is made until after it is gone.

    ``applied`` is the last change that the engine is known to have; None while it is being filled.
    """

    __tablename__ = "vector_collections"
    name: Mapped[str] = mapped_column(Exact(String(64)), primary_key=True)
    url: Mapped[str] = mapped_column(Exact(Text()))
    applied: Mapped[int | None] = mapped_column(Exact(BigInteger(), nullable=True))


class VectorChange(Base):
    """An item that came or went with a generation, until the engine is known to have it so."""

    __tablename__ = "vector_changes"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  (as above)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    item_id: Mapped[int] = mapped_column(Exact(BigInteger()))
    is_gone: Mapped[bool] = mapped_column(Boolean)


class Decision(Base):
    """What somebody decided about two contents. Rows are only added: the newest of a pair counts.

    ``first_sha256`` is the smaller of the two. A ``verdict`` of None takes back what was decided before.
    """

    __tablename__ = "decisions"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  (as above)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    first_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    second_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    verdict: Mapped[str | None] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(Text, default="")
    source: Mapped[str] = mapped_column(String(16))
    decided_at: Mapped[str] = mapped_column(String(32), default=now)
    checksum: Mapped[bytes] = mapped_column(LargeBinary(16))


class Calibration(Base):
    """What scores of one space of one encoder mean on this catalogue. The newest of a space counts."""

    __tablename__ = "calibrations"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  (as above)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    space: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(16))
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    calibrated_at: Mapped[str] = mapped_column(Exact(String(32)), default=now)
    checksum: Mapped[bytes] = mapped_column(LargeBinary(16))


class Disposal(Base):
    """A duplicate's file that was moved to the trash or became a link, so that it can be brought back.

    Written down as ``planned`` before the file is touched, then ``done``, and ``undone`` after it came back.
    ``trash_path`` is None for a link.
    """

    __tablename__ = "disposals"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  (as above)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run: Mapped[str] = mapped_column(Exact(String(32)), index=True)
    action: Mapped[str] = mapped_column(Exact(String(16)))
    state: Mapped[str] = mapped_column(Exact(String(16)))
    path: Mapped[str] = mapped_column(FilePath)
    keep_path: Mapped[str] = mapped_column(FilePath)
    trash_path: Mapped[str | None] = mapped_column(FilePath(nullable=True))
    sha256: Mapped[bytes] = mapped_column(Exact(LargeBinary(32)))
    disposed_at: Mapped[str] = mapped_column(Exact(String(32)), default=now)


class Watermark(Base):
    """How far a command has followed the index: every item up to ``item_id`` was seen. Ids are never given twice."""

    __tablename__ = "watermarks"
    name: Mapped[str] = mapped_column(Exact(String(64)), primary_key=True)
    item_id: Mapped[int] = mapped_column(Exact(BigId))
    moved_at: Mapped[str] = mapped_column(Exact(String(32)), default=now)


class Listing(Base):
    """A content that the user put on a list: ``genuine`` of a label, ``fraud`` or ``benign``.

    A row stays when it is switched off; ``active`` is whether it counts.
    """

    __tablename__ = "listings"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  (as above)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    label: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, default="")
    active: Mapped[bool] = mapped_column(Boolean)
    listed_at: Mapped[str] = mapped_column(String(32), default=now)
    checksum: Mapped[bytes] = mapped_column(LargeBinary(16))


class Night(Base):
    """A finished `index nightly`. ``newest_item`` is the largest item id that it saw, ``item_count`` how many there were.

    Ids are never given twice, so the next night knows by the two what came and how much left. A row that is lost
    costs a comparison more, and no finding: those are in the ledger below.
    """

    __tablename__ = "nights"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    finished_at: Mapped[str] = mapped_column(String(32))
    newest_item: Mapped[int] = mapped_column(BigId)
    item_count: Mapped[int] = mapped_column(BigInteger)
    checksum: Mapped[bytes] = mapped_column(LargeBinary(16))


class Finding(Base):
    """What a night reported, or keeps in quarantine: its kind and its two contents come once and never again.

    ``first_sha256`` is the smaller of the two; both are one where a finding is about a single content.
    """

    __tablename__ = "findings"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    night: Mapped[int] = mapped_column(BigId)
    kind: Mapped[str] = mapped_column(String(32))
    first_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    second_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    state: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(FilePath)
    verdict: Mapped[str | None] = mapped_column(String(16))
    score: Mapped[float]
    probability: Mapped[float | None]
    wasted_bytes: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    checksum: Mapped[bytes] = mapped_column(LargeBinary(16))


Index("embeddings_by_item", Embedding.item_id)
Index("decisions_by_pair", Decision.first_sha256, Decision.second_sha256)
Index("findings_by_key", Finding.first_sha256, Finding.second_sha256, Finding.kind, unique=True)
