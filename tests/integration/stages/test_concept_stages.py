"""Stages `broden_labels` and `broden`."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.broden.labels import can_be_probed, concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.formats.arrays import read_tensors, write_tensors
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.tables import read_table
from interpreting_clip.measures.chance import best_direction_chance, discoveries
from interpreting_clip.measures.concept_nulls import image_permutations, random_direction_counts
from interpreting_clip.measures.concepts import EncodedConcepts, Group, concept_targets, probe
from interpreting_clip.measures.directions import singular_directions
from stages import broden_labels
from tests.integration.stages.two_encoders import (
    CATEGORIES,
    CONCEPTS,
    FEATURES,
    IMAGES,
    KEYS,
    broden_activations,
    concept_labels,
    generator,
    head,
    result,
)
from tests.pipeline.refusals import change

pytestmark = pytest.mark.usefixtures("tiny")


def counts_in(found: dict) -> EncodedConcepts:
    """Read the counts of concepts that a result holds."""
    return EncodedConcepts(**{name: found[name] for name in EncodedConcepts.__annotations__})


def test_broden(run):
    key, weights = "second", {}
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
