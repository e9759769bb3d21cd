"""A build that finds nothing to do leaves a stamp, by which the next knows it without opening anything."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexer import build, durable
from indexer.errors import REJECTED, StoreLocked
from indexer.settings import load_settings
from indexer.stamp import STAMP_FILE, unchanged_report
from tests.conftest import Answer, Command
from tests.pictures import save

STORE = Path(".index")
STAMP = STORE / STAMP_FILE


def age(folder: Path) -> None:
    """Make everything in a folder older than what might still change unseen."""
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, ns=(1, path.stat().st_mtime_ns - 10**10))


def recalled() -> dict[str, Any] | None:
    """What the stamp alone answers, but for the time that it took."""
    report = unchanged_report(STORE, [], load_settings(STORE, {}))
    return report and {**report.to_dict(), "seconds": 0}


def plain(answer: Answer) -> dict[str, Any]:
    return {**answer.json(), "seconds": 0}


@pytest.fixture
def stamped(index: Command, catalogue: Path, tiny_encoder: Path) -> Path:
    """A catalogue that a build without arguments found unchanged."""
    index("build", catalogue)
    age(STORE)
    age(tiny_encoder)
    assert index("build").code == 0
    assert STAMP.exists()
    return catalogue


def test_the_stamp_answers_as_the_build_that_left_it(index: Command, stamped: Path) -> None:
    by_stamp = index("build", "--json")
    STAMP.unlink()
    by_build = index("build", "--json")
    assert by_stamp.code == by_build.code == 0
    assert plain(by_stamp) == plain(by_build) == recalled()
    assert plain(by_stamp)["unchanged"] == 24


def test_rejections_are_told_again(index: Command, catalogue: Path, tiny_encoder: Path) -> None:
    (catalogue / "cup/text.jpg").write_text("no picture")
    index("build", catalogue)
    age(STORE)
    age(tiny_encoder)
    by_build = index("build", "--json")
    by_stamp = index("build", "--json")
    assert recalled() == plain(by_stamp) == plain(by_build)
    assert by_stamp.code == REJECTED
    assert [Path(entry["path"]).name for entry in plain(by_stamp)["rejected"]] == ["text.jpg"]


def test_neither_the_database_nor_an_encoder_is_opened_for_it(stamped: Path) -> None:
    program = (
        "import sys; from indexer.cli import run; code = run(['build', '-q']);"
        "print([name for name in ('numpy', 'sqlalchemy', 'onnxruntime', 'faiss', 'alembic') if name in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


def edit(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b" ")


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


CHANGES: dict[str, Callable[[Path, Command], object]] = {
    "a new file": lambda catalogue, _: save(catalogue / "cup/new.jpg", 900),
    "a file that left": lambda catalogue, _: (catalogue / "cup/00.jpg").unlink(),
    "a file that moved": lambda catalogue, _: (catalogue / "cup/00.jpg").rename(catalogue / "cup/99.jpg"),
    "a file of another size": lambda catalogue, _: edit(catalogue / "cup/00.jpg"),
    "a file of another time": lambda catalogue, _: touch(catalogue / "cup/00.jpg"),
    "a folder named like a picture": lambda catalogue, _: (catalogue / "cup/odd.jpg").mkdir(),
    "a decision": lambda catalogue, index: index(
        "decide", catalogue / "cup/00.jpg", catalogue / "cup/01.jpg", "different"
    ),
    "a label": lambda catalogue, index: index("label", catalogue / "cup/00.jpg", "mug"),
    "a setting": lambda _, __: edit(STORE / "index.toml"),
    "a search file that is gone": lambda _, __: next((STORE / "faiss").iterdir()).unlink(),
    "what a killed build left": lambda _, __: (STORE / "faiss/7.tmp").write_bytes(b""),
    "a broken stamp": lambda _, __: edit(STAMP),
    "an empty stamp": lambda _, __: STAMP.write_bytes(b""),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_build_is_made_after(change: str, index: Command, stamped: Path) -> None:
    assert recalled()
    CHANGES[change](stamped, index)
    assert recalled() is None


def test_a_build_is_made_where_the_encoder_changed(index: Command, stamped: Path, tiny_encoder: Path) -> None:
    spec = tiny_encoder / "spec.json"
    before = spec.stat().st_mtime_ns
    touch(spec)
    assert recalled() is None
    os.utime(spec, ns=(1, before))
    assert recalled()


def test_a_build_is_made_where_something_else_is_asked(
    index: Command, stamped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(STORE, {})
    assert unchanged_report(STORE, [], settings)
    assert unchanged_report(STORE, [stamped], settings) is None
    assert unchanged_report(STORE, [], load_settings(STORE, {"metric": "l2"})) is None
    assert (
        unchanged_report(STORE, [], load_settings(STORE, {}, os.environ | {"INDEX_MAX_PIXELS": "100"}))
        is None
    )
    assert unchanged_report(STORE, [], load_settings(STORE, {"vectors": "milvus://host"})) is None
    elsewhere = os.environ | {"INDEX_DATABASE": "postgresql://host/name"}
    assert unchanged_report(STORE, [], load_settings(STORE, {}, elsewhere)) is None
    monkeypatch.chdir(stamped)  # where names of files are shown otherwise
    assert unchanged_report(stamped.parent / STORE, [], settings) is None


@pytest.mark.parametrize("option", [("--exclude", "00.jpg"), ("--labels", "labels.csv")])
def test_globs_and_labels_are_always_looked_at(
    option: tuple[str, str], index: Command, stamped: Path
) -> None:
    Path("labels.csv").write_text("path,label\ncatalogue/cup/00.jpg,mug\n")
    index("build", stamped)
    assert unchanged_report(STORE, [stamped], load_settings(STORE, {}))
    index("build", stamped, *option)
    assert unchanged_report(STORE, [stamped], load_settings(STORE, {})) is None


def test_a_manifest_is_always_read(index: Command, catalogue: Path, tiny_encoder: Path) -> None:
    Path("list.csv").write_text("path,label\ncatalogue/cup/00.jpg,mug\n")
    index("build", "list.csv")
    age(STORE)
    age(tiny_encoder)
    index("build")
    assert not STAMP.exists()


def test_a_store_that_changed_a_moment_ago_is_not_stamped(
    index: Command, catalogue: Path, tiny_encoder: Path
) -> None:
    index("build", catalogue)
    age(tiny_encoder)
    index("build")
    assert not STAMP.exists()


def test_an_encoder_that_changes_while_a_build_looks_at_files_is_not_stamped(
    index: Command, catalogue: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index("build", catalogue)
    age(STORE)
    age(tiny_encoder)
    looked = build._report

    def and_then_it_changes(*arguments: Any) -> Any:
        (tiny_encoder / "spec.json").touch()
        monkeypatch.setattr("time.time_ns", lambda: now + 10**11)  # and the build takes its time
        return looked(*arguments)

    now = time.time_ns()
    monkeypatch.setattr(build, "_report", and_then_it_changes)
    assert index("build").code == 0
    assert not STAMP.exists()


def test_two_writers_are_kept_apart(index: Command, stamped: Path) -> None:
    with durable.writer_lock(STORE / "lock"):
        assert index("build").code == StoreLocked.exit_code


def test_a_stamp_that_cannot_be_written_costs_nothing_else(
    index: Command, catalogue: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index("build", catalogue)
    age(STORE)
    age(tiny_encoder)
    monkeypatch.setenv("INDEX_FAILPOINT", "replace.before_rename:1:enospc")
    monkeypatch.setattr(durable, "_hits", {})
    assert index("build").code == 0
    assert [path.name for path in STORE.glob("unchanged*")] == []


def test_excluded_files_stay_out(index: Command, stamped: Path, tiny_encoder: Path) -> None:
    index("remove", stamped / "cup/00.jpg")
    index("build", stamped, "--exclude", "01.jpg")
    age(STORE)
    index("build")
    report = recalled()
    assert report is not None
    stamp = json.loads(STAMP.read_bytes().partition(b"\n")[2])
    assert report["unchanged"] == report["found"] == 24 - 1 - len(list(stamped.glob("*/01.jpg")))
    assert [seen["exclude"] for seen in stamp["catalogues"]] == [["01.jpg"]]
    (stamped / "cup/00.jpg").touch()
    assert recalled() == report
