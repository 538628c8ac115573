"""The stages that bring results together, and those that need no encoder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import write_absent
from interpreting_clip.formats.json import write_json
from interpreting_clip.study.encoder_results import STORED_BY
from interpreting_clip.study.sections import further_measures
from tests.integration.stages.two_encoders import (
    FEATURES,
    KEYS,
    result,
    rows,
    write_untrained,
)

pytestmark = pytest.mark.usefixtures("tiny")


def test_controls(run):
    run("controls")
    found = result("plots/controls.json")
    assert found.keys() == {
        *("kurtosis", "outlier_features", "privileged_basis", "directions", "concepts"),
        *("effective_robustness", "cka"),
    }
    assert [key for key, one in found.items() if not one["as_planted"]] == []
    rows = [row for one in found.values() for row in one["controls"]]
    for row in rows:
        assert row["as_planted"] == (abs(row["found"] - row["planted"]) <= row["tolerance"] + 1e-4)
    said = " ".join(row["what"] for row in rows)
    # the settings are those of the measures, the activations those of the encoder
    for setting in (
        f"of {FEATURES} Gaussian features",
        f"of {FEATURES} features raised by 7.5 σ: share of images in which they lie beyond 1.5 σ",
        f"3 of {FEATURES} Gaussian features",
        "after a random rotation, mean of 6",
        "in steps of 20 %",
        "at an average precision of 0.6",
        "Broden labels",
        "20 intervals of 80 %",
        "3 minibatches of 12 images",
    ):
        assert setting in said, setting
    assert list(found["effective_robustness"]["coverage"][0]["shifts"]) == sorted(TESTBED_SHIFTS)


def test_controls_without_broden(run):
    write_absent("broden", Path("data/broden_labels"))
    run("controls")
    assert (
        "the study has no Broden"
        in result("plots/controls.json")["concepts"]["controls"][0]["what"]
    )


CURVE = {"loss": [2.5, 1.5], "accuracy": [0.25, 0.5], "learning_rate": [0.1, 0.2]}


@pytest.fixture
def measured(tiny: None, run: Callable[..., None]) -> None:
    """Run the measures of both encoders, the second of which was trained here."""
    write_json(Path("data/training/first/ready.json"), {})
    for metric, (one, other) in CURVE.items():
        file = Path("data/training/second/plots/metrics") / f"{metric}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"step\t{metric}\n1\t{one}\n2\t{other}\n")
    for key in KEYS:
        for stage in ("directions", "robustness", "kurtosis", "broden", *further_measures()):
            run(stage, key)
        run("summarize", key, unread=["data/training/first"] if key == "first" else ())


@pytest.mark.usefixtures("measured")
def test_summarize():
    for key in KEYS:
        found = result(f"plots/encoders/{key}.json")
        points = [(one["step"], one["loss"], one["accuracy"]) for one in found.pop("training")]
        assert points == ([] if key == "first" else [(1, 2.5, 25.0), (2, 1.5, 50.0)])
        for name, one in found.items():
            assert one == result(f"data/{STORED_BY.get(name, name)}/{key}/{name}.json"), name
        robustness, kurtosis = found["robustness"], found["kurtosis"]
        expected = {
            # The study draws its ImageNet, and so says of what its accuracies are.
            "drawn_imagenet": robustness["imagenet"],
            "drawn_shifts": robustness["shift_accuracy"],
            "robust": robustness["robustness"]["value"],
            "extrapolated": robustness["extrapolated"],
            "kurtosis": kurtosis["kurtosis"]["value"],
            "outliers": kurtosis["outliers"]["outlier_features"],
            "concepts": found["concepts"]["directions"]["unique"]["value"],
            "prunable": found["prunable"]["prunable"],
        }
        assert result(f"metrics/encoders/{key}.json") == pytest.approx(expected, abs=1e-3)


@pytest.mark.usefixtures("measured")
def test_report(run):
    run("summarize_baseline")
    run("controls")
    layers = {"first_layers": ["stem"], "second_layers": ["a", "b"], "cka": [[0.25, 0.75]]}
    layers |= {"first_outliers": [0], "second_outliers": [0, 2], "without_outliers": [[0.25, 0.5]]}
    pair = {"first": "first", "second": "second", **layers}
    write_json(Path("plots/comparisons/pair.json"), pair)
    write_untrained("linear")
    run("untrained", "rn")
    for folder in ("plots/encoders", "plots/untrained", "plots/comparisons"):
        Path(folder, "removed.json").write_text("{}")
    run("report")
    labels = ["the first", "the second"]  # not in the order of params.yaml
    for table in ("effective_robustness", "kurtosis", "importance", "pruning", "concepts", "sweep"):
        found = [row["label"] for row in rows(table) if row["label"].startswith("the ")]
        assert list(dict.fromkeys(found)) == labels, table
    for row, key in zip(rows("kurtosis"), KEYS, strict=True):
        expected = result(f"plots/encoders/{key}.json")["kurtosis"]["kurtosis"]["value"]
        assert float(row["kurtosis"]) == pytest.approx(expected)
    null = result("plots/untrained/rn.json")["numbers"]["kurtosis"]
    rectified, linear = rows("kurtosis")
    assert float(linear["null"]) == pytest.approx(np.mean(null), abs=1e-5)
    assert float(linear["null_high"]) == pytest.approx(max(null), abs=1e-5)
    assert rectified["null"] == ""
    assert [row["label"] for row in rows("training")] == ["the second"] * 2
    for row, layer, value in zip(rows("cka"), "ab", ("0.25", "0.75"), strict=True):
        assert (row["first_label"], row["second_label"]) == ("the first", "the second")
        assert (row["second_layer"], row["cka"]) == (layer, value)
    page, image = Path("plots/report.html"), Path("plots/effective_robustness.svg")
    study = load_tree(Path("params.yaml"))["study"]
    words = (*labels, study["title"], study["description"])
    assert all(word in page.read_text() for word in words)
    assert image.read_text().startswith("<svg")
