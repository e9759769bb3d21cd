"""A client who asks for everything that the server has, in any order, some of it wrongly, and leaves now and then."""

import json
import random
import socket
import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from tests.trust.serving.uploading import pictures
from tests.web_slow.asking import PATIENCE_S, form, until_grouped
from tests.web_slow.running import Running

_LOOKS = (
    *("/", "/livez", "/readyz", "/metrics", "/api/v1/status", "/api/v1/labels", "/api/v1/attributes"),
    *("/api/v1/rejections", "/api/v1/encoder", "/api/v1/calibrations/copy", "/api/v1/items?limit=5"),
    *("/api/v1/items?where=seller%3Dann", "/api/v1/groups", "/api/v1/alerts", "/api/v1/decisions"),
    *("/api/v1/map", "/api/v1/nights", "/api/v1/builds", "/api/v1/openapi.json", "/api/v1/session"),
)
_WRONG = (
    "/nothing",
    "/api/v1/items/999999",
    "/api/v1/items?cursor=x",
    "/api/v1/builds/x/events",
    "/page/../x",
)


class Visitor:
    """Asks by chance, on one connection after the other; `asked` counts."""

    def __init__(self, server: Running, seed: object) -> None:
        self._server, self._draw = server, random.Random(str(seed))
        self._pictures = pictures()
        self._connection = HTTPConnection(*server.address, timeout=PATIENCE_S)
        self.asked = 0

    def ask(self) -> None:
        """Ask once; nothing that is asked may be answered by a 5xx, except that too many wait."""
        draw, self.asked = self._draw, self.asked + 1
        kind = draw.choice(
            ["look", "look", "show", "show", "upload", "upload", "find", "decide", "wrong", "leave"]
        )
        getattr(self, f"_{kind}")()

    def build(self) -> dict[str, Any]:
        """Have a build run to its end, and the groups of its generation found."""
        status, content = self._answer("POST", "/api/v1/builds", b"{}", {"Content-Type": "application/json"})
        assert status == 202, f"answered: a build was answered by {status}, {content[:200]!r}"
        job = f"/api/v1/builds/{json.loads(content)['job']}"
        until = time.monotonic() + 5 * PATIENCE_S
        while (told := json.loads(self._answer("GET", job)[1]))["state"] == "running":
            assert time.monotonic() < until, "usable: a build does not end"
            time.sleep(0.2)
        assert told["state"] == "done", f"usable: {told}"
        until_grouped(self._server, told["report"]["generation"])
        return told

    def close(self) -> None:
        self._connection.close()

    def _look(self) -> None:
        self._answer("GET", self._draw.choice(_LOOKS))

    def _show(self) -> None:
        what = self._draw.choice(["", "/thumbnail?side=64", "/thumbnail?side=256", "/picture"])
        self._answer("GET", f"/api/v1/items/{self._draw.randrange(1, 18)}{what}")

    def _find(self) -> None:
        fields = {"item": self._draw.randrange(1, 15), "k": 5, "space": self._draw.choice(["copy", "object"])}
        if self._draw.random() < 0.3:
            fields |= {"verify": 2}
        self._form(self._draw.choice(["query", "classify"]), fields)

    def _upload(self) -> None:
        call = self._draw.choice(["query", "classify", "screen"])
        body, headers = form({"image": ("a picture.jpg", self._draw.choice(self._pictures))})
        self._answer("POST", f"/api/v1/{call}", body, headers)

    def _decide(self) -> None:
        pair = {"a": self._draw.randrange(1, 8), "b": self._draw.randrange(8, 15)}
        verdict = self._draw.choice(["same", "different", None])
        body = json.dumps(pair | {"verdict": verdict}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(self._draw.randrange(10**9))}
        self._answer("POST", "/api/v1/decisions", body, headers)

    def _wrong(self) -> None:
        if self._draw.random() < 0.5:
            self._answer("GET", self._draw.choice(_WRONG))
        else:
            self._form("query", {"item": 1, "k": self._draw.choice(["0", "-1", "1000000000", "NaN"])})

    def _leave(self) -> None:
        """Say that a picture comes, send the half of it, and go."""
        body, headers = form({"image": ("half.jpg", self._pictures[1])})
        head = f"POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection(self._server.address, timeout=PATIENCE_S) as connection:
            connection.sendall(head.encode() + b"\r\n" + body[: len(body) // 2])

    def _form(self, call: str, fields: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._answer("POST", f"/api/v1/{call}", urlencode(fields).encode(), headers)

    def _answer(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        content = answer.read()
        fine = answer.status < 500 or (answer.status == 503 and answer.getheader("Retry-After"))
        assert fine, f"answered: {method} {path} by {answer.status}, {content[:200]!r}"
        if self._draw.random() < 0.1:
            self._connection.close()  # and the next request opens another
        return answer.status, content
