"""The charts of published models."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import altair as alt

from interpreting_clip.charts.panels import Ends, Layers, Legend, Look, PanelChart
from interpreting_clip.charts.scatter import (
    ON_SHIFT,
    PERCENTS,
    baseline_lines,
    logit_columns,
    logits,
)
from interpreting_clip.charts.theme import (
    GREY,
    GROUND,
    INK,
    SHAPES,
    TRAINING_COLOURS,
    by_name,
    number_tip,
)
from page.published_results import PUBLISHED_TRAININGS
from page.published_tables import AUGMENTATIONS, PUBLISHED_FRAME, STANDARD

WIDTH, HEIGHT = 184, 205
"""The size of a panel's axes in pixels: five stand in a row."""

ON_IMAGENET = "ImageNet accuracy (%)"
OWN = "your models"
STAR = (
    "M0,-1L0.225,-0.309L0.951,-0.309L0.363,0.118L0.588,0.809L0,0.382L-0.588,0.809L-0.363,0.118"
    "L-0.951,-0.309L-0.225,-0.309Z"
)
BLUE, VERMILION, GREEN = (TRAINING_COLOURS[n] for n in ("zero-shot", "finetuned", "supervised"))
ORANGE, SKY, PINK, VIOLET = "#B07800", "#1E88C4", "#CC79A7", "#7B4FA3"

Looks = Mapping[str, Look]

TRAINING_LOOKS = {
    PUBLISHED_TRAININGS["zero_shot"]: Look(colour=BLUE, shape=SHAPES[0]),
    PUBLISHED_TRAININGS["finetuned"]: Look(colour=VERMILION, shape=SHAPES[1]),
    PUBLISHED_TRAININGS["finetuned_12k"]: Look(colour=VERMILION, shape="triangle-right"),
    PUBLISHED_TRAININGS["soup"]: Look(colour=ORANGE, shape="triangle-down"),
    PUBLISHED_TRAININGS["captioner"]: Look(colour=SKY, shape="M-1,-0.35L1,-0.35L1,0.35L-1,0.35Z"),
    PUBLISHED_TRAININGS["probed"]: Look(colour=TRAINING_COLOURS["linear probe"], shape="cross"),
    PUBLISHED_TRAININGS["supervised"]: Look(colour=GREEN, shape=SHAPES[2]),
    STANDARD: Look(colour=GREY, shape="circle"),
}
"""The look of each kind of training; on the page, the filter is its legend."""


def coloured(colours: Mapping[str, str]) -> Looks:
    """Return circles, squares and diamonds in colours, by name."""
    shapes = ("circle", "square", "diamond")
    given = zip(colours, colours.values(), shapes, strict=False)
    return {name: Look(colour=colour, shape=shape) for name, colour, shape in given}


AUGMENTATION_LOOKS = coloured({AUGMENTATIONS[0]: VERMILION, AUGMENTATIONS[1]: VIOLET})
SOUP_LOOKS = coloured({"ingredient": VERMILION, "soup": ORANGE, "zero-shot start": BLUE})
DATA_LOOKS = coloured({"LAION-80M": SKY, "LAION-400M": VERMILION, "LAION-2B": VIOLET})


def titled(**titles: str) -> list[alt.Tooltip]:
    """Show columns in a tooltip, each under a title."""
    return [alt.Tooltip(field=name, type="nominal", title=title) for name, title in titles.items()]


def by_look(column: str, looks: Looks) -> dict[str, Any]:
    """Encode a column as colour and shape."""
    colours, shapes = zip(*((look.colour, look.shape) for look in looks.values()), strict=True)
    legend = alt.Legend(columns=4)  # in one row, the kinds of training would be wider than panels
    return {
        "color": alt.Color(f"{column}:N", scale=by_name(looks, colours), legend=legend),
        "shape": alt.Shape(f"{column}:N", scale=by_name(looks, shapes), legend=legend),
    }


def model_points(*more: alt.Tooltip) -> alt.Chart:
    """Draw a point per model, by kind of training; its tooltip shows its columns and `more`."""
    own_model, standard_model = (f"datum.training === '{name}'" for name in (OWN, STANDARD))
    size = alt.when(standard_model).then(alt.value(16)).when(own_model).then(alt.value(260))
    points = alt.Chart().mark_point(filled=True, opacity=0.9, strokeWidth=0.5, clip=True)
    return points.encode(
        **by_look("training", {**TRAINING_LOOKS, OWN: Look(colour=PINK, shape=STAR)}),
        size=size.otherwise(alt.value(38)),
        stroke=alt.when(own_model).then(alt.value(INK)).otherwise(alt.value(GROUND)),
        tooltip=[*titled(label="model", training="training", data="pretraining data"), *more],
    )


def published_panel(_ends: Ends) -> Layers:
    """Draw the published models and the line through the standard models."""
    return _accuracies(logits(PUBLISHED_FRAME["imagenet"]), ON_IMAGENET)


def published_panel_on_page(_ends: Ends) -> Layers:
    """Draw the same for the page, whose script sets the rows, the horizontal axis and a choice."""
    low, high = PUBLISHED_FRAME["imagenet"]
    chosen = (
        alt.Chart()
        .transform_filter("chosen !== '' && datum.label === chosen")
        .mark_point(shape="circle", size=190, opacity=1, strokeWidth=2, clip=True)
        .encode(fill=alt.value(GROUND), stroke=alt.value(INK))
    )
    # The title of an axis cannot follow a script, so a text takes its place.
    title = alt.Chart(alt.InlineData(values=[{}])).mark_text(fontSize=12, baseline="top", color=INK)
    title = title.encode(
        x=alt.value(WIDTH / 2), y=alt.value(HEIGHT + 23), text=alt.value(alt.ExprRef("abscissa"))
    )
    ends = [alt.ExprRef(f"log({end} / (100 - {end}))") for end in ("left", "right")]
    set_by_script = {"chosen": "", "abscissa": ON_IMAGENET, "left": low, "right": high}
    return _accuracies(ends, "", chosen, title).properties(
        params=[
            alt.VariableParameter(name=name, value=value) for name, value in set_by_script.items()
        ]
    )


def _accuracies(x_domain: list[Any], x_title: str, *beneath: alt.Chart) -> alt.LayerChart:
    """Draw models above the line, with layers `beneath` the models."""
    models = model_points(
        number_tip("imagenet", "ImageNet (%)", ".1f"),
        number_tip("accuracy", "on the shift (%)", ".1f"),
        *titled(robustness_text="effective robustness", mean_text="mean"),
    ).transform_filter("datum.kind === 'standard' || datum.kind === 'encoder'")
    layers = alt.LayerChart(
        layer=[*baseline_lines(clip=True), *beneath, models],
        transform=logit_columns(),
        width=WIDTH,
        height=HEIGHT,
    )
    return layers.encode(
        x=alt.X("x_logit:Q", title=x_title, axis=PERCENTS).scale(domain=x_domain, nice=False),
        y=alt.Y("y_logit:Q", title=ON_SHIFT, axis=PERCENTS).scale(
            domain=logits(PUBLISHED_FRAME["accuracy"]), nice=False
        ),
    )


PUBLISHED = PanelChart(
    name="published",
    title="Effective robustness of the published models",
    numbers=("imagenet", "accuracy", "baseline", "effective_robustness"),
    draw=published_panel,
    legend=(Legend(column="training", looks=TRAINING_LOOKS),),
    panel="{shift}",
    columns=5,
    facets={"spacing": alt.RowColnumber(column=10, row=24)},
    caption="Published top-1 accuracies, in percent on logit axes: zero-shot and finetuned CLIPs "
    "and supervised models of the same backbones. Grey: the standard models of the ImageNet "
    "testbed; black: the line fitted to them in logit space (Taori et al. 2020), dashed where it "
    "is extrapolated. Effective robustness is the height of a model above the line, in points.",
)
"""The chart of the published accuracies, which no study changes."""

PUBLISHED_ON_PAGE = replace(PUBLISHED, draw=published_panel_on_page)


def finetuning_panel(_ends: Ends) -> Layers:
    """Draw effective robustness against learning rate, with the zero-shot start as a line."""
    start = alt.Chart().transform_filter("datum.kind === 'start'")
    level = start.mark_rule(strokeDash=[6, 4], color=BLUE, strokeWidth=2)
    level = level.encode(x=alt.value(0), x2=alt.value("width"))
    name = start.mark_text(align="right", dy=12, fontSize=12.5, color=BLUE)
    name = name.encode(x=alt.value(279), text=alt.value("zero-shot start"))
    titles = {"learning_rate": "learning rate", "epochs": "epochs", "augmentation": "augmentation"}
    area = area_of("epochs", (4, 16), (45, 190))
    points = result_points("augmentation", AUGMENTATION_LOOKS, area, **titles)
    points = points.transform_filter("datum.kind === 'model'")
    x = powers_of_ten("learning_rate", -6, -4, "learning rate (logarithmic)")
    return against(x, level, name, points)


def soups_panel(_ends: Ends) -> Layers:
    """Draw soups with their ingredients and their start, each named at its point."""
    area = alt.when("datum.kind === 'ingredient'").then(alt.value(50)).otherwise(alt.value(170))
    points = result_points("kind", SOUP_LOOKS, area, imagenet="ImageNet (%)")
    named = alt.Chart().transform_filter("datum.said !== ''").encode(text="said:N")
    look: dict[str, Any] = {"dx": 11, "align": "left", "fontSize": 12.5, "fontWeight": "bold"}
    halo = named.mark_text(**look, color=GROUND, stroke=GROUND, strokeWidth=3, strokeJoin="round")
    x = alt.X("imagenet:Q", title=ON_IMAGENET, axis=alt.Axis(grid=False))
    x = x.scale(zero=False, nice=False, padding=30)
    return against(x, points, halo, named.mark_text(**look))


def scaling_panel(_ends: Ends) -> Layers:
    """Draw effective robustness against compute, with a line for an architecture and data set."""
    series = alt.Chart().mark_line(strokeWidth=1.2, opacity=0.7)
    colour = by_look("data", DATA_LOOKS)["color"]
    series = series.encode(color=colour, detail="architecture:N", order="gmacs:Q")
    titles = {"data": "pretraining data", "samples": "samples seen (billions)"}
    area = area_of("samples", (3, 34), (45, 210))
    points = result_points("data", DATA_LOOKS, area, architecture="architecture", **titles)
    x = powers_of_ten("gmacs", 10, 13, "compute of pretraining (GMACs, logarithmic)")
    return against(x, series, points)


def result_points(column: str, looks: Looks, area: Any, **titles: str) -> alt.Chart:
    """Draw points in colours and shapes by a column; tooltips show columns under titles."""
    points = alt.Chart().mark_point(filled=True, opacity=0.85, strokeWidth=0.5, stroke=GROUND)
    columns = titled(label="model", **titles, mean_text="effective robustness")
    return points.encode(**by_look(column, looks), size=area, tooltip=columns)


def area_of(column: str, ends: tuple[int, int], areas: tuple[int, int]) -> alt.Size:
    """Encode a number as the area of a point."""
    return alt.Size(f"{column}:Q", legend=None).scale(domain=list(ends), range=list(areas))


def powers_of_ten(column: str, low: int, high: int, title: str) -> alt.X:
    """Encode the horizontal axis as a logarithmic one, with a tick at each power of ten."""
    powers = [10.0**power for power in range(low, high + 1)]
    x = alt.X(f"{column}:Q", title=title).scale(type="log", nice=False, padding=12)
    return x.axis(values=powers, format=".0e", grid=False)


def against(x: alt.X, *layers: alt.Chart) -> Layers:
    """Draw mean effective robustness against something."""
    y = alt.Y("mean:Q", title="effective robustness (points)")
    y = y.scale(nice=False, zero=False, padding=16).axis(tickCount=6)
    return single(x, y, *layers)


def single(x: alt.X, y: alt.Y, *layers: alt.Chart) -> Layers:
    """Draw layers of one panel."""
    return alt.LayerChart(layer=list(layers)).encode(x=x, y=y).properties(width=285, height=240)


FINETUNING = PanelChart(
    name="finetuning",
    title="What finetuning costs",
    numbers=("learning_rate", "epochs", "mean"),
    draw=finetuning_panel,
    legend=(Legend(column="augmentation", looks=AUGMENTATION_LOOKS),),
    panel="{over}",
    caption="Mean effective robustness of OpenAI's CLIP ViT-B/32 finetuned on "
    "ImageNet with hyper-parameters from a random search (Wortsman et al. 2022), on the default "
    "line. Larger marks were trained for more epochs.",
)

SOUPS = PanelChart(
    name="soups",
    title="Soups and their ingredients",
    numbers=("imagenet", "mean"),
    draw=soups_panel,
    legend=(Legend(column="kind", looks=SOUP_LOOKS),),
    panel="{over}",
    caption="Mean effective robustness against ImageNet accuracy, on the default "
    "line. A soup is the average of the weights of finetuned models: of all of them (uniform), or "
    "of those that raise the accuracy on held-out training images (greedy).",
)

SCALING = PanelChart(
    name="scaling",
    title="Pretraining data and compute",
    numbers=("gmacs", "samples", "mean"),
    draw=scaling_panel,
    legend=(Legend(column="data", looks=DATA_LOOKS),),
    panel="{over}",
    only={"data": tuple(DATA_LOOKS)},
    caption="Mean effective robustness of CLIPs of several sizes, by pretraining "
    "data (Cherti et al. 2023), on the default line. Larger marks saw more samples; a line joins "
    "the models of one architecture and data set. Ratios of samples are taken from the compute, "
    "since 3, 13 and 34 billion are rounded. Intervals over so few architectures are rough.",
)
