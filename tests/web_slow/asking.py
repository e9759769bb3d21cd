"""Requests as no library would help to make them: forms byte by byte, one connection each."""

import json
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any

from tests.web_slow.running import Running

PATIENCE_S = 120.0


def form(
    files: Mapping[str, tuple[str, bytes]], fields: Mapping[str, object] | None = None
) -> tuple[bytes, dict[str, str]]:
    """Return a form of fields and of {field: (name, content)}, and its headers; names are sent as they are."""
    body = b""
    for field, value in (fields or {}).items():
        body += f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
    for field, (name, content) in files.items():
        head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
        body += head.encode("utf-8", "surrogateescape") + content + b"\r\n"
    return body + b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


def ask(
    server: Running,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """Return an answer's status and document."""
    connection = HTTPConnection(*server.address, timeout=PATIENCE_S)
    try:
        connection.request(method, f"/api/v1/{path}", body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def until_grouped(server: Running, generation: int = 1) -> None:
    """Wait until a generation's groups are found, by a process that lets all others go first."""
    until = time.monotonic() + 5 * PATIENCE_S
    while True:
        _, groups = ask(server, "GET", "groups")
        if groups["state"] == "ready" and groups["generation"] == generation:
            return
        assert time.monotonic() < until, f"usable: groups are {groups['state']}, {groups['problem']}"
        time.sleep(0.2)
