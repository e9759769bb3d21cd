"""`index status`: what the index holds, from its own rows; nothing is checked and nothing is read from disk."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from indexer.calibrations import current_calibrations
from indexer.committed import Committed, require_generation
from indexer.decisions import Decisions
from indexer.engine.changes import waiting
from indexer.engine.collections import collection_of
from indexer.store import Store
from indexer.tables import AssignedLabel, Catalogue, Exclusion, File, Item, Rejection
from retrieval.encoder import Space


@dataclass
class Status:
    """The index in numbers; sizes in bytes, paths as the user can open them; ``decisions`` counts decided pairs."""

    store: str
    generation: int
    committed_at: str
    encoder: dict[str, Any]
    metric: str
    files: int
    items: int
    labels: dict[str, int]
    assigned_labels: int
    decisions: int
    catalogues: list[dict[str, Any]]
    rejected: list[dict[str, str]]
    removed: list[str]
    unfinished: int
    database: str = ""
    search: dict[str, dict[str, Any]] = field(default_factory=dict)
    calibrations: list[dict[str, Any]] = field(default_factory=list)
    store_bytes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the status as plain values."""
        return asdict(self)

    def rejected_by_reason(self) -> Counter[str]:
        """Count the rejections by their reason."""
        return Counter(entry["reason"] for entry in self.rejected)


def status(store: Store) -> Status:
    """Read the status.

    Raises:
        IndexNotFound: nothing was committed yet.
        StoreDamaged: a decision or a calibration is not what was written.
    """
    with store.database.reading() as connection:
        generation = require_generation(connection, store)
        per_catalogue = select(File.catalogue_id, func.count()).group_by(File.catalogue_id)
        files = {row[0]: row[1] for row in connection.execute(per_catalogue)}
        labels = select(File.label, func.count()).where(File.label.is_not(None)).group_by(File.label)
        staged = select(func.count()).select_from(Item).where(Item.id.not_in(select(File.item_id)))
        rejections = select(Rejection.path, Rejection.reason, Rejection.message).order_by(Rejection.path)
        spec = generation.spec
        return Status(
            store=store.shown_path(str(store.path)),
            generation=generation.id,
            database=store.database.where,
            committed_at=generation.created_at,
            encoder={
                "name": spec.name,
                "version": spec.version,
                "source": generation.encoder_source,
                "fingerprint": generation.fingerprint,
                "spaces": {space.name: space.dim for space in spec.spaces},
                "default_space": spec.default_space,
            },
            metric=generation.metric.value,
            files=generation.file_count,
            items=generation.item_count,
            labels={str(row[0]): row[1] for row in connection.execute(labels)},
            assigned_labels=connection.execute(select(func.count()).select_from(AssignedLabel)).scalar_one(),
            decisions=len(Decisions.read(connection)),
            catalogues=[
                {
                    "path": store.shown_path(row.path),
                    "kind": row.kind,
                    "exclude": row.exclude,
                    "files": files.get(row.id, 0),
                }
                for row in connection.execute(select(Catalogue.__table__).order_by(Catalogue.id))
            ],
            rejected=[
                {"path": store.shown_path(row.path), "reason": row.reason, "message": row.message}
                for row in connection.execute(rejections)
            ],
            removed=[store.shown_path(path) for path in connection.execute(select(Exclusion.path)).scalars()],
            unfinished=connection.execute(staged).scalar_one(),
            search={space.name: _search(connection, generation, space) for space in spec.spaces},
            calibrations=[
                calibration.summary()
                for calibration in current_calibrations(
                    connection, generation.fingerprint, [space.name for space in spec.spaces]
                )
            ],
            store_bytes=sum(path.stat().st_size for path in store.path.rglob("*") if path.is_file()),
        )


def _search(connection: Connection, generation: Committed, space: Space) -> dict[str, Any]:
    """Say what searches a space; of an engine, where it is and how many changes wait to be sent to it."""
    file = generation.faiss[space.name]
    found = {"kind": file.kind, "recall": file.recall, "bytes": file.size_bytes}
    collection = collection_of(connection, generation, space)
    if collection is None:
        return found
    return found | {
        "url": collection.url,
        "collection": collection.name,
        "waiting": waiting(connection, collection),
    }
