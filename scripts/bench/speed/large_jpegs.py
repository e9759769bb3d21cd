"""JPEGs of 12 megapixels, decoded for the encoder at reduced scale, beside in full; and a build of a folder of them.

    python scripts/bench/speed/large_jpegs.py PHOTOS

Sixteen of the photos, put together and enlarged to 4000 x 3000, so that their detail is that of photos. The folder has
each of five such files under many names, with other bytes at its end. Beside the build stands decoding alone, on as many
cores: at reduced scale, which is the floor, and in full, the least that a build costs which does not reduce.
"""

import argparse
import io
import random
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from results import Result, medians_in_turns, record, seconds_of, timed

from indexer.decoding.decode import decode
from indexer.decoding.limits import Limits
from indexer.encoders import BUILTIN, read_encoder

PICTURES, ROUNDS, WIDTH, HEIGHT = 5, 21, 4000, 3000
IN_FOLDER, BUILDS = 600, 3


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


def at_reduced_scale(data: bytes, size: int) -> None:
    image = Image.open(io.BytesIO(data))
    image.draft(None, (size, size))
    image.load()


def in_full(data: bytes, size: int) -> None:
    Image.open(io.BytesIO(data)).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)


def on_all_cores(decode_one: Callable[[bytes, int], None], jpegs: list[bytes], size: int) -> float:
    """Seconds for so many pictures as the folder has."""
    with ProcessPoolExecutor() as pool:
        list(pool.map(decode_one, jpegs, [size] * PICTURES))  # the processes start before they are timed
        many = [jpegs[number % PICTURES] for number in range(IN_FOLDER)]
        return timed(lambda: list(pool.map(decode_one, many, [size] * IN_FOLDER)))


def build_s(catalogue: Path) -> float:
    with tempfile.TemporaryDirectory() as place:
        return seconds_of([sys.executable, "-m", "indexer", "build", catalogue, "-q"], Path(place))


def processor_ms(decode_one: Callable[[bytes, int], object], jpegs: list[bytes], size: int) -> float:
    started = time.process_time()
    for data in jpegs:
        decode_one(data, size)
    return 1000 * (time.process_time() - started) / len(jpegs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    given = parser.parse_args()
    photos = sorted(given.photos.rglob("*.jpg"))
    jpegs = [large_jpeg(photos, seed) for seed in range(PICTURES)]
    shape = read_encoder(BUILTIN).spec.preprocess

    def ours(data: bytes, size: int) -> object:
        return decode(data, size=size, fit=shape.fit, limits=Limits())

    ways = {"ours": ours, "reduced": at_reduced_scale, "full": in_full}
    one = medians_in_turns(
        {name: partial(processor_ms, way, jpegs, shape.size) for name, way in ways.items()}, ROUNDS
    )
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(IN_FOLDER):
            Path(scratch, f"{number}.jpg").write_bytes(jpegs[number % PICTURES] + str(number).encode())
        folder = medians_in_turns(
            {
                "ours": partial(build_s, Path(scratch)),
                "reduced": partial(on_all_cores, at_reduced_scale, jpegs, shape.size),
                "full": partial(on_all_cores, in_full, jpegs, shape.size),
            },
            BUILDS,
        )
    results = []
    for name, taken in (
        ("a JPEG of 12 megapixels", one),
        (
            f"build of {IN_FOLDER} JPEGs of 12 megapixels",
            {way: 1000 * s / IN_FOLDER for way, s in folder.items()},
        ),
    ):
        result = Result(
            name,
            "ms",
            taken["ours"],
            taken["reduced"],
            "decoding at reduced scale",
            peers={"decoding in full": taken["full"]},
            must_of_peer=4,
            aim_of_peer=6,
        )
        results.append(result)
    record(results, "scripts/bench/speed/large_jpegs.py PHOTOS")


if __name__ == "__main__":
    main()
