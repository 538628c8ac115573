"""A study's own shifts on the page: a table, a panel and rows of their own, never in a mean."""

from typing import Any

import pytest

from interpreting_clip.charts.tables import MEAN_OF_SHIFTS
from page.claims import robustness_order
from page.names import DATASETS, TESTBED_SHIFTS
from tests.unit.page.conftest import interval, read, tables_of

NAMES = {"alone": "Alone", "listed": "My listed shift"}


@pytest.fixture
def with_own(study) -> dict[str, Any]:
    """The study with two shifts of its own: without a line, and with one like ImageNet-V2's."""
    known = {"images": 150, "classes": 8, "imagenet_images": 70, "guessing": 12.5}
    known |= {"accuracy": interval(62.5), "imagenet": 83.0}
    for results in study["results"].values():
        results["robustness"]["own"] = {
            "alone": known | {"robustness": None, "left_out": "no standard models"},
            "listed": known | {"robustness": interval(2.5)},
        }
    baseline = study["baseline"]
    for part in ("lines", "chance"):
        baseline[part]["listed"] = baseline[part]["imagenet_v2"]
    baseline["abscissa"]["listed"] = "imagenet"
    baseline["at_chance"]["listed"] = ["m0"]
    models = [{"name": f"m{i}", "imagenet": 60.0 + i, "listed": 40.0 + i} for i in range(4)]
    baseline["own_models"] = {"listed": models}
    return study


def test_one_with_a_line_has_rows_and_its_own_models_but_no_part_in_means_and_claims(with_own):
    def summary():
        tables = tables_of(with_own, DATASETS | NAMES)
        pruning = tables["pruning"].set_index("dataset")["accuracy"]
        cases = robustness_order(read(with_own)).cases
        return tables["effective_robustness"], cases, list(pruning[MEAN_OF_SHIFTS])

    rows, *before = summary()
    assert set(rows["shift"]) == {*TESTBED_SHIFTS.values(), NAMES["listed"]}
    by_kind = rows[rows["shift"] == NAMES["listed"]].groupby("kind")
    assert list(by_kind["label"].unique()["standard"]) == ["m1", "m2", "m3"]
    assert list(by_kind["effective_robustness"].unique()["encoder"]) == [2.5]
    for results in with_own["results"].values():
        results["robustness"]["own"]["listed"]["robustness"] = interval(-99.0)
        results["pruning"]["listed"] = results["pruning"]["imagenet"]
    assert summary()[1:] == tuple(before)
