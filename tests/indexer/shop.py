"""A small index to damage behind its back, and what a check and a repair then say."""

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from indexer import Index
from indexer.check import Finding, Severity, check
from indexer.store import Store
from tests.pictures import save
from tests.tiny_encoder import write_tiny_encoder

PICTURES = 6
ALL = [f"shop/{seed}.png" for seed in range(PICTURES)]

Told = list[tuple[Severity, str, str]]  # severity, kind and message


def make_shop(folder: Path) -> None:
    """Index six pictures with an encoder that lies beside them, and decide on a pair."""
    for seed in range(PICTURES):
        save(folder / f"shop/{seed}.png", seed)
    write_tiny_encoder(folder / "encoder")
    with Index(folder, encoder=folder / "encoder", jobs=1) as index:
        index.build(folder / "shop")
        index.decide(folder / "shop/0.png", folder / "shop/1.png", "different")


def changed(*statements: str) -> None:
    """Change rows of the index behind its back."""
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        for statement in statements:
            assert database.execute(statement).rowcount, f"nothing was changed by {statement}"
        database.commit()


def found() -> list[Finding]:
    """Check; places are named as they are seen from here."""
    return [replace(one, where=seen_from_here(one.where)) for one in check(Store(Path(".index")))]


def seen_from_here(where: str) -> str:
    return os.path.relpath(where) if os.path.isabs(where) else where


def told() -> Told:
    return [(finding.severity, finding.kind, finding.message) for finding in found()]


def healed() -> list[str]:
    """Repair; return what was done. A second repair finds nothing to do."""
    report = Index(".").repair()
    assert report.left == []
    assert told() == []
    again = Index(".").repair()
    assert (again.found, again.done) == ([], [])
    return report.done


def paths_found() -> list[str]:
    with Index(".") as index:
        return sorted(match.path for match in index.query(Path("shop/0.png"), k=50, parts=False))


def faiss_files() -> list[Path]:
    return sorted(Path(".index/faiss").iterdir())
