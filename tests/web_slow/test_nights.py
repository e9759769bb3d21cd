"""What nights reported, over HTTP: in the order of their queue, and gone from the list once it is decided."""

import json
from pathlib import Path

from PIL import Image
from starlette.testclient import TestClient

from indexer.nightly.night import NightOptions, nightly
from tests.web.conftest import as_sent, item_of

API = "/api/v1"


def run_night(client: TestClient) -> dict:
    """Run a night over the catalogue that the index remembers; return its report."""
    service = client.service
    options = NightOptions(threshold=0.9)
    return nightly(service.store, [], service.settings, options).to_dict()


def copies(client: TestClient, count: int) -> None:
    """Bring darkened copies of that many pictures."""
    for path in sorted((client.service.store.base / "catalogue/bass").glob("0*.jpg"))[:count]:
        with Image.open(path) as opened:
            opened.point(lambda value: value * 0.97).save(path.with_name(f"dark-{path.stem}.png"))


def listed(client: TestClient, **parameters: object) -> dict:
    return client.get(f"{API}/alerts", params=parameters).json()


def names(alert: dict) -> set[str]:
    return {Path(side["path"]).name for side in (alert["first"], alert["second"]) if side}


def test_what_a_night_reported_is_listed_in_the_order_of_its_queue(own: TestClient) -> None:
    assert own.get(f"{API}/nights").json() == {"nights": []}
    copies(own, 3)
    report = run_night(own)
    alerts = listed(own, state="all", limit=100)["alerts"]
    queue = [entry for entry in report["queue"] if entry["kind"] != "rejected"]
    assert [(a["kind"], a["score"], a["verdict"]) for a in alerts] == [
        (e["kind"], e["score"], e["verdict"]) for e in queue
    ]
    assert [names(a) for a in alerts if a["second"]] == [
        {Path(e["path"]).name, Path(e["with"]).name} for e in queue if e["sha256"] != e["with_sha256"]
    ]
    (night,) = own.get(f"{API}/nights").json()["nights"]
    assert (night["night"], night["found"], night["new"]) == (1, report["found"], len(report["new"]))
    kept = own.service.store.path / "nights/000001/report.json"
    assert own.get(f"{API}/nights/1").json() == as_sent(json.loads(kept.read_text()))


def test_what_is_decided_leaves_the_list_and_nothing_is_skipped_meanwhile(own: TestClient) -> None:
    copies(own, 4)
    run_night(own)
    counts = listed(own)
    assert counts["total"] == counts["open"] > 3
    assert counts["decided"] == 0
    seen, cursor = [], None
    while True:
        page = listed(own, limit=2, **({"cursor": cursor} if cursor else {}))
        for alert in page["alerts"]:
            seen.append(alert["id"])
            pair = {"a": alert["first"]["item"], "b": alert["second"]["item"]}
            own.post(f"{API}/decisions", json=pair | {"verdict": "same"})
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(set(seen)) == sorted(seen)
    assert len(seen) == counts["open"]
    assert listed(own)["total"] == 0
    decided = listed(own, state="decided")
    assert (decided["total"], decided["decided"]) == (counts["open"], counts["open"])
    assert {alert["decision"] for alert in decided["alerts"]} == {"same"}
    alone = [alert for alert in listed(own, state="all")["alerts"] if alert["second"] is None]
    assert [names(alert) for alert in alone] == [{Path(item_of(own, "again.jpg")["path"]).name}]
