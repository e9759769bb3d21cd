"""What the parts have in common that stop jobs on purpose."""

from pathlib import Path

from tests.crash.server import Server
from tests.crash.stopped import Play
from tests.tiny_encoder import write_tiny_encoder


class OfJobs:
    """A server that runs jobs, and what each of them is when it is not stopped."""

    def __init__(self, folder: Path) -> None:
        encoder = write_tiny_encoder(folder / "encoder")
        self._server = Server({"INDEX_ENCODER": str(encoder), "INDEX_JOBS": "1"})
        self._play = Play(folder, self._server)

    def close(self) -> None:
        self._server.close()
