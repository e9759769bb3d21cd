"""What is asked of a server, over and over, does not make it grow; and one that forgets nothing is caught."""

from pathlib import Path

import pytest

from tests.trust.serving.footprint import Watch
from tests.trust.serving.mixture import Visitor
from tests.web_slow.running import running

pytestmark = pytest.mark.timeout(1800)  # of a machine that has other things to do

CYCLES = 4
ASKED = 150
MIB_A_CYCLE = 40.0  # among so few: what was freed is not given back at once, and comes and goes by 60 MiB


def growth_by_cycle(store: Path, folder: Path, program: tuple[str, ...] = ("indexer",)) -> float:
    """Ask a server in cycles, and hold it to what it had open after the first; return the MiB that a cycle adds."""
    temporary = folder / "temporary"
    temporary.mkdir()
    with running(store, folder / "words", program=program, INDEX_JOBS="1", TMPDIR=str(temporary)) as server:
        visitor = Visitor(server, 1)
        looks = []
        for cycle in range(CYCLES):
            for _ in range(ASKED):
                visitor.ask()
            if cycle == 0:
                watch = Watch(server, temporary)
            visitor.close()  # an idle connection is closed by the server some time
            watch.look()
            looks.append(server.resident_bytes / (1 << 20))
    return (looks[-1] - looks[0]) / (CYCLES - 1)


def test_a_server_that_is_asked_for_everything_stays_as_large_as_it_is(
    own_shop: Path, tmp_path: Path
) -> None:
    assert growth_by_cycle(own_shop, tmp_path) < MIB_A_CYCLE


def test_a_server_that_forgets_nothing_is_caught(own_shop: Path, tmp_path: Path) -> None:
    program = ("tests.trust.serving.careless", "keeps_memory")
    assert growth_by_cycle(own_shop, tmp_path, program) > MIB_A_CYCLE


@pytest.mark.parametrize(("grows", "most"), [(0.0, 0.2), (3.0, 3.2)])
def test_what_grows_a_little_a_minute_is_seen_among_peaks(grows: float, most: float) -> None:
    from tests.trust.serving.footprint import growth

    points = [(minute / 2, 200 + grows * minute / 2 + 80 * (minute % 7 == 0)) for minute in range(40)]
    assert grows - 0.2 < growth(points) < most
