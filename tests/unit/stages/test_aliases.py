"""A prediction of a class that is merged with the right one is right, wherever it is counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.formats.saved_activations import Activations
from interpreting_clip.measures.directions import importance, singular_directions
from interpreting_clip.measures.head import Head
from stages import directions, robustness

HEAD = Head(np.diag([4.0, 3.0, 2.0, 1.0]), None, normalize_features=False)


@pytest.fixture
def merged() -> Activations:
    """Four images of the classes 0 and 1; the second and fourth look most like 3 and 2."""
    values = np.array([[9.0, 1, 1, 1], [0, 1, 1, 9], [1, 9, 1, 1], [1, 0, 9, 1]])
    return Activations(values, np.array([0, 0, 1, 1]), np.array([0, 1]))


@pytest.mark.parametrize(
    ("aliases", "expected"), [({}, 0.5), ({3: 0}, 0.75), ({3: 0, 2: 1}, 1.0), ({3: 1, 2: 0}, 0.5)]
)
def test_robustness_and_pruning_count_a_merged_class(merged, aliases, expected):
    test = replace(merged, aliases=aliases)
    assert robustness.measure(Path("objectnet"), test, HEAD).fraction == expected
    found = singular_directions(HEAD.weight)
    weight = importance(test.values, found)
    curves = directions.pruning_curves({"objectnet": test}, HEAD, found, weight, [0.0, 0.5])
    assert curves["objectnet"][0] == pytest.approx(100 * expected)
