"""From a URL to a vector store: from one folder to a cluster, nothing else changes."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from indexer.errors import UsageRefused
from indexer.vectors.filters import Kind
from indexer.vectors.protocol import VectorStore

if TYPE_CHECKING:
    from indexer.vectors.milvus_engine import MilvusEngine

TOKEN = "INDEX_VECTORS_TOKEN"  # noqa: S105  (where it is, not what it is)
KNOWN = {
    "faiss": "faiss:///FOLDER",
    "milvus": "milvus://HOST:PORT[/NAME]",
    "milvuss": f"milvuss://HOST:PORT[/NAME] (TLS, the token in {TOKEN})",
    "milvus+lite": "milvus+lite:///FILE.db",
}
_NAME, _PORT = "vectors", 19530


def open_vectors(
    url: str, dim: int, attributes: Mapping[str, Kind] | None = None, *, timeout_s: float = 60.0
) -> VectorStore:
    """Open the store of unit vectors of ``dim`` values that a URL names; one that is not there is made, empty.

    ``attributes`` are what can be filtered by. A server has ``timeout_s`` seconds for each answer.

    Raises:
        UsageRefused: no such URL, pymilvus is missing, or the store holds other vectors or attributes.
        StoreDamaged, NewerFormat: of a folder: what was committed cannot be read.
        EngineUnavailable: the server does not answer.
    """
    parts = urlsplit(url)
    if parts.scheme not in KNOWN:
        raise UsageRefused(
            f"{url!r} names no vector store that is known", f"known are: {', '.join(KNOWN.values())}"
        )
    attributes = attributes or {}
    if parts.scheme == "faiss":
        from indexer.vectors.faiss_store import FaissStore

        return FaissStore(_path(url, parts), dim, attributes)

    from indexer.vectors.milvus_engine import MilvusEngine
    from indexer.vectors.milvus_store import MilvusStore

    if parts.scheme == "milvus+lite":
        path = _path(url, parts)
        if path.suffix != ".db":
            raise UsageRefused(f"{url}: its files are called *.db", f"use {KNOWN[parts.scheme]}")
        engine, name = MilvusEngine(url, str(path), "", timeout_s), _NAME
    else:
        engine, name = _server(url, parts, timeout_s), parts.path.strip("/") or _NAME
    return MilvusStore(engine, name, dim, attributes, distributed=parts.scheme != "milvus+lite")


def _server(url: str, parts: SplitResult, timeout_s: float) -> "MilvusEngine":
    from indexer.vectors.milvus_engine import MilvusEngine

    if parts.username is not None or parts.password is not None:
        raise UsageRefused("a URL is shown and kept: it must hold no password", f"put the token into {TOKEN}")
    try:
        host, port = parts.hostname, parts.port or _PORT
    except ValueError as error:
        raise UsageRefused(f"{url}: {error}", f"use {KNOWN[parts.scheme]}") from error
    if not host or parts.query or parts.fragment:
        raise UsageRefused(f"{url} names no server", f"use {KNOWN[parts.scheme]}")
    shown = f"[{host}]" if ":" in host else host
    if parts.scheme == "milvus":
        return MilvusEngine(url, f"http://{shown}:{port}", "", timeout_s)
    return MilvusEngine(url, f"https://{shown}:{port}", os.environ.get(TOKEN, ""), timeout_s)


def _path(url: str, parts: SplitResult) -> Path:
    if parts.netloc or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise UsageRefused(f"{url} names no absolute path", f"use {KNOWN[parts.scheme]}")
    return Path(unquote(parts.path))
