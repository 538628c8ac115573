"""Stages `thumbnails` and `browse` on a drawn Broden, with what they rest on."""

import re
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import is_absent, write_absent
from interpreting_clip.formats.arrays import write_tensors
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.results import read_result
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.outlier_axes import OutlierAxes
from tests.fixtures import FEATURES, IMAGES

KEY = "rn_untrained"
DATA, PAGES = Path("data"), Path("plots/directions") / KEY
BRODEN, THUMBNAILS = DATA / "datasets/broden", DATA / "thumbnails"


@pytest.fixture
def measured(study: Path, run) -> Path:
    """Return a study whose directions and features have been probed."""
    values = np.random.default_rng(1).standard_normal((IMAGES["broden"], FEATURES), np.float32)
    file = DATA / "broden_activations" / KEY / "activations.safetensors"
    write_tensors(file, {"activations": values})
    run("broden_labels")
    run("thumbnails")
    for stage in ("directions", "kurtosis", "broden"):
        run(stage, KEY)
    return study


def test_every_direction_has_its_place_in_the_pages(measured, run):
    run("browse", KEY)
    index, page = (PAGES / name for name in ("index.html", "directions_1.html"))
    directions = read_result(DATA / "directions" / KEY / "directions.json", PrivilegedDirections)
    anchors = re.findall(r'<article id="direction-(\d+)"', page.read_text())
    assert anchors == [str(number) for number in range(1, directions.directions + 1)]
    first = page.read_text().partition("</article>")[0]
    assert f"{directions.singular_values[0]:.3f}" in first
    study = load_tree(Path("params.yaml"))
    assert first.count("<img") == 2 * study["browse"]["images"]
    for concept in read_json(DATA / "broden_labels/concepts.json"):
        assert f">{concept['name']}</th>" in index.read_text()
    axes = read_result(DATA / "kurtosis" / KEY / "outlier_axes.json", OutlierAxes).axes
    features = (PAGES / "features.html").read_text()
    shown = re.findall(r'<article id="feature-(\d+)"', features)
    assert shown == [str(axis.feature) for axis in axes]
    assert study["encoders"][KEY]["label"] in index.read_text()


def test_without_broden_the_pages_say_so_and_list_the_directions(measured, run):
    for folder in (BRODEN, DATA / "broden_labels", DATA / "concepts" / KEY):
        write_absent("broden", folder)
    run("thumbnails")
    assert is_absent(THUMBNAILS)
    run("browse", KEY)
    assert {file.name for file in PAGES.iterdir()} == {
        *("index.html", "directions_1.html", "features.html")
    }
    assert "no images with segmented concepts" in (PAGES / "index.html").read_text()
