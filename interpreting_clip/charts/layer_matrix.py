"""The chart of CKA: a matrix of two encoders' layers."""

import altair as alt

from interpreting_clip.charts.panels import OWN_SCALES, Ends, Layers, PanelChart
from interpreting_clip.charts.theme import GROUND, INK, PURPLE, number_tip, tooltip

FEW = 8
"""Matrices of at most so many layers have their numbers in the cells."""


def cka_panel(_ends: Ends) -> Layers:
    """Draw a matrix of layers, with its numbers if they fit into the cells."""
    bare = {"labelLimit": 0, "ticks": False, "domain": False, "grid": False}
    base = alt.Chart().encode(
        x=alt.X("first_layer:N", sort=[], title=None).axis(labelAngle=-40, **bare),
        y=alt.Y("second_layer:N", sort=[], title=None).axis(**bare).scale(reverse=True),
        tooltip=tooltip("first_layer", "second_layer", number_tip("cka", "CKA", ".2f")),
    )
    shade = alt.Opacity("cka:Q", title="CKA").scale(domainMin=0, domainMax=1, range=[0, 1])
    cells = base.mark_rect(color=PURPLE).encode(
        shade.legend(symbolType="square", symbolFillColor=PURPLE, symbolStrokeWidth=0)
    )
    numbers = (
        base.transform_filter(f"datum.cells <= {FEW**2}")
        .mark_text()
        .encode(
            text=alt.Text("cka:Q", format=".2f"),
            color=alt.when("datum.cka > 0.55").then(alt.value(GROUND)).otherwise(alt.value(INK)),
        )
    )
    return (
        alt.layer(cells, numbers)
        .transform_joinaggregate(cells="count()", groupby=["panel"])
        .properties(width=235, height=225)
    )


CKA = PanelChart(
    name="cka",
    title="Similarity of layers (CKA)",
    numbers=("cka",),
    draw=cka_panel,
    panel="{first_label} (across)\n{second_label} (up)",
    facets=OWN_SCALES,
)
