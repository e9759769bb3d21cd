"""Move an index's vectors to an engine, to another one, or back into files: filled, held to the database, switched."""

from dataclasses import asdict, dataclass
from typing import Any

from indexer.check import items_without_vectors
from indexer.committed import require_generation
from indexer.database import REPAIR_HINT
from indexer.engine.filling import FILES
from indexer.errors import StoreDamaged, UsageRefused
from indexer.generations import commit_generation, no_change
from indexer.settings import Settings
from indexer.store import Store
from retrieval.metric import Metric


@dataclass(frozen=True)
class VectorsCopied:
    """Where the vectors are now, the generation that says so, and the recall@10 that was measured, by space."""

    target: str
    generation: int
    vectors: int
    recall: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def copy_vectors(store: Store, url: str, settings: Settings) -> VectorsCopied:
    """Put the vectors where ``url`` says (``files``: into the store), and use them there from a new generation on.

    Until that is committed, and where this does not come to its end, answers come from where they were.

    Raises:
        UsageRefused: no such URL, the settings say another, or there is no space that an engine can search.
        StoreDamaged: an item lacks its vector; that is for a repair first.
        EngineUnavailable, StoreLocked, NoSpace, PermissionRefused: the vectors stay where they were.
    """
    if settings.vectors not in (None, url):
        raise UsageRefused(
            f"the settings say vectors = {settings.vectors!r}: the next build would move them back",
            "change that in index.toml or INDEX_VECTORS, or take it out, and copy again",
        )
    with store.writing():
        with store.database.reading() as connection:
            before = require_generation(connection, store)
            if items_without_vectors(connection, before):
                raise StoreDamaged("some items lack a vector", REPAIR_HINT)
        if url != FILES and all(space.metric is not Metric.COSINE for space in before.spec.spaces):
            raise UsageRefused("an engine takes vectors that are compared by cosine, and this index has none")
        committed = commit_generation(
            store,
            before.encoder_id,
            before.metric,
            settings.exact_limit,
            no_change,
            vectors=url,
            rebuild_cache=True,
        )
    recall = {name: file.recall for name, file in committed.faiss.items()}
    return VectorsCopied(url, committed.id, committed.item_count * len(recall), recall)
