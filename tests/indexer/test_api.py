from pathlib import Path

import pytest

import indexer
from indexer import Index, find_duplicates
from indexer.errors import IndexNotFound
from tests.pictures import save


def test_the_public_names_are_complete_and_lead_to_the_api() -> None:
    assert indexer.__all__ == ["Index", "find_duplicates"]
    assert (indexer.Index, indexer.find_duplicates) == (Index, find_duplicates)
    with pytest.raises(AttributeError):
        _ = indexer.nothing


def test_an_index_is_built_queried_checked_and_changed_from_python(catalogue: Path) -> None:
    seen = []
    with Index(catalogue.parent) as index:
        report = index.build(catalogue, progress=lambda done, total: seen.append((done, total)))
        assert report.to_dict()["indexed"] == 24
        assert seen[-1] == (24, 24)
        match = index.query(catalogue / "cup/00.jpg", k=1)[0]
        assert match.to_dict()["verdict"] == "identical"
        assert index.label(match.path, "mug") == [match.path]
        assert index.query(catalogue / "cup/00.jpg", k=1)[0].label == "mug"
        assert index.remove(match.path).removed == 1
        assert index.status().files == 23
        assert index.check() == []
        assert index.repair().found == []
        assert index.dedupe(0.999).to_dict()["groups"] == []


def test_copies_are_moved_and_brought_back_from_python(catalogue: Path) -> None:
    original, copy = catalogue / "cup/00.jpg", catalogue / "cup/copy.jpg"
    copy.write_bytes(original.read_bytes())
    with Index(".") as index:
        index.build(catalogue)
        assert (index.dedupe(0.999).run, copy.exists()) == (None, True)
        report = index.dedupe(0.999, policy="trash", trash="away", prefer=["*/00.jpg"])
        assert (report.run is not None, original.exists(), copy.exists()) == (True, True, False)
        assert [path.name for path in Path("away").rglob("*.jpg")] == ["copy.jpg"]
        assert len(index.undo().restored) == 1
    assert copy.read_bytes() == original.read_bytes()


def test_an_open_index_follows_a_build_by_someone_else(catalogue: Path) -> None:
    with Index(".") as index:
        index.build(catalogue)
        assert index.query(catalogue / "cup/00.jpg", k=100)[-1].rank == 24
        new = save(catalogue / "cup/new.jpg", 808)
        Index(".").build(catalogue)
        assert index.query(new, k=1)[0].score == 1.0


def test_settings_are_given_as_keywords(catalogue: Path) -> None:
    with Index(".", max_pixels=10) as index:
        assert {entry["reason"] for entry in index.build(catalogue).rejected} == {"too-many-pixels"}


def test_an_index_that_is_not_there_says_so(workplace: Path) -> None:
    picture = save(workplace / "q.jpg", 1)
    with pytest.raises(IndexNotFound, match="no index in"):
        Index(workplace).query(picture)


def test_the_index_may_be_named_by_its_folder_or_by_itself(catalogue: Path) -> None:
    Index(catalogue.parent / ".index").build(catalogue)
    assert Index(catalogue.parent).status().files == 24
