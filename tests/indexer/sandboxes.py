"""Sandboxes in tests: starting them, giving them jobs, reading what came of each."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Job, Outcome, Sandbox
from retrieval.view import Fit

ROOT = Path(__file__).parents[2]
SIZE = 48
CRASH = "INDEX_TEST_CRASH_ON"

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def sandbox_of(workers: int = 2, limits: Limits | None = None) -> Sandbox:
    return Sandbox(limits=limits or Limits(), workers=workers)


def outcomes_of(sandbox: Sandbox, jobs: Iterable[Job], window: int = 16) -> dict[int, Outcome]:
    outcomes = list(sandbox.run(jobs, size=SIZE, fit=Fit.STRETCH, window=window))
    by_key = {outcome.key: outcome for outcome in outcomes}
    assert len(by_key) == len(outcomes)
    return by_key


def reason_of(outcome: Outcome) -> str | None:
    return outcome.failure.reason if outcome.failure else None


def jobs_of(paths: Iterable[Path]) -> Iterator[Job]:
    return (Job(key, path) for key, path in enumerate(paths))


def start_one(sandbox: Sandbox) -> int:
    """Wait for a sandbox's only worker, and return its process id."""
    outcomes_of(sandbox, [Job(0, data=b"hello")])
    (worker,) = sandbox._workers
    return worker.process.pid
