"""A server says that it is ready only when it is, hangs up on who says nothing, and ends what works beside it."""

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from indexer.store import Store
from indexer.web import patience
from indexer.web.galleries import Galleries
from indexer.web.group_finder import GroupFinder
from indexer.web.patience import Impatient
from indexer.web.serving import _Server


@pytest.mark.parametrize("fails", [False, True])
def test_who_waits_is_told_that_it_is_ready_only_when_it_is(fails: bool) -> None:
    said = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if fails:
            raise RuntimeError("the service cannot start")
        yield

    def ready() -> None:
        said.append("ready")
        server.should_exit = True

    config = uvicorn.Config(FastAPI(lifespan=lifespan), log_level=100, lifespan="on")
    server = _Server(config, ready)
    late = threading.Timer(
        20, lambda: setattr(server, "should_exit", True)
    )  # who is never told waits no longer
    late.start()
    # uvicorn leaves the process where it cannot begin.
    with socket.create_server(("127.0.0.1", 0)) as listener, suppress(SystemExit):
        server.run(sockets=[listener])
    late.cancel()
    assert said == ([] if fails else ["ready"])


Connection = tuple[Impatient, asyncio.StreamReader, asyncio.StreamWriter]


def connected(check: Callable[[Connection], Awaitable[None]]) -> None:
    """Connect to a server on a real socket, and have both ends checked."""
    config = uvicorn.Config(FastAPI(), http=Impatient, log_level=100)
    config.load()
    made: list[Impatient] = []

    def protocol() -> Impatient:
        made.append(Impatient(config, ServerState(), {}))
        return made[-1]

    async def run() -> None:
        problems: list[dict] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, problem: problems.append(problem))
        async with await loop.create_server(protocol, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            while not made or not made[0].transport:
                await asyncio.sleep(0.001)
            await check((made[0], reader, writer))
            writer.close()
        assert problems == []

    asyncio.run(run())


def test_who_sends_no_request_in_time_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.5)

    async def says_half(connection: Connection) -> None:
        _, reader, writer = connection
        began = time.monotonic()
        writer.write(b"GET / HTTP/1.1\r\nHost: 127")
        assert await asyncio.wait_for(reader.read(), 20) == b""
        assert time.monotonic() - began > 0.1

    connected(says_half)


def test_a_connection_whose_time_is_up_as_it_closes_is_closed_once() -> None:
    async def ends_meanwhile(connection: Connection) -> None:
        served, reader, _ = connection
        served.transport.close()
        served._hang_up()
        assert await asyncio.wait_for(reader.read(), 20) == b""
        assert served._until_head is None

    connected(ends_meanwhile)


def test_a_server_that_ends_before_it_began_leaves_no_search_for_groups(shop: Path) -> None:
    store = Store(shop)
    finder = GroupFinder(store, Galleries(store))
    finder.stop()
    document, problem = finder._dedupe()  # as where `stop` came just before there was a process to end
    assert (document, finder.found) == (None, None)
    assert problem


def test_a_search_for_groups_that_cannot_be_started_says_so(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    document, problem = GroupFinder(Store(shop), Galleries(Store(shop)))._dedupe()
    assert document is None
    assert "cannot be started" in problem
