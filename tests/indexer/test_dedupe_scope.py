"""What `index dedupe` compares, and what it never groups on likeness."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import Index
from tests.conftest import Command
from tests.pictures import picture, save


def members(report: dict) -> dict[str, set[str]]:
    return {
        Path(group["keep"]).name: {Path(member["path"]).name for member in group["members"]}
        for group in report["groups"]
    }


@pytest.fixture
def shop(workplace: Path, index: Command) -> Path:
    """Pictures 1, 2 and 3, each at three sizes: in the folders of two sellers and among the originals."""
    folder = workplace / "shop"
    rows = ["path,label,product"]
    for seed in (1, 2, 3):
        for name, size, product in [("ann", 192, "p"), ("bob", 144, "p"), ("originals", 96, f"p{seed}")]:
            path = folder / name / f"{name[0]}{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(seed, (192, 144)).resize((size, size * 3 // 4)).save(path)
            rows.append(f"{path},{name},{product}")
    Path("labels.csv").write_text("\n".join(rows) + "\n")
    assert index("build", folder, "--labels", "labels.csv").code == 0
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """An index over one picture."""
    folder = tmp_path_factory.mktemp("built")
    save(folder / "c/1.png", 1)
    Index(folder, encoder=str(tiny_encoder), jobs=1).build(folder / "c")
    return folder


def test_files_are_compared_within_or_across_an_attribute_or_against_a_reference(
    index: Command, shop: Path
) -> None:
    def found(*options: object) -> dict[str, set[str]]:
        return members(index("dedupe", "-t", "0.95", *options, "--json").json())

    assert found() == {f"a{i}.png": {f"b{i}.png", f"o{i}.png"} for i in (1, 2, 3)}
    assert found("--within", "product") == {f"a{i}.png": {f"b{i}.png"} for i in (1, 2, 3)}
    assert found("--within", "label") == {}
    across = found("--across", "product")
    assert sorted(keep[1:] for keep in across) == ["1.png", "2.png", "3.png"]
    assert all(inside == {f"o{keep[1:]}"} for keep, inside in across.items())
    assert found("--across", "label") == found()
    assert found("--prefer", "nothing/*", "--prefer", "originals/*") == {
        f"o{i}.png": {f"a{i}.png", f"b{i}.png"} for i in (1, 2, 3)
    }
    assert found("--reference", shop / "originals") == found("--prefer", "o?.png")
    shutil.copy(shop / "originals/o1.png", shop / "originals/o1 again.png")
    index("build")
    told = index("dedupe", "-t", "0.95", "--reference", shop / "originals", "--json").json()
    assert members(told)["o1.png"] == {"a1.png", "b1.png"}
    assert told["groups"][0]["keep_reason"] == "the reference"
    assert index("dedupe", "--reference", "elsewhere").code == 2
    refused = index("dedupe", "--within", "prodct")
    assert refused.code == 2
    assert "known: label, product" in refused.err


def test_new_reports_only_pairs_with_something_new_and_each_of_them_once(index: Command, shop: Path) -> None:
    def new(*options: object) -> dict[str, set[str]]:
        return members(index("dedupe", "-t", "0.95", "--new", *options, "--json").json())

    assert len(new()) == 3
    assert new() == {}
    picture(2, (192, 144)).resize((240, 180)).save(shop / "ann/large.png")
    for size in (100, 110):
        picture(7, (192, 144)).resize((size, size * 3 // 4)).save(shop / f"ann/seven {size}.png")
    index("build")
    index("dedupe", "-t", "0.95")  # a look at everything does not make anything seen
    assert new() == {"large.png": {"a2.png", "b2.png", "o2.png"}, "seven 110.png": {"seven 100.png"}}
    assert new() == {}


def test_decisions_beat_scores(index: Command, shop: Path) -> None:
    def found() -> dict[str, list[tuple[str, str, str]]]:
        groups = index("dedupe", "-t", "0.95", "--json").json()["groups"]
        return {
            Path(group["keep"]).name: [
                (Path(m["path"]).name, m["verdict"], m["reason"]) for m in group["members"]
            ]
            for group in groups
        }

    def decide(a: str, b: str, verdict: str) -> None:
        assert index("decide", next(shop.rglob(f"{a}.png")), next(shop.rglob(f"{b}.png")), verdict).code == 0

    decide("o1", "a1", "different")
    decide("o1", "b1", "cleared")
    decide("a1", "o3", "same")
    decide("a2", "b2", "fraud")
    groups = found()
    assert {name for name, _, _ in groups["a1.png"]} == {"b1.png", "o3.png"}
    assert ("o3.png", "copy", "decided same") in groups["a1.png"]
    assert ("b2.png", "altered", "decided fraud") in groups["a2.png"]
    decide("b1", "o3", "same-object")
    assert {name for name, _, _ in found()["a1.png"]} == {"o3.png"}


def test_near_blank_pictures_are_grouped_only_when_their_bytes_are_the_same(
    index: Command, workplace: Path
) -> None:
    folder = workplace / "scans"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for i in range(4):
        paper = np.clip(240 + noise.normal(0, 3, (90, 120, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(paper).save(folder / f"empty {i}.jpg")
    shutil.copy(folder / "empty 0.jpg", folder / "empty 0 again.jpg")
    save(folder / "full.png", 1)
    picture(1).resize((80, 60)).save(folder / "full small.png")
    index("build", folder)
    report = index("dedupe", "-t", "0.95", "--json").json()
    assert members(report) == {"full.png": {"full small.png"}, "empty 0.jpg": {"empty 0 again.jpg"}}
    assert (report["near_blank"], report["pairs"]) == (4, 11)  # those pairs do reach the threshold


def test_a_bridge_is_told_and_what_a_hard_link_takes_up_is_nothing(index: Command, shop: Path) -> None:
    left, right = (np.asarray(picture(seed, (192, 144)).resize((96, 72)), float) for seed in (1, 2))
    Image.fromarray((0.52 * left + 0.48 * right).astype(np.uint8)).save(shop / "ann/mixture.png")
    (shop / "ann/link.png").hardlink_to(shop / "ann/a3.png")
    index("build")
    answer = index("dedupe", "-t", "0.6", "--json", "--html", "page.html")
    report = answer.json()
    (bridge,) = report["bridges"]
    assert Path(bridge["path"]).name == "mixture.png"
    groups = {group["id"]: group for group in report["groups"]}
    first, second = (groups[number] for number in bridge["groups"])
    assert bridge["scores"] == sorted(bridge["scores"], reverse=True)
    assert bridge["path"] in [member["path"] for member in first["members"]]
    assert bridge["path"] not in [member["path"] for member in second["members"]]
    assert "Near several groups" in Path("page.html").read_text()
    told = index("dedupe", "-t", "0.6").err
    assert f"bridge: {bridge['path']} is near the kept files of groups {first['id']}, {second['id']}" in told
    files = [Path(m["path"]) for group in report["groups"] for m in group["members"]]
    assert "link.png" in {path.name for path in files}
    assert report["wasted_bytes"] == sum(
        p.stat().st_size for p in files if p.name not in {"link.png", "a3.png"}
    )


def test_python_has_the_same_keywords(shop: Path) -> None:
    with Index(".") as index:
        assert len(index.dedupe(0.95, across="product", prefer=["originals/*"]).groups) == 3
        assert len(index.dedupe(0.95, new=True, reference=shop / "originals").groups) == 3
        assert index.dedupe(0.95, new=True).groups == []


@pytest.mark.parametrize(
    "change",
    [
        "files SET size_bytes = x'ff00'",
        "files SET label = x'ff00'",
        "files SET attributes = 'null'",
        "items SET width = 'wide'",
        "embeddings SET vector = 5",
    ],
)
def test_a_row_that_is_not_what_was_written_is_refused(
    index: Command, built: Path, workplace: Path, change: str
) -> None:
    shutil.copytree(built / ".index", ".index")
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute(f"UPDATE {change}")
    answer = index("dedupe")
    assert (answer.code, "Traceback" in answer.err) == (12, False)
