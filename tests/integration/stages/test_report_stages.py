"""The stages that bring results together, and those that need no encoder."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import write_absent
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.results import write_result
from interpreting_clip.measures.result import plain
from interpreting_clip.study.encoder_results import STORED_BY, EncoderResults, TrainingStep
from tests.integration.stages.two_encoders import (
    FEATURES,
    KEYS,
    result,
    rows,
    write_untrained,
)
from tests.unit.page.conftest import study_baseline, study_controls
from tests.unit.page.made_results import comparison, encoder_results

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.mark.parametrize("broden", [True, False])
def test_controls(run, broden):
    if not broden:
        write_absent("broden", Path("data/broden_labels"))
    run("controls")
    found = result("plots/controls.json")
    assert [key for key, one in found.items() if not one["as_planted"]] == []
    said = " ".join(row["what"] for one in found.values() for row in one["controls"])
    # the settings are those of the measures, the activations those of the encoder
    for setting in (
        f"of {FEATURES} features raised by 7.5 σ: share of images in which they lie beyond 1.5 σ",
        "after a random rotation, mean of 6",
        "at an average precision of 0.6",
        "Broden labels" if broden else "the study has no Broden",
        "20 intervals of 80 %",
        "3 minibatches of 12 images",
    ):
        assert setting in said, setting
    assert list(found["effective_robustness"]["coverage"][0]["shifts"]) == sorted(TESTBED_SHIFTS)


STEPS = [
    TrainingStep(step=1, loss=2.5, accuracy=25.0, learning_rate=0.1),
    TrainingStep(step=2, loss=1.5, accuracy=50.0, learning_rate=0.2),
]


@pytest.fixture
def summarized(tiny: None, run) -> dict[str, EncoderResults]:
    """Write both encoders' results, the second of which was trained here, and summarize them."""
    write_json(Path("data/training/first/ready.json"), {})
    for metric in ("loss", "accuracy", "learning_rate"):
        scale = 100 if metric == "accuracy" else 1
        values = [f"{one.step}\t{getattr(one, metric) / scale}\n" for one in STEPS]
        file = Path("data/training/second/plots/metrics") / f"{metric}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"step\t{metric}\n{''.join(values)}")
    found = {}
    for key, like, steps in zip(KEYS, ("rn_untrained", "rn_supervised"), ([], STEPS), strict=True):
        made = encoder_results(like)
        found[key] = replace(made, training=steps)
        for name, one in vars(made).items():
            if name != "training":
                write_result(Path(f"data/{STORED_BY.get(name, name)}/{key}/{name}.json"), one)
        run("summarize", key, unread=[] if steps else [f"data/training/{key}"])
    return found


def test_summarize(run, summarized):
    for key, made in summarized.items():
        write_json(Path("expected.json"), plain(made, without_beside=True))
        assert result(f"plots/encoders/{key}.json") == result("expected.json")
        headline = result(f"metrics/encoders/{key}.json")
        # The study draws its ImageNet, and so says of what its accuracies are.
        assert headline.keys() == {
            *("drawn_imagenet", "drawn_shifts", "robust", "extrapolated"),
            *("kurtosis", "outliers", "concepts", "prunable"),
        }
        assert headline["drawn_imagenet"] == made.robustness.imagenet
    write_absent("broden", Path("data/concepts/second"))
    run("summarize", "second")
    assert result("plots/encoders/second.json")["concepts"] is None


def test_report(run, summarized):
    made, fitted = study_baseline(), "data/baseline/baseline.json"
    write_json(Path(fitted), result(fitted) | made)
    run("summarize_baseline")
    assert result("plots/baseline.json")["lines"] == made["lines"]
    write_json(Path("plots/controls.json"), study_controls())
    pair = replace(comparison("rn", "vit"), first="first", second="second")
    write_result(Path("plots/comparisons/pair.json"), pair)
    write_untrained("linear")
    run("untrained", "rn")
    for folder in ("plots/encoders", "plots/untrained", "plots/comparisons"):
        Path(folder, "removed.json").write_text("{}")
    run("report")
    labels = ["the first", "the second"]  # not in the order of params.yaml
    for table in ("effective_robustness", "pruning", "concepts"):
        found = [row["label"] for row in rows(table) if row["label"].startswith("the ")]
        assert list(dict.fromkeys(found)) == labels, table
    null = np.mean(result("plots/untrained/rn.json")["numbers"]["kurtosis"])
    for row, one in zip(rows("kurtosis"), summarized.values(), strict=True):
        assert float(row["kurtosis"]) == one.kurtosis.kurtosis.value
        assert float(row["null"]) == pytest.approx(null, abs=1e-5)
    assert [row["label"] for row in rows("training")] == ["the second"] * 2
    assert {(row["first_label"], row["second_label"]) for row in rows("cka")} == {tuple(labels)}
    study, page = load_tree(Path("params.yaml"))["study"], Path("plots/report.html").read_text()
    assert all(word in page for word in (*labels, study["title"], study["description"]))
    assert Path("plots/effective_robustness.svg").read_text().startswith("<svg")
