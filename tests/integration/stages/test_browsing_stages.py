"""Stages `thumbnails` and `browse` on a drawn Broden, with what they rest on."""

import re
from pathlib import Path

import numpy as np

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import is_absent, write_absent
from interpreting_clip.formats.arrays import write_tensors
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.results import read_result
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.outlier_axes import OutlierAxes
from tests.fixtures import FEATURES, IMAGES
from tests.pipeline.refusals import change
from tests.reads import run_stage

KEY = "rn_untrained"
DATA, PAGES = Path("data"), Path("plots/directions") / KEY
BRODEN, THUMBNAILS = DATA / "datasets/broden", DATA / "thumbnails"


def test_every_direction_has_its_place_in_the_pages_and_without_broden_they_say_so(study):
    values = np.random.default_rng(1).standard_normal((IMAGES["broden"], FEATURES), np.float32)
    file = DATA / "broden_activations" / KEY / "activations.safetensors"
    write_tensors(file, {"activations": values})
    run_stage("broden_labels")
    run_stage("thumbnails")
    change(browse={"encoders": [KEY]})
    for stage in ("directions", "kurtosis", "broden", "browse"):
        run_stage(stage, KEY)
    index, page, features = (
        (PAGES / f"{name}.html").read_text() for name in ("index", "directions_1", "features")
    )
    directions = read_result(DATA / "directions" / KEY / "directions.json", PrivilegedDirections)
    anchors = re.findall(r'<article id="direction-(\d+)"', page)
    assert anchors == [str(number) for number in range(1, directions.directions + 1)]
    tree, first = load_tree(Path("params.yaml")), page.partition("</article>")[0]
    assert f"{directions.singular_values[0]:.3f}" in first
    assert first.count("<img") == 2 * tree["browse"]["images"]
    axes = read_result(DATA / "kurtosis" / KEY / "outlier_axes.json", OutlierAxes).axes
    shown = re.findall(r'<article id="feature-(\d+)"', features)
    assert shown == [str(axis.feature) for axis in axes]
    for concept in read_json(DATA / "broden_labels/concepts.json"):
        assert f">{concept['name']}</th>" in index
    assert tree["encoders"][KEY]["label"] in index
    for folder in (BRODEN, DATA / "broden_labels", DATA / "concepts" / KEY):
        write_absent("broden", folder)
    run_stage("thumbnails")
    assert is_absent(THUMBNAILS)
    run_stage("browse", KEY)
    assert "no images with segmented concepts" in (PAGES / "index.html").read_text()
