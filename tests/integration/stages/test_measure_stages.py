"""The stages that apply measures to an encoder, or to two."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import asdict

from interpreting_clip.arrays.pooled_layer import PooledLayer, arrays_of_layers
from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import TEST_SETS, on_classes, result_name
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.result_files import write_result
from interpreting_clip.formats.tensors import write_tensors
from interpreting_clip.measures import (
    kurtosis,
    mutual_neighbours,
    participation_ratio,
    privileged_basis,
)
from interpreting_clip.measures.cka import layer_cka
from interpreting_clip.measures.directions import (
    Settings,
    directions,
    find_candidates,
)
from interpreting_clip.measures.layer_outliers import layer_outliers
from interpreting_clip.measures.outlier_axes import outlier_axes
from interpreting_clip.measures.pruning import pruning_curves
from interpreting_clip.statistics.grams import LayerGrams, u_center
from interpreting_clip.study.comparison_results import ComparisonResults
from tests.integration.stages.two_encoders import (
    CLASSES,
    KEYS,
    activations,
    generator,
    head,
    require_written,
    result,
    write_untrained,
)
from tests.pipeline.refusals import change
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("tiny")

LIMITS: dict[str, Any] = {"outlier_sigma": 1.5, "outlier_share": 0.1}


@pytest.mark.parametrize("key", KEYS)
def test_kurtosis(key):
    change(participation_ratio={"blocks": 5})
    privileged = directions(activations(key, "imagenet_val").values, head=head(key))
    write_result(Path(f"data/directions/{key}/directions.json"), privileged)
    run_stage("kurtosis", key)
    tests = {result_name(name): activations(key, name) for name in TEST_SETS}
    settings, values = Params().read("kurtosis", kurtosis.Settings), tests["imagenet"].values
    kind = "rectified" if key == "first" else "linear"
    expected = kurtosis.kurtosis(values, **asdict(settings), representation=kind)
    own = {"head": head(key), "directions": privileged, "outliers": expected.outliers}
    axes = outlier_axes(tests, **own, confidence=settings.confidence)
    require_written(f"data/kurtosis/{key}/kurtosis.json", expected)
    require_written(f"data/kurtosis/{key}/outlier_axes.json", axes)
    assert len(axes.axes) > 1 and axes.axes[0].outlier
    for measure, limits in ((participation_ratio, {}), (privileged_basis, LIMITS)):
        name = measure.__name__.rpartition(".")[2]
        settings = Params().read(name, measure.Settings)
        recorded = {"representation": kind} if measure is privileged_basis else {}
        found = getattr(measure, name)(values, **limits, **recorded, **asdict(settings))
        require_written(f"data/kurtosis/{key}/{name}.json", found)


def test_untrained():
    values = write_untrained("rectified")
    run_stage("untrained", "rn")
    found = result("plots/untrained/rn.json")
    assert (found["representation"], found["images"]) == ("rectified", values.shape[1])
    settings = Params().read("participation_ratio", participation_ratio.Settings)
    for number, images in enumerate(values):
        tails = kurtosis.kurtosis(images, **LIMITS)
        rest = kurtosis.kurtosis(images - images.mean(axis=0, dtype=np.float64)).kurtosis
        ratio = participation_ratio.participation_ratio(images, **asdict(settings))
        expected = {
            "kurtosis": tails.kurtosis.value,
            "outlier_features": tails.outliers.outlier_features,
            "centred_kurtosis": rest.value,
            "dimensions": ratio.dimensions.value,
        }
        numbers = {name: drawn[number] for name, drawn in found["numbers"].items()}
        assert numbers == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("key", "settings"), [("first", {"random_heads": 0}), ("second", {"centre": "none"})]
)
def test_directions_are_those_of_imagenet_and_are_pruned_on_every_test_set(key, settings):
    change(directions=settings)
    run_stage("directions", key)
    own, settings = head(key), Params().read("directions", Settings)
    tests = {result_name(name): activations(key, name) for name in TEST_SETS}
    imagenet = tests["imagenet"]
    for name in ("imagenet_r", "objectnet"):  # the shifts that lack some of ImageNet's classes
        tests[on_classes(name)] = imagenet.of_classes(tests[name], CLASSES)
    candidates = find_candidates(imagenet.values, own, settings)
    found = directions(imagenet.values, head=own, **asdict(settings))
    require_written(f"data/directions/{key}/directions.json", found)
    pruned = {
        name: pruning_curves(
            test.values,
            test.classes,
            own,
            # Random heads are pruned on ImageNet alone.
            candidates if name == "imagenet" else replace(candidates, random=[]),
            fractions=settings.fractions,
            class_map=test.class_map(len(own.weight)),
        )
        for name, test in tests.items()
    }
    require_written(f"data/pruning/{key}/pruning.json", pruned)


def test_layer_outliers():
    rng, layers = generator("first", "layers"), {}
    for name, width in (("stem", 5), ("block01", 9)):
        tokens = rng.standard_normal((12, 4, width)).astype(np.float32)
        sizes = np.abs(tokens).reshape(12, -1)
        layers[name] = PooledLayer(
            tokens.mean(axis=1),
            sizes.max(axis=1),
            np.median(sizes, axis=1),
            np.abs(tokens).max(axis=1).argmax(axis=1),
            np.array([4, width]),
        )
    folder = Path("data/layer_activations/first")
    write_tensors(folder / "layers.safetensors", arrays_of_layers(layers))
    write_json(folder / "card.json", {"layers": list(layers)})
    change(kurtosis={"seed": 4, "resamples": 50, "outlier_sigma": 1.2})  # no defaults
    run_stage("layer_outliers", "first")
    found = layer_outliers(
        layers, outlier_sigma=1.2, outlier_share=0.1, resamples=50, seed=4
    ).layers
    require_written("data/layer_outliers/first/layer_outliers.json", list(found.values()))
    assert list(found) == ["stem", "block01"]


def test_cka():
    grams = {}
    for key, layers in (("first", ["stem", "block"]), ("second", ["a", "c", "b"])):
        drawn = generator(key, "layers").standard_normal((len(layers), 2, 6, 5))
        whole, rest = (
            {
                layer: np.stack([u_center(rows[:, kept] @ rows[:, kept].T) for rows in batches])
                for layer, batches in zip(layers, drawn, strict=True)
            }
            for kept in (slice(None), slice(2))
        )
        rest = {layer: rest[layer] for layer in layers if layer == "c"}
        outliers = {layer: 3 if layer in rest else 0 for layer in layers}
        grams[key] = LayerGrams(whole, rest, outliers)
        folder = Path("data/layer_grams") / key
        write_tensors(folder / "grams.safetensors", whole)
        write_tensors(folder / "without_outliers.safetensors", rest)
        card = {"layers": layers, "outliers": list(outliers.values())}
        write_json(folder / "card.json", card)
    change(mutual_neighbours={"seed": 5})  # no default
    run_stage("cka", "pair")
    expected = layer_cka(*grams.values(), keys=KEYS)
    images = [activations(key, TEST_SETS[0]).values for key in KEYS]
    settings = Params().read("mutual_neighbours", mutual_neighbours.Settings)
    neighbours = mutual_neighbours.mutual_neighbours(*images, **asdict(settings))
    results = ComparisonResults(cka=expected, mutual_neighbours=neighbours)
    require_written("plots/comparisons/pair.json", results)
    assert expected.cka.tolist() != expected.without_outliers
