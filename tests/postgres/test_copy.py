"""An index moves to a server and back, and nobody who uses it sees a difference."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from indexer import copy_database
from indexer.errors import IndexNotFound, StoreLocked, UsageRefused
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
    assert (refused.code, "holds an index" in refused.err) == (2, True)


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
    if (
        point == "transaction.before_commit:1"
    ):  # of the rows: none are there, and the copy is simply made again
        assert index("copy", "--to", url).code == 0
        assert answers(index, used) == before


@pytest.mark.parametrize("point", ["transaction.before_commit:1", "copy.before_switch:1"])
def test_a_copy_into_a_file_that_is_killed_is_made_again(
    point: str, index: Command, used: Path, url: str
) -> None:
    assert index("copy", "--to", url).code == 0
    before = answers(index, used)
    environment = {**os.environ, "INDEX_FAILPOINT": f"{point}:kill"}
    command = [sys.executable, "-m", "indexer", "copy", "--to", "sqlite"]
    killed = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert answers(index, used)[:-1] == before[:-1]  # the check names what the kill left
    assert index("copy", "--to", "sqlite").code == 0
    assert answers(index, used) == before
    assert index("status", "--json").json()["database"].endswith("catalog.db")


def test_what_a_server_is_told_meanwhile_is_refused_and_not_lost(
    index: Command, used: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no lock of the store: what is added waits for the database itself, and not for ever."""
    refused = []
    copied = copy_database._copy_rows

    def while_another_adds(*arguments: Any) -> Any:
        rows = copied(*arguments)
        with pytest.raises(StoreLocked) as told, Store(Path(".index")).adding():
            pass
        refused.append(told.value)
        return rows

    monkeypatch.setattr(copy_database, "_copy_rows", while_another_adds)
    assert index("copy", "--to", url).code == 0
    assert len(refused) == 1
    with Store(Path(".index")).adding():  # which is where the database is now
        pass


@pytest.mark.parametrize("place", ["server", "file"])
def test_a_program_that_has_the_old_database_open_adds_nothing_to_it(
    place: str, index: Command, used: Path, url: str
) -> None:
    if place == "file":
        index("copy", "--to", url)
    stale = Store(Path(".index"))
    assert stale.database.exists()
    assert index("copy", "--to", url if place == "server" else "sqlite").code == 0
    with pytest.raises((StoreLocked, IndexNotFound)), stale.adding():
        pass
    with pytest.raises(StoreLocked, match="moved"), stale.snapshot():
        pass
    with pytest.raises(StoreLocked, match="moved"), stale.locked():
        pass


def test_each_file_that_is_left_is_kept(index: Command, used: Path, url: str, other_url: str) -> None:
    for place in (url, "sqlite", other_url):
        assert index("copy", "--to", place).code == 0
    left = sorted(path.name for path in Path(".index").glob("catalog.db*"))
    assert left == ["catalog.db.copied", "catalog.db.copied-again"]


def test_a_variable_that_names_the_database_is_not_talked_over(
    index: Command, used: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index("copy", "--to", url)
    monkeypatch.setenv("INDEX_DATABASE", url)
    refused = index("copy", "--to", "sqlite")
    assert (refused.code, "unset it" in refused.err) == (2, True)


@pytest.mark.parametrize(
    "written",
    ['"database" = "x"\n', 'database = """\nx"""\n', "[database]\nurl = 1\n"],
    ids=["quoted", "lines", "table"],
)
def test_settings_that_cannot_be_replaced_are_left_as_they_are(
    written: str, index: Command, used: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Path(".index/index.toml")
    settings.write_text(written)
    with pytest.raises(UsageRefused, match="cannot replace"):
        copy_database._renamed(settings, url)
    assert settings.read_text() == written


def test_comments_and_empty_lines_around_the_setting_stay(index: Command, used: Path, url: str) -> None:
    settings = Path(".index/index.toml")
    settings.write_text("# database = see the wiki\n#\n\njobs = 1\n")
    assert index("copy", "--to", url).code == 0
    assert settings.read_text() == f'database = "{url}"\n# database = see the wiki\n#\n\njobs = 1\n'
