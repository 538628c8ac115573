"""Stage `published` on the published accuracies."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from interpreting_clip.published.schema import PublishedModels
from tests.integration.stages.two_encoders import rows
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("tiny")


def test_the_models_have_their_trainings_and_the_lines_their_slopes():
    run_stage("published")
    trainings = Counter(row["training"] for row in rows("published_models"))
    assert (trainings["zero_shot"], trainings["supervised"]) == (152, 956)
    assert trainings["finetuned"] + trainings["finetuned_12k"] == 37 + 71
    lines = {(row["choice"], row["shift"]): row for row in rows("published_lines")}
    assert float(lines["default", "imagenet_r"]["slope"]) == pytest.approx(0.912197, abs=1e-6)
    text = Path("plots/published_models.json").read_bytes()
    models = msgspec.json.decode(text, type=PublishedModels).models
    assert len(models) == trainings.total()
