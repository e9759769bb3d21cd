"""What a repair makes of an index of which much is gone."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexer import Index
from indexer.check import Finding, Severity
from indexer.errors import IndexNotFound, NewerFormat, StoreDamaged
from indexer.store import Store
from tests.indexer.shop import ALL, PICTURES, changed, faiss_files, found, paths_found, told
from tests.pictures import save

DAMAGE, STALE = Severity.DAMAGE, Severity.STALE


@pytest.mark.parametrize("content", [b"", None])
def test_where_nothing_was_committed_there_is_nothing_to_check(place: Path, content: bytes | None) -> None:
    shutil.rmtree(".index")
    if content is not None:
        Path(".index").mkdir()
        Path(".index/catalog.db").write_bytes(content)
    with pytest.raises(IndexNotFound, match=r"no index in|nothing was committed yet"):
        found()


def test_a_database_of_which_no_generation_is_left_is_built_again(place: Path) -> None:
    """As a repair leaves it that was killed."""
    changed("DELETE FROM faiss_files", "DELETE FROM generations")
    with pytest.raises(IndexNotFound, match="nothing was committed yet"):
        found()
    report = Index(".").repair()
    assert [(one.kind, one.message) for one in report.found] == [
        ("generation-lost", "the catalogues are known, but no generation is there")
    ]
    assert report.left == []
    assert paths_found() == ALL


def test_with_no_generation_and_no_catalogue_there_is_nothing_to_repair(place: Path) -> None:
    changed(*(f"DELETE FROM {table}" for table in ("faiss_files", "generations", "files", "catalogues")))
    with pytest.raises(IndexNotFound, match="nothing was committed yet"):
        Index(".").repair()


def test_an_index_of_a_newer_version_is_not_checked(place: Path) -> None:
    changed("UPDATE generations SET format_version = 99")
    with pytest.raises(NewerFormat, match="has format 99"):
        found()


def test_a_generation_that_cannot_be_read_is_one_finding_and_the_one_before_it_serves(place: Path) -> None:
    save(place / "shop/6.png", 6)
    Index(".").build()
    changed("UPDATE generations SET metric = 'miles' WHERE id = 2")
    assert {kind for severity, kind, _ in told() if severity is DAMAGE} == {"unreadable"}
    report = Index(".").repair()
    assert any(line.startswith("dropped a generation: generation 2 cannot be read") for line in report.done)
    assert told() == []
    assert paths_found() == [*ALL, "shop/6.png"]


def test_a_check_that_found_damage_before_it_could_not_go_on_says_it_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(after: list[Finding]) -> Callable[[Store], Iterator[Finding]]:
        def part(store: Store) -> Iterator[Finding]:
            yield from after
            raise StoreDamaged("cannot be read")

        return part

    damage, stale = Finding(DAMAGE, "kind", "here", "broken"), Finding(STALE, "kind", "here", "old")
    unreadable = Finding(DAMAGE, "unreadable", ".index", "cannot be read")
    for before, after in (([damage], []), ([stale], [unreadable]), ([], [unreadable])):
        monkeypatch.setattr("indexer.check._check_pages", breaks(before))
        assert found() == before + after


def test_files_of_a_catalogue_that_cannot_be_reached_are_dropped_if_their_vectors_are_lost(
    place: Path,
) -> None:
    save(place / "second/0.png", 50)
    save(place / "second/1.png", 51)
    Index(".").build("second")
    shutil.rmtree("second")
    changed(
        "DELETE FROM embeddings WHERE item_id = (SELECT item_id FROM files WHERE CAST(path AS TEXT) LIKE '%second/1.png')"
    )
    report = Index(".").repair()
    assert "dropped 1 files whose vectors are lost and cannot be made again for now" in report.done
    assert report.left == []
    assert paths_found() == ["second/0.png", *ALL]


def test_an_index_whose_only_catalogue_is_away_keeps_its_answers(place: Path) -> None:
    for path in faiss_files():
        path.unlink()
    Path("shop").rename("away")
    report = Index(".").repair()
    assert report.done == ["wrote the FAISS files of generation 2"]
    assert report.left == []
    Path("away").rename("shop")
    assert paths_found() == ALL


def test_an_empty_folder_in_the_place_of_a_catalogue_is_not_taken_for_deleted(place: Path) -> None:
    faiss_files()[0].unlink()
    Path("shop").rename("away")
    Path("shop").mkdir()
    assert Index(".").repair().done == ["wrote the FAISS files of generation 2"]
    assert Index(".").status().files == PICTURES
