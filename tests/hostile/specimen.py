"""What a bad or odd file is: how to make it, and what may become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from indexer.decoding.picture import Reason

DECODES = "decodes"
BROKEN = (Reason.TRUNCATED, Reason.DAMAGED)


@dataclass(frozen=True)
class Specimen:
    """A file to make, and what may become of it: ``DECODES``, or one of some reasons."""

    name: str
    write: Callable[[Path], Path | None]
    expect: frozenset[str]

    def make(self, folder: Path) -> Path:
        """Make the file, and return its path."""
        path = folder / self.name
        return self.write(path) or path


def of(name: str, content: Callable[[], bytes], *expect: str) -> Specimen:
    """Make a specimen of bytes."""

    def write(path: Path) -> None:
        path.write_bytes(content())

    return Specimen(name, write, frozenset(expect))
