"""`index evaluate`, with real encoders on small sets whose right answers are known."""

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import evaluate as evaluate_module
from indexer.evaluation_set import read_evaluation_set
from indexer.plots import _plain, _points, embedding_map, principal_plane
from indexer.settings import Settings
from tests.conftest import Command
from tests.indexer.sounds import tone, wav
from tests.pictures import make_catalogue, save
from tests.tiny_encoder import write_tiny_encoder

BASELINES = ["colour histogram", "pHash", "random network"]


@pytest.fixture
def takes(workplace: Path) -> Path:
    """Four classes of three takes each: the same picture, compressed otherwise."""
    for number, name in enumerate(("bass", "cup", "ewer", "fan")):
        for take in range(3):
            save(workplace / "takes" / name / f"{take}.jpg", seed=number, quality=60 + 15 * take)
    return workplace / "takes"


def test_the_contract_holds_and_every_encoder_and_baseline_has_a_row(index: Command, takes: Path) -> None:
    report = index("evaluate", takes, "--json").json()
    assert report["dataset"] == str(takes)
    assert report["recall"] == {"1": 1, "5": 1, "10": 1}
    assert report["map_at_r"] == report["r_precision"] == 1
    assert report["verification"]["auc"] == 1
    assert report["verification"]["eer"] == 0
    assert report["verification"]["tar_at_far"] == {"0.1": 1, "0.01": None, "0.001": None, "0.0001": None}
    assert report["copy"] is None
    assert report["confidence"]["recall"]["1"] == [1, 1]
    assert report["confidence"]["map_at_r"] == [1, 1]
    assert report["confidence"]["verification"]["auc"] == pytest.approx([1, 1])
    assert (report["pictures"], report["classes"], report["queries"]) == (12, 4, 12)
    assert [entry["encoder"] for entry in report["encoders"]][1:] == ["builtin", *BASELINES]
    assert report["encoders"][0]["macro"]["recall"]["1"] == 1
    assert all(entry["recall"].keys() == {"1", "5", "10"} for entry in report["encoders"])


def test_figures_are_those_of_a_plain_loop(index: Command, workplace: Path, tiny_encoder: Path) -> None:
    folder = make_catalogue(workplace / "set", per_class=5)
    report = index("evaluate", folder, "--no-baselines", "--json").json()
    from indexer.dataset import load_pictures, read_dataset
    from indexer.encoders import read_encoder
    from indexer.settings import Settings

    files = read_encoder(str(tiny_encoder))
    pictures = load_pictures(read_dataset(folder), files.spec.preprocess, Settings())
    vectors = files.load(1).encode(pictures.images)["object"]
    scores = vectors @ vectors.T
    right = []
    for row, label in enumerate(pictures.labels):
        others = sorted((i for i in range(15) if i != row), key=lambda i: -scores[row, i])
        right.append(pictures.labels[others[0]] == label)
    assert report["recall"]["1"] == pytest.approx(np.mean(right))
    same = [
        (scores[i, j], pictures.labels[i] == pictures.labels[j]) for i in range(15) for j in range(i + 1, 15)
    ]
    wins = [(s > d) + (s == d) / 2 for s, is_same in same if is_same for d, other in same if not other]
    assert report["verification"]["auc"] == pytest.approx(np.mean(wins))


def test_the_builtin_encoder_stands_beside_others_and_only_once(
    index: Command, takes: Path, workplace: Path, tiny_encoder: Path
) -> None:
    other = write_tiny_encoder(workplace / "other", seed=7)
    answer = index("evaluate", takes, "--encoder", other, "--encoder", tiny_encoder, "--no-baselines")
    rows = [line.split("\t") for line in answer.out.splitlines()]
    assert rows[0][:3] == ["encoder", "space", "R@1"]
    assert [row[0] for row in rows[1:]] == [str(other), str(tiny_encoder), "builtin"]
    alone = index("evaluate", takes, "--encoder", "builtin", "--no-baselines", "--json").json()
    assert [entry["encoder"] for entry in alone["encoders"]] == ["builtin"]


def test_each_space_has_a_row(index: Command, takes: Path) -> None:
    arguments = ["--space", "copy", "--space", "object", "--no-baselines", "--json"]
    entries = index("evaluate", takes, *arguments).json()["encoders"]
    assert [entry["space"] for entry in entries] == ["copy", "object"] * 2


def test_pictures_are_decoded_once_for_each_shape(
    index: Command, takes: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []
    decode = evaluate_module.decode_set
    monkeypatch.setattr(
        evaluate_module,
        "decode_set",
        lambda wanted, shape, *rest: shapes.append(shape) or decode(wanted, shape, *rest),
    )
    other = write_tiny_encoder(workplace / "other", seed=7)
    index("evaluate", takes, "--encoder", other, "--encoder", write_tiny_encoder(workplace / "third", seed=8))
    assert len(shapes) == 2  # the tiny encoders' and the built-in one's


def test_queries_are_searched_in_the_gallery(index: Command, takes: Path, workplace: Path) -> None:
    queries = workplace / "queries"
    for name in ("bass", "cup"):
        (queries / name).mkdir(parents=True)
        shutil.move(takes / name / "2.jpg", queries / name / "2.jpg")
    save(queries / "stranger" / "a.jpg", seed=50)
    shutil.copy(takes / "fan" / "0.jpg", queries / "known-copy.jpg")
    (queries / "fan").mkdir()
    shutil.move(queries / "known-copy.jpg", queries / "fan" / "x.jpg")
    answer = index("evaluate", queries, "--gallery", takes, "--no-baselines", "--json")
    report = answer.json()
    assert report["recall"]["1"] == 1
    assert (report["queries"], report["skipped_queries"]) == (2, 1)
    assert report["copy"]["uap"] == 1
    assert (report["copy"]["positives"], report["copy"]["unmatched"]) == (4, 1)
    assert report["classes_with_nothing_to_find"] == ["stranger"]
    assert len(report["duplicates"]) == 1
    assert "1 exact duplicates dropped" in answer.err
    assert "1 classes have nothing to find, 1 queries left out: stranger" in answer.err
    by_l2 = write_tiny_encoder(workplace / "by-l2", metric="l2")
    table = index("evaluate", queries, "--gallery", takes, "--no-baselines", "--encoder", by_l2)
    assert table.code == 0, table.err
    assert "uAP" in table.out


def test_copies_are_judged_by_scores_that_stand_out_where_scores_are_cosines_and_nowhere_else(
    takes: Path, workplace: Path, tiny_encoder: Path
) -> None:
    for name in ("bass", "cup"):
        (workplace / "queries" / name).mkdir(parents=True)
        shutil.move(takes / name / "2.jpg", workplace / "queries" / name / "2.jpg")
    raw = write_tiny_encoder(workplace / "raw", metric="l2")
    subjects = evaluate_module.read_subjects([str(tiny_encoder), str(raw)], ["copy"])[:2]
    wanted = read_evaluation_set(workplace / "queries", gallery=takes)
    report = evaluate_module.evaluate(wanted, subjects, Settings(), baselines=False)
    by_cosine, by_distance = (row.copy for row in report.rows)
    assert by_cosine is not None
    assert by_distance is not None
    assert by_cosine.keys() - by_distance.keys() == {"normalised_uap", "normalised_recall_at_90_precision"}
    assert by_distance["uap"] == by_cosine["uap"] == 1


def write_pairs(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("a", "b", "same"), *rows])
    return path


def test_exactly_the_listed_pairs_are_verified(index: Command, takes: Path) -> None:
    shutil.copy(takes / "cup" / "0.jpg", takes / "again.jpg")
    rows = [
        ("bass/0.jpg", "bass/1.jpg", "1"),
        ("again.jpg", "cup/1.jpg", "TRUE"),
        ("bass/0.jpg", "cup/0.jpg", "0"),
        ("cup/2.jpg", "fan/0.jpg", "false"),
        ("cup/2.jpg", "missing.jpg", "1"),
    ]
    answer = index("evaluate", "--pairs", write_pairs(takes / "pairs.csv", rows), "--json")
    report = answer.json()
    assert answer.code == 3
    assert (report["verification"]["same_pairs"], report["verification"]["different_pairs"]) == (2, 2)
    assert report["verification"]["auc"] == 1
    assert report["recall"] is None
    assert report["lost_pairs"] == 1
    assert "missing.jpg" in answer.err
    assert "1 pairs left out" in answer.err


def test_episodes_are_held_within_an_attribute(index: Command, takes: Path) -> None:
    manifest = takes / "set.csv"
    rows = [
        f"{n}/{i}.jpg,{n},{'water' if n in ('bass', 'ewer') else 'dry'}"
        for n in ("bass", "cup", "ewer", "fan")
        for i in range(3)
    ]
    manifest.write_text("\n".join(["path,label,group", *rows]))
    report = index("evaluate", manifest, "--ways", 2, "--shots", 1, "--within", "group", "--json").json()
    assert report["episodes"]["accuracy"] == 1
    assert report["confidence"]["episodes"]["accuracy"] == [1, 1]
    assert index("evaluate", manifest, "--ways", 3, "--shots", 1, "--within", "group").code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "judged on which pictures?"),
        (["nowhere"], "neither a folder nor"),
        (["one"], "only one class to find (bass)"),
        (["thin"], "no class has two pictures"),
        (["takes", "--gallery", "thin2"], "no picture has a label that the gallery has"),
        (["takes", "--gallery", "takes"], "no query is left"),
        (["takes", "--within", "writer"], "--within is about episodes"),
        (["takes", "--ways", "2", "--within", "writer"], "has no attribute 'writer'"),
        (["takes", "--ways", "9"], "there are 4"),
        (["takes", "--shots", "3"], "there are 0"),
        (["takes", "--space", "taste"], "has no space 'taste'"),
        (["takes", "--encoder", "nowhere"], "no encoder at nowhere"),
        (["--pairs", "nowhere.csv"], "nowhere.csv is not a file"),
        (["--pairs", "columns.csv"], "no column 'same'"),
        (["--pairs", "truth.csv"], "row 2: not a pair"),
        (["--pairs", "kind.csv"], "1 same and 0 different pairs"),
        (["--gallery", "takes", "--pairs", "kind.csv"], "need labelled pictures"),
        (["takes", "--out", "kind.csv"], "there is a file of that name"),
        (["takes", "--html", "nowhere/page.html"], "nowhere is not a folder"),
        (["takes", "--seed", "-1"], "-1 is not in the range"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_anything_is_encoded(
    index: Command,
    takes: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    shutil.copytree(takes / "bass", workplace / "one" / "bass")
    for name in ("x", "y"):
        save(workplace / "thin" / name / "a.jpg", seed=ord(name))
        save(workplace / "thin2" / name / "a.jpg", seed=ord(name))
    (workplace / "columns.csv").write_text("a,b\nx,y\n")
    (workplace / "truth.csv").write_text("a,b,same\nx,y,perhaps\n")
    (workplace / "kind.csv").write_text("a,b,same\ntakes/bass/0.jpg,takes/bass/1.jpg,1\n")
    monkeypatch.setattr(evaluate_module, "_encode", lambda *_: pytest.fail("something was encoded"))
    answer = index("evaluate", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err
    assert "Traceback" not in answer.err


def test_what_is_left_of_unusable_pictures_must_still_be_enough(index: Command, takes: Path) -> None:
    (takes / "bass" / "0.jpg").write_text("no picture")
    answer = index("evaluate", takes, "--no-baselines", "--json")
    assert answer.code == 3
    assert answer.json()["pictures"] == 11
    assert "left out" in answer.err
    for name in ("bass", "cup", "ewer"):
        for take in range(3):
            (takes / name / f"{take}.jpg").write_text("no picture")
    answer = index("evaluate", takes)
    assert answer.code == 2
    assert "only one class to find (fan)" in answer.err


def test_an_encoder_that_fails_on_a_picture_is_named(index: Command, takes: Path, workplace: Path) -> None:
    Image.new("RGB", (40, 40)).save(takes / "cup" / "black.png")
    encoder = write_tiny_encoder(workplace / "failing", fails_on_black=True)
    answer = index("evaluate", takes, "--encoder", encoder)
    assert answer.code == 2
    assert "failing" in answer.err
    assert "NaN" in answer.err


def test_sounds_are_judged_by_their_spectra_and_never_beside_pictures(
    index: Command, workplace: Path, tiny_encoder: Path
) -> None:
    for name, hertz in (("low", 300), ("high", 3000)):
        for take in range(3):
            (workplace / "sounds" / name).mkdir(parents=True, exist_ok=True)
            (workplace / "sounds" / name / f"{take}.wav").write_bytes(wav(tone(hertz * (1 + take / 100))))
    encoder = write_tiny_encoder(workplace / "listening", view="spectrum")
    report = index("evaluate", "sounds", "--encoder", encoder, "--no-baselines", "--json").json()
    assert [entry["recall"]["1"] for entry in report["encoders"]] == [1, 1]
    assert report["pictures"] == 6
    answer = index("evaluate", "sounds", "--encoder", encoder, "--encoder", tiny_encoder)
    assert answer.code == 2
    assert "judge them apart" in answer.err


def test_the_same_seed_gives_the_same_report(index: Command, workplace: Path) -> None:
    folder = make_catalogue(workplace / "set", per_class=4)
    arguments = ["evaluate", folder, "--ways", 2, "--no-baselines", "--json", "--seed"]
    one, again, other = (index(*arguments, seed).json() for seed in (1, 1, 2))
    assert one == again
    assert one["episodes"] != other["episodes"]


def test_plots_page_and_figures_are_written(index: Command, workplace: Path) -> None:
    pytest.importorskip("matplotlib")
    folder = make_catalogue(workplace / "set", per_class=4)
    answer = index("evaluate", folder, "--out", "made/figures", "--html", "page.html")
    assert answer.code == 0
    made = workplace / "made" / "figures"
    assert {path.name for path in made.iterdir()} == {
        "metrics.json",
        "roc-det.png",
        "scores.png",
        "map.png",
        "failures.png",
    }
    for path in made.glob("*.png"):
        with Image.open(path) as image:
            assert min(image.size) > 200
    assert json.loads((made / "metrics.json").read_text())["recall"]
    page = (workplace / "page.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page.replace("http-equiv", "")


def test_without_matplotlib_everything_else_is_there(
    index: Command, takes: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer = index("evaluate", takes, "--out", "figures", "--html", "page.html", "--no-baselines")
    assert answer.code == 0
    assert "pip install 'siamese-index[plots]'" in answer.err
    assert [path.name for path in (workplace / "figures").iterdir()] == ["metrics.json"]
    assert "<td>1.0000</td>" in (workplace / "page.html").read_text()


def test_of_pairs_alone_there_is_no_map_and_where_all_are_told_apart_no_failure(
    index: Command, takes: Path, workplace: Path
) -> None:
    pytest.importorskip("matplotlib")
    rows = [
        ("bass/0.jpg", "bass/1.jpg", "1"),
        ("cup/0.jpg", "cup/1.jpg", "1"),
        ("bass/0.jpg", "cup/0.jpg", "0"),
    ]
    pairs = write_pairs(takes / "pairs.csv", rows)
    answer = index("evaluate", "--pairs", pairs, "--out", "figures", "--no-baselines")
    assert answer.code == 0
    assert {path.name for path in (workplace / "figures").iterdir()} == {
        "metrics.json",
        "roc-det.png",
        "scores.png",
    }
    assert not list(workplace.rglob("*.html"))


def test_a_page_alone_is_written_and_of_many_lost_pictures_the_first_are_named(
    index: Command, takes: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for number in range(12):
        (takes / f"cup/broken-{number:02d}.jpg").write_bytes(b"no picture")
    before = set(workplace.rglob("*"))
    answer = index("evaluate", takes, "--html", "page.html", "--no-baselines")
    assert answer.code == 3
    assert answer.err.count("  left out ") == 10
    assert "12 pictures left out in all; --verbose lists them" in answer.err
    assert set(workplace.rglob("*")) - before == {workplace / "page.html"}


def test_a_legend_of_more_classes_than_can_be_told_apart_is_left_out() -> None:
    pytest.importorskip("matplotlib")
    vectors = np.random.default_rng(0).normal(size=(42, 4)).astype(np.float32)
    widths = []
    for count in (20, 21):
        png = embedding_map(vectors, [f"class {row % count}" for row in range(42)], "tiny")
        with Image.open(io.BytesIO(png)) as image:
            widths.append(image.width)
    assert widths[0] > widths[1]


def test_of_a_long_curve_its_ends_and_most_of_its_beginning_are_drawn() -> None:
    assert [_points(count).tolist() for count in (1, 2000)] == [[0], list(range(2000))]
    drawn = _points(1_000_000).tolist()
    assert drawn == sorted(set(drawn))
    assert (drawn[:20], drawn[-1]) == (list(range(20)), 999_999)
    assert max(np.diff(drawn)) <= 1_000_000 / 1999 + 1
    assert len(drawn) <= 4000


def test_the_map_keeps_the_two_directions_that_vary_most() -> None:
    generator = np.random.default_rng(0)
    vectors = (generator.normal(size=(400, 6)) * [1, 9, 1, 4, 1, 1]).astype(np.float32)
    plane, share = principal_plane(vectors)
    assert plane.var(axis=0) == pytest.approx([81, 16], rel=0.2)
    assert share == pytest.approx([81 / 101, 16 / 101], abs=0.05)
    flat, _ = principal_plane(vectors[:, :1])
    assert flat.shape == (400, 2)


def test_a_name_is_drawn_as_it_is_written() -> None:
    assert _plain("_a$b$") == r"a\$b\$"
    assert len(_plain("x" * 90)) == 40
