"""Train and measure one row of the table of docs/figures.md on real data, beside its baselines.

    python scripts/learn/learn.py ROW --data DIR --out DIR [--seeds 0 1 2]

DIR of --data holds the sets unpacked; what comes out is one JSON document per seed in --out, and a summary. The command
that trained is in it: `index train` over a manifest that is written there, and nothing else.
"""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from protocol import Figures, Row, baseline_embeds, encoder_embed, write_manifest

from indexer.encoders import BUILTIN, read_encoder

ROWS = (
    "omniglot",
    "signatures",
    "grocery",
    "grocery_known",
    "turkish",
    "iranian",
    "coins",
    "faces",
    "digits",
    "caltech",
)


def run(row: Row, data: Path, out: Path, seed: int, *, baselines: bool) -> dict[str, Figures]:
    """Split, train, measure: {encoder or baseline: figures}."""
    folder = out / f"{row.name}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    task = row.split(data, seed)
    manifest, encoder = folder / "train.csv", folder / "encoder"
    write_manifest(manifest, task.train)
    command = [
        sys.executable,
        "-m",
        "indexer",
        "train",
        manifest,
        "--out",
        encoder,
        *row.train,
        "--seed",
        seed,
    ]
    if not (encoder / "model.onnx").exists():
        done = subprocess.run([*map(str, command), "--resume"], check=False, stdout=subprocess.DEVNULL)
        if done.returncode not in {0, 3}:  # 3: finished, some files were left out
            raise SystemExit(done.returncode)
    shape = read_encoder(str(encoder)).spec.preprocess
    figures = {"trained": row.measure(task, encoder_embed(str(encoder)))}
    if baselines:
        figures["builtin"] = row.measure(task, encoder_embed(BUILTIN)) if shape.view == "colour" else {}
        for name, embed in baseline_embeds(shape).items():
            figures[name] = row.measure(task, embed)
    if row.probe is not None:
        figures["probe"] = row.probe(task, shape)
    document = {"row": row.name, "seed": seed, "command": " ".join(map(str, command[1:])), "figures": figures}
    (folder / "figures.json").write_text(json.dumps(document, indent=1) + "\n")
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--no-baselines", action="store_true")
    arguments = parser.parse_args()
    row: Row = importlib.import_module(arguments.row).ROW
    runs = [
        run(row, arguments.data, arguments.out, seed, baselines=not arguments.no_baselines)
        for seed in arguments.seeds
    ]
    for name in runs[0]:
        for figure in runs[0][name]:
            values = [figures[name][figure] for figures in runs]
            spread = f" ± {np.std(values):.4f}" if len(values) > 1 else ""
            print(f"{row.name:<15}{name:<18}{figure:<24}{np.mean(values):.4f}{spread}")
    reached = np.mean([figures["trained"][row.figure] for figures in runs])
    sign = "at most" if row.less else "at least"
    print(f"{row.name}: {row.figure} {reached:.4f}; must be {sign} {row.must}, aim {row.aim}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
