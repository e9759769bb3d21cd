"""Memory goes back to the system once a server's request, or a build's encoding, is done with it."""

import ctypes
from contextlib import suppress

# Of glibc's malloc.h.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_LARGE_BYTES = 1 << 20
_ARENAS = 2


def return_large_blocks() -> None:
    """Let what is a mebibyte or more be mapped on its own, and threads share two heaps.

    By itself glibc moves that threshold up to 32 MiB as blocks are freed, and gives each thread a heap of its own:
    pictures then leave holes in 16 heaps, and a server of a small index came to 860 MiB where it needs 310. Call it before
    threads are started. Other C libraries have no such call, or need none.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_ARENA_MAX, _ARENAS)


def return_what_is_free() -> None:
    """Give back what was freed but lies between what was not. Other C libraries have no such call, or need none."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
