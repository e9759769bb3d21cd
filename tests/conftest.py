"""What many tests need: a tiny encoder, a small catalogue, an index over it, and the command line."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from indexer.cli import run
from tests.pictures import make_catalogue
from tests.tiny_encoder import write_tiny_encoder

# How long an example takes says more of the machine than of the code. Hypothesis draws the same at every run, as
# `tests.seeds` has others do; where INDEX_TEST_SEED is set, whatever it is, it draws anew.
settings.register_profile("unhurried", deadline=None, derandomize="INDEX_TEST_SEED" not in os.environ)
settings.load_profile("unhurried")

# A shell has what runs in the background ignore Ctrl-C, and a program that it starts; tests that send it must find it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@dataclass
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.out, f"no answer, exit code {self.code}: {self.err}"
        return json.loads(self.out)


Command = Callable[..., Answer]


@pytest.fixture
def workplace(tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own, where the tiny encoder is the one that is used."""
    for name in [name for name in os.environ if name.startswith("INDEX_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("INDEX_ENCODER", str(tiny_encoder))
    monkeypatch.setenv("INDEX_JOBS", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def index(workplace: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `index ...` in this process, in the workplace."""

    def command(*arguments: object) -> Answer:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return command


@pytest.fixture
def catalogue(workplace: Path) -> Path:
    """24 pictures in a folder per class."""
    return make_catalogue(workplace / "catalogue")
