"""A slice of `scripts/soak --part power`: what was reported as done is on the disk when the power goes."""

from collections.abc import Iterator
from random import Random

import pytest

from tests.crash.power import Disks, cut_power, disks
from tests.crash.stopped import Play
from tests.seeds import SEED

pytestmark = pytest.mark.timeout(1800)  # on a machine that is busy with something else


@pytest.fixture(scope="module")
def images() -> Iterator[Disks]:
    with disks() as made:
        yield made


@pytest.mark.parametrize("name", ["first build", "incremental build", "trash", "import of decisions"])
def test_what_a_power_cut_leaves_is_what_was_or_what_should_be_and_the_job_is_run_again(
    play: Play, images: Disks, name: str
) -> None:
    cut_power(play, images, name, Random(SEED), cuts=3)


@pytest.mark.parametrize(
    ("twin", "name", "broken"),
    [
        ("commits_not_synced", "import of decisions", "durable"),
        ("files_not_synced", "incremental build", "referential"),
    ],
)
def test_a_store_that_leaves_its_bytes_to_the_system_is_caught(
    play: Play, images: Disks, twin: str, name: str, broken: str
) -> None:
    with pytest.raises(AssertionError, match=f"^{broken}: "):
        cut_power(play, images, name, Random(0), cuts=0, twin=twin)
