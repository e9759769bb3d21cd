"""Objects of S3 or of what speaks like it, by fsspec's s3fs: listed and read, never written. Its only door.

Calls are S3's own, not a file system's: those keep listings, and take keys for paths. Server, credentials and proxies
are what the AWS tools' settings say.
"""

import zlib
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from indexer.decoding.limits import Limits
from indexer.decoding.picture import DecodeFailure
from indexer.decoding.source import require_file_size
from indexer.errors import EngineUnavailable, UsageRefused
from indexer.object_errors import about_a_bucket, about_an_object
from indexer.remote import SCHEME, Address, address_of

AT_ONCE = 16  # reads on their way
_ATTEMPTS = 4  # of a request that was cut off or refused for now; the waits between them double
_BODY_ATTEMPTS = 3  # of a whole object, whose bytes broke off
_CONNECT_S, _SILENCE_S = 5, 30


@dataclass(frozen=True)
class Listed:
    """An object as a listing has it; ``mtime_ns`` as `_mtime_ns` says."""

    key: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class RemoteObject:
    """An object as it was read, of one version."""

    data: bytes
    mtime_ns: int


class ObjectStore:
    """A connection, good for any number of threads.

    Raises, from all that asks for a bucket:
        EngineUnavailable: the server does not answer, or not with what was asked for.
        PermissionRefused: it does not let us.
        UsageRefused: there is no such bucket, or s3fs is not installed.
    """

    def __init__(self) -> None:
        try:
            import s3fs
        except ImportError as error:
            raise UsageRefused(
                f"{SCHEME} needs s3fs, which is not installed", "pip install 'siamese-index[s3]'"
            ) from error
        patience = {
            "connect_timeout": _CONNECT_S,
            "read_timeout": _SILENCE_S,
            "max_pool_connections": 2 * AT_ONCE,
            "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
        }
        self._files = s3fs.S3FileSystem(config_kwargs=patience, skip_instance_cache=True)
        self._files.retries = 1  # botocore does try again
        self._broken_off = s3fs.core.S3_RETRYABLE_ERRORS

    def listing(self, bucket: str, prefix: str) -> Iterator[Listed]:
        """Yield all objects whose keys begin with ``prefix``, in the order of keys. One that is cut off raises."""
        asked: dict[str, Any] = {}
        while True:
            page = self._page(bucket, prefix, **asked)
            for entry in page.get("Contents", ()):
                yield Listed(entry["Key"], entry["Size"], _mtime_ns(entry))
            if not page.get("IsTruncated"):
                return
            following = page.get("NextContinuationToken")
            if not following or following == asked.get("ContinuationToken"):
                raise EngineUnavailable(
                    f"the listing of {SCHEME}{bucket} breaks off: nothing was taken from it",
                    "run the same command again",
                )
            asked = {"ContinuationToken": following}

    def has_any(self, bucket: str, prefix: str) -> bool:
        """Tell whether a bucket has any object whose key begins so."""
        return bool(self._page(bucket, prefix, MaxKeys=1).get("Contents"))

    def _page(self, bucket: str, prefix: str, **asked: Any) -> dict[str, Any]:
        try:
            page = self._files.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, **asked)
        except Exception as error:
            raise about_a_bucket(error, bucket) from error
        return dict(page)

    def read(self, url: str, limits: Limits) -> RemoteObject:
        """Read an object.

        Raises:
            DecodeFailure: it is gone, it may not be read, or it has more bytes than the limit: then none is fetched.
        """
        found = self.begin(url, limits, limits.max_file_bytes).result()
        assert found is not None  # what is larger was refused
        return found

    def begin(self, url: str, limits: Limits, most_bytes: int) -> "Future[RemoteObject | None]":
        """Begin to read an object; the result is None, and nothing is fetched, where it has more than ``most_bytes``.

        The result raises what `read` does.
        """
        return self._soon(self._get(address_of(url), limits, most_bytes))

    def head(self, url: str, count: int) -> "Future[bytes]":
        """Begin to read the first ``count`` bytes of an object; the result is empty where it cannot be read."""
        return self._soon(self._head(address_of(url), count))

    def _soon(self, coroutine: Any) -> "Future[Any]":
        import asyncio

        return asyncio.run_coroutine_threadsafe(coroutine, self._files.loop)

    async def _get(self, address: Address, limits: Limits, most_bytes: int) -> RemoteObject | None:
        try:
            return await self._whole(address, limits, most_bytes)
        except Exception as error:
            raise about_an_object(error, address) from error

    async def _whole(self, address: Address, limits: Limits, most_bytes: int) -> RemoteObject | None:
        left = _BODY_ATTEMPTS
        while True:
            answer = await self._call("get_object", address)
            left -= 1
            try:
                require_file_size(answer["ContentLength"], limits)
                if answer["ContentLength"] > most_bytes:
                    return None
                return RemoteObject(bytes(await answer["Body"].read()), _mtime_ns(answer))
            except self._broken_off:
                if not left:
                    raise
            finally:
                answer["Body"].close()

    async def _head(self, address: Address, count: int) -> bytes:
        try:
            answer = await self._call("get_object", address, Range=f"bytes=0-{count - 1}")
            try:
                return bytes(await answer["Body"].read())
            finally:
                answer["Body"].close()
        except Exception as error:
            named = about_an_object(error, address)
            if isinstance(named, DecodeFailure):
                return b""
            raise named from error

    async def _call(self, method: str, address: Address, **asked: Any) -> Any:
        return await self._files._call_s3(  # noqa: SLF001  (fsspec's own name for what is awaited)
            method, Bucket=address.bucket, Key=address.key, **asked
        )


@cache
def object_store() -> ObjectStore:
    """Return this process's connection, opened when it is first asked for.

    Raises:
        UsageRefused: s3fs is not installed.
    """
    return ObjectStore()


def _mtime_ns(said: dict[str, Any]) -> int:
    """Time of change in ns. S3 knows seconds; what stands for their fractions says which version it was.

    So a change within a second is seen, and a listing and a read, of which some servers give only one fractions of
    seconds, agree.
    """
    changed: datetime = said["LastModified"]
    version = str(said.get("ETag", "")).removeprefix("W/").strip('"')
    return int(changed.timestamp()) * 10**9 + zlib.crc32(version.encode()) % 10**9
