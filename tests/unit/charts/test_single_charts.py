"""Facts that one chart has, or a few."""

from dataclasses import replace

import pandas as pd

from interpreting_clip.charts.colours import VARIABLES
from interpreting_clip.charts.layer_matrix import CKA
from interpreting_clip.charts.lines import IMPORTANCE, TRAINING_ACCURACY
from interpreting_clip.charts.panels import template
from interpreting_clip.charts.pictures import draw_svg
from interpreting_clip.charts.rows import CATEGORY_COLOURS, CONCEPTS
from interpreting_clip.charts.scatter import EFFECTIVE_ROBUSTNESS
from page.published_charts import (
    OWN,
    PUBLISHED,
    PUBLISHED_ON_PAGE,
    SCALING,
    TRAINING_LOOKS,
)
from page.published_tables import points_outside_frame
from page.verdicts import case_drawing
from tests.unit.charts.small_tables import (
    ACCURACIES,
    CLAIM,
    CONCEPT_COUNTS,
    IMPORTANCES,
    TRAINING,
    marks,
    models,
    numbers,
    panels,
    similarities,
)


def test_random_heads_are_grey_lines_without_numbers_where_they_are_kept():
    both = replace(IMPORTANCE, only={})
    (alone,), (drawn,) = (panels(one, IMPORTANCES[:6]).values() for one in (IMPORTANCE, both))
    grey = f'stroke="{VARIABLES["grey"]}"'
    assert (alone.count(grey), drawn.count(grey)) == (0, 1)
    assert len(numbers(drawn)) == 1


def test_the_line_of_a_training_passes_over_steps_that_did_not_log_its_column():
    (line,) = marks(panels(TRAINING_ACCURACY, TRAINING)["a"], "line")
    assert line.count("L") == 1


def test_bars_have_the_colours_of_their_categories():
    bars = "".join("".join(marks(p, "rect")) for p in panels(CONCEPTS, CONCEPT_COUNTS).values())
    assert [bars.count(f'"{CATEGORY_COLOURS[name]}"') for name in ("object", "part")] == [4, 0]


def test_the_first_layer_stands_at_the_lower_left():
    (drawn,) = panels(CKA, similarities(3)).values()
    across, up = drawn.split(">layer 0<")[0], drawn.rsplit(">layer 0<", 1)[0]
    assert ">layer 2<" not in across and up.count(">layer 2<") == 2


def test_models_of_one_architecture_and_data_set_are_joined():
    table = models("model").assign(data="LAION-2B", architecture="ViT-B-32")
    lines = [
        marks(drawn, "line")
        for one in (table, table.assign(architecture=range(len(table))))
        for drawn in panels(SCALING, one).values()
    ]
    assert [sum(line.count("L") for line in drawn) for drawn in lines] == [len(table) - 1, 0]


def test_revisions_have_panels_of_their_own():
    spec = template(EFFECTIVE_ROBUSTNESS)
    table = pd.concat([ACCURACIES.assign(rev=rev) for rev in ("HEAD", "workspace")])
    spec["data"]["values"] = table.astype(object).where(table.notna(), "").to_dict("records")
    drawn = draw_svg(spec, "revisions", "")
    assert drawn.count(">HEAD<") == drawn.count(">workspace<") == 2


def test_a_template_lists_all_trainings_but_not_a_readers_own_models():
    spec = template(PUBLISHED)["spec"]["layer"][-1]["encoding"]["color"]
    assert spec["legend"]["values"] == list(TRAINING_LOOKS)
    assert OWN in spec["scale"]["domain"]


def test_the_script_of_the_page_sets_the_horizontal_axis_and_the_choice():
    params = PUBLISHED_ON_PAGE.draw({}).to_dict(validate=False)["params"]
    assert {one["name"] for one in params} == {"chosen", "abscissa", "left", "right"}


def test_points_outside_the_frame_are_counted_and_lines_are_not():
    points = [("encoder", 3, 50), ("standard", 60, 0.2), ("encoder", 60, 50), ("line", 3, 3)]
    table = pd.DataFrame(points, columns=["kind", "imagenet", "accuracy"])
    assert points_outside_frame(table) == 2


def test_the_numbers_of_a_claim_are_told_in_words():
    table = pd.concat([CLAIM, CLAIM[:1].assign(group="ViT")])
    found = case_drawing("order", "points", table).panels
    assert [*found] == ["RN", "ViT"]
    assert 'aria-label="points. a: 3 [2, 5]; b: 3 [2, 5]"' in found["RN"]
