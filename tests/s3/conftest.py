"""One S3 server for all tests, and for each a bucket."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.s3.bucket import Bucket, bucket_on
from tests.s3.server import s3_server

NEEDS = ("s3fs", "moto", "boto3", "flask")


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    libraries = [library for library in NEEDS if importlib.util.find_spec(library) is None]
    if libraries:
        pytest.skip(f"{' and '.join(libraries)} not installed: run `make test-engines`")
    with s3_server(tmp_path_factory.mktemp("s3")) as port:
        yield port


@pytest.fixture
def bucket(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with bucket_on(port, monkeypatch) as bucket:
        yield bucket


@pytest.fixture
def photos(bucket: Bucket, catalogue: Path) -> str:
    """The URL of the 24 pictures of ``catalogue``, in a folder per class."""
    bucket.put_folder(catalogue, "photos")
    return f"{bucket.url}/photos"
