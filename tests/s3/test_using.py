"""What is asked of an index over a bucket reads the objects that it needs, and writes to none."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Command
from tests.indexer.test_verify import altered, page
from tests.pictures import save
from tests.s3.bucket import Bucket
from tests.s3.test_building import built, counts, files, paths


@pytest.fixture
def copies(bucket: Bucket, workplace: Path) -> str:
    """The URL of a page of text with a copy, an altered copy, and the same bytes again."""
    folder = workplace / "made"
    folder.mkdir()
    page(1).save(folder / "best.png")
    page(1).resize((360, 270)).save(folder / "copy.jpg", quality=85)
    altered(folder / "best.png", folder / "forged.jpg")
    (folder / "same.png").write_bytes((folder / "best.png").read_bytes())
    save(folder / "other.png", 3)
    bucket.put_folder(folder, "shop")
    return f"{bucket.url}/shop"


def test_pixels_of_objects_decide_what_is_a_copy(index: Command, copies: str) -> None:
    built(index, copies)
    report = index("dedupe", "-t", "0.6", "--verify", "--html", "page.html", "--json").json()
    (group,) = report["groups"]
    assert group["keep"] == f"{copies}/best.png"
    verdicts = {member["path"].rpartition("/")[2]: member["verdict"] for member in group["members"]}
    assert verdicts == {"same.png": "identical", "copy.jpg": "copy", "forged.jpg": "altered"}
    assert "not readable" not in Path("page.html").read_text()
    reference = index("dedupe", "-t", "0.6", "--reference", f"{copies}/", "--json").json()
    assert reference["groups"] == []


@pytest.mark.parametrize("policy", ["trash", "hardlink", "script"])
def test_no_policy_touches_an_object_and_each_is_named_with_the_reason(
    index: Command, copies: str, bucket: Bucket, policy: str
) -> None:
    built(index, copies)
    before = bucket.keys()
    answer = index("dedupe", "-t", "0.6", "--verify", "--policy", policy)
    assert answer.code == 0, answer.err
    assert "lies on an object store, which is never written to" in answer.out + answer.err
    assert f"{copies}/same.png" in answer.out + answer.err
    assert bucket.keys() == before
    assert len(files()) == 5
    assert not list(Path(".index/trash").glob("**/*.*"))


def test_a_file_on_disk_is_not_given_up_for_a_copy_in_a_bucket(
    index: Command, bucket: Bucket, workplace: Path
) -> None:
    save(workplace / "disk/a_very_long_name.png", 1)
    bucket.put("a.png", (workplace / "disk/a_very_long_name.png").read_bytes())
    built(index, "disk", bucket.url)
    answer = index("dedupe", "--prefer", "a.png", "--policy", "trash", "--json").json()
    assert answer["groups"][0]["keep"] == f"{bucket.url}/a.png"
    assert (workplace / "disk/a_very_long_name.png").exists()


def test_two_objects_are_compared_with_the_evidence_on_a_page(index: Command, copies: str) -> None:
    answer = index("verify", f"{copies}/best.png", f"{copies}/forged.jpg", "--html", "page.html", "--json")
    assert answer.json()["verdict"] == "altered"
    assert "data:image/" in Path("page.html").read_text()


def test_decisions_lists_and_labels_are_given_by_url(index: Command, copies: str) -> None:
    built(index, copies)
    pair = (f"{copies}/best.png", f"{copies}/copy.jpg")
    assert index("decide", *pair, "same").code == 0
    assert index("decide", "--export", "decisions.csv").code == 0
    assert index("decide", *pair, "--undo").code == 0
    assert index("decide", "--import", "decisions.csv").code == 0
    assert index("list", "add", "fraud", f"{copies}/forged.jpg").code == 0
    assert index("label", f"{copies}/other.png", "picture").code == 0
    assert index("label", f"{copies}/none.png", "picture").code == 2
    assert index("decide", f"{copies}/none.png", f"{copies}/best.png", "same").code == 2
    screened = index("screen", f"{copies}/forged.jpg", "--json")
    assert "known-fraud" in screened.out


def test_a_night_tells_of_what_came_to_the_bucket(index: Command, copies: str, bucket: Bucket) -> None:
    index("nightly", copies, "-t", "0.6")
    Image.open("made/best.png").resize((400, 300)).save("smaller.png")
    again = bucket.put("shop/smaller.png", Path("smaller.png").read_bytes())
    report = index("nightly", "-t", "0.6", "--json")
    assert report.code == 0
    assert again in report.out
    page_of_it = next(Path(".index").rglob("*.html")).read_text()
    assert "not readable" not in page_of_it


def test_the_page_shows_pictures_and_thumbnails_of_objects_until_they_change(
    index: Command, photos: str, bucket: Bucket, workplace: Path
) -> None:
    from tests.web.conftest import serving

    built(index, photos)
    with serving(workplace / ".index") as client:
        for what in ("picture", "thumbnail"):
            answer = client.get(f"/api/v1/items/1/{what}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        first = client.get("/api/v1/items/1").json()["paths"][0]
        assert first.startswith(photos)
        bucket.put(first.removeprefix(f"{bucket.url}/"), save(workplace / "x.jpg", 999).read_bytes())
        assert client.get("/api/v1/items/1/picture").json()["error"]["code"] == "picture_gone"
        bucket.wire.cut = lambda path: True
        answer = client.get("/api/v1/items/2/picture")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unreachable")


# Of what S3 takes, the server here has no line breaks.
ODD_KEYS = (
    "a/b.jpg",
    "a//b.jpg",
    "a/./b.jpg",
    "a/../b.jpg",
    "/a/b.jpg",
    "../a/b.jpg",
    "a b.jpg",
    "a+b.jpg",
    "a%20b.jpg",
    "caf\u00e9.jpg",
    "cafe\u0301.jpg",
    "\u5199\u771f/\U0001f4f7.jpg",
    "a?versionId=b.jpg",
    "a#b.jpg",
    "a&b=<c>.jpg",
    "~/.ssh.jpg",
    "C:\\a.jpg",
)


def test_keys_are_data_and_never_one_another_nor_a_file(
    index: Command, bucket: Bucket, workplace: Path
) -> None:
    contents = {}
    for seed, key in enumerate(ODD_KEYS):
        contents[key] = save(workplace / "made/one.png", seed).read_bytes()
        bucket.put(key, contents[key])
    local = workplace / "s3:" / bucket.name / "a"
    save(local / "b.jpg", 500)
    seen = [key for key in ODD_KEYS if not key.startswith("~/")]  # below it a hidden name
    assert counts(built(index, bucket.url))[0] == len(seen)
    assert set(files()) == {f"{bucket.url}/{key}" for key in seen}
    for seed, key in enumerate(ODD_KEYS):
        if key in seen:
            save(workplace / "made/one.png", seed)
            (found,) = paths(index("query", "made/one.png", "-k", 1, "-t", 0.999, "--no-parts", "--json"))
            assert found == f"{bucket.url}/{key}"
            asked = index("query", found, "-k", 1, "-t", 0.999, "--no-parts", "--verify", "--json")
            assert paths(asked) == [found]
    assert counts(built(index)) == (len(seen), 0, len(seen), 0, 0, 0, 0)
    built(index, local.parent)
    assert len(files()) == len(seen) + 1
    assert index("remove", f"{bucket.url}/a").out.count(f"{3 + 1} files removed") == 1
    assert index("remove", local).code == 0
    assert len(files()) == len(seen) - 4
    for key in seen:
        assert index("remove", f"{bucket.url}/{key}").code == (2 if key.startswith("a/") else 0)
    assert files() == {}


def test_a_lost_catalogue_of_a_bucket_is_found_again_and_its_vectors_are_made_anew(
    index: Command, photos: str
) -> None:
    built(index, photos)
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute("DELETE FROM catalogues")
    repaired = index("check", "--repair")
    assert f"took {photos} for the catalogue of 24 files" in repaired.out
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute("DELETE FROM embeddings WHERE item_id % 2")
    assert index("check", "--repair").code == 0
    assert counts(built(index)) == (24, 0, 24, 0, 0, 0, 0)
    assert index("check").code == 0
