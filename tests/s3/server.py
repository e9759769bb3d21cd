"""A real S3 server on this machine, moto's, in a process of its own; and a wire to it that counts and can be cut."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_STARTING_S = 60
PAGE = 10  # keys that it lists at once


@contextmanager
def s3_server(folder: Path) -> Iterator[int]:
    """Start one; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = folder / "moto.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=file,
            stderr=file,
            env=os.environ | {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)},
        )
    try:
        until = time.monotonic() + _STARTING_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the server does not start: {log.read_text()}")
            time.sleep(0.2)
        yield port
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=2):
            return True
    except OSError:
        return False


@dataclass
class Wire:
    """Passes requests on to the server; ``reads`` are the paths of objects that were asked for, in order.

    ``cut`` is asked of each request's path: True breaks the connection, in the middle of what is answered.
    """

    port: int = 0
    reads: list[str] = field(default_factory=list)
    lists: int = 0
    sent_bytes: int = 0
    cut: Callable[[str], bool] = lambda path: False
    before: Callable[[str], None] = lambda path: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def wire_to(server: int) -> Iterator[Wire]:
    """Lay a wire to the server at that port of this machine."""
    wire = Wire()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wire.before(self.path)
            if "list-type" in self.path:
                wire.lists += 1
            else:
                wire.reads.append(self.path)
            connection = http.client.HTTPConnection("127.0.0.1", server, timeout=60)
            connection.request("GET", self.path, headers=dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "content-length", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if wire.cut(self.path):
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            with contextlib.suppress(OSError):  # the client has gone: it wanted no more
                self.wfile.write(body)
                wire.sent_bytes += len(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # a client that went away

    passing = Quiet(("127.0.0.1", 0), Handler)
    wire.port = passing.server_address[1]
    serving = threading.Thread(target=passing.serve_forever, daemon=True)
    serving.start()
    try:
        yield wire
    finally:
        passing.shutdown()
        passing.server_close()
        serving.join()
