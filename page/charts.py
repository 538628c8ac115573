"""The charts: the table that each draws, its caption, and the drawing itself."""

import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from page.vega import (
    Rows,
    csv_text,
    draw_svg,
    fill_template,
    read_template,
    script_json,
)

TRAINING_COLOURS = {
    "zero-shot": "#0072B2",
    "finetuned": "#D55E00",
    "supervised": "#009E73",
    "untrained": "#6B7280",
}
"""Okabe and Ito's colours, one per kind of training in all charts; nothing else has them."""

POINTS = 60
"""The most points per line that the page draws: an encoder may have a thousand directions."""


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """One chart of the CSV `plots/<table>.csv`, with the template `.dvc/plots/<table>.json`.

    A chart drawn `by_representation` ranks encoders, so each kind of representation has its own.
    The page draws only the rows that have the cells `only`, as the template does. If the template
    has a column for each panel, the page wraps after `columns` panels.
    """

    name: str
    title: str
    table: str
    x: str
    y: str
    x_label: str
    y_label: str
    caption: str
    by_representation: bool = False
    only: dict[str, str] = {}
    columns: int = 0


CHARTS = (
    Chart(
        name="effective_robustness",
        title="Effective robustness",
        table="effective_robustness",
        x="imagenet",
        y="accuracy",
        x_label="ImageNet accuracy (%)",
        y_label="accuracy on the shift (%)",
        caption="Top-1 accuracy on each shift against top-1 accuracy on ImageNet, in percent on "
        "logit axes. Grey: standard models; black: the line fitted to them in logit space, β "
        "(Taori et al. 2020), dashed where it is extrapolated. The thin vertical of an encoder is "
        "its effective robustness, acc(shift) − β(acc(ImageNet)); a point on the line has none. "
        "Numbers count the study's encoders, as in the tables. Accuracies of 0 or 100 % are drawn "
        "at 0.1 and 99.9 %; untrained encoders are left out.",
        columns=3,
    ),
    Chart(
        name="kurtosis",
        title="Kurtosis of the activations",
        table="kurtosis",
        x="kurtosis",
        y="label",
        x_label="mean kurtosis per image",
        y_label="encoder",
        caption="Kurtosis of one image's activation vector, mean over features of ((h − μ)/σ)⁴ "
        "without unit and not excess, averaged over the ImageNet test images; bars are bootstrap "
        "intervals. The upright mark is the untrained encoder of the same backbone. Linear and "
        "rectified representations stand apart: sparse ReLU features have a high kurtosis without "
        "any outlier feature.",
    ),
    Chart(
        name="importance",
        title="Importance of the directions",
        table="importance",
        x="rank",
        y="importance",
        x_label="direction, by importance",
        y_label="importance / the largest",
        caption="Importance of the right singular vectors v of the head, σ · mean over images of "
        "|cos(v, h)|, sorted, as a share of the encoder's largest, on a logarithmic axis; a panel "
        "per backbone. The steeper a line, the fewer directions the head rests on. "
        "plots/importance.csv also has those of a random head.",
        only={"head": "head"},
    ),
    Chart(
        name="pruning",
        title="Pruning the least important directions",
        table="pruning",
        x="fraction",
        y="accuracy",
        x_label="directions pruned",
        y_label="accuracy (%)",
        caption="Top-1 accuracy in percent after the least important fraction of the head's "
        "directions is projected out of the activations, on ImageNet and in the mean of the "
        "shifts; a panel per backbone. Dotted: the paper prunes up to 80 % without harm. "
        "plots/pruning.csv has each shift, and the directions of a random head.",
        only={"head": "head"},
    ),
    Chart(
        name="concepts",
        title="Broden concepts that are encoded",
        table="concepts",
        x="unique",
        y="label",
        x_label="unique concepts",
        y_label="encoder",
        caption="Number of Broden concepts that at least one direction encodes (average precision "
        "of the projection at or above the threshold), by category; left for the "
        "right singular vectors of the head, right for single features. Bars and the totals beside "
        "them are of the first draw of the negatives; black rules and brackets span the totals of "
        "all draws.",
        by_representation=True,
    ),
    Chart(
        name="sweep",
        title="Unique concepts against the threshold",
        table="sweep",
        x="threshold",
        y="unique",
        x_label="threshold of average precision",
        y_label="unique concepts",
        caption="Number of unique concepts as the threshold of the average precision moves, of the "
        "right singular vectors of the head and of single features; a panel per backbone. "
        "plots/sweep.csv also has the spread over the draws of the negatives.",
    ),
    Chart(
        name="correlation",
        title="Kurtosis and concepts against effective robustness",
        table="correlation",
        x="value",
        y="effective_robustness",
        x_label="value of the measure",
        y_label="effective robustness (points)",
        caption="Mean effective robustness in points against mean kurtosis and the numbers of "
        "unique concepts, a point per encoder with its number; untrained encoders are left out. "
        "Hollow: the line is extrapolated to the encoder.",
        by_representation=True,
    ),
    Chart(
        name="cka",
        title="Similarity of layers (CKA)",
        table="cka",
        x="first_layer",
        y="second_layer",
        x_label="layer of the first encoder",
        y_label="layer of the second encoder",
        caption="Minibatch CKA with the unbiased HSIC₁ (Nguyen et al. 2021, eq. 3) between the "
        "layers of two encoders, input at the lower left; 1 is the same up to rotation and scale, "
        "0 unrelated. The shades are the same in all panels.",
    ),
    Chart(
        name="training_loss",
        title="Training: loss",
        table="training",
        x="step",
        y="loss",
        x_label="step",
        y_label="loss (nats)",
        caption="Training loss in nats, the unit of natural logarithms, per optimiser step of each "
        "encoder that was trained here. "
        "Contrastive and supervised losses differ in kind: each panel has its own axes.",
    ),
    Chart(
        name="training_accuracy",
        title="Training: accuracy",
        table="training",
        x="step",
        y="accuracy",
        x_label="step",
        y_label="accuracy (%)",
        caption="Accuracy in percent as the training logged it, where it did.",
    ),
)
"""The study's charts in the order of the report; `plots:` in dvc.yaml names the same."""

PUBLISHED = Chart(
    name="published",
    title="Effective robustness of the published models",
    table="published",
    x="imagenet",
    y="accuracy",
    x_label="ImageNet accuracy (%)",
    y_label="accuracy on the shift (%)",
    caption="Published top-1 accuracies, in percent on logit axes: OpenCLIP's zero-shot models, "
    "timm's finetuned ones and their supervised counterparts. Grey: the standard models of the "
    "ImageNet testbed; black: the line fitted to them in logit space (Taori et al. 2020), dashed "
    "where it is extrapolated. Effective robustness is the difference in accuracy "
    "between a model and the line, in points as read on the vertical axis.",
)
"""The chart of the published accuracies, which no study changes."""

PLANTED_OUTLIERS = Chart(
    name="planted_outliers",
    title="Planted outlier features",
    table="planted_outliers",
    x="size",
    y="found",
    x_label="raised by (standard deviations of the image)",
    y_label="share of the images (%)",
    caption="Features of real activations are raised by a multiple of their image's standard "
    "deviation; points: the share of images in which the measure finds them beyond the limit of "
    "outlier features, lines: what the arithmetic says. Raised features widen the standard "
    "deviation that they are measured in, so that too many of them hide each other.",
)
"""The chart of the controls, which the page shows beside them."""

PUBLISHED_FRAME = {"imagenet": (25.0, 91.0), "accuracy": (0.5, 97.5)}
"""What the published chart's template shows, in percent: tiny models would shrink the rest."""


def points_outside_frame(rows: Rows) -> int:
    """Return how many points of the published chart lie outside its frame."""
    return sum(
        row["kind"] in ("standard", "encoder")
        and any(not a <= float(row[axis]) <= b for axis, (a, b) in PUBLISHED_FRAME.items())
        for row in rows
    )


def of_representation(chart: Chart, kind: str) -> Chart:
    """Return the chart for one kind of representation, with its own name and title."""
    name = f"{chart.name}_{kind.partition(' ')[0]}"
    return msgspec.structs.replace(chart, name=name, title=f"{chart.title}: {kind}")


def chart_spec(
    chart: Chart, rows: Rows, templates: Path, panel: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Return the Vega-Lite specification of a chart with its data; `panel` is a panel's size.

    Raises
    ------
    InputError
        The template is missing or broken, or holds an anchor that no chart fills.
    """
    drawn = thinned([r for r in rows if all(str(r[k]) == v for k, v in chart.only.items())])
    template = read_template(templates, chart.table)
    named = {chart.x, chart.y, *re.findall(r"\w+", json.dumps(template))}
    anchors = {
        "data": csv_text([{"rev": "", **row} for row in filled(drawn, named)]),
        "title": "",
        "x": chart.x,
        "y": chart.y,
        "x_label": chart.x_label,
        "y_label": chart.y_label,
    }
    spec = fill_template(template, anchors)
    del spec["title"]
    spec["data"]["format"]["type"] = "csv"
    list_drawn(spec, "training", {str(row.get("training")) for row in drawn})
    categories = {r["category"] for r in drawn if "category" in r and float(r[chart.x] or 0)}
    list_drawn(spec, "category", categories)
    if panel:
        spec["spec"] |= dict(zip(("width", "height"), panel, strict=True))
    elif chart.columns:
        spec |= {"facet": spec["facet"]["column"], "columns": chart.columns}
        spec |= {"bounds": "flush", "spacing": {"column": 60, "row": 75}}
        spec |= {"resolve": {"axis": {"x": "independent", "y": "independent"}}}
        spec["spec"] |= {"width": 300, "height": 250}
    return spec


def chart_svg(
    chart: Chart, rows: Rows, templates: Path, panel: tuple[int, int] | None = None
) -> str:
    """Draw a chart of rows as one `<svg>` element; `panel` is a panel's size in pixels.

    Raises
    ------
    InputError
        The template is missing or broken, or holds an anchor that no chart fills.
    """
    spec = chart_spec(chart, rows, templates, panel)
    return draw_svg(spec, chart.name, alternative(chart))


def chart_json(chart: Chart, rows: Rows, templates: Path) -> str:
    """Return the specification of a chart as text for a `<script>` of the page."""
    spec = chart_spec(chart, rows, templates)
    spec["config"] |= {"aria": False}  # the page gives the chart its alternative text
    return script_json(spec)


def alternative(chart: Chart) -> str:
    """Return a chart's alternative text."""
    return f"{chart.title}. {chart.caption}"


def filled(rows: Rows, named: set[str]) -> Rows:
    """Return the rows with a cell for each of the named columns that any of them has."""
    columns = [c for c in dict.fromkeys(name for row in rows for name in row) if c in named]
    return [{name: row.get(name) for name in columns} for row in rows]


def thinned(rows: Rows) -> Rows:
    """Return rows with about `POINTS` per line of ranks or steps at most, including its ends."""
    along = next((name for name in ("rank", "step") if rows and name in rows[0]), None)
    if along is None:
        return rows
    kept = []
    for _, line in groupby(rows, lambda row: (row["label"], row.get("head"))):
        points = list(line)
        every = -(-len(points) // POINTS)
        kept += [p for i, p in enumerate(points) if i % every == 0 or i < 10 or p is points[-1]]
    return kept


def list_drawn(spec: Any, field: str, drawn: set[str]) -> None:
    """Make the legends of a field list only the values that are drawn."""
    if isinstance(spec, list):
        for one in spec:
            list_drawn(one, field, drawn)
    if not isinstance(spec, dict):
        return
    if spec.get("field") == field and spec.get("legend"):
        known = spec["legend"].get("values") or spec["scale"]["domain"]
        spec["legend"] = {**spec["legend"], "values": [one for one in known if one in drawn]}
    for value in spec.values():
        list_drawn(value, field, drawn)
