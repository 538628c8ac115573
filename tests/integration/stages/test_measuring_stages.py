"""The stages that measure do it on the inputs that they name, with the settings of the study."""

import csv
import importlib
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from stages import baseline, broden_labels
from stages.config.syntax import load_tree
from stages.config.test_sets import SHIFTS, TEST_SETS
from stages.datasets.broden.labels import can_be_probed, concept_presence
from stages.datasets.broden.reader import open_broden
from stages.datasets.card import write_absent
from stages.datasets.shards import open_shards
from stages.files import outputs
from stages.files.activations import Activations, write_activations, write_card, write_shifts
from stages.files.arrays import read_tensors, write_tensors
from stages.files.heads import write_head
from stages.files.json import read_json, write_json
from stages.files.published import accuracy_fractions, standard_models, zoo_models
from stages.measures.average_precision import average_precisions
from stages.measures.cka import cka
from stages.measures.concepts import (
    ConceptLabels,
    concept_targets,
    direction_precisions,
    encoded_concepts,
)
from stages.measures.directions import importance, singular_directions
from stages.measures.effective_robustness import Accuracy, estimate_effective_robustness
from stages.measures.gram import u_center
from stages.measures.head import Head, random_head
from stages.measures.intervals import bootstrap_mean
from stages.measures.kurtosis import kurtosis_and_deviations, outlier_features
from stages.measures.logit_line import LogitLine, ResampledLines, baseline_lines
from stages.measures.pruning import prunable_fraction, pruned_accuracies
from stages.reporting.names import SHIFTS as NAMES
from tests.integration.stages.conftest import ALIAS, merge_a_class, paths
from tests.pipeline.refusals import change, refused
from tests.pipeline.workspace import NANO
from tests.reads import ROOT, seal

DATASETS = Path("data/datasets")
KEYS = ("first", "second")
FEATURES, CLASSES, IMAGES = 8, 5, 40
HELD = {name: [0, 1, 2, 3, 4] for name in TEST_SETS} | {"imagenet_r": [1, 3], "objectnet": [0, 2]}
ALIASES = {"objectnet": {4: 2}}
CATEGORIES = {3: "color", 5: "part", 8: "object"}
CONCEPTS = [{"number": n, "name": f"c{n}", "category": name} for n, name in CATEGORIES.items()]
SETTINGS: dict[str, dict[str, Any]] = {
    "robustness": {"seed": 5, "confidence": 0.8},
    "kurtosis": {
        **{"resamples": 50, "seed": 6, "confidence": 0.7},
        **{"outlier_sigma": 1.5, "outlier_share": 0.1},
    },
    "directions": {"pruning_steps": 5, "harmless": 20.0, "random_head_seed": 7},
    "concepts": {"negatives": "balanced", "seed": 8, "threshold": 0.6, "sweep": [0.5, 0.6, 0.7]},
    "baseline": {"source": "published", "components": 2, "seed": 9, "threads": 1, "resamples": 20},
    "published": {"resamples": 30, "seed": 10, "confidence": 0.6},
}
LINES = {shift: LogitLine(0.8 + 0.1 * i, -0.1 * i, 0.9, 9) for i, shift in enumerate(SHIFTS)}
RESAMPLED = {
    shift: ResampledLines(np.array([0.7, 0.8 + 0.1 * i, 1.0]), np.array([-0.2, 0.0, 0.1 * i]))
    for i, shift in enumerate(SHIFTS)
}


@pytest.fixture(autouse=True)
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write two encoders' activations and heads, other numbers for each, and the study."""
    monkeypatch.chdir(tmp_path)
    for name in ("data/reference", ".dvc/plots"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).symlink_to(ROOT / name)
    study = yaml.safe_load(NANO.read_text()) | SETTINGS
    entry = study["encoders"]["rn_untrained"]
    entry["training"] = "supervised"
    study["encoders"] = {key: entry | {"label": f"the {key}"} for key in reversed(KEYS)}
    study["comparisons"] = {"pair": {"first": "first", "second": "second"}}
    Path("params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    models = [{"name": "standard", **dict.fromkeys(("imagenet", *SHIFTS), 50.0)}]
    lines = {shift: asdict(line) for shift, line in LINES.items()}
    resampled = {shift: asdict(lines) for shift, lines in RESAMPLED.items()}
    baseline = {"lines": lines, "resampled": resampled, "models": models}
    write_json(Path("data/baseline/baseline.json"), baseline)
    for key in KEYS:
        imagenet, shifts = Path("data/activations") / key, Path("data/shift_activations") / key
        for name in TEST_SETS:
            folder = shifts if name in SHIFTS else imagenet
            write_activations(folder, name, **vars(activations(key, name)))
        write_card(imagenet, "rectified" if key == "first" else "linear", FEATURES)
        write_shifts(shifts, SHIFTS)
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


def accuracy(key: str, name: str) -> float:
    """Return the share of images whose class has the highest logit of those that the set holds."""
    test, own = activations(key, name), head(key)
    unit = test.values / np.linalg.norm(test.values, axis=1, keepdims=True)
    logits = unit @ own.weight.T + own.bias
    counts_as = {class_: class_ for class_ in HELD[name]} | dict(test.aliases)
    possible = sorted(counts_as)
    predicted = [counts_as[possible[row.argmax()]] for row in logits[:, possible]]
    return float(np.mean(np.array(predicted) == test.classes))


def result(path: str) -> Any:
    return read_json(Path(path))


@pytest.mark.parametrize("key", KEYS)
def test_robustness(run, key):
    run("robustness", key)
    found = result(f"data/robustness/{key}/robustness.json")
    shares = {name: accuracy(key, name) for name in TEST_SETS}
    assert len(set(shares.values())) > 3
    expected = {name.removesuffix("_val"): 100 * share for name, share in shares.items()}
    assert found["accuracy"] == pytest.approx(expected, abs=1e-4)
    assert found["images"] == dict.fromkeys(expected, IMAGES)
    estimate = estimate_effective_robustness(
        Accuracy(shares["imagenet_val"], IMAGES),
        {shift: Accuracy(shares[shift], IMAGES) for shift in SHIFTS},
        LINES,
        RESAMPLED,
        confidence=0.8,
        seed=5,
    )
    measured = found["effective_robustness"]
    for name, one in {**estimate.shifts, "mean": estimate.mean}.items():
        assert measured[name] == pytest.approx(asdict(one), abs=1e-4)
        assert measured[name]["low"] < measured[name]["high"]
    for shift, line in LINES.items():
        assert found["baseline"]["lines"][shift] == pytest.approx(asdict(line))
    assert [model["name"] for model in found["baseline"]["models"]] == ["standard"]


@pytest.mark.parametrize("key", KEYS)
def test_kurtosis(run, key):
    run("kurtosis", key)
    found = result(f"data/kurtosis/{key}/kurtosis.json")
    of_images, deviations = kurtosis_and_deviations(activations(key, "imagenet_val").values, 1.5)
    assert found["kurtosis"] == pytest.approx(asdict(bootstrap_mean(of_images, 50, 0.7, 6)))
    outliers = outlier_features(deviations, 0.1)
    assert found["outlier_features"]["feature"] == outliers.feature.tolist()
    assert found["representation"] == ("rectified" if key == "first" else "linear")
    features = read_tensors(Path(f"data/kurtosis/{key}/features.safetensors"))
    for name, values in asdict(deviations).items():
        np.testing.assert_array_equal(features[name], values)


@pytest.mark.parametrize("key", KEYS)
def test_directions(run, key):
    run("directions", key)
    found = result(f"data/directions/{key}/directions.json")
    own = singular_directions(head(key).weight)
    null = singular_directions(random_head(head(key).weight, 7))
    assert (len(own.vectors), len(null.vectors)) == (5 if key == "first" else 3, 5)
    assert found["fractions"] == [0.0, 0.2, 0.4, 0.6, 0.8]
    curves = found["accuracy"]
    for name in TEST_SETS:
        expected = 100 * accuracy(key, name)
        for curve in curves.values():
            assert curve[name.removesuffix("_val")][0] == pytest.approx(expected, abs=1e-4)
    test = activations(key, "imagenet_val")
    for name, basis in (("random_head", null), ("head", own)):
        weights = importance(test.values, basis)
        assert found["importance"][name] == pytest.approx(sorted(weights, reverse=True), rel=1e-5)
        pruned = 100 * pruned_accuracies(
            test.values,
            test.classes,
            head(key),
            basis,
            weights,
            fractions=np.array(found["fractions"]),
        )
        assert curves[name]["imagenet"] == pytest.approx(pruned, abs=1e-4)
    assert found["prunable"] == prunable_fraction(np.array(found["fractions"]), pruned, 20.0)
    arrays = read_tensors(Path(f"data/directions/{key}/directions.safetensors"))
    np.testing.assert_array_equal(arrays["directions"], own.vectors)
    np.testing.assert_array_equal(arrays["singular_values"], own.singular_values)
    np.testing.assert_array_equal(arrays["importance"], weights)


@pytest.mark.parametrize("key", KEYS)
def test_broden(run, key):
    for encoder in KEYS:
        found = singular_directions(head(encoder).weight)
        arrays = {"directions": found.vectors, "singular_values": found.singular_values}
        write_tensors(Path(f"data/directions/{encoder}/directions.safetensors"), arrays)
    run("broden", key)
    targets = concept_targets(concept_labels(), np.array(list(CATEGORIES)), IMAGES, "balanced", 8)
    values, directions = broden_activations(key), singular_directions(head(key).weight)
    expected = {
        "directions": direction_precisions(values, directions, targets),
        "features": average_precisions(values, targets),
    }
    found = result(f"data/concepts/{key}/concepts.json")
    arrays = read_tensors(Path(f"data/concepts/{key}/precisions.safetensors"))
    assert found["measured"] == len(CONCEPTS)
    for basis, precisions in expected.items():
        np.testing.assert_array_equal(arrays[basis], precisions)
        counts = found[basis]
        unique = [encoded_concepts(precisions, t).unique_concepts for t in (0.5, 0.6, 0.7)]
        assert counts["unique_concepts"] == unique[1]
        assert [row["unique_concepts"] for row in counts["sweep"]] == unique
        assert [row["threshold"] for row in counts["sweep"]] == [0.5, 0.6, 0.7]
        for column, category in enumerate(CATEGORIES.values()):
            own = encoded_concepts(precisions[:, [column]], 0.6).unique_concepts
            assert counts["categories"][category]["unique_concepts"] == own


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
    assert kept == [n for n, i in column.items() if 0 < images[i] < len(shown)]
    unkept = [c["number"] for c in result("data/broden_labels/left_out.json")]
    assert unkept == [n for n in column if n not in kept]


def write_grams() -> dict[str, dict[str, np.ndarray]]:
    """Write and return the Gram matrices of both encoders' layers."""
    grams = {}
    for key, layers in (("first", ["stem", "block"]), ("second", ["a", "c", "b"])):
        rng = generator(key, "layers")
        features = {layer: rng.standard_normal((2, 6, 5)) for layer in layers}
        grams[key] = {
            layer: np.stack([u_center(one @ one.T) for one in rows])
            for layer, rows in features.items()
        }
        folder = Path("data/layer_grams") / key
        write_tensors(folder / "grams.safetensors", grams[key])
        write_json(folder / "card.json", {"layers": layers})
    return grams


def test_cka(run):
    grams = write_grams()
    run("cka", "pair")
    found = result("plots/comparisons/pair.json")
    np.testing.assert_allclose(found["cka"], cka(grams["first"], grams["second"]), atol=1e-5)
    assert (found["first"], found["second"]) == KEYS
    assert (found["first_layers"], found["second_layers"]) == (["stem", "block"], ["a", "c", "b"])


def test_published(run):
    run("published", unread=["data/study"])
    standard, zoo = standard_models(), zoo_models()
    shifts = {shift: accuracy_fractions(standard, shift) for shift in SHIFTS}
    lines, draws = baseline_lines(accuracy_fractions(standard, "imagenet"), shifts, 30, 10)
    found = result("metrics/published.json")
    assert found["encoders"].keys() == {model["name"] for model in zoo}
    for shift, line in lines.items():
        assert found["lines"][shift] == pytest.approx(asdict(line), abs=1e-4)
    model = zoo[0]
    shares = {name: Accuracy(model[name] / 100, None) for name in ("imagenet", *SHIFTS)}
    expected = estimate_effective_robustness(
        shares.pop("imagenet"), shares, lines, draws, confidence=0.6, seed=10
    )
    row, mean = found["encoders"][model["name"]], expected.mean
    values = {shift: one.value for shift, one in expected.shifts.items()}
    values |= {"low": mean.low, "mean": mean.value, "high": mean.high}
    assert {name: row[name] for name in values} == pytest.approx(values, abs=1e-3)
    table = {one["shift"]: one for one in rows("published") if one["label"] == model["name"]}
    for shift in SHIFTS:
        found = float(table[NAMES[shift]]["effective_robustness"])
        assert found == pytest.approx(row[shift], abs=1e-3)


def test_the_published_baseline(run):
    run("baseline", unread=[f"data/datasets/{name}" for name in ("imagenet_train", *TEST_SETS)])
    found, standard = result("data/baseline/baseline.json"), standard_models()
    shifts = {shift: accuracy_fractions(standard, shift) for shift in SHIFTS}
    lines, draws = baseline_lines(accuracy_fractions(standard, "imagenet"), shifts, 20, 9)
    assert found["source"] == "published"
    assert [model["name"] for model in found["models"]] == [model["name"] for model in standard]
    for shift, line in lines.items():
        assert found["lines"][shift] == pytest.approx(asdict(line), rel=1e-5)
        for part, values in asdict(draws[shift]).items():
            np.testing.assert_allclose(found["resampled"][shift][part], values, rtol=1e-5)


def test_the_trained_baseline_learns_from_the_train_set_alone(run, study, monkeypatch):
    for name in SHIFTS[2:]:
        write_absent(name, DATASETS / name)
    shutil.copytree(DATASETS / "imagenet_val", DATASETS / "imagenet_train")
    shutil.copytree(DATASETS / "imagenet_v2", DATASETS / "imagenet_r")
    merge_a_class("imagenet_r")
    change(baseline=SETTINGS["baseline"] | {"source": "trained"})
    asked: list[Any] = []
    names = ("imagenet", *SHIFTS[:2])
    accuracies = {
        f"model {i}": dict(zip(names, (30 + i, 20 + i, 10 + i), strict=True)) for i in range(5)
    }
    measure = lambda *given: asked.extend(given) or accuracies  # noqa: E731
    monkeypatch.setattr(baseline, "standard_model_accuracies", measure)
    run("baseline", unread=["data/reference/imagenet_testbed_accuracies.csv"])
    train, tests, *settings = asked
    assert settings == [2, 9, 1]
    assert list(tests) == ["imagenet", *SHIFTS[:2]]
    sets = {"imagenet_train": train, "imagenet_val": tests["imagenet"], **tests}
    del sets["imagenet"]
    for name, found in sets.items():
        with open_shards(DATASETS / name) as data:
            assert found.class_indices.tolist() == data.card.class_indices
            assert found.aliases == (ALIAS if name == "imagenet_r" else {})
            np.testing.assert_array_equal(found.classes, data.classes)
            np.testing.assert_array_equal(found.images[-1], data[len(data) - 1])
    expected = [{"name": name, **row} for name, row in accuracies.items()]
    assert result("data/baseline/baseline.json")["models"] == expected


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
        for stage in ("robustness", "kurtosis", "directions", "broden"):
            run(stage, key)
        run("summarize", key)


@pytest.mark.usefixtures("measured")
def test_summarize():
    for key in KEYS:
        metrics = result(f"metrics/encoders/{key}.json")
        series = result(f"plots/encoders/{key}.json")
        robust, peaked = (
            result(f"data/{name}.json")
            for name in (f"robustness/{key}/robustness", f"kurtosis/{key}/kurtosis")
        )
        directions = result(f"data/directions/{key}/directions.json")
        concepts = result(f"data/concepts/{key}/concepts.json")
        assert metrics["accuracy"] == pytest.approx(robust["accuracy"], abs=1e-3)
        estimates = robust["effective_robustness"]
        expected = {name: one["value"] for name, one in estimates.items()}
        expected |= {f"mean_{end}": estimates["mean"][end] for end in ("low", "high")}
        assert metrics["effective_robustness"] == pytest.approx(expected, abs=1e-3)
        mean, low, high = (metrics["kurtosis"][name] for name in ("mean", "low", "high"))
        expected = {"value": mean, "low": low, "high": high}
        assert expected == pytest.approx(peaked["kurtosis"], abs=1e-3)
        assert metrics["directions"]["prunable"] == directions["prunable"]
        for basis in ("directions", "features"):
            unique = concepts[basis]["unique_concepts"]
            assert metrics["concepts"][f"unique_{basis}"] == unique
        assert series["importance"] == directions["importance"]
        assert series["representation"] == peaked["representation"]
        points = [(one["step"], one["loss"], one["accuracy"]) for one in series["training_curve"]]
        assert points == ([] if key == "first" else [(1, 2.5, 25.0), (2, 1.5, 50.0)])


@pytest.mark.usefixtures("measured")
def test_report(run):
    run("published", unread=["data/study"])
    layers = {"first_layers": ["stem"], "second_layers": ["a", "b"], "cka": [[0.25, 0.75]]}
    pair = {"first": "first", "second": "second", **layers}
    write_json(Path("plots/comparisons/pair.json"), pair)
    for folder in ("metrics/encoders", "plots/encoders", "plots/comparisons"):
        Path(folder, "removed.json").write_text("{}")
    run("report")
    labels = ["the second", "the first"]
    for table in ("effective_robustness", "kurtosis", "importance", "pruning", "concepts", "sweep"):
        found = [row["label"] for row in rows(table) if row["label"].startswith("the ")]
        assert list(dict.fromkeys(found)) == labels, table
    for row, key in zip(rows("kurtosis"), reversed(KEYS), strict=True):
        expected = result(f"metrics/encoders/{key}.json")["kurtosis"]["mean"]
        assert float(row["kurtosis"]) == pytest.approx(expected)
    assert [row["label"] for row in rows("training")] == ["the second"] * 2
    for row, layer, value in zip(rows("cka"), "ab", ("0.25", "0.75"), strict=True):
        assert (row["first_label"], row["second_label"]) == ("the first", "the second")
        assert (row["second_layer"], row["cka"]) == (layer, value)
    page, image = Path("plots/report.html"), Path("plots/effective_robustness.svg")
    study = load_tree(Path("params.yaml"))["study"]
    words = (*labels, study["title"], study["description"])
    assert all(word in page.read_text() for word in words)
    assert image.read_text().startswith("<svg")


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
        ("directions", "first", "shift_activations/first/objectnet.safetensors", "data/directions"),
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
    said = refused(importlib.import_module(f"stages.{stage}").main, key)
    assert said.startswith(f"{file}: expected the SHA-256 ") and "`make fsck`" in said
    assert not list(Path().glob(f"{written}/**/*.*"))
