import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from indexer import errors
from indexer.cli import VERBS, index, printable, run
from tests.conftest import Command
from tests.pictures import save

ROOT = Path(__file__).parent.parent.parent


def commands() -> dict[str, click.Command]:
    context = click.Context(index)
    return {verb: command for verb in VERBS if (command := index.get_command(context, verb))}


def test_every_verb_has_help_with_an_example() -> None:
    for verb, command in commands().items():
        assert command.help
        assert f"index {verb}" in command.help or verb == "status", verb


def test_every_verb_and_every_option_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for verb, command in commands().items():
        assert f"`index {verb}" in readme, verb
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                longest = max(parameter.opts, key=len)
                assert longest in readme, f"{verb} {longest}"


def test_every_exit_code_is_in_the_readme_and_is_as_the_contract_says() -> None:
    codes = {
        errors.UsageRefused: 2,
        errors.IndexNotFound: 10,
        errors.StoreLocked: 11,
        errors.StoreDamaged: 12,
        errors.NewerFormat: 13,
        errors.NoSpace: 14,
        errors.PermissionRefused: 15,
        errors.WrongEncoder: 16,
        errors.EngineUnavailable: 17,
    }
    readme = (ROOT / "README.md").read_text()
    for error, code in codes.items():
        assert error.exit_code == code
        assert re.search(rf"^\| {code} \|", readme, re.MULTILINE), code
    fixed = (errors.DONE, errors.BUG, errors.USAGE, errors.REJECTED, errors.FOUND, errors.INTERRUPTED)
    assert fixed == (0, 1, 2, 3, 4, 130)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["query", "nothing.jpg"], 2, "does not exist"),
        (["build"], 2, "which folder?"),
        (["build", "nowhere"], 2, "nowhere does not exist"),
        (["fly"], 2, "No such command"),
        (["status"], 10, "no index in"),
        (["check"], 10, "no index in"),
        (["dedupe"], 10, "no index in"),
        (["export", "x.npz"], 10, "no index in"),
    ],
)
def test_a_command_that_cannot_be_meant_says_why_and_has_its_code(
    index: Command, arguments: list[str], code: int, says: str
) -> None:
    answer = index(*arguments)
    assert (answer.code, answer.out) == (code, "")
    assert says in answer.err
    assert "Traceback" not in answer.err


def test_a_command_that_fails_leaves_no_store_behind(index: Command, workplace: Path) -> None:
    index("build", "nowhere")
    index("status")
    assert list(workplace.iterdir()) == []


def test_the_store_is_the_one_of_the_environment_from_wherever_it_is_asked_unless_one_is_named(
    index: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(workplace / "c/a.jpg", 1)
    monkeypatch.setenv("INDEX_STORE", str(workplace / "elsewhere"))
    assert index("build", "c").code == 0
    assert not (workplace / ".index").exists()
    monkeypatch.chdir(workplace / "c")
    assert index("status", "--json").json()["files"] == 1
    assert "no index in" in index("status", "--store", workplace / ".index").err


def test_results_go_to_stdout_and_everything_else_to_stderr(index: Command, catalogue: Path) -> None:
    (catalogue / "bad.jpg").write_text("no picture")
    answer = index("build", catalogue, "--json")
    assert answer.code == errors.REJECTED
    assert answer.json()["found"] == 25
    assert index("query", catalogue / "cup/00.jpg", "--json").json()["queries"][0]["results"][0]["rank"] == 1


def test_a_name_cannot_steer_the_terminal(index: Command, workplace: Path) -> None:
    folder = workplace / "c"
    folder.mkdir()
    (folder / "\x1b[2Jx.jpg").write_text("no picture")
    answer = index("build", folder)
    assert "\x1b" not in answer.out + answer.err
    assert "\\x1b[2Jx.jpg" in answer.err
    assert printable("a\tb\x07") == "a\\tb\\x07"


def test_the_help_takes_little_more_than_the_library_that_it_is_written_with(tmp_path: Path) -> None:
    def seconds(*arguments: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True, cwd=ROOT)
        return time.perf_counter() - started

    in_turns = [(seconds("-m", "indexer", "--help"), seconds("-c", "import click")) for _ in range(5)]
    ours, floor = (min(column) for column in zip(*in_turns, strict=True))
    assert ours < 2 * floor


def test_a_closed_pipe_ends_quietly(workplace: Path) -> None:
    save(workplace / "c/a.jpg", 1)
    script = f"{sys.executable} -m indexer build c && {sys.executable} -m indexer status --json | head -c 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, env=None)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["status", "--json"]])
def test_a_reader_that_is_gone_is_no_failure(workplace: Path, arguments: list[str]) -> None:
    save(workplace / "c/a.jpg", 1)
    assert run(["build", "c", "--quiet"]) == 0
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [sys.executable, "-m", "indexer", *arguments], stdout=writing, stderr=subprocess.PIPE
    ) as process:
        os.close(writing)
        words = process.communicate()[1]
    assert (process.returncode, words) == (0, b"")


def test_a_library_that_gives_up_is_a_bug_of_ours_and_its_code_is_not_ours(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a web server does that cannot start."""

    def give_up(*arguments: object, **options: object) -> None:
        raise SystemExit(3)

    monkeypatch.setattr("indexer.status.status", give_up)
    save(workplace / "c/a.jpg", 1)
    assert run(["build", "c", "--quiet"]) == 0
    assert run(["status"]) == 1
    assert "bug of ours" in capsys.readouterr().err
