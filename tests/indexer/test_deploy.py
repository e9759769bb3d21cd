"""What deploy/ tells the command line to do is what the command line knows."""

import re
from pathlib import Path

import click
import pytest

from indexer.cli import VERBS, index
from indexer.settings import _KINDS
from indexer.web.address import TOKEN_VARIABLE

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = [path for path in sorted(DEPLOY.rglob("*")) if path.is_file()]


def commands(text: str) -> list[list[str]]:
    """Every list of arguments for `index`, and every one that a comment shows."""
    lists = [
        found.replace('"', "").replace(",", " ").split()
        for found in re.findall(r"\[((?:\")?serve[^\]]*)\]", text)
    ]
    return lists + [shown.split("#")[0].split() for shown in re.findall(r"run --rm index (.*)", text)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_verb_and_option_is_one_that_there_is(path: Path) -> None:
    for verb, *arguments in commands(path.read_text()):
        assert verb in VERBS
        command = index.get_command(click.Context(index), verb)
        assert command is not None
        options = {name for parameter in command.params for name in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= options


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_is_one_that_is_read(path: Path) -> None:
    known = {f"INDEX_{name.upper()}" for name in _KINDS} | {"INDEX_STORE", TOKEN_VARIABLE}
    assert set(re.findall(r"\bINDEX_[A-Z_]+", path.read_text())) <= known


def test_each_kind_of_place_is_told_how() -> None:
    assert {path.name for path in FILES} == {"Dockerfile", "compose.yaml", "index.yaml"}
    assert sum(len(commands(path.read_text())) for path in FILES) >= 5
