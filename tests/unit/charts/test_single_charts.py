"""Facts that one chart has, or a few."""

import pandas as pd

from interpreting_clip.charts.lines import TRAINING_ACCURACY
from interpreting_clip.charts.panels import template
from interpreting_clip.charts.pictures import draw_svg
from interpreting_clip.charts.scatter import EFFECTIVE_ROBUSTNESS
from tests.unit.charts.small_tables import (
    ACCURACIES,
    TRAINING,
    marks,
    panels,
)


def test_the_line_of_a_training_passes_over_steps_that_did_not_log_its_column():
    (line,) = marks(panels(TRAINING_ACCURACY, TRAINING)["a"], "line")
    assert line.count("L") == 1


def test_revisions_have_panels_of_their_own():
    spec = template(EFFECTIVE_ROBUSTNESS)
    table = pd.concat([ACCURACIES.assign(rev=rev) for rev in ("HEAD", "workspace")])
    spec["data"]["values"] = table.astype(object).where(table.notna(), "").to_dict("records")
    drawn = draw_svg(spec, "revisions", "")
    assert drawn.count(">HEAD<") == drawn.count(">workspace<") == 2
