"""A real Milvus server, 2.3.5: the last of which there is a wheel for Linux."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HEALTHY = b"Welcome to use Milvus!"  # said when /healthz says OK, on whichever port was free for that
_PARTS = ("rootCoord", "proxy", "queryCoord", "queryNode", "dataCoord", "dataNode", "indexNode")
_STARTING_S = 120
_TICK_MS = 20  # 200 is usual: a Strong read waits for the next one, and these tests are many reads


@contextmanager
def milvus_server(folder: Path) -> Iterator[str]:
    """Start one with a fresh folder, on this machine's own address; end it by SIGKILL, as it ends slowly otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("milvus-server")), "--data", str(folder)]
    command += ["--proxy-port", str(port)]
    for part in _PARTS:
        command += ["--extra-config", f"{part}.ip=127.0.0.1"]
    command += ["--extra-config", f"proxy.timeTickInterval={_TICK_MS}"]
    log = folder.parent / "milvus.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    try:
        _wait(process, log, port)
        yield f"milvus://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: "subprocess.Popen[bytes]", log: Path, port: int) -> None:
    until = time.monotonic() + _STARTING_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended before it was ready: {log.read_text()}")
        if _HEALTHY in log.read_bytes() and _answers(port):
            return
        time.sleep(0.5)
    raise RuntimeError(f"the server was not ready after {_STARTING_S} seconds")


def _answers(port: int) -> bool:
    """Whether it takes calls: it calls itself healthy a little earlier."""
    from pymilvus import MilvusClient, MilvusException

    try:
        client = MilvusClient(uri=f"http://127.0.0.1:{port}", timeout=5)
        client.list_collections(timeout=5)
        client.close()
    except MilvusException:
        return False
    return True
