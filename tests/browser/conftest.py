"""A real browser on a real server over a real index; every test also holds that nothing went wrong unseen."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.browser.shop import Shop, make_shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NEEDED = (
    "playwright",
    "axe_playwright_python",
    "fastapi",
    "uvicorn",
    "multipart",
    "prometheus_client",
    "cv2",
)
# Groups are computed by a process of its own, and the machine may be busy.
PATIENCE_MS = 120_000
# Without these, Chromium looks for updates and its makers' hosts, which has nothing to do with the page.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session", autouse=True)
def _has_what_it_needs() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if CHROMIUM is None:
        missing.append("chromium (apt-get install chromium)")
    if missing:
        pytest.skip(
            f"the page is not tested: {', '.join(missing)} missing; `make test-web` brings the packages"
        )


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("shop"))


def serve(store: Path, *arguments: str, token: str | None = None) -> Iterator[str]:
    """Start a server on a free port, and give its address."""
    environment = os.environ | ({"INDEX_SERVE_TOKEN": token} if token else {})
    command = [sys.executable, "-m", "indexer", "serve", "--port", "0", "--json", "--store", str(store)]
    with subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            line = server.stdout.readline()
            assert line, "the server ended before it was ready"
            text += line
        yield json.loads(text)["url"].rstrip("/")
        server.terminate()


def copied(shop: Shop, folder: Path) -> Path:
    """Copy a shop that no server writes to; returns the copy's store."""
    shutil.copytree(shop.store.parent, folder)
    return folder / shop.store.name


@pytest.fixture(scope="session")
def address(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that tests only read from."""
    yield from serve(copied(shop, tmp_path_factory.mktemp("read") / "shop"))


@pytest.fixture
def own_address(shop: Shop, tmp_path: Path) -> Iterator[str]:
    """A server of its own, for a test that decides or labels."""
    yield from serve(copied(shop, tmp_path / "shop"))


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[Callable[..., "Page"]]:
    """Open an address in a window of its own; at the end, nothing may have gone wrong in any of them."""
    from playwright.sync_api import ConsoleMessage, Request, Response

    contexts, wrong = [], []

    def opened(url: str, *, expected: frozenset[int] = frozenset(), **options: object) -> "Page":
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        host = urlsplit(url).netloc

        def asked(request: Request) -> None:
            if (
                urlsplit(request.url).scheme in {"http", "https", "ws"}
                and urlsplit(request.url).netloc != host
            ):
                wrong.append(f"asked another host: {request.url}")

        def answered(response: Response) -> None:
            if response.status >= 400 and response.status not in expected:
                wrong.append(f"{response.status}: {response.url}")

        def told(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"} and not (
                expected and "Failed to load resource" in message.text
            ):
                wrong.append(f"{message.type}: {message.text}")

        page.on("request", asked)
        page.on("response", answered)
        page.on("console", told)
        page.on("pageerror", lambda error: wrong.append(f"threw {error}"))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []
