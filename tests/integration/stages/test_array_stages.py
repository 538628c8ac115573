"""The stages that download arrays which others have published, and measure them."""

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import asdict
from safetensors.numpy import load_file, save

import interpreting_clip as ic
from interpreting_clip.arrays.head import Head
from interpreting_clip.config.params import Params
from interpreting_clip.formats.json import rounded
from interpreting_clip.formats.result import plain
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.measures import directions, kurtosis, modality_gap, participation_ratio
from interpreting_clip.measures.outlier_axes import pruning_costs
from interpreting_clip.statistics.predictions import Activations
from interpreting_clip.study.array_results import ArrayResults
from tests.integration.stages.two_encoders import (
    ARRAYS,
    CLASSES,
    IMAGES,
    MINE,
    result,
    write_arrays,
)
from tests.pipeline.refusals import change, refused
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("tiny")

RNG = np.random.default_rng(0)


def measured(**changed) -> ArrayResults:
    """Run the stages on the arrays in the file, with some keys of the entry changed."""
    if changed:
        entry = Params().read("arrays.mine", dict)
        change(arrays={"mine": entry | changed})
    for stage in ("array_rotations", "arrays"):
        run_stage(stage, "mine")
    return read_result(Path("plots/arrays/mine.json"), ArrayResults)


def same(found: Any, expected: Any) -> bool:
    """Compare results, or parts of them, but for the decimals that a file does not have."""
    ours, theirs = (plain(one, without_beside=True) for one in (found, expected))
    return json.dumps(rounded(ours, 4, "")) == json.dumps(rounded(theirs, 4, ""))


def test_every_measure_is_the_librarys_with_the_settings_of_the_study():
    arrays = write_arrays()
    change(kurtosis={"confidence": 0.6})
    read = Params().read
    found, images = measured(), arrays["images"]
    own = {"head": arrays["weights"], "normalize_features": True}
    classes = {**own, "classes": arrays["labels"]}
    tails = read("kurtosis", kurtosis.Settings)
    pruned = read("directions", directions.Settings)
    blocks = read("participation_ratio", participation_ratio.Settings)
    assert same(found.kurtosis, ic.kurtosis(images, **asdict(tails)))
    assert same(found.participation_ratio, ic.participation_ratio(images, **asdict(blocks)))
    assert same(found.accuracy, ic.accuracy(images, **classes, confidence=0.8))
    assert same(found.directions, ic.directions(images, **own, **asdict(pruned)))
    assert same(found.pruning, ic.pruning(images, **classes, **asdict(pruned), harmless=20.0))
    limits: dict[str, Any] = {"outlier_sigma": 1.5, "outlier_share": 0.1}
    basis = ic.privileged_basis(images, **limits, rotations=6)
    assert same(found.privileged_basis, basis)
    for z, image in (
        (found.profile.first_image, images[0]),
        (found.profile.mean_image, images.mean(0)),
    ):
        assert z == pytest.approx((image - image.mean()) / image.std(), abs=1e-5)
    cka = ic.cka(images, arrays["others"], **limits)
    compared = {n.name: n for n in found.numbers if n.name.startswith("comparisons.others.cka.")}
    assert len(compared) == len(cka.numbers)
    assert compared["comparisons.others.cka.cka"].value == pytest.approx(cka.cka, abs=1e-5)
    assert found.outlier_axes is not None
    axis = found.outlier_axes.axes[0]
    test = Activations(images, arrays["labels"], np.arange(CLASSES))
    of_head = Head(arrays["weights"], None, normalize_features=True)
    (cost,) = pruning_costs(test, of_head, np.array([axis.feature]), confidence=0.6)
    assert plain(axis.costs["images"]) == pytest.approx(plain(cost), abs=1e-5)
    headline = {"kurtosis", "outliers", "accuracy", "prunable"}
    assert result("metrics/arrays/mine.json").keys() >= headline


def test_without_a_head_and_with_few_images_what_needs_them_is_left_out():
    write_arrays(**{name: one[:10] for name, one in write_arrays().items() if name != "weights"})
    found = measured(head="none", classes="none", normalize_features=False)
    assert (found.accuracy, found.directions, found.pruning, found.outlier_axes) == (None,) * 4
    names = {one.name for one in found.comparisons["others"]}
    assert "cka.cka" in names and not any(name.startswith("mutual") for name in names)
    assert found.participation_ratio is not None and found.participation_ratio.features == 8


def test_captions_have_the_gap_and_too_few_or_none_have_not():
    arrays = write_arrays()
    assert measured().modality_gap is None
    settings = Params().read("modality_gap", modality_gap.Settings)
    expected = ic.modality_gap(arrays["images"], captions=arrays["others"], **asdict(settings))
    assert same(measured(captions="others").modality_gap, expected)
    write_arrays(**{name: one[:10] for name, one in arrays.items() if name != "weights"})
    assert measured(captions="others").modality_gap is None


def test_a_mean_image_can_be_measured_alone_and_one_without_spread_has_no_profile():
    images = write_arrays()["images"]
    mean = images.mean(axis=0, keepdims=True)
    write_arrays(images=mean)
    alone = {"head": "none", "classes": "none", "normalize_features": False, "compare": []}
    found = measured(**alone)
    assert same(found.kurtosis.kurtosis, ic.kurtosis(mean).kurtosis)
    assert (found.images, found.participation_ratio) == (1, None)
    assert np.array_equal(found.profile.first_image, found.profile.mean_image)
    write_arrays(images=np.concatenate([images, -images]))
    found = measured(**alone)
    assert len(found.profile.first_image) == 8 and not len(found.profile.mean_image)


def test_an_images_own_row_is_its_class():
    images = RNG.standard_normal((IMAGES, 8)).astype(np.float32)
    unit = images / np.linalg.norm(images, axis=1, keepdims=True)
    write_arrays(images=unit, weights=unit)
    found = measured(classes="own_row", unit_length=True)
    assert found.accuracy is not None and found.accuracy.accuracy.value == 100
    assert found.accuracy.guessing == 100 / IMAGES


def test_a_head_may_have_a_bias():
    """With one that outweighs all else, every image is of the first class."""
    bias = np.array([1000.0, 0, 0, 0, 0], np.float32)
    labels = write_arrays(bias=bias)["labels"]
    found = measured(bias="bias")
    assert found.accuracy is not None and found.outlier_axes is not None
    assert found.accuracy.accuracy.value == pytest.approx(100 * np.mean(labels == 0))
    assert found.outlier_axes.axes[0].costs["images"].value == 0


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"sha256": "0" * 64}, "SHA-256 0000"),
        ({"compare": ["gone"]}, "no array 'gone'"),
        ({"captions": "gone"}, "no array 'gone'"),
        ({"unit_length": True}, "length .*unit_length: false"),
    ],
)
def test_arrays_that_are_not_what_the_study_says_are_refused(entry, expected):
    write_arrays()
    change(arrays={"mine": Params().read("arrays.mine", dict) | entry})
    assert re.search(f"^{ARRAYS}: .*{expected}", refused("array_rotations", "mine"))


def test_a_head_of_other_features_is_refused():
    write_arrays(weights=np.ones((CLASSES, 7), np.float32))
    run_stage("array_rotations", "mine")
    assert re.search(f"^{ARRAYS}: head: expected 8 .* got 7", refused("arrays", "mine"))
    assert not Path("plots/arrays/mine.json").exists()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


VALUES = RNG.standard_normal((IMAGES, 8)).astype(np.float16)
FILES = {"a.npy": npy(VALUES), "a.safetensors": save({"array": VALUES.astype(np.float32)})}
FETCHED = Path("data/downloaded_arrays/far.safetensors")


@pytest.mark.parametrize("name", FILES)
def test_a_download_is_one_file_of_arrays_that_can_be_measured(server, name):
    server.files[f"/{name}"] = FILES[name]
    sha256 = hashlib.sha256(FILES[name]).hexdigest()
    change(array_downloads={"far": {"url": f"{server.url}/{name}", "sha256": sha256}})
    run_stage("fetch_arrays", "far")
    (array,) = load_file(FETCHED).values()
    assert np.array_equal(array, VALUES) and array.dtype == np.float32
    far = MINE | {"file": str(FETCHED), "activations": "array", "head": "none", "compare": []}
    del far["sha256"]
    change(arrays={"mine": far | {"classes": "none", "normalize_features": False}})
    settings = Params().read("kurtosis", kurtosis.Settings)
    assert same(measured().kurtosis, ic.kurtosis(array, **asdict(settings)))
