"""Stage `browse`: pages for browsing an encoder's directions and outlier features."""

from pathlib import Path

import numpy as np

from interpreting_clip.datasets.broden.thumbnails import Thumbnails
from interpreting_clip.datasets.card import is_absent
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.json import read_json, write_whole
from interpreting_clip.quantities import Name, Share
from page.direction_entries import (
    ProbeResults,
    by_importance,
    direction_entries,
    feature_entries,
    other_features,
)
from page.direction_pages import Browser, browser_files
from page.names import set_names
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s pages: an index, its directions by importance, its outlier features."""
    label = params.read(f"encoders.{key}.label", Name)
    drawn = params.read("datasets.imagenet_val.source", str) == "world"
    threshold = params.read("concepts.threshold", Share)
    privileged, outliers = inputs[f"data/directions/{key}"], inputs[f"data/kurtosis/{key}"]
    concepts = inputs[f"data/concepts/{key}"]
    labels, thumbnails = inputs["data/broden_labels"], inputs["data/thumbnails"]
    probe = None
    if not is_absent(concepts):
        probe = read_probe(concepts, labels, thumbnails, threshold)
    arrays = read_tensors(
        privileged / "directions.safetensors",
        "directions",
        "singular_values",
        "importance",
        "logit_variance",
    )
    kurtosis = read_json(outliers / "kurtosis.json")
    pruning = read_json(privileged / "directions.json")
    browser = Browser(
        label=label,
        imagenet=set_names(["imagenet"] if drawn else [])["imagenet"],
        centred=pruning["centre"] == "classes",
        threshold=threshold,
        directions=direction_entries(arrays, pruning, kurtosis["axes"], probe),
        features=feature_entries(kurtosis, probe),
        others=other_features(arrays, kurtosis["axes"], probe) if probe else [],
        outliers=len(kurtosis["outlier_features"]["feature"]),
        concepts=probe.found(by_importance(arrays["importance"])) if probe else [],
        probe=probe,
    )
    out = outputs[f"plots/directions/{key}"]
    for name, content in browser_files(browser):
        write_whole(out / name, content)


def read_probe(concepts: Path, labels: Path, thumbnails: Path, threshold: float) -> ProbeResults:
    """Read what stage `broden` found for an encoder, and what the probe images show."""
    shown = read_tensors(labels / "labels.safetensors", "image", "concept")
    return ProbeResults(
        concepts=read_json(labels / "concepts.json"),
        precisions=read_tensors(concepts / "precisions.safetensors"),
        extremes=read_tensors(concepts / "extremes.safetensors"),
        label_images=np.asarray(shown["image"]),
        label_concepts=np.asarray(shown["concept"]),
        thumbnails=Thumbnails.read(thumbnails),
        threshold=threshold,
    )
