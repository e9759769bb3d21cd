"""A process of the server's ends in order where it can, and ends where it cannot."""

import signal
import subprocess
import sys

import pytest

from indexer.web import ending


def started(program: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    ("on_request", "code"),
    [("signal.SIG_DFL", -signal.SIGTERM), ("lambda *_: sys.exit(7)", 7), ("signal.SIG_IGN", -signal.SIGKILL)],
)
def test_a_process_ends_in_order_or_at_once(
    on_request: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if code == -signal.SIGKILL:
        monkeypatch.setattr(ending, "_SECONDS_TO_END", 0.2)
    program = f"import signal, sys, time; signal.signal(signal.SIGTERM, {on_request}); print('ready', flush=True); time.sleep(60)"
    with started(program) as process:
        ending.end(process)
        assert process.wait(30) == code
        ending.end(process)
