"""`index train` where the extra `train` is not installed, or not all of it."""

import importlib.util
from pathlib import Path

import pytest

from indexer import train as train_module
from tests.conftest import Command


@pytest.mark.parametrize("missing", ["torch", "pytorch_metric_learning", "tensorboard"])
def test_what_is_missing_is_named_with_what_to_install_before_anything_is_read(
    index: Command, catalogue: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(train_module, "read_dataset", lambda *_: pytest.fail("the data set was read"))
    found = importlib.util.find_spec("json")
    monkeypatch.setattr(train_module, "find_spec", lambda name: None if name == missing else found)
    answer = index("train", catalogue, "--out", "out")
    assert (answer.code, answer.out) == (2, "")
    assert f"training needs {missing}" in answer.err
    assert "pip install 'siamese-index[train]'" in answer.err
