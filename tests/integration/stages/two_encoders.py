"""Two encoders with drawn activations, for stages that measure."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from interpreting_clip.arrays.head import Head
from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, on_classes, result_name
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.encoders.saved_activations import write_activations
from interpreting_clip.encoders.saved_activations import write_card as write_activations_card
from interpreting_clip.encoders.saved_heads import write_head
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.result_files import write_result
from interpreting_clip.formats.tensors import write_tensors
from interpreting_clip.measures.effective_robustness import above_line
from interpreting_clip.statistics.accuracy_draws import MeasuredAccuracy
from interpreting_clip.statistics.concept_labels import ConceptLabels
from interpreting_clip.statistics.logit_line import LogitLine, ResampledLines
from interpreting_clip.statistics.predictions import Activations, correct_predictions
from interpreting_clip.training.saved_baseline import FittedBaseline
from tests.drawn_directions import filled
from tests.pipeline.refusals import change
from tests.pipeline.workspace import NANO
from tests.reads import ROOT, link_code

KEYS = ("first", "second")

FEATURES, CLASSES, IMAGES = 8, 5, 40

OWN_SHIFTS = {"alone": [1, 3], "listed": [0, 2, 4]}
"""The classes of two shifts of the study's own, which only some tests let it have."""

HELD = {name: [0, 1, 2, 3, 4] for name in TEST_SETS} | OWN_SHIFTS
HELD |= {"imagenet_r": [1, 3], "objectnet": [0, 2]}

ALIASES = {"objectnet": {4: 2}}

CATEGORIES = {3: "color", 5: "part", 8: "object"}

CONCEPTS = [{"number": n, "name": f"c{n}", "category": name} for n, name in CATEGORIES.items()]

SETTINGS: dict[str, dict[str, Any]] = {
    "robustness": {"confidence": 0.8},
    "kurtosis": {"outlier_sigma": 1.5, "sweep": [0.01, 0.3], "outlier_share": 0.1},
    "privileged_basis": {"rotations": 6},
    "directions": {"pruning_steps": 5},
    "prunable": {"harmless": 20.0},
    "concepts": {"sign": "either", "threshold": 0.6, "minimum_images": 6, "sweep": [0.5, 0.6]},
    "baseline": {"source": "published", "seed": 9, "resamples": 20},
    "published": {"resamples": 30},
    "layers": {"images": 36, "minibatch": 12},
    "cka": {"outlier_sigma": 1.5, "outlier_share": 0.1},
}
"""What differs from the nano study: settings for few features, and none that is a default."""

ARRAYS = Path("data/arrays/mine.safetensors")

MINE = {
    "label": "Mine",
    "section": "Of others",
    "images": "drawn numbers",
    "origin": "this test",
    "file": str(ARRAYS),
    "sha256": "0" * 64,  # `write_arrays` knows it
    "activations": "images",
    "compare": ["others"],
    "head": "weights",
    "classes": "labels",
    "normalize_features": True,
    "unit_length": False,
}
"""An entry of `arrays`."""

OBJECTS = Path("data/arrays/objects.safetensors")

LABELLED = {
    "label": "Mine",
    "section": "Of others",
    "concepts": "drawn objects",
    "origin": "this test",
    "file": str(ARRAYS),
    "activations": "images",
    "labelled": str(OBJECTS),
    "sha256": "0" * 64,  # `write_objects` knows it
    "labels": "objects",
    "head": "head",
    "normalize_features": True,
}
"""An entry of `labelled_arrays`."""

LINES = {
    shift: LogitLine(0.8 + 0.1 * i, -0.1 * i, 0.9, 9, 0.2, 0.9)
    for i, shift in enumerate((*TESTBED_SHIFTS, "listed"))
}

RESAMPLED = {
    shift: ResampledLines(np.array([0.7, line.slope, 1.0]), np.array([-0.2, 0.0, -line.intercept]))
    for shift, line in LINES.items()
}


MODELS: list[dict[str, Any]] = [
    {
        "name": f"m{number}",
        "imagenet": 25.0 + 10 * number,
        **{shift: 20.0 + 9 * number + 5 * (len(shift) % 3) for shift in LINES},
        **{on_classes(shift): 30.0 + 10 * number for shift in LINES},
        **({"imagenet_a": None} if number == 1 else {}),
    }
    for number in range(6)
]
"""Standard models, one of which was not measured on ImageNet-A."""


def residuals(shift: str, at: str) -> np.ndarray:
    """Return how far standard models lie above a line, in points; `at` is their abscissa."""
    found = []
    for model in MODELS:
        x, y = model[at], model[shift]
        if y is None or (model["name"], shift) == ("m2", "objectnet"):
            found.append(np.nan)
        else:
            found.append(above_line(x / 100, y / 100, LINES[shift])[0])
    return np.array(found)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write two encoders' activations and heads, other numbers for each, and the study."""
    monkeypatch.chdir(tmp_path)
    link_code(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("data/reference", "data/published"):
        (tmp_path / name).symlink_to(ROOT / name)
    study = load_tree(NANO)
    for name, changed in SETTINGS.items():
        study[name] |= changed
    entry = study["encoders"]["rn_untrained"]
    entry["training"] = "supervised"
    study["encoders"] = {key: entry | {"label": f"the {key}"} for key in reversed(KEYS)}
    study["shifts"], study["shift_encoders"] = {}, {}
    study["arrays"], study["labelled_arrays"] = {"mine": MINE}, {"mine": LABELLED}
    study["comparisons"] = {"pair": {"first": "first", "second": "second"}}
    Path("params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    baseline = filled(
        FittedBaseline,
        lines=LINES,
        resampled=RESAMPLED,
        abscissa={shift: on_classes(shift) for shift in LINES},
        models=MODELS,
        at_chance={shift: ["m2"] if shift == "objectnet" else [] for shift in LINES},
        classes={result_name(name): held for name, held in HELD.items()},
    )
    write_result(Path("data/baseline/baseline.json"), baseline)
    for key in KEYS:
        folder = Path("data/activations") / key
        for name in HELD:
            write_activations(folder, name, **vars(activations(key, name)))
        kind = "rectified" if key == "first" else "linear"
        write_activations_card(folder, kind, FEATURES, TESTBED_SHIFTS)
        write_head(Path("data/heads") / key, head(key), "random")
        file = Path("data/broden_activations") / key / "activations.safetensors"
        write_tensors(file, {"activations": broden_activations(key)})
    images = np.bincount(concept_labels().concept).tolist()
    listed = [{**concept, "images": images[concept["number"]]} for concept in CONCEPTS]
    write_json(Path("data/broden_labels/concepts.json"), listed)
    write_tensors(Path("data/broden_labels/labels.safetensors"), vars(concept_labels()))


def generator(key: str, name: str) -> np.random.Generator:
    return np.random.default_rng(list(f"{key} {name}".encode()))


def activations(key: str, name: str) -> Activations:
    """Return features of very different lengths, with an offset that a bias competes with.

    Every third image of a class looks like another that counts as this class, where there is one.
    """
    rng, held = generator(key, name), np.array(HELD[name])
    values = rng.standard_normal((IMAGES, FEATURES)) * rng.exponential(5.0, (IMAGES, 1))
    classes = held[np.arange(IMAGES) % len(held)]
    looks_like, aliases = classes.copy(), ALIASES.get(name, {})
    for alias, class_ in aliases.items():
        looks_like[(classes == class_) & (np.arange(IMAGES) % 3 == 0)] = alias
    values += 3 * head(key).weight[looks_like]
    return Activations(values.astype(np.float32), classes, held, aliases)


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


def accuracy(key: str, name: str, held_by: str = "") -> MeasuredAccuracy:
    """Return the accuracy among the classes that a set holds, this one or `held_by`."""
    test, own = activations(key, name), head(key)
    correct = np.full(len(test.classes), np.nan)
    counts = np.ones(len(correct), bool)
    if held_by:
        other = activations(key, held_by)
        counts = np.isin(test.classes, [*other.class_indices, *other.aliases])
        test = test.of_classes(other, CLASSES)
    correct[counts] = correct_predictions(test.values, test.classes, own, test.class_map(CLASSES))
    return MeasuredAccuracy.of_images(correct, len(test.class_indices))


def require_written(file: str, expected: object) -> None:
    """Compare a result on disk, numbers and arrays, with what is expected there."""
    other, stored = Path("expected.json"), Path(file)
    other.with_suffix(".safetensors").unlink(missing_ok=True)
    write_result(other, expected)
    for suffix in (".json", ".safetensors"):
        one, same = (path.with_suffix(suffix) for path in (stored, other))
        assert one.exists() == same.exists()
        assert not one.exists() or one.read_bytes() == same.read_bytes()


def result(path: str) -> Any:
    return read_json(Path(path))


def write_untrained(representation: str) -> np.ndarray:
    """Write the activations of three untrained encoders."""
    values = generator("untrained", "rn").standard_normal((3, IMAGES, FEATURES)).astype(np.float32)
    folder = Path("data/untrained_activations/rn")
    write_tensors(folder / "activations.safetensors", {"activations": values})
    write_json(folder / "card.json", {"representation": representation})
    return values


def write_arrays(**changed: np.ndarray) -> dict[str, np.ndarray]:
    """Write the arrays of `MINE`, other ones in place of some, and the file's SHA-256."""
    test = activations("first", "imagenet_val")
    arrays = {
        "images": test.values,
        "others": activations("second", "imagenet_val").values,
        "weights": head("first").weight,
        "labels": test.classes,
        **changed,
    }
    write_tensors(ARRAYS, arrays)
    change(arrays={"mine": MINE | {"sha256": file_digest(ARRAYS)}})
    return arrays


def write_objects(
    names: tuple[str, ...] = ("a", "b", "c", "d", "e"), **changed: np.ndarray
) -> dict[str, np.ndarray]:
    """Write the labels and the head of `LABELLED`, other ones in place of some."""
    test = activations("first", "imagenet_val")
    shown = np.random.default_rng(3).random((len(test.classes), CLASSES)) < 0.3
    shown[np.arange(len(shown)), test.classes] = True
    arrays = {"objects": shown.astype(np.uint8), "head": head("first").weight, **changed}
    OBJECTS.parent.mkdir(exist_ok=True)
    save_file(arrays, OBJECTS, {"objects": "\n".join(names)})
    change(labelled_arrays={"mine": LABELLED | {"sha256": file_digest(OBJECTS)}})
    return arrays


def rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(f"plots/{table}.csv").read_text().splitlines()))
