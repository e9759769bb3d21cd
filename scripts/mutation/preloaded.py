"""A process that has imported what tests need and forks for every run of them: each begins in a tenth of a second.

Nothing of the project itself is imported here, so that a run takes it from the tree that it is given. Requests are
lines of JSON on stdin, {"tree", "tests", "temporary", "seconds"}; answers are lines, {"code", "said"}, ``code`` None
for a run that did not end in time.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

LIBRARIES = (
    "PIL.Image", "alembic.command", "click", "faiss", "numpy", "onnx", "onnxruntime", "rich.console", "sqlalchemy",
)  # fmt: skip
LOOK_EVERY_S = 0.02


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run the tests in a process and a session of its own, and end all that they started."""
    said = Path(request["temporary"]) / "said"
    child = os.fork()
    if child == 0:
        _become(request, said)
    status, until = None, time.monotonic() + request["seconds"]
    while status is None and time.monotonic() < until:
        ended, code = os.waitpid(child, os.WNOHANG)
        status = code if ended else None
        time.sleep(LOOK_EVERY_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
        return {"code": None, "said": ""}
    return {"code": os.waitstatus_to_exitcode(status), "said": said.read_text(errors="replace")}


def _become(request: dict[str, Any], said: Path) -> None:
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        os.chdir(request["tree"])
        os.environ |= {"PYTHONPATH": request["tree"], "TMPDIR": request["temporary"], "OMP_NUM_THREADS": "1"}
        sys.path.insert(0, request["tree"])
        import pytest

        options = ["-x", "-q", "-p", "no:cacheprovider", "--basetemp", f"{request['temporary']}/pytest"]
        os._exit(int(pytest.main([*options, *request["tests"]])))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(70)


def main() -> None:
    sys.dont_write_bytecode = True
    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
