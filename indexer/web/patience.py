"""How long a connection may take to say what it wants: without an end to it, who says nothing keeps others out.

uvicorn closes a connection that is idle after an answer, and waits without end for the head of a request that has not
come, or of which a part has come.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0


class Impatient(H11Protocol):
    """Hangs up on whoever has not sent the head of a request in time."""

    _until_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take what came; the wait for a head that is still on its way does not begin anew."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        else:
            self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._forget()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._until_head is None:
            self._until_head = self.loop.call_later(HEAD_SECONDS, self._hang_up)

    def _forget(self) -> None:
        if self._until_head is not None:
            self._until_head.cancel()
            self._until_head = None

    def _hang_up(self) -> None:
        self._until_head = None
        if not self.transport.is_closing():
            self.transport.close()
