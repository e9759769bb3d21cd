"""The queue of duplicate groups: best value first, what is decided stays decided, and a page costs the same in any queue."""

import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from indexer import Index
from indexer.decisions import DecisionVerdict, Entry, Pair
from indexer.web.documents import State
from indexer.web.duplicate_groups import DuplicateGroups, Group, Member, groups_of
from indexer.web.ledger import Ledger
from tests.web.conftest import found_groups

API = "/api/v1"


def test_the_groups_are_those_that_dedupe_finds(client: TestClient, shop: Path) -> None:
    answer = found_groups(client)
    expected = Index(shop).dedupe()
    assert answer["threshold"] == expected.threshold
    assert {group["id"]: group["keep"]["path"] for group in answer["groups"]} == {
        group.id: group.keep for group in expected.groups
    }
    for group in answer["groups"]:
        said = expected.groups[group["id"] - 1]
        assert [(m["path"], m["score_to_keep"], m["reason"]) for m in group["members"]] == [
            (m.path, m.score_to_keep, m.reason) for m in said.members
        ]
        assert group["wasted_bytes"] == sum(m["size_bytes"] for m in group["members"])
        assert client.get(f"{API}/groups/{group['id']}").json() == group


def test_files_with_the_same_bytes_have_nothing_to_decide(client: TestClient) -> None:
    (group,) = [
        g
        for g in found_groups(client)["groups"]
        if "again.jpg" in g["members"][0]["path"] + g["keep"]["path"]
    ]
    assert (group["state"], group["members"][0]["verdict"]) == ("same-bytes", "identical")


def test_a_group_whose_contents_left_the_index_is_no_more(own: TestClient) -> None:
    """Until those of the new generation are found, the queue is that of the one before."""
    service = own.service
    service.groups.stop()
    with Index(service.store.path) as index:
        document = index.dedupe().to_dict()
        with service.store.database.reading() as connection:
            service.groups.found = groups_of(connection, document, 1)
        gone, *left = document["groups"]
        assert own.get(f"{API}/groups/{gone['id']}").status_code == 200
        index.remove(*(member["path"] for member in gone["members"]))
    answer = own.get(f"{API}/groups/{gone['id']}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_group")
    assert "no more" in answer.json()["error"]["message"]
    listed = own.get(f"{API}/groups", params={"state": "all"}).json()["groups"]
    assert {group["id"] for group in listed} == {group["id"] for group in left}


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_decision_counts_in_whatever_order_they_are_read(order: int) -> None:
    """Clocks are set back, and decisions of elsewhere are imported."""
    pair = b"a" * 32, b"b" * 32
    entries = [
        Entry(*pair, verdict, "", "web", f"2026-01-0{day}T00:00:00+00:00")
        for day, verdict in ((1, DecisionVerdict.SAME), (2, DecisionVerdict.FRAUD))
    ]
    ledger = Ledger()
    for entry in entries[::order]:
        ledger.take(entry)
    assert (ledger.verdict(*pair), len(ledger)) == (DecisionVerdict.FRAUD, 1)
    assert ledger.verdict(*pair[::-1]) is DecisionVerdict.FRAUD


def many(count: int) -> DuplicateGroups:
    """Groups of two to four files, as many as asked for."""
    groups = []
    for number in range(1, count + 1):
        keep, *others = ((8 * number + n).to_bytes(32, "big") for n in range(2 + number % 3))
        members = tuple(Member(sha, "x", 0.9 + number % 7 / 100, None, None, "") for sha in others)
        groups.append(Group(number, keep, "k", "", members, 0.9, number * 7919 % 10007))
    return DuplicateGroups(groups, 1, 0.9)


def decided(ledger: Ledger, group: Group) -> None:
    for pair in group.pairs:
        ledger.take(Entry(*pair, DecisionVerdict.SAME, "", "web", "2026-01-01T00:00:00+00:00"))


@pytest.mark.parametrize("state", ["open", "decided", "all"])
def test_pages_of_a_queue_are_the_queue(state: State) -> None:
    """Against a plain loop over all groups, while every third is decided on the way."""
    queue, ledger = many(100), Ledger()
    everything = [group for _, group in queue.page("all", None, 0, 1000)]
    assert everything == sorted(everything, key=lambda g: (-g.wasted_bytes, -g.min_score, g.id))
    for group in everything[::3]:
        decided(ledger, group)
    queue.follow(ledger)
    expected = [g for g in everything if state in {"all", g.state(ledger)}]
    seen, start = [], 0
    while page := queue.page(state, None, start, 7):
        seen += [group for _, group in page]
        start = page[-1][0] + 1
    assert seen == expected
    assert queue.counts(None)[state] == len(expected)
    high = [g for g in expected if max(m.score_to_keep for m in g.members) >= 0.95]
    assert [g for _, g in queue.page(state, 0.95, 0, 1000)] == high
    assert queue.counts(0.95)[state] == len(high)


def test_thirty_thousand_groups_page_as_fast_as_thirty() -> None:
    def seconds(count: int) -> float:
        queue, ledger = many(count), Ledger()
        for _, group in queue.page("all", None, 0, count)[: count // 2]:
            decided(ledger, group)
        queue.follow(ledger)
        best = 1.0
        for _ in range(5):
            started = time.perf_counter()
            page = queue.page("open", None, 0, 15)
            queue.counts(None)
            best = min(best, time.perf_counter() - started)
        assert len(page) == 15
        return best

    assert seconds(30_000) < seconds(30) + 0.002  # seconds: both are lost in what a request costs


class SlowLedger(Ledger):
    """A ledger whose readers meet: two that read at once both see what is new before either has gone on."""

    def __init__(self, meeting: threading.Barrier) -> None:
        super().__init__()
        self._meeting = meeting

    def changed_since(self, count: int) -> list[Pair]:
        found = super().changed_since(count)
        with suppress(threading.BrokenBarrierError):  # who comes alone goes on alone
            self._meeting.wait(0.5)
        return found


def test_requests_that_come_together_miss_no_decision() -> None:
    ledger, found = SlowLedger(threading.Barrier(2)), many(3)
    *few, most = sorted((group for _, group in found.page("all", None, 0, 3)), key=lambda g: len(g.pairs))
    for together in ([most], few):
        for group in together:
            decided(ledger, group)
        threads = [threading.Thread(target=found.follow, args=[ledger]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found.counts(None) == {"open": 0, "decided": 3, "all": 3}
