"""An ONNX encoder small enough to start in milliseconds: two random projections of 32 x 32 pixels."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, DIM = 32, 24


def write_tiny_encoder(
    folder: Path,
    seed: int = 0,
    metric: str = "cosine",
    *,
    fails_on_black: bool = False,
    view: str = "colour",
    size: int = SIZE,
    dim: int = DIM,
) -> Path:
    """Write model.onnx and spec.json into ``folder``: uint8 NHWC in, spaces `copy` and `object` out.

    With ``fails_on_black`` a black picture's `copy` vector is NaN.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    values = 3 * size * size
    nodes = [
        helper.make_node("Cast", ["images"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["wide", "flat_shape"], ["flat"]),
        helper.make_node("Sub", ["flat", "grey"], ["centred"]),
        helper.make_node("MatMul", ["centred", "copy_weights"], ["copy_raw"]),
        helper.make_node("ReduceMax", ["flat"], ["brightest"], axes=[1], keepdims=1),
        helper.make_node("Div", ["brightest", "brightest" if fails_on_black else "one"], ["sound"]),
        helper.make_node("Mul", ["copy_raw", "sound" if fails_on_black else "one"], ["copy"]),
        helper.make_node("MatMul", ["centred", "object_weights"], ["object"]),
    ]
    constants = {
        "flat_shape": np.array([-1, values], np.int64),
        "grey": np.array(127.5, np.float32),
        "one": np.array(1.0, np.float32),
        "copy_weights": generator.normal(size=(values, dim)).astype(np.float32),
        "object_weights": generator.normal(size=(values, dim)).astype(np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", size, size, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", dim]) for name in ("copy", "object")],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    spaces = [{"name": name, "dim": dim, "metric": metric, "output": name} for name in ("copy", "object")]
    taken = {"size": size, "fit": "stretch", "layout": "NHWC", "dtype": "uint8", "view": view}
    spec = {"format": 1, "name": "tiny", "version": str(seed), "input": taken, "spaces": spaces}
    (folder / "spec.json").write_text(json.dumps(spec | {"default_space": "object"}))
    return folder
