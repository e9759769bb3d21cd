"""What lies on an object store is called by its URL, and no rule for paths on disk is applied to it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import UsageRefused
from indexer.remote import absolute, address_of, common_folder, holds, is_remote, path_below, place_of, url_of
from indexer.scan import folder_label
from indexer.store import Store

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(KEYS)
def test_any_key_comes_back_as_it_was(key: str) -> None:
    url = url_of("bucket", key)
    assert address_of(url) == ("bucket", key)
    assert absolute(url) == url


@given(KEYS, st.sampled_from(["/store/.index", "/s3:/store", "/"]))
def test_a_store_keeps_urls_as_they_are_wherever_it_lies(key: str, folder: str) -> None:
    store, url = Store(Path(folder)), url_of("bucket", key)
    assert store.stored_path(url) == url
    assert store.absolute_path(url) == store.shown_path(url) == url


@given(KEYS)
def test_no_path_that_a_store_keeps_is_taken_for_a_url(name: str) -> None:
    store = Store(Path("/base/.index"))
    path = os.path.normpath(f"/base/s3://bucket/{name}".replace("\0", "0"))
    assert not is_remote(path)
    assert not is_remote(store.stored_path(path))


def test_a_folder_holds_what_lies_below_it_and_nothing_that_is_only_called_like_it() -> None:
    assert holds("s3://bucket/photos", "s3://bucket/photos/a.jpg")
    assert holds("s3://bucket", "s3://bucket//a.jpg")
    assert not holds("s3://bucket/photos", "s3://bucket/photos2/a.jpg")
    assert not holds("s3://bucket/photos", "s3://bucket/photos")
    assert holds("/", "/a.jpg")
    assert holds("/photos", "/photos/a.jpg")
    assert not holds("/photos", "/photos2/a.jpg")


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("a.jpg", None),
        ("cup/a.jpg", "cup"),
        ("cup/small/a.jpg", "cup/small"),
        ("cup/../a.jpg", "cup/.."),
        ("cup//a.jpg", "cup/"),
        ("./a.jpg", "."),
    ],
)
def test_a_label_is_the_folder_part_of_a_key(key: str, label: str | None) -> None:
    for root in ("s3://bucket", "s3://bucket/photos"):
        assert path_below(f"{root}/{key}", root) == key
        assert folder_label(f"{root}/{key}", root) == label


def test_the_common_folder_of_keys_ends_where_they_differ() -> None:
    assert common_folder(["s3://b/a/cat/1.jpg", "s3://b/a/car/2.jpg"]) == "s3://b/a"
    assert common_folder(["s3://b/1.jpg", "s3://b/a/2.jpg"]) == "s3://b"
    assert common_folder(["s3://b/a//1.jpg"]) == "s3://b/a"
    assert common_folder(["/p/a/cat/1.jpg", "/p/a/car/2.jpg"]) == "/p/a"


def test_what_a_user_names_is_a_url_or_a_path() -> None:
    assert place_of("s3://bucket/photos/") == "s3://bucket/photos"
    assert place_of("s3://bucket/") == "s3://bucket"
    assert place_of("photos/a.jpg") == place_of(Path("photos/a.jpg")) == Path("photos/a.jpg")
    assert place_of("s3:/bucket") == Path("s3:/bucket")
    for wrong in ("gs://bucket", "file:///etc", "s3://", "s3:///key", "s3://a:b@bucket/key"):
        with pytest.raises(UsageRefused):
            place_of(wrong)
