"""Comparisons across the encoders of a study."""

import pytest
from scipy import stats

from page.across_encoders import correlation_rows, correlations, shared_concepts
from tests.unit.page.conftest import read

BOOTSTRAP = {"resamples": 50, "confidence": 0.9, "seed": 0}


def test_measures_are_ranked_with_robustness_apart_by_representation(study):
    results = study["results"]
    rectified = ("rn_web_broad", "rn_supervised")
    for key in rectified:
        results[key]["kurtosis"]["representation"] = "rectified"
    rows = correlation_rows(read(study))
    found = {
        (c.representation.partition(" ")[0], c.measure): c for c in correlations(rows, **BOOTSTRAP)
    }
    assert len(found) == 6
    others = [k for k in results if "untrained" not in k and k not in rectified]
    values = [results[k]["kurtosis"]["kurtosis"]["value"] for k in others]
    robustness = [results[k]["robustness"]["robustness"]["value"] for k in others]
    linear, few = found["linear", "kurtosis"], found["rectified", "kurtosis"]
    assert (linear.encoders, linear.extrapolated) == (len(others), 0)
    assert linear.value == pytest.approx(stats.spearmanr(values, robustness)[0])
    assert (few.encoders, few.value, few.low) == (2, None, None)


def test_a_measure_that_is_the_same_for_all_has_no_correlation_and_a_probe_counts_once(study):
    for results in study["results"].values():
        results["concepts"]["directions"]["unique"] = {"value": 3}
    study["results"]["rn_web_broad"]["robustness"]["extrapolated"] = 1
    study["results"]["vit_supervised"]["robustness"]["robustness"] = None
    own, alone = study["entries"]["rn_web_broad_labels"], study["entries"]["rn_supervised"]
    own["training"] = alone["training"] = "probed"  # one on a CLIP's images, one on no CLIP's
    rows = correlation_rows(read(study))
    labels = {row["label"] for row in rows}
    assert own["label"] not in labels and alone["label"] in labels
    found = {c.measure: c for c in correlations(rows, **BOOTSTRAP)}
    assert found["concepts of directions"].value is None
    assert (found["kurtosis"].encoders, found["kurtosis"].extrapolated) == (7, 1)


def test_concepts_are_shared_by_name_and_never_across_representations(study):
    keys = ("rn_web_broad", "rn_web_broad_finetuned")
    one, other = (study["results"][key]["concepts"] for key in keys)
    one["directions"]["names"], one["features"]["names"] = ["a (object)", "b (part)"], []
    other["directions"]["names"] = ["b (part)", "c (scene)", "d (scene)"]
    study["results"]["rn_supervised"]["kurtosis"]["representation"] = "rectified"
    found = [s for s in shared_concepts(read(study)) if s.first.key == keys[0]]
    assert [s.basis for s in found] == ["directions", "features"]
    assert {s.second.key for s in found} == {keys[1]}
    one, other = found
    assert (one.both, one.only_first, one.only_second) == (1, 1, 2)
    assert one.by_chance == pytest.approx(2 * 3 / 40)
    assert (other.both, other.only_first, other.by_chance) == (0, 0, 0)
