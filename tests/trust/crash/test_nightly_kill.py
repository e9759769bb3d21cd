"""`index nightly` killed at every named step: the next night tells of all that was found, and of nothing twice."""

import json
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image

from tests.crash.server import Server
from tests.crash.stage import noise

KILLED = -signal.SIGKILL
STEPS = [
    "generation.before_commit",
    "night.built",
    "night.page_written",
    "replace.before_rename",
    "night.reported",
    "night.before_commit",
    "night.after_commit",
]


@pytest.fixture(scope="module")
def built(open_folder: Path, server: Server) -> Path:
    """A shop whose first night is over, with a copy, an exact copy and a broken file that came since."""
    folder = open_folder / "nights"
    for seed in range(4):
        noise(folder / f"shop/ann/{seed}.png", seed)
    assert server.run("nightly", "shop", cwd=folder).code == 0
    with Image.open(folder / "shop/ann/0.png") as first:
        (folder / "shop/bob").mkdir()
        first.save(folder / "shop/bob/copy.bmp")
    shutil.copy2(folder / "shop/ann/1.png", folder / "shop/bob/same.png")
    (folder / "shop/bob/broken.png").write_text("no picture")
    return folder


@pytest.mark.parametrize("step", STEPS)
def test_a_night_killed_at_any_step_is_run_again_with_nothing_lost_and_nothing_told_twice(
    built: Path, server: Server, tmp_path: Path, step: str
) -> None:
    case = shutil.copytree(built, tmp_path / "case")
    assert server.run("nightly", cwd=case, failpoint=f"{step}:1:kill").code == KILLED
    again = server.run("nightly", "--json", cwd=case)
    ended = step == "night.after_commit"
    assert (again.code, again.json()["night"]) == ((0, 3) if ended else (3, 2)), again.err
    told = json.loads((case / ".index/nights/000002/report.json").read_text())
    assert sorted((Path(e["path"]).name, Path(e["with"]).name) for e in told["queue"]) == [
        ("1.png", "same.png"),
        ("copy.bmp", "0.png"),
    ]
    assert (len(told["new"]), len(told["rejected"]), told["in_quarantine"]) == (1, 1, 0)
    after = again.json() if ended else server.run("nightly", "--json", cwd=case).json()
    assert (after["night"], after["new"], after["rejected"], after["found"]) == (3, [], [], 0)
    assert not list((case / ".index").rglob("*.tmp"))
    assert server.run("check", "--json", cwd=case).json()["findings"] == []


def test_what_is_released_is_shown_before_it_leaves_quarantine(
    built: Path, server: Server, tmp_path: Path
) -> None:
    case = shutil.copytree(built, tmp_path / "case")
    assert server.run("nightly", "--flood", 0, cwd=case).code == 3
    waiting = server.run("nightly", "--show-quarantine", "--json", cwd=case).json()["findings"]
    assert len(waiting) == 2
    sources = {entry["source"] for entry in waiting}
    for source in sorted(sources):
        killed = server.run(
            "nightly", "--release", source, "--json", cwd=case, failpoint="night.before_release:1:kill"
        )
        assert (killed.code, bool(killed.json()["findings"])) == (KILLED, True)
        assert server.run("nightly", "--release", source, cwd=case).code == 0
    assert server.run("nightly", "--show-quarantine", "--json", cwd=case).json() == {"findings": []}


def test_a_full_disk_ends_the_night_with_its_code_and_the_next_one_tells_of_it_all(
    built: Path, server: Server, tmp_path: Path
) -> None:
    case = shutil.copytree(built, tmp_path / "case")
    ended = server.run("nightly", cwd=case, failpoint="night.before_commit:1:enospc")
    assert (ended.code, ended.out, "Traceback" in ended.err) == (14, "", False)
    assert server.run("nightly", "--json", cwd=case).json()["found"] == 2
