"""Stages `thumbnails` and `browse` on a drawn Broden, with what they rest on."""

import re
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import is_absent, write_absent
from interpreting_clip.formats.arrays import write_tensors
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.results import write_result
from tests.drawn_directions import curve_of, directions_of, draw_axes, draw_kurtosis
from tests.fixtures import FEATURES, IMAGES

KEY = "rn_untrained"
DATA, PAGES = Path("data"), Path("plots/directions") / KEY
BRODEN, THUMBNAILS = DATA / "datasets/broden", DATA / "thumbnails"
EXTREME = [5, 2]


@pytest.fixture
def measured(study: Path, run) -> Path:
    """Return a study whose directions and features have been probed."""
    rng = np.random.default_rng(1)
    values = rng.standard_normal((IMAGES["broden"], FEATURES), np.float32)
    file = DATA / "broden_activations" / KEY / "activations.safetensors"
    write_tensors(file, {"activations": values})
    vectors = np.linalg.qr(rng.standard_normal((FEATURES, 8))).Q.T
    importance = np.linspace(2, 1, 8)
    write_result(
        DATA / "directions" / KEY / "directions.json",
        directions_of(np.ascontiguousarray(vectors), 3 * importance, importance),
    )
    pruning = {"imagenet": curve_of([0.0, 0.5], [60.0, 50.0])}
    write_result(DATA / "directions" / KEY / "pruning.json", pruning)
    write_result(DATA / "kurtosis" / KEY / "kurtosis.json", draw_kurtosis(EXTREME))
    write_result(DATA / "kurtosis" / KEY / "outlier_axes.json", draw_axes(EXTREME, [3, 8]))
    run("broden_labels")
    run("thumbnails")
    run("broden", KEY)
    return study


def test_every_direction_has_its_place_in_the_pages(measured, run):
    run("browse", KEY)
    index, page = (PAGES / name for name in ("index.html", "directions_1.html"))
    anchors = re.findall(r'<article id="direction-(\d+)"', page.read_text())
    assert anchors == [str(number) for number in range(1, 9)]
    first = page.read_text().partition("</article>")[0]
    assert "<dd>6.000</dd>" in first  # the singular value of the most important
    study = load_tree(Path("params.yaml"))
    assert first.count("<img") == 2 * study["browse"]["images"]
    for concept in read_json(DATA / "broden_labels/concepts.json"):
        assert f">{concept['name']}</th>" in index.read_text()
    features = (PAGES / "features.html").read_text()
    assert re.findall(r'<article id="feature-(\d+)"', features) == ["5", "2"]
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
