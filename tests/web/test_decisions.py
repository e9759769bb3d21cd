"""Decisions over HTTP: written once, all or none, taken beside a build, and never lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from indexer.store import SALVAGED_FILE
from indexer.tables import Decision
from indexer.web import answered
from tests.web.conftest import serving

API = "/api/v1"


def decide(client: TestClient, a: int, b: int, verdict: str | None, **more: object) -> dict:
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    answer = client.post(
        f"{API}/decisions", json={"a": a, "b": b, "verdict": verdict} | more, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(client: TestClient) -> int:
    with client.service.store.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(Decision)).scalar_one()


def test_a_decision_is_written_once_whatever_its_order(own: TestClient) -> None:
    assert decide(own, 1, 2, "same") == {"a": 1, "b": 2, "verdict": "same", "before": None, "added": True}
    assert decide(own, 2, 1, "same") == {"a": 2, "b": 1, "verdict": "same", "before": "same", "added": False}
    assert decide(own, 1, 2, "different")["before"] == "same"
    assert decide(own, 1, 2, None) == {"a": 1, "b": 2, "verdict": None, "before": "different", "added": True}
    assert not decide(own, 1, 2, None)["added"]
    assert rows(own) == 3


def test_the_same_key_gives_the_same_answer_and_decides_once(own: TestClient) -> None:
    first = decide(own, 1, 2, "same", key="k1")
    decide(own, 1, 2, None)
    assert decide(own, 1, 2, "same", key="k1") == first
    assert rows(own) == 2
    other = own.post(
        f"{API}/decisions", json={"a": 1, "b": 3, "verdict": "same"}, headers={"Idempotency-Key": "k1"}
    )
    assert (other.status_code, other.json()["error"]["code"]) == (422, "key_reused")


def test_only_the_newest_answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answered, "_KEPT", 2)
    kept, asked = answered.Answered(), []

    def ask(key: str) -> object:
        return kept.once(key, "request", lambda: asked.append(key) or len(asked))

    assert [ask(key) for key in ("a", "b", "a", "c", "b", "c")] == [1, 2, 1, 3, 2, 3]
    assert ask("a") == 4
    assert ask("c") == 3
    assert asked == ["a", "b", "c", "a"]


def test_twenty_of_one_key_at_once_decide_once(own: TestClient) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: decide(own, 3, 4, "fraud", key="k2"), range(20)))
    assert answers == [answers[0]] * 20
    assert rows(own) == 1


def test_the_ledger_is_listed_newest_first_and_an_item_names_its_own(own: TestClient) -> None:
    decide(own, 1, 2, "same", note="  cropped ")
    decide(own, 2, 3, "different")
    decide(own, 1, 2, "fraud")
    page = own.get(f"{API}/decisions", params={"limit": 2}).json()
    assert [(row["verdict"], row["counts"]) for row in page["decisions"]] == [
        ("fraud", True),
        ("different", True),
    ]
    last = own.get(f"{API}/decisions", params={"limit": 2, "cursor": page["next"]}).json()
    assert (last["next"], last["total"]) == (None, 3)
    (row,) = last["decisions"]
    assert (row["verdict"], row["counts"], row["note"], row["source"]) == ("same", False, "cropped", "web")
    assert {row["first"]["item"], row["second"]["item"]} == {1, 2}
    assert len(own.get(f"{API}/items/1").json()["decisions"]) == 2
    assert own.get(f"{API}/items/4").json()["decisions"] == []


def test_many_are_decided_all_or_none_after_a_preview(own: TestClient) -> None:
    wishes = [
        {"a": 1, "b": 2, "verdict": "same"},
        {"a": 2, "b": 3, "verdict": "same"},
        {"a": 1, "b": 3, "verdict": "different"},
        {"a": 2, "b": 1, "verdict": "same"},
    ]

    def bulk(decisions: list, **more: object) -> dict:
        return own.post(f"{API}/decisions/bulk", json={"decisions": decisions} | more).json()

    preview = bulk(wishes, dry_run=True)
    assert (preview["added"], preview["unchanged"], rows(own)) == (3, 1, 0)
    (pair,) = preview["contradictions"]
    assert {pair["first"], pair["second"]} == {1, 3}
    assert bulk([*wishes, {"a": 1, "b": 999, "verdict": "same"}])["error"]["code"] == "no_such_item"
    assert bulk([*wishes, {"a": 1, "b": 1, "verdict": "same"}])["error"]["code"] == "refused"
    assert rows(own) == 0
    assert bulk(wishes)["added"] == 3
    assert bulk(wishes) == preview | {"added": 0, "unchanged": 4, "dry_run": False}
    assert bulk([])["added"] == 0


@pytest.mark.parametrize(
    "wish",
    [
        {"a": 1, "b": 2},
        {"a": 1, "b": 2, "verdict": "perhaps"},
        {"a": 1, "b": 0, "verdict": "same"},
        {"a": 2**63, "b": 1, "verdict": "same"},
        {"a": True, "b": 2, "verdict": "same", "note": "x" * 10_001},
        {"a": 1, "b": 2, "verdict": "same", "note": 3},
        [],
        None,
    ],
)
def test_a_decision_that_is_none_is_refused(client: TestClient, wish: object) -> None:
    answer = client.post(f"{API}/decisions", json=wish)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


def test_decisions_and_no_labels_are_taken_while_another_writer_is_at_work(
    own: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.web.writing._SECONDS", 0.1)
    with own.service.store.writing():
        assert decide(own, 1, 2, "same")["added"]
        answer = own.put(f"{API}/items/1/label", json={"label": "tench"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "locked")
        assert answer.headers["retry-after"] == "1"
    assert own.put(f"{API}/items/1/label", json={"label": "tench"}).status_code == 200
    assert own.get(f"{API}/items/1").json()["label"] == "tench"


def test_nothing_is_decided_in_a_database_that_is_being_salvaged(
    own: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.web.writing._SECONDS", 0.1)
    (own.service.store.path / SALVAGED_FILE).touch()
    answer = own.post(f"{API}/decisions", json={"a": 1, "b": 2, "verdict": "same"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "locked")
    assert rows(own) == 0


def test_what_was_decided_is_known_to_the_next_server(own_shop: object) -> None:
    with serving(own_shop) as first:
        decide(first, 1, 2, "cleared")
    with serving(own_shop) as second:
        assert second.get(f"{API}/status").json()["counts"]["decisions"] == 1
        assert not decide(second, 1, 2, "cleared")["added"]
