"""A build that a client starts: one at a time, watched to its end, and nothing is lost when the server ends first."""

import json
import subprocess
import sys
import time

import pytest
from starlette.testclient import TestClient

from indexer import Index
from indexer.web import builds
from tests.pictures import save
from tests.web.conftest import item_of

API = "/api/v1"


def start(client: TestClient) -> str:
    answer = client.post(f"{API}/builds", json={})
    assert answer.status_code == 202, answer.text
    return answer.json()["job"]


def events(client: TestClient, job: str) -> list[tuple[str, dict]]:
    answer = client.get(f"{API}/builds/{job}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = [part.split("\n") for part in answer.text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in told]


def test_a_build_is_watched_to_its_end(own: TestClient) -> None:
    for number in range(3):
        save(own.service.store.base / f"catalogue/cup/new-{number}.png", 900 + number)
    job = start(own)
    told = events(own, job)
    assert [name for name, _ in told][-1] == "done"
    assert {name for name, _ in told[:-1]} <= {"progress"}
    last = told[-1][1]
    assert (last["state"], last["done"], last["total"], last["report"]["indexed"]) == ("done", 3, 3, 3)
    assert own.get(f"{API}/builds/{job}").json() == last
    assert [build["job"] for build in own.get(f"{API}/builds").json()["builds"]] == [job]
    assert item_of(own, "new-2.png")
    assert [name for name, _ in events(own, job)] == ["done"]


def test_a_build_that_fails_says_why(own: TestClient) -> None:
    catalogue = own.service.store.base / "catalogue"
    catalogue.rename(catalogue.with_name("away"))
    name, last = events(own, start(own))[-1]
    assert (name, last["state"]) == ("failed", "failed")
    assert "catalogue" in last["error"]["message"]
    assert last["error"]["exit_code"] == 2


def test_one_build_runs_at_a_time(own: TestClient) -> None:
    job = start(own)
    answer = own.post(f"{API}/builds", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "build_running")
    assert answer.json()["error"]["detail"] == {"job": job}
    events(own, job)
    with own.service.store.writing():
        answer = own.post(f"{API}/builds", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "locked")


def test_a_build_ends_with_the_server_and_goes_on_with_the_next(own: TestClient) -> None:
    start(own)
    (job,) = own.service.builds.all()
    own.service.builds.stop()
    deadline = time.monotonic() + 60
    while job.state == "running" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert job.process.returncode is not None
    assert Index(own.service.store.path).check() == []


@pytest.mark.parametrize("body", [{"catalogue": "/etc"}, {"path": ".."}])
def test_a_build_takes_no_folder_from_a_client(own: TestClient, body: dict) -> None:
    answer = own.post(f"{API}/builds", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(("told", "state"), [('{"report": {}}', "done"), ("", "failed")])
def test_words_that_are_no_lines_of_a_build_leave_none_running_for_ever(told: str, state: str) -> None:
    words = f"print('a library says so'); print(1); print('{told}'); print('{{\"done\": 1, \"to', end='')"
    job = builds.Job(subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE, text=True))
    builds._follow(job)
    assert job.state == state
