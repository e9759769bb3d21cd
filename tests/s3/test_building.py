"""A catalogue on an object store is built, asked and followed as one on disk is."""

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

from indexer import Index
from indexer.decoding.limits import Limits
from indexer.errors import REJECTED
from indexer.object_store import Listed, object_store
from tests.conftest import Command
from tests.pictures import save
from tests.s3.bucket import Bucket

COUNTS = ("found", "indexed", "unchanged", "moved", "removed")


def built(index: Command, *arguments: object) -> dict[str, Any]:
    answer = index("build", *arguments, "--json")
    assert answer.code in {0, REJECTED}, answer.err
    return answer.json()  # type: ignore[no-any-return]


def counts(report: dict[str, Any]) -> tuple[object, ...]:
    return (*(report[name] for name in COUNTS), len(report["rejected"]), report["encoded"])


def files(statement: str = "SELECT path, label FROM files") -> dict[str, Any]:
    with sqlite3.connect(".index/catalog.db") as connection:
        return {os.fsdecode(path): value for path, value in connection.execute(statement)}


def vectors(store: Path) -> dict[tuple[bytes, str], bytes]:
    statement = "SELECT sha256, space, vector FROM embeddings JOIN items ON items.id = item_id"
    with sqlite3.connect(store / "catalog.db") as connection:
        return {(sha256, space): vector for sha256, space, vector in connection.execute(statement)}


def paths(answer: Any) -> list[str]:
    return [result["path"] for result in answer.json()["queries"][0]["results"]]


def test_a_bucket_gives_the_labels_and_the_vectors_that_its_files_would_to_the_byte(
    index: Command, photos: str, catalogue: Path
) -> None:
    assert counts(built(index, photos)) == (24, 24, 0, 0, 0, 0, 24)
    labels = files()
    built(index, catalogue, "--store", "local")
    assert vectors(Path(".index")) == vectors(Path("local"))
    on_disk = {path.relative_to(catalogue).as_posix(): path.parent.name for path in catalogue.rglob("*.jpg")}
    assert labels == {f"{photos}/{name}": label for name, label in on_disk.items()}


def test_workers_of_an_executor_get_bytes_and_make_the_same_vectors(index: Command, photos: str) -> None:
    built(index, photos)
    spread = built(index, photos, "--executor", "threads:2", "--store", "spread")
    assert counts(spread) == (24, 24, 0, 0, 0, 0, 24)
    assert vectors(Path(".index")) == vectors(Path("spread"))
    assert counts(built(index, photos, "--store", "spread")) == (24, 0, 24, 0, 0, 0, 0)


def test_queries_name_urls_and_take_them(index: Command, photos: str, catalogue: Path) -> None:
    built(index, photos)
    asked = index("query", catalogue / "cup/00.jpg", "-k", 1, "--json")
    assert paths(asked) == [f"{photos}/cup/00.jpg"]
    again = index("query", f"{photos}/cup/00.jpg", "-k", 3, "--verify", "--html", "page.html", "--json")
    assert paths(again)[0] == f"{photos}/cup/00.jpg"
    page = Path("page.html").read_text()
    assert "not readable" not in page
    assert page.count("data:image/jpeg") == 4
    gone = index("query", f"{photos}/cup/none.jpg", "--json")
    assert (gone.code, gone.json()["queries"][0]["reason"]) == (REJECTED, "vanished")


def test_a_build_with_nothing_to_do_lists_and_reads_nothing(
    index: Command, photos: str, bucket: Bucket
) -> None:
    built(index, photos)
    assert len(bucket.wire.reads) == 24
    bucket.wire.reads.clear()
    lists = bucket.wire.lists
    assert counts(built(index, photos)) == (24, 0, 24, 0, 0, 0, 0)
    assert counts(built(index)) == (24, 0, 24, 0, 0, 0, 0)
    assert bucket.wire.reads == []
    assert bucket.wire.lists > lists
    assert not Path(".index/unchanged.json").exists()
    assert index("check").code == 0
    assert bucket.wire.reads == []


def test_new_changed_moved_and_removed_objects_each_cost_what_they_must(
    index: Command, photos: str, bucket: Bucket, workplace: Path
) -> None:
    built(index, photos)
    index("label", f"{photos}/bass/01.jpg", "perch")
    bucket.wire.reads.clear()
    bucket.put("photos/cup/new.jpg", save(workplace / "new.jpg", 900).read_bytes())
    bucket.put("photos/cup/00.jpg", save(workplace / "changed.jpg", 901).read_bytes())
    client = bucket.client()
    source = {"Bucket": bucket.name, "Key": "photos/bass/01.jpg"}
    client.copy_object(Bucket=bucket.name, Key="photos/ewer/moved.jpg", CopySource=source)
    bucket.delete("photos/bass/01.jpg")
    bucket.delete("photos/cup/03.jpg")
    assert "2 new, 1 changed, 2 gone" in index("check").out
    bucket.wire.reads.clear()
    assert counts(built(index)) == (24, 2, 21, 1, 1, 0, 2)
    assert len(bucket.wire.reads) == 3
    assert files()[f"{photos}/ewer/moved.jpg"] == "perch"
    assert index("check").code == 0


def test_a_change_within_the_second_is_seen_and_a_read_agrees_with_the_listing(bucket: Bucket) -> None:
    def listed() -> Listed:
        (only,) = object_store().listing(bucket.name, "")
        return only

    for _attempt in range(20):
        url = bucket.put("one", b"first")
        before = listed()
        bucket.put("one", b"other")
        after = listed()
        if before.mtime_ns // 10**9 == after.mtime_ns // 10**9:
            break
    assert (before.key, before.size_bytes) == (after.key, after.size_bytes)
    assert before.mtime_ns // 10**9 == after.mtime_ns // 10**9
    assert before.mtime_ns != after.mtime_ns
    read = object_store().read(url, Limits())
    assert (read.data, read.mtime_ns) == (b"other", after.mtime_ns)


def test_what_folders_leave_out_is_left_out_and_pictures_without_a_suffix_are_told_by_their_beginning(
    index: Command, bucket: Bucket, catalogue: Path
) -> None:
    picture = (catalogue / "cup/00.jpg").read_bytes()
    for key in (
        "p/in.jpg",
        "p/nameless",
        "p/.hidden.jpg",
        "p/.cache/a.jpg",
        "p/@eaDir/a.jpg",
        "p/a_thumb.jpg",
        "p/drafts/deep/a.jpg",
        "p/notes.txt",
        "photos2/a.jpg",
        "pa.jpg",
        "p/folder.jpg/",
    ):
        bucket.put(key, picture)
    bucket.put("p/README", b"no picture at all")
    bucket.put("p/EMPTY", b"")
    exclude = ("--exclude", "*_thumb.jpg", "--exclude", "drafts")
    assert counts(built(index, f"{bucket.url}/p/", *exclude)) == (2, 2, 0, 0, 0, 0, 1)
    assert set(files()) == {f"{bucket.url}/p/in.jpg", f"{bucket.url}/p/nameless"}
    bucket.wire.reads.clear()
    assert counts(built(index)) == (2, 0, 2, 0, 0, 0, 0)
    assert bucket.wire.reads == [f"/{bucket.name}/p/README"]


def test_what_is_removed_stays_out_and_a_catalogue_is_forgotten_as_a_whole(
    index: Command, photos: str, bucket: Bucket
) -> None:
    built(index, photos)
    assert "9 files removed" in index("remove", f"{photos}/cup/", f"{photos}/bass/01.jpg").out
    assert counts(built(index)) == (15, 0, 15, 0, 0, 0, 0)
    index("remove", "--undo", f"{photos}/cup")
    assert counts(built(index)) == (23, 8, 15, 0, 0, 0, 8)
    assert "23 files removed" in index("remove", photos).out
    assert len(bucket.keys()) == 24
    assert files() == {}


def test_a_list_of_labels_names_urls_or_what_lies_below_the_catalogue(
    index: Command, photos: str, workplace: Path
) -> None:
    rows = ["path,label,seller", f"{photos}/cup/00.jpg,mug,ann", "cup/01.jpg,jar,bob"]
    (workplace / "labels.csv").write_text("\n".join(rows))
    report = built(index, photos, "--labels", "labels.csv")
    assert report["unmatched_labels"] == 0
    assert files()[f"{photos}/cup/00.jpg"] == "mug"
    assert files()[f"{photos}/cup/01.jpg"] == "jar"
    found = index("query", f"{photos}/cup/00.jpg", "--where", "seller=bob", "--json")
    assert paths(found) == [f"{photos}/cup/01.jpg"]


def test_python_takes_urls_where_it_takes_paths(photos: str, workplace: Path, tiny_encoder: Path) -> None:
    with Index(workplace, encoder=tiny_encoder, jobs=1) as index:
        assert index.build(photos).indexed == 24
        assert index.query(f"{photos}/cup/00.jpg", k=1)[0].path == f"{photos}/cup/00.jpg"
        assert index.verify(f"{photos}/cup/00.jpg", f"{photos}/cup/00.jpg").verdict == "identical"
        assert index.remove(f"{photos}/cup").removed == 8


def test_reads_are_on_their_way_together(index: Command, photos: str, bucket: Bucket) -> None:
    together, now, lock = [0], [0], threading.Lock()
    meeting = threading.Barrier(4)

    def before(path: str) -> None:
        if path.endswith(".jpg"):
            with lock:
                now[0] += 1
                together[0] = max(together[0], now[0])
            meeting.wait(30)
            with lock:
                now[0] -= 1

    bucket.wire.before = before
    assert counts(built(index, photos)) == (24, 24, 0, 0, 0, 0, 24)
    assert together[0] >= 4
