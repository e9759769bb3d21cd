"""Eight readers and a server, each asked without end, while builds commit: every answer is one generation's."""

from pathlib import Path

from tests.crash.crowd import Catalogue, assert_each_answer_is_one_generations, log_bounded, readers
from tests.crash.server import Server
from tests.tiny_encoder import write_tiny_encoder
from tests.web_slow.running import running

ROUNDS = 40
BUILDS = 20
MODES = ("stay-open", "open-anew") * 4 + ("served", "served")


class Part:
    def __init__(self, folder: Path) -> None:
        self._folder, self._encoder = folder, write_tiny_encoder(folder / "encoder")
        self._server = Server({"INDEX_ENCODER": str(self._encoder), "INDEX_JOBS": "1"})

    def play(self, seed: int, iteration: int) -> list[str]:
        folder = self._folder / f"round-{iteration}"
        folder.mkdir()
        catalogue = Catalogue(folder, self._server, seed + iteration)
        with (
            running(catalogue.store, folder / "words", INDEX_ENCODER=str(self._encoder)) as server,
            log_bounded(catalogue.store) as log,
            readers(catalogue.store, folder, MODES, url=server.url) as told,
        ):
            for _ in range(BUILDS):
                catalogue.change()
                catalogue.build()
        seen = [assert_each_answer_is_one_generations(one, catalogue.states) for one in told]
        answers = [mode for mode, one in zip(MODES, told, strict=True) for t in one for _ in range(t.times)]
        return [
            *(f"answers: {mode}" for mode in answers),
            *["generations committed"] * len(catalogue.states),
            *["generations that somebody is known to have seen"] * len(set.union(*seen)),
            f"rounds whose log had at most {-(-log[0] // (1 << 20))} MiB",
        ]

    def close(self) -> None:
        self._server.close()
