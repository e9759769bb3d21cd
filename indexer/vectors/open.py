"""From a URL to a vector store: from one folder to a cluster, nothing else changes."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from indexer.errors import EngineUnavailable, StoreDamaged, UsageRefused, VectorsMissing, os_errors
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
_LOOK_S = 10.0


def open_vectors(
    url: str,
    dim: int,
    attributes: Mapping[str, Kind] | None = None,
    *,
    part: str = "",
    create: bool = True,
    timeout_s: float = 60.0,
) -> VectorStore:
    """Open the store of unit vectors of ``dim`` values that a URL names; one that is not there is made, empty.

    ``attributes`` are what can be filtered by. A server has ``timeout_s`` seconds for each answer. ``part`` is one of
    several stores behind one URL. Without ``create`` the store has to be there, with a commit.

    Raises:
        UsageRefused: no such URL, pymilvus is missing, or the store holds other vectors or attributes.
        StoreDamaged, NewerFormat: of a folder: what was committed cannot be read.
        VectorsMissing: it is not there.
        EngineUnavailable: the server does not answer.
    """
    scheme, attributes = require_known(url), attributes or {}
    if scheme == "faiss":
        from indexer.vectors.faiss_store import FaissStore

        folder = _path(url) / part
        with _named(url):
            if not create and not FaissStore.is_in(folder):
                raise _missing(url, part)
            return FaissStore(folder, dim, attributes)

    from indexer.vectors.milvus_store import MilvusStore

    engine, name = _engine(url, part, timeout_s)
    if not create and engine.behind(name) is None:
        engine.close()
        raise _missing(url, part)
    return MilvusStore(engine, name, dim, attributes, distributed=scheme != "milvus+lite")


def drop_vectors(url: str, part: str, *, timeout_s: float = 60.0) -> None:
    """Remove one of several stores behind a URL, if it is there, and all in it.

    Raises:
        UsageRefused, EngineUnavailable: see ``open_vectors``.
    """
    if require_known(url) == "faiss":
        from indexer.vectors.faiss_store import FaissStore

        with _named(url):
            FaissStore.remove(_path(url) / part)
        return
    from indexer.vectors.milvus_generations import remove

    engine, name = _engine(url, part, timeout_s)
    remove(engine, name)
    engine.close()


def require_known(url: str) -> str:
    """Return the scheme of a URL.

    Raises:
        UsageRefused: it names no vector store that is known.
    """
    try:
        scheme = urlsplit(url).scheme
    except ValueError:  # brackets that do not close
        scheme = ""
    if scheme not in KNOWN or "\0" in unquote(url):
        raise UsageRefused(
            f"{url!r} names no vector store that is known", f"known are: {', '.join(KNOWN.values())}"
        )
    return scheme


def require_usable(url: str) -> None:
    """Refuse what cannot be meant, or not from here, before much is done; whether anything answers is not its question.

    Raises:
        UsageRefused: no such URL, or pymilvus is missing.
    """
    with suppress(EngineUnavailable, StoreDamaged):
        open_vectors(url, 1, part="unused", create=False, timeout_s=_LOOK_S).close()


@contextmanager
def _named(url: str) -> Iterator[None]:
    """Name what no folder can be called, or lie below."""
    try:
        with os_errors(f"opening {url}"):
            yield
    except OSError as error:
        raise UsageRefused(f"{url}: {error.strerror}", "name another folder") from error


def _missing(url: str, part: str) -> VectorsMissing:
    return VectorsMissing(f"{url} does not hold the vectors {part}", "`index build` fills it again")


def _engine(url: str, part: str, timeout_s: float) -> "tuple[MilvusEngine, str]":
    """Connect; return the connection, and what the store is called there."""
    from indexer.vectors.milvus_engine import MilvusEngine

    parts = urlsplit(url)
    if parts.scheme == "milvus+lite":
        path = _path(url)
        if path.suffix != ".db":
            raise UsageRefused(f"{url}: its files are called *.db", f"use {KNOWN[parts.scheme]}")
        engine, name = MilvusEngine(url, str(path), "", timeout_s), _NAME
    else:
        engine, name = _server(url, parts, timeout_s), parts.path.strip("/") or _NAME
    return engine, f"{name}_{part}" if part else name


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


def _path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise UsageRefused(f"{url} names no absolute path", f"use {KNOWN[parts.scheme]}")
    return Path(unquote(parts.path))
