"""An encoder from elsewhere can take this process's memory and time only after it has shown that it does not."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from indexer import trial
from indexer.encoders import read_encoder
from indexer.errors import UsageRefused
from tests.conftest import Command
from tests.indexer.sandboxes import on_linux
from tests.tiny_encoder import write_tiny_encoder


@pytest.fixture(autouse=True)
def _nothing_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_refusals", {})


def greedy(folder: Path) -> Path:
    """Write an encoder that lays its pictures out 4,096 times, twice, before it looks at them."""
    write_tiny_encoder(folder)
    model = onnx.load(folder / "model.onnx")
    graph = model.graph
    many = numpy_helper.from_array(np.array([1, 1 << 12], np.int64), "many")
    graph.initializer.append(many)
    graph.node.extend(
        [
            helper.make_node("Tile", ["flat", "many"], ["wide_open"]),
            helper.make_node("Mul", ["wide_open", "wide_open"], ["squared"]),
            helper.make_node("Add", ["wide_open", "squared"], ["both"]),
            helper.make_node("ReduceMin", ["both"], ["least"], axes=[1], keepdims=1),
            helper.make_node("Sub", ["least", "least"], ["nothing"]),
        ]
    )
    return _ending_in_a_sum(model, "nothing", folder)


def endless(folder: Path) -> Path:
    """Write an encoder that adds nothing to nothing for longer than anyone waits."""
    write_tiny_encoder(folder)
    model = onnx.load(folder / "model.onnx")
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["goes_on"], ["goes_on_out"]),
            helper.make_node("Add", ["sum", "sum"], ["sum_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("goes_on_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum_out", TensorProto.FLOAT, None),
        ],
    )
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(1 << 62, np.int64), "turns"),
            numpy_helper.from_array(np.array(True), "yes"),
        ]
    )
    model.graph.node.extend(
        [
            helper.make_node("Sub", ["brightest", "brightest"], ["zero"]),
            helper.make_node("Loop", ["turns", "yes", "zero"], ["nothing"], body=body),
        ]
    )
    return _ending_in_a_sum(model, "nothing", folder)


def _ending_in_a_sum(model: onnx.ModelProto, term: str, folder: Path) -> Path:
    """Let what is added decide over the vectors, so that it is not optimised away."""
    for node in model.graph.node:
        if node.output[0] == "object":
            node.output[0] = "object_alone"
    model.graph.node.append(helper.make_node("Add", ["object_alone", term], ["object"]))
    onnx.save(model, folder / "model.onnx")
    return folder


def test_an_encoder_that_wants_all_memory_is_refused_before_anything_is_kept(
    index: Command, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "MEMORY_BYTES", 256 << 20)
    answer = index("build", catalogue, "--encoder", greedy(tmp_path / "greedy"))
    assert answer.code == 2
    assert "bad_alloc" in answer.err or "Failed to allocate memory" in answer.err
    assert "export this one smaller" in answer.err
    assert index("status").code != 0
    assert index("build", catalogue).code == 0


def test_an_encoder_that_does_not_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "CPU_SECONDS", 2)
    with pytest.raises(UsageRefused, match="more than 2 s of processor time"):
        trial.require_bounded(read_encoder(str(endless(tmp_path / "endless"))))


def test_an_encoder_of_a_fixed_batch_beyond_all_bounds_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_encoder(tmp_path / "batch")
    model = onnx.load(folder / "model.onnx")
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1 << 22
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(UsageRefused, match="more than 4096 MiB"):
        trial.require_bounded(read_encoder(str(folder)))


def trials() -> list[int]:
    """The trials of this process that are under way."""
    mine = [
        path.parent for path in Path("/proc").glob("[0-9]*/status") if f"PPid:\t{os.getpid()}\n" in told(path)
    ]
    return [int(folder.name) for folder in mine if "indexer.trial_process" in told(folder / "cmdline")]


def told(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it ended meanwhile
        return ""


@on_linux
def test_an_encoder_whose_process_is_killed_is_refused_with_how_it_ended(tmp_path: Path) -> None:
    """The system does so where memory runs out."""
    encoder = read_encoder(str(endless(tmp_path / "endless")))
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(trial.require_bounded, encoder)
        while not (pids := trials()):
            assert not ended.done()
            time.sleep(0.01)
        os.kill(pids[0], signal.SIGKILL)
        with pytest.raises(UsageRefused, match=r"brings a process of 4096 MiB down \(exit -9\)"):
            ended.result()


def test_one_that_is_bounded_passes_and_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = read_encoder(str(write_tiny_encoder(tmp_path / "tiny", fails_on_black=True)))
    trial.require_bounded(encoder)
    monkeypatch.setattr(trial, "_try", lambda *_: pytest.fail("tried twice"))
    trial.require_bounded(encoder)


def test_one_that_cannot_be_run_says_why(tmp_path: Path) -> None:
    folder = write_tiny_encoder(tmp_path / "broken")
    (folder / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(UsageRefused, match="not an ONNX graph"):
        trial.require_bounded(read_encoder(str(folder)))


def test_one_that_the_index_knows_is_not_tried_again(
    index: Command, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_tiny_encoder(tmp_path / "tiny", seed=3)
    assert index("build", catalogue, "--encoder", folder).code == 0
    monkeypatch.setattr(trial, "_refusals", {})
    monkeypatch.setattr(trial, "_try", lambda *_: "tried again")
    assert index("build", catalogue, "--encoder", folder).code == 0
    assert index("query", catalogue / "bass/00.jpg").code == 0
