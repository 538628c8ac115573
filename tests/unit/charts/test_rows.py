import pandas as pd

from interpreting_clip.charts.panels import facets, whole_chart
from interpreting_clip.charts.pictures import draw_svg
from interpreting_clip.charts.rows import CATEGORY_COLOURS, CONCEPTS


def concepts() -> pd.DataFrame:
    encoders = [(1, "a", 3, 2.0, 5.0), (2, "b", 4, None, None)]
    categories = {"all": 0, "object": -1, "color": -2}
    return pd.DataFrame(
        [
            {"number": number, "label": label, "training": "zero-shot", "basis": basis}
            | {"representation": "linear representations", "category": category}
            | {"unique": total + less, "low": low, "high": high}
            | {"permuted": 0.0, "random": None, "over_all": 1}
            for number, label, total, low, high in encoders
            for basis in ("directions", "features")
            for category, less in categories.items()
        ]
    )


def test_concepts_write_totals_beside_bars_by_category():
    facets(CONCEPTS).to_dict()
    drawn = draw_svg(whole_chart(CONCEPTS, concepts()), "concepts", CONCEPTS.alternative)
    assert [drawn.count(text) for text in (">3 [2, 5]<", " [")] == [2, 2]
    colours = (CATEGORY_COLOURS[name] for name in ("object", "color", "part"))
    assert [drawn.count(f'fill="{colour}"') for colour in colours] == [5, 5, 0]


def test_counts_reach_to_the_longest_bar_or_interval():
    assert CONCEPTS.ends(concepts()) == {"unique": (0, 5)}
    assert CONCEPTS.ends(concepts().assign(high=None)) == {"unique": (0, 5)}
