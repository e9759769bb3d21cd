"""Whatever is built, asked and served reaches for no other machine; and what does is caught."""

import os
import sys
from pathlib import Path

import pytest

from tests.trust.offline import Offline, run_offline, why_not

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(why_not() is not None, reason=f"cannot run offline here: {why_not()}")

# Everything that starts a process: a build and its workers, a query, duplicates, and a server that is asked, also with
# an address that it must not fetch, and that builds.
WORK = """
import sys
import time
from pathlib import Path
from indexer.cli import run
from tests.pictures import make_catalogue
from tests.web_slow.asking import ask, form
from tests.web_slow.running import running

folder = Path(sys.argv[1])
catalogue = make_catalogue(folder / "catalogue", per_class=2)
store, photo = folder / ".index", catalogue / "cup/00.jpg"
for command in (["build", catalogue], ["query", photo, "-k", 1], ["verify", photo, photo], ["dedupe"], ["check"]):
    assert run([*map(str, command), "--store", str(store), "-q"]) == 0
with running(store, folder / "words") as server:
    upload = form({"image": ("x.jpg", photo.read_bytes())}, {"url": "http://192.0.2.1/x.jpg"})
    assert ask(server, "POST", "query", *upload)[0] == 200
    status, job = ask(server, "POST", "builds", b"{}", {"Content-Type": "application/json"})
    assert status == 202
    while (told := ask(server, "GET", f"builds/{job['job']}")[1])["state"] == "running":
        time.sleep(0.1)
    assert told["state"] == "done", told
"""


def offline(folder: Path, *command: object, **environment: str) -> Offline:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("INDEX_")}
    return run_offline(
        [sys.executable, *command],
        environment=clean | {"PYTHONPATH": str(ROOT), "INDEX_JOBS": "1"} | environment,
        cwd=folder,
    )


def test_building_asking_and_serving_reach_for_no_other_machine(tmp_path: Path, tiny_encoder: Path) -> None:
    ended = offline(tmp_path, "-c", WORK, tmp_path, INDEX_ENCODER=str(tiny_encoder))
    assert (ended.code, ended.reached) == (0, []), ended.out


CALLS_HOME = {
    "by TCP": "socket.create_connection(('192.0.2.1', 443), 1)",
    "by UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hello', ('192.0.2.1', 443))",
    "by IPv6": "socket.create_connection(('2001:db8::1', 443), 1)",
    "by a name": "socket.getaddrinfo('telemetry.invalid', 443)",
}


@pytest.mark.parametrize("how", CALLS_HOME)
def test_a_library_that_calls_home_when_it_is_imported_is_caught(tmp_path: Path, how: str) -> None:
    """Even where it says nothing of it, in a process that another one started."""
    (tmp_path / "library.py").write_text(
        f"import contextlib, socket\nwith contextlib.suppress(OSError):\n    {CALLS_HOME[how]}\n"
    )
    started = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import library'], check=True)"
    ended = offline(tmp_path, "-c", started, PYTHONPATH=str(tmp_path))
    assert ended.code == 0, ended.out
    assert ended.reached


def test_this_machine_itself_is_no_other(tmp_path: Path) -> None:
    """Loopback, under each of its names, and what only looks like an address."""
    talk = """
import socket
with socket.create_server(("127.0.0.1", 0)) as listener:
    for host in ("127.0.0.1", "127.8.9.1"):
        try:
            socket.create_connection((host, listener.getsockname()[1])).close()
        except ConnectionRefusedError:
            pass
    text = b'sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("1.2.3.4")}'
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(text, listener.getsockname())
"""
    ended = offline(tmp_path, "-c", talk)
    assert (ended.code, ended.reached) == (0, []), ended.out
