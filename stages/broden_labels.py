"""Stage `broden_labels`: which probe image holds which concept."""

import numpy as np

from interpreting_clip.datasets.broden.labels import Settings, can_be_probed, concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.tensors import write_tensors
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the pairs of image and concept number, and the concepts with their numbers of images.

    Pairs are sorted by concept, then image. Concepts that no image shows, or that all show, cannot
    be probed and are left out.
    """
    dataset, out = inputs["data/datasets/broden"], outputs["data/broden_labels"]
    settings = params.read("presence", Settings)
    with open_broden(dataset) as broden:
        shown = concept_presence(broden, settings.pixels)
    kept = can_be_probed(shown)
    if not kept.any():
        raise InputError(
            f"broden: none of {len(kept)} concepts is on some of the {len(shown)} images and not "
            "on all; lower `presence.pixels`, or take more images"
        )
    concepts = zip(broden.concepts, shown.sum(axis=0).tolist(), kept.tolist(), strict=True)
    listed = [{**concept._asdict(), "images": count} for concept, count, keep in concepts if keep]
    numbers = np.array([concept.number for concept in broden.concepts])
    column, image = np.nonzero(shown.T & kept[:, None])
    write_tensors(out / "labels.safetensors", {"image": image, "concept": numbers[column]})
    write_json(out / "concepts.json", listed)
