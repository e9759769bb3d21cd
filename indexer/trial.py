"""An encoder from elsewhere is tried in a process with limits before it is let into this one.

A graph may ask for any memory and any time: what it does with one batch, it does where only that process can suffer.
"""

import json
import os
import signal
import subprocess
import sys

from indexer.decoding.sandbox_process import import_path
from indexer.encoders import BUILTIN, EncoderFiles
from indexer.errors import UsageRefused
from retrieval.encoder import spec_document

MEMORY_BYTES = 4 << 30
CPU_SECONDS = 120
REFUSED = 3  # the trial's exit code where it has said why
_HINT = "take another encoder, or export this one smaller"


def require_bounded(encoder: EncoderFiles) -> None:
    """Let an encoder embed one batch within `MEMORY_BYTES` and `CPU_SECONDS`; the built-in one needs no trial.

    Raises:
        UsageRefused: it goes beyond a limit, brings its process down, or cannot be used.
    """
    if encoder.source == BUILTIN:
        return
    if encoder.fingerprint not in _refusals:
        _refusals[encoder.fingerprint] = _try(encoder.graph, json.dumps(spec_document(encoder.spec)))
    refusal = _refusals[encoder.fingerprint]
    if refusal is not None:
        raise UsageRefused(f"encoder {encoder.source}: {refusal}", _HINT)


_refusals: dict[str, str | None] = {}  # by fingerprint: a process tries each encoder once


def _try(graph: bytes, spec: str) -> str | None:
    """Say what is wrong with an encoder, None if nothing."""
    trial = subprocess.run(
        [sys.executable, "-P", "-m", "indexer.trial_process", spec, str(MEMORY_BYTES), str(CPU_SECONDS)],
        input=graph,
        capture_output=True,
        check=False,
        cwd="/",
        env=os.environ | {"PYTHONPATH": import_path()},
    )
    if trial.returncode == 0:
        return None
    if trial.returncode == REFUSED:
        return trial.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    if trial.returncode == -signal.SIGXCPU:
        return f"one batch takes more than {CPU_SECONDS} s of processor time"
    return f"one batch brings a process of {MEMORY_BYTES >> 20} MiB down (exit {trial.returncode})"
