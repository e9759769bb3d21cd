"""What the built-in encoder's trunk is worth by itself, on the tasks of `builtin_quality.py`: what `object` must not lose.

    .venv-training/bin/python scripts/bench/trunk_quality.py --data DIR

ImageNet's trunk before rounding, its last feature maps averaged and normalised. Needs the extra ``train``.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from builtin_quality import embed, tasks

from indexer.encoders import BUILTIN, builtin_trunk, read_encoder
from retrieval.similarity import normalise
from retrieval.training.backbones import make_backbone


class Trunk:
    """An encoder of one space, ``trunk``."""

    def __init__(self) -> None:
        self.spec = read_encoder(BUILTIN).spec
        self._backbone = make_backbone(BUILTIN, builtin_weights=builtin_trunk())
        self._backbone.module.eval()

    def encode(self, images: np.ndarray) -> dict[str, np.ndarray]:
        mean, std = (
            torch.tensor(values)[:, None, None] for values in (self._backbone.mean, self._backbone.std)
        )
        with torch.no_grad():
            maps = self._backbone.module((torch.from_numpy(images).permute(0, 3, 1, 2).float() - mean) / std)
        return {"trunk": normalise(maps.mean((2, 3)).numpy())}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    trunk = Trunk()
    for task in tasks(parser.parse_args().data):
        scores = task.score(embed(trunk, task.photos)["trunk"])
        print(f"{task.name:10} trunk", *(f"{name} {value:.3f}" for name, value in scores.items()), flush=True)


if __name__ == "__main__":
    main()
