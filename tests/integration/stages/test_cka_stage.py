"""Stage `cka`."""

import numpy as np
import pytest

from interpreting_clip.measures.cka import minibatch_cka
from tests.integration.stages.two_encoders import KEYS, result, write_grams

pytestmark = pytest.mark.usefixtures("tiny")


def test_cka(run):
    grams = write_grams()
    run("cka", "pair")
    found = result("plots/comparisons/pair.json")
    np.testing.assert_allclose(
        found["cka"], minibatch_cka(grams["first"], grams["second"]), atol=1e-5
    )
    expected = minibatch_cka(grams["first without"], grams["second without"])
    np.testing.assert_allclose(found["without_outliers"], expected, atol=1e-5)
    assert not np.allclose(found["cka"], expected)
    assert (found["first_outliers"], found["second_outliers"]) == ([0, 0], [0, 3, 0])
    assert (found["first"], found["second"]) == KEYS
    assert (found["first_layers"], found["second_layers"]) == (["stem", "block"], ["a", "c", "b"])
