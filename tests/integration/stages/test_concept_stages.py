"""Stages `broden_labels` and `broden`."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.params import Params
from interpreting_clip.datasets.broden.labels import concept_presence, read_concepts
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.card import is_absent, write_absent
from interpreting_clip.formats.result_files import write_result
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.measures.concepts import Settings, count_concepts
from tests.drawn_directions import directions_of
from tests.integration.stages.two_encoders import (
    CATEGORIES,
    CONCEPTS,
    FEATURES,
    broden_activations,
    concept_labels,
    generator,
    require_written,
    result,
)
from tests.pipeline.refusals import change, refused
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("tiny")

OUT = Path("data/concepts/second")


def test_broden():
    drawn = generator("second", "directions").standard_normal((FEATURES, 4))
    found = directions_of(np.ascontiguousarray(np.linalg.qr(drawn).Q.T), np.ones(4))
    write_result(Path("data/directions/second/directions.json"), found)
    run_stage("concept_nulls", "second")
    run_stage("broden", "second")
    expected = count_concepts(
        broden_activations("second"),
        concept_labels(),
        found.vectors,
        numbers=list(CATEGORIES),
        names=[concept["name"] for concept in CONCEPTS],
        categories=list(CATEGORIES.values()),
        settings=Params().read("concepts", Settings),
    )
    assert expected.left_out == ["c8"] and expected.in_span
    require_written(f"{OUT}/concepts.json", replace(expected, in_span=None))
    rows = []
    for basis, own in expected.bases.items():
        first = 1 if basis == "directions" else 0
        for row, column in np.argwhere(own.precisions >= 0.6).tolist():
            side = "negative" if own.negative[row, column] else "positive"
            named = CONCEPTS[column]["name"], CONCEPTS[column]["category"]
            precision = str(round(float(own.precisions[row, column]), 4))
            rows.append([basis, str(row + first), side, *named, precision])
    listed = list(csv.reader((OUT / "encoded.csv").read_text().splitlines()))
    assert listed == [["basis", "number", "side", "concept", "category", "precision"], *rows]
    assert {side for _, _, side, *_ in rows} == {"negative", "positive"}


def test_broden_labels(study, monkeypatch):
    change(presence={"pixels": 0.1})
    with open_broden(Path("data/datasets/broden")) as broden:
        shown = concept_presence(broden, 0.1)
    run_stage("broden_labels")
    images, column = shown.sum(axis=0).tolist(), range(shown.shape[1])
    kept = [c for c in column if 0 < images[c] < len(shown)]
    numbers = [concept.number for concept in broden.concepts]
    named = result("data/broden_labels/concepts.json")
    listed = [(concept["number"], concept["images"]) for concept in named]
    assert listed == [(numbers[c], images[c]) for c in kept]
    least = sorted(images[c] for c in kept)[1]
    enough = read_concepts(Path("data/broden_labels"), least)
    assert [concept["number"] for concept in enough] == [
        numbers[c] for c in kept if images[c] >= least
    ]
    pairs = read_tensors(Path("data/broden_labels/labels.safetensors"))
    found = list(zip(pairs["concept"].tolist(), pairs["image"].tolist(), strict=True))
    expected = {(numbers[c], i) for c in kept for i in np.flatnonzero(shown[:, c]).tolist()}
    assert found == sorted(found) and set(found) == expected
    none = np.zeros(shown.shape[1], np.bool_)
    monkeypatch.setattr("stages.broden_labels.can_be_probed", lambda shown: none)
    assert "lower `presence.pixels`" in refused("broden_labels")


def test_without_broden_labels_and_concepts_are_absent():
    write_absent("broden", Path("data/datasets/broden"))
    run_stage("broden_labels")
    assert is_absent(Path("data/broden_labels"))
    Path("data/directions/second").mkdir(parents=True)
    run_stage("concept_nulls", "second")
    run_stage("broden", "second")
    assert is_absent(Path("data/concept_nulls/second")) and is_absent(OUT)
