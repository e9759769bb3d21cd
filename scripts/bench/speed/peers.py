"""What others are run as, over a whole folder of pictures: each in an environment of its own, from its command line or Python.

imagededup fetches the weights of its network when it starts. Offline the same network runs with random ones, which cost
the same; it encodes then and does not compare, for by such weights all pictures are alike.
"""

import os
from pathlib import Path

FASTDUP = """
import sys, fastdup
fastdup.create(input_dir=sys.argv[1], work_dir=sys.argv[2]).run(overwrite=True)
"""
IMAGEDEDUP = """
import sys, torch
from imagededup.methods import CNN
from imagededup.utils import CustomModel
from imagededup.utils.models import MobilenetV3
from torchvision import models
network = models.mobilenet_v3_small(weights=None).eval()
model = torch.nn.Sequential(network.features, network.avgpool, torch.nn.Flatten())
encoder = CNN(verbose=False, model_config=CustomModel("random weights", model, MobilenetV3.transform))
encoder.encode_images(image_dir=sys.argv[1], recursive=True, num_enc_workers=int(sys.argv[2]))
"""


def fastdup(python: str, photos: Path, work: Path) -> list[str]:
    """Find what is alike; ``work`` takes what it writes."""
    return [python, "-c", FASTDUP, str(photos), str(work)]


def imagededup(python: str, photos: Path) -> list[str]:
    """Encode with its network, decoding in a process for each core."""
    return [python, "-c", IMAGEDEDUP, str(photos), str(os.cpu_count() or 1)]


def immaculate(command: str, photos: Path) -> list[str]:
    """Find copies by the vectors of SSCD's distilled network."""
    return [command, "--method", "sscd_distilled", "--json", str(photos)]
