"""What no HTTP library sends: the server answers or hangs up, and goes on answering others."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from indexer.web.patience import HEAD_SECONDS
from tests.web_slow.running import Running, running

HEAD = b"Host: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def server(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(shop, tmp_path_factory.mktemp("server") / "words", INDEX_JOBS="1") as started:
        yield started


@pytest.fixture(autouse=True)
def _still_answers(server: Running) -> Iterator[None]:
    yield
    assert b" 200 OK" in said(server, b"GET /livez HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")


def said(server: Running, *parts: bytes, seconds: float = 8) -> bytes:
    """What the server says to these bytes until it hangs up, or says no more."""
    with socket.create_connection(server.address, timeout=seconds) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # it has heard enough
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
                if b"\r\n0\r\n\r\n" in answer:
                    break
        except OSError:
            pass
        return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET / HTTP/9.9\r\n" + HEAD + b"\r\n",
        b"GET  /  HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n folded: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /api/v1/query HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n",
        b"POST /api/v1/query HTTP/1.1\r\n" + HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /api/v1/query HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
        b"POST /api/v1/query HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HEAD + b"Cookie: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
    ids=lambda request_: request_[:40].decode(errors="replace").splitlines()[0],
)
def test_what_is_hardly_a_request_is_refused_or_answered_and_is_no_bug_of_ours(
    server: Running, request_: bytes
) -> None:
    answer = said(server, request_)
    assert answer == b"" or status(answer) < 500, answer[:200]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "DELETE", "BREW"])
def test_other_methods_do_nothing(server: Running, method: str) -> None:
    for path in ("/", "/api/v1/status", "/api/v1/items/1/picture"):
        request = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        assert status(said(server, request.encode())) in {400, 404, 405}


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/items/../../../../etc/passwd",
        "/api/v1/items/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd/picture",
        "/api/v1/items/..%c0%af..%c0%afetc%c0%afpasswd/picture",
        "/api/v1/items/1%00.jpg/picture",
        "/api/v1/items/1/../../../../../etc/passwd",
        "/api/v1/items//etc/passwd/picture",
        "/page/../../../etc/passwd",
        "/page/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/page/..%5c..%5cetc%5cpasswd",
        "/page//etc/passwd",
        "/page/%00",
        "/page/index.html%00.css",
        "/../pyproject.toml",
        "//etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "/api/v1/nights/../../../etc/passwd",
        "/api/v1/calibrations/..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/builds/..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/builds/..%2f..%2f..%2fetc%2fpasswd/events",
    ],
)
def test_no_address_climbs_out_of_what_is_served(server: Running, target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answer = said(server, request.encode())
    assert status(answer) in {400, 404, 422}, answer[:300]
    assert b"root:" not in answer
    assert b'siamese-index"\ndescription' not in answer


@pytest.mark.parametrize(
    "origin", ["http://[", "http://[::1", "http://]", "//", "http://\u00e9", "http://127.0.0.1:x", "a" * 900]
)
def test_an_origin_that_is_no_address_is_another_site(server: Running, origin: str) -> None:
    request = (
        f"POST /api/v1/decisions HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n"
    )
    assert status(said(server, request.encode())) == 403


def test_requests_in_a_row_are_answered_in_a_row(server: Running) -> None:
    one = b"GET /livez HTTP/1.1\r\n" + HEAD + b"\r\n"
    last = b"GET /api/v1/items/999 HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
    answer = said(server, one * 20 + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 20
    assert answer.count(b"HTTP/1.1 404") == 1


def test_a_body_without_an_end_is_cut_off(server: Running) -> None:
    head = b"POST /api/v1/decisions HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = said(server, head + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 64)
    assert status(answer) == 413
    assert status(said(server, head + b"Content-Length: 99999999999\r\n\r\n")) == 413


def test_a_body_that_is_shorter_than_was_said_changes_nothing(server: Running) -> None:
    head = b"POST /api/v1/decisions HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n"
    with socket.create_connection(server.address) as connection:
        connection.sendall(head + b'Content-Length: 900\r\n\r\n{"a": 1, "b": 2, "verdict": "same"}')
    answer = said(server, b"GET /api/v1/decisions HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
    assert b'"total":0' in answer


def test_a_hundred_who_say_nothing_keep_nobody_out(server: Running) -> None:
    before = server.open_files
    with ExitStack() as held:
        for number in range(100):
            connection = held.enter_context(socket.create_connection(server.address))
            connection.sendall((b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX")[number % 3])
        upload = (
            b"POST /api/v1/query HTTP/1.1\r\n" + HEAD + b"Content-Type: multipart/form-data; boundary=x\r\n"
        )
        for _ in range(30):  # more than may upload at once
            connection = held.enter_context(socket.create_connection(server.address))
            connection.sendall(upload + b"Content-Length: 1000000\r\n\r\n--x")
        started = time.monotonic()
        answer = said(server, b"GET /api/v1/status HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
        assert status(answer) == 200
        assert time.monotonic() - started < 10
        refused = said(server, upload + b"Content-Length: 1000000\r\nConnection: close\r\n\r\n")
        assert status(refused) == 503
        assert b"retry-after: 1" in refused.lower()
    deadline = time.monotonic() + 20
    while server.open_files > before + 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert server.open_files <= before + 2


def test_whoever_does_not_say_what_he_wants_is_hung_up_on(server: Running) -> None:
    """At once or bit by bit, on a new connection or after an answer; who has said it may take longer to send the rest."""
    asked = b"GET /livez HTTP/1.1\r\n" + HEAD + b"\r\n"
    said_it = b"POST /api/v1/decisions HTTP/1.1\r\n" + HEAD + b"Content-Length: 1000\r\n\r\n"
    started = time.monotonic()
    with ExitStack() as held:
        waiting = [held.enter_context(socket.create_connection(server.address)) for _ in range(4)]
        slow = held.enter_context(socket.create_connection(server.address))
        for connection, begun in zip(
            (*waiting, slow), (b"", b"GET / HT", b"G", asked + b"GET ", said_it), strict=True
        ):
            connection.sendall(begun)
            connection.settimeout(0.2)
        while waiting or time.monotonic() < started + HEAD_SECONDS + 2:
            assert time.monotonic() < started + HEAD_SECONDS + 60, (
                f"{len(waiting)} are waited for without end"
            )
            waiting = [connection for connection in waiting if not hung_up(connection)]
            assert not hung_up(slow)


def hung_up(connection: socket.socket) -> bool:
    """Send a little more, and tell whether the other end is gone."""
    try:
        connection.sendall(b"x")
        return connection.recv(65536) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
