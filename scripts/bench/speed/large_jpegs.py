"""JPEGs of 12 megapixels, decoded for the encoder at reduced scale, beside in full.

    python scripts/bench/speed/large_jpegs.py PHOTOS

Sixteen of the photos, put together and enlarged to 4000 x 3000, so that their detail is that of photos.
"""

import argparse
import io
import random
import time
from pathlib import Path

import numpy as np
from PIL import Image
from results import Result, medians_in_turns, record

from indexer.decoding.decode import decode
from indexer.decoding.limits import Limits
from indexer.encoders import BUILTIN, read_encoder

PICTURES, ROUNDS, WIDTH, HEIGHT = 5, 7, 4000, 3000


def large_jpeg(photos: list[Path], seed: int) -> bytes:
    sheet = Image.new("RGB", (WIDTH, HEIGHT))
    for place, path in enumerate(random.Random(seed).sample(photos, 16)):
        with Image.open(path) as photo:
            tile = photo.convert("RGB").resize((WIDTH // 4, HEIGHT // 4), Image.Resampling.BICUBIC)
        sheet.paste(tile, (place % 4 * WIDTH // 4, place // 4 * HEIGHT // 4))
    # The grain of a camera, without which an enlarged photo is quicker to decode than one that was taken.
    grain = np.random.default_rng(seed).normal(0, 4, (HEIGHT, WIDTH, 1))
    buffer = io.BytesIO()
    Image.fromarray((np.asarray(sheet) + grain).clip(0, 255).astype(np.uint8)).save(
        buffer, "JPEG", quality=90
    )
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    given = parser.parse_args()
    photos = sorted(given.photos.rglob("*.jpg"))
    jpegs = [large_jpeg(photos, seed) for seed in range(PICTURES)]
    shape = read_encoder(BUILTIN).spec.preprocess

    def reduced() -> float:
        started = time.process_time()
        for data in jpegs:
            decode(data, size=shape.size, fit=shape.fit, limits=Limits())
        return (time.process_time() - started) / PICTURES

    def full() -> float:
        started = time.process_time()
        for data in jpegs:
            image = Image.open(io.BytesIO(data)).convert("RGB")
            image.resize((shape.size, shape.size), Image.Resampling.BICUBIC)
        return (time.process_time() - started) / PICTURES

    taken = medians_in_turns({"reduced": reduced, "full": full}, ROUNDS)
    record(
        [
            Result(
                "a JPEG of 12 megapixels",
                "ms",
                1000 * taken["reduced"],
                peers={"decoded in full": 1000 * taken["full"]},
                must_of_peer=4,
                aim_of_peer=6,
            )
        ],
        "scripts/bench/speed/large_jpegs.py PHOTOS",
    )


if __name__ == "__main__":
    main()
