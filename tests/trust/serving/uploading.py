"""Two hundred who upload at once and do not wait for each other, and one who asks whether the server is well."""

import io
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.hostile.crafted import png
from tests.pictures import picture
from tests.trust.serving.footprint import MIB, Watch, resident_bytes
from tests.web_slow.asking import PATIENCE_S, form
from tests.web_slow.running import Running, running

RESIDENT_BYTES = 1536 * MIB  # of the server and its workers, at any moment
_HEALTH_EVERY_S = 0.25
FIELD = {"query": "image", "classify": "image", "screen": "image", "verify": "a"}


def pictures() -> list[bytes]:
    """Return small and large pictures, one that takes as much as one may, and what is none."""
    drawn = []
    for seed, size in enumerate([(96, 72), (640, 480), (2000, 1500)]):
        buffer = io.BytesIO()
        picture(seed, size).save(buffer, "JPEG")
        drawn.append(buffer.getvalue())
    return [*drawn, drawn[1][:9000], png(9400, 9400, 1, 0), png(5000, 5000, 8, 0), bytes(1 << 20), b""]


class Met:
    """How requests ended, and what must not have happened."""

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.health_seconds: list[float] = []
        self._lock = threading.Lock()

    def note(self, what: str) -> None:
        with self._lock:
            self.ended[what] += 1

    def assert_all_was_answered(self) -> None:
        assert not self.wrong, f"answered: {len(self.wrong)} times otherwise, {self.wrong[:3]}"
        assert self.health_seconds, "answered: nobody could ask whether the server is well"
        assert self.ended["200"], "answered: no upload was answered"


def assert_uploads_leave_nothing(
    store: Path,
    folder: Path,
    *,
    clients: int,
    seconds: float,
    seed: int = 0,
    program: Sequence[str] = ("indexer",),
) -> Met:
    """Let many upload at once to a server of their own; hold it to its memory, and to what it had open before."""
    temporary = folder / "temporary"
    temporary.mkdir()
    with running(store, folder / "words", program=program, INDEX_JOBS="1", TMPDIR=str(temporary)) as server:
        upload_at_once(server, clients, 5.0, seed)  # pools have all their threads from now on
        watch = Watch(server, temporary)
        with memory_bounded(server):
            met = upload_at_once(server, clients, seconds, seed)
        met.assert_all_was_answered()
        watch.look()
    return met


@contextmanager
def memory_bounded(server: Running) -> Iterator[None]:
    """Hold a server and its workers to their memory while much is asked of them."""
    most, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            most[0] = max(most[0], resident_bytes(server))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert most[0] < RESIDENT_BYTES, f"bounded: {most[0] / MIB:.0f} MiB of memory"


def upload_at_once(server: Running, clients: int, seconds: float, seed: int = 0) -> Met:
    """Let so many clients upload for so long, each as fast as it is answered; ask for health beside them."""
    met, until, contents = Met(), time.monotonic() + seconds, pictures()

    def client(number: int) -> None:
        draw = random.Random(f"{seed} {number}")
        while time.monotonic() < until:
            _upload(server, met, draw, contents)

    def health() -> None:
        while time.monotonic() < until:
            started = time.monotonic()
            status, _ = _ask(server, met, "GET", "/livez")
            if status != 200:
                met.wrong.append(f"/livez: {status}")
            met.health_seconds.append(time.monotonic() - started)
            time.sleep(_HEALTH_EVERY_S)

    with ThreadPoolExecutor(clients + 1) as pool:
        ended = [pool.submit(health), *(pool.submit(client, number) for number in range(clients))]
        for one in ended:
            one.result()
    return met


def _upload(server: Running, met: Met, draw: random.Random, contents: Sequence[bytes]) -> None:
    """Upload once; whoever is asked to come back does, as a browser would, without a crowd's patience for long."""
    call = draw.choice(list(FIELD))
    fields = {"b_item": 1} if call == "verify" else {}
    body, headers = form({FIELD[call]: ("x.jpg", draw.choice(contents))}, fields)
    status, again = _ask(server, met, "POST", f"/api/v1/{call}", body, headers)
    if status == 503:
        if again is None:
            met.wrong.append(f"{call}: 503 without Retry-After")
        time.sleep(draw.uniform(0, 1) * float(again or 1))
    elif status not in {200, 422, None}:  # 422: a picture of a pair cannot be decoded
        met.wrong.append(f"{call}: {status}")
    if status is not None:
        met.note(str(status))


def _ask(
    server: Running,
    met: Met,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int | None, str | None]:
    """Return the status and Retry-After of an answer; whoever gets none has met what must not happen."""
    connection = HTTPConnection(*server.address, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        answer.read()
    except (BrokenPipeError, ConnectionResetError) as error:
        met.note(_refused_while_sending(error))
        return None, None
    except (OSError, HTTPException) as error:
        met.wrong.append(f"{method} {path}: {type(error).__name__} {error}")
        return None, None
    finally:
        connection.close()
    return answer.status, answer.getheader("Retry-After")


def _refused_while_sending(error: Exception) -> str:
    """A server that answers before it has read a body hangs up on the rest of it, as HTTP has it."""
    return f"hung up while sending ({type(error).__name__})"
