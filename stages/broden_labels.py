"""Stage `broden_labels`: which probe image holds which concept."""

from pathlib import Path

import numpy as np

from interpreting_clip.config.measures import PresenceSettings
from interpreting_clip.config.params import Params
from interpreting_clip.datasets.broden.labels import can_be_probed, concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.card import is_absent, write_absent
from interpreting_clip.formats.arrays import write_tensors
from interpreting_clip.formats.json import write_json
from runner.outputs import new_output, open_outputs

BRODEN, LABELS = Path("data/datasets/broden"), Path("data/broden_labels")


def main() -> None:
    """Write the pairs of image and concept number, and the names of the concepts.

    Pairs are sorted by concept, then image. Concepts that no image shows, or that all show, cannot
    be probed; `left_out.json` lists them.
    """
    inputs = open_outputs(BRODEN)
    if is_absent(BRODEN):
        write_absent(BRODEN.name, LABELS, inputs)
        return
    params = Params()
    settings = params.read("presence", PresenceSettings)
    with open_broden(BRODEN) as broden:
        shown = concept_presence(broden, settings.pixels)
    kept = can_be_probed(shown)
    concepts = list(zip(broden.concepts, kept.tolist(), strict=True))
    left_out = [concept._asdict() for concept, keep in concepts if not keep]
    numbers = np.array([concept.number for concept in broden.concepts])
    column, image = np.nonzero(shown.T & kept[:, None])
    with new_output(LABELS, inputs) as out:
        write_tensors(out / "labels.safetensors", {"image": image, "concept": numbers[column]})
        write_json(out / "concepts.json", [concept._asdict() for concept, keep in concepts if keep])
        if left_out:
            write_json(out / "left_out.json", left_out)
