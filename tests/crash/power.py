"""Power cuts: an ext4 image on a loop mount is copied while a job works in it, and the copy is what a restart finds.

What the program wrote and never made durable lies in the kernel's memory, not in the image, and so not in the copy.
"""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.crash.jobs import JOBS
from tests.crash.stopped import Play

SIZE = "24M"
IMAGES = Path("/dev/shm")
PATIENT = "commit=300"  # seconds until the system would write things down unasked
LATEST = 1.2  # of what the job took uninterrupted: some cuts come after its end


class Disk:
    """A file system in an image, mounted."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.image, self.path = image, folder
        subprocess.run(["mount", "-o", f"loop,{PATIENT}", image, folder], check=True)
        found = subprocess.run(
            ["findmnt", "-no", "SOURCE", folder], capture_output=True, text=True, check=True
        )
        self._statistics = Path("/sys/block") / Path(found.stdout.strip()).name / "stat"

    def cut(self, target: Path) -> None:
        """Copy the image as it is at one moment: again if something was written to it meanwhile."""
        while True:
            before = self._writes()
            shutil.copyfile(self.image, target)
            if self._writes() == before:
                return

    def _writes(self) -> list[str]:
        return self._statistics.read_text().split()[4:7]

    def unmount(self) -> None:
        subprocess.run(["umount", self.path], check=True)


class Disks:
    """Empty file systems, and copies of those that lost their power."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="index-power-", dir=IMAGES))
        self._empty = self._folder / "empty"
        self._made = 0
        subprocess.run(["truncate", "-s", SIZE, self._empty], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._empty], check=True)

    @contextmanager
    def mounted(self, image: Path) -> Iterator[Disk]:
        self._made += 1
        folder = self._folder / f"mount-{self._made}"
        folder.mkdir()
        disk = Disk(image, folder)
        try:
            yield disk
        finally:
            disk.unmount()
            folder.rmdir()

    def new(self) -> Path:
        return Path(shutil.copyfile(self._empty, self._folder / "disk"))

    def lost(self, number: int) -> Path:
        return self._folder / f"lost-{number}"

    def close(self) -> None:
        shutil.rmtree(self._folder)


@contextmanager
def disks() -> Iterator[Disks]:
    """Skip where images cannot be mounted."""
    made = None
    try:
        made = Disks()
        with made.mounted(made.new()):
            pass
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("SKIPPED HERE: mounting an ext4 image is not allowed")
    try:
        yield made
    finally:
        made.close()


def cut_power(
    play: Play, disks: Disks, name: str, draw: Random, cuts: int, twin: str | None = None
) -> list[str]:
    """Run a job, cut the power at random moments and when it has just ended, and hold what lies on each disk."""
    latest = LATEST * play.whole(name).seconds
    with disks.mounted(disks.new()) as disk:
        case = play.begin(name, disk.path / "job")
        subprocess.run(["sync", "-f", case], check=True)
        running = play.server.start(*JOBS[name].command, cwd=case, twin=twin)
        was_done = []
        for number in range(cuts):
            time.sleep(draw.uniform(0, 2 * latest / cuts))
            was_done.append(running.has_ended)
            running.kill_all(signal.SIGSTOP)
            disk.cut(disks.lost(number))
            running.kill_all(signal.SIGCONT)
        ended = running.wait()
        assert ended.code in {0, 3}, f"exit {ended.code}: {ended.err}"
        disk.cut(disks.lost(cuts))
    for number, is_done in enumerate([*was_done, True]):
        with disks.mounted(disks.lost(number)) as disk:
            play.hold(name, disk.path / "job", is_done=is_done)
    return [f"{name}: cut {'after' if is_done else 'before'} its end" for is_done in [*was_done, True]]
