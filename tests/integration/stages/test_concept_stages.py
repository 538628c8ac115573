"""Stages `broden_labels` and `broden`."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.broden.labels import can_be_probed, concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.results import read_result, write_result
from interpreting_clip.measures.concepts import Concepts, Settings, concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.result import Number, arrays_beside
from stages import broden_labels
from tests.drawn_directions import directions_of
from tests.integration.stages.two_encoders import (
    CATEGORIES,
    CONCEPTS,
    FEATURES,
    IMAGES,
    KEYS,
    SETTINGS,
    broden_activations,
    concept_labels,
    generator,
    result,
)
from tests.pipeline.refusals import change

pytestmark = pytest.mark.usefixtures("tiny")


def rounded(number: Number) -> Number:
    """Return a number as JSON keeps it."""
    six = {name: round(value, 6) for name, value in vars(number).items() if type(value) is float}
    return replace(number, **six)


def test_broden(run):
    key, out = "second", Path("data/concepts/second")
    for encoder in KEYS:
        drawn = generator(encoder, "directions").standard_normal((FEATURES, 4))
        vectors, ones = np.ascontiguousarray(np.linalg.qr(drawn).Q.T), np.ones(4)
        file = Path(f"data/directions/{encoder}/directions.json")
        write_result(file, directions_of(vectors, ones, ones))
    rare = ((1, 0), (2, 2), (9, IMAGES))
    left_out = [{"number": n, "name": f"c{n}", "images": images} for n, images in rare]
    write_json(Path("data/broden_labels/left_out.json"), left_out)
    run("broden", key)
    expected = concepts(
        broden_activations(key),
        labels=concept_labels(),
        directions=read_result(
            Path(f"data/directions/{key}/directions.json"), PrivilegedDirections
        ),
        numbers=list(CATEGORIES),
        names=[concept["name"] for concept in CONCEPTS],
        categories=list(CATEGORIES.values()),
        left_out=["c2"],
        extremes=SETTINGS["browse"]["images"],
        settings=Settings(**SETTINGS["concepts"]),
    )
    found = read_result(out / "concepts.json", Concepts)
    assert found.left_out == ["c2"] and found.minimum_images == 3
    assert found.numbers == [rounded(number) for number in expected.numbers]
    rows = []
    for basis, own in expected.bases.items():
        arrays, first = found.bases[basis], 1 if basis == "directions" else 0
        for name, array in arrays_beside(own):
            np.testing.assert_array_equal(getattr(arrays, name), array)
        assert own.top.shape[1] == 3
        for row, column in np.argwhere(own.precisions >= 0.6).tolist():
            side = "negative" if own.negative[row, column] else "positive"
            concept, kind = CONCEPTS[column]["name"], CONCEPTS[column]["category"]
            precision = round(float(own.precisions[row, column]), 4)
            rows.append([basis, str(row + first), side, concept, kind, str(precision)])
    listed = list(csv.reader((out / "encoded.csv").read_text().splitlines()))
    assert listed == [["basis", "number", "side", "concept", "category", "precision"], *rows]
    assert {side for _, _, side, *_ in rows} == {"negative", "positive"}


def test_broden_labels(run, study, monkeypatch):
    change(presence={"pixels": 0.1})
    with open_broden(Path("data/datasets/broden")) as broden:
        shown = concept_presence(broden, 0.1)
    first = int(np.flatnonzero(can_be_probed(shown))[0])

    def without_the_first(shown):
        return can_be_probed(shown) & (np.arange(shown.shape[1]) != first)

    monkeypatch.setattr(broden_labels, "can_be_probed", without_the_first)
    run("broden_labels")
    images, column = shown.sum(axis=0).tolist(), range(shown.shape[1])
    least = load_tree(Path("params.yaml"))["concepts"]["minimum_images"]
    kept = [c for c in column if least <= images[c] < len(shown) and c != first]
    numbers = [concept.number for concept in broden.concepts]
    named = result("data/broden_labels/concepts.json")
    assert [concept["number"] for concept in named] == [numbers[c] for c in kept]
    pairs = read_tensors(Path("data/broden_labels/labels.safetensors"))
    found = list(zip(pairs["concept"].tolist(), pairs["image"].tolist(), strict=True))
    expected = {(numbers[c], i) for c in kept for i in np.flatnonzero(shown[:, c]).tolist()}
    assert found == sorted(found) and set(found) == expected
    left_out = result("data/broden_labels/left_out.json")
    assert [(concept["number"], concept["images"]) for concept in left_out] == [
        (numbers[c], images[c]) for c in column if c not in kept
    ]
