"""Stages `directions` and `cka`."""

from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.formats.arrays import write_tensors
from interpreting_clip.measures.cka import cka
from tests.integration.stages.two_encoders import (
    KEYS,
    result,
    write_grams,
)

pytestmark = pytest.mark.usefixtures("tiny")


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
