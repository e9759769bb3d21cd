"""`index serve` as a program: it says where it is, answers, and ends when it is told to."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Command

TOKEN = "t" * 40


@pytest.fixture
def server(shop: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INDEX_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "indexer", "serve", "--port", "0", "--json", "--store", shop],
        env=environment | {"INDEX_SERVE_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def test_a_server_says_where_it_is_answers_and_ends_in_order(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    assert server.stderr is not None
    lines = iter(server.stdout.readline, "}\n")
    url = json.loads("".join(lines) + "}")["url"]
    with urllib.request.urlopen(f"{url}livez", timeout=60) as answer:
        assert answer.status == 200
        assert "server" not in answer.headers
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{url}api/v1/status", timeout=60)
    request = urllib.request.Request(f"{url}api/v1/status", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["generation"] == 1
    server.send_signal(signal.SIGTERM)
    assert server.wait(20) == 0
    words = server.stderr.read()
    assert words == ""


def test_people_are_told_the_address_and_how_it_ends(shop: Path) -> None:
    command = [sys.executable, "-m", "indexer", "serve", "--port", "0", "--store", shop]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with urllib.request.urlopen(f"{url}livez", timeout=60) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert process.stderr is not None
        assert process.stderr.read() == "Ctrl-C ends it\n"


@pytest.mark.parametrize("library", ["fastapi", "uvicorn", "multipart", "prometheus_client"])
def test_without_a_library_that_it_needs_it_says_what_to_install(
    index: Command, shop: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    answer = index("serve", "--store", shop)
    assert (answer.code, f"serving needs {library}" in answer.err) == (2, True)
    assert "pip install 'siamese-index[serve]'" in answer.err


@pytest.mark.parametrize(
    ("options", "token", "said"),
    [
        (["--host", "0.0.0.0"], "", "no token is set"),
        (["--host", "0.0.0.0"], "t" * 31, "31 characters"),
        (["--host", "127.0.0.1"], "short", "5 characters"),
        pytest.param(
            ["--host", "nowhere.invalid"], "", "nowhere.invalid", marks=pytest.mark.resolver, id="name"
        ),
        (["--port", "65536"], "", "65536"),
    ],
)
def test_what_is_not_safe_does_not_start(
    index: Command, shop: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], token: str, said: str
) -> None:
    monkeypatch.setenv("INDEX_SERVE_TOKEN", token)
    answer = index("serve", "--store", shop, *options)
    assert answer.code == 2
    assert said in answer.err
    assert not token or token not in answer.err.replace(said, "")


def test_without_an_index_there_is_nothing_to_serve(index: Command) -> None:
    assert index("serve").code == 10
