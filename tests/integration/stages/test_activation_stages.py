"""The stages that measure activations: `kurtosis`, `privileged_basis` and `untrained`."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.formats.arrays import read_tensors, write_tensors
from interpreting_clip.measures import participation_ratio
from interpreting_clip.measures.directions import importance, singular_directions
from interpreting_clip.measures.intervals import bootstrap_mean
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations, outlier_features
from interpreting_clip.measures.outlier_axes import align_axes
from interpreting_clip.measures.privileged_basis import Settings, basis_numbers, privileged_basis
from interpreting_clip.measures.result import numbers
from tests.integration.stages.two_encoders import (
    FEATURES,
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


@pytest.mark.parametrize("key", KEYS)
def test_kurtosis(run, key):
    own, test = head(key), activations(key, "imagenet_val")
    directions = singular_directions(own.weight)
    weights = importance(test.values, directions)
    arrays = {**asdict(directions), "importance": weights}
    arrays["directions"] = arrays.pop("vectors")
    arrays["feature_logit_variance"] = np.linspace(0.5, 0.1, FEATURES)
    write_tensors(Path(f"data/directions/{key}/directions.safetensors"), arrays)
    run("kurtosis", key)
    found = result(f"data/kurtosis/{key}/kurtosis.json")
    of_images, deviations = kurtosis_and_deviations(activations(key, "imagenet_val").values, 1.5)
    assert found["kurtosis"] == pytest.approx(asdict(bootstrap_mean(of_images, 50, 0.7, 6)))
    outliers = outlier_features(deviations, 0.1)
    assert found["outlier_features"]["feature"] == outliers.feature.tolist()
    assert found["largest_share"] == deviations.share.max()
    few, many = (
        {"share": s, "outlier_features": (deviations.share >= s).sum()} for s in (0.01, 0.3)
    )
    assert found["sweep"] == [few, many] and few["outlier_features"] > many["outlier_features"]
    assert found["hiding_outliers"] == 3  # of 8 features at 1.5 σ
    axes, aligned = found["axes"], align_axes(outliers.feature, directions, weights)
    assert axes["feature"] == outliers.feature.tolist() and len(axes["feature"]) > 1
    assert axes["rank"] == aligned.rank.tolist()
    assert axes["cosine"] == pytest.approx(aligned.cosine, abs=1e-5)
    assert axes["tops"] == [1, 3]
    assert np.array(axes["within_top"]) == pytest.approx(aligned.within_top, abs=1e-5)
    assert axes["logit_variance"] == pytest.approx(
        arrays["feature_logit_variance"][outliers.feature], abs=1e-5
    )
    typical = np.median(align_axes(np.arange(FEATURES), directions, weights).cosine)
    assert axes["typical_cosine"] == pytest.approx(typical, abs=1e-5)
    for name in TEST_SETS:
        for i, feature in enumerate(outliers.feature):
            whole, without = accuracy(key, name), accuracy(key, name, without=feature)
            lost = whole.fraction - without.fraction
            cost = axes["costs"][name.removesuffix("_val")]
            assert cost["value"][i] == pytest.approx(100 * lost, abs=1e-4)
            assert cost["low"][i] < cost["value"][i] < cost["high"][i]
    assert found["representation"] == ("rectified" if key == "first" else "linear")
    features = read_tensors(Path(f"data/kurtosis/{key}/features.safetensors"))
    for name, values in asdict(deviations).items():
        np.testing.assert_array_equal(features[name], values)


def test_privileged_basis(run):
    run("privileged_basis", "first")
    values = activations("first", "imagenet_val").values
    settings = Settings(rotations=6, seed=12, robust_deviations=3.0)
    expected = numbers(privileged_basis(values, 1.5, 0.1, settings))
    found = result("data/privileged_basis/first/numbers.json")
    assert list(found) == sorted(one.name for one in expected)
    for one in expected:
        for end in ("value", "low", "high", "chance"):
            assert found[one.name][end] == pytest.approx(getattr(one, end), abs=1e-5)


def test_untrained(run):
    values = write_untrained("rectified")
    run("untrained", "rn")
    found = result("plots/untrained/rn.json")
    assert (found["representation"], found["images"]) == ("rectified", IMAGES)
    expected = [vars(basis_numbers(one, 1.5, 0.1, 3.0)) for one in values]
    dimensions = [
        participation_ratio.participation_ratio(
            one, participation_ratio.Settings(blocks=5, confidence=0.9)
        ).dimensions.value
        for one in values
    ]
    assert found["numbers"].pop("dimensions") == pytest.approx(dimensions, abs=1e-5)
    assert found["numbers"].keys() == expected[0].keys()
    for name, drawn in found["numbers"].items():
        assert drawn == pytest.approx([one[name] for one in expected], abs=1e-5)


def test_where_no_feature_is_an_outlier_the_most_extreme_one_is_looked_at(run):
    change(kurtosis=SETTINGS["kurtosis"] | {"outlier_sigma": 100.0, "outlier_share": 0.5})
    run("directions", "first")
    run("kurtosis", "first")
    found = result("data/kurtosis/first/kurtosis.json")
    mean_abs_z = kurtosis_and_deviations(activations("first", "imagenet_val").values, 1.0)[1]
    assert found["outlier_features"]["feature"] == [] and found["largest_share"] == 0
    assert found["axes"]["feature"] == [mean_abs_z.mean_abs_z.argmax()]
    assert len(found["axes"]["costs"]["imagenet_r"]["value"]) == 1
