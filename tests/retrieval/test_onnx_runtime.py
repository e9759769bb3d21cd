"""ONNX Runtime is used, and nobody is told of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BY_ENCODER = """
from pathlib import Path
from retrieval.encoder import EncoderSpec
from tests.tiny_encoder import write_tiny_encoder
from indexer.encoders import read_encoder
read_encoder(str(write_tiny_encoder(Path("encoder")))).load(1)
"""
BY_PRODUCT = """
import numpy as np
from retrieval.integer_product import integer_product
integer_product(np.ones((2, 4), np.uint8), np.ones((4, 2), np.int8))
"""


@pytest.mark.parametrize("used", [BY_ENCODER, BY_PRODUCT], ids=["encoder", "integer product"])
def test_nothing_is_written_down_to_be_reported(tmp_path: Path, used: str) -> None:
    """What it would send it first keeps in a database in the user's cache folder, from the moment that it is loaded."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    environment |= {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2]), "INDEX_JOBS": "1"}
    subprocess.run([sys.executable, "-c", used], env=environment, cwd=tmp_path, check=True)
    assert list(home.rglob("*")) == []
