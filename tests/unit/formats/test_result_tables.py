"""A result shows its numbers as a table, in a terminal and in a notebook."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float

from interpreting_clip.formats.result import Estimate, Label, Result, beside


@dataclass(frozen=True, repr=False, eq=False)
class Loss(Result):
    CAPTION: ClassVar[str] = "Interval: made up."

    loss: Annotated[Estimate, Label("loss <b>", 2, unit="points", chance="guess")]
    drawn: Annotated[float, Label("mean count", 0, chance="fraction")]
    unknown: Annotated[float | None, Label("unknown", 1)]
    guess: float
    fraction: float
    curve: Float[np.ndarray, " step"] = beside()


LOSS = Loss(Estimate(-1.0, -2.346, 0.001), 3.0, None, 7.125, 2.5, np.zeros(4))


def test_the_table_has_value_unit_interval_and_chance_level():
    assert repr(LOSS).splitlines() == [
        "Loss",
        "            value  unit         interval  chance level",
        "loss <b>    −1.00  points  [−2.35, 0.00]          7.12",
        "mean count      3                                  2.5",
        "Interval: made up.",
        "Arrays: curve [4]",
    ]


def test_a_notebook_has_the_same_table_escaped():
    shown = LOSS._repr_html_()
    assert "<td>loss &lt;b&gt;</td><td>−1.00</td><td>points</td><td>[−2.35, 0.00]</td>" in shown
    assert shown.count("<tr>") == 3
    assert shown.endswith("<p>Interval: made up.</p><p>Arrays: curve [4]</p>")
