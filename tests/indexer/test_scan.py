import os
from pathlib import Path

import pytest

from indexer.scan import folder_label, scan_folder
from tests.pictures import save


def names(root: Path, **options: object) -> list[str]:
    scan = scan_folder(str(root), **options)  # type: ignore[arg-type]
    return [os.path.relpath(found.path, root) for found in scan.files]


def test_pictures_are_found_by_suffix_at_any_depth_in_a_fixed_order(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.PNG", "a/b/d.webp", "a/a.gif"):
        save(tmp_path / name, 1)
    (tmp_path / "notes.txt").write_text("no picture")
    assert names(tmp_path) == ["b.jpg", "a/a.gif", "a/c.PNG", "a/b/d.webp"]


def test_a_picture_without_a_suffix_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    save(tmp_path / "x.jpg", 1).rename(tmp_path / "IMG_0001")
    (tmp_path / "README").write_text("no picture")
    assert names(tmp_path) == ["IMG_0001"]


def test_hidden_and_trash_and_thumbnail_folders_are_skipped(tmp_path: Path) -> None:
    for folder in (".hidden", "@eaDir", ".Trash-1000", "$RECYCLE.BIN", "lost+found"):
        save(tmp_path / folder / "x.jpg", 1)
    save(tmp_path / ".x.jpg", 1)
    save(tmp_path / "y.jpg", 1)
    assert names(tmp_path) == ["y.jpg"]


def test_exclude_globs_match_names_and_paths_below_the_root(tmp_path: Path) -> None:
    for name in ("a.jpg", "a_thumb.jpg", "private/b.jpg", "shop/raw/c.jpg", "shop/d.jpg"):
        save(tmp_path / name, 1)
    assert names(tmp_path, exclude=["*_thumb.jpg", "private", "shop/raw/*"]) == ["a.jpg", "shop/d.jpg"]


def test_excluded_paths_are_skipped_whole(tmp_path: Path) -> None:
    save(tmp_path / "a/b.jpg", 1)
    save(tmp_path / "c.jpg", 1)
    assert names(tmp_path, excluded_paths=frozenset({str(tmp_path / "a")})) == ["c.jpg"]


def test_links_are_not_followed_and_those_that_leave_are_named(tmp_path: Path) -> None:
    outside = save(tmp_path / "outside/o.jpg", 1)
    root = tmp_path / "root"
    inside = save(root / "i.jpg", 2)
    (root / "to_outside.jpg").symlink_to(outside)
    (root / "to_inside.jpg").symlink_to(inside)
    (root / "broken.jpg").symlink_to(root / "nothing.jpg")
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    (root / "folder").symlink_to(tmp_path / "outside")
    scan = scan_folder(str(root))
    assert [Path(found.path).name for found in scan.files] == ["i.jpg"]
    odd = {Path(entry.path).name: entry.reason for entry in scan.odd}
    assert odd == {"broken.jpg": "link-broken", "loop.jpg": "link-broken", "to_outside.jpg": "link-outside"}


def test_pipes_and_folders_named_like_pictures_are_named_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    save(tmp_path / "folder.jpg/inside.png", 1)
    scan = scan_folder(str(tmp_path))
    assert [Path(found.path).name for found in scan.files] == ["inside.png"]
    assert {Path(entry.path).name: entry.reason for entry in scan.odd} == {
        "pipe.jpg": "not-a-file",
        "folder.jpg": "not-a-file",
    }


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "shut/x.jpg", 1)
    save(tmp_path / "y.jpg", 1)
    listing = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    scan = scan_folder(str(tmp_path))
    assert [Path(found.path).name for found in scan.files] == ["y.jpg"]
    assert scan.unseen_folders == [str(tmp_path / "shut")]
    assert scan.odd[0].reason == "folder-unreadable"


def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    source = save(tmp_path / "x.jpg", 1)
    os.rename(source, os.fsencode(tmp_path) + b"/caf\xe9.jpg")
    found = scan_folder(str(tmp_path)).files[0]
    assert os.fsencode(found.path).endswith(b"caf\xe9.jpg")


def test_a_label_is_the_folder_below_the_catalogue() -> None:
    assert folder_label("/c/cats/1.jpg", "/c") == "cats"
    assert folder_label("/c/greek/alpha/1.jpg", "/c") == "greek/alpha"
    assert folder_label("/c/1.jpg", "/c") is None
    assert folder_label(os.fsdecode(b"/c/caf\xe9/1.jpg"), "/c") == r"caf\xe9"  # a label is text
