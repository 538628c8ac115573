"""The charts of published models."""

from collections.abc import Iterable, Sequence

import msgspec

from page.accuracy_charts import (
    BY_SHIFT,
    ON_LINE,
    baseline_layers,
    in_logits,
    logit_axes,
    logit_columns,
)
from page.charts import Chart
from page.published_results import TRAININGS as NAMES
from page.published_tables import AUGMENTATIONS, STANDARD
from page.vega import Rows
from page.vega_lite import (
    GREY,
    INK,
    SHAPES,
    SOFT_INK,
    TRAINING_COLOURS,
    WHITE,
    Axes,
    Spec,
    calculate,
    field,
    joined,
    keep,
    layer,
    nominal,
    quantitative,
    spacing,
    specification,
    value,
)

WIDTH, HEIGHT = 184, 205
"""The size of a panel's axes in pixels: five stand in a row."""

PUBLISHED_FRAME = {"imagenet": (25.0, 91.0), "accuracy": (0.5, 97.5)}
"""What the chart of published models shows, in percent: tiny models would shrink the rest."""

OWN = "your models"
STAR = (
    "M0,-1L0.225,-0.309L0.951,-0.309L0.363,0.118L0.588,0.809L0,0.382L-0.588,0.809L-0.363,0.118"
    "L-0.951,-0.309L-0.225,-0.309Z"
)
BAR = "M-1,-0.35L1,-0.35L1,0.35L-1,0.35Z"
BLUE, VERMILION, GREEN = (TRAINING_COLOURS[n] for n in ("zero-shot", "finetuned", "supervised"))
ORANGE, SKY, PINK = "#B07800", "#1E88C4", "#CC79A7"

LOOKS = {
    NAMES["zero_shot"]: (BLUE, SHAPES[0]),
    NAMES["finetuned"]: (VERMILION, SHAPES[1]),
    NAMES["finetuned_12k"]: (VERMILION, "triangle-right"),
    NAMES["soup"]: (ORANGE, "triangle-down"),
    NAMES["captioner"]: (SKY, BAR),
    NAMES["probed"]: (TRAINING_COLOURS["linear probe"], "cross"),
    NAMES["supervised"]: (GREEN, SHAPES[2]),
    STANDARD: (GREY, "circle"),
    OWN: (PINK, STAR),
}
"""Colour and shape of each kind of training; the legend is the page's filter."""

IS_OWN = f"datum.training === '{OWN}'"
HALO = {"stroke": WHITE, "strokeWidth": 3, "strokeJoin": "round"}


def published(chart: Axes) -> Spec:
    """Draw the published models, a panel for each shift."""
    frames = [{"domain": in_logits(ends), "nice": False} for ends in PUBLISHED_FRAME.values()]
    listed = [
        name for key, name in NAMES.items() if key not in ("finetuned_12k", "captioner", "probed")
    ]
    chosen = "chosen !== '' && datum.label === chosen"
    return specification(
        "imagenet accuracy baseline effective_robustness",
        params=[{"name": "chosen", "value": ""}],
        transform=[
            calculate(
                "robustness_text",
                "isValid(datum.effective_robustness) ? format(datum.effective_robustness, '.1f')"
                " + ' points' + datum.extrapolated : '–'",
            ),
            *logit_columns(chart),
            keep(f"datum.kind !== 'encoder' && datum.kind !== 'standard' || {_within(chart)}"),
        ],
        facet=BY_SHIFT,
        spec={
            "width": WIDTH,
            "height": HEIGHT,
            "encoding": logit_axes(chart, *frames),
            "layer": [
                *baseline_layers(clip=True),
                *_line_name(),
                layer(
                    "point",
                    keep(chosen),
                    look={"shape": "circle", "filled": True, "size": 190, "color": WHITE}
                    | {"opacity": 1, "stroke": INK, "strokeWidth": 2, "clip": True},
                ),
                _models(
                    keep("datum.kind === 'standard' || datum.kind === 'encoder'"),
                    [*listed, STANDARD],
                    quantitative(chart.x, format=".1f", title=chart.x_label or "ImageNet (%)"),
                    quantitative(chart.y, format=".1f", title="on the shift (%)"),
                    *_titled(robustness_text="effective robustness", mean_text="mean"),
                ),
            ],
        },
        **spacing(10, 24),
    )


def published_on_page(chart: Axes) -> Spec:
    """Draw the same for the page, whose script sets the rows and what the horizontal axis is."""
    spec = published(msgspec.structs.replace(chart, x_label=""))
    low, high = PUBLISHED_FRAME["imagenet"]
    set_by_script = {"abscissa": chart.x_label, "left": low, "right": high}
    spec["params"] += [{"name": name, "value": one} for name, one in set_by_script.items()]
    ends = [{"expr": f"log({end} / (100 - {end}))"} for end in ("left", "right")]
    spec["spec"]["encoding"]["x"]["scale"]["domain"] = ends
    spec["transform"][-1] = keep(
        "datum.kind !== 'encoder' && datum.kind !== 'standard' || "
        f"{_within(chart, ('left', 'right'))}"
    )
    below = layer(
        "text",
        look={"fontSize": 12, "baseline": "top", "color": INK},
        x=value(WIDTH / 2),
        y=value(HEIGHT + 23),
        text=value({"expr": "abscissa"}),
    )
    spec["spec"]["layer"].append({"data": {"values": [{}]}, **below})
    return spec


def _line_name() -> list[Spec]:
    """Name the line at its left end: beneath it, or beside it where it leaves the frame.

    A line may begin outside the frame; then its name is where it enters, on a straight line.
    """
    left, middle = in_logits([PUBLISHED_FRAME["imagenet"][0], 40.0])
    lowest = in_logits([1.5])[0]
    ends = {f"{axis}_{op}": (op, f"{axis}_logit") for axis in "xy" for op in ("min", "max")}
    slope = "(datum.y_max - datum.y_min) / (datum.x_max - datum.x_min)"
    return [
        layer(
            "text",
            keep(ON_LINE),
            joined("shift", **ends),
            keep("datum.x_logit === datum.x_min"),
            calculate("x_name", f"max(datum.x_min, {left})"),
            keep(f"datum.x_name {side} {middle}"),
            calculate("y_on_line", f"datum.y_min + (datum.x_name - datum.x_min) * {slope}"),
            calculate("y_name", f"max(datum.y_on_line, {lowest})"),
            look={"color": INK, **look},
            x=quantitative("x_name"),
            y=quantitative("y_name"),
            text=value(name),
        )
        for side, name, look in (
            ("<", "standard models", {"align": "left", "dx": 5, "dy": 11}),
            (">=", ["standard", "models"], {"align": "right", "dx": 4, "dy": -8}),
        )
    ]


def _within(chart: Axes, sides: Sequence[object] = PUBLISHED_FRAME["imagenet"]) -> str:
    """Return the test for a point inside the frame."""
    (left, right), (low, high) = sides, PUBLISHED_FRAME["accuracy"]
    x, y = f"datum['{chart.x}']", f"datum['{chart.y}']"
    return f"({x} >= {left} && {x} <= {right} && {y} >= {low} && {y} <= {high})"


def _models(transform: Spec, listed: list[str], *told: Spec) -> Spec:
    """Draw a point per model, by the kind of its training, that answers a pointer."""
    colours, shapes = zip(*LOOKS.values(), strict=True)
    legend = {"title": "training", "values": listed}
    sizes = [
        {"test": "datum.kind === 'standard'", "value": 16},
        {"test": IS_OWN, "value": 260},
    ]
    return layer(
        "point",
        transform,
        look={"filled": True, "opacity": 0.9, "strokeWidth": 0.5, "clip": True},
        **_coloured_shapes("training", LOOKS, colours, shapes, legend),
        size={"condition": sizes, "value": 38},
        stroke={"condition": {"test": IS_OWN, "value": INK}, "value": WHITE},
        tooltip=[
            *_titled(label="model", training="training", data="pretraining data"),
            *told,
        ],
    )


def finetuning(chart: Axes) -> Spec:
    """Draw effective robustness against learning rate, with the zero-shot start as a line."""
    start = keep("datum.kind === 'start'")
    return _single(
        chart,
        "learning_rate epochs mean",
        x=_in_powers_of_ten(chart, -6, -4),
        layers=[
            layer(
                "rule",
                start,
                look={"strokeDash": [6, 4], "color": BLUE, "strokeWidth": 2},
                x=value(0),
                x2=value("width"),
            ),
            layer(
                "text",
                start,
                look={"align": "right", "dy": 12, "fontSize": 12.5, "color": BLUE},
                x=value(279),
                text=value("zero-shot start"),
            ),
            _told(
                chart,
                keep("datum.kind === 'model'"),
                learning_rate="learning rate",
                epochs="epochs",
                augmentation="augmentation",
                by=("augmentation", AUGMENTATIONS, (VERMILION, "#7B4FA3")),
                size=_sized("epochs", [4, 16], [45, 190]),
            ),
        ],
    )


def soups(chart: Axes) -> Spec:
    """Draw soups beside their ingredients and their start, each named at its point."""
    kinds = ("ingredient", "soup", "zero-shot start")
    named = keep("datum.said !== ''")
    texts = [
        layer(
            "text",
            named,
            look={"dx": 11, "align": "left", "fontSize": 12.5, "fontWeight": "bold", **look},
            text=field("said"),
        )
        for look in (HALO | {"color": WHITE}, {"color": INK})
    ]
    return _single(
        chart,
        "imagenet mean",
        x=chart.along_x(scale={"zero": False, "nice": False, "padding": 30}, axis={"grid": False}),
        layers=[
            _told(
                chart,
                keep("true"),
                imagenet="ImageNet (%)",
                by=("kind", kinds, (VERMILION, ORANGE, BLUE)),
                size={
                    "condition": {"test": "datum.kind === 'ingredient'", "value": 50},
                    "value": 170,
                },
            ),
            *texts,
        ],
    )


def scaling(chart: Axes) -> Spec:
    """Draw effective robustness against compute by pretraining data, larger for more samples."""
    sets = ("LAION-80M", "LAION-400M", "LAION-2B")
    return _single(
        chart,
        "gmacs samples mean extrapolated",
        transform=[keep("indexof(['LAION-80M', 'LAION-400M', 'LAION-2B'], datum.data) >= 0")],
        x=_in_powers_of_ten(chart, 10, 13),
        layers=[
            _told(
                chart,
                keep("true"),
                architecture="architecture",
                data="pretraining data",
                samples="samples seen (billions)",
                by=("data", sets, (SKY, VERMILION, "#7B4FA3")),
                size=_sized("samples", [3, 34], [45, 210]),
            )
        ],
    )


def natural_and_style(chart: Axes) -> Spec:
    """Draw the mean over style shifts against that over natural ones, and where both are equal."""
    equal = {"data": {"values": [{"at": -2}, {"at": 40}]}, "mark": {"type": "line", "clip": True}}
    equal["mark"] |= {"strokeDash": [6, 4], "color": SOFT_INK, "strokeWidth": 1.5}
    equal["encoding"] = {axis: quantitative("at") for axis in ("x", "y")}
    points = _models(
        keep("true"),
        list(NAMES.values()),
        *_titled(
            natural_text="natural shifts", style_text="style shifts", mean_text="mean over all"
        ),
    )
    return _single(
        chart,
        "natural style",
        x=chart.along_x(scale={"nice": False, "padding": 12}, axis={"grid": False}),
        layers=[equal, points],
    )


def _in_powers_of_ten(chart: Axes, low: int, high: int) -> Spec:
    """Encode the horizontal axis as a logarithmic one, with a tick at each power of ten."""
    powers = [10.0**power for power in range(low, high + 1)]
    return chart.along_x(
        scale={"type": "log", "nice": False, "padding": 12},
        axis={"title": chart.x_label, "values": powers, "format": ".0e", "grid": False},
    )


def _single(chart: Axes, numbers: str, *, x: Spec, layers: list[Spec], **parts: object) -> Spec:
    """Return a chart of one panel."""
    y = chart.along_y(scale={"nice": False, "zero": False, "padding": 16}, axis={"tickCount": 6})
    return specification(
        numbers, width=285, height=240, encoding={"x": x, "y": y}, layer=layers, **parts
    )


def _told(
    chart: Axes,
    transform: Spec,
    *,
    by: tuple[str, Sequence[str], Sequence[str]],
    size: Spec,
    **titles: str,
) -> Spec:
    """Draw points in colours and shapes by a column, that answer a pointer with titled columns."""
    column, names, colours = by
    legend = {"title": None, "symbolSize": 110}
    return layer(
        "point",
        transform,
        look={"filled": True, "opacity": 0.85, "strokeWidth": 0.5, "stroke": WHITE},
        x=quantitative(chart.x),
        y=quantitative(chart.y),
        **_coloured_shapes(column, names, colours, ("circle", "square", "diamond"), legend),
        size=size,
        tooltip=_titled(label="model", **titles, mean_text="effective robustness"),
    )


def _coloured_shapes(
    column: str, names: Iterable[str], colours: Sequence[str], shapes: Sequence[str], legend: Spec
) -> Spec:
    """Encode a column as colour and shape, with one legend for both."""
    return {
        channel: nominal(
            column, scale={"domain": list(names), "range": list(values)}, legend=legend
        )
        for channel, values in (("color", colours), ("shape", shapes))
    }


def _sized(column: str, domain: list[int], areas: list[int]) -> Spec:
    """Encode a number as the area of a point."""
    return quantitative(column, scale={"domain": domain, "range": areas}, legend=None)


def _titled(**titles: str) -> list[Spec]:
    """Show columns in a tooltip, each under a title."""
    return [field(column) | {"title": title} for column, title in titles.items()]


def points_outside_frame(rows: Rows) -> int:
    """Return how many points of the chart of published models lie outside its frame."""
    return sum(
        row["kind"] in ("standard", "encoder")
        and any(not a <= float(row[axis]) <= b for axis, (a, b) in PUBLISHED_FRAME.items())
        for row in rows
    )


def same_kinds(rows: Rows) -> dict[str, tuple[float, float]]:
    """Return the ends of both axes, which the panels of natural and style shifts share."""
    ends = {}
    for name in ("natural", "style"):
        values = [float(row[name]) for row in rows]
        ends[name] = min(*values, 0.0) - 2, max(values) + 2
    return ends


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
    caption="Published top-1 accuracies, in percent on logit axes: zero-shot and finetuned CLIPs "
    "and supervised models of the same backbones. Grey: the standard models of the ImageNet "
    "testbed; black: the line fitted to them in logit space (Taori et al. 2020), dashed where it "
    "is extrapolated. Effective robustness is the height of a model above the line, in points.",
)
"""The chart of the published accuracies, which no study changes."""

FINETUNING = Chart(
    name="finetuning",
    title="What finetuning costs",
    table="finetuning",
    specify=finetuning,
    x="learning_rate",
    y="mean",
    x_label="learning rate (logarithmic)",
    y_label="effective robustness (points)",
    panel=lambda row: row["over"],
    caption="Mean effective robustness of OpenAI's CLIP ViT-B/32 finetuned on "
    "ImageNet with hyper-parameters from a random search (Wortsman et al. 2022), on the default "
    "line. Larger points were trained for more epochs.",
)

SOUPS = Chart(
    name="soups",
    title="Soups and their ingredients",
    table="finetuning",
    specify=soups,
    x="imagenet",
    y="mean",
    x_label="ImageNet accuracy (%)",
    y_label="effective robustness (points)",
    panel=lambda row: row["over"],
    caption="Mean effective robustness against ImageNet accuracy, on the default "
    "line. A soup is the average of the weights of finetuned models: of all of them (uniform), or "
    "of those that raise the accuracy on held-out training images (greedy).",
)

SCALING = Chart(
    name="scaling",
    title="Pretraining data and compute",
    table="scaling",
    specify=scaling,
    x="gmacs",
    y="mean",
    x_label="compute of pretraining (GMACs, logarithmic)",
    y_label="effective robustness (points)",
    panel=lambda row: row["over"],
    caption="Mean effective robustness of CLIPs of several sizes, by pretraining "
    "data (Cherti et al. 2023), on the default line. Larger points saw more samples.",
)

KINDS = Chart(
    name="kinds",
    title="Natural and style shifts",
    table="published",
    specify=natural_and_style,
    x="natural",
    y="style",
    x_label="robustness on natural shifts (points)",
    y_label="robustness on style shifts (points)",
    panel=lambda row: row["group"],
    shared=same_kinds,
    caption="Means over ImageNet-V2 and ImageNet-A, and over ImageNet-R and ImageNet-Sketch, on "
    "the default line. ObjectNet is left out, since many models were not measured on it. Dashed: "
    "both are equal.",
)
