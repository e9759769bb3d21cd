import json
from pathlib import Path

import numpy as np
import pytest

from indexer import Index
from indexer.errors import REJECTED
from indexer.lookup import Gallery
from indexer.store import open_store
from tests.conftest import Command
from tests.pictures import picture, save
from tests.tiny_encoder import write_tiny_encoder


@pytest.fixture
def built(index: Command, catalogue: Path) -> Path:
    assert index("build", catalogue).code == 0
    return catalogue


def exported(opened: Index, space: str) -> tuple[list[str], np.ndarray]:
    opened.export(f"{space}.npz", space=space)
    with np.load(f"{space}.npz") as data:
        return data["path"].tolist(), data["vectors"].astype(np.float64)


@pytest.mark.parametrize("space", ["copy", "object"])
@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_every_picture_finds_what_brute_force_finds_and_itself_first(
    built: Path, space: str, metric: str
) -> None:
    with Index(".") as opened:
        paths, vectors = exported(opened, space)
        for query in sorted(built.rglob("*.jpg")):
            matches = opened.query(query, k=7, space=space, metric=metric)
            own = vectors[paths.index(matches[0].path)]
            distance = 1 - vectors @ own if metric == "cosine" else np.linalg.norm(vectors - own, axis=1)
            order = sorted(range(len(paths)), key=lambda row: (round(distance[row], 9), paths[row]))
            assert [match.path for match in matches] == [paths[row] for row in order[:7]]
            assert matches[0].path == str(query.relative_to(Path.cwd()))
            assert (matches[0].score, matches[0].verdict) == (pytest.approx(1.0, abs=1e-9), "identical")
            for match, row in zip(matches, order, strict=False):
                assert match.distance == pytest.approx(distance[row], abs=1e-6)
                expected = 1 - match.distance if metric == "cosine" else 1 / (1 + match.distance)
                assert match.score == pytest.approx(expected, abs=1e-9)


def test_path_bytes_image_and_array_give_the_same_answer(built: Path) -> None:
    source = save(Path("q.png"), 5)
    with Index(".") as opened:
        answers = [
            [(match.path, round(match.score, 6)) for match in opened.query(query, k=5)]
            for query in (source, str(source), source.read_bytes(), picture(5), np.asarray(picture(5)))
        ]
    assert all(answer == answers[0] for answer in answers)


def test_k_threshold_and_where_limit_the_answer(index: Command, built: Path) -> None:
    query = built / "cup/00.jpg"

    def results(*options: object) -> list[dict[str, object]]:
        return index("query", query, *options, "--json").json()["queries"][0]["results"]  # type: ignore[no-any-return]

    assert len(results("-k", 3)) == 3
    assert len(results("-k", 1000)) == 24
    assert [r["rank"] for r in results("-k", 4)] == [1, 2, 3, 4]
    threshold = results("-k", 5)[2]["score"]
    assert len(results("-t", threshold)) == 3
    assert {r["label"] for r in results("--where", "label=bass")} == {"bass"}
    assert results("--where", "label=nothing") == []


def test_several_pictures_are_answered_in_the_order_they_were_given(index: Command, built: Path) -> None:
    queries = [built / "ewer/03.jpg", built / "bass/00.jpg", built / "cup/05.jpg"]
    answers = index("query", *queries, "-k", 1, "--json").json()["queries"]
    assert [answer["query"] for answer in answers] == [str(query) for query in queries]
    assert [answer["results"][0]["path"] for answer in answers] == [
        str(q.relative_to(Path.cwd())) for q in queries
    ]


def test_a_query_that_is_no_picture_is_named_and_the_others_are_answered(index: Command, built: Path) -> None:
    Path("text.jpg").write_text("no picture")
    answer = index("query", "text.jpg", built / "cup/00.jpg", "-k", 1, "--json")
    assert answer.code == REJECTED
    first, second = answer.json()["queries"]
    assert (first["reason"], first["results"]) == ("not-an-image", [])
    assert second["results"][0]["score"] == 1.0
    assert "text.jpg: not-an-image" in answer.err
    with Index(".") as opened, pytest.raises(ValueError, match="not-an-image"):
        opened.query("text.jpg")


def test_a_space_or_metric_that_is_not_there_is_refused(index: Command, built: Path, workplace: Path) -> None:
    answer = index("query", built / "cup/00.jpg", "--space", "smell")
    assert (answer.code, "it has copy, object" in answer.err) == (2, True)
    raw = write_tiny_encoder(workplace / "raw", metric="l2")
    assert index("build", "--encoder", raw, "--metric", "l2").code == 0
    assert (
        index("query", built / "cup/00.jpg", "-k", 1, "--json").json()["queries"][0]["results"][0]["distance"]
        == 0
    )
    answer = index("query", built / "cup/00.jpg", "--metric", "cosine")
    assert (answer.code, "not normalised" in answer.err) == (2, True)


def test_an_index_is_not_queried_with_another_encoder(
    index: Command, built: Path, tiny_encoder: Path
) -> None:
    spec = tiny_encoder / "spec.json"
    before = spec.read_text()
    try:
        spec.write_text(json.dumps(json.loads(before) | {"version": "changed"}))
        answer = index("query", built / "cup/00.jpg")
        assert (answer.code, "made with encoder tiny 0" in answer.err) == (16, True)
        spec.unlink()
        assert index("query", built / "cup/00.jpg").code == 16
    finally:
        spec.write_text(before)
    assert index("query", built / "cup/00.jpg").code == 0


def test_the_page_carries_its_pictures_and_escapes_names(index: Command, built: Path) -> None:
    evil = save(built / "cup/<img src=x onerror=alert(1)>.jpg", 5)
    index("build", built)
    assert index("query", evil, "-k", 3, "--html", "page.html").code == 0
    page = Path("page.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 4
    assert "<img src=x" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_beyond_the_exact_limit_search_is_approximate_and_says_its_recall(
    index: Command, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INDEX_EXACT_LIMIT", "10")
    answer = index("build", catalogue)
    assert "approximate search, measured recall@10" in answer.err
    assert "more than exact_limit contents" in answer.err
    status = index("status", "--json").json()
    assert status["search"]["object"]["kind"] == "ivf"
    assert status["search"]["object"]["recall"] >= 0.99
    result = index("query", catalogue / "cup/00.jpg", "-k", 1, "--json").json()["queries"][0]["results"][0]
    assert result["path"] == "catalogue/cup/00.jpg"
    assert index("check").code == 0


def test_a_reader_follows_as_many_builds_as_overtake_it(
    index: Command, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index("build", catalogue)
    store = open_store(Path(".index"))
    gallery = Gallery(store)
    read, overtaken = store.read_faiss, []

    def overtaken_by_builds(*arguments: object, **facts: object) -> object:
        for _ in range(2 if len(overtaken) < 4 else 0):  # the file of the generation before is still there
            overtaken.append(save(catalogue / "cup" / f"new{len(overtaken)}.jpg", 900 + len(overtaken)))
            assert index("build", catalogue).code == 0
        return read(*arguments, **facts)

    monkeypatch.setattr(store, "read_faiss", overtaken_by_builds)
    space = gallery.generation.space(None)
    vector = np.eye(1, space.dim, dtype=np.float32)
    (found,) = gallery.find(vector, [None], 100, space=space, metric=gallery.generation.metric)
    assert {Path(path).name for path in overtaken} <= {Path(match.path).name for match in found}
    assert gallery.generation.id == 5
