"""Stage `browse`: pages for browsing an encoder's directions and outlier features."""

from pathlib import Path

import numpy as np

from interpreting_clip.config.params import Params
from interpreting_clip.config.quantities import Name, Share
from interpreting_clip.datasets.broden.thumbnails import Thumbnails
from interpreting_clip.datasets.card import is_absent
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.json import read_json, write_whole
from page.direction_entries import (
    ProbeResults,
    by_importance,
    direction_entries,
    feature_entries,
)
from page.direction_pages import Browser, browser_files
from runner.outputs import new_output, open_outputs

DATA, PAGES = Path("data"), Path("plots/directions")
LABELS, THUMBNAILS = DATA / "broden_labels", DATA / "thumbnails"


def main(key: str) -> None:
    """Write encoder `key`'s pages: an index, its directions by importance, its outlier features."""
    params = Params()
    label = params.read(f"encoders.{key}.label", Name)
    threshold = params.read("concepts.threshold", Share)
    privileged, outliers = DATA / "directions" / key, DATA / "kurtosis" / key
    concepts = DATA / "concepts" / key
    inputs = open_outputs(privileged, outliers, concepts, LABELS, THUMBNAILS)
    probe = None if is_absent(concepts) else read_probe(concepts, threshold)
    arrays = read_tensors(
        privileged / "directions.safetensors", "directions", "singular_values", "importance"
    )
    kurtosis = read_json(outliers / "kurtosis.json")
    pruning = read_json(privileged / "directions.json")
    browser = Browser(
        label=label,
        threshold=threshold,
        directions=direction_entries(arrays, pruning, kurtosis["axes"], probe),
        features=feature_entries(kurtosis, probe),
        outliers=len(kurtosis["outlier_features"]["feature"]),
        concepts=probe.found(by_importance(arrays["importance"])) if probe else [],
        probe=probe,
    )
    with new_output(PAGES / key, inputs) as out:
        for name, content in browser_files(browser):
            write_whole(out / name, content)


def read_probe(concepts: Path, threshold: float) -> ProbeResults:
    """Read what stage `broden` found for an encoder, and what the probe images show."""
    labels = read_tensors(LABELS / "labels.safetensors", "image", "concept")
    return ProbeResults(
        concepts=read_json(LABELS / "concepts.json"),
        precisions=read_tensors(concepts / "precisions.safetensors"),
        extremes=read_tensors(concepts / "extremes.safetensors"),
        label_images=np.asarray(labels["image"]),
        label_concepts=np.asarray(labels["concept"]),
        thumbnails=Thumbnails.read(THUMBNAILS),
        threshold=threshold,
    )
