"""The process in which an encoder is tried: spec, bytes and seconds as arguments, its graph on stdin."""

import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from indexer.trial import REFUSED
from retrieval.encoder import parse_spec
from retrieval.errors import EncoderInvalid, VectorsInvalid
from retrieval.onnx_encoder import RUN_SIZE, OnnxEncoder
from retrieval.onnx_runtime import onnx_runtime


def main() -> int:
    """Embed one batch of noise, within the limits."""
    # Ctrl-C reaches the whole group; what it means is for the parent to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spec, memory_bytes, cpu_seconds = parse_spec(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    graph = sys.stdin.buffer.read()
    onnx_runtime()
    _confine(memory_bytes, cpu_seconds)
    side = spec.preprocess.size
    try:
        encoder = OnnxEncoder(graph, spec)
        noise = np.random.default_rng(0).integers(0, 256, (RUN_SIZE, side, side, 3), np.uint8)
        with suppress(VectorsInvalid):  # noise is no picture; of those it is seen when they are embedded
            encoder.encode(noise)
    except EncoderInvalid as error:
        print(error, file=sys.stderr)
        return REFUSED
    except MemoryError:
        print(f"one batch takes more than {memory_bytes >> 20} MiB of memory", file=sys.stderr)
        return REFUSED
    return 0


def _confine(beyond_bytes: int, cpu_seconds: int) -> None:
    """Bound memory, beyond what is mapped by now, and processor time; and leave no core behind."""
    bounds = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: cpu_seconds}
    with suppress(OSError):  # /proc is Linux's, and so is a limit on address space that holds
        mapped_bytes = int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
        bounds[resource.RLIMIT_AS] = mapped_bytes + beyond_bytes
    for bound, value in bounds.items():
        with suppress(OSError, ValueError):  # the system refuses, or has set a lower one
            resource.setrlimit(bound, (value, resource.getrlimit(bound)[1]))


if __name__ == "__main__":
    raise SystemExit(main())
