"""An index moves to a server and back, and nobody who uses it sees a difference."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from indexer.store import Store
from indexer.tables import Item
from tests.conftest import Command
from tests.pictures import save
from tests.postgres.test_verbs import settled


@pytest.fixture
def used(index: Command, catalogue: Path) -> Path:
    """An index that was built, decided on and rebuilt, its newest picture gone again."""
    index("build", catalogue)
    index("decide", catalogue / "cup/00.jpg", catalogue / "cup/01.jpg", "different")
    index("label", catalogue / "cup/02.jpg", "mug")
    newest = save(catalogue / "cup/new.jpg", 900)
    index("build")
    newest.unlink()
    index("build")
    return catalogue


def answers(index: Command, catalogue: Path) -> list[Any]:
    asked = [
        ("query", catalogue / "cup/00.jpg"),
        ("dedupe",),
        ("classify", catalogue / "cup/02.jpg"),
        ("status",),
        ("check",),
    ]
    told = [index(*arguments, "--json") for arguments in asked]
    assert [answer.code for answer in told] == [0] * len(asked)
    return [settled(answer.json()) for answer in told]


def newest_item() -> int:
    with Store(Path(".index")).database.reading() as connection:
        return int(connection.execute(select(func.max(Item.id))).scalar_one())


def test_it_answers_as_before_at_each_place(index: Command, used: Path, url: str) -> None:
    before = answers(index, used)
    for place in (url, "sqlite", None):
        if place is not None:
            copied = index("copy", "--to", place, "--json")
            assert copied.code == 0, copied.err
            assert copied.json()["rows"]["items"] == 24
            Path(".index/catalog.db.copied").unlink(missing_ok=True)
        assert answers(index, used) == before


def test_no_number_is_given_again(index: Command, used: Path, url: str) -> None:
    """Who follows by number would take a new picture for one that it saw."""
    ever_given = newest_item() + 1  # to the picture that is gone
    for place in (url, "sqlite"):
        if place == "sqlite":
            Path(".index/catalog.db.copied").unlink()
        assert index("copy", "--to", place).code == 0
        save(used / f"cup/after-{place[:6]}.jpg", len(place))
        assert index("build").code == 0
        assert newest_item() > ever_given
        ever_given = newest_item()


def test_the_file_that_is_left_is_not_found_as_an_index(index: Command, used: Path, url: str) -> None:
    index("copy", "--to", url)
    assert sorted(path.name for path in Path(".index").glob("catalog.db*")) == ["catalog.db.copied"]


def test_the_other_settings_stay_as_they_were_written(index: Command, used: Path, url: str) -> None:
    settings = Path(".index/index.toml")
    settings.write_text("# ours\nexact_limit = 77  # why\n")
    index("copy", "--to", url)
    assert settings.read_text() == f'database = "{url}"\n# ours\nexact_limit = 77  # why\n'
    index("copy", "--to", "sqlite")
    assert settings.read_text() == "# ours\nexact_limit = 77  # why\n"


def test_an_index_is_never_copied_over_another(index: Command, used: Path, url: str) -> None:
    assert index("copy", "--to", url).code == 0
    assert "already" in index("copy", "--to", url).err
    Path("second").mkdir()
    save(Path("second/a.jpg"), 5)
    assert index("build", "second", "--store", "second-index").code == 0
    refused = index("copy", "--to", url, "--store", "second-index")
    assert (refused.code, "an index already" in refused.err) == (2, True)


@pytest.mark.parametrize(
    "point", ["transaction.before_commit:1", "copy.before_switch:1", "copy.after_switch:1"]
)
def test_a_copy_that_is_killed_leaves_the_index_at_one_place(
    point: str, index: Command, used: Path, url: str
) -> None:
    before = answers(index, used)
    environment = {**os.environ, "INDEX_FAILPOINT": f"{point}:kill"}
    command = [sys.executable, "-m", "indexer", "copy", "--to", url]
    killed = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert answers(index, used) == before
    at_server = index("status", "--json").json()["database"] == url
    assert at_server == (point == "copy.after_switch:1")
