"""The current generation: what its transaction wrote, read back as values."""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.database import REPAIR_HINT
from indexer.errors import IndexNotFound, NewerFormat, StoreDamaged, UsageRefused
from indexer.store import Store
from indexer.tables import FORMAT_VERSION, Encoder, FaissFile, Generation
from retrieval.encoder import EncoderSpec, Space, parse_spec
from retrieval.errors import EncoderInvalid
from retrieval.metric import Metric


@dataclass(frozen=True)
class CommittedFaiss:
    """What the database says of one space's FAISS file."""

    sha256: str
    size_bytes: int
    kind: str
    recall: float


@dataclass(frozen=True)
class Committed:
    """The current generation, as its transaction wrote it."""

    id: int
    created_at: str
    metric: Metric
    item_count: int
    file_count: int
    encoder_id: int
    encoder_source: str
    fingerprint: str
    spec: EncoderSpec
    faiss: dict[str, CommittedFaiss]

    def space(self, name: str | None) -> Space:
        """Return the space called ``name``, or the encoder's default one.

        Raises:
            UsageRefused: no such space.
        """
        try:
            return self.spec.space(name)
        except EncoderInvalid as error:
            raise UsageRefused(str(error)) from error


def current_generation(connection: Connection) -> Committed | None:
    """Return the newest generation, or None where nothing was committed yet.

    Raises:
        NewerFormat: written by a newer version.
        StoreDamaged: the rows that describe it contradict each other.
    """
    newest = select(Generation.__table__).order_by(Generation.id.desc()).limit(1)
    row = connection.execute(newest).mappings().first()
    if row is None:
        return None
    if row["format_version"] > FORMAT_VERSION:
        raise NewerFormat(
            f"generation {row['id']} has format {row['format_version']}; this version knows {FORMAT_VERSION}",
            "upgrade this program, or use another --store",
        )
    made_with = select(Encoder.__table__).where(Encoder.id == row["encoder_id"])
    encoder = connection.execute(made_with).mappings().first()
    if encoder is None:
        raise StoreDamaged(f"generation {row['id']} cannot be read: its encoder's row is lost", REPAIR_HINT)
    try:
        spec = spec_from_row(encoder["spec"])
        metric = Metric(row["metric"])
    except (EncoderInvalid, ValueError, TypeError, KeyError) as error:
        raise StoreDamaged(f"generation {row['id']} cannot be read: {error}", REPAIR_HINT) from error
    files = connection.execute(
        select(FaissFile.__table__).where(FaissFile.generation_id == row["id"])
    ).mappings()
    faiss = {f["space"]: CommittedFaiss(f["sha256"], f["size_bytes"], f["kind"], f["recall"]) for f in files}
    if set(faiss) != {space.name for space in spec.spaces}:
        raise StoreDamaged(f"generation {row['id']} lacks the FAISS file of a space", REPAIR_HINT)
    return Committed(
        id=row["id"],
        created_at=row["created_at"],
        metric=metric,
        item_count=row["item_count"],
        file_count=row["file_count"],
        encoder_id=row["encoder_id"],
        encoder_source=encoder["source"],
        fingerprint=encoder["fingerprint"],
        spec=spec,
        faiss=faiss,
    )


def spec_from_row(document: object) -> EncoderSpec:
    """Read the spec that an `encoders` row holds.

    Raises:
        EncoderInvalid: it cannot be read.
    """
    return parse_spec(json.dumps(document))


def require_generation(connection: Connection, store: Store) -> Committed:
    """Return the current generation.

    Raises:
        IndexNotFound: nothing was committed yet.
    """
    generation = current_generation(connection)
    if generation is None:
        raise IndexNotFound(f"nothing was committed yet in {store.path}", "run `index build FOLDER`")
    return generation
