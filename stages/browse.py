"""Stage `browse`: pages for browsing an encoder's directions and outlier features."""

import pandas as pd

from interpreting_clip.browser.direction_entries import Browser, Probe, make_browser
from interpreting_clip.browser.direction_pages import browser_files
from interpreting_clip.datasets.broden.labels import read_concepts
from interpreting_clip.datasets.broden.thumbnails import Thumbnails
from interpreting_clip.encoders.encoder_entries import ShownImages
from interpreting_clip.formats.json import write_whole
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.outlier_axes import OutlierAxes
from interpreting_clip.quantities import Name
from interpreting_clip.statistics.concept_labels import ConceptLabels
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s pages: an index, its directions by importance, its outlier features."""
    label = params.read(f"encoders.{key}.label", Name)
    images = params.read("browse.images", ShownImages)
    concepts = inputs.if_present(f"data/concepts/{key}")
    browser = read_browser(key, images, inputs) if concepts else None
    out = outputs[f"plots/directions/{key}"]
    for name, content in browser_files(label, browser):
        write_whole(out / name, content)


def read_browser(key: str, images: int, inputs: Inputs) -> Browser:
    """Read the results of encoder `key`; `images` are shown of each end of a direction."""
    labels, folder = inputs["data/broden_labels"], inputs[f"data/broden_activations/{key}"]
    shown = read_tensors(labels / "labels.safetensors", "image", "concept")
    found = read_result(inputs[f"data/concepts/{key}"] / "concepts.json", Concepts)
    probe = Probe(
        found=found,
        concepts=pd.DataFrame(read_concepts(labels, found.minimum_images)),
        labels=ConceptLabels(shown["image"], shown["concept"]),
        thumbnails=Thumbnails.read(inputs["data/thumbnails"]),
        activations=read_tensors(folder / "activations.safetensors", "activations")["activations"],
        shown=images,
    )
    return make_browser(
        read_result(inputs[f"data/directions/{key}"] / "directions.json", PrivilegedDirections),
        read_result(inputs[f"data/kurtosis/{key}"] / "outlier_axes.json", OutlierAxes).axes,
        probe,
    )
