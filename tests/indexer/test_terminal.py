"""What people see on a terminal: tables with rules, a bar while it works; in a pipe neither."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from indexer.commands.output import human_size
from tests.conftest import Command


def on_a_terminal(*arguments: object) -> str:
    """Run `index ...` on a terminal of its own, 200 columns wide, and return what it shows."""
    ours, its = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "indexer", *map(str, arguments)]
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux's word for a terminal that nobody writes to any more
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert process.returncode == 0, shown
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_a_build_shows_how_far_it_is_and_a_query_answers_in_a_table(catalogue: Path) -> None:
    built = on_a_terminal("build", catalogue)
    assert "24/24" in built
    assert "24 indexed" in built
    table = on_a_terminal("query", catalogue / "cup/03.jpg", "-k", 2)
    assert "───" in table
    first = next(line for line in table.splitlines() if "cup/03.jpg" in line)
    assert first.split()[:2] == ["1", "1.0000"]
    assert "\t" not in table
    assert re.search(r"^files {2,}24 files", on_a_terminal("status"), re.MULTILINE)


def test_a_quiet_build_draws_no_bar(catalogue: Path) -> None:
    assert "24/24" not in on_a_terminal("build", catalogue, "--quiet")


def test_in_a_pipe_cells_are_separated_by_tabs(index: Command, catalogue: Path) -> None:
    index("build", catalogue)
    answer = index("query", catalogue / "cup/03.jpg", "-k", 1)
    assert answer.out.splitlines()[0].split("\t")[:3] == ["rank", "score", "distance"]
    assert "24/24" not in answer.err


def test_sizes_have_the_unit_that_suits_them() -> None:
    sizes = (0, 1023, 1024, 1536 * 1024, 5 << 30, 3 << 40)
    assert [human_size(size) for size in sizes] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.5 MiB",
        "5.0 GiB",
        "3.0 TiB",
    ]
