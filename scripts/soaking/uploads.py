"""200 who upload at once for a minute: memory bounded, nothing left open, health answers, refusals say when to return."""

from pathlib import Path

from indexer import Index
from tests.tiny_encoder import write_tiny_encoder
from tests.trust.serving.uploading import assert_uploads_leave_nothing
from tests.web.conftest import make_shop

ROUNDS = 25
CLIENTS, SECONDS = 200, 60


class Part:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        encoder = write_tiny_encoder(folder / "encoder")
        (folder / "shop").mkdir()
        with Index(folder / "shop", encoder=str(encoder), jobs=1) as index:
            index.build(make_shop(folder / "shop"))

    def play(self, seed: int, iteration: int) -> list[str]:
        folder = self._folder / f"round-{iteration}"
        folder.mkdir()
        met = assert_uploads_leave_nothing(
            self._folder / "shop/.index", folder, clients=CLIENTS, seconds=SECONDS, seed=seed + iteration
        )
        health = sorted(met.health_seconds)
        slowest = f"rounds in which health was answered within {-(-health[-1] // 1):.0f} s at most"
        return [
            *(f"uploads: {how}" for how, count in met.ended.items() for _ in range(count)),
            *["health answered"] * len(health),
            *["health answered within 0.2 s"] * sum(seconds < 0.2 for seconds in health),
            slowest,
        ]

    def close(self) -> None:
        pass
