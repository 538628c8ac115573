"""The stages that measure activations: `kurtosis`, `privileged_basis` and the like."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from interpreting_clip.config.shifts import TEST_SETS, result_name
from interpreting_clip.formats.results import read_result, write_result
from interpreting_clip.measures import kurtosis, participation_ratio, privileged_basis
from interpreting_clip.measures.directions import PrivilegedDirections, directions
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.measures.outlier_axes import OutlierAxes, outlier_axes
from tests.integration.stages.two_encoders import (
    IMAGES,
    KEYS,
    SETTINGS,
    accuracy,
    activations,
    head,
    result,
    write_untrained,
)
from tests.pipeline.refusals import change

pytestmark = pytest.mark.usefixtures("tiny")


def write_directions(key: str) -> PrivilegedDirections:
    found = directions(activations(key, "imagenet_val").values, head=head(key))
    write_result(Path(f"data/directions/{key}/directions.json"), found)
    return found


def require_written(file: str, expected: object) -> None:
    """Compare a result on disk, numbers and arrays, with what is expected there."""
    other, stored = Path("expected.json"), Path(file)
    write_result(other, expected)
    for suffix in (".json", ".safetensors"):
        one, same = (path.with_suffix(suffix) for path in (stored, other))
        assert one.exists() == same.exists()
        assert not one.exists() or one.read_bytes() == same.read_bytes()


@pytest.mark.parametrize("key", KEYS)
def test_kurtosis(run, key):
    privileged = write_directions(key)
    run("kurtosis", key)
    tests = {result_name(name): activations(key, name) for name in TEST_SETS}
    settings = kurtosis.Settings(**SETTINGS["kurtosis"])
    expected = kurtosis.kurtosis(tests["imagenet"].values, settings=settings)
    own = {"head": head(key), "directions": privileged, "outliers": expected.outliers}
    axes = outlier_axes(tests, **own, confidence=settings.confidence)
    kind = "rectified" if key == "first" else "linear"
    require_written(f"data/kurtosis/{key}/kurtosis.json", replace(expected, representation=kind))
    require_written(f"data/kurtosis/{key}/outlier_axes.json", axes)
    few, many = (one.outlier_features for one in expected.outliers.sweep)
    assert few > many and len(axes.axes) > 1 and expected.outliers.hiding == 3
    for name in TEST_SETS:
        for axis in axes.axes:
            whole, without = accuracy(key, name), accuracy(key, name, without=axis.feature)
            cost = axis.costs[result_name(name)]
            assert cost.value == pytest.approx(100 * (whole.fraction - without.fraction))


def test_where_no_feature_is_an_outlier_the_most_extreme_one_is_looked_at(run):
    change(kurtosis=SETTINGS["kurtosis"] | {"outlier_sigma": 100.0, "outlier_share": 0.5})
    write_directions("first")
    run("kurtosis", "first")
    outliers = read_result(Path("data/kurtosis/first/kurtosis.json"), Kurtosis).outliers
    assert (outliers.feature.tolist(), outliers.largest_share) == ([], 0)
    axes = read_result(Path("data/kurtosis/first/outlier_axes.json"), OutlierAxes).axes
    farthest = outliers.mean_abs_z_of_every_feature.argmax()
    assert [(axis.feature, axis.outlier) for axis in axes] == [(farthest, False)]


def test_participation_ratio_and_privileged_basis(run):
    values = activations("first", "imagenet_val").values
    run("participation_ratio", "first")
    settings = participation_ratio.Settings(**SETTINGS["participation_ratio"])
    expected = participation_ratio.participation_ratio(values, settings=settings)
    require_written("data/participation_ratio/first/participation_ratio.json", expected)
    run("privileged_basis", "first")
    settings = privileged_basis.Settings(**SETTINGS["privileged_basis"])
    limits = {"outlier_sigma": 1.5, "outlier_share": 0.1}
    expected = privileged_basis.privileged_basis(values, **limits, settings=settings)
    require_written("data/privileged_basis/first/privileged_basis.json", expected)


def test_untrained(run):
    values = write_untrained("rectified")
    run("untrained", "rn")
    found = result("plots/untrained/rn.json")
    assert (found["representation"], found["images"]) == ("rectified", IMAGES)
    expected = [asdict(privileged_basis.basis_numbers(one, 1.5, 0.1, 3.0)) for one in values]
    settings = participation_ratio.Settings(**SETTINGS["participation_ratio"])
    for one, images in zip(expected, values, strict=True):
        ratio = participation_ratio.participation_ratio(images, settings=settings)
        one["dimensions"] = ratio.dimensions.value
    assert found["numbers"].keys() == expected[0].keys()
    for name, drawn in found["numbers"].items():
        assert drawn == pytest.approx([one[name] for one in expected], abs=1e-5)
