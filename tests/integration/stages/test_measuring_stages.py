"""The stages that measure do it on the inputs that they name, with the settings of the study."""

import csv
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, on_classes, result_name
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.broden.labels import can_be_probed, concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.card import DatasetCard, write_absent, write_card
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.formats.arrays import read_tensors, write_tensors
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.published_accuracies import Settings as PublishedSettings
from interpreting_clip.formats.published_accuracies import (
    accuracy_fractions,
    family_numbers,
    standard_models,
)
from interpreting_clip.formats.saved_activations import (
    Activations,
    write_activations,
)
from interpreting_clip.formats.saved_activations import write_card as write_activations_card
from interpreting_clip.formats.saved_heads import write_head
from interpreting_clip.formats.shift_folders import write_shift_names
from interpreting_clip.formats.tables import read_table
from interpreting_clip.measures import participation_ratio
from interpreting_clip.measures.accuracy import ABSENT, map_classes
from interpreting_clip.measures.chance import best_direction_chance, discoveries
from interpreting_clip.measures.cka import cka
from interpreting_clip.measures.concept_nulls import image_permutations, random_direction_counts
from interpreting_clip.measures.concepts import (
    ConceptLabels,
    EncodedConcepts,
    Group,
    concept_targets,
    probe,
)
from interpreting_clip.measures.directions import (
    Directions,
    importance,
    mean_row,
    rotated_directions,
    singular_directions,
    spectrum_participation,
)
from interpreting_clip.measures.effective_robustness import (
    Accuracy,
    accuracy_interval,
    effective_robustness,
    estimate_effective_robustness,
)
from interpreting_clip.measures.guessing import Guessing
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.intervals import bootstrap_mean
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations, outlier_features
from interpreting_clip.measures.logit_line import LogitLine, ResampledLines, baseline_lines
from interpreting_clip.measures.logit_variance import logit_variance_shares, second_moment
from interpreting_clip.measures.outlier_axes import align_axes
from interpreting_clip.measures.privileged_basis import (
    Settings,
    basis_numbers,
    privileged_basis,
)
from interpreting_clip.measures.pruning import prunable_fraction, pruned_accuracies
from interpreting_clip.measures.result import numbers
from interpreting_clip.measures.u_centring import u_center
from interpreting_clip.published.findings import published_findings
from interpreting_clip.published.models import PublishedModels, analyse, published_models
from interpreting_clip.published.sources import read_published
from interpreting_clip.study.sections import further_measures
from page.names import TESTBED_SHIFTS as NAMES
from runner import outputs
from stages import baseline, broden_labels, kurtosis
from stages.robustness import MEANS
from tests.integration.stages.conftest import ALIAS, merge_a_class, paths
from tests.pipeline.refusals import change, refused
from tests.pipeline.workspace import NANO
from tests.reads import ROOT, link_code, seal

DATASETS = Path("data/datasets")
KEYS = ("first", "second")
UNREAD_TABLES = ["data/reference/imagenet_classes.csv", "data/reference/objectnet_to_imagenet.csv"]
FEATURES, CLASSES, IMAGES = 8, 5, 40
HELD = {name: [0, 1, 2, 3, 4] for name in TEST_SETS} | {"imagenet_r": [1, 3], "objectnet": [0, 2]}
ALIASES = {"objectnet": {4: 2}}
CATEGORIES = {3: "color", 5: "part", 8: "object"}
CONCEPTS = [{"number": n, "name": f"c{n}", "category": name} for n, name in CATEGORIES.items()]
SETTINGS: dict[str, dict[str, Any]] = {
    "robustness": {"seed": 5, "confidence": 0.8},
    "kurtosis": {
        **{"resamples": 50, "seed": 6, "confidence": 0.7},
        **{"outlier_sigma": 1.5, "sweep": [0.01, 0.3], "outlier_share": 0.1},
    },
    "privileged_basis": {"rotations": 6, "seed": 12, "robust_deviations": 3.0},
    "participation_ratio": {"blocks": 5, "confidence": 0.9},
    "directions": {
        **{"centre": "classes", "pruning_steps": 5, "harmless": 20.0},
        **{"random_heads": 2, "random_head_seed": 7},
    },
    "concepts": {
        **{"negatives": "balanced", "draws": 3, "seed": 8, "sign": "either"},
        **{"threshold": 0.6, "sweep": [0.5, 0.6, 0.7]},
        **{"null_draws": 2, "minimum_images": 3, "false_discovery_rate": 0.2},
    },
    "browse": {"images": 3},
    "baseline": {"source": "published", "abscissa": "shift_classes", "seed": 9, "resamples": 20},
    "published": {"resamples": 30, "seed": 10, "confidence": 0.6},
    "controls": {"encoder": "first", "seed": 11, "repetitions": 20, "resamples": 20},
    "layers": {"images": 36, "minibatch": 12},
    "cka": {"outlier_sigma": 1.5, "outlier_share": 0.1},
}
LINES = {
    shift: LogitLine(0.8 + 0.1 * i, -0.1 * i, 0.9, 9, 0.2, 0.9)
    for i, shift in enumerate(TESTBED_SHIFTS)
}
RESAMPLED = {
    shift: ResampledLines(np.array([0.7, 0.8 + 0.1 * i, 1.0]), np.array([-0.2, 0.0, 0.1 * i]))
    for i, shift in enumerate(TESTBED_SHIFTS)
}


@pytest.fixture(autouse=True)
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write two encoders' activations and heads, other numbers for each, and the study."""
    monkeypatch.chdir(tmp_path)
    link_code(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("data/reference", "data/published"):
        (tmp_path / name).symlink_to(ROOT / name)
    study = yaml.safe_load(NANO.read_text()) | SETTINGS
    entry = study["encoders"]["rn_untrained"]
    entry["training"] = "supervised"
    study["encoders"] = {key: entry | {"label": f"the {key}"} for key in reversed(KEYS)}
    study["shifts"] = {}
    write_shift_names(Path("data/shifts"), [])
    study["comparisons"] = {"pair": {"first": "first", "second": "second"}}
    Path("params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    names = ("imagenet", *TESTBED_SHIFTS, *map(on_classes, TESTBED_SHIFTS))
    models = [{"name": "standard", **dict.fromkeys(names, 50.0)}]
    lines = {shift: asdict(line) for shift, line in LINES.items()}
    resampled = {shift: asdict(lines) for shift, lines in RESAMPLED.items()}
    baseline = {"lines": lines, "resampled": resampled, "models": models}
    baseline |= {"abscissa": {shift: on_classes(shift) for shift in TESTBED_SHIFTS}}
    baseline |= {"chance": {}, "at_chance": {shift: [] for shift in TESTBED_SHIFTS}}
    baseline |= {"classes": {result_name(name): held for name, held in HELD.items()}}
    write_json(Path("data/baseline/baseline.json"), baseline)
    for key in KEYS:
        folder = Path("data/activations") / key
        for name in TEST_SETS:
            write_activations(folder, name, **vars(activations(key, name)))
        kind = "rectified" if key == "first" else "linear"
        write_activations_card(folder, kind, FEATURES, TESTBED_SHIFTS)
        write_head(Path("data/heads") / key, head(key), "random")
        file = Path("data/broden_activations") / key / "activations.safetensors"
        write_tensors(file, {"activations": broden_activations(key)})
    write_json(Path("data/broden_labels/concepts.json"), CONCEPTS)
    write_tensors(Path("data/broden_labels/labels.safetensors"), vars(concept_labels()))


def generator(key: str, name: str) -> np.random.Generator:
    return np.random.default_rng(list(f"{key} {name}".encode()))


def activations(key: str, name: str) -> Activations:
    """Return features of very different lengths, with an offset that a bias competes with.

    Every third image of a class looks like another that counts as this class, and not like its own.
    """
    rng, held = generator(key, name), np.array(HELD[name])
    values = rng.standard_normal((IMAGES, FEATURES)) * rng.exponential(5.0, (IMAGES, 1))
    classes = held[np.arange(IMAGES) % len(held)]
    aliases, weight = ALIASES.get(name, {}), head(key).weight
    pulled = 3 * weight[classes]
    for alias, class_ in aliases.items():
        others = (classes == class_) & (np.arange(IMAGES) % 3 == 0)
        pulled[others] = 3 * (weight[alias] - weight[class_])
    return Activations((values + pulled).astype(np.float32), classes, held, aliases)


def head(key: str) -> Head:
    """Return a head; the second's classes lie in three directions, fewer than a random head's."""
    rng = generator(key, "head")
    weight = rng.standard_normal((CLASSES, FEATURES)).astype(np.float32)
    if key == "second":
        weight = rng.standard_normal((CLASSES, 3)).astype(np.float32) @ weight[:3]
    return Head(weight, rng.standard_normal(CLASSES).astype(np.float32), True)


def broden_activations(key: str) -> np.ndarray:
    return generator(key, "broden").standard_normal((IMAGES, FEATURES)).astype(np.float32)


def concept_labels() -> ConceptLabels:
    image = np.arange(IMAGES)
    shown = [(i, number) for number in CATEGORIES for i in image if i % number == 0]
    return ConceptLabels(*(np.array(column) for column in zip(*shown, strict=True)))


def accuracy(key: str, name: str, held_by: str = "", without: int | None = None) -> Accuracy:
    """Return the accuracy among the classes that a set holds, this one or `held_by`."""
    test, own, held = activations(key, name), head(key), held_by or name
    values = np.where(np.arange(FEATURES) == without, 0, test.values)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    logits = unit @ own.weight.T + own.bias
    counts_as = {class_: class_ for class_ in HELD[held]} | dict(ALIASES.get(held, {}))
    possible = sorted(counts_as)
    right = [
        counts_as[possible[row.argmax()]] == counts_as[class_]
        for row, class_ in zip(logits[:, possible], test.classes.tolist(), strict=True)
        if class_ in counts_as
    ]
    return Accuracy(float(np.mean(right)), len(right))


def result(path: str) -> Any:
    return read_json(Path(path))


@pytest.mark.parametrize("key", KEYS)
def test_robustness(run, key):
    run("directions", key)
    run("robustness", key)
    found = result(f"data/robustness/{key}/robustness.json")
    measured_here = {name: accuracy(key, name) for name in TEST_SETS}
    shares = {name: one.fraction for name, one in measured_here.items()}
    assert len(set(shares.values())) > 3
    expected = {name.removesuffix("_val"): 100 * share for name, share in shares.items()}
    assert found["accuracy"] == pytest.approx(expected, abs=1e-4)
    assert found["images"] == dict.fromkeys(expected, IMAGES)
    assert found["classes"] == {result_name(name): len(held) for name, held in HELD.items()}
    at = {shift: accuracy(key, "imagenet_val", shift) for shift in TESTBED_SHIFTS}
    assert {one.images for one in at.values()} == {16, 24, 40}
    assert found["left_out"] == {}
    for shift, one in at.items():
        assert found["abscissa"][shift]["images"] == one.images
        assert found["abscissa"][shift]["accuracy"] == pytest.approx(100 * one.fraction, abs=1e-4)
    estimate = estimate_effective_robustness(
        at,
        {shift: measured_here[shift] for shift in TESTBED_SHIFTS},
        LINES,
        RESAMPLED,
        confidence=0.8,
        seed=5,
    )
    measured = found["effective_robustness"]
    outside = [s for s, line in LINES.items() if line.is_extrapolated(shares["imagenet_val"])]
    assert measured["extrapolated"] == outside
    means = {"mean": estimate.mean, "natural": estimate.natural, "style": estimate.style}
    for name, one in (estimate.shifts | means).items():
        assert measured[name] == pytest.approx(asdict(one), abs=1e-4)
        assert measured[name]["low"] < measured[name]["high"]


def test_a_part_of_a_set_is_not_scored_against_a_line_of_the_whole(run):
    whole = result("data/baseline/baseline.json")
    classes = whole["classes"] | {"imagenet_r": [1, 2, 3], "objectnet": [0]}
    write_json(Path("data/baseline/baseline.json"), whole | {"classes": classes})
    run("directions", "first")
    run("robustness", "first")
    found = result("data/robustness/first/robustness.json")
    assert found["left_out"].keys() == {"imagenet_r", "objectnet"}
    assert "imagenet_r has images of 2 of the 3 classes" in found["left_out"]["imagenet_r"]
    assert "1 of the 1 classes" in found["left_out"]["objectnet"]
    assert "1 others" in found["left_out"]["objectnet"]
    assert found["accuracy"].keys() == {result_name(name) for name in TEST_SETS}
    others = {"imagenet_v2", "imagenet_sketch", "imagenet_a"}
    assert found["effective_robustness"].keys() == {*others, *MEANS, "extrapolated"}


def test_a_shift_without_a_line_has_no_effective_robustness(run):
    whole = result("data/baseline/baseline.json")
    for part in ("lines", "resampled"):
        del whole[part]["objectnet"]
    whole["at_chance"]["objectnet"] = ["standard"]
    write_json(Path("data/baseline/baseline.json"), whole)
    run("directions", "first")
    run("robustness", "first")
    found = result("data/robustness/first/robustness.json")
    assert found["left_out"].keys() == {"objectnet"}
    assert "1 of 1 standard models are not above chance" in found["left_out"]["objectnet"]
    assert "objectnet" in found["accuracy"] and "objectnet" not in found["effective_robustness"]


def test_without_a_shift_that_was_not_given_there_is_no_mean(run):
    run("directions", "first")
    run("robustness", "first")
    whole = result("data/robustness/first/robustness.json")
    folder, missing = Path("data/activations/first"), ["imagenet_r", "imagenet_a"]
    shifts = [shift for shift in TESTBED_SHIFTS if shift not in missing]
    write_activations_card(folder, "rectified", FEATURES, shifts, missing)
    run("directions", "first")
    run("robustness", "first")
    found = result("data/robustness/first/robustness.json")
    assert found["not_given"] == missing and "not_given" not in whole
    assert found["effective_robustness"].keys() == {*shifts, "extrapolated"}
    for shift in shifts:  # what there is, is the same
        assert found["accuracy"][shift] == whole["accuracy"][shift]
        assert found["effective_robustness"][shift] == whole["effective_robustness"][shift]
    assert found["pruned"]["robustness"] is None
    numbers = result("data/robustness/first/numbers.json")
    assert numbers["shifts"]["value"] is None and numbers["robustness"]["value"] is None


@pytest.mark.parametrize(
    ("abscissa", "kept"), [("shift_classes", "imagenet_r"), ("all_classes", "")]
)
def test_imagenet_has_to_have_the_classes_of_the_abscissa(run, abscissa, kept):
    whole = result("data/baseline/baseline.json")
    names = (
        dict.fromkeys(TESTBED_SHIFTS, "imagenet")
        if abscissa == "all_classes"
        else whole["abscissa"]
    )
    classes = whole["classes"] | {"imagenet": list(range(9))}
    for shift in (*TESTBED_SHIFTS[:1], *TESTBED_SHIFTS[2:]):
        classes[shift] = HELD[shift] if shift == "objectnet" else list(range(9))
    changed = {"abscissa": names, "classes": classes}
    write_json(Path("data/baseline/baseline.json"), whole | changed)
    run("directions", "first")
    run("robustness", "first")
    found = result("data/robustness/first/robustness.json")
    assert found["left_out"].keys() == {*TESTBED_SHIFTS} - ({kept, "objectnet"} if kept else set())
    reason = "imagenet_val has images of 5 of the 9 classes"
    assert kept or reason in found["left_out"]["imagenet_r"]
    assert found["effective_robustness"].keys() == (
        {kept, "objectnet", *MEANS, "extrapolated"} if kept else set()
    )


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


@pytest.mark.parametrize("key", KEYS)
def test_privileged_basis(run, key):
    run("privileged_basis", key)
    values = activations(key, "imagenet_val").values
    settings = Settings(rotations=6, seed=12, robust_deviations=3.0)
    expected = numbers(privileged_basis(values, 1.5, 0.1, settings))
    found = result(f"data/privileged_basis/{key}/numbers.json")
    assert list(found) == sorted(one.name for one in expected)
    for one in expected:
        for end in ("value", "low", "high", "chance"):
            assert found[one.name][end] == pytest.approx(getattr(one, end), abs=1e-5)


def write_untrained(representation: str) -> np.ndarray:
    """Write the activations of three untrained encoders."""
    values = generator("untrained", "rn").standard_normal((3, IMAGES, FEATURES)).astype(np.float32)
    folder = Path("data/untrained_activations/rn")
    write_tensors(folder / "activations.safetensors", {"activations": values})
    write_json(folder / "card.json", {"representation": representation})
    return values


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


def test_no_more_than_so_many_outlier_features_are_looked_at(run, monkeypatch):
    monkeypatch.setattr(kurtosis, "MOST_AXES", 2)
    change(kurtosis=SETTINGS["kurtosis"] | {"outlier_sigma": 0.5})
    run("directions", "first")
    run("kurtosis", "first")
    found = result("data/kurtosis/first/kurtosis.json")
    features = found["outlier_features"]["feature"]
    assert len(features) > 2 and found["axes"]["feature"] == features[:2]


def pruned(key: str, name: str, basis: Directions, classes: list[int] | None = None) -> np.ndarray:
    """Return the accuracies in percent on a test set, or on ImageNet's images of some classes."""
    weights = importance(activations(key, "imagenet_val").values, basis)
    test = activations(key, "imagenet_val" if classes else name)
    class_map = map_classes(HELD[name], CLASSES, ALIASES.get(name))
    chosen = class_map[test.classes] != ABSENT
    found = pruned_accuracies(
        test.values[chosen],
        class_map[test.classes[chosen]] if classes else test.classes,
        head(key),
        basis,
        weights,
        fractions=np.arange(5) / 5,
        class_map=class_map,
    )
    return 100 * found


@pytest.mark.parametrize("centre", ["classes", "none"])
@pytest.mark.parametrize("key", KEYS)
def test_directions(run, key, centre):
    change(directions=SETTINGS["directions"] | {"centre": centre})
    run("directions", key)
    found = result(f"data/directions/{key}/directions.json")
    assert found["centre"] == centre and found["fractions"] == [0.0, 0.2, 0.4, 0.6, 0.8]
    weight, images = head(key).weight, activations(key, "imagenet_val").values
    own = {name: singular_directions(weight, name) for name in ("none", "classes")}
    moment = second_moment(images, head(key))
    random = [rotated_directions(own[centre], 7, draw) for draw in (0, 1)]
    for name, basis in own.items():
        one, weights = found["heads"][name], importance(images, basis)
        order = np.argsort(-weights)
        assert one["importance"] == pytest.approx(weights[order], rel=1e-5)
        assert one["spectrum"] == pytest.approx(spectrum_participation(basis.singular_values))
        variance = logit_variance_shares(moment, weight, basis.vectors)[order]
        assert one["logit_variance"] == pytest.approx(variance, abs=1e-5)
        curve = pruned(key, "imagenet_val", basis)
        assert one["prunable"] == prunable_fraction(np.arange(5) / 5, curve, 20.0)
        assert one["accuracy"]["imagenet"][0] == pytest.approx(
            100 * accuracy(key, "imagenet_val").fraction, abs=1e-4
        )
    curves = [found["heads"][centre]["accuracy"], *found["random_heads"]["accuracy"]]
    for curve, basis in zip(curves, (own[centre], *random), strict=True):
        fewer = {on_classes(name): name for name in ("imagenet_r", "objectnet")}
        assert curve.keys() == {*(name.removesuffix("_val") for name in TEST_SETS), *fewer}
        for name in TEST_SETS:
            expected = pruned(key, name, basis)
            assert curve[name.removesuffix("_val")] == pytest.approx(expected, abs=1e-4)
        for name, shift in fewer.items():
            assert curve[name] == pytest.approx(pruned(key, shift, basis, HELD[shift]), abs=1e-4)
    sorted_weights = [np.sort(importance(images, basis))[::-1] for basis in random]
    expected = np.mean(sorted_weights, axis=0)
    assert found["random_heads"]["importance"] == pytest.approx(expected, rel=1e-4)
    assert found["mean_row"] == pytest.approx(asdict(mean_row(weight)), abs=1e-5)
    arrays = read_tensors(Path(f"data/directions/{key}/directions.safetensors"))
    np.testing.assert_array_equal(arrays["directions"], own[centre].vectors)
    np.testing.assert_array_equal(arrays["singular_values"], own[centre].singular_values)
    np.testing.assert_array_equal(arrays["importance"], importance(images, own[centre]))
    features = logit_variance_shares(moment, weight)
    np.testing.assert_array_equal(arrays["feature_logit_variance"], features)


@pytest.mark.parametrize("abscissa", ["all_classes", "shift_classes"])
def test_prunable_is_by_accuracy_and_by_the_robustness_at_the_lines_of_the_baseline(run, abscissa):
    whole = result("data/baseline/baseline.json")
    if abscissa == "all_classes":
        whole["abscissa"] = dict.fromkeys(TESTBED_SHIFTS, "imagenet")
        write_json(Path("data/baseline/baseline.json"), whole)
    run("directions", "first")
    run("robustness", "first")
    curves = result("data/directions/first/directions.json")["heads"]["classes"]["accuracy"]
    found = result("data/robustness/first/robustness.json")
    expected = []
    for shift in TESTBED_SHIFTS:
        name = on_classes(shift) if abscissa == "shift_classes" else "imagenet"
        start = curves.get(name, curves["imagenet"])
        above = [
            effective_robustness(x / 100, y / 100, LINES[shift])
            for x, y in zip(start, curves[shift], strict=True)
        ]
        assert above[0] == pytest.approx(found["effective_robustness"][shift]["value"], abs=1e-4)
        expected.append(above)
    robust = np.mean(expected, axis=0)
    one = found["pruned"]["head"]
    assert found["pruned"]["robustness"] == pytest.approx(robust, abs=1e-4)
    fractions, imagenet = np.arange(5) / 5, np.array(curves["imagenet"])
    assert one["by_accuracy"] == prunable_fraction(fractions, imagenet, 20.0)
    assert one["by_robustness"] == prunable_fraction(fractions, robust, 20.0)
    assert one["prunable"] == min(one["by_accuracy"], one["by_robustness"])
    said = result("data/robustness/first/numbers.json")
    assert said["prunable"]["value"] == one["prunable"]
    random = [each["prunable"] for each in found["pruned"]["random_heads"]]
    assert len(random) == 2 and said["prunable"]["chance"] == pytest.approx(np.mean(random))


def counts_in(found: dict) -> EncodedConcepts:
    """Read the counts of concepts that a result holds."""
    return EncodedConcepts(**{name: found[name] for name in EncodedConcepts.__annotations__})


@pytest.mark.parametrize("key", KEYS)
def test_broden(run, key):
    weights = {}
    for encoder in KEYS:
        found = singular_directions(head(encoder).weight)
        weights[encoder] = generator(encoder, "importance").random(len(found.vectors))
        arrays = {"directions": found.vectors, "singular_values": found.singular_values}
        arrays["importance"] = weights[encoder]
        write_tensors(Path(f"data/directions/{encoder}/directions.safetensors"), arrays)
    left_out = [{"number": n, "images": images} for n, images in ((1, 0), (2, 2), (9, IMAGES))]
    write_json(Path("data/broden_labels/left_out.json"), left_out)
    run("broden", key)
    targets = concept_targets(
        concept_labels(), np.array(list(CATEGORIES)), IMAGES, "balanced", 8, draws=3
    )
    every = np.ones(3, np.bool_)
    groups = [Group(every, 0.6), *(Group(every, threshold) for threshold in (0.5, 0.6, 0.7))]
    groups += [Group(np.arange(3) == column, 0.6) for column in range(3)]
    values, directions = broden_activations(key), singular_directions(head(key).weight)
    found = result(f"data/concepts/{key}/concepts.json")
    assert (found["measured"], found["draws"]) == (len(CONCEPTS), 3)
    assert (found["null_draws"], found["minimum_images"], found["left_out"]) == (2, 3, 1)
    permutations = image_permutations(IMAGES, 2, 8)
    nulls = random_direction_counts(
        values, [len(directions.vectors), FEATURES], targets, groups, draws=2, seed=8, sign="either"
    )
    arrays = read_tensors(Path(f"data/concepts/{key}/precisions.safetensors"))
    ends = read_tensors(Path(f"data/concepts/{key}/extremes.safetensors"))
    listed = read_table(Path(f"data/concepts/{key}/encoded.csv"), ["basis", "side"])
    for basis, each, random in zip(
        ("directions", "features"), (directions, None), nulls, strict=True
    ):
        expected = probe(
            values, each, targets, groups, sign="either", images=3, permutations=permutations
        )
        np.testing.assert_array_equal(arrays[basis], expected.precisions)
        np.testing.assert_array_equal(arrays[f"{basis}_negative"], expected.negative)
        assert expected.extremes is not None and expected.extremes.top.shape[1] == 3
        for name, images in asdict(expected.extremes).items():
            np.testing.assert_array_equal(ends[f"{basis}_{name}"], images)
        counts = found[basis]
        assert [row["threshold"] for row in counts["sweep"]] == [0.5, 0.6, 0.7]
        by_category = [counts["categories"][name] for name in CATEGORIES.values()]
        for one, own in zip((counts, *counts["sweep"], *by_category), expected.counts, strict=True):
            assert asdict(counts_in(one)) == pytest.approx(asdict(own), abs=1e-6)
        for null, levels in (("permuted", expected.permuted), ("random", random)):
            for one, level in zip((counts, *counts["sweep"], *by_category), levels, strict=True):
                assert one[null] == pytest.approx(asdict(level.drawn), abs=1e-6)
                against_all = one[f"over_all_{null}"]
                assert against_all == pytest.approx(asdict(level.over_all), abs=1e-6)
        assert counts["over_all"] == expected.over_all[0].unique_concepts
        chance = best_direction_chance(
            expected.precisions, targets.positives, IMAGES - targets.positives, sides=2
        )
        assert counts["discovered"] == np.count_nonzero(discoveries(chance, 0.2))
        places = list(range(FEATURES)) if each is None else np.argsort(-weights[key]).tolist()
        pairs = [
            {
                "number": number,
                "side": "negative" if expected.negative[place, column] else "positive",
                "concept": concept["name"],
                "category": concept["category"],
                "precision": round(float(expected.precisions[place, column]), 4),
            }
            for number, place in enumerate(places, 0 if each is None else 1)
            for column, concept in enumerate(CONCEPTS)
            if expected.precisions[place, column] >= 0.6
        ]
        assert counts["names"] == sorted({f"{p['concept']} ({p['category']})" for p in pairs})
        assert counts["encoded"] == pairs and {row["side"] for row in pairs} > {"positive"}
        rows = [row for row in listed if row["basis"] == basis]
        assert rows == [{k: str(v) for k, v in ({"basis": basis} | row).items()} for row in pairs]


def test_broden_labels(run, study, monkeypatch):
    change(presence={"pixels": 0.1})
    left_out = []

    def without_the_first(shown):
        kept = can_be_probed(shown)
        left_out.append(int(np.flatnonzero(kept)[0]))
        kept[left_out[0]] = False
        return kept

    monkeypatch.setattr(broden_labels, "can_be_probed", without_the_first)
    run("broden_labels")
    pairs = read_tensors(Path("data/broden_labels/labels.safetensors"))
    with open_broden(Path("data/datasets/broden")) as broden:
        shown = concept_presence(broden, 0.1)
    column = {concept.number: i for i, concept in enumerate(broden.concepts)}
    found = list(zip(pairs["concept"].tolist(), pairs["image"].tolist(), strict=True))
    assert found == sorted(found)
    kept = [c["number"] for c in result("data/broden_labels/concepts.json")]
    expected = {(n, i) for n in kept for i in np.flatnonzero(shown[:, column[n]]).tolist()}
    assert set(found) == expected
    images = shown.sum(axis=0)
    images[left_out[0]] = 0
    least = load_tree(Path("params.yaml"))["concepts"]["minimum_images"]
    assert kept == [n for n, i in column.items() if least <= images[i] < len(shown)]
    unkept = result("data/broden_labels/left_out.json")
    assert [c["number"] for c in unkept] == [n for n in column if n not in kept]
    counts = [int(shown[:, column[c["number"]]].sum()) for c in unkept]
    assert [c["images"] for c in unkept] == counts


def write_grams() -> dict[str, dict[str, np.ndarray]]:
    """Write and return the Gram matrices of both encoders' layers; `c` has outlier features."""
    grams = {}
    for key, layers in (("first", ["stem", "block"]), ("second", ["a", "c", "b"])):
        rng = generator(key, "layers")
        features = {layer: rng.standard_normal((2, 6, 5)) for layer in layers}
        grams[key], rest = (
            {
                layer: np.stack([u_center(one[:, kept] @ one[:, kept].T) for one in rows])
                for layer, rows in features.items()
            }
            for kept in (slice(None), slice(2))
        )
        folder = Path("data/layer_grams") / key
        write_tensors(folder / "grams.safetensors", grams[key])
        rest = {layer: rest[layer] for layer in layers if layer == "c"}
        write_tensors(folder / "without_outliers.safetensors", rest)
        outliers = [3 if layer == "c" else 0 for layer in layers]
        write_json(folder / "card.json", {"layers": layers, "outliers": outliers})
        grams[f"{key} without"] = grams[key] | rest
    return grams


def test_cka(run):
    grams = write_grams()
    run("cka", "pair")
    found = result("plots/comparisons/pair.json")
    np.testing.assert_allclose(found["cka"], cka(grams["first"], grams["second"]), atol=1e-5)
    expected = cka(grams["first without"], grams["second without"])
    np.testing.assert_allclose(found["without_outliers"], expected, atol=1e-5)
    assert not np.allclose(found["cka"], expected)
    assert (found["first_outliers"], found["second_outliers"]) == ([0, 0], [0, 3, 0])
    assert (found["first"], found["second"]) == KEYS
    assert (found["first_layers"], found["second_layers"]) == (["stem", "block"], ["a", "c", "b"])


def test_cka_without_outlier_features_is_unknown_where_nothing_else_varies(run):
    write_grams()
    write_tensors(
        Path("data/layer_grams/second/without_outliers.safetensors"), {"c": np.zeros((2, 6, 6))}
    )
    run("cka", "pair")
    found = result("plots/comparisons/pair.json")
    assert [row[1] for row in found["without_outliers"]] == [None, None]
    assert [row[0] for row in found["without_outliers"]] == [row[0] for row in found["cka"]]


def test_controls(run):
    run("controls")
    found = result("plots/controls.json")
    assert found.keys() == {
        *("kurtosis", "outlier_features", "privileged_basis", "directions", "concepts"),
        *("effective_robustness", "cka"),
    }
    assert [key for key, one in found.items() if not one["as_planted"]] == []
    rows = [row for one in found.values() for row in one["controls"]]
    for row in rows:
        assert row["as_planted"] == (abs(row["found"] - row["planted"]) <= row["tolerance"] + 1e-4)
    said = " ".join(row["what"] for row in rows)
    # the settings are those of the measures, the activations those of the encoder
    for setting in (
        f"of {FEATURES} Gaussian features",
        f"of {FEATURES} features raised by 7.5 σ: share of images in which they lie beyond 1.5 σ",
        f"3 of {FEATURES} Gaussian features",
        "after a random rotation, mean of 6",
        "in steps of 20 %",
        "at an average precision of 0.6",
        "Broden labels",
        "20 intervals of 80 %",
        "3 minibatches of 12 images",
    ):
        assert setting in said, setting
    assert list(found["effective_robustness"]["coverage"][0]["shifts"]) == sorted(TESTBED_SHIFTS)


def test_controls_without_broden(run):
    write_absent("broden", Path("data/broden_labels"))
    run("controls")
    assert (
        "the study has no Broden"
        in result("plots/controls.json")["concepts"]["controls"][0]["what"]
    )


def test_published(run):
    run("published", unread=["data/study"])
    settings = PublishedSettings(**SETTINGS["published"])
    published = read_published()
    analysis = analyse(published, settings)
    expected = published_models(published, analysis, settings)
    text = Path("plots/published_models.json").read_bytes()
    assert msgspec.json.decode(text, type=PublishedModels) == expected
    found = published_findings(published, analysis, settings)
    stored = Path("plots/published.json").read_bytes()
    assert msgspec.json.decode(stored, type=type(found)) == found
    trainings = Counter(row["training"] for row in rows("published_models"))
    assert (trainings["zero_shot"], trainings["supervised"]) == (152, 956)
    assert trainings["finetuned"] + trainings["finetuned_12k"] == 37 + 71
    assert len(rows("finetuning")) == 75 and len(rows("scaling")) == 32
    lines = {(row["choice"], row["left_out"], row["shift"]): row for row in rows("published_lines")}
    assert float(lines["default", "", "imagenet_r"]["slope"]) == pytest.approx(0.912197, abs=1e-6)


@pytest.mark.parametrize("abscissa", ["shift_classes", "all_classes"])
def test_the_published_baseline(run, abscissa):
    change(baseline=SETTINGS["baseline"] | {"abscissa": abscissa})
    unread = [f"data/datasets/{name}" for name in ("imagenet_train", *TEST_SETS)]
    run("baseline", unread=[*unread, "data/baselines"])
    found, standard = result("data/baseline/baseline.json"), standard_models()
    shifts = {shift: accuracy_fractions(standard, shift) for shift in TESTBED_SHIFTS}
    at = {
        shift: accuracy_fractions(
            standard, "imagenet" if abscissa == "all_classes" else on_classes(shift)
        )
        for shift in TESTBED_SHIFTS
    }
    lines, draws = baseline_lines(at, shifts, 20, 9, family_numbers(standard))
    counts = {name: len(held) for name, held in found["classes"].items()}
    assert counts == dict(
        zip(("imagenet", *TESTBED_SHIFTS), (1000, 1000, 200, 1000, 113, 200), strict=True)
    )
    fits = [
        round(found["lines"][s]["r_squared"], 3) for s in ("imagenet_r", "imagenet_a", "objectnet")
    ]
    testbed = [0.888, 0.814, 0.952] if abscissa == "shift_classes" else [0.876, 0.756, 0.941]
    assert fits == testbed
    assert found["source"] == "published"
    assert [model["name"] for model in found["models"]] == [model["name"] for model in standard]
    for shift, line in lines.items():
        assert found["lines"][shift] == pytest.approx(asdict(line), rel=1e-5)
        for part, values in asdict(draws[shift]).items():
            np.testing.assert_allclose(found["resampled"][shift][part], values, rtol=1e-5)


def test_the_trained_baseline_learns_from_the_train_set_alone(run, study, monkeypatch):
    for name in TESTBED_SHIFTS[2:]:
        write_absent(name, DATASETS / name)
    shutil.copytree(DATASETS / "imagenet_val", DATASETS / "imagenet_train")
    shutil.copytree(DATASETS / "imagenet_v2", DATASETS / "imagenet_r")
    merge_a_class("imagenet_r")
    change(baseline=SETTINGS["baseline"] | {"source": "trained"})
    asked: list[Any] = []
    names = ("imagenet", *TESTBED_SHIFTS[:2], *map(on_classes, TESTBED_SHIFTS[:2]))
    accuracies: dict[str, dict[str, float]] = {
        f"model {i}": dict(zip(names, (30.0 + i, 20 + i, 35 + i, 40 + i, 50 - i), strict=True))
        for i in range(5)
    }
    accuracies["guesser"] = accuracies["model 0"] | {"imagenet_r": 0.5}
    measure = lambda *given: asked.extend(given) or accuracies  # noqa: E731
    monkeypatch.setattr(baseline, "standard_model_accuracies", measure)
    run("baseline", unread=[*UNREAD_TABLES, "data/baselines"])
    train, imagenet, shifts, *settings = asked
    assert settings == [9]
    assert list(shifts) == [*TESTBED_SHIFTS[:2]]
    sets = {"imagenet_train": train, "imagenet_val": imagenet, **shifts}
    for name, found in sets.items():
        with open_shards(DATASETS / name) as data:
            assert found.class_indices.tolist() == data.card.class_indices
            assert found.aliases == (ALIAS if name == "imagenet_r" else {})
            np.testing.assert_array_equal(found.classes, data.classes)
            np.testing.assert_array_equal(found.images[-1], data[len(data) - 1])
    expected = [{"name": name, **row} for name, row in accuracies.items()]
    found = result("data/baseline/baseline.json")
    assert found["models"] == expected
    assert found["abscissa"] == {shift: on_classes(shift) for shift in TESTBED_SHIFTS[:2]}
    assert found["lines"]["imagenet_r"]["low"] == pytest.approx(0.46)
    assert found["classes"]["imagenet"] == imagenet.class_indices.tolist()
    assert found["at_chance"] == {"imagenet_v2": [], "imagenet_r": ["guesser"]}
    assert {shift: line["models"] for shift, line in found["lines"].items()} == {
        **{"imagenet_v2": 6, "imagenet_r": 5}
    }
    for shift, chance in found["chance"].items():
        classes = len(found["classes"][shift])
        guessing = Guessing(len(shifts[shift].images), classes)
        assert chance == pytest.approx(
            {"accuracy": 100 / classes, "above": 100 * guessing.above}, abs=1e-4
        )


def test_a_shift_on_which_few_standard_models_are_above_chance_has_no_line(run, study, monkeypatch):
    for name in TESTBED_SHIFTS[2:]:
        write_absent(name, DATASETS / name)
    shutil.copytree(DATASETS / "imagenet_val", DATASETS / "imagenet_train")
    shutil.copytree(DATASETS / "imagenet_v2", DATASETS / "imagenet_r")
    change(baseline=SETTINGS["baseline"] | {"source": "trained"})
    row = dict.fromkeys(
        ("imagenet", *TESTBED_SHIFTS[:2], *map(on_classes, TESTBED_SHIFTS[:2])), 60.0
    )
    accuracies = {f"model {i}": row | {"imagenet_on_v2_classes": 50.0 + i} for i in range(4)}
    for i in range(2):
        accuracies[f"model {i}"]["imagenet_r"] = 0.5
    monkeypatch.setattr(baseline, "standard_model_accuracies", lambda *_: accuracies)
    run("baseline", unread=[*UNREAD_TABLES, "data/baselines"])
    made = result("data/baseline/baseline.json")
    assert made["lines"].keys() == made["resampled"].keys() == {"imagenet_v2"}
    assert made["at_chance"] == {"imagenet_v2": [], "imagenet_r": ["model 0", "model 1"]}


OWN_SHIFTS = {
    "alone": {"baseline": "none", "classes": [1, 3]},
    "listed": {"baseline": "published", "classes": [0, 2, 4]},
}
OWN_MODELS = [(30.0 + 9 * i, 40.0 + 7 * i + i % 2) for i in range(6)]
"""Accuracies of standard models on ImageNet's images of a shift's classes, and on the shift."""


@pytest.fixture
def own_shifts(monkeypatch) -> None:
    """Give the study shifts of its own: one without standard models, one with a table of them."""
    for name, facts in OWN_SHIFTS.items():
        monkeypatch.setitem(HELD, name, facts["classes"])
        write_card(
            DatasetCard(
                dataset=name,
                images=IMAGES,
                classes=list("abcde"),
                class_indices=facts["classes"],
                source="folder",
                licence="none",
                shards={},
            ),
            Path("data/shifts") / name,
        )
    write_shift_names(Path("data/shifts"), list(OWN_SHIFTS))
    entry = {"kind": "own", "source": "folder", "folder": "x", "classes": "all"}
    shifts = {
        name: entry | {"label": name.title(), "baseline": facts["baseline"]}
        for name, facts in OWN_SHIFTS.items()
    }
    change(shifts=shifts)
    Path("data/baselines").mkdir()
    rows = [f"m{i},{x},{y}" for i, (x, y) in enumerate(OWN_MODELS)]
    rows.append("guesser,20,33")
    table = "\n".join(["model,imagenet_on_classes,shift", *rows])
    Path("data/baselines/listed.csv").write_text(f"{table}\n")
    for key in KEYS:
        folder = Path("data/activations") / key
        for name in OWN_SHIFTS:
            write_activations(folder, name, **vars(activations(key, name)))
        kind = "rectified" if key == "first" else "linear"
        write_activations_card(folder, kind, FEATURES, [*TESTBED_SHIFTS, *OWN_SHIFTS])


@pytest.mark.usefixtures("own_shifts")
def test_the_baseline_of_an_own_shift_is_that_of_its_table(run):
    unread = [f"data/datasets/{name}" for name in ("imagenet_train", *TEST_SETS)]
    run("baseline", unread=unread)
    found = result("data/baseline/baseline.json")
    assert found["no_baseline"] == ["alone"]
    assert found["classes"]["listed"] == [0, 2, 4]
    assert found["abscissa"]["listed"] == "imagenet_on_listed_classes"
    guessing = Guessing(IMAGES, 3)
    assert found["chance"]["listed"]["above"] == pytest.approx(100 * guessing.above, abs=1e-4)
    assert found["at_chance"]["listed"] == [
        *(f"m{i}" for i, (_, y) in enumerate(OWN_MODELS) if y < 100 * guessing.above - 1e-6),
        "guesser",
    ]
    x, y = (np.array(values) / 100 for values in zip(*OWN_MODELS, (20.0, 33.0), strict=True))
    y = np.where(y < guessing.above - 1e-6, np.nan, y)
    lines, draws = baseline_lines({"listed": x}, {"listed": y}, 20, 9)
    assert found["lines"]["listed"] == pytest.approx(asdict(lines["listed"]), rel=1e-5)
    slopes = found["resampled"]["listed"]["slope"]
    np.testing.assert_allclose(slopes, draws["listed"].slope, rtol=1e-5)
    assert [m["name"] for m in found["own_models"]["listed"]][-1] == "guesser"
    # The testbed's own lines do not know of the shift.
    write_shift_names(Path("data/shifts"), [])
    change(shifts={})
    tree = load_tree(Path("params.yaml")) | {"shifts": {}}
    Path("params.yaml").write_text(yaml.safe_dump(tree))
    run("baseline", unread=[*unread, "data/baselines"])
    without = result("data/baseline/baseline.json")
    assert without.keys() == found.keys() - {"no_baseline", "own_models"}
    for part in ("lines", "resampled", "chance", "at_chance", "abscissa", "classes"):
        assert {k: v for k, v in found[part].items() if k != "listed"} == without[part]


@pytest.mark.usefixtures("own_shifts")
def test_own_shifts_stand_beside_the_mean_and_never_in_it(run):
    key = "first"
    write_activations_card(Path("data/activations") / key, "rectified", FEATURES, TESTBED_SHIFTS)
    run("directions", key)
    run("robustness", key)
    before = result(f"data/robustness/{key}/robustness.json")
    assert "own" not in before
    names = [*TESTBED_SHIFTS, *OWN_SHIFTS]
    write_activations_card(Path("data/activations") / key, "rectified", FEATURES, names)
    baseline = result("data/baseline/baseline.json")
    line = LogitLine(0.9, -0.2, 0.8, 9, 0.3, 0.4)
    drawn = ResampledLines(np.array([0.8, 0.9, 1.0]), np.array([-0.2, 0.0, 0.1]))
    baseline["lines"]["listed"] = asdict(line)
    baseline["resampled"]["listed"] = asdict(drawn)
    baseline["abscissa"]["listed"] = on_classes("listed")
    baseline["classes"]["listed"] = [0, 2, 4]
    baseline["at_chance"]["listed"] = []
    baseline["no_baseline"] = ["alone"]
    write_json(Path("data/baseline/baseline.json"), baseline)
    run("directions", key)
    run("robustness", key)
    found = result(f"data/robustness/{key}/robustness.json")
    for part in ("effective_robustness", "pruned"):
        assert found[part] == before[part]
    curves = result(f"data/directions/{key}/directions.json")["heads"]["classes"]["accuracy"]
    settings = SETTINGS["robustness"]
    for name, facts in OWN_SHIFTS.items():
        measured, at = accuracy(key, name), accuracy(key, "imagenet_val", name)
        own = found["own"][name]
        interval = accuracy_interval(measured, settings["confidence"])
        expected = {end: 100 * value for end, value in asdict(interval).items()}
        assert own["accuracy"] == pytest.approx(expected, abs=1e-5)
        assert own["imagenet"] == pytest.approx(100 * at.fraction, abs=1e-5)
        assert own["chance"] == pytest.approx(100 / len(facts["classes"]), abs=1e-5)
        assert curves[name][0] == pytest.approx(100 * measured.fraction, abs=1e-5)
        assert curves[on_classes(name)][0] == pytest.approx(100 * at.fraction, abs=1e-5)
        assert found["images"][name] == IMAGES and found["classes"][name] == len(facts["classes"])
    assert found["own"]["alone"]["robustness"] is None
    assert "alone.baseline: none" in found["left_out"]["alone"]
    assert found["left_out"].keys() == before["left_out"].keys() | {"alone"}
    at, measured = accuracy(key, "imagenet_val", "listed"), accuracy(key, "listed")
    points = effective_robustness(at.fraction, measured.fraction, line)
    own = found["own"]["listed"]
    assert own["robustness"]["value"] == pytest.approx(points, abs=1e-5)
    assert own["extrapolated"] == line.is_extrapolated(at.fraction)
    numbers = result(f"data/robustness/{key}/numbers.json")
    assert numbers["robustness_listed"]["value"] == own["robustness"]["value"]
    assert numbers["accuracy_alone"]["chance"] == pytest.approx(50.0)
    assert numbers["robustness"]["value"] == before["effective_robustness"]["mean"]["value"]


CURVE = {"loss": [2.5, 1.5], "accuracy": [0.25, 0.5], "learning_rate": [0.1, 0.2]}


@pytest.fixture
def measured(run) -> None:
    """Run the measures of both encoders, the second of which was trained here."""
    write_json(Path("data/training/first/ready.json"), {})
    for metric, (one, other) in CURVE.items():
        file = Path("data/training/second/plots/metrics") / f"{metric}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"step\t{metric}\n1\t{one}\n2\t{other}\n")
    for key in KEYS:
        for stage in ("directions", "robustness", "kurtosis", "broden", *further_measures()):
            run(stage, key)
        run("summarize", key)


@pytest.mark.usefixtures("measured")
def test_summarize():
    for key in KEYS:
        series, shown = (result(f"{x}/encoders/{key}.json") for x in ("plots", "metrics"))
        assert set(series["numbers"]) == {
            *("robustness", "kurtosis", "directions", "concepts", *further_measures())
        }
        said = [one for found in series["numbers"].values() for one in found]
        expected = {one["headline"]: one["value"] for one in said if one["headline"]}
        # the study draws its ImageNet, and so says of what its accuracies are
        expected |= {f"drawn_{name}": expected.pop(name) for name in ("imagenet", "shifts")}
        assert shown == pytest.approx(expected, abs=1e-3)
        metrics = series["measures"]
        assert shown["robust"] == pytest.approx(metrics["effective_robustness"]["mean"], abs=1e-3)
        robust, peaked = (
            result(f"data/{name}.json")
            for name in (f"robustness/{key}/robustness", f"kurtosis/{key}/kurtosis")
        )
        directions = result(f"data/directions/{key}/directions.json")
        concepts = result(f"data/concepts/{key}/concepts.json")
        assert metrics["accuracy"] == pytest.approx(robust["accuracy"], abs=1e-3)
        estimates = robust["effective_robustness"]
        outside = estimates.pop("extrapolated")
        for kind in ("natural", "style"):
            shown_mean = metrics["effective_robustness"].pop(kind)
            assert shown_mean == pytest.approx(estimates.pop(kind), abs=1e-3)
        expected = {name: one["value"] for name, one in estimates.items()}
        expected |= {f"mean_{end}": estimates["mean"][end] for end in ("low", "high")}
        assert metrics["effective_robustness"].pop("extrapolated") == outside
        assert metrics["effective_robustness"] == pytest.approx(expected, abs=1e-3)
        mean, low, high = (metrics["kurtosis"][name] for name in ("mean", "low", "high"))
        expected = {"value": mean, "low": low, "high": high}
        assert expected == pytest.approx(peaked["kurtosis"], abs=1e-3)
        assert metrics["directions"]["prunable"] == robust["pruned"]["head"]["prunable"]
        own = directions["heads"][directions["centre"]]
        assert metrics["directions"]["by_accuracy"] == own["prunable"]
        for basis in ("directions", "features"):
            unique = concepts[basis]["unique_concepts"]
            assert metrics["concepts"][f"unique_{basis}"] == unique
        assert series["importance"]["head"] == own["importance"]
        assert series["representation"] == peaked["representation"]
        points = [(one["step"], one["loss"], one["accuracy"]) for one in series["training_curve"]]
        assert points == ([] if key == "first" else [(1, 2.5, 25.0), (2, 1.5, 50.0)])


def test_summarize_baseline(run):
    run("summarize_baseline")
    found = result("plots/baseline.json")
    for shift, line in LINES.items():
        assert found["lines"][shift] == pytest.approx(asdict(line))
    assert [model["name"] for model in found["models"]] == ["standard"]
    assert found["abscissa"] == result("data/baseline/baseline.json")["abscissa"]
    assert "resampled" not in found


@pytest.mark.usefixtures("measured")
def test_report(run):
    run("summarize_baseline")
    run("controls")
    layers = {"first_layers": ["stem"], "second_layers": ["a", "b"], "cka": [[0.25, 0.75]]}
    layers |= {"first_outliers": [0], "second_outliers": [0, 2], "without_outliers": [[0.25, 0.5]]}
    pair = {"first": "first", "second": "second", **layers}
    write_json(Path("plots/comparisons/pair.json"), pair)
    write_untrained("linear")
    run("untrained", "rn")
    for folder in ("plots/encoders", "plots/untrained", "plots/comparisons"):
        Path(folder, "removed.json").write_text("{}")
    run("report")
    labels = ["the second", "the first"]
    for table in ("effective_robustness", "kurtosis", "importance", "pruning", "concepts", "sweep"):
        found = [row["label"] for row in rows(table) if row["label"].startswith("the ")]
        assert list(dict.fromkeys(found)) == labels, table
    for row, key in zip(rows("kurtosis"), reversed(KEYS), strict=True):
        expected = result(f"plots/encoders/{key}.json")["measures"]["kurtosis"]["mean"]
        assert float(row["kurtosis"]) == pytest.approx(expected)
    null = result("plots/untrained/rn.json")["numbers"]["kurtosis"]
    linear, rectified = rows("kurtosis")
    assert float(linear["null"]) == pytest.approx(np.mean(null), abs=1e-5)
    assert float(linear["null_high"]) == pytest.approx(max(null), abs=1e-5)
    assert rectified["null"] == ""
    assert [row["label"] for row in rows("training")] == ["the second"] * 2
    for row, layer, value in zip(rows("cka"), "ab", ("0.25", "0.75"), strict=True):
        assert (row["first_label"], row["second_label"]) == ("the first", "the second")
        assert (row["second_layer"], row["cka"]) == (layer, value)
    page, image = Path("plots/report.html"), Path("plots/effective_robustness.svg")
    study = load_tree(Path("params.yaml"))["study"]
    words = (*labels, study["title"], study["description"])
    assert all(word in page.read_text() for word in words)
    assert image.read_text().startswith("<svg")


def test_published_page(run):
    run("published", unread=["data/study"])
    run("published_page")
    card = result("plots/published_models.json")["models"][0]
    model, expected = card["name"], card["robustness"]["default"]["shifts"]
    drawn = {one["shift"]: one for one in rows("published") if one["label"] == model}
    assert {NAMES[shift] for shift in expected} == drawn.keys()
    for shift, points in expected.items():
        assert float(drawn[NAMES[shift]]["effective_robustness"]) == pytest.approx(points)
    assert Path("plots/published.svg").read_text().startswith("<svg")
    assert model in Path("plots/published.html").read_text()


def rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(f"plots/{table}.csv").read_text().splitlines()))


def test_study(run):
    Path("params.yaml").write_text(NANO.read_text())
    run("study")
    assert result("data/study/legal.json") == {"legal": True}
    assert paths("study", "deps", "") == {"params.yaml"}


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    ("stage", "key", "damaged", "written"),
    [
        ("robustness", "first", "activations/first/imagenet_val.safetensors", "data/robustness"),
        ("kurtosis", "first", "activations/first/imagenet_val.safetensors", "data/kurtosis"),
        ("directions", "first", "activations/first/objectnet.safetensors", "data/directions"),
        ("broden", "first", "directions/first/directions.safetensors", "data/concepts"),
        ("cka", "pair", "layer_grams/second/grams.safetensors", "plots/comparisons"),
        ("summarize", "first", "kurtosis/first/kurtosis.json", "plots/encoders"),
    ],
)
def test_rot_in_a_large_file_is_refused_before_anything_is_written(
    monkeypatch, stage, key, damaged, written
):
    write_grams()
    seal()
    monkeypatch.setattr(outputs, "LARGE", 0)
    shutil.rmtree(written, ignore_errors=True)
    file = Path("data") / damaged
    content = file.read_bytes()
    if file.suffix == ".json":
        file.write_bytes(content.replace(b"0", b"1", 1))
    else:  # the lowest bit of a float32 or float64, not so near the end that it is a class
        place = len(content) - 8
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    said = refused(stage, key)
    assert said.startswith(f"{file}: expected the SHA-256 ") and "`make fsck`" in said
    assert not list(Path().glob(f"{written}/**/*.*"))
