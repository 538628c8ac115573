"""Comparisons across the encoders of a study."""

import pytest
from scipy import stats

from page.across_encoders import correlation_rows, correlations, shared_concepts
from tests.unit.page.conftest import read

KEYS = ("rn_web_broad", "rn_web_broad_finetuned")
BOOTSTRAP = {"resamples": 50, "confidence": 0.9, "seed": 0}


def test_measures_are_ranked_with_robustness_apart_by_representation(study):
    keys = ("rn_web_broad", "rn_supervised", "vit_supervised", "rn_web_narrow")
    for key in keys[:2]:
        study["results"][key]["kurtosis"]["representation"] = "rectified"
    rows = correlation_rows(read(study))
    assert "RN untrained" not in {row["label"] for row in rows}
    found = {
        (c.representation.partition(" ")[0], c.measure): c for c in correlations(rows, **BOOTSTRAP)
    }
    assert len(found) == 6
    others = [k for k in study["results"] if "untrained" not in k and k not in keys[:2]]
    values = [study["results"][k]["kurtosis"]["kurtosis"]["value"] for k in others]
    robustness = [study["results"][k]["robustness"]["robustness"]["value"] for k in others]
    linear = found["linear", "kurtosis"]
    assert (linear.encoders, linear.extrapolated) == (len(others), 0)
    assert linear.value == pytest.approx(stats.spearmanr(values, robustness)[0])
    few = found["rectified", "kurtosis"]
    assert (few.encoders, few.value, few.low) == (2, None, None)


def test_a_probe_of_a_zero_shot_encoder_counts_its_features_once(study):
    own, alone = study["entries"]["rn_web_broad_labels"], study["entries"]["rn_supervised"]
    own["training"] = alone["training"] = "probed"  # one on a CLIP's images, one on no CLIP's
    labels = {row["label"] for row in correlation_rows(read(study))}
    assert own["label"] not in labels and alone["label"] in labels


def test_a_measure_that_is_the_same_for_all_has_no_correlation(study):
    for results in study["results"].values():
        results["concepts"]["directions"]["unique"] = {"value": 3}
    study["results"]["rn_supervised"]["robustness"]["robustness"] = None
    study["results"]["rn_web_broad"]["robustness"]["extrapolated"] = 1
    rows = correlation_rows(read(study))
    found = {c.measure: c for c in correlations(rows, **BOOTSTRAP)}
    assert found["concepts of directions"].value is None
    assert found["concepts of features"].value is not None
    assert (found["kurtosis"].encoders, found["kurtosis"].extrapolated) == (8, 1)


def test_concepts_are_shared_by_name_and_never_across_representations(study):
    one, other = (study["results"][key]["concepts"] for key in KEYS[:2])
    one["directions"]["names"], one["features"]["names"] = ["a (object)", "b (part)"], []
    other["directions"]["names"] = ["b (part)", "c (scene)", "d (scene)"]
    other["features"]["names"] = ["a (object)"]
    study["results"]["rn_supervised"]["kurtosis"]["representation"] = "rectified"
    found = [s for s in shared_concepts(read(study)) if s.first.key == "rn_web_broad"]
    assert {s.second.key for s in found} == {"rn_web_broad_finetuned"}
    one, other = found
    assert (one.basis, one.both, one.only_first, one.only_second) == ("directions", 1, 1, 2)
    assert one.by_chance == pytest.approx(2 * 3 / 40)
    assert (other.both, other.only_first, other.only_second) == (0, 0, 1)
