"""Facts that one chart has, or a few."""

from interpreting_clip.charts.lines import TRAINING_ACCURACY
from tests.unit.charts.small_tables import (
    TRAINING,
    marks,
    panels,
)


def test_the_line_of_a_training_passes_over_steps_that_did_not_log_its_column():
    (line,) = marks(panels(TRAINING_ACCURACY, TRAINING)["a"], "line")
    assert line.count("L") == 1
