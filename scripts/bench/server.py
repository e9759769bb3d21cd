"""Clients against `index serve` while builds commit: no error, no torn answer, and what HTTP costs over a bare search.

    python scripts/bench/server.py [--pictures 5000] [--clients 50] [--seconds 60] [--folder DIR]

The index is drawn by `large_store.py` with the built-in encoder's spaces. Each client asks, by turns of chance, for the
neighbours of a content (9 of 10 requests) and for a thumbnail, a page of items or the status. Meanwhile `index build`
commits one generation after another, each of which brings ten pictures of one label: an answer that has some of a ten
would be one of no generation. Uploads are measured apart: more of them at once than may wait are asked to come back,
which their clients do.

A bare search is `Gallery.find` in this process: by one caller, and by as many threads as the server has, which share
the cores as the server's do. The clients take their part of the cores too.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts/bench")]

from large_store import make_large_store  # noqa: E402  (found by the line above)

from indexer.lookup import Gallery  # noqa: E402
from indexer.sound_rows import read_items  # noqa: E402
from indexer.store import Store  # noqa: E402
from indexer.web.app import THREADS  # noqa: E402
from tests.pictures import picture  # noqa: E402
from tests.web_slow.running import Running, running  # noqa: E402

K, TOGETHER = 10, 10
FORM = "application/x-www-form-urlencoded"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--folder", type=Path, help="Keeps the index here, and uses one that is there.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        store = Store(folder / ".index")
        if not store.path.exists():
            folder.mkdir(exist_ok=True)
            make_large_store(folder, given.pictures, given.pictures // 10)
        gallery = Gallery(store)
        alone = bare_search(gallery, 1, 10)
        together = bare_search(gallery, THREADS, 10)
        print(f"{gallery.generation.item_count} contents; seconds: p50, p95, p99")
        tell("bare search, one caller", alone)
        tell(f"bare search, {THREADS} threads", together)
        with running(store.path, Path(scratch) / "words") as server:
            until_grouped(server)
            quiet = load(server, 1, 10, asking)
            tell("search over HTTP, one client", quiet.seconds, alone)
            before = server.resident_bytes, server.open_files
            with building(store, folder / "catalogue", before[0]) as commits:
                loaded = load(server, given.clients, given.seconds, asking)
            tell(f"search over HTTP, {given.clients} clients, builds committing", loaded.seconds, together)
            uploads = load(server, given.clients, given.seconds / 2, uploading)
            tell(f"uploads, {given.clients} clients", uploads.seconds)
            time.sleep(3)
            after = server.resident_bytes, server.open_files
    print(
        f"{len(loaded.seconds)} searches and {len(loaded.others)} other requests in {given.seconds:g} s; ",
        end="",
    )
    print(
        f"{len(commits)} generations committed, {len(set(loaded.together))} of them seen by {len(loaded.together)} ",
        end="",
    )
    print(f"answers of which {loaded.torn} torn; errors {len(loaded.problems)}")
    print(f"{len(uploads.seconds)} uploads, {len(uploads.busy)} times asked to come back; ", end="")
    print(f"errors {len(uploads.problems)}")
    print(
        f"server: {before[0] >> 20} MiB, {before[1]} open files before; {after[0] >> 20} MiB, {after[1]} after"
    )
    problems = loaded.problems + uploads.problems
    for problem, count in Counter(problems).most_common(5):
        print(f"  {count} x {problem}")
    return 1 if problems or loaded.torn or not commits else 0


class Load:
    """What clients met, in lists, which threads may append to: seconds of each search, and what was wrong.

    ``together`` are the numbers of pictures of the label that come ten at a time, as answers had them.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.others: list[str] = []
        self.busy: list[str] = []
        self.problems: list[str] = []
        self.together: list[int] = []

    @property
    def torn(self) -> int:
        return sum(count % TOGETHER != 0 for count in self.together)


class Client:
    """One connection, used again and again."""

    def __init__(self, server: Running, load: Load, seed: int) -> None:
        self._connection = HTTPConnection(*server.address, timeout=120)
        self.load, self.random = load, random.Random(seed)

    def request(self, method: str, path: str, body: bytes | None = None, kind: str = FORM) -> bytes | None:
        """Return the answer, or None where it was no 200; a server that is busy is asked again."""
        headers = {"Content-Type": kind} if body is not None else {}
        while True:
            try:
                self._connection.request(method, f"/api/v1{path}", body, headers)
                answer = self._connection.getresponse()
                content = answer.read()
            except (OSError, HTTPException) as error:
                self._connection.close()
                self.load.problems.append(f"{type(error).__name__}: {error}")
                return None
            if answer.status == 503 and answer.headers["Retry-After"]:
                self.load.busy.append(path)
                time.sleep(float(answer.headers["Retry-After"]))
                continue
            if answer.status != 200:
                self.load.problems.append(f"{method} {path}: {answer.status} {content[:200]!r}")
                return None
            return content

    def close(self) -> None:
        self._connection.close()


def asking(client: Client) -> None:
    """Ask for neighbours, or now and then for something else; measure the first."""
    item = client.random.randrange(1, 1000)
    if client.random.random() < 0.1:
        path = client.random.choice(
            [f"/items/{item}/thumbnail", "/items?limit=50", "/status", "/groups?limit=10"]
        )
        if client.request("GET", path) is not None:
            client.load.others.append(path)
        return
    fields = {"item": item, "k": K}
    if client.random.random() < 0.1:
        fields |= {"where": "label=together", "k": 1000}
    started = time.perf_counter()
    content = client.request("POST", "/query", urlencode(fields).encode())
    if content is None:
        return
    client.load.seconds.append(time.perf_counter() - started)
    if "where" in fields:
        client.load.together.append(len(json.loads(content)["queries"][0]["results"]))


def uploading(client: Client) -> None:
    """Ask with a picture."""
    body, kind = upload(client.random.randrange(50))
    started = time.perf_counter()
    if client.request("POST", "/query", body, kind) is not None:
        client.load.seconds.append(time.perf_counter() - started)


def upload(seed: int) -> tuple[bytes, str]:
    """A form with a picture of 640 x 480 pixels, and its content type."""
    from io import BytesIO

    buffer = BytesIO()
    picture(seed, (640, 480)).save(buffer, "JPEG")
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x.jpg"\r\n\r\n'
    return head + buffer.getvalue() + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


def load(server: Running, clients: int, seconds: float, ask: Callable[[Client], None]) -> Load:
    """Let clients ask for so long."""
    found, until = Load(), time.monotonic() + seconds

    def run(seed: int) -> None:
        client = Client(server, found, seed)
        while time.monotonic() < until:
            ask(client)
        client.close()

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(run, range(clients)))
    return found


@contextmanager
def building(store: Store, catalogue: Path, seed: int) -> Iterator[list[int]]:
    """Commit generations all the while, each with `TOGETHER` new pictures of one label; give their numbers."""
    ended, commits = threading.Event(), list[int]()

    def build() -> None:
        number = seed
        while not ended.is_set():
            for _ in range(TOGETHER):
                number += 1
                path = catalogue / "together" / f"{number}.jpg"
                path.parent.mkdir(exist_ok=True)
                picture(number % 2**31, (320, 240)).save(path)
            command = [sys.executable, "-m", "indexer", "build", "--json", "-q", "--store", str(store.path)]
            done = subprocess.run(command, capture_output=True, check=True)
            commits.append(json.loads(done.stdout)["generation"])

    thread = threading.Thread(target=build)
    thread.start()
    try:
        yield commits
    finally:
        ended.set()
        thread.join()


def bare_search(gallery: Gallery, callers: int, seconds: float) -> list[float]:
    """Seconds of each search by stored vectors, as the server makes them, without HTTP."""
    space, ids = gallery.generation.space(None), list(range(1, 1000))
    with gallery.store.database.reading() as connection:
        items = read_items(connection, gallery.generation, space, ids)
    gallery.open_ahead(space)
    took, until = list[float](), time.monotonic() + seconds

    def run(seed: int) -> None:
        choose = random.Random(seed)
        while time.monotonic() < until:
            item = items[choose.choice(ids)]
            started = time.perf_counter()
            gallery.find([item.vector], [item.sha256], K, space=space, metric=space.metric)
            took.append(time.perf_counter() - started)

    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(run, range(callers)))
    return took


def until_grouped(server: Running) -> None:
    """Wait until the first generation's groups are found, which takes cores."""
    client = Client(server, Load(), 0)
    while json.loads(client.request("GET", "/groups") or b"{}").get("state") == "computing":
        time.sleep(0.5)
    client.close()


def tell(name: str, seconds: list[float], against: list[float] | None = None) -> None:
    cuts = statistics.quantiles(seconds, n=100)
    ratio = ""
    if against is not None:
        ratio = f"; p95 {cuts[94] / statistics.quantiles(against, n=100)[94]:.1f} times the bare search's"
    print(f"  {name}: {cuts[49]:.4f}, {cuts[94]:.4f}, {cuts[98]:.4f}{ratio}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
