"""A slice of `scripts/soak --part memory`: with too little of it a command says so, and the store stays sound."""

import pytest

from tests.crash.starved import BUILDS, can_limit, starve
from tests.crash.stopped import Play

pytestmark = pytest.mark.skipif(not can_limit(), reason="SKIPPED HERE: there is no prlimit")
TOO_LITTLE, ENOUGH = 300, 3000


def test_with_too_little_memory_a_build_and_a_query_say_so_and_harm_nothing(play: Play) -> None:
    assert starve(play, BUILDS[1], TOO_LITTLE) == [
        f"{BUILDS[1]}: refused in words",
        "query: refused in words",
    ]


def test_with_enough_memory_both_end_as_ever(play: Play) -> None:
    assert starve(play, BUILDS[0], ENOUGH) == [f"{BUILDS[0]}: done", "query: done"]


def test_a_command_that_takes_full_memory_for_a_bug_is_caught(play: Play) -> None:
    with pytest.raises(AssertionError, match=r"^never silently wrong: "):
        starve(play, BUILDS[0], TOO_LITTLE, "memory_errors_unnamed")
