"""A bucket of its own for a test, on the server that all tests share, behind a wire of the test's own."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from indexer.object_store import object_store
from tests.s3.server import Wire, wire_to

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "secret-that-nobody-sees",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass
class Bucket:
    """What is in it is changed past the wire, so that only the program's own requests are counted."""

    name: str
    server: str
    wire: Wire

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def client(self, service: str = "s3") -> Any:
        import boto3

        return boto3.client(service, endpoint_url=self.server)

    def put(self, key: str, content: bytes) -> str:
        """Put an object there; return its URL."""
        self.client().put_object(Bucket=self.name, Key=key, Body=content)
        return f"{self.url}/{key}"

    def put_folder(self, folder: Path, prefix: str) -> None:
        client = self.client()
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            key = f"{prefix}/{path.relative_to(folder)}"
            client.put_object(Bucket=self.name, Key=key, Body=path.read_bytes())

    def delete(self, key: str) -> None:
        self.client().delete_object(Bucket=self.name, Key=key)

    def keys(self) -> set[str]:
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return {entry["Key"] for page in pages for entry in page.get("Contents", ())}


@contextmanager
def bucket_on(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """Make one, and have the environment name the wire as the server."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with wire_to(port) as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL", wire.url)
        object_store.cache_clear()
        bucket = Bucket(f"test-{uuid.uuid4().hex}", f"http://127.0.0.1:{port}", wire)
        bucket.client().create_bucket(Bucket=bucket.name)
        yield bucket
    object_store.cache_clear()
