"""A study's own shifts on the page: a table, a panel and rows of their own, never in a mean."""

from typing import Any

import pytest

from interpreting_clip.config.params import convert
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.study.dataset_entries import Shifts
from page.names import DATASETS, TESTBED_SHIFTS
from page.provenance import Provenance
from page.robustness_claims import robustness_order
from tests.pipeline.workspace import NANO
from tests.unit.page.conftest import cells, interval, read, study_page, table, tables_of, undrawn

NAMES = {"alone": "Alone", "listed": "My listed shift"}


@pytest.fixture
def with_own(study) -> dict[str, Any]:
    """The study with two shifts of its own: without a line, and with one like ImageNet-V2's."""
    known = {"images": 150, "classes": 8, "imagenet_images": 70, "guessing": 12.5}
    known |= {"accuracy": interval(62.5), "imagenet": 83.0}
    baseline = study["baseline"]
    of_listed: dict[str, Any] = {
        name: {"listed": baseline[name]["imagenet_v2"]} for name in ("lines", "chance")
    }
    of_listed |= {"abscissa": {"listed": "imagenet"}, "at_chance": {"listed": ["m0"]}}
    of_listed |= {"curves": {}}
    of_listed["models"] = [
        {"name": f"m{i}", "imagenet": 60.0 + i, "listed": 40.0 + i} for i in range(4)
    ]
    of_alone = {name: {} for name in of_listed} | {"models": []}
    for key in study["results"]:
        without = known | {"robustness": None, "left_out": "no standard models"}
        study["own"][key] = {
            "alone": {"robustness": without, "baseline": of_alone},
            "listed": {"robustness": known | {"robustness": interval(2.5)}, "baseline": of_listed},
        }
    del study["own"]["vit_supervised"]["listed"], study["own"]["vit_untrained"]
    return study


def test_one_with_a_line_has_rows_and_its_own_models_but_no_part_in_means_and_claims(with_own):
    def summary():
        rows = tables_of(with_own, DATASETS | NAMES)["effective_robustness"]
        return rows, robustness_order(read(with_own), line="straight").cases

    rows, before = summary()
    assert before
    assert set(rows["shift"]) == {*TESTBED_SHIFTS.values(), NAMES["listed"]}
    by_kind = rows[rows["shift"] == NAMES["listed"]].groupby("kind")
    assert list(by_kind["label"].unique()["standard"]) == ["m1", "m2", "m3"]
    assert list(by_kind["effective_robustness"].unique()["encoder"]) == [2.5]
    for own in with_own["own"].values():
        own.get("listed", own["alone"])["robustness"]["robustness"] = interval(-99.0)
    assert summary()[1] == before


def test_the_table_has_each_encoder_with_accuracies_and_robustness_or_the_reason(with_own):
    drawn = load_tree(NANO)["shifts"]["tilted"] | {"baseline": "published"}
    entries = {key: drawn | {"label": label} for key, label in NAMES.items()}
    shifts = convert(entries, Shifts, "shifts")
    with undrawn():
        page = study_page(with_own, Provenance(shifts=shifts))
    own = table(page, "The study’s own shifts")
    accuracy = "62.5 [61.5, 63.5]"
    both = [accuracy, "83.0", "–", accuracy, "83.0", "2.5 [1.5, 3.5]"]
    assert cells(own, "RN zero-shot, web-broad") == both
    assert cells(own, "ViT supervised") == [*both[:3], "–", "–", "–"]
    assert "ViT untrained" not in own
    assert "Alone:</strong> no standard models" in page
    assert "through" in page and "data/baselines/listed.csv" in page
