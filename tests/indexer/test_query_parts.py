from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import Index
from indexer.lookup import PART_PENALTY, Gallery
from indexer.query_parts import TURNS, WINDOWS, encode_parts
from indexer.store import open_store
from tests.conftest import Command
from tests.indexer.sandboxes import sandbox_of
from tests.pictures import picture
from tests.tiny_encoder import write_tiny_encoder

SOUGHT = "cup/03.jpg"


@pytest.fixture
def built(index: Command, catalogue: Path) -> Path:
    assert index("build", catalogue).code == 0
    return catalogue


def page_with(path: Path) -> Path:
    """The picture in the lower right corner of a larger one, where one of the windows is."""
    with Image.open(path) as opened:
        sought = opened.convert("RGB").resize((130, 130))
    page = picture(77).resize((200, 200))
    page.paste(sought, (70, 70))
    page.save("page.png")
    return Path("page.png")


def test_a_picture_that_lies_on_a_page_is_found_by_a_part_of_it(built: Path) -> None:
    page = page_with(built / SOUGHT)
    with Index(".") as opened:
        found = opened.query(page, space="copy")
        whole = opened.query(page, space="copy", parts=False)
    assert found[0].path.endswith(SOUGHT)
    assert 1 - PART_PENALTY >= found[0].score > 0.9 > whole[0].score


def test_a_turned_picture_is_found_by_turning_it_back(built: Path) -> None:
    with Image.open(built / SOUGHT) as opened:
        turned = opened.convert("RGB").rotate(90, expand=True)
    with Index(".") as index:
        assert index.query(turned, space="copy")[0].path.endswith(SOUGHT)
        assert index.query(turned, space="copy")[0].score > 0.9


def test_where_the_whole_stands_out_its_parts_change_nothing(built: Path) -> None:
    with Index(".") as opened:
        found = opened.query(built / SOUGHT, k=24, space="copy")
        assert found == opened.query(built / SOUGHT, k=24, space="copy", parts=False)
    assert (found[0].score, found[0].normalised_score) == (1.0, 1.0)


@pytest.mark.parametrize("options", [["--space", "object"], ["--space", "copy", "--metric", "l2"]])
def test_parts_are_for_cosines_of_copies_only(index: Command, built: Path, options: list[str]) -> None:
    page = page_with(built / SOUGHT)
    with_parts, without = (
        index("query", page, *options, flag, "--json").json()["queries"] for flag in ("--parts", "--no-parts")
    )
    assert with_parts == without


def test_several_queries_of_which_some_need_their_parts_are_answered_in_order(
    index: Command, built: Path
) -> None:
    page = page_with(built / SOUGHT)
    Path("text.jpg").write_text("no picture")
    queries = [built / "bass/00.jpg", page, Path("text.jpg"), built / "ewer/01.jpg"]
    answers = index("query", *queries, "--space", "copy", "-k", 1, "--json").json()["queries"]
    best = [Path(answer["results"][0]["path"]).name if answer["results"] else None for answer in answers]
    assert best == ["00.jpg", "03.jpg", None, "01.jpg"]


def test_an_encoder_that_sees_the_ink_alone_has_no_parts(
    index: Command, workplace: Path, catalogue: Path
) -> None:
    encoder = write_tiny_encoder(workplace / "ink", view="ink")
    assert index("build", catalogue, "--encoder", encoder).code == 0
    page = page_with(catalogue / SOUGHT)
    with_parts, without = (
        index("query", page, "--space", "copy", flag, "--json").json()["queries"]
        for flag in ("--parts", "--no-parts")
    )
    assert with_parts == without


def test_of_what_is_no_picture_there_are_no_parts_and_the_others_keep_theirs(built: Path) -> None:
    gallery = Gallery(open_store(Path(".index")))
    space = gallery.generation.space("copy")
    with sandbox_of(1) as sandbox:
        images = [b"no picture", picture(1), b""]
        parts = encode_parts(images, sandbox, gallery.network(), space)
    assert [part.shape for part in parts] == [
        (count, space.dim) for count in (0, len(WINDOWS) + len(TURNS), 0)
    ]


def test_only_copies_are_held_against_what_else_is_near(index: Command, built: Path) -> None:
    def standing(space: str) -> list[float | None]:
        answer = index("query", built / SOUGHT, "--space", space, "--json").json()["queries"][0]
        return [result["normalised_score"] for result in answer["results"]]

    assert standing("object") == [None] * 10
    assert standing("copy")[0] == 1.0
    assert all(value is not None and -1 <= value < 1 for value in standing("copy")[1:])


def test_how_far_a_score_stands_out_does_not_depend_on_how_many_are_shown(built: Path) -> None:
    with Index(".") as opened:
        few, many = (opened.query(picture(900), k=k, space="copy") for k in (1, 20))
    assert few == many[:1]


def test_windows_lie_within_the_picture_and_turns_are_none_of_it_as_it_is() -> None:
    assert all(0 <= left < right <= 1 and 0 <= top < bottom <= 1 for left, top, right, bottom in WINDOWS)
    pixels = np.arange(12).reshape(2, 2, 3)
    assert len({turn(pixels).tobytes() for turn in TURNS} | {pixels.tobytes()}) == len(TURNS) + 1
