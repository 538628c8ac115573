"""The chart of all features of an image, with those far from the others named."""

import altair as alt
import pandas as pd

from interpreting_clip.charts.panels import Ends, Layers, PanelChart
from interpreting_clip.charts.theme import PURPLE, SOFT_INK, number_tip, with_halo

WIDTH, HEIGHT = 270, 165
"""The size of a panel's axes in pixels."""

NAMED = 3
"""How many features are named in a panel, at most."""


def profile_panel(ends: Ends) -> Layers:
    """Draw every feature's distance from the mean, and name those beyond the limits."""
    x = alt.X("feature:Q", title="feature").scale(nice=False)
    y = alt.Y("z:Q", title="value (standard deviations)").scale(
        nice=False, padding=10, domain=ends.get("z", alt.Undefined)
    )
    base = alt.Chart().encode(
        x=x.axis(tickCount=5, format="d", grid=False), y=y.axis(tickCount=6, format="d")
    )
    far = base.transform_filter("abs(datum.z) > datum.limit")
    tips = [number_tip("feature", "feature", "d"), number_tip("z", "σ from the mean", ".1f")]
    return alt.layer(
        base.mark_line(color=SOFT_INK, strokeWidth=0.8),
        *limits(),
        far.mark_rule(color=PURPLE, strokeWidth=2).encode(y2=alt.datum(0)),
        far.mark_point(filled=True, size=60, color=PURPLE, opacity=1).encode(tooltip=tips),
        *names(far),
    ).properties(width=WIDTH, height=HEIGHT)


def limits() -> list[alt.Chart]:
    """Draw both limits beyond which a feature is extreme, and write the upper one."""
    row = alt.Chart().transform_filter("datum.feature === 0")
    row = row.transform_calculate(lower="-datum.limit", text="datum.limit + ' σ'")
    rule = row.mark_rule(color=SOFT_INK, strokeDash=[2, 3])
    name = row.mark_text(color=SOFT_INK, align="left", baseline="bottom", dx=3, dy=-2)
    return [
        *(rule.encode(alt.Y(f"{end}:Q")) for end in ("limit", "lower")),
        name.encode(alt.XValue(0), alt.Y("limit:Q"), alt.Text("text:N")),
    ]


def names(far: alt.Chart) -> list[alt.Chart]:
    """Write the most extreme features, from their points towards the middle of the panel."""
    order: list[alt.SortField | dict[str, str]] = [alt.SortField("distance", order="descending")]
    named = (
        far.transform_calculate(
            distance="abs(datum.z)",
            left="datum.feature < 0.5 * datum.features",
            text="'feature ' + datum.feature + ': ' + format(datum.z, '.0f') + ' σ'",
        )
        .transform_window(place="row_number()", sort=order, groupby=["panel"])
        .transform_filter(f"datum.place <= {NAMED}")
        .encode(alt.Text("text:N"))
    )
    look = {
        "align": alt.expr("datum.left ? 'left' : 'right'"),
        "dx": alt.expr("datum.left ? 8 : -8"),
        "fontWeight": "bold",
    }
    return with_halo(named, **look)


def same_distances(rows: pd.DataFrame) -> Ends:
    """Return the ends of what all panels draw, with the limits."""
    drawn = pd.concat([rows["z"], rows["limit"], -rows["limit"]]).astype(float)
    return {"z": (drawn.min(), drawn.max())}


PROFILE = PanelChart(
    name="profile",
    title="Every feature of an image",
    numbers=("feature", "z", "limit", "features"),
    draw=profile_panel,
    panel="{label}:\n{image}",
    columns=2,
    ends=same_distances,
)
