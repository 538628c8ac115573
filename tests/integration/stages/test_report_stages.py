"""The stages that bring results together, and those that need no encoder."""

from pathlib import Path

import pandas as pd
import pytest

from interpreting_clip.datasets.card import write_absent
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.results import read_result, write_result
from interpreting_clip.study.encoder_results import STORED_BY, EncoderResults
from tests.integration.stages.two_encoders import (
    result,
)
from tests.reads import ROOT, run_stage

pytestmark = pytest.mark.usefixtures("tiny")


LIKE = {"first": "rn_untrained", "second": "rn_supervised"}
"""The encoders whose results in the repository stand for those of both."""


@pytest.fixture
def summarized(tiny: None) -> dict[str, EncoderResults]:
    """Write both encoders' results, the second of which was trained here, and summarize them."""
    write_json(Path("data/training/first/ready.json"), {})
    folder = Path("data/training/second/plots/metrics")
    folder.mkdir(parents=True)
    found = {}
    for key, like in LIKE.items():
        made = found[key] = read_result(ROOT / f"plots/encoders/{like}.json", EncoderResults)
        for name, one in vars(made).items():
            if name != "training":
                write_result(Path(f"data/{STORED_BY.get(name, name)}/{key}/{name}.json"), one)
    steps = pd.DataFrame(vars(step) for step in found["second"].training)
    steps["accuracy"] /= 100
    for metric in ("loss", "accuracy", "learning_rate"):
        steps[["step", metric]].to_csv(folder / f"{metric}.tsv", sep="\t", index=False)
    run_stage("summarize", "first")
    run_stage("summarize", "second")
    return found


def test_summarize(summarized):
    for key, like in LIKE.items():
        for folder in ("plots/encoders", "metrics"):
            assert result(f"{folder}/{key}.json") == read_json(ROOT / f"{folder}/{like}.json")
    write_absent("broden", Path("data/concepts/second"))
    run_stage("summarize", "second")
    assert result("plots/encoders/second.json")["concepts"] is None
