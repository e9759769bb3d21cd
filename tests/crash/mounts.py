"""File systems of a given size, for tests that may mount one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOMY = "size=64m,nr_inodes=1000"


class Tmpfs:
    """A mounted tmpfs; it starts roomy."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def limit(self, *, free_bytes: int | None = None, free_files: int | None = None) -> None:
        """Leave just that much room beside what is there already."""
        disk = os.statvfs(self.path)
        options = ["remount"]
        if free_bytes is not None:
            used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
            options.append(f"size={max(disk.f_frsize, used + free_bytes)}")
        if free_files is not None:
            options.append(f"nr_inodes={disk.f_files - disk.f_ffree + free_files}")
        self.remount(",".join(options))

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", options, self.path], check=True)

    def free_space(self) -> None:
        self.remount(f"remount,{ROOMY}")


@contextmanager
def mounted() -> Iterator[Tmpfs]:
    """Mount a tmpfs that every user may enter; skip where that is not allowed."""
    folder = Path(tempfile.mkdtemp(prefix="index-tmpfs-"))
    command = ["mount", "-t", "tmpfs", "-o", f"mode=755,{ROOMY}", "tmpfs", folder]
    try:
        if (
            shutil.which("mount") is None
            or subprocess.run(command, capture_output=True, check=False).returncode
        ):
            pytest.skip("SKIPPED HERE: mounting a tmpfs is not allowed")
        try:
            yield Tmpfs(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
    finally:
        folder.rmdir()
