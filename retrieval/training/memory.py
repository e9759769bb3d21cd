"""Keep freed memory instead of returning it: a training step frees and takes again hundreds of megabytes."""

import ctypes
import sys

# From <malloc.h>. By default glibc maps every large block anew and the system clears it page by page: on two cores that
# was half the time of a training step.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to use freed memory again; False where there is another one (macOS, musl)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
