"""Every specimen, through a real worker: what becomes of it, what it costs, and that the worker survives it."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Job, Outcome, Sandbox
from retrieval.view import Fit
from tests.hostile.corpus import specimens
from tests.hostile.specimen import DECODES, Specimen

MIB = 1 << 20
SIZE = 224
SECONDS = 2.0
SLACK = 2  # processor time itself stretches when two processes share a core
SPECIMENS = list(specimens())

measured = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")


class Worker:
    """A sandbox of one worker, and what Linux says of it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    @property
    def folder(self) -> Path:
        return Path("/proc") / str(self.sandbox._workers[0].process.pid)

    def outcome(self, path: Path) -> Outcome:
        (outcome,) = self.sandbox.run([Job(0, path)], size=SIZE, fit=Fit.STRETCH, window=1)
        return outcome

    def forget_peak(self) -> None:
        (self.folder / "clear_refs").write_text("5")

    def peak_bytes(self) -> int:
        lines = dict(line.split(":") for line in (self.folder / "status").read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024

    def processor_seconds(self) -> float:
        fields = (self.folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with Sandbox(limits=Limits(), workers=1) as sandbox:
        worker = Worker(sandbox)
        worker.outcome(tmp_path_factory.mktemp("nothing") / "nothing.jpg")
        yield worker


@measured
@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda specimen: ascii(specimen.name))
def test_a_specimen_meets_its_fate_within_300_mib_and_two_seconds(
    specimen: Specimen, worker: Worker, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = specimen.make(tmp_path)
    worker.forget_peak()
    process, seconds = worker.folder, worker.processor_seconds()
    outcome = worker.outcome(path)
    fate = outcome.failure.reason if outcome.failure else DECODES
    assert fate in specimen.expect, outcome.failure
    assert worker.folder == process, "the worker died"
    assert worker.peak_bytes() <= 300 * MIB
    assert worker.processor_seconds() - seconds <= SLACK * SECONDS
    assert (outcome.picture is None) == (fate != DECODES)
    if outcome.failure:
        assert 10 < len(outcome.failure.message) < 400
        assert outcome.failure.message.isprintable()
    assert capfd.readouterr() == ("", "")


def test_specimens_are_many_and_named_once_each() -> None:
    names = [specimen.name for specimen in SPECIMENS]
    assert len(names) >= 200
    assert len(set(names)) == len(names)


def test_a_specimen_is_the_same_every_time(tmp_path: Path) -> None:
    for specimen in SPECIMENS[:80]:
        first = specimen.make(tmp_path).read_bytes()
        assert specimen.make(tmp_path).read_bytes() == first


def test_no_hostile_neighbour_changes_what_becomes_of_a_picture(tmp_path: Path) -> None:
    good = [specimen for specimen in SPECIMENS if specimen.expect == {DECODES}][:12]
    bad = [specimen for specimen in SPECIMENS if DECODES not in specimen.expect][:40]
    paths = [specimen.make(tmp_path) for specimen in good]
    mixed = paths + [specimen.make(tmp_path) for specimen in bad]
    with Sandbox(limits=Limits(), workers=2) as sandbox:
        run = partial(sandbox.run, size=32, fit=Fit.STRETCH)
        alone = {outcome.key: outcome for outcome in run(map(Job, range(12), paths), window=4)}
        among = {outcome.key: outcome for outcome in run(map(Job, range(52), mixed), window=16)}
    assert sorted(among) == list(range(52))
    for key, outcome in alone.items():
        assert outcome.picture is not None
        assert outcome.picture.pixels.tolist() == among[key].picture.pixels.tolist()
        assert outcome.sha256 == among[key].sha256
