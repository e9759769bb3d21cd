"""A build whose pictures are encoded by workers writes what a build here writes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import embedding, encoding
from indexer.decoding.limits import Limits
from indexer.embedding import BATCH, Embedder, read_batches
from indexer.encoders import read_encoder
from indexer.executors.executor import Reach
from indexer.executors.pool import Pool
from tests.conftest import Command
from tests.indexer.catalogues import contents_of, make_mixed
from tests.tiny_encoder import write_tiny_encoder


class FarAway(Pool):
    """One thread that is treated as a worker far away."""

    reach = Reach.NETWORK  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(1)


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(encoding, "open_executor", lambda _: FarAway())
    monkeypatch.setattr(embedding, "_kept", None)
    yield
    if embedding._kept is not None:
        embedding._kept[1].__exit__()


@pytest.fixture
def mixed(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    encoder = write_tiny_encoder(workplace / "picky", fails_on_black=True)
    monkeypatch.setenv("INDEX_ENCODER", str(encoder))
    return make_mixed(workplace / "mixed")


def test_vectors_and_rejections_are_those_of_a_build_in_this_process(
    index: Command, mixed: Path, request: pytest.FixtureRequest
) -> None:
    here = index("build", mixed, "--store", "here", "--json").json()
    request.getfixturevalue("far_away")
    there = index("build", mixed, "--store", "there", "--json").json()
    found, expected = contents_of(Path("there")), contents_of(Path("here"))
    assert found == expected
    assert len(expected["files"]) == 100
    reasons = {reason for _, reason, *_ in expected["rejections"]}
    assert reasons == {"empty", "not-an-image", "truncated", "too-large", "no-vector"}
    same = ("found", "indexed", "encoded", "rejected")
    assert [there[name] for name in same] == [here[name] for name in same]


def test_a_second_build_sends_no_content_that_is_known(
    index: Command, mixed: Path, far_away: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index("build", mixed)
    (mixed / "00.jpg").rename(mixed / "moved.jpg")
    report = index("build", mixed, "--json").json()
    assert (report["moved"], report["encoded"]) == (1, 0)


def test_a_file_that_is_gone_when_it_is_read_leaves_the_index(
    index: Command, mixed: Path, far_away: None
) -> None:
    paths = [str(mixed / "00.jpg"), str(mixed / "gone.jpg")]
    (batch,) = read_batches(paths, {}, Limits())
    assert batch.outcomes[1].failure is not None
    assert batch.outcomes[1].failure.reason == "vanished"
    assert set(batch.contents) == {0}


def test_batches_are_bounded_by_count_and_by_bytes(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [workplace / f"{number}.bin" for number in range(2 * BATCH + 1)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * 1000)
    paths = [str(file) for file in files]
    assert [len(batch.outcomes) for batch in read_batches(paths, {}, Limits())] == [BATCH, BATCH, 1]
    monkeypatch.setattr(embedding, "_BATCH_BYTES", 10_000)
    assert {len(batch.outcomes) for batch in read_batches(paths, {}, Limits())} == {10, 9}


def test_a_large_file_is_read_whole(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.decoding.reading._HELD_BYTES", 10)
    content = bytes(range(256)) * 20
    (workplace / "large.bin").write_bytes(content)
    (batch,) = read_batches([str(workplace / "large.bin")], {}, Limits())
    assert batch.contents == {0: content}
    assert batch.outcomes[0].size_bytes == len(content)


def test_no_pixels_come_back_from_a_worker(mixed: Path, tiny_encoder: Path) -> None:
    (batch,) = read_batches([str(mixed / "00.jpg"), str(mixed / "text.jpg")], {}, Limits())
    with Embedder(read_encoder(str(tiny_encoder)), Limits()) as embedder:
        embedded = embedder(batch)
    sound, refused = embedded.outcomes
    assert sound.picture is not None
    assert (sound.picture.pixels.size, sound.picture.width, sound.picture.height) == (0, 96, 72)
    assert refused.failure is not None
    assert refused.failure.reason == "not-an-image"
    assert list(embedded.vectors) == [sound.sha256]
