"""The few calls that a Milvus server and milvus-lite answer alike. The only module that imports pymilvus.

Left out on purpose: ``insert`` (of an id that is there, it makes a second row), ``flush`` and ``refresh_load`` (which
the look-alike does not end), row counts of statistics (which know no deletions), the engine's own range search (which
quantised indexes get wrong at the threshold). Every answer is Strong: it has what was written before it was asked for.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from indexer.errors import EngineUnavailable, UsageRefused
from indexer.vectors.arguments import TEXT_BYTES
from indexer.vectors.expressions import EVERYTHING, ID, VECTOR, field_name
from indexer.vectors.filters import Kind, Kinds
from retrieval.similarity import Float32

MOST = 16_384  # rows that a server gives at once
_ROWS_WRITTEN = 2_000  # at once: gRPC limits the size of a message
_GRAPH = {"M": 32, "efConstruction": 200}  # with 16, a search that one in ten passes misses one in a hundred
_STRONG, _SESSION = "Strong", "Session"
_MARK, _MARK_DIM = "watermark", 2  # a collection without vectors is none

Row = dict[str, Any]


class MilvusEngine:
    """A connection. ``url`` is what the user called it by, ``address`` what pymilvus does.

    Raises, from every method:
        EngineUnavailable: it does not answer in time, or did not do what it was asked.
    """

    def __init__(self, url: str, address: str, token: str, timeout_s: float) -> None:
        try:
            import grpc
            import pymilvus
        except ImportError as error:
            raise UsageRefused(
                f"{url} needs pymilvus, which is not installed", "pip install 'siamese-index[milvus]'"
            ) from error
        # They write each error that they raise on the terminal, with a traceback; so does the look-alike.
        for name in ("pymilvus", "milvus_lite"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self.url = url
        self._types = pymilvus.DataType
        self._faults = (pymilvus.MilvusException, grpc.RpcError)
        self._in_time = {"timeout": timeout_s}
        with self._answering("connecting"):
            self._client = pymilvus.MilvusClient(uri=address, token=token, timeout=timeout_s)

    @contextmanager
    def _answering(self, doing: str) -> Iterator[None]:
        try:
            yield
        except self._faults as error:
            words = getattr(error, "message", "") or str(error)
            raise EngineUnavailable(
                f"the vector engine {self.url} did not do what it was asked, {doing}: {words}",
                "check that it runs and can be reached from here, then run the same command again",
            ) from error

    def behind(self, name: str) -> str | None:
        """Return the collection that an alias, or itself a collection, stands for; None where there is none."""
        with self._answering(f"looking for {name}"):
            if not self._client.has_collection(name, **self._in_time):
                return None
            return str(self._client.describe_collection(name, **self._in_time)["collection_name"])

    def collections(self) -> list[str]:
        """Return the names of all collections."""
        with self._answering("listing collections"):
            return list(self._client.list_collections(**self._in_time))

    def describe(self, name: str) -> tuple[int, Kinds]:
        """Return how many values a collection's vectors have, and its attributes as the collection calls them."""
        kinds = {self._types.INT64: Kind.INT, self._types.FLOAT: Kind.FLOAT, self._types.VARCHAR: Kind.TEXT}
        with self._answering(f"describing {name}"):
            fields = self._client.describe_collection(name, **self._in_time)["fields"]
        dim = next((int(field["params"]["dim"]) for field in fields if field["name"] == VECTOR), 0)
        return dim, {
            field["name"]: kinds[field["type"]]
            for field in fields
            if field["name"] not in (ID, VECTOR) and field["type"] in kinds
        }

    def create(self, name: str, dim: int, kinds: Kinds) -> None:
        """Make a collection of vectors, if there is none of that name."""
        types: dict[Kind, Row] = {
            Kind.INT: {"datatype": self._types.INT64},
            Kind.FLOAT: {"datatype": self._types.FLOAT},
            Kind.TEXT: {"datatype": self._types.VARCHAR, "max_length": 2 * TEXT_BYTES},
        }
        self._create(
            name, dim, [{"field_name": field_name(one), **types[kind]} for one, kind in kinds.items()]
        )

    def create_mark(self, name: str) -> None:
        """Make a collection for one watermark, if there is none of that name."""
        self._create(name, _MARK_DIM, [{"field_name": _MARK, "datatype": self._types.INT64}])

    def _create(self, name: str, dim: int, fields: list[Row]) -> None:
        with self._answering(f"making the collection {name}"):
            if self._client.has_collection(name, **self._in_time):
                self._client.load_collection(name, **self._in_time)
                return
            schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field(ID, self._types.INT64, is_primary=True)
            schema.add_field(VECTOR, self._types.FLOAT_VECTOR, dim=dim)
            for field in fields:
                schema.add_field(**field)
            graph = self._client.prepare_index_params()
            graph.add_index(VECTOR, index_type="HNSW", metric_type="IP", params=_GRAPH)
            self._client.create_collection(
                name, schema=schema, index_params=graph, consistency_level=_STRONG, **self._in_time
            )

    def point(self, alias: str, name: str) -> None:
        """Have an alias stand for a collection from now on, whatever it stood for: one step, for all clients."""
        with self._answering(f"switching {alias} to {name}"):
            if self._client.has_collection(alias, **self._in_time):
                self._client.alter_alias(name, alias, **self._in_time)
            else:
                self._client.create_alias(name, alias, **self._in_time)

    def unpoint(self, alias: str) -> None:
        """Have an alias stand for nothing."""
        with self._answering(f"removing {alias}"):
            self._client.drop_alias(alias, **self._in_time)

    def drop(self, name: str) -> None:
        """Remove a collection and all in it."""
        with self._answering(f"removing {name}"):
            if self._client.has_collection(name, **self._in_time):
                self._client.drop_collection(name, **self._in_time)

    def upsert(self, name: str, rows: Sequence[Row]) -> None:
        """Write rows, each in the place of the one that has its id."""
        with self._answering(f"writing to {name}"):
            for start in range(0, len(rows), _ROWS_WRITTEN):
                self._client.upsert(name, list(rows[start : start + _ROWS_WRITTEN]), **self._in_time)

    def delete(self, name: str, ids: Sequence[int]) -> None:
        """Remove ids, whether they are there or not."""
        with self._answering(f"removing from {name}"):
            for start in range(0, len(ids), _ROWS_WRITTEN):
                self._client.delete(name, ids=list(ids[start : start + _ROWS_WRITTEN]), **self._in_time)

    def search(self, name: str, queries: Float32, k: int, ef: int, where: str) -> list[list[Row]]:
        """Return, for each query, the ``id`` and ``vector`` of the k that are near; ``ef`` are looked at."""
        with self._answering(f"searching {name}"):
            answers = self._client.search(
                name,
                data=list(queries),
                limit=k,
                filter=where,
                search_params={"metric_type": "IP", "params": {"ef": ef}},
                output_fields=[VECTOR],
                consistency_level=_STRONG,
                **self._in_time,
            )
        return [[{ID: hit["id"], VECTOR: hit["entity"][VECTOR]} for hit in hits] for hits in answers]

    def query(self, name: str, where: str) -> list[Row]:
        """Return the ``id`` and ``vector`` of those that pass, up to ``MOST`` of them."""
        with self._answering(f"reading {name}"):
            rows = self._client.query(
                name,
                where,
                output_fields=[ID, VECTOR],
                limit=MOST,
                consistency_level=_STRONG,
                **self._in_time,
            )
        return list(rows)

    def count(self, name: str, where: str) -> int:
        """Count those that pass, exactly."""
        return self._count(name, where, _STRONG)

    def estimate(self, name: str, where: str) -> int:
        """Count those that pass, what others wrote a moment ago perhaps left out: without waiting for it."""
        return self._count(name, where, _SESSION)

    def _count(self, name: str, where: str, consistency: str) -> int:
        with self._answering(f"counting {name}"):
            rows = self._client.query(
                name, where, output_fields=["count(*)"], consistency_level=consistency, **self._in_time
            )
        return int(rows[0]["count(*)"])

    def iterate(self, name: str, batch: int) -> Iterator[list[Row]]:
        """Yield the ``id`` and ``vector`` of all, in ascending order of the ids."""
        with self._answering(f"reading {name}"):
            rows = self._client.query_iterator(
                name,
                batch_size=batch,
                filter=EVERYTHING,
                output_fields=[ID, VECTOR],
                consistency_level=_STRONG,
                **self._in_time,
            )
        try:
            while True:
                with self._answering(f"reading {name}"):
                    some = rows.next()
                if not some:
                    return
                yield list(some)
        finally:
            with self._answering(f"reading {name}"):
                rows.close()

    def set_mark(self, name: str, watermark: int) -> None:
        """Put the watermark into its collection."""
        self.upsert(name, [{ID: 0, VECTOR: [1.0, 0.0], _MARK: watermark}])

    def mark(self, name: str) -> int | None:
        """Return the watermark; None where none was set."""
        with self._answering(f"reading {name}"):
            rows = self._client.query(
                name, EVERYTHING, output_fields=[_MARK], limit=1, consistency_level=_STRONG, **self._in_time
            )
        return int(rows[0][_MARK]) if len(rows) else None

    def close(self) -> None:
        """End the connection."""
        with self._answering("closing"):
            self._client.close()
