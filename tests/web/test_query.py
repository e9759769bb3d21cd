"""A query over HTTP finds what the command line finds, from a file, a content of the index, or a part of either."""

import io
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from indexer import Index
from tests.pictures import picture
from tests.web.conftest import as_sent, item_of

API = "/api/v1"


def jpeg(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    picture(seed).save(buffer, "JPEG")
    return buffer.getvalue()


def ask(client: TestClient, *files: bytes, **fields: object) -> list[dict]:
    sent = [("image", (f"{n}.jpg", content)) for n, content in enumerate(files)]
    answer = client.post(f"{API}/query", data=fields, files=sent or None)
    assert answer.status_code == 200, answer.text
    return answer.json()["queries"]


def test_an_upload_finds_what_the_library_finds(client: TestClient, shop: Path) -> None:
    content = jpeg(555)
    for options in ({}, {"space": "copy"}, {"metric": "l2", "k": 3}, {"where": {"label": "cup"}}):
        fields = dict(options)
        if "where" in fields:
            fields["where"] = "label=cup"
        (answer,) = ask(client, content, **fields)
        with Index(shop) as index:
            expected = [match.to_dict() for match in index.query(content, **options)]
        for match in answer["results"]:
            assert (match.pop("width"), match.pop("height")) > (0, 0)
            assert len(match.pop("sha256")) == 64
        assert answer["results"] == as_sent(expected), options


def test_a_content_of_the_index_finds_itself_first_without_being_read(own: TestClient) -> None:
    item = item_of(own, "cup/01")["item"]
    catalogue = own.service.store.base / "catalogue"
    catalogue.rename(catalogue.with_name("away"))
    (answer,) = ask(own, item=item, k=2)
    assert (answer["results"][0]["item"], answer["results"][0]["verdict"]) == (item, "identical")
    assert answer["results"][0]["score"] == 1.0


def test_several_pictures_are_answered_in_the_order_given(client: TestClient) -> None:
    items = [item_of(client, name)["item"] for name in ("cup/02", "bass/01")]
    answers = ask(client, jpeg(1), b"no picture", jpeg(2), item=items)
    assert [answer["query"] for answer in answers[:3]] == ["0.jpg", "1.jpg", "2.jpg"]
    assert (answers[1]["reason"], answers[1]["results"]) == ("not-an-image", [])
    assert [answer["results"][0]["item"] for answer in answers[3:]] == items


def test_a_part_of_a_picture_is_asked_with(client: TestClient) -> None:
    """A picture pasted beside another is found by the part that it fills, and not by the whole."""
    whole = picture(300, (192, 72))
    whole.paste(picture(100, (96, 72)), (96, 0))  # cup/00 is drawn from seed 100
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    expected = item_of(client, "cup/00")["item"]
    (by_part,) = ask(client, buffer.getvalue(), crop="0.5,0,1,1", k=1)
    (by_whole,) = ask(client, buffer.getvalue(), k=1)
    assert by_part["results"][0]["item"] == expected
    assert by_part["results"][0]["score"] > 0.98 > by_whole["results"][0]["score"]
    (of_item,) = ask(client, item=expected, crop="0,0,1,1", k=1)
    assert of_item["results"][0]["item"] in {expected, item_of(client, "small.png")["item"]}


def test_of_what_is_no_picture_there_is_no_part(client: TestClient) -> None:
    broken, whole = ask(client, b"no picture", jpeg(1), crop="0,0,0.5,1", k=1)
    assert (broken["reason"], broken["results"]) == ("not-an-image", [])
    assert len(whole["results"]) == 1


def test_candidates_are_verified_on_request(client: TestClient) -> None:
    item = item_of(client, "cup/01")["item"]
    for answer in (ask(client, jpeg(101), verify=2, k=2)[0], ask(client, item=item, verify=2, k=2)[0]):
        assert answer["results"][0]["item"] == item
        assert answer["results"][0]["verdict"] in {"identical", "copy"}
        assert answer["results"][0]["reason"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "refused"),
        ({"item": "1", "k": "0"}, "invalid_request"),
        ({"item": "1", "k": "-1"}, "invalid_request"),
        ({"item": "1", "k": "1000000000"}, "invalid_request"),
        ({"item": "1", "k": "NaN"}, "invalid_request"),
        ({"item": "1", "k": "1e3"}, "invalid_request"),
        ({"item": "1", "threshold": "NaN"}, "invalid_request"),
        ({"item": "1", "threshold": "inf"}, "invalid_request"),
        ({"item": "1", "metric": "hamming"}, "invalid_request"),
        ({"item": "1", "space": "nowhere"}, "refused"),
        ({"item": "1", "where": "label"}, "refused"),
        ({"item": "1", "crop": "0,0,1"}, "refused"),
        ({"item": "1", "crop": "0,0,nan,1"}, "refused"),
        ({"item": "1", "crop": "0.5,0,0.5,1"}, "refused"),
        ({"item": "1", "crop": "0,0,1,1.01"}, "refused"),
        ({"item": "0"}, "invalid_request"),
        ({"item": "9" * 25}, "invalid_request"),
        ({"item": "12345"}, "no_such_item"),
        ({"image": "http://169.254.169.254/"}, "invalid_request"),
        ({"url": "http://127.0.0.1/"}, "refused"),
    ],
)
def test_what_cannot_be_meant_is_refused(client: TestClient, fields: dict, code: str) -> None:
    answer = client.post(f"{API}/query", data=fields)
    assert answer.json()["error"]["code"] == code
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("key", ['a"b', "a'b", "a.b", "$", "", '"', "\\", "\x00", "label "])
def test_any_text_may_be_an_attributes_name(client: TestClient, key: str) -> None:
    for answer in (
        client.post(f"{API}/query", data={"item": 1, "where": f"{key}=x"}),
        client.get(f"{API}/items", params={"where": f"{key}=x"}),
    ):
        if key.strip("\x00"):
            assert answer.status_code == 200, answer.text
            assert not answer.json().get("items", answer.json().get("queries", [{}])[0].get("results", []))
        else:
            assert answer.json()["error"]["code"] == "refused"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../x.jpg", "x.jpg"),
        ("C:\\photos\\x.jpg", "x.jpg"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("n" * 400, "n" * 255),
    ],
)
def test_a_files_name_is_its_last_part_and_steers_nothing(client: TestClient, name: str, shown: str) -> None:
    answer = client.post(f"{API}/query", files=[("image", (name, jpeg()))])
    assert answer.json()["queries"][0]["query"] == shown


def test_two_pictures_are_verified_and_laid_on_each_other(client: TestClient) -> None:
    item = item_of(client, "cup/00")["item"]
    small = item_of(client, "small.png")["item"]
    found = client.post(f"{API}/verify", data={"a_item": item, "b_item": small}).json()
    assert (found["a_size"], found["b_size"]) == ([96, 72], [48, 36])
    assert found["verdict"] in {"copy", "same-object", "different", "altered"}
    same = client.post(f"{API}/verify", data={"a_item": item}, files={"b": ("b.jpg", jpeg(100))}).json()
    assert same["b"] == "b.jpg"
    assert same["overlay"].startswith("data:image/jpeg;base64,")
    for fields in ({}, {"a_item": item}, {"a_item": item, "b_item": 4321}):
        assert "error" in client.post(f"{API}/verify", data=fields).json()
    broken = client.post(f"{API}/verify", data={"a_item": item}, files={"b": ("b.jpg", b"GIF89a")})
    assert (broken.status_code, broken.json()["error"]["code"]) == (422, "unusable_picture")
    assert "b.jpg" in broken.json()["error"]["message"]


def test_pictures_are_classified_and_screened(client: TestClient) -> None:
    item = item_of(client, "cup/02")["item"]
    found = client.post(
        f"{API}/classify", data={"item": item, "n": 2}, files=[("image", ("x.jpg", jpeg(1)))]
    ).json()
    assert found["images"][0]["image"] == "x.jpg"
    assert found["images"][1]["predictions"][0]["label"] in {"bass", "cup", "ewer"}
    screened = client.post(
        f"{API}/screen",
        data={"claim": ["seller=bob"], "owner": "seller"},
        files=[("image", ("claim.jpg", jpeg(102)))],
    ).json()
    assert screened["images"][0]["image"] == "claim.jpg"
    refused = client.post(f"{API}/screen", data={"owner": "shop"}, files=[("image", ("x.jpg", jpeg()))])
    assert refused.json()["error"]["code"] == "refused"
