"""Stage `browse`: pages for browsing an encoder's directions and outlier features."""

from interpreting_clip.datasets.broden.labels import read_concepts
from interpreting_clip.datasets.broden.thumbnails import Thumbnails
from interpreting_clip.encoders.encoder_entries import ShownImages
from interpreting_clip.formats.json import write_whole
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.measures.outlier_axes import OutlierAxes
from interpreting_clip.measures.pruning import PruningCurves
from interpreting_clip.quantities import Name, Share
from interpreting_clip.statistics.concept_labels import ConceptLabels
from page.direction_entries import (
    ProbeResults,
    direction_entries,
    feature_entries,
)
from page.direction_pages import Browser, browser_files
from page.extreme_images import direction_extremes
from page.names import set_names
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s pages: an index, its directions by importance, its outlier features."""
    label = params.read(f"encoders.{key}.label", Name)
    drawn = params.read("datasets.imagenet_val.source", str) == "world"
    threshold = params.read("concepts.threshold", Share)
    kind = params.read("datasets.broden.kind", str)
    privileged, extreme = inputs[f"data/directions/{key}"], inputs[f"data/kurtosis/{key}"]
    concepts = inputs.if_present(f"data/concepts/{key}")
    directions = read_result(privileged / "directions.json", PrivilegedDirections)
    images = params.read("browse.images", ShownImages)
    probe = read_probe(key, directions, images, inputs) if concepts else None
    pruning = read_result(inputs[f"data/pruning/{key}"] / "pruning.json", dict[str, PruningCurves])
    outliers = read_result(extreme / "kurtosis.json", Kurtosis, arrays=False).outliers
    axes = read_result(extreme / "outlier_axes.json", OutlierAxes)
    browser = Browser(
        label=label,
        imagenet=set_names(["imagenet"] if drawn else [])["imagenet"],
        centred=directions.centre == "classes",
        threshold=threshold,
        directions=direction_entries(directions, pruning["imagenet"], axes, probe),
        features=feature_entries(outliers, axes, probe),
        outliers=outliers.outlier_features,
        concepts=probe.found_concepts() if probe else [],
        concept_set="COCO" if kind == "coco" else "Broden",
        probe=probe,
    )
    out = outputs[f"plots/directions/{key}"]
    for name, content in browser_files(browser):
        write_whole(out / name, content)


def read_probe(
    key: str, directions: PrivilegedDirections, images: int, inputs: Inputs
) -> ProbeResults:
    """Read the results of stage `broden` for encoder `key`, and what the probe images show.

    `images` are shown of each end of a direction or feature.
    """
    labels, folder = inputs["data/broden_labels"], inputs[f"data/broden_activations/{key}"]
    shown = read_tensors(labels / "labels.safetensors", "image", "concept")
    activations = read_tensors(folder / "activations.safetensors", "activations")["activations"]
    found = read_result(inputs[f"data/concepts/{key}"] / "concepts.json", Concepts)
    return ProbeResults(
        found=found,
        concepts=read_concepts(labels, found.minimum_images),
        labels=ConceptLabels(shown["image"], shown["concept"]),
        thumbnails=Thumbnails.read(inputs["data/thumbnails"]),
        ends={
            "directions": direction_extremes(activations, directions.vectors, images),
            "features": direction_extremes(activations, None, images),
        },
    )
