"""Stages `thumbnails` and `browse` on a drawn Broden, with what they rest on."""

import re
from pathlib import Path

import numpy as np

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import write_absent
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.tensors import write_tensors
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.outlier_axes import OutlierAxes
from tests.fixtures import FEATURES, IMAGES
from tests.pipeline.refusals import change
from tests.reads import run_stage

KEY = "rn_untrained"
DATA, PAGES = Path("data"), Path("plots/directions") / KEY
BRODEN = DATA / "datasets/broden"


def test_every_direction_has_its_place_in_the_pages_and_without_broden_they_say_so(study):
    values = np.random.default_rng(1).standard_normal((IMAGES["broden"], FEATURES), np.float32)
    file = DATA / "broden_activations" / KEY / "activations.safetensors"
    write_tensors(file, {"activations": values})
    run_stage("broden_labels")
    run_stage("thumbnails")
    change(browse={"encoders": [KEY]})
    for stage in ("directions", "kurtosis", "concept_nulls", "broden", "browse"):
        run_stage(stage, KEY)
    page, features = ((PAGES / f"{name}.html").read_text() for name in ("directions_1", "features"))
    directions = read_result(DATA / "directions" / KEY / "directions.json", PrivilegedDirections)
    anchors = re.findall(r'<article id="direction-(\d+)"', page)
    assert anchors == [str(number) for number in range(1, directions.directions + 1)]
    shown = load_tree(Path("params.yaml"))["browse"]["images"]
    assert page.partition("</article>")[0].count("<img") == 2 * shown
    axes = read_result(DATA / "kurtosis" / KEY / "outlier_axes.json", OutlierAxes).axes
    shown = re.findall(r'<article id="feature-(\d+)"', features)
    assert shown == [str(axis.feature) for axis in axes]
    for folder in (BRODEN, DATA / "broden_labels", DATA / "concepts" / KEY):
        write_absent("broden", folder)
    run_stage("thumbnails")
    run_stage("browse", KEY)
    assert "no images with labelled concepts" in (PAGES / "index.html").read_text()
