"""Pictures are shown by id, made anew, kept once made, and only ever what was indexed."""

import io
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from indexer.web.pictures import SIDES, thumbnail_side
from tests.pictures import picture, save
from tests.web.conftest import CAMERA, item_of, serving

API = "/api/v1"


def image_of(answer: object) -> Image.Image:
    assert answer.headers["content-type"] == "image/jpeg"
    return Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize("call", ["thumbnail?side=64", "thumbnail", "picture"])
def test_a_picture_is_upright_and_tells_nothing_of_its_file(client: TestClient, call: str) -> None:
    item = item_of(client, "onerror")
    answer = client.get(f"{API}/items/{item['item']}/{call}")
    shown = image_of(answer)
    assert not shown.getexif()
    assert CAMERA.encode() not in answer.content
    assert shown.height > shown.width
    assert (item["width"], item["height"]) == (72, 96)
    assert max(shown.size) == (64 if "64" in call else 96)


@pytest.mark.parametrize(("asked", "made"), [(64, 64), (100, 64), (256, 256), (511, 256), (512, 512)])
def test_thumbnails_come_in_few_sizes_none_above_what_was_asked_for(asked: int, made: int) -> None:
    assert thumbnail_side(asked) == made
    assert made in SIDES


@pytest.mark.parametrize("side", ["63", "513", "-1", "nan", "1e3", "", "9" * 30])
def test_a_side_that_is_none_is_refused(client: TestClient, side: str) -> None:
    answer = client.get(f"{API}/items/1/thumbnail", params={"side": side})
    assert answer.json()["error"]["code"] == "invalid_request"


def test_a_thumbnail_is_made_once_and_not_sent_again(own: TestClient) -> None:
    item = item_of(own, "cup/01")
    address = f"{API}/items/{item['item']}/thumbnail?side=128"
    first = own.get(address)
    kept = list(own.service.store.path.glob(f"thumbnails/*/{item['sha256']}-128.jpg"))
    assert [path.read_bytes() for path in kept] == [first.content]
    shutil.rmtree(own.service.store.base / "catalogue")
    assert own.get(address).content == first.content
    again = own.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_an_address_that_names_the_content_may_be_kept_for_ever_and_no_other(client: TestClient) -> None:
    item = item_of(client, "cup/02")
    address = f"{API}/items/{item['item']}/thumbnail"

    def keeping(named: str) -> str:
        return client.get(address, params={"v": named}).headers["cache-control"]

    assert "immutable" in keeping(item["sha256"][:12])
    assert "immutable" in keeping(item["sha256"])
    assert keeping(item["sha256"][:11]) == keeping("0" * 12) == "private, no-cache"


def test_a_picture_beyond_the_servers_limits_is_named_and_not_shown(shop: Path, client: TestClient) -> None:
    item = item_of(client, "cup/01")["item"]
    with serving(shop, max_pixels=1000) as strict:
        answer = strict.get(f"{API}/items/{item}/picture")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "unusable_picture")
    assert f"item {item}: too-many-pixels" in error["message"]


def test_a_file_that_became_another_is_not_shown(own: TestClient) -> None:
    path = own.service.store.base / "catalogue/cup/03.jpg"
    item = item_of(own, "cup/03")["item"]
    for change in (
        lambda: save(path, 777),
        lambda: (path.unlink(), path.symlink_to("/etc/passwd")),
        lambda: (path.unlink(), path.symlink_to(path.with_name("02.jpg"))),
        lambda: (path.unlink(), os.mkfifo(path)),
        path.unlink,
    ):
        change()
        for call in ("thumbnail", "picture"):
            answer = own.get(f"{API}/items/{item}/{call}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "picture_gone")


def test_a_content_whose_first_file_is_gone_is_shown_from_the_other(own: TestClient) -> None:
    item = item_of(own, "again.jpg")
    (own.service.store.base / "catalogue/ewer/01.jpg").unlink()
    assert image_of(own.get(f"{API}/items/{item['item']}/picture")).size == (96, 72)


def test_pictures_are_shown_where_nothing_can_be_kept(own: TestClient) -> None:
    (own.service.store.path / "thumbnails").write_text("in the way")
    item = item_of(own, "cup/00")["item"]
    for _ in range(2):
        assert image_of(own.get(f"{API}/items/{item}/thumbnail")).size == (96, 72)


@pytest.mark.parametrize("item", ["..", "%2e%2e%2f", "/etc/passwd", "1%00", "-1", "9" * 30, "catalogue"])
def test_what_is_no_id_shows_nothing(client: TestClient, item: str) -> None:
    answer = client.get(f"{API}/items/{item}/picture")
    assert answer.status_code in {404, 422}
    assert "error" in answer.json()


def test_a_picture_as_small_as_a_pixel_is_shown(own: TestClient) -> None:
    from indexer import Index

    folder = own.service.store.base
    picture(5, (40, 40)).resize((1, 1)).save(folder / "catalogue/cup/dot.png")
    Index(folder).build()
    item = item_of(own, "dot.png")["item"]
    assert image_of(own.get(f"{API}/items/{item}/picture")).size == (8, 8)
