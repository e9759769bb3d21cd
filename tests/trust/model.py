"""An index beside a dict: whatever is done to a catalogue, the index holds what lies in it after the last build.

Contents are few, so that copies are common. A build may be killed: in this process, by an error at a failpoint that is
as good as a kill to what is on disk.
"""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from PIL import Image

from indexer import Index
from indexer.errors import IndexerError, UsageRefused
from tests.crash.stage import noise
from tests.tiny_encoder import write_tiny_encoder
from tests.trust.in_process import failing_at

PLACES = [f"{folder}/{name}.png" for folder in "ab" for name in "xyzé"]
NAMES = st.sampled_from(PLACES)
CONTENTS = st.integers(0, 5)
POINTS = st.sampled_from(
    [
        "checkpoint.before_commit",
        "checkpoint.after_commit",
        "generation.rows_changed",
        "file.before_rename",
        "generation.before_commit",
        "generation.after_commit",
    ]
)
BROKEN = -1


class Model(RuleBasedStateMachine):
    """``lies`` is what lies in the catalogue, ``held`` what the last committed build saw; a name's content each."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="index-model-"))
        self.catalogue = self.folder / "catalogue"
        self.catalogue.mkdir()
        encoder = write_tiny_encoder(self.folder / "encoder", size=8, dim=8)
        self.index = Index(self.folder, encoder=str(encoder), jobs=1)
        self.lies: dict[str, int] = {}
        self.held: dict[str, int] | None = None
        self.pixels = [
            np.asarray(Image.open(noise(self.folder / f"{i}.png", i)).convert("RGB")) for i in range(6)
        ]

    @initialize(name=NAMES, content=CONTENTS)
    def begin(self, name: str, content: int) -> None:
        self.write(name, content)

    @rule(name=NAMES, content=CONTENTS)
    def write(self, name: str, content: int) -> None:
        """Add a picture, or edit one."""
        target = self.catalogue / name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(self.folder / f"{content}.png", target)
        self.lies[name] = content

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        (self.catalogue / name).unlink(missing_ok=True)
        self.lies.pop(name, None)

    @rule(name=NAMES, to=NAMES)
    def rename(self, name: str, to: str) -> None:
        if name in self.lies and name != to:
            (self.catalogue / to).parent.mkdir(exist_ok=True)
            (self.catalogue / name).rename(self.catalogue / to)
            self.lies[to] = self.lies.pop(name)

    @rule(name=NAMES)
    def spoil(self, name: str) -> None:
        """Break a picture."""
        if name in self.lies:
            (self.catalogue / name).write_bytes(b"no picture")
            self.lies[name] = BROKEN

    @property
    def is_emptied(self) -> bool:
        """Whether nothing lies where something lay: a build takes that for a disk that is not mounted, and refuses."""
        return bool(self.held) and not self.lies

    @rule()
    def build(self) -> None:
        if self.is_emptied:
            with pytest.raises(UsageRefused, match="is its disk mounted"):
                self.index.build(self.catalogue)
            return
        report = self.index.build(self.catalogue)
        rejected = {Path(entry["path"]).name for entry in report.rejected}
        assert rejected == {Path(name).name for name, content in self.lies.items() if content == BROKEN}
        assert report.found == len(self.lies)
        self.held = {name: content for name, content in self.lies.items() if content != BROKEN}

    @rule(point=POINTS)
    def fail(self, point: str) -> None:
        """Fail a build at a step; only after its commit does the index hold what it saw."""
        with failing_at(point) as passed, suppress(IndexerError, OSError):
            self.index.build(self.catalogue)
        if not self.is_emptied and (not passed or point == "generation.after_commit"):
            self.held = {name: content for name, content in self.lies.items() if content != BROKEN}

    @precondition(lambda self: self.held is not None)
    @rule()
    def check(self) -> None:
        found = [finding for finding in self.index.check() if finding.severity == "damage"]
        assert not found, found

    @precondition(lambda self: self.held is not None)
    @rule()
    def repair(self) -> None:
        assert self.index.repair().left == []

    @precondition(lambda self: self.held)
    @rule(content=CONTENTS)
    def query(self, content: int) -> None:
        """All that is held is found, a picture's copies first and with score 1."""
        assert self.held is not None
        matches = self.index.query(self.pixels[content], k=len(PLACES) + 1)
        found = [str(Path(match.path).relative_to(self.catalogue)) for match in matches]
        assert sorted(found) == sorted(self.held)
        copies = [name for name in found if self.held[name] == content]
        assert found[: len(copies)] == sorted(copies)
        assert all(abs(match.score - 1) < 1e-5 for match in matches[: len(copies)])
        assert all(match.score < 1 - 1e-5 for match in matches[len(copies) :])

    @invariant()
    def the_catalogue_is_as_it_was_left(self) -> None:
        there = {
            str(path.relative_to(self.catalogue)) for path in self.catalogue.rglob("*") if path.is_file()
        }
        assert there == set(self.lies)

    def teardown(self) -> None:
        self.index.close()
        shutil.rmtree(self.folder)
