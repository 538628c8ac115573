"""The stages that bring results together, and those that need no encoder."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import write_absent
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.result import Estimate
from interpreting_clip.formats.result_files import read_result, write_result
from interpreting_clip.measures.effective_robustness import OnOwnShift
from interpreting_clip.study.comparison_results import ComparisonResults
from interpreting_clip.study.encoder_results import EncoderResults
from interpreting_clip.study.shift_results import ShiftResults
from interpreting_clip.training.saved_baseline import Baseline
from stages.summarize import STAGES
from tests.drawn_directions import filled
from tests.integration.stages.two_encoders import (
    result,
    rows,
    write_arrays,
    write_objects,
    write_untrained,
)
from tests.pipeline.refusals import change
from tests.pipeline.workspace import NANO
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
                write_result(
                    Path(f"data/{name if name in STAGES else 'kurtosis'}/{key}/{name}.json"), one
                )
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


@pytest.mark.usefixtures("summarized")
def test_report():
    made, fitted = read_json(ROOT / "plots/baseline.json"), Path("data/baseline/baseline.json")
    write_json(fitted, read_json(fitted) | made)
    run_stage("summarize_baseline")
    assert result("plots/baseline.json")["lines"] == made["lines"]
    pair = read_result(ROOT / "plots/comparisons/rn_vit.json", ComparisonResults)
    pair = replace(pair, cka=replace(pair.cka, first="first", second="second"))
    write_result(Path("plots/comparisons/pair.json"), pair)
    write_untrained("linear")
    run_stage("untrained", "rn")
    write_arrays()
    write_objects()
    for stage in ("array_rotations", "arrays", "labelled_arrays", "array_concepts"):
        run_stage(stage, "mine")
    measured = filled(OnOwnShift, accuracy=Estimate(62.5), images=40, left_out="no models")
    own = ShiftResults(robustness=measured, baseline=filled(Baseline))
    write_result(Path("plots/shifts/entry.json"), own)
    tilted = load_tree(NANO)["shifts"]["tilted"] | {"label": "My photographs"}
    change(shifts={"mine": tilted}, shift_encoders={"entry": {"shift": "mine", "encoder": "first"}})
    for folder in (
        "arrays",
        "array_concepts",
        "labelled_arrays",
        "encoders",
        "untrained",
        "comparisons",
        "shifts",
    ):
        Path("plots", folder, "removed.json").write_text("{}")
    run_stage("report")
    labels = ["the first", "the second"]  # not in the order of params.yaml
    for table in ("effective_robustness", "pruning", "concepts"):
        found = [row["label"] for row in rows(table) if row["label"].startswith("the ")]
        assert list(dict.fromkeys(found)) == labels, table
    assert {(row["key"], row["label"]) for row in rows("arrays")} == {("mine", "Mine")}
    assert {row["label"] for row in rows("training")} == {"the second"}
    assert {(row["first_label"], row["second_label"]) for row in rows("cka")} == {tuple(labels)}
    (row,) = [row for row in rows("measures") if row["number_of_measure"] == "mine: accuracy"]
    assert (row["label"], row["value"]) == ("the first", "62.5")
    study, page = load_tree(Path("params.yaml"))["study"], Path("plots/report.html").read_text()
    assert all(
        word in page
        for word in (
            *labels,
            "Of others",
            "drawn objects",
            "My photographs",
            study["title"],
            study["description"],
        )
    )
    for name in ("effective_robustness", "real_clip"):
        assert Path(f"plots/{name}.svg").read_text().startswith("<svg")
