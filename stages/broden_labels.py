"""Stage `broden_labels`: which probe image holds which concept."""

import numpy as np

from interpreting_clip.datasets.broden.labels import Settings, can_be_probed, concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.tensors import write_tensors
from interpreting_clip.quantities import Count
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the pairs of image and concept number, and the names of the concepts.

    Pairs are sorted by concept, then image. Concepts that no image shows, or that all show, cannot
    be probed, and those on few images are encoded by chance; `left_out.json` lists them, each with
    its number of images.
    """
    dataset, out = inputs["data/datasets/broden"], outputs["data/broden_labels"]
    settings = params.read("presence", Settings)
    minimum = params.read("concepts.minimum_images", Count)
    with open_broden(dataset) as broden:
        shown = concept_presence(broden, settings.pixels)
    images = shown.sum(axis=0)
    kept = can_be_probed(shown) & (images >= minimum)
    if not kept.any():
        raise InputError(
            f"broden: none of {len(kept)} concepts is on {minimum} of the {len(shown)} images and "
            "not on all; lower `concepts.minimum_images` or `presence.pixels`, or take more images"
        )
    concepts = list(zip(broden.concepts, kept.tolist(), strict=True))
    left_out = [
        {**concept._asdict(), "images": count}
        for (concept, keep), count in zip(concepts, images.tolist(), strict=True)
        if not keep
    ]
    numbers = np.array([concept.number for concept in broden.concepts])
    column, image = np.nonzero(shown.T & kept[:, None])
    write_tensors(out / "labels.safetensors", {"image": image, "concept": numbers[column]})
    write_json(out / "concepts.json", [concept._asdict() for concept, keep in concepts if keep])
    if left_out:
        write_json(out / "left_out.json", left_out)
