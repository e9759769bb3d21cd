import threading
from collections.abc import Generator
from contextlib import closing

import pytest

from indexer.prefetch import prefetch


def counted(limit: int, closed: list[bool]) -> Generator[int, None, None]:
    try:
        yield from range(limit)
    finally:
        closed.append(True)


def test_every_item_comes_in_order() -> None:
    assert list(prefetch(counted(100, []), depth=3)) == list(range(100))


def test_an_error_in_the_thread_is_raised_to_the_consumer() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        raise ValueError("broken")

    arriving = prefetch(failing(), depth=2)
    assert next(arriving) == 1
    with pytest.raises(ValueError, match="broken"):
        next(arriving)


def test_closing_early_ends_the_thread_and_closes_what_it_read_from() -> None:
    closed: list[bool] = []
    before = threading.active_count()
    with closing(prefetch(counted(10**9, closed), depth=2)) as arriving:
        assert next(arriving) == 0
    assert closed == [True]
    assert threading.active_count() == before
