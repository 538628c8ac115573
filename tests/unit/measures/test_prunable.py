from typing import Any

import numpy as np
import pytest

from interpreting_clip.measures.prunable import prunable
from interpreting_clip.measures.pruning import PruningCurves, prunable_fraction
from interpreting_clip.statistics.logit_line import LogitLine
from tests.drawn_directions import filled

RNG = np.random.default_rng(0)
FRACTIONS = np.array([0.0, 0.3, 0.6, 0.9])
LINES = {
    "near": LogitLine(0.9, -0.5, 1.0, 9, 0.3, 0.9),
    "far": LogitLine(1.5, -2.0, 1.0, 9, 0.1, 1.0),
}


def curves(accuracy, random=(), other=None) -> PruningCurves:
    return filled(
        PruningCurves,
        fractions=FRACTIONS,
        accuracy=np.array(accuracy),
        other_accuracy=np.array(accuracy if other is None else other),
        random_accuracy=np.array(random, float).reshape(len(random), len(FRACTIONS)),
    )


NUMBERS = ("prunable", "by_accuracy", "by_robustness", "robustness", "extrapolated")

FLAT, FALLS = [80.0, 80.0, 80.0, 80.0], [80.0, 79.5, 78.0, 78.0]


@pytest.mark.parametrize(
    ("imagenet", "shift", "expected"),
    [(FLAT, FALLS, (0.3, 0.9, 0.3)), (FALLS, FLAT, (0.3, 0.3, 0.9)), (FALLS, FALLS, (0.3,) * 3)],
)
def test_what_harms_neither_accuracy_nor_robustness_is_the_lower_share(imagenet, shift, expected):
    # A flat line at one half: robustness falls with the accuracy on the shift alone.
    lines = {"shift": LogitLine(0.0, 0.0, 1.0, 9, 0.0, 1.0)}
    found: Any = prunable({"imagenet": curves(imagenet), "shift": curves(shift)}, lines)
    assert (found.prunable, found.by_accuracy, found.by_robustness) == expected
    assert found.robustness == pytest.approx([one - 50 for one in shift])
    assert found.accuracy_chance is None


def test_agrees_with_the_plain_definition():
    names = ("imagenet", "imagenet_on_far_classes", *LINES)
    drawn = {name: RNG.uniform(20, 90, 4) for name in names}
    random = RNG.uniform(20, 90, (20, 4))
    others = {name: RNG.uniform(20, 90, 4) for name in names}
    others["imagenet"][2] = 95.0
    sets = {name: curves(row, other=others[name]) for name, row in drawn.items()}
    sets["imagenet"] = curves(drawn["imagenet"], random, others["imagenet"])
    starts = {"near": "imagenet_on_near_classes", "far": "imagenet_on_far_classes"}
    found: Any = prunable(sets, LINES, starts=starts, harmless=30.0)
    assert found.harmless == 30.0
    for prefix, accuracy in (("", drawn), ("other_", others)):
        own = {name: getattr(found, prefix + name) for name in NUMBERS}
        # All of ImageNet's classes are those of `near`, so it has no curve of its own there.
        at = {"near": accuracy["imagenet"] / 100, "far": accuracy["imagenet_on_far_classes"] / 100}
        heights = [accuracy[shift] - 100 * line.predict(at[shift]) for shift, line in LINES.items()]
        robust = np.mean(heights, axis=0)
        assert own["robustness"] == pytest.approx(robust)
        alone = [prunable_fraction(FRACTIONS, one, 30.0) for one in (accuracy["imagenet"], robust)]
        assert [own["by_accuracy"], own["by_robustness"]] == alone and own["prunable"] == min(alone)
        # Outside 30 to 90 %, where the line of `near` has models.
        outside = FRACTIONS[abs(accuracy["imagenet"] - 60) > 30].tolist()
        assert own["extrapolated"] == outside != []
        assert found.is_extrapolated(outside[0], bool(prefix))
        assert not found.is_extrapolated(outside[0] - 0.1, bool(prefix))
    by_chance = [prunable_fraction(FRACTIONS, curve, 30.0) for curve in random]
    chance = found.accuracy_chance.value, *found.accuracy_chance.ends
    assert chance == pytest.approx((np.mean(by_chance), *np.quantile(by_chance, (0.05, 0.95))))


def test_without_robustness_there_is_the_share_by_accuracy_alone():
    found: Any = prunable({"imagenet": curves(FALLS, [FALLS, FLAT])}, {})
    assert (found.by_accuracy, found.prunable, found.by_robustness) == (0.3, None, None)
    assert found.accuracy_chance.value == pytest.approx(0.6)
    assert found.robustness is None
    assert found.extrapolated == [] and not found.is_extrapolated(0.9)
