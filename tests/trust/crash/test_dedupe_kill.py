"""`index dedupe` killed at every named step: no file is lost, a link is never half there, and all can be undone."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.server import Server
from tests.crash.stage import noise

KILLED = -signal.SIGKILL
COPIES = 3
TRASHING = ["dispose.planned", "move.before_rename", "move.before_dirsync", "dispose.touched", "dispose.done"]
LINKING = ["dispose.planned", "link.before_link", "link.before_rename", "link.before_dirsync", "dispose.done"]
UNDOING = {
    "trash": ["back.before_link", "back.before_unlink", "undo.back"],
    "hardlink": ["separate.before_rename", "undo.back"],
}
# Passages are those of one group with three copies; the second of a step is in the middle of the group.
KILLS = [
    (policy, step, nth)
    for policy, steps in (("trash", TRASHING), ("hardlink", LINKING))
    for step in steps
    for nth in ((1,) if step in {"dispose.planned", "dispose.done"} else (1, 2))
]


@pytest.fixture(scope="module")
def built(open_folder: Path, server: Server) -> Iterator[Path]:
    """An index over a picture, three copies of it byte for byte, and another picture."""
    folder = open_folder / "dedupe"
    first = noise(folder / "shop/a.png", 1)
    for i in range(COPIES):
        shutil.copy2(first, folder / f"shop/copies-{i}.png")
    noise(folder / "shop/other.png", 2)
    assert server.run("build", "shop", cwd=folder).code == 0
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def case(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "case")
    return tmp_path / "case"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_nothing_is_lost(case: Path, before: dict[str, bytes]) -> None:
    """Every file is at its place or in the trash, whole, and the kept one at its place."""
    shop, trash = files(case / "shop"), files(case / ".index/trash")
    assert shop["a.png"] == before["a.png"]
    for name, content in before.items():
        held = [place[name] for place in (shop, trash) if name in place]
        assert held, f"{name} is lost"
        assert all(found == content for found in held), name


def assert_as_before(case: Path, before: dict[str, bytes]) -> None:
    assert files(case / "shop") == before
    assert all(path.stat().st_nlink == 1 for path in (case / "shop").iterdir())
    assert files(case / ".index/trash") == {}


@pytest.mark.parametrize(("policy", "step", "nth"), KILLS)
def test_a_run_killed_at_any_step_loses_no_file_and_can_be_undone(
    case: Path, server: Server, policy: str, step: str, nth: int
) -> None:
    before = files(case / "shop")
    killed = server.run("dedupe", "--policy", policy, cwd=case, failpoint=f"{step}:{nth}:kill")
    assert killed.code == KILLED
    assert_nothing_is_lost(case, before)
    found = server.run("check", "--json", cwd=case).json()["findings"]
    unfinished = [finding for finding in found if finding["kind"] == "disposal-unfinished"]
    assert len(unfinished) == (0 if step == "dispose.done" else COPIES)
    assert server.run("dedupe", "--undo", "last", cwd=case).code == 0
    assert_as_before(case, before)
    again = server.run("dedupe", "--policy", policy, "--json", cwd=case)
    assert (again.code, len(again.json()["disposal"]["disposed"])) == (0, COPIES)


@pytest.mark.parametrize("policy", ["trash", "hardlink"])
def test_repair_settles_what_a_killed_run_was_at_by_what_lies_on_disk(
    case: Path, server: Server, policy: str
) -> None:
    before = files(case / "shop")
    step = {"trash": "move.before_rename", "hardlink": "link.before_rename"}[policy]
    server.run("dedupe", "--policy", policy, cwd=case, failpoint=f"{step}:2:kill")
    done = server.run("check", "--repair", "--json", cwd=case).json()["done"]
    told = sorted(line.split(".png ")[1] for line in done)
    assert told == ["is where it was", "is where it was", "was moved or linked"]
    assert server.run("check", "--repair", "--json", cwd=case).json()["done"] == []
    assert not list((case / "shop").glob(".*"))
    assert server.run("dedupe", "--undo", "last", cwd=case).code == 0
    assert_as_before(case, before)


@pytest.mark.parametrize(
    ("policy", "step"), [(policy, step) for policy in UNDOING for step in UNDOING[policy]]
)
def test_an_undo_killed_at_any_step_is_run_again(case: Path, server: Server, policy: str, step: str) -> None:
    before = files(case / "shop")
    assert server.run("dedupe", "--policy", policy, cwd=case).code == 0
    killed = server.run("dedupe", "--undo", "last", cwd=case, failpoint=f"{step}:2:kill")
    assert killed.code == KILLED
    assert_nothing_is_lost(case, before)
    assert server.run("dedupe", "--undo", "last", cwd=case).code == 0
    assert_as_before(case, before)


@pytest.mark.parametrize("step", ["move.before_rename", "move.before_dirsync", "link.before_link"])
def test_a_step_that_the_disk_refuses_is_told_and_the_disk_says_what_became_of_the_file(
    case: Path, server: Server, step: str
) -> None:
    before = files(case / "shop")
    policy = "hardlink" if step.startswith("link") else "trash"
    ended = server.run("dedupe", "--policy", policy, "--json", cwd=case, failpoint=f"{step}:2:eio")
    assert ended.code == 0, ended.err
    told = ended.json()["disposal"]
    assert len(told["disposed"]) == (COPIES if step == "move.before_dirsync" else COPIES - 1)
    assert_nothing_is_lost(case, before)
    assert server.run("dedupe", "--undo", "last", cwd=case).code == 0
    assert_as_before(case, before)
