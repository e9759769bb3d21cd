"""Who may ask: by the address that is listened on, the Host, the Origin, and the token."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from indexer.errors import UsageRefused
from indexer.web.address import access_to, listen
from indexer.web.guard import COOKIE, Access
from tests.web.conftest import serving

API = "/api/v1"
TOKEN = "t" * 32
DECISION = {"a": 1, "b": 1, "verdict": "same"}


def access_at(host: str, token: str | None) -> Access:
    with listen(host, 0) as listener:
        return access_to(listener, host, [], token)


HERE, EVERYWHERE, NOWHERE = "this machine alone", "others too", "no address of this machine"
HOSTS = {
    "127.0.0.1": HERE,
    "127.1": HERE,
    "127.8.9.1": HERE,
    "2130706433": HERE,
    "localhost": HERE,
    "::1": HERE,
    "::ffff:127.0.0.1": HERE,
    "0.0.0.0": EVERYWHERE,
    "0": EVERYWHERE,
    "::": EVERYWHERE,
    "::ffff:0.0.0.0": EVERYWHERE,
    "8.8.8.8": NOWHERE,
    "/tmp/socket": NOWHERE,
    "": NOWHERE,
}


@pytest.mark.parametrize("token", [None, "t" * 31, TOKEN], ids=["none", "short", "good"])
@pytest.mark.parametrize(("host", "reached"), HOSTS.items())
def test_a_server_starts_where_only_this_machine_reaches_it_or_with_a_good_token(
    host: str, reached: str, token: str | None
) -> None:
    starts = reached != NOWHERE and (token == TOKEN or (token is None and reached == HERE))
    if not starts:
        with pytest.raises(UsageRefused):
            access_at(host, token)
        return
    access = access_at(host, token)
    assert access.token == token
    assert access.any_address == (reached == EVERYWHERE)
    assert access.allows_host(f"{host}:8000" if ":" not in host else f"[{host}]:8000")


def test_what_is_wrong_with_a_token_is_said() -> None:
    with pytest.raises(UsageRefused, match="no token is set"):
        access_at("0.0.0.0", None)
    for host in ("0.0.0.0", "127.0.0.1"):
        with pytest.raises(UsageRefused, match="31 characters"):
            access_at(host, "t" * 31)


@pytest.mark.resolver
@pytest.mark.parametrize("host", ["nowhere.invalid", "256.1.1.1", "a" * 300, "127.0.0.1:80"])
def test_what_is_no_address_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(UsageRefused):
        listen(host, 0)


def test_a_port_that_is_taken_is_named() -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(UsageRefused, match=f"port {taken.getsockname()[1]}"):
            listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8000",
        "",
        "[::1",
        "192.168.0.1",
    ],
)
def test_a_host_that_is_not_ours_is_told_nothing(client: TestClient, host: str) -> None:
    for path in ("/", "/livez", f"{API}/status", "/page/index.html"):
        answer = client.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "host_refused")


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1:1", "[::1]:8000"])
def test_our_own_names_are_known_with_any_port(client: TestClient, host: str) -> None:
    assert client.get("/livez", headers={"Host": host}).status_code == 200


def test_other_names_are_known_once_they_are_allowed() -> None:
    with listen("127.0.0.1", 0) as listener:
        access = access_to(listener, "127.0.0.1", ["Photos.example"], None)
    assert access.allows_host("photos.example:443")
    assert not access.allows_host("10.0.0.1")
    assert Access(any_address=True).allows_host("10.0.0.1:8000")
    assert not Access(any_address=True).allows_host("evil.example")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "https://127.0.0.1.evil.example"},
        {"Origin": ""},
        {"Origin": "http://[::1"},
        {"Origin": "http://]"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_changes_nothing(client: TestClient, headers: dict[str, str]) -> None:
    for answer in (
        client.post(f"{API}/decisions", json=DECISION, headers=headers),
        client.put(f"{API}/items/1/label", json={"label": "x"}, headers=headers),
        client.post(f"{API}/query", data={"item": 1}, headers=headers),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_refused")


def test_our_own_page_may_ask(client: TestClient) -> None:
    headers = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert client.post(f"{API}/query", data={"item": 1}, headers=headers).status_code == 200


def test_with_a_token_nothing_but_the_page_is_shown_without_it(shop: Path) -> None:
    with serving(shop, Access(token=TOKEN)) as client:
        bodies = set()
        for given in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": f"Basic {TOKEN}"},
            {"Cookie": f"{COOKIE}=x"},
        ):
            answer = client.get(f"{API}/status", headers=given)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            bodies.add(answer.content)
        assert len(bodies) == 1
        for path in ("/metrics", f"{API}/openapi.json", f"{API}/nothing", "/nothing"):
            assert client.get(path).status_code == 401, path
        assert client.get(f"{API}/status", params={"token": TOKEN}).status_code == 401
        for path in ("/", "/livez", "/readyz", f"{API}/session"):
            assert client.get(path).status_code == 200, path
        assert client.get(f"{API}/status", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_token_is_given_once_for_a_cookie(shop: Path) -> None:
    with serving(shop, Access(token=TOKEN)) as client:
        for wrong in ("", "wrong", TOKEN[:-1], "é" * 32):
            assert client.post(f"{API}/session", json={"token": wrong}).status_code == 401
        assert client.get(f"{API}/session").json() == {"token_needed": True, "let_in": False}
        answer = client.post(f"{API}/session", json={"token": TOKEN})
        assert answer.json()["let_in"]
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        assert client.get(f"{API}/status").status_code == 200
        kept = client.cookies[COOKIE]
    with serving(shop, Access(token=TOKEN)) as client:
        assert client.get(f"{API}/status", headers={"Cookie": f"{COOKIE}={kept}"}).status_code == 401


def test_the_token_is_in_nothing_that_is_printed() -> None:
    assert TOKEN not in repr(Access(token=TOKEN))
