"""A decision that is killed on its way is in the ledger or it is not, and never half of a file's."""

import shutil
import signal
from pathlib import Path

import pytest

from tests.crash.server import Server
from tests.crash.stage import noise

VERBS = {
    "decide": (("decide", "a.png", "b.png", "same"), 1),
    "import": (("decide", "--import", "by-hand.csv"), 2),
}


@pytest.fixture(scope="module")
def built(open_folder: Path, server: Server) -> Path:
    """An index over three pictures, and a list of two decisions."""
    folder = open_folder / "decided"
    for seed, name in enumerate("abc"):
        noise(folder / f"{name}.png", seed)
    rows = ("first_path,second_path,verdict", "a.png,b.png,same", "b.png,c.png,different")
    (folder / "by-hand.csv").write_text("\n".join(rows))
    assert server.run("build", folder, cwd=folder).code == 0
    return folder


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("point", "kept"),
    [("lock.taken", False), ("decision.before_commit", False), ("decision.after_commit", True)],
)
def test_a_decision_killed_at_any_step_is_there_or_not_and_can_be_made_again(
    built: Path, server: Server, tmp_path: Path, verb: str, point: str, kept: bool
) -> None:
    arguments, count = VERBS[verb]
    folder = shutil.copytree(built, tmp_path / "case")

    def decided() -> int:
        return len(server.run("decide", "--list", "--json", cwd=folder).json()["decisions"])

    assert server.run(*arguments, cwd=folder, failpoint=f"{point}:1:kill").code == -signal.SIGKILL
    assert decided() == (count if kept else 0)
    checked = server.run("check", "--json", cwd=folder)
    assert (checked.code, checked.json()["findings"]) == (0, [])
    assert server.run(*arguments, cwd=folder).code == 0
    assert decided() == count


@pytest.mark.parametrize(("action", "code"), [("enospc", 14), ("eio", 12)])
def test_a_disk_that_is_full_or_fails_leaves_the_ledger_as_it_was(
    built: Path, server: Server, tmp_path: Path, action: str, code: int
) -> None:
    folder = shutil.copytree(built, tmp_path / "case")
    ended = server.run(*VERBS["import"][0], cwd=folder, failpoint=f"decision.before_commit:1:{action}")
    assert (ended.code, ended.out, "Traceback" in ended.err) == (code, "", False)
    assert server.run("decide", "--list", "--json", cwd=folder).json()["decisions"] == []
