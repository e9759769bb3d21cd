"""Run the server until it is told to end."""

import socket
from collections.abc import Callable

import uvicorn

from indexer.memory import return_large_blocks
from indexer.settings import Settings
from indexer.store import Store
from indexer.web.app import create_app
from indexer.web.guard import Access
from indexer.web.patience import Impatient
from indexer.web.service import Service

_CONNECTIONS = 512
_SECONDS_TO_END = 5
_HEADER_BYTES = 64 << 10


def serve(
    store: Store, settings: Settings, listener: socket.socket, access: Access, ready: Callable[[], None]
) -> None:
    """Serve an index on a socket; ``ready`` is called when requests are answered. Ends by SIGINT or SIGTERM."""
    return_large_blocks()
    service = Service(store, settings)
    service.decoding.start()
    config = uvicorn.Config(
        create_app(service, access),
        http=Impatient,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_SECONDS_TO_END,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )
    _Server(config, ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
