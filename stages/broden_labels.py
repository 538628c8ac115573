"""Stage `broden_labels`: which probe image holds which concept."""

import numpy as np

from interpreting_clip.datasets.broden.labels import Settings, can_be_probed, concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.card import is_absent, write_absent
from interpreting_clip.formats.arrays import write_tensors
from interpreting_clip.formats.json import write_json
from runner.listed_params import ListedParams
from runner.outputs import Inputs, Outputs


def main(params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the pairs of image and concept number, and the names of the concepts.

    Pairs are sorted by concept, then image. Concepts that no image shows, or that all show, cannot
    be probed; `left_out.json` lists them.
    """
    dataset, out = inputs["data/datasets/broden"], outputs["data/broden_labels"]
    if is_absent(dataset):
        write_absent(dataset.name, out)
        return
    settings = params.read("presence", Settings)
    with open_broden(dataset) as broden:
        shown = concept_presence(broden, settings.pixels)
    kept = can_be_probed(shown)
    concepts = list(zip(broden.concepts, kept.tolist(), strict=True))
    left_out = [concept._asdict() for concept, keep in concepts if not keep]
    numbers = np.array([concept.number for concept in broden.concepts])
    column, image = np.nonzero(shown.T & kept[:, None])
    write_tensors(out / "labels.safetensors", {"image": image, "concept": numbers[column]})
    write_json(out / "concepts.json", [concept._asdict() for concept, keep in concepts if keep])
    if left_out:
        write_json(out / "left_out.json", left_out)
