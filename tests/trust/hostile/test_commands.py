"""Every specimen as a catalogue item and as a query, through the commands: a reason each, and never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.scan import scan_folder
from tests.hostile.corpus import specimens
from tests.hostile.specimen import DECODES, Specimen

pytestmark = pytest.mark.timeout(1800)  # on a machine that is busy with something else

ROOT = Path(__file__).parents[3]
ODD = {"not-a-file", "link-broken", "link-outside"}


def index(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INDEX_")}
    command = [sys.executable, "-m", "indexer", *map(str, arguments)]
    environment |= {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=1700
    )


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Specimen]]:
    """All specimens in one folder, by the path that they have in it."""
    folder = tmp_path_factory.mktemp("zoo") / "catalogue"
    folder.mkdir()
    return folder, {str(specimen.make(folder)): specimen for specimen in specimens()}


@pytest.fixture(scope="module")
def report(zoo: tuple[Path, dict[str, Specimen]]) -> dict[str, object]:
    folder, _ = zoo
    done = index("build", folder, "--json", cwd=folder.parent)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_catalogue_of_nothing_but_trouble_is_indexed_around_it(
    zoo: tuple[Path, dict[str, Specimen]], report: dict[str, object]
) -> None:
    folder, kept = zoo
    scan = scan_folder(str(folder))
    candidates = {found.path for found in scan.files} | {odd.path for odd in scan.odd}
    reasons = {str(folder.parent / entry["path"]): entry["reason"] for entry in report["rejected"]}  # type: ignore[union-attr]
    assert report["found"] == len(candidates)
    assert report["indexed"] == len(candidates) - len(reasons) >= 60
    for path, specimen in kept.items():
        if path in reasons:
            assert reasons[path] in specimen.expect | ODD, path
        elif path in candidates:
            assert DECODES in specimen.expect, path


def test_every_rejection_says_what_to_do_in_one_printable_line(report: dict[str, object]) -> None:
    for entry in report["rejected"]:  # type: ignore[union-attr]
        assert 10 < len(entry["message"]) < 400
        assert entry["message"].isprintable()


def test_the_index_is_sound_and_a_second_build_reads_next_to_nothing(
    zoo: tuple[Path, dict[str, Specimen]], report: dict[str, object]
) -> None:
    folder, _ = zoo
    assert index("check", cwd=folder.parent).returncode == 0
    again = json.loads(index("build", folder, "--json", cwd=folder.parent).stdout)
    assert (again["encoded"], again["indexed"], again["found"]) == (0, 0, report["found"])
    assert again["rejected"] == report["rejected"]


def test_every_specimen_as_a_query_is_answered_or_named(
    zoo: tuple[Path, dict[str, Specimen]], report: dict[str, object]
) -> None:
    folder, kept = zoo
    asked = [path for path in kept if os.path.lexists(path) and os.path.exists(path)]
    done = index("query", *asked, "-k", 1, "--json", cwd=folder.parent)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    answers = json.loads(done.stdout)["queries"]
    assert [answer["query"] for answer in answers] == asked
    for path, answer in zip(asked, answers, strict=True):
        fate = answer.get("reason", DECODES)
        assert fate in kept[path].expect | ODD, path
        assert (fate == DECODES) == bool(answer["results"]), path
