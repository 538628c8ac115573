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


AUGMENTATION_LOOKS = {
    AUGMENTATIONS[0]: Look(colour=VERMILION, shape="circle"),
    AUGMENTATIONS[1]: Look(colour=VIOLET, shape="square"),
}


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


def published_panel(_ends: Ends) -> Layers:
    """Draw the published models and the line through the standard models."""
    return _accuracies()


def published_panel_on_page(_ends: Ends) -> Layers:
    """Draw the same for the page, whose script sets the rows and the model that is chosen."""
    chosen = (
        alt.Chart()
        .transform_filter("chosen !== '' && datum.label === chosen")
        .mark_point(shape="circle", size=190, opacity=1, strokeWidth=2, clip=True)
        .encode(fill=alt.value(GROUND), stroke=alt.value(INK))
    )
    return _accuracies(chosen).properties(params=[alt.VariableParameter(name="chosen", value="")])


def _accuracies(*beneath: alt.Chart) -> alt.LayerChart:
    """Draw models above the line, with layers `beneath` the models."""
    own_model, standard_model = (f"datum.training === '{name}'" for name in (OWN, STANDARD))
    size = alt.when(standard_model).then(alt.value(16)).when(own_model).then(alt.value(260))
    models = (
        alt.Chart()
        .transform_filter("datum.kind === 'standard' || datum.kind === 'encoder'")
        .mark_point(filled=True, opacity=0.9, strokeWidth=0.5, clip=True)
        .encode(
            **by_look("training", {**TRAINING_LOOKS, OWN: Look(colour=PINK, shape=STAR)}),
            size=size.otherwise(alt.value(38)),
            stroke=alt.when(own_model).then(alt.value(INK)).otherwise(alt.value(GROUND)),
            tooltip=[
                *titled(label="model", training="training", data="pretraining data"),
                number_tip("imagenet", "ImageNet (%)", ".1f"),
                number_tip("accuracy", "on the shift (%)", ".1f"),
                *titled(robustness_text="effective robustness", mean_text="mean"),
            ],
        )
    )
    layers = alt.LayerChart(
        layer=[*baseline_lines(clip=True), *beneath, models],
        transform=logit_columns(),
        width=WIDTH,
        height=HEIGHT,
    )
    return layers.encode(
        x=alt.X("x_logit:Q", title=ON_IMAGENET, axis=PERCENTS).scale(
            domain=logits(PUBLISHED_FRAME["imagenet"]), nice=False
        ),
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
    name = name.encode(x=alt.value(274), text=alt.value("zero-shot start"))
    points = alt.Chart().transform_filter("datum.kind === 'model'")
    points = points.mark_point(filled=True, opacity=0.85, strokeWidth=0.5, stroke=GROUND).encode(
        **by_look("augmentation", AUGMENTATION_LOOKS),
        size=alt.Size("epochs:Q", legend=None).scale(domain=[4, 16], range=[45, 190]),
        tooltip=titled(
            label="model",
            learning_rate="learning rate",
            epochs="epochs",
            augmentation="augmentation",
            text_all="effective robustness",
        ),
    )
    x = alt.X("learning_rate:Q", title="learning rate (logarithmic)")
    x = x.scale(type="log", nice=False, padding=12)
    y = alt.Y("mean_all:Q", title="effective robustness (points)")
    y = y.scale(nice=False, zero=False, padding=16).axis(tickCount=6)
    layers = alt.LayerChart(layer=[level, name, points], width=285, height=240)
    return layers.encode(x=x.axis(values=[1e-6, 1e-5, 1e-4], format=".0e", grid=False), y=y)


FINETUNING = PanelChart(
    name="finetuning",
    title="What finetuning costs",
    numbers=("learning_rate", "epochs", "mean_all"),
    draw=finetuning_panel,
    legend=(Legend(column="augmentation", looks=AUGMENTATION_LOOKS),),
    caption="Mean effective robustness of OpenAI’s CLIP ViT-B/32 finetuned on ImageNet with "
    "hyper-parameters from a random search (Wortsman et al. 2022), on straight lines. Larger marks "
    "were trained for more epochs.",
)
