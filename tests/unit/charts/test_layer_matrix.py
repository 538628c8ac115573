import pandas as pd
import pytest

from interpreting_clip.charts.layer_matrix import CKA, FEW
from interpreting_clip.charts.panels import facets, whole_chart
from interpreting_clip.charts.pictures import draw_svg


def similarities(layers: int) -> pd.DataFrame:
    rows = [
        {
            "first_label": "a",
            "second_label": "b",
            "first_layer": f"layer {i}",
            "second_layer": f"layer {j}",
            "first_index": i,
            "second_index": j,
            "cka": 1 / (1 + abs(i - j)),
        }
        for i in range(layers)
        for j in range(layers)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("layers", "numbers"), [(FEW, FEW), (FEW + 1, 0)])
def test_cells_have_numbers_where_they_fit(layers, numbers):
    facets(CKA).to_dict()
    drawn = draw_svg(whole_chart(CKA, similarities(layers)), "cka", CKA.alternative)
    assert drawn.count(">1.00<") == numbers


def test_the_first_layer_stands_at_the_lower_left():
    drawn = draw_svg(whole_chart(CKA, similarities(3)), "cka", CKA.alternative)
    across, up = drawn.split(">layer 0<")[0], drawn.rsplit(">layer 0<", 1)[0]
    assert ">layer 2<" not in across and up.count(">layer 2<") == 2
