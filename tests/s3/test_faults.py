"""Whatever fails between here and a bucket: nothing leaves the index that is not gone, and the next build goes on."""

import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from indexer.errors import USAGE, EngineUnavailable, PermissionRefused
from indexer.object_store import object_store
from tests.conftest import Answer, Command
from tests.pictures import picture, save
from tests.s3.bucket import CREDENTIALS, Bucket
from tests.s3.server import PAGE
from tests.s3.test_building import built, counts, files

UNREACHABLE, REFUSED = EngineUnavailable.exit_code, PermissionRefused.exit_code


def refused(answer: Answer, code: int, words: str) -> None:
    assert answer.code == code, answer.err
    assert re.search(words, answer.err), answer.err
    assert "Traceback" not in answer.err
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in answer.err


@contextmanager
def elsewhere(monkeypatch: pytest.MonkeyPatch, url: str) -> Iterator[None]:
    """Have the environment name another server."""
    with monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", url)
        object_store.cache_clear()
        yield
    object_store.cache_clear()


@pytest.fixture
def nobody() -> str:
    """The URL of a port at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://someone:pass-word@127.0.0.1:{free.getsockname()[1]}"


def test_a_server_that_does_not_answer_takes_nothing_from_the_index(
    index: Command, photos: str, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(index, photos)
    with elsewhere(monkeypatch, nobody):
        for arguments in (["build"], ["build", photos]):
            answer = index(*arguments)
            refused(answer, UNREACHABLE, "does not answer")
            assert "pass-word" not in answer.err
        found = index("check").out
        assert "catalogue-unreachable" in found
        assert "damage" not in found
    assert len(files()) == 24
    assert counts(built(index)) == (24, 0, 24, 0, 0, 0, 0)


def test_a_bucket_or_a_folder_that_is_not_there_is_refused_and_not_remembered(
    index: Command, photos: str, bucket: Bucket
) -> None:
    refused(index("build", "s3://no-such-bucket"), USAGE, "there is no bucket s3://no-such-bucket")
    refused(index("build", f"{bucket.url}/phot"), USAGE, "does not exist")
    refused(index("build"), USAGE, "which folder")
    built(index, photos)
    refused(index("build", f"{bucket.url}/phot"), USAGE, "does not exist")
    assert counts(built(index)) == (24, 0, 24, 0, 0, 0, 0)


def test_a_bucket_that_was_emptied_or_deleted_takes_nothing_from_the_index(
    index: Command, photos: str, bucket: Bucket
) -> None:
    built(index, photos)
    for key in sorted(bucket.keys()):
        bucket.delete(key)
    refused(index("build"), USAGE, "the index holds 24 files of it: is this its server")
    bucket.client().delete_bucket(Bucket=bucket.name)
    refused(index("build"), USAGE, "there is no bucket")
    assert "catalogue-gone" in index("check").out
    assert len(files()) == 24


@contextmanager
def guarded(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, policy: str) -> Iterator[None]:
    """Have the server look at who asks: somebody whom that policy lets do what it says."""
    iam = bucket.client("iam")
    user = f"user-of-{bucket.name}"
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="some", PolicyDocument=policy)
    key = iam.create_access_key(UserName=user)["AccessKey"]

    def ask_who(count: str) -> None:
        request = urllib.request.Request(
            f"{bucket.server}/moto-api/reset-auth", count.encode(), {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request, timeout=10).close()

    with monkeypatch.context() as patched:
        patched.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        patched.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        object_store.cache_clear()
        ask_who("0")
        try:
            yield
        finally:
            ask_who("inf")
    object_store.cache_clear()


ALLOWED = '{"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}'


def policy(*statements: str) -> str:
    return f'{{"Version": "2012-10-17", "Statement": [{", ".join(statements)}]}}'


def test_who_is_not_let_in_is_told_so_and_nothing_leaves_the_index(
    index: Command, photos: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(index, photos)
    nothing = policy('{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}')
    with guarded(bucket, monkeypatch, nothing):
        refused(index("build"), REFUSED, "may not be read: AccessDenied")
        refused(index("build", photos), REFUSED, "may not be read: AccessDenied")
    assert len(files()) == 24


def test_an_object_that_may_not_be_read_is_rejected_and_the_others_are_not(
    index: Command, photos: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = f'"arn:aws:s3:::{bucket.name}/photos/cup/00.jpg"'
    statement = f'{{"Effect": "Deny", "Action": "s3:GetObject", "Resource": {denied}}}'
    with guarded(bucket, monkeypatch, policy(ALLOWED, statement)):
        report = built(index, photos)
    assert [(entry["path"], entry["reason"]) for entry in report["rejected"]] == [
        (f"{photos}/cup/00.jpg", "permission-denied")
    ]
    assert counts(built(index)) == (24, 1, 23, 0, 0, 0, 1)


def test_without_credentials_it_says_where_they_are_looked_for(
    photos: str, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(workplace))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    done = subprocess.run(
        [sys.executable, "-m", "indexer", "build", photos], capture_output=True, text=True, check=False
    )
    assert done.returncode == REFUSED
    assert "AWS_ACCESS_KEY_ID" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_listing_that_is_cut_off_midway_is_not_taken_for_a_whole_one(
    index: Command, photos: str, bucket: Bucket
) -> None:
    built(index, photos)
    assert PAGE < 24
    bucket.wire.cut = lambda path: "continuation-token" in path
    refused(index("build"), UNREACHABLE, "does not answer as it should")
    assert len(files()) == 24
    bucket.wire.cut = lambda path: False
    assert counts(built(index)) == (24, 0, 24, 0, 0, 0, 0)


def test_a_server_that_goes_midway_through_the_reading_loses_nothing_and_the_next_build_goes_on(
    index: Command, bucket: Bucket, workplace: Path
) -> None:
    for seed in range(100):
        bucket.put(f"many/{seed:03}.png", save(workplace / "one.png", seed).read_bytes())
    bucket.wire.cut = lambda path: len(bucket.wire.reads) > 90
    refused(index("build", f"{bucket.url}/many"), UNREACHABLE, "does not answer as it should")
    bucket.wire.cut = lambda path: False
    assert counts(built(index)) == (100, 100, 0, 0, 0, 0, 100 - 64)  # a batch was written down
    bucket.put("many/new.png", save(workplace / "one.png", 100).read_bytes())
    bucket.put("many/000.png", save(workplace / "one.png", 101).read_bytes())
    bucket.wire.cut = lambda path: path.endswith(".png")
    refused(index("build"), UNREACHABLE, "does not answer as it should")
    assert len(files()) == 100
    bucket.wire.cut = lambda path: False
    assert counts(built(index)) == (101, 2, 99, 0, 0, 0, 2)


def test_bytes_that_break_off_once_are_asked_for_again(index: Command, photos: str, bucket: Bucket) -> None:
    bucket.wire.cut = lambda path: bucket.wire.reads.count(path) == 1
    assert counts(built(index, photos)) == (24, 24, 0, 0, 0, 0, 24)


def test_an_object_that_goes_between_the_listing_and_the_reading_is_gone_and_no_rejection(
    index: Command, photos: str, bucket: Bucket
) -> None:
    built(index, photos)
    for name in ("00", "01"):
        bucket.put(f"photos/cup/{name}.jpg", b"to be read again")

    def before(path: str) -> None:
        if path.endswith("cup/00.jpg"):
            bucket.delete("photos/cup/00.jpg")

    bucket.wire.before = before
    report = built(index)
    assert [entry["path"] for entry in report["rejected"]] == [f"{photos}/cup/01.jpg"]
    assert report["removed"] == 1
    assert len(files()) == 22


def test_an_object_above_the_limit_is_refused_without_its_bytes(
    index: Command, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, workplace: Path
) -> None:
    large = workplace / "large.bmp"
    picture(1, (2000, 1000)).save(large)
    bucket.put("large.bmp", large.read_bytes())
    small = bucket.put("small.png", save(workplace / "small.png", 2).read_bytes())
    monkeypatch.setenv("INDEX_MAX_FILE_BYTES", "1000000")
    report = built(index, bucket.url)
    assert [entry["reason"] for entry in report["rejected"]] == ["too-large"]
    assert set(files()) == {small}
    assert bucket.wire.sent_bytes < large.stat().st_size
    monkeypatch.delenv("INDEX_MAX_FILE_BYTES")
    assert counts(built(index)) == (2, 1, 1, 0, 0, 0, 1)


def test_what_is_larger_than_is_read_ahead_is_read_in_its_turn(
    index: Command, bucket: Bucket, workplace: Path
) -> None:
    picture(1, (2600, 2200)).save(workplace / "large.bmp")
    content = (workplace / "large.bmp").read_bytes()
    assert len(content) > 16 << 20
    bucket.put("large.bmp", content)
    assert counts(built(index, bucket.url)) == (1, 1, 0, 0, 0, 0, 1)


def test_broken_and_empty_objects_are_named_once_and_not_read_again(index: Command, bucket: Bucket) -> None:
    bucket.put("broken.jpg", b"\xff\xd8\xff\xe0 no picture")
    bucket.put("empty.jpg", b"")
    report = built(index, bucket.url)
    assert sorted(entry["reason"] for entry in report["rejected"]) == ["empty", "truncated"]
    bucket.wire.reads.clear()
    assert len(built(index)["rejected"]) == 2
    assert bucket.wire.reads == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://key:hidden-word@bucket/folder", "begin with a bucket's name"),
        ("s3://hidden-word@bucket", "begin with a bucket's name"),
        ("s3://", "begin with a bucket's name"),
        ("s3:///folder", "begin with a bucket's name"),
        ("s3://bucket/folder?token=hidden-word", "has a query"),
        ("s3://bucket/folder//", "two slashes"),
        ("S3://bucket/folder", "S3:// cannot be read"),
        ("gs://bucket/folder", "gs:// cannot be read"),
        ("https://key:hidden-word@host/folder", "https:// cannot be read"),
    ],
)
def test_urls_that_name_more_or_less_than_a_place_are_refused(
    index: Command, bucket: Bucket, url: str, words: str
) -> None:
    answer = index("build", url)
    refused(answer, USAGE, words)
    assert "hidden-word" not in answer.err
    assert bucket.wire.lists == 0


def test_without_the_library_it_says_how_to_get_it(workplace: Path) -> None:
    script = (
        "import sys; sys.modules['s3fs'] = None\nfrom indexer.cli import run\nsys.exit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "build", "s3://bucket"], capture_output=True, text=True, check=False
    )
    assert done.returncode == USAGE
    assert "pip install 'siamese-index[s3]'" in done.stderr
