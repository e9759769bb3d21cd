"""Every bad or odd file as an upload, by each call that takes one; names, numbers and addresses that mean harm."""

import io
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from indexer.web.bodies import FILE_BYTES
from tests.hostile.bombs import bombs_within_the_limits
from tests.hostile.corpus import specimens
from tests.hostile.specimen import DECODES, Specimen
from tests.pictures import picture
from tests.web_slow.asking import ask, form
from tests.web_slow.running import Running, running

CALLS = {"query": "image", "classify": "image", "screen": "image", "verify": "a"}


@pytest.fixture(scope="module")
def server(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(shop, tmp_path_factory.mktemp("server") / "words", INDEX_JOBS="1") as started:
        yield started


def photo() -> bytes:
    buffer = io.BytesIO()
    picture(7).save(buffer, "JPEG")
    return buffer.getvalue()


def content_of(specimen: Specimen, folder: Path) -> bytes | None:
    """Return a specimen's bytes, None where it is no file or more than may be sent."""
    path = specimen.make(folder)
    if not os.path.isfile(path) or path.is_symlink() or path.stat().st_size > FILE_BYTES:
        return None
    return path.read_bytes()


# What is as large as it may be and decodes costs two seconds each; `tests/trust/hostile` holds it to them.
DEAR = {specimen.name for specimen in bombs_within_the_limits() if specimen.expect == {DECODES}}
SPECIMENS = [specimen for specimen in specimens() if specimen.name not in DEAR]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("call", CALLS)
def test_every_specimen_is_answered_or_refused_by_name_whoever_takes_it(
    server: Running, tmp_path: Path, call: str
) -> None:
    sent = 0
    for specimen in SPECIMENS:
        content = content_of(specimen, tmp_path)
        if content is None:
            continue
        sent += 1
        fields = {"b_item": 1} if call == "verify" else {}
        status, told = ask(server, "POST", call, *form({CALLS[call]: ("x.jpg", content)}, fields))
        if call == "verify":
            assert status in {200, 422}, (specimen.name, told)
            assert (status == 200) <= (DECODES in specimen.expect), (specimen.name, told)
            assert status == 200 or told["error"]["code"] == "unusable_picture", (specimen.name, told)
            continue
        assert status == 200, (specimen.name, told)
        (one,) = told["queries" if call == "query" else "images"]
        assert (one.get("reason") or DECODES) in specimen.expect, (specimen.name, one)
    assert sent > 150
    assert ask(server, "GET", "status")[0] == 200


@pytest.mark.parametrize("call", CALLS)
def test_a_picture_that_is_no_form_is_refused(server: Running, call: str) -> None:
    for kind in ("image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded", ""):
        status, told = ask(server, "POST", call, photo(), {"Content-Type": kind})
        assert 400 <= status < 500, (kind, told)


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "..\\..\\boot.ini",
        "/etc/passwd",
        "C:\\x.jpg",
        "x\0.jpg",
        "\u202egpj.exe",
        "<img src=x onerror=alert(1)>.jpg",
        "=cmd|' /C calc'!A0.jpg",
        "\x1b[2J\x1b]0;owned\7.jpg",
        "a\r\nSet-Cookie: a=b\r\n\r\n<script>",
        'x"; filename="y.jpg',
        "n" * 5000,
        "%2e%2e%2f%00",
        "-rf",
        ".",
        "..",
        "",
        "caf\udce9.jpg",
    ],
    ids=ascii,
)
def test_a_name_is_shown_in_one_line_and_is_nothing_but_a_name(
    server: Running, tmp_path: Path, name: str
) -> None:
    for call, field in CALLS.items():
        fields = {"b_item": 1} if call == "verify" else {}
        status, told = ask(server, "POST", call, *form({field: (name, photo())}, fields))
        if status != 200:
            assert 400 <= status < 500, told
            continue
        one = told if call == "verify" else told["queries" if call == "query" else "images"][0]
        shown = one["a" if call == "verify" else "query" if call == "query" else "image"]
        assert 0 < len(shown) <= 255
        assert shown.isprintable()
        assert "/" not in shown
        assert "root:" not in json.dumps(told)


NUMBERS = ("0", "-1", "1000000000", "9" * 40, "NaN", "inf", "1e3", "0x10", "1.5", " 1", "", "1\0", "\u0661")
FIELDS = (
    *(("query", "k"), ("query", "verify"), ("query", "item"), ("query", "threshold")),
    *(("classify", "n"), ("classify", "item"), ("verify", "a_item")),
)


@pytest.mark.parametrize(("call", "field"), FIELDS)
def test_a_number_that_cannot_be_meant_is_refused(server: Running, call: str, field: str) -> None:
    allowed = {("query", "threshold"): {"0", "-1", "1000000000", "1e3", "1.5", " 1", "9" * 40}}
    fine = allowed.get((call, field), {" 1"}) | {"", "\u0661"}  # an empty field is none; a digit is a digit
    for number in NUMBERS:
        fields = {"b_item": 1, "item": 1} | {field: number}
        status, told = ask(server, "POST", call, *form({}, fields))
        assert 400 <= status < 500 or (status == 200 and number in fine), (number, told)


@pytest.mark.parametrize(
    "address", ["items?limit=", "items?cursor=", "groups?threshold=", "alerts?limit=", "map?limit="]
)
def test_a_number_in_an_address_is_held_to_its_range(server: Running, address: str) -> None:
    for number in ("0", "-1", "1000000000", "NaN", "1e3", "%00", "9" * 40):
        status, told = ask(server, "GET", f"{address}{number}")
        assert status in {200, 422, 400}, (number, told)
        assert status != 200 or len(json.dumps(told)) < 1 << 20


@pytest.fixture
def visited() -> Iterator[tuple[int, list[str]]]:
    """A port on this machine, and who came there."""
    came: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        ended = threading.Event()

        def wait() -> None:
            while not ended.is_set():
                try:
                    connection, peer = listener.accept()
                except TimeoutError:
                    continue
                came.append(str(peer))
                connection.close()

        thread = threading.Thread(target=wait)
        thread.start()
        yield listener.getsockname()[1], came
        ended.set()
        thread.join()


NAMED = (
    "url",
    "image",
    "image_url",
    "src",
    "href",
    "uri",
    "file",
    "path",
    "a",
    "b",
    "callback",
    "proxy",
    "catalogue",
)


def test_no_address_that_a_client_names_is_ever_visited(
    server: Running, visited: tuple[int, list[str]]
) -> None:
    port, came = visited
    hosts = ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "x@127.0.0.1")
    addresses = [f"{scheme}://{host}:{port}/x.jpg" for host in hosts for scheme in ("http", "ftp", "gopher")]
    addresses += [
        f"//127.0.0.1:{port}/x.jpg",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
    ]
    for address in addresses:
        for call in CALLS:
            fields = dict.fromkeys(NAMED, address)
            status, told = ask(server, "POST", call, *form({}, fields))
            assert 400 <= status < 500, told
        assert (
            ask(server, "POST", "query", *form({}, {"item": 1, "url": address, "where": f"x={address}"}))[0]
            == 200
        )
        for path in (f"items?path={address}", f"items?url={address}", f"status?url={address}"):
            headers = dict.fromkeys(("Referer", "X-Forwarded-Host", "X-Original-URL", "Forwarded"), address)
            assert ask(server, "GET", path, headers=headers)[0] < 500
        assert ask(server, "POST", "builds", json.dumps({"catalogue": address}).encode(), _JSON)[0] == 422
    for content in _that_point_at(f"http://127.0.0.1:{port}/x.jpg"):
        for call, field in CALLS.items():
            fields = {"b_item": 1} if call == "verify" else {}
            assert ask(server, "POST", call, *form({field: ("x.jpg", content)}, fields))[0] < 500
    assert not came


_JSON = {"Content-Type": "application/json"}


def _that_point_at(address: str) -> Iterator[bytes]:
    """Files that name an address which a careless reader of them would fetch."""
    yield f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{address}"/></svg>'.encode()
    yield f'<!DOCTYPE x [<!ENTITY e SYSTEM "{address}">]><x>&e;</x>'.encode()
    yield f"#EXTM3U\n{address}\n".encode()
    yield f"push graphic-context\nimage over 0,0 0,0 '{address}'\npop graphic-context\n".encode()
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = address
    picture(3).save(buffer, "JPEG", exif=exif, comment=address.encode())
    yield buffer.getvalue()


def test_somebody_who_visits_is_noticed(visited: tuple[int, list[str]]) -> None:
    port, came = visited
    socket.create_connection(("127.0.0.1", port)).close()
    for _ in range(50):
        if came:
            return
        threading.Event().wait(0.1)
    raise AssertionError("nobody came")
