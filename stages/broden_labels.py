"""Stage `broden_labels`: which probe image holds which concept."""

from pathlib import Path

import numpy as np

from stages.config.measures import PresenceSettings
from stages.config.params import Params
from stages.datasets.broden.labels import probed, read_presence
from stages.datasets.card import is_absent, write_absent
from stages.files.arrays import write_tensors
from stages.files.folders import complete_directory
from stages.files.json import write_json
from stages.runtime.launch import launch

BRODEN, LABELS = Path("data/datasets/broden"), Path("data/broden_labels")


def main() -> None:
    """Write the pairs of image and concept number, and what the concepts are called.

    Concepts that no image shows, or that all show, cannot be probed; `left_out.json` lists them.
    """
    if is_absent(BRODEN):
        write_absent(BRODEN.name, LABELS)
        return
    params = Params()
    settings = params.read("presence", PresenceSettings)
    found = read_presence(BRODEN, settings.pixels)
    presence, left_out = probed(found)
    numbers = np.array([concept.number for concept in presence.concepts])
    pairs = {"image": presence.image, "concept": numbers[presence.concept]}
    with complete_directory(LABELS) as out:
        write_tensors(out / "labels.safetensors", pairs)
        write_json(out / "concepts.json", [c._asdict() for c in presence.concepts])
        if left_out:
            write_json(out / "left_out.json", [c._asdict() for c in left_out])


if __name__ == "__main__":
    launch(main)
