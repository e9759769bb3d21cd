"""URLs that name a store, and those that do not; servers that do not answer."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexer.errors import EngineUnavailable, UsageRefused
from indexer.vectors.filters import Kind
from indexer.vectors.open import open_vectors
from tests.engines.conftest import needs

ROOT = Path(__file__).parents[2]


def test_a_scheme_that_is_not_known_is_answered_with_those_that_are() -> None:
    with pytest.raises(UsageRefused, match="names no vector store") as refused:
        open_vectors("qdrant://localhost", 4)
    assert all(
        scheme in refused.value.hint for scheme in ("faiss:///", "milvus://", "milvuss://", "milvus+lite:///")
    )


@pytest.mark.parametrize(
    "url",
    [
        "faiss://folder/vectors", "faiss:vectors", "faiss:", "vectors", "", "faiss:///a?b=c", "milvus+lite://file.db",
        "milvus+lite:///file", "milvus://", "milvus:///name", "milvus://host:notaport", "milvus://host:99999",
        "milvus://host/a?b=c",
    ],
)  # fmt: skip
def test_a_url_that_names_nothing_is_refused(url: str) -> None:
    with pytest.raises(UsageRefused):
        open_vectors(url, 4)


def test_a_password_has_no_place_in_a_url() -> None:
    with pytest.raises(UsageRefused, match="must hold no password") as refused:
        open_vectors("milvuss://root:secret@host", 4)
    assert "secret" not in f"{refused.value} {refused.value.hint}"


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    url = (tmp_path / "späce and %").as_uri().replace("file://", "faiss://")
    store = open_vectors(url, 4)
    store.commit(3)
    store.close()
    assert (tmp_path / "späce and %" / "CURRENT").exists()


def test_an_attribute_needs_a_plain_name(tmp_path: Path) -> None:
    with pytest.raises(UsageRefused, match="cannot name an attribute"):
        open_vectors(f"faiss://{tmp_path}", 4, {"id; drop": Kind.INT})


def test_a_server_without_its_library_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(UsageRefused, match="needs pymilvus") as refused:
        open_vectors("milvus://127.0.0.1:1", 4)
    assert refused.value.hint == "pip install 'siamese-index[milvus]'"


def test_opening_a_folder_imports_no_client_of_a_server(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom indexer.vectors.open import open_vectors\n"
        f"open_vectors('faiss://{tmp_path}/v', 4).search([[1, 0, 0, 0]], 1)\n"
        "print(sorted({'pymilvus', 'grpc'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_where_no_server_is_an_error_says_which_was_asked(capfd: pytest.CaptureFixture[str]) -> None:
    needs("milvus")
    for url in ("milvus://127.0.0.1:1/images", "milvus://nowhere.invalid"):
        with pytest.raises(EngineUnavailable, match=url) as failed:
            open_vectors(url, 4, timeout_s=3)
        assert (failed.value.exit_code, "can be reached" in failed.value.hint) == (17, True)
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err


def test_a_server_that_says_nothing_is_waited_for_so_long_and_no_longer() -> None:
    needs("milvus")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(EngineUnavailable):
            open_vectors(f"milvus://127.0.0.1:{silent.getsockname()[1]}", 4, timeout_s=2)
        assert time.monotonic() - started < 10


def test_a_file_of_the_look_alike_is_opened_by_one_process(tmp_path: Path) -> None:
    needs("milvus+lite")
    store = open_vectors(f"milvus+lite://{tmp_path}/v.db", 4)
    script = (
        "from indexer.errors import EngineUnavailable\nfrom indexer.vectors.open import open_vectors\n"
        f"try:\n    open_vectors('milvus+lite://{tmp_path}/v.db', 4)\n"
        "except EngineUnavailable as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "Open local milvus failed" in done.stdout
    store.close()


def test_a_collection_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    needs("milvus+lite")
    from pymilvus import MilvusClient

    client = MilvusClient(uri=str(tmp_path / "v.db"))
    client.create_collection("vectors", dimension=4)
    client.close()
    with pytest.raises(UsageRefused, match="is a collection that is not ours"):
        open_vectors(f"milvus+lite://{tmp_path}/v.db", 4)
