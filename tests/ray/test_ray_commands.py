"""`index build` and `index dedupe` over Ray's workers write and say what they do without."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="a cluster needs: pip install 'siamese-index[ray]', or `make test-ray`")

from indexer.executors.ray_cluster import RayCluster
from tests.conftest import Command
from tests.indexer.catalogues import contents_of, make_mixed
from tests.tiny_encoder import write_tiny_encoder


@pytest.fixture
def mixed(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    encoder = write_tiny_encoder(workplace / "picky", fails_on_black=True)
    monkeypatch.setenv("INDEX_ENCODER", str(encoder))
    return make_mixed(workplace / "mixed")


def test_a_build_over_workers_writes_the_vectors_and_rejections_of_a_build_here(
    index: Command, mixed: Path
) -> None:
    here = index("build", mixed, "--store", "here", "--json").json()
    there = index("build", mixed, "--store", "there", "--executor", "ray:local:2", "--json").json()
    found, expected = contents_of(Path("there")), contents_of(Path("here"))
    assert len(expected["vectors"]) > 150
    assert found == expected
    assert there["rejected"] == here["rejected"]


def test_dedupe_over_workers_finds_the_groups_that_it_finds_here(
    index: Command, mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index("build", mixed)
    here = index("dedupe", "-t", "0.3", "--json").json()
    monkeypatch.setenv("INDEX_EXECUTOR", "ray:local:2")
    there = index("dedupe", "-t", "0.3", "--json").json()
    assert len(here["groups"]) > 10
    assert (there["groups"], there["pairs"], there["join"]) == (here["groups"], here["pairs"], here["join"])


def test_a_worker_that_dies_puts_no_word_between_the_lines_of_an_answer(tmp_path: Path) -> None:
    script = f"from tests.ray.tasks import killed_midway; killed_midway({str(tmp_path)!r})"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert (tmp_path / "died").exists()
    assert "A worker died or was killed" in done.stderr
    assert done.stdout == f"{sum(n * (n - 1) // 2 for n in [63] * 32 + [62] * 32)}\n"


@pytest.mark.parametrize(
    "said",
    [RuntimeError("GCS cannot find the node"), Exception("The current node timed out during startup")],
    ids=str,
)
def test_a_cluster_that_a_busy_machine_did_not_bring_up_in_time_is_started_again(
    monkeypatch: pytest.MonkeyPatch, said: Exception
) -> None:
    start, tries = RayCluster._start_once, []

    def late_at_first(cluster: RayCluster, workers: int) -> None:
        start(cluster, workers)
        tries.append(workers)
        if len(tries) == 1:
            raise said  # as Ray does then

    monkeypatch.setattr(RayCluster, "_start_once", late_at_first)
    with RayCluster(workers=1) as cluster:
        assert list(cluster.map(abs, [-1])) == [1]
    assert tries == [1, 1]
