"""The queue of duplicate groups while people decide and builds commit."""

from starlette.testclient import TestClient

from indexer import Index
from tests.pictures import save
from tests.web.conftest import found_groups, item_of

API = "/api/v1"


def test_what_is_decided_leaves_the_queue_and_comes_back_when_it_is_taken_back(own: TestClient) -> None:
    found_groups(own)
    (group,) = own.get(f"{API}/groups").json()["groups"]
    pair = {"a": group["keep"]["item"], "b": group["members"][0]["item"]}
    before = {name: own.get(f"{API}/groups").json()[name] for name in ("open", "decided")}
    for verdict in ("same", "different", "fraud"):
        own.post(f"{API}/decisions", json=pair | {"verdict": verdict})
        answer = own.get(f"{API}/groups").json()
        assert (answer["groups"], answer["open"], answer["decided"]) == ([], 0, before["decided"] + 1)
        shown = own.get(f"{API}/groups/{group['id']}").json()
        assert (shown["state"], shown["members"][0]["decision"]) == ("decided", verdict)
    own.post(f"{API}/decisions", json=pair | {"verdict": None})
    answer = own.get(f"{API}/groups").json()
    assert {name: answer[name] for name in ("open", "decided")} == before
    assert answer["groups"][0]["state"] == "open"


def test_a_new_generation_brings_new_groups_by_itself(own: TestClient) -> None:
    assert found_groups(own)["total"] == 2
    folder = own.service.store.base
    save(folder / "catalogue/bass/new.png", 101)  # drawn as cup/01 is
    Index(folder).build()
    assert found_groups(own, generation=2)["total"] == 3
    assert item_of(own, "new.png")
