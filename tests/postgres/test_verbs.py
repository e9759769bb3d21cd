"""Every verb gives with PostgreSQL what it gives with SQLite."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.pictures import picture, save

VOLATILE = {"seconds", "committed_at", "finished_at", "store_bytes", "database"}


def settled(document: Any) -> Any:
    """Leave out what two runs never share."""
    if isinstance(document, dict):
        return {name: settled(value) for name, value in document.items() if name not in VOLATILE}
    return [settled(entry) for entry in document] if isinstance(document, list) else document


def story(index: Command, catalogue: Path) -> list[Any]:
    """A catalogue's life, and what was answered on the way."""
    shutil.copy(catalogue / "cup/00.jpg", catalogue / "cup/same.jpg")
    picture(3, (300, 240)).resize((200, 160)).save(catalogue / "bass/small.jpg", quality=60)
    (catalogue / "cup/broken.jpg").write_bytes(b"no picture")
    answers = []

    def tell(*arguments: object) -> None:
        answer = index(*arguments, "--json")
        assert answer.code in {0, 3, 4}, answer.err
        answers.append((answer.code, settled(json.loads(answer.out))))

    tell("build", catalogue)
    tell("build")
    tell("query", catalogue / "cup/00.jpg", "-k", 5)
    tell("query", catalogue / "cup/01.jpg", "--where", "label=cup")
    tell("dedupe")
    tell("decide", catalogue / "cup/00.jpg", catalogue / "cup/01.jpg", "different")
    tell("label", catalogue / "cup/02.jpg", "mug")
    save(catalogue / "cup/new.jpg", 900)
    (catalogue / "cup/03.jpg").rename(catalogue / "bass/moved.jpg")
    (catalogue / "cup/04.jpg").unlink()
    tell("build")
    tell("nightly")
    tell("classify", catalogue / "cup/02.jpg")
    tell("remove", catalogue / "bass")
    tell("status")
    tell("check")
    return answers


def test_the_same_catalogue_is_told_the_same(
    index: Command, catalogue: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Path("kept")
    shutil.copytree(catalogue, kept)
    with_sqlite = story(index, catalogue)
    shutil.rmtree(".index")
    shutil.rmtree(catalogue)
    kept.rename(catalogue)
    monkeypatch.setenv("INDEX_DATABASE", url)
    with_postgres = story(index, catalogue)
    assert not Path(".index/catalog.db").exists()
    for before, after in zip(with_sqlite, with_postgres, strict=True):
        assert before == after
