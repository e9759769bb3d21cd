"""Decoding in processes that may die: what arrives, what it costs the others, and what is left behind."""

import hashlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexer.decoding import reading, sandbox_worker
from indexer.decoding.decode import decode
from indexer.decoding.limits import Limits
from indexer.decoding.picture import Reason
from indexer.decoding.sandbox import Job, Sandbox
from retrieval.view import Fit
from tests.hostile.crafted import holed, photo, png, saved
from tests.indexer.sandboxes import (
    CRASH,
    ROOT,
    SIZE,
    jobs_of,
    on_linux,
    outcomes_of,
    reason_of,
    sandbox_of,
    start_one,
)


def test_every_job_has_one_outcome_with_its_pixels_hash_size_and_time(
    shared: Sandbox, photos: list[Path]
) -> None:
    outcomes = outcomes_of(shared, jobs_of(photos))
    assert sorted(outcomes) == list(range(12))
    for key, path in enumerate(photos):
        outcome, data = outcomes[key], path.read_bytes()
        expected = decode(data, size=SIZE, fit=Fit.STRETCH, limits=Limits())
        assert outcome.failure is None
        assert outcome.picture is not None
        assert outcome.picture.pixels.shape == (SIZE, SIZE, 3)
        assert (outcome.picture.pixels == expected.pixels).all()
        assert (outcome.picture.width, outcome.picture.height, outcome.picture.format) == (
            60 + key,
            50,
            "JPEG",
        )
        assert outcome.sha256 == hashlib.sha256(data).digest()
        assert (outcome.size_bytes, outcome.mtime_ns) == (len(data), path.stat().st_mtime_ns)


def test_bytes_and_paths_as_text_give_what_paths_give(shared: Sandbox, photos: list[Path]) -> None:
    path = photos[0]
    jobs = [Job(0, path), Job(1, str(path)), Job(2, data=path.read_bytes()), Job(3, os.path.relpath(path))]
    outcomes = outcomes_of(shared, jobs)
    for outcome in outcomes.values():
        assert outcome.picture is not None
        assert outcomes[0].picture is not None
        assert (outcome.picture.pixels == outcomes[0].picture.pixels).all()
        assert outcome.sha256 == outcomes[0].sha256


def test_hashing_decodes_nothing(shared: Sandbox, photos: list[Path], tmp_path: Path) -> None:
    text, large = tmp_path / "text.jpg", tmp_path / "large.jpg"
    text.write_bytes(b"no picture")
    holed(large, b"\xff\xd8\xff", 100 << 20)
    outcomes = outcomes_of(
        shared, (Job(key, path, wants="hash") for key, path in enumerate([*photos, text, large]))
    )
    assert all(outcome.picture is None and outcome.failure is None for outcome in outcomes.values())
    assert outcomes[12].sha256 == hashlib.sha256(b"no picture").digest()
    with large.open("rb") as file:
        assert outcomes[13].sha256 == hashlib.file_digest(file, "sha256").digest()


def test_a_content_that_was_read_has_its_hash_even_if_it_is_no_picture(
    shared: Sandbox, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_bytes(b"no picture")
    outcomes = outcomes_of(shared, [Job(0, text), Job(1, tmp_path), Job(2, data=b"")])
    assert reason_of(outcomes[0]) == Reason.NOT_AN_IMAGE
    assert outcomes[0].sha256 == hashlib.sha256(b"no picture").digest()
    assert outcomes[0].size_bytes == 10
    assert (reason_of(outcomes[1]), outcomes[1].sha256) == (Reason.NOT_A_FILE, None)
    assert (reason_of(outcomes[2]), outcomes[2].sha256) == (Reason.EMPTY, hashlib.sha256().digest())


def test_a_job_has_a_path_or_data_and_not_both() -> None:
    for arguments in ({}, {"path": "a", "data": b"b"}):
        with pytest.raises(ValueError, match="either a path or data"):
            Job(0, **arguments)


def test_data_beyond_the_limit_is_refused_without_being_sent() -> None:
    with sandbox_of(limits=Limits(max_file_bytes=1000)) as sandbox:
        outcomes = outcomes_of(
            sandbox, [Job(0, data=bytes(1001)), Job(1, data=saved(photo(9, 9), "PNG")[:999])]
        )
    assert reason_of(outcomes[0]) == Reason.TOO_LARGE
    assert reason_of(outcomes[1]) != Reason.TOO_LARGE


def test_much_data_passes_both_ways_at_once(shared: Sandbox) -> None:
    data = saved(photo(), "JPEG") + bytes(3 << 20)
    outcomes = outcomes_of(shared, (Job(key, data=data) for key in range(24)))
    assert len(outcomes) == 24
    assert all(outcome.picture is not None for outcome in outcomes.values())


def test_a_crash_costs_one_picture(photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CRASH, "05.jpg")
    with sandbox_of() as sandbox:
        outcomes = outcomes_of(sandbox, jobs_of(photos))
        assert sorted(outcomes) == list(range(12))
        assert reason_of(outcomes[5]) == Reason.DECODER_CRASHED
        assert "SIGSEGV" in outcomes[5].failure.message
        assert outcomes[5].sha256 is None
        assert [key for key, outcome in outcomes.items() if outcome.failure] == [5]
        assert len(outcomes_of(sandbox, jobs_of(photos[:5]))) == 5


def test_a_picture_that_waits_behind_a_crash_is_not_blamed(
    photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CRASH, ".jpg")
    good = [path.rename(path.with_suffix(".jpeg")) for path in photos[::2]]
    with sandbox_of(workers=1) as sandbox:
        outcomes = outcomes_of(sandbox, jobs_of([*good, *photos[1::2]]))
    assert [reason_of(outcomes[key]) for key in range(12)] == [None] * 6 + [Reason.DECODER_CRASHED] * 6


def test_a_crash_loses_nothing_of_what_was_still_being_sent(
    photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CRASH, ".jpg")
    data = saved(photo(), "JPEG") + bytes(3 << 20)
    jobs = [Job(key, photos[0]) if key % 2 else Job(key, data=data) for key in range(8)]
    with sandbox_of(1) as sandbox:
        outcomes = outcomes_of(sandbox, jobs)
    assert [reason_of(outcomes[key]) for key in range(8)] == [None, Reason.DECODER_CRASHED] * 4


def test_every_picture_may_crash_its_worker_and_all_have_outcomes(
    photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CRASH, ".jpg")
    with sandbox_of() as sandbox:
        outcomes = outcomes_of(sandbox, jobs_of(photos[:5]))
    assert {reason_of(outcome) for outcome in outcomes.values()} == {Reason.DECODER_CRASHED}
    assert len(outcomes) == 5


def test_a_picture_over_the_deadline_is_killed_and_the_rest_arrive(
    photos: list[Path], tmp_path: Path
) -> None:
    slow = tmp_path / "slow.png"
    slow.write_bytes(png(7000, 7000, 16, 6))
    with sandbox_of(limits=Limits(decode_seconds=0.2)) as sandbox:
        outcomes = outcomes_of(sandbox, jobs_of([*photos[:4], slow, *photos[4:]]))
    assert reason_of(outcomes.pop(4)) == Reason.TOO_SLOW
    assert len(outcomes) == 12
    assert all(outcome.picture is not None for outcome in outcomes.values())


def test_the_deadline_counts_processor_time_and_forgives_some_waiting() -> None:
    script = (
        "from signal import *\n"
        "from indexer.decoding.sandbox_worker import _deadline\n"
        "with _deadline(5): print(*(round(getitimer(timer)[0]) for timer in (ITIMER_PROF, ITIMER_REAL)))\n"
        "print(*(getitimer(timer)[0] for timer in (ITIMER_PROF, ITIMER_REAL)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines() == ["5 20", "0.0 0.0"]


def test_a_slow_consumer_is_not_the_pictures_fault(photos: list[Path]) -> None:
    with sandbox_of(limits=Limits(decode_seconds=0.4)) as sandbox:
        outcomes = sandbox.run(jobs_of(photos[:6]), size=SIZE, fit=Fit.STRETCH, window=4)
        assert next(outcomes).failure is None
        time.sleep(2)  # longer than a picture may take of anything
        assert [outcome.failure for outcome in outcomes] == [None] * 5


def test_running_out_of_memory_is_a_refusal(monkeypatch: pytest.MonkeyPatch, photos: list[Path]) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    task = sandbox_worker._Task("pixels", SIZE, Fit.STRETCH, Limits())
    monkeypatch.setattr(reading, "read", exhausted)
    header, pixels = sandbox_worker._outcome("path", os.fsencode(photos[0]), task)
    assert (header["reason"], pixels) == (Reason.TOO_MUCH_MEMORY, b"")


@on_linux
def test_a_worker_cannot_map_more_memory_than_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    path.write_bytes(png(7000, 7000))
    with sandbox_of(1, Limits(decode_memory_bytes=900 << 20)) as sandbox:
        pid = start_one(sandbox)
        assert outcomes_of(sandbox, [Job(0, path)])[0].failure is None
        resource.prlimit(pid, resource.RLIMIT_AS, (150 << 20, 150 << 20))
        outcomes = outcomes_of(sandbox, [Job(0, path), Job(1, data=saved(photo(), "JPEG"))])
    assert reason_of(outcomes[0]) == Reason.TOO_MUCH_MEMORY
    assert outcomes[1].failure is None
