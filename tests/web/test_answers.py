"""Every answer is what its document says, and what the command line says."""

import os
from pathlib import Path
from typing import get_args

import pytest
from starlette.testclient import TestClient

from indexer import Index
from indexer.classify import HEADS
from indexer.lookup import Gallery
from indexer.store import open_store
from indexer.web import documents
from indexer.web.embedding_map import draw_map
from tests.pictures import save
from tests.tiny_encoder import write_tiny_encoder
from tests.web.conftest import ODD_NAME, item_of

API = "/api/v1"


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/status", documents.Status),
        ("/items?limit=3", documents.Items),
        ("/items/1", documents.ItemWithDecisions),
        ("/labels", documents.Labels),
        ("/attributes", documents.Attributes),
        ("/rejections", documents.Rejections),
        ("/groups?state=all", documents.Groups),
        ("/alerts?state=all", documents.Alerts),
        ("/decisions", documents.Decisions),
        ("/map", documents.Map),
        ("/nights", documents.Nights),
        ("/encoder", documents.Encoder),
        ("/builds", documents.Builds),
        ("/session", documents.Session),
        ("/items/999", documents.Error),
        ("/items/0", documents.Error),
        ("/nowhere", documents.Error),
        ("/calibrations/copy", documents.Error),
        ("/calibrations/nothing", documents.Error),
        ("/nights/1", documents.Error),
        ("/groups/999", documents.Error),
        ("/builds/none", documents.Error),
    ],
)
def test_an_answer_is_what_its_document_says(
    client: TestClient, path: str, document: type[documents.Document]
) -> None:
    answer = client.get(API + path)
    document.model_validate_json(answer.content)
    assert (answer.status_code >= 400) is (document is documents.Error)


def test_the_status_counts_what_there_is(client: TestClient, shop: Path) -> None:
    found = client.get(f"{API}/status").json()
    said = Index(shop).status()
    assert found["counts"] == {
        "items": said.items,
        "files": said.files,
        "labels": len(said.labels),
        "rejected": 1,
        "decisions": 0,
    }
    assert found["generation"] == said.generation
    assert found["encoder"]["spaces"] == ["copy", "object"]


def test_lists_are_paged_without_gap_or_repetition(client: TestClient) -> None:
    seen, cursor = [], None
    while True:
        page = client.get(
            f"{API}/items", params={"limit": 4, **({"cursor": cursor} if cursor else {})}
        ).json()
        seen += [item["item"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(set(seen))
    assert len(seen) == page["total"] == client.get(f"{API}/status").json()["counts"]["items"]


@pytest.mark.parametrize("cursor", ["nonsense", "WzFd.", "WyJhIl0", "WzEsMl0", "Wy0xXQ", "e30", "é"])
def test_a_cursor_that_no_page_gave_is_refused(client: TestClient, cursor: str) -> None:
    for path in ("items", "groups", "decisions", "alerts", "rejections"):
        answer = client.get(f"{API}/{path}", params={"cursor": cursor})
        assert answer.json()["error"]["code"] == "refused", path


def test_items_are_filtered_by_label_attribute_and_path(client: TestClient) -> None:
    def names(**parameters: object) -> list[str]:
        found = client.get(f"{API}/items", params=parameters).json()
        assert found["total"] == len(found["items"])
        return [os.path.basename(item["path"]) for item in found["items"]]

    assert names(label="cup") == ["00.jpg", "01.jpg", "02.jpg", "03.jpg", "small.png"]
    assert names(label="cup", where="seller=bob") == ["01.jpg", "03.jpg"]
    assert names(where=["seller=bob", "label=cup"]) == ["01.jpg", "03.jpg"]
    assert names(path="SMALL.p") == ["small.png"]
    assert names(path="%") == names(path="_mall") == names(label="nothing") == []
    answer = client.get(f"{API}/items", params={"where": "seller"})
    assert answer.json()["error"]["code"] == "refused"


def test_labels_and_attributes_are_counted(client: TestClient) -> None:
    labels = client.get(f"{API}/labels").json()["labels"]
    assert {entry["label"]: entry["items"] for entry in labels} == {"bass": 5, "cup": 5, "ewer": 4}
    attributes = client.get(f"{API}/attributes").json()["attributes"]
    assert attributes == [
        {"key": "seller", "values": [{"value": "ann", "files": 4}, {"value": "bob", "files": 4}]}
    ]


def test_a_content_that_lies_twice_is_one_item_with_both_places(client: TestClient) -> None:
    found = item_of(client, "again.jpg")
    assert [os.path.basename(path) for path in found["paths"]] == ["01.jpg", "again.jpg"]
    assert found["path"] == found["paths"][0]


def test_a_name_that_is_no_text_is_one_that_any_client_can_read(client: TestClient) -> None:
    shown = os.path.basename(item_of(client, "onerror")["path"])
    assert shown == os.fsencode(ODD_NAME).decode(errors="replace")
    assert "\ufffd" in shown


def test_what_was_rejected_is_named_with_its_reason(client: TestClient) -> None:
    (entry,) = client.get(f"{API}/rejections").json()["rejections"]
    assert (os.path.basename(entry["path"]), entry["reason"]) == ("broken.jpg", "truncated")


def test_the_map_places_each_content_once_and_says_what_it_explains(client: TestClient) -> None:
    found = client.get(f"{API}/map", params={"space": "copy"}).json()
    assert len({point["item"] for point in found["points"]}) == len(found["points"]) == found["total"]
    assert 0 < found["explained"][1] <= found["explained"][0] < 1
    assert len(client.get(f"{API}/map", params={"limit": 5}).json()["points"]) == 5


def test_the_map_of_an_index_that_holds_nothing_is_empty(own: TestClient) -> None:
    with Index(own.service.store.path) as index:
        index.remove(own.service.store.base / "catalogue")
    found = own.get(f"{API}/map").json()
    assert (found["points"], found["explained"], found["total"]) == ([], [0.0, 0.0], 0)


def test_vectors_of_one_dimension_lie_on_a_line(tmp_path: Path) -> None:
    encoder = write_tiny_encoder(tmp_path / "encoder", dim=1)
    for seed in range(6):
        save(tmp_path / "catalogue" / f"{seed}.png", seed)
    with Index(tmp_path, encoder=str(encoder), metric="l2", jobs=1) as index:
        index.build(tmp_path / "catalogue")
        gallery = Gallery(open_store(index.path))
    found = draw_map(gallery, gallery.generation.space("copy"), 100)
    assert (len(found.points), {point.y for point in found.points}) == (6, {0.0})
    assert found.explained == [1.0, 0.0]


def test_the_heads_that_are_documented_are_those_that_there_are() -> None:
    assert set(get_args(documents.HeadName)) == set(HEADS)


def test_an_answer_says_to_a_browser_what_it_may_not_do(client: TestClient) -> None:
    for path in ("/", "/api/v1/status", "/api/v1/items/999", "/nowhere", "/livez"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'"), path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] in {"no-store", "private, no-cache"}
        assert not any(name.startswith("access-control") for name in headers)


def test_the_page_is_served_by_the_names_that_it_has_and_no_others(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    known = client.get("/page/index.html", headers={"If-None-Match": page.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    for name in (
        "../app.py",
        "%2e%2e/app.py",
        "..%2fapp.py",
        "%2e%2e%2fapp.py",
        "/etc/passwd",
        "%00",
        "app.py",
    ):
        assert client.get(f"/page/{name}").status_code == 404, name


def test_the_server_is_alive_ready_and_measured(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "generation": 1}
    client.get("/api/v1/items/7")
    told = client.get("/metrics").text
    assert 'index_requests_total{method="GET",route="/items/{item}",status="200"}' in told.replace(
        "/api/v1", ""
    )
    assert "index_generation 1.0" in told
