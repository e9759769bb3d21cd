"""Generations: the collection NAME_g<N> holds vectors, the alias NAME says which of them counts.

Beside each lies NAME_g<N>_meta with its watermark, so that vectors and what is known of them change places in the one
step that switches the alias. What a filling leaves behind that did not come to its end, the next one removes.
"""

import re
from collections.abc import Iterator

from indexer.errors import UsageRefused
from indexer.vectors.expressions import field_name
from indexer.vectors.filters import Kinds
from indexer.vectors.milvus_engine import MilvusEngine

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def require_name(name: str) -> str:
    """Return the name of a store on a server.

    Raises:
        UsageRefused: not one that a server takes.
    """
    if not _NAME.fullmatch(name):
        raise UsageRefused(
            f"{name!r} cannot name a collection",
            "use up to 100 letters, digits and underscores, no digit first",
        )
    return name


def marks_of(collection: str) -> str:
    """Return the collection that holds another one's watermark."""
    return f"{collection}_meta"


def ensure(engine: MilvusEngine, name: str, dim: int, kinds: Kinds) -> None:
    """Make the first generation, if there is none; hold the one that there is to what is asked for.

    Raises:
        UsageRefused: a collection has that name, or holds vectors of another dimension or other attributes.
    """
    current = engine.behind(name)
    if current == name:
        raise UsageRefused(f"{engine.url}: {name} is a collection that is not ours", "name another one")
    collection = current or f"{name}_g1"
    _make(engine, collection, dim, kinds)
    found = engine.describe(collection)
    if found != (dim, {field_name(one): kind for one, kind in kinds.items()}):
        raise UsageRefused(
            f"{engine.url} holds vectors of {found[0]} values with the attributes {_said(found[1])}, asked for are "
            f"{dim} with {_said({field_name(one): kind for one, kind in kinds.items()})}",
            "name another collection in the URL",
        )
    if current is None:
        engine.point(name, collection)


def current(engine: MilvusEngine, name: str) -> str:
    """Return the collection that counts.

    Raises:
        UsageRefused: it was removed since this handle was opened.
    """
    collection = engine.behind(name)
    if collection is None:
        raise UsageRefused(f"{engine.url}: {name} was removed", "open it again, and fill it")
    return collection


def next_generation(engine: MilvusEngine, name: str, dim: int, kinds: Kinds) -> str:
    """Make an empty collection to be filled, in the place of any that was not filled to its end."""
    counts = current(engine, name)
    for left in _generations(engine, name):
        if left != counts:
            _drop(engine, left)
    collection = f"{name}_g{int(counts.rpartition('_g')[2]) + 1}"
    _make(engine, collection, dim, kinds)
    return collection


def switch(engine: MilvusEngine, name: str, collection: str) -> None:
    """Have a filled collection count from now on, and remove the one that did."""
    before = current(engine, name)
    engine.point(name, collection)
    _drop(engine, before)


def remove(engine: MilvusEngine, name: str) -> None:
    """Remove a store and all its generations, if it is there; a collection of that name that is not ours stays."""
    if engine.behind(name) not in (None, name):
        engine.unpoint(name)
    for left in list(_generations(engine, name)):
        _drop(engine, left)


def _make(engine: MilvusEngine, collection: str, dim: int, kinds: Kinds) -> None:
    engine.create(collection, dim, kinds)
    engine.create_mark(marks_of(collection))


def _drop(engine: MilvusEngine, collection: str) -> None:
    for one in (marks_of(collection), collection):
        engine.drop(one)


def _generations(engine: MilvusEngine, name: str) -> Iterator[str]:
    ours = re.compile(rf"{name}_g[0-9]+")
    return (one for one in engine.collections() if ours.fullmatch(one))


def _said(kinds: Kinds) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in kinds.items()) or "none"
