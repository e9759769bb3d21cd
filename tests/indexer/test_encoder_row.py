"""What an index knows of its encoder beside its vectors: from which scores on pictures are the same, and where it lies."""

import json
import shutil
from pathlib import Path

import pytest

from indexer.compared import known_scores
from indexer.lookup import Gallery
from indexer.screening.neighbours import Surroundings
from indexer.store import open_store
from retrieval.encoder import parse_spec
from tests.conftest import Command
from tests.pictures import save
from tests.tiny_encoder import write_tiny_encoder

COPY, OBJECT = 0.6, 0.4


@pytest.fixture
def modest(workplace: Path) -> Path:
    """An encoder that says both."""
    folder = write_tiny_encoder(workplace / "modest")
    document = json.loads((folder / "spec.json").read_text())
    for space, threshold in zip(document["spaces"], (COPY, OBJECT), strict=True):
        space["threshold"] = threshold
    (folder / "spec.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def shop(workplace: Path) -> Path:
    save(workplace / "shop/1.png", 1)
    save(workplace / "shop/2.png", 2)
    return workplace / "shop"


def least() -> tuple[float, float]:
    """From which scores on screening takes two pictures for copies, and for one thing."""
    gallery = Gallery(open_store(Path(".index")))
    with gallery.store.database.reading() as connection:
        around = Surroundings(gallery, connection)
        return around.least_copy, around.least_object


def test_dedupe_and_screen_ask_the_encoder_where_nothing_was_calibrated(
    index: Command, shop: Path, modest: Path
) -> None:
    assert index("build", shop).code == 0
    assert index("dedupe", "--json").json()["threshold"] == 0.9
    assert least() == (0.9, 0.75)
    assert index("build", shop, "--encoder", modest).code == 0
    assert index("dedupe", "--json").json()["threshold"] == COPY
    assert index("dedupe", "-t", "0.8", "--json").json()["threshold"] == 0.8
    assert least() == (COPY, OBJECT)


def test_verification_heeds_the_cosines_of_an_encoder_that_says_what_they_mean(modest: Path) -> None:
    spec = parse_spec((modest / "spec.json").read_text())
    alike = known_scores(spec, {"copy": COPY})
    apart = known_scores(spec, {"copy": COPY - 0.1, "object": OBJECT - 0.1})
    assert alike is not None
    assert alike.alike
    assert apart is not None
    assert not apart.alike
    silent = parse_spec((write_tiny_encoder(modest / "silent") / "spec.json").read_text())
    assert known_scores(silent, {"copy": 1.0}) is None


def test_an_encoder_that_moved_is_looked_for_where_the_last_build_was_told_it_lies(
    workplace: Path, index: Command, shop: Path, modest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INDEX_ENCODER")
    assert index("build", shop, "--encoder", modest).code == 0
    moved = modest.rename(workplace / "moved")
    again = index("build", shop, "--encoder", moved, "--json").json()
    assert (again["indexed"], again["unchanged"]) == (0, 2)
    assert index("query", shop / "1.png").code == 0


def test_an_index_moves_together_with_the_encoder_that_lies_beside_it(
    index: Command, shop: Path, modest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert index("build", shop, "--encoder", modest).code == 0
    here, there = Path.cwd(), Path.cwd().with_name("elsewhere")
    here.rename(there)
    monkeypatch.chdir(there)
    monkeypatch.delenv("INDEX_ENCODER")
    assert index("query", "shop/1.png", "-k", 1).code == 0


def test_an_encoder_may_be_an_onnx_file_beside_its_spec_and_is_the_same_one(
    workplace: Path, index: Command, shop: Path, tiny_encoder: Path
) -> None:
    graph = Path(shutil.copy(tiny_encoder / "model.onnx", workplace / "mine.ONNX"))
    refused = index("build", shop, "--encoder", graph)
    assert refused.code == 2
    assert f"{workplace / 'mine.json'} is missing" in refused.err
    shutil.copy(tiny_encoder / "spec.json", workplace / "mine.json")
    assert index("build", shop, "--encoder", graph).code == 0
    again = index("build", shop, "--encoder", tiny_encoder, "--json").json()
    assert (again["indexed"], again["unchanged"]) == (0, 2)


def test_vectors_that_are_not_normalised_are_neither_joined_nor_screened(
    workplace: Path, index: Command, shop: Path
) -> None:
    raw = write_tiny_encoder(workplace / "raw", metric="l2")
    assert index("build", shop, "--encoder", raw, "--metric", "l2").code == 0
    for arguments in (("dedupe",), ("screen", shop / "1.png")):
        refused = index(*arguments)
        assert (refused.code, refused.out) == (2, "")
        assert "space 'copy' holds vectors that are not normalised" in refused.err
