"""Nobody waits for an object whose outcome is not wanted any more, at whatever moment that is said."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import pytest

from indexer import arrivals
from indexer.arrivals import Arrivals
from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Job, Sandbox
from retrieval.view import Fit
from tests.conftest import Command
from tests.s3.bucket import Bucket
from tests.s3.test_building import built, counts

ENDS_WITHIN_S = 30  # of the 60 that a picture is held back


@pytest.fixture
def asked(bucket: Bucket) -> Iterator[threading.Event]:
    """Set when a picture is asked for, which then does not come before the test has ended."""
    asked, ended = threading.Event(), threading.Event()

    def before(path: str) -> None:
        if path.endswith(".jpg"):
            asked.set()
            ended.wait(60)

    bucket.wire.before = before
    yield asked
    ended.set()


def ends(work: Callable[[], object]) -> bool:
    """Tell whether work ends because it was given up, and soon."""
    given_up = threading.Event()

    def attempt() -> None:
        try:
            work()
        except CancelledError:
            given_up.set()

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    return given_up.wait(ENDS_WITHIN_S)


def test_an_interrupted_build_ends_at_once_and_the_next_one_goes_on(
    index: Command, photos: str, bucket: Bucket, asked: threading.Event
) -> None:
    command = [sys.executable, "-m", "indexer", "build", photos]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert asked.wait(60)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=ENDS_WITHIN_S)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    bucket.wire.before = lambda path: None
    assert counts(built(index)) == (24, 24, 0, 0, 0, 0, 24)


@pytest.mark.usefixtures("asked")
def test_an_object_that_is_asked_for_while_all_is_given_up_is_not_waited_for(bucket: Bucket) -> None:
    def jobs() -> Iterator[Job]:
        coming.close()  # as another thread might, when this one is about to ask
        yield Job(0, path=f"{bucket.url}/a.jpg")

    coming = Arrivals(jobs(), Limits())
    assert ends(lambda: coming.next(wait=True))


def test_an_object_that_is_read_alone_is_given_up_too(
    bucket: Bucket, asked: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_AHEAD_BYTES", 3)
    first = threading.Event()
    slow = bucket.wire.before

    def before(path: str) -> None:
        slow(path) if first.is_set() else first.set()

    bucket.wire.before = before
    url = bucket.put("a.jpg", b"four")
    coming = Arrivals([Job(0, path=url)], Limits())

    def give_up() -> None:
        assert asked.wait(60)
        coming.close()

    threading.Thread(target=give_up).start()
    assert ends(lambda: coming.next(wait=True))


@pytest.mark.usefixtures("asked")
def test_a_run_that_begins_after_the_sandbox_was_hurried_waits_for_no_object(bucket: Bucket) -> None:
    with Sandbox(limits=Limits(), workers=1) as sandbox:
        sandbox.hurry()
        outcomes = sandbox.run([Job(0, path=f"{bucket.url}/a.jpg")], size=8, fit=Fit.STRETCH, window=1)
        assert ends(lambda: next(outcomes))
