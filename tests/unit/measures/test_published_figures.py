import csv
from pathlib import Path

import numpy as np
import pytest

from stages.measures.effective_robustness import effective_robustness
from stages.measures.logit_line import fit_line

REFERENCE = Path(__file__).parents[3] / "data" / "reference"
SHIFTS = ("imagenet_v2", "imagenet_r", "imagenet_sketch", "objectnet", "imagenet_a")


def table(name):
    with (REFERENCE / name).open() as file:
        return list(csv.DictReader(file))


def shares(rows, column):
    return np.array([float(row[column] or "nan") / 100 for row in rows])


@pytest.fixture(scope="module")
def lines():
    rows = [r for r in table("imagenet_testbed_accuracies.csv") if r["training"] == "standard"]
    return {shift: fit_line(shares(rows, "imagenet"), shares(rows, shift)) for shift in SHIFTS}


def test_the_lines_of_standard_models(lines):
    slopes = {shift: round(line.slope, 2) for shift, line in lines.items()}
    assert slopes == dict(zip(SHIFTS, (0.92, 0.91, 1.07, 1.20, 3.06), strict=True))
    # Five models have no ImageNet-R accuracy, and ResNet-50 has none of ImageNet-A right.
    assert [line.models for line in lines.values()] == [87, 82, 87, 87, 86]


@pytest.mark.parametrize(
    ("model", "points"), [("RN50", 22.8), ("ViT-B-32", 26.6), ("ViT-L-14", 38.9)]
)
def test_the_effective_robustness_of_openai_clip(lines, model, points):
    rows = [r for r in table("clip_zoo_accuracies.csv") if r["model"] == model]
    (row,) = [row for row in rows if row["weights"] == "openai"]
    imagenet, *shifts = (float(shares([row], column)[0]) for column in ("imagenet", *SHIFTS))
    on_shifts = zip(shifts, lines.values(), strict=True)
    mean = np.mean([effective_robustness(imagenet, share, line) for share, line in on_shifts])
    assert round(float(mean), 1) == points
