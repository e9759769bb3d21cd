import shutil
from pathlib import Path

import pytest
from PIL import Image

from indexer import find_duplicates
from indexer.errors import FOUND
from tests.conftest import Command
from tests.pictures import picture, save
from tests.retrieval.scenes import scene


@pytest.fixture
def shop(workplace: Path, index: Command) -> Path:
    """Ten different pictures, one of them again in three other shapes, and one copied byte for byte."""
    for i in range(10):
        save(workplace / f"shop/{i}.png", i)
    folder = workplace / "shop"
    picture(3).save(folder / "small.jpg", quality=40)
    picture(3, (192, 144)).resize((192, 144)).save(folder / "unrelated-size.png")
    picture(3).resize((192, 144)).save(folder / "large.png")
    shutil.copy(folder / "5.png", folder / "copy of 5.png")
    assert index("build", folder).code == 0
    return folder


def test_copies_are_grouped_around_the_best_and_the_reason_is_given(index: Command, shop: Path) -> None:
    report = index("dedupe", "-t", "0.95", "--json").json()
    groups = {Path(group["keep"]).name: group for group in report["groups"]}
    assert set(groups) == {"large.png", "5.png"}
    large = groups["large.png"]
    assert {Path(member["path"]).name for member in large["members"]} == {"3.png", "small.jpg"}
    assert large["keep_reason"] == "the highest resolution"
    assert all(member["score_to_keep"] >= 0.95 for member in large["members"])
    assert large["min_score"] <= min(member["score_to_keep"] for member in large["members"])
    assert groups["5.png"]["members"][0]["verdict"] == "identical"
    assert report["pairs"] == 4
    sizes = sum((shop / Path(m["path"]).name).stat().st_size for g in report["groups"] for m in g["members"])
    assert report["wasted_bytes"] == sizes


def test_the_summary_counts_in_plain_words(index: Command, shop: Path) -> None:
    assert "2 groups, 3 copies, " in index("dedupe", "-t", "0.95").err
    for path in [shop / "3.png", shop / "small.jpg"]:
        path.unlink()
    index("build")
    assert "1 group, 1 copy, " in index("dedupe", "-t", "0.95").err


def test_the_catalogue_is_not_touched(index: Command, shop: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in shop.iterdir()}
    index("dedupe", "--html", "page.html")
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in shop.iterdir()} == before
    assert Path("page.html").read_text().count("<section>") >= 2


def test_found_copies_can_be_an_exit_code(index: Command, shop: Path) -> None:
    assert index("dedupe", "-t", "0.95", "--fail-on-found").code == FOUND
    assert index("dedupe", "-t", "0.95").code == 0


def test_a_threshold_that_is_no_cosine_is_refused(index: Command, shop: Path) -> None:
    assert index("dedupe", "-t", "75").code == 2


def test_one_line_of_python_finds_the_same_groups_and_leaves_nothing(index: Command, shop: Path) -> None:
    groups = index("dedupe", "-t", "0.95", "--json").json()["groups"]
    before = sorted(Path.cwd().rglob("*"))
    found = find_duplicates(shop, 0.95)
    assert [group["keep"] for group in found.to_dict()["groups"]] == [group["keep"] for group in groups]
    assert sorted(Path.cwd().rglob("*")) == before


def test_parts_of_one_picture_that_share_nothing_are_no_copies_of_each_other(
    index: Command, workplace: Path
) -> None:
    pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")
    whole = Image.fromarray(scene(1, (300, 110)))
    (workplace / "parts").mkdir()
    whole.save("parts/whole.png")
    for number in range(3):
        part = whole.crop((100 * number, 0, 100 * number + 100, 110))
        # The first has the most pixels, so that the whole is a copy of it and the others are met as copies of that.
        (part.resize((200, 220)) if number == 0 else part).save(f"parts/{number}.png")
    index("build", "parts")
    report = index("dedupe", "-t", "-1", "--verify", "--json").json()
    (group,) = report["groups"]
    assert [(Path(m["path"]).name, m["verdict"]) for m in group["members"]] == [("whole.png", "copy")]
    assert report["rejected_by_verification"] == 3
