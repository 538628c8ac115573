import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from interpreting_clip.charts.colours import LIGHT
from interpreting_clip.charts.lines import (
    IMPORTANCE,
    OUTLIER_SHARES,
    PLANTED_OUTLIERS,
    PRUNING,
    SWEEP,
    TRAINING_ACCURACY,
    TRAINING_LOSS,
)
from interpreting_clip.charts.panels import facets, panel_spec, panel_values, whole_chart
from interpreting_clip.charts.pictures import draw_svg
from interpreting_clip.charts.theme import GREY

ENCODERS = [(1, "a", "zero-shot", "rn"), (2, "b", "supervised", "rn"), (3, "c", "finetuned", "vit")]
LINES = [IMPORTANCE, PRUNING, SWEEP]


def table(column, values, **more):
    """Return a row per encoder and value of a column."""
    return pd.DataFrame(
        [
            dict(zip(("number", "label", "training", "backbone"), encoder, strict=True))
            | {column: value, **{name: make(value) for name, make in more.items()}}
            for encoder in ENCODERS
            for value in values
        ]
    )


def in_both_heads(own):
    return pd.concat([own.assign(head="head"), own.assign(head="random head")])


def tables():
    accuracy = table("fraction", [0, 0.5, 0.9], accuracy=lambda f: 80 - 50 * f)
    size = {"size": [4.0, 8.0, 16.0], "found": [0.0, 50.0, 99.0], "arithmetic": [0.0, 50.0, 99.0]}
    counts = {"low": 1, "high": 9, "permuted": 0.0, "random": np.nan, "over_all": 2}
    unique = table("threshold", [0.6, 0.7, 0.8], unique=lambda t: round(20 - 20 * t))
    share = table("rank", range(1, 9), importance=lambda r: 0.8 / r**2, share=lambda r: 1 / r**2)
    return {
        "importance": in_both_heads(share),
        "pruning": in_both_heads(
            pd.concat(accuracy.assign(dataset=d) for d in ("ImageNet", "the shifts, mean", "R"))
        ),
        "sweep": unique.assign(basis="directions", **counts),
        "training": table("step", [1, 2, 3], loss=lambda s: 1 / s, accuracy=lambda s: 10 * s),
        "planted_outliers": pd.DataFrame(size).merge(
            pd.DataFrame({"features": ["1 raised", "3 raised"]}), how="cross"
        ),
        "outlier_shares": pd.DataFrame({"rank": [1, 2, 3], "share": [0.9, 0.4, 0.1], "limit": 0.8}),
    }


def panels(chart, rows):
    """Return the SVG of each panel of a page by its title."""
    spec = panel_spec(chart, chart.ends(chart.rows(rows)), LIGHT)
    return {
        title: draw_svg({**spec, "data": {**spec["data"], "values": text}}, "chart", "")
        for title, text in panel_values(chart, rows, spec).items()
    }


def places(svg):
    """Return where each number in bold stands, with the halo under it."""
    texts = re.findall(r'<text [^>]*translate\(([^)]+)\)[^>]*font-weight="bold"[^>]*>(\d+)<', svg)
    return {
        number: sorted(place for place, other in texts if other == number) for _, number in texts
    }


@pytest.mark.parametrize(
    "chart",
    [*LINES, TRAINING_LOSS, TRAINING_ACCURACY, PLANTED_OUTLIERS, OUTLIER_SHARES],
    ids=lambda chart: chart.name,
)
def test_charts_are_valid_and_draw_their_tables(chart):
    facets(chart).to_dict()
    rows = tables()[chart.table]
    drawn = draw_svg(whole_chart(chart, rows), chart.name, chart.alternative)
    assert drawn.count("<path") > len(chart.rows(rows))


@pytest.mark.parametrize("chart", LINES, ids=lambda chart: chart.name)
def test_each_line_has_its_number_once_and_at_a_place_of_its_own(chart):
    drawn = panels(chart, tables()[chart.table])
    assert all(("Backbone vit" in title) == ("3" in places(svg)) for title, svg in drawn.items())
    for svg in drawn.values():
        found = list(places(svg).values())
        assert all(len(own) == 2 and own[0] == own[1] for own in found)
        assert len({own[0].partition(",")[0] for own in found}) == len(found)


def test_random_heads_are_grey_lines_without_numbers_where_they_are_kept():
    rows = tables()["importance"].query("number == 1")
    with_random = replace(IMPORTANCE, only={"head": ("head", "random head")})
    (alone,), (both,) = (list(panels(c, rows).values()) for c in (IMPORTANCE, with_random))
    assert f'stroke="{GREY}"' not in alone and both.count(f'stroke="{GREY}"') == 1
    assert list(places(both)) == ["1"] and len(places(both)["1"]) == 2


def test_pruning_draws_imagenet_and_the_mean_of_the_shifts():
    titles = [f"Backbone {b}: {d}" for b in ("rn", "vit") for d in ("ImageNet", "the shifts, mean")]
    assert sorted(panels(PRUNING, tables()["pruning"])) == titles


def test_panels_share_the_ends_of_all_encoders():
    all_tables = tables()
    low, high = IMPORTANCE.ends(all_tables["importance"])["height"]
    assert (low, high) == pytest.approx((np.log10(1 / 64), 0))
    assert SWEEP.ends(all_tables["sweep"]) == {"threshold": (0.6, 0.8), "unique": (0, 8)}


def test_a_training_draws_only_the_steps_that_log_its_column():
    rows = tables()["training"]
    rows.loc[rows["step"] == 2, "accuracy"] = np.nan
    points = [
        panels(chart, rows)["a"].count('opacity="0"')
        for chart in (TRAINING_LOSS, TRAINING_ACCURACY)
    ]
    assert points == [3, 2]


def test_planted_outliers_write_how_many_features_were_raised_on_their_lines():
    (svg,) = panels(PLANTED_OUTLIERS, tables()["planted_outliers"]).values()
    assert [svg.count(f">{name}<") for name in ("1 raised", "3 raised")] == [1, 1]


def test_outlier_shares_mark_the_limit():
    (svg,) = panels(OUTLIER_SHARES, tables()["outlier_shares"]).values()
    assert svg.count("outlier features<") == 1 and svg.count("stroke-dasharray") == 1
