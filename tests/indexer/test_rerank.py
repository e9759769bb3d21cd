"""`index query --verify`: candidates that show the query come first, whatever their score."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from indexer import Index
from indexer.encoders import read_encoder
from indexer.rerank import reranked
from retrieval.metric import Metric
from tests.conftest import Command
from tests.indexer.sandboxes import sandbox_of
from tests.retrieval.scenes import recaptured, scene

pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")


@pytest.fixture
def query(index: Command, workplace: Path) -> Path:
    """An index of a mirrored copy, of something blurred that has its colours and is nearer, and of two others."""
    folder = workplace / "c"
    folder.mkdir()
    shown = Image.fromarray(scene(1))
    ImageOps.mirror(Image.fromarray(recaptured(scene(1)))).save(folder / "copy.png")
    shown.resize((20, 15)).resize(shown.size, Image.Resampling.BICUBIC).save(folder / "blurred.png")
    for seed in (5, 6):
        Image.fromarray(scene(seed)).save(folder / f"{seed}.png")
    assert index("build", folder).code == 0
    path = workplace / "q.png"
    shown.save(path)
    return path


def answered(index: Command, *options: object) -> list[dict[str, object]]:
    answer = index("query", *options, "--json")
    assert answer.code == 0, answer.err
    return answer.json()["queries"][0]["results"]  # type: ignore[no-any-return]


def names(results: list[dict[str, object]]) -> list[str]:
    return [Path(str(result["path"])).name for result in results]


def test_a_copy_that_ranks_behind_comes_first_and_scores_stay(index: Command, query: Path) -> None:
    plain = answered(index, query)
    assert names(plain)[0] == "blurred.png"
    assert {(result["verdict"], result["reason"]) for result in plain} == {(None, None)}
    verified = answered(index, query, "--verify")
    assert names(verified) == ["copy.png", *(name for name in names(plain) if name != "copy.png")]
    assert [result["rank"] for result in verified] == [1, 2, 3, 4]
    assert (verified[0]["verdict"], verified[1]["verdict"]) == ("copy", "different")
    assert "mirrored" in str(verified[0]["reason"])
    assert {r["path"]: r["score"] for r in verified} == {r["path"]: r["score"] for r in plain}


def test_only_the_first_n_are_verified_and_k_is_cut_afterwards(index: Command, query: Path) -> None:
    one = answered(index, query, "--verify", 1)
    assert [result["verdict"] is None for result in one] == [False, True, True, True]
    assert names(answered(index, query, "-k", 1, "--verify", 4)) == ["copy.png"]


def test_the_same_bytes_come_before_copies(index: Command, query: Path, workplace: Path) -> None:
    (workplace / "c/same.png").write_bytes(query.read_bytes())
    index("build", "c")
    verified = answered(index, query, "--verify")
    assert [result["verdict"] for result in verified[:2]] == ["identical", "copy"]


def test_a_candidate_that_is_gone_or_damaged_keeps_its_place_without_a_verdict(
    index: Command, query: Path, workplace: Path
) -> None:
    plain = names(answered(index, query))
    (workplace / "c/blurred.png").unlink()
    (workplace / "c/5.png").write_bytes(b"nothing")
    answer = index("query", query, "--verify", "--json")
    verified = answer.json()["queries"][0]["results"]
    assert names(verified) == ["copy.png", *(name for name in plain if name != "copy.png")]
    unread = {Path(r["path"]).name: r["reason"] for r in verified if r["verdict"] is None}
    assert unread.keys() == {"blurred.png", "5.png"}
    assert unread["blurred.png"].startswith("not verified: vanished")
    assert answer.code == 0
    assert "blurred.png: not verified: vanished" in answer.err


def test_where_nothing_is_found_nothing_is_verified(index: Command, query: Path) -> None:
    assert answered(index, query, "--verify", "--where", "label=none") == []


def test_a_query_that_is_gone_by_then_leaves_all_in_place_with_the_reason(
    query: Path, tiny_encoder: Path
) -> None:
    spec = read_encoder(str(tiny_encoder)).spec
    with Index(".") as opened, sandbox_of(1) as sandbox:
        found = opened.query(query)
        query.unlink()
        left = reranked(found, query, 3, sandbox, spec=spec, space="object", metric=Metric.COSINE)
    assert [(match.rank, match.path) for match in left] == [(match.rank, match.path) for match in found]
    assert [match.verdict for match in left] == [None] * 4
    assert all(
        "not verified: " in str(match.reason) and "vanished" in str(match.reason) for match in left[:3]
    )
    assert left[3] == found[3]


def test_from_python_an_array_is_verified_as_its_file_is(query: Path) -> None:
    with Index(".") as opened:
        by_file = opened.query(query, verify=4)
        by_array = opened.query(scene(1), verify=4)
    assert [(match.path, match.verdict) for match in by_array] == [
        (match.path, match.verdict) for match in by_file
    ]


@pytest.mark.parametrize(("options", "imported"), [((), False), (("--verify",), True)])
def test_opencv_is_imported_only_where_something_is_verified(
    query: Path, options: tuple[str, ...], imported: bool
) -> None:
    script = (
        "import sys\nfrom indexer.cli import run\n"
        f"code = run(['query', {str(query)!r}, '-q', *{options!r}])\n"
        "print(code, sorted({'cv2'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == ("0 ['cv2']" if imported else "0 []")


def test_without_opencv_it_says_what_to_install(query: Path, workplace: Path) -> None:
    (workplace / "shadow").mkdir()
    (workplace / "shadow" / "cv2.py").write_text("raise ImportError('no cv2')\n")
    script = (
        f"import sys; sys.path.insert(0, {str(workplace / 'shadow')!r}); "
        f"from indexer.cli import run; sys.exit(run(['query', {str(query)!r}, '--verify']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'siamese-index[verify]'" in done.stderr
