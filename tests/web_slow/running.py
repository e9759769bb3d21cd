"""A server as a program of its own, on a free port."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Running:
    """Where it listens, its process, and what it has written on stderr so far."""

    url: str
    process: subprocess.Popen[bytes]
    words: Path

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    @property
    def resident_bytes(self) -> int:
        """Of the server's own process, without its decode workers."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@contextmanager
def running(
    store: Path, words: Path, *, program: Sequence[str] = ("indexer",), **environment: str
) -> Iterator[Running]:
    """Start `index serve`; it has to end in order and must not have met a bug of ours.

    ``program`` is a module and its first arguments: one that breaks the server on purpose, perhaps.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("INDEX_")}
    command = [sys.executable, "-m", *program, "serve", "--port", "0", "--json", "--store", str(store)]
    with words.open("wb") as stderr:
        process = subprocess.Popen(
            command, cwd=ROOT, env=clean | environment, stdout=subprocess.PIPE, stderr=stderr
        )
    with process:
        try:
            assert process.stdout is not None
            yield Running(_document(process.stdout)["url"], process, words)
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
    said = words.read_text()
    assert "a bug of ours" not in said, said
    assert "Traceback" not in said, said


def _document(stream: IO[bytes]) -> dict:
    lines = []
    while not lines or lines[-1] != b"}\n":
        lines.append(stream.readline())
        assert lines[-1], "the server did not start"
    return json.loads(b"".join(lines))
