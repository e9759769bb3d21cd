"""A server's memory goes back to the system: large blocks when they are freed, and threads make no heaps of their own."""

import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.memory import return_large_blocks

ROOT = Path(__file__).parents[2]
MIB = 1 << 20

on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc's heaps")

BEGINNING = """
import ctypes, sys, threading
from indexer.memory import return_large_blocks

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def filled(size):
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    return block

def resident_bytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

if sys.argv[1] == "asked":
    return_large_blocks()
"""
# What is freed first moves the threshold up by itself; what is kept last lies above the blocks that are freed.
BLOCKS = """
libc.free(filled(24 << 20))
before = resident_bytes()
blocks = [filled(4 << 20) for _ in range(20)]
kept = filled(100_000)
for block in blocks:
    libc.free(block)
print(resident_bytes() - before)
"""
HEAPS = """
together = threading.Barrier(6)

def at_work():
    together.wait()
    block = filled(5_000)
    together.wait()
    libc.free(block)

threads = [threading.Thread(target=at_work) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


def told(program: str, how: str) -> str:
    command = [sys.executable, "-c", BEGINNING + program, how]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


@on_glibc
def test_large_blocks_go_back_to_the_system_and_by_themselves_they_would_not() -> None:
    assert int(told(BLOCKS, "asked")) < 4 * MIB
    assert int(told(BLOCKS, "unasked")) > 60 * MIB


@on_glibc
def test_threads_share_two_heaps_and_by_themselves_each_would_have_its_own() -> None:
    assert told(HEAPS, "asked").count("<heap ") <= 2
    assert told(HEAPS, "unasked").count("<heap ") > 2


@pytest.mark.parametrize("error", [OSError("no such library"), AttributeError("undefined symbol: mallopt")])
def test_other_libraries_are_left_as_they_are(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str | None) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    return_large_blocks()
