"""A result shows its numbers as a table, in a terminal and in a notebook."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pytest
from interpreting_clip.instruments.readable import Readable, number_text
from jaxtyping import Float

from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.result import Label, numbers
from tests.instruments import ic

RNG = np.random.default_rng(5)


@dataclass(frozen=True, repr=False, eq=False)
class Loss(Readable):
    INTERVAL: ClassVar[str] = "Interval: made up."

    loss: Annotated[Estimate, Label("loss <b>", 2, unit="points", chance="guess")]
    count: Annotated[int, Label("images", 0)]
    drawn: Annotated[float, Label("mean count", 0, chance="fraction")]
    unknown: Annotated[float | None, Label("unknown", 1)]
    guess: float
    fraction: float
    curve: Float[np.ndarray, " step"]


LOSS = Loss(Estimate(-1.0, -2.346, 0.001), 12_345, 3.0, None, 7.125, 2.5, np.zeros(4))


def test_the_table_has_value_unit_interval_and_chance_level():
    assert repr(LOSS).splitlines() == [
        "Loss",
        "             value  unit         interval  chance level",
        "loss <b>     −1.00  points  [−2.35, 0.00]          7.12",
        "images      12,345                                 none",
        "mean count       3                                  2.5",
        "unknown          –                                 none",
        "Interval: made up.",
        "Arrays: curve [4]",
    ]


def test_a_notebook_has_the_same_table_escaped():
    shown = LOSS._repr_html_()
    assert "<td>loss &lt;b&gt;</td><td>−1.00</td><td>points</td><td>[−2.35, 0.00]</td>" in shown
    assert "<b>" not in shown
    assert shown.endswith("<p>Interval: made up.</p><p>Arrays: curve [4]</p>")
    assert shown.count("<tr>") == 1 + len(numbers(LOSS))


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.001, 2, "0.00"), (-1234.5, 1, "−1,234.5"), (None, 1, "–"), (7, 0, "7")],
)
def test_numbers_have_a_true_minus_and_no_negative_zero(value, digits, text):
    assert number_text(value, digits) == text


def test_results_compare_without_asking_an_array_for_its_truth():
    values = RNG.normal(size=(20, 12))
    first, second = ic.kurtosis(values), ic.kurtosis(values)
    assert first != second and first in [second, first] and len({first, second}) == 2


def test_every_number_of_every_instrument_has_a_chance_level_or_says_that_it_has_none():
    values, head = RNG.normal(size=(60, 12)), RNG.normal(size=(4, 12))
    classes = np.arange(60) % 4
    results = (
        ic.kurtosis(values),
        ic.outlier_features(values),
        ic.participation_ratio(values),
        ic.privileged_basis(values, rotations=2),
        ic.accuracy(values, head, classes),
        ic.directions(head, values, random_heads=2),
        ic.pruning(values, head, classes, random_heads=2),
        ic.concepts(values, values[:, :2] > 0, minimum_images=5),
        ic.cka(values, values),
        ic.effective_robustness({"imagenet": 76.2, "objectnet": 30}),
    )
    for result in results:
        _, *rows = result.table.splitlines()
        for number, row in zip(result.numbers, rows, strict=False):
            assert row.startswith(number.label)
            assert row.endswith("none") == (number.chance is None), row
        assert any(number.chance is not None for number in result.numbers) or any(
            "privileged_basis" in note for note in result.notes
        )
