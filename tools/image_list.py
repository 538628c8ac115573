"""The images of this study's datasets in their order, for activations that are computed elsewhere.

Writes for each dataset `<dataset>.csv`: a row per image, with the SHA-256 of its file, its name in
the dataset and its class index; and `classes.txt`, the names of the classes by their index. Without
names, all datasets that have been fetched are listed but `imagenet_train`, of which 148 GB would be
read. `write_activations_folder` takes the lists.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.listed_images import listed_images
from interpreting_clip.encoders.activations_folder import DATASETS
from interpreting_clip.errors import InputError, close_names
from interpreting_clip.formats.image_lists import order_digest, write_image_list
from interpreting_clip.formats.json import write_whole

FETCHED, OWN = Path("data/datasets"), Path("data/shifts")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help="default: all test sets")
    parser.add_argument("--to", type=Path, default=Path("lists"), help="default: %(default)s")


def main(datasets: Sequence[str] = (), *, to: Path = Path("lists")) -> None:
    """Write the lists, and print the number and the digest of each one's images."""
    shifts = Params().read("shifts", dict[str, Any])
    known = {name: FETCHED / name for name in DATASETS} | {name: OWN / name for name in shifts}
    here = [name for name, folder in known.items() if (folder / "card.json").exists()]
    names = datasets or [name for name in here if name != "imagenet_train"]
    if not names:
        raise InputError(f"{FETCHED}: no dataset has been fetched; run `dvc repro fetch`")
    if strange := [name for name in names if name not in here]:
        stage = "fetch_shift" if strange[0] in shifts else "fetch"
        raise InputError(
            f"{strange[0]}: not fetched or absent; run `dvc repro {stage}@{strange[0]}` first; "
            f"{close_names(strange[0], here)}"
        )
    for name in names:
        images = listed_images(known[name])
        file = to / f"{name}.csv"
        write_image_list(file, images)
        digest = order_digest(image.sha256 for image in images)
        border = read_card(known[name]).border
        crop = f", crop {border} pixels from each side of an image" if border else ""
        sys.stdout.write(f"{file}: {len(images):,} images, order {digest}{crop}\n")
        sys.stdout.flush()
    if (FETCHED / TEST_SETS[0] / "card.json").exists():
        classes = "".join(f"{name}\n" for name in read_card(FETCHED / TEST_SETS[0]).classes)
        write_whole(to / "classes.txt", classes.encode())
