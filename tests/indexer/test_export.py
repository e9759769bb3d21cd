import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from tests.pictures import save
from tests.tiny_encoder import DIM


@pytest.fixture
def built(index: Command, catalogue: Path) -> Path:
    assert index("build", catalogue).code == 0
    return catalogue


def test_npz_holds_every_file_with_its_vector_and_no_pickle(index: Command, built: Path) -> None:
    assert index("export", "v.npz", "--json").json() == {"file": "v.npz", "rows": 24}
    with np.load("v.npz", allow_pickle=False) as data:
        assert data["vectors"].shape == (24, DIM)
        assert np.allclose(np.linalg.norm(data["vectors"], axis=1), 1, atol=1e-5)
        paths, labels = data["path"].tolist(), data["label"].tolist()
        assert paths == sorted(paths)
        assert labels[paths.index("catalogue/cup/03.jpg")] == "cup"
        content = (built / "cup/03.jpg").read_bytes()
        assert (
            data["sha256"].tolist()[paths.index("catalogue/cup/03.jpg")]
            == hashlib.sha256(content).hexdigest()
        )


def test_csv_and_parquet_hold_the_same_vectors_as_npz(index: Command, built: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("v.npz", "v.csv", "v.parquet"):
        assert index("export", name, "--space", "copy").code == 0
    vectors = np.load("v.npz")["vectors"]
    with Path("v.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert np.allclose(np.array([row[4:] for row in rows], np.float32), vectors, atol=1e-7)
    table = parquet.read_table("v.parquet")
    assert np.array_equal(np.stack(table["vector"].to_pylist()).astype(np.float32), vectors)


def test_a_name_that_a_spreadsheet_would_run_is_made_inert(index: Command, workplace: Path) -> None:
    save(workplace / "c/x.jpg", 1)
    index("build", "c")
    index("label", "c/x.jpg", "=HYPERLINK(1)")
    index("export", "v.csv")
    assert "'=HYPERLINK(1)" in Path("v.csv").read_text()


def test_another_suffix_is_refused(index: Command, built: Path) -> None:
    answer = index("export", "v.pkl")
    assert (answer.code, ".npz" in answer.err) == (2, True)
    assert not Path("v.pkl").exists()
