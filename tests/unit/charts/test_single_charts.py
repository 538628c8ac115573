"""Facts that one chart has, or a few."""

import pandas as pd

from interpreting_clip.charts.lines import TRAINING_ACCURACY
from page.published_tables import points_outside_frame
from tests.unit.charts.small_tables import (
    TRAINING,
    marks,
    panels,
)


def test_the_line_of_a_training_passes_over_steps_that_did_not_log_its_column():
    (line,) = marks(panels(TRAINING_ACCURACY, TRAINING)["a"], "line")
    assert line.count("L") == 1


def test_points_outside_the_frame_are_counted_and_lines_are_not():
    points = [("encoder", 3, 50), ("standard", 60, 0.2), ("encoder", 60, 50), ("line", 3, 3)]
    table = pd.DataFrame(points, columns=["kind", "imagenet", "accuracy"])
    assert points_outside_frame(table) == 2
