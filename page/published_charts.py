"""The charts of published models: accuracy on a shift against accuracy on ImageNet."""

from page.accuracy_charts import (
    BY_SHIFT,
    ENCODER,
    GREY,
    ON_LINE,
    baseline_layers,
    in_logits,
    logit_axes,
    logit_columns,
)
from page.charts import Chart
from page.robustness_tables import STANDARD
from page.vega_lite import (
    INK,
    SHAPES,
    TRAINING_COLOURS,
    TRAININGS,
    WHITE,
    Axes,
    Spec,
    calculate,
    keep,
    layer,
    quantitative,
    spacing,
    specification,
    training,
)

PUBLISHED_FRAME = {"imagenet": (25.0, 91.0), "accuracy": (0.5, 97.5)}
"""What the chart of published models shows, in percent: tiny models would shrink the rest."""

OWN = "your model"
STAR = (
    "M0,-1L0.225,-0.309L0.951,-0.309L0.363,0.118L0.588,0.809L0,0.382L-0.588,0.809L-0.363,0.118"
    "L-0.951,-0.309L-0.225,-0.309Z"
)

PUBLISHED_TRAININGS = TRAININGS[:3]  # nobody publishes probes


def published(chart: Axes) -> Spec:
    """Draw the published models; the page's script sets `chosen`, `hidden` and the rows."""
    (left, right), (low, high) = PUBLISHED_FRAME["imagenet"], PUBLISHED_FRAME["accuracy"]
    frames = [{"domain": in_logits(ends), "nice": False} for ends in PUBLISHED_FRAME.values()]
    within = (
        f"(datum.x_percent >= {left:g} && datum.x_percent <= {right:g} && "
        f"datum.y_percent >= {low:g} && datum.y_percent <= {high:g})"
    )
    listed = [*PUBLISHED_TRAININGS, STANDARD]
    colours = [TRAINING_COLOURS[name] for name in PUBLISHED_TRAININGS] + [GREY, "#CC79A7"]
    shapes = [*SHAPES[: len(PUBLISHED_TRAININGS)], "circle", STAR]
    own = f"datum.training === '{OWN}'"
    sizes = [{"test": "datum.kind === 'standard'", "value": 20}, {"test": own, "value": 260}]
    titles = {"label": "model", "training": "training", "data": "pretraining data"}
    texts = {
        "robustness_text": "effective robustness",
        "five_text": "mean, five shifts",
        "four_text": "without ObjectNet",
    }
    tips = [
        *({"field": name, "title": title} for name, title in (titles | {"shift": "shift"}).items()),
        quantitative(chart.x, format=".1f", title="ImageNet (%)"),
        quantitative(chart.y, format=".1f", title="on the shift (%)"),
        *({"field": name, "title": title} for name, title in texts.items()),
    ]
    return specification(
        "imagenet accuracy baseline effective_robustness mean_of_five mean_of_four",
        params=[{"name": "chosen", "value": ""}, {"name": "hidden", "value": []}],
        transform=[
            keep("indexof(hidden, datum.label) < 0"),
            _in_points("robustness_text", "effective_robustness", " + datum.extrapolated"),
            _in_points("five_text", "mean_of_five"),
            _in_points("four_text", "mean_of_four"),
            *logit_columns(chart),
            keep(f"{ON_LINE} || {within}"),
        ],
        facet=BY_SHIFT,
        spec={
            "width": 285,
            "height": 270,
            "encoding": logit_axes(chart, *frames),
            "layer": [
                *baseline_layers(clip=True),
                layer(
                    "point",
                    keep("datum.label === chosen"),
                    look={"shape": "circle", "filled": True, "size": 190, "color": WHITE}
                    | {"opacity": 1, "stroke": INK, "strokeWidth": 2, "clip": True},
                ),
                layer(
                    "point",
                    keep(f"datum.kind === 'standard' || {ENCODER}"),
                    look={"filled": True, "opacity": 0.9, "strokeWidth": 0.5, "clip": True},
                    color=training(colours, [*listed, OWN], values=listed),
                    shape=training(shapes, [*listed, OWN], values=listed),
                    size={"condition": sizes, "value": 40},
                    tooltip=tips,
                    stroke={"condition": {"test": own, "value": INK}, "value": WHITE},
                ),
            ],
        },
        **spacing(10, 24),
    )


def _in_points(name: str, column: str, mark: str = "") -> Spec:
    text = f"format(datum.{column}, '.1f') + ' points'{mark}"
    return calculate(name, f"isValid(datum.{column}) ? {text} : '–'")


PUBLISHED = Chart(
    name="published",
    title="Effective robustness of the published models",
    table="published",
    specify=published,
    x="imagenet",
    y="accuracy",
    x_label="ImageNet accuracy (%)",
    y_label="accuracy on the shift (%)",
    panel=lambda row: row["shift"],
    caption="Published top-1 accuracies, in percent on logit axes: OpenCLIP's zero-shot models, "
    "timm's finetuned ones and their supervised counterparts. Grey: the standard models of the "
    "ImageNet testbed; black: the line fitted to them in logit space (Taori et al. 2020), dashed "
    "where it is extrapolated. Effective robustness is the difference in accuracy "
    "between a model and the line, in points as read on the vertical axis.",
)
"""The chart of the published accuracies, which no study changes."""
