"""What the built-in encoder loses by computing in 8 bits: its graph beside itself with activations in floats.

    python scripts/bench/eight_bits.py --set SET

Weights stay as they are rounded; each activation is only cut off where 8 bits end, which is also where the graph's
rectifiers are. SET is what `augly_edits.py` made; µAP is that of one vector a picture and of normalised scores.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import onnx
from copies import CopySet, embedded, normalised
from onnx import helper, numpy_helper

from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Sandbox
from indexer.encoders import BUILTIN, read_encoder
from retrieval.onnx_encoder import OnnxEncoder


def in_floats(graph: bytes) -> bytes:
    """Replace every pair of quantising and dequantising an activation by a cut at both ends of its range."""
    model = onnx.load_from_string(graph)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    quantised = {node.output[0]: node for node in model.graph.node if node.op_type == "QuantizeLinear"}
    nodes = []
    for node in model.graph.node:
        source = quantised.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if source is not None:
            scale, zero = (values[name] for name in source.input[1:3])
            kind = np.iinfo(zero.dtype)
            ends = []
            for end in (kind.min, kind.max):
                ends.append(f"{node.output[0]} {end}")
                value = np.array((end - int(zero)) * float(scale), np.float32)
                model.graph.initializer.append(numpy_helper.from_array(value, ends[-1]))
            nodes.append(helper.make_node("Clip", [source.input[0], *ends], list(node.output)))
        elif node.op_type != "QuantizeLinear":
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model.SerializeToString()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", type=Path, required=True, dest="folder")
    found = CopySet(parser.parse_args().folder)
    files = read_encoder(BUILTIN)
    with Sandbox(limits=Limits(), workers=os.cpu_count() or 1) as sandbox:
        for name, graph in (("8 bits", files.graph), ("floats", in_floats(files.graph))):
            encoder = OnnxEncoder(graph, files.spec, threads=os.cpu_count() or 1)
            references = embedded(encoder, found.references, "copy", sandbox)
            queries = embedded(encoder, found.queries, "copy", sandbox)
            plain = queries.astype(np.float64) @ references.T.astype(np.float64)
            worth = [found.measured(scores)["uap"] for scores in (plain, normalised(plain, references))]
            print(f"{name}: one vector {worth[0]:.4f}, normalised {worth[1]:.4f}", flush=True)


if __name__ == "__main__":
    main()
