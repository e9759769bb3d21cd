"""What a request brings is bounded, whatever it says of itself, and so is how many are at work."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Sandbox
from indexer.web.bodies import FILE_BYTES, FILES, MIB, Bodies
from indexer.web.decoding import AT_ONCE, WAITING, Decoding
from indexer.web.errors import ApiError

API = "/api/v1"


def test_a_file_may_have_twenty_mebibytes_and_no_more(client: TestClient) -> None:
    for size, status in ((FILE_BYTES, 200), (FILE_BYTES + 1, 413)):
        answer = client.post(f"{API}/query", files=[("image", ("x.jpg", bytes(size)))])
        assert answer.status_code == status
    assert answer.json()["error"]["code"] == "too_large"


def test_eight_files_come_at_once_and_no_more(client: TestClient) -> None:
    for count, status in ((FILES, 200), (FILES + 1, 413)):
        files = [("image", (f"{n}.jpg", b"no picture")) for n in range(count)]
        assert client.post(f"{API}/query", files=files).status_code == status


def test_a_thousand_parts_are_refused(client: TestClient) -> None:
    answer = client.post(f"{API}/query", files=[("image", ("x", b"x")) for _ in range(1001)])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_bytes_are_counted_as_they_come_where_nothing_is_said_of_their_number(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        sent = 0
        while sent < 3 * MIB:
            yield b" " * 65536
            sent += 65536

    answer = client.post(f"{API}/decisions", content=endless(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"a": 1, "b": 2, "verdict": "\\ud800"}', "application/json"),
        (b'{"a": NaN, "b": 2, "verdict": null}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"a=1&b=2", "application/x-www-form-urlencoded"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data"),
        (b"x", "text/plain"),
        (b"x", ""),
    ],
)
def test_a_body_that_is_none_is_refused(client: TestClient, content: bytes, kind: str) -> None:
    for path in ("decisions", "query", "decisions/bulk", "session", "verify"):
        answer = client.post(f"{API}/{path}", content=content, headers={"Content-Type": kind})
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.json()["error"]["message"]


def test_two_are_decoded_at_once_sixteen_wait_and_the_next_is_asked_to_come_back() -> None:
    async def crowd() -> tuple[list[object], int]:
        decoding, most, lock = Decoding(Limits()), [0, 0], threading.Lock()
        gate = threading.Event()

        def work(_: Sandbox) -> None:
            with lock:
                most[0] += 1
                most[1] = max(most)
            gate.wait(5)
            with lock:
                most[0] -= 1

        tasks = [asyncio.create_task(decoding.run(work)) for _ in range(AT_ONCE + WAITING)]
        await asyncio.sleep(0.1)
        with pytest.raises(ApiError) as refused:
            await decoding.run(work)
        assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "1"})
        gate.set()
        await asyncio.gather(*tasks)
        decoding.stop()
        return most, decoding.waiting

    assert asyncio.run(crowd()) == ([0, AT_ONCE], 0)


def test_a_body_that_does_not_come_to_its_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.web.bodies._SECONDS", 0.05)

    async def stalled() -> None:
        async def app(scope: object, receive: object, send: object) -> None:
            while True:
                await receive()

        async def receive() -> dict:
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"x", "more_body": True}

        await Bodies(app)({"type": "http", "headers": []}, receive, None)

    with pytest.raises(ApiError) as refused:
        asyncio.run(stalled())
    assert refused.value.status_code == 408
