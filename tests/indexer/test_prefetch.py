import threading
from collections.abc import Generator

import pytest

from indexer.prefetch import Prefetch


def counted(limit: int, closed: list[bool]) -> Generator[int, None, None]:
    try:
        yield from range(limit)
    finally:
        closed.append(True)


def test_every_item_comes_in_order() -> None:
    with Prefetch(counted(100, []), depth=3) as arriving:
        assert list(arriving) == list(range(100))


def test_it_begins_before_anything_is_asked_of_it() -> None:
    begun = threading.Event()

    def items() -> Generator[int, None, None]:
        begun.set()
        yield 1

    with Prefetch(items(), depth=1):
        assert begun.wait(60)


def test_an_error_in_the_thread_is_raised_to_the_consumer() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        raise ValueError("broken")

    with Prefetch(failing(), depth=2) as items:
        arriving = iter(items)
        assert next(arriving) == 1
        with pytest.raises(ValueError, match="broken"):
            next(arriving)


def test_leaving_early_ends_the_thread_and_closes_what_it_read_from() -> None:
    closed: list[bool] = []
    with Prefetch(counted(10**9, closed), depth=2) as arriving:
        assert next(iter(arriving)) == 0
    assert closed == [True]
    assert "prefetch" not in {thread.name for thread in threading.enumerate()}


def test_leaving_ends_what_the_thread_waits_for() -> None:
    waits, hurried, waited = threading.Event(), threading.Event(), []

    def items() -> Generator[int, None, None]:
        yield 0
        waits.set()
        waited.append(hurried.wait(5))
        yield 1

    with Prefetch(items(), depth=2, hurry=hurried.set) as arriving:
        assert next(iter(arriving)) == 0
        assert waits.wait(60)
    assert waited == [True]
