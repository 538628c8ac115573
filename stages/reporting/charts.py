"""The charts: which table each draws, what a reader has to know, and the drawing itself."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import msgspec

from stages.reporting.names import TRAININGS
from stages.runtime.errors import InputError

VEGA_LITE = "5.20"
"""The Vega-Lite version that draws; the templates declare version 5, as DVC's own do."""

Rows = Sequence[Mapping[str, Any]]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """One chart of the CSV `plots/<table>.csv`, with the template `.dvc/plots/<table>.json`.

    A chart drawn `by_representation` ranks encoders, so each kind of representation has its own.
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


CHARTS = (
    Chart(
        name="effective_robustness",
        title="Effective robustness",
        table="effective_robustness",
        x="imagenet",
        y="accuracy",
        x_label="ImageNet accuracy (%)",
        y_label="accuracy on the shift (%)",
        caption="Top-1 accuracy on each shift against top-1 accuracy on ImageNet, on the shift's "
        "classes or on all (see the table of test sets), in percent on logit axes. Grey: "
        "standard models; black: the line fitted to them in logit space, β "
        "(Taori et al. 2020), dashed where it is extrapolated. The thin vertical of an encoder is "
        "its effective robustness, acc(shift) − β(acc(ImageNet)); a point on the line has none. "
        "Numbers count the study's encoders. Accuracies of 0 or 100 % are drawn at 0.1 and "
        "99.9 %; untrained encoders are left out.",
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
        "intervals. The upright mark is the untrained encoder of the same backbone, the dotted "
        "line a Gaussian's 3. Linear and rectified representations stand apart: sparse ReLU "
        "features have a high kurtosis without any outlier feature.",
    ),
    Chart(
        name="importance",
        title="Importance of the directions",
        table="importance",
        x="rank",
        y="importance",
        x_label="direction, by importance",
        y_label="importance",
        caption="Importance of the right singular vectors v of the head, σ · mean over images of "
        "|cos(v, h)|, sorted; dotted: the same for a random head. The scale of a head is its own, "
        "so each panel has its own axis: compare shapes, not heights.",
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
        "directions is projected out of the activations; dotted: the same with the directions of a "
        "random head.",
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
        "of the projection at or above the threshold), by category, with the total at the end; "
        "left for the right singular vectors of the head, right for single features. Black rules "
        "span the totals of all draws of the negatives, bars are of the first draw.",
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
        caption="Number of unique concepts as the threshold of the average precision moves; solid "
        "for the right singular vectors of the head, dotted for single features; bands span the "
        "draws of the negatives.",
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
        "0 unrelated. The colour scale is the same in all panels.",
    ),
    Chart(
        name="training_loss",
        title="Training: loss",
        table="training",
        x="step",
        y="loss",
        x_label="step",
        y_label="loss (nats)",
        caption="Training loss per optimiser step of each encoder that was trained here. "
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
    title="Effective robustness of the published CLIP models",
    table="published",
    x="imagenet",
    y="accuracy",
    x_label="ImageNet accuracy (%)",
    y_label="accuracy on the shift (%)",
    caption="Published top-1 accuracies, in percent on logit axes: the zero-shot models of "
    "OpenCLIP in colour by training images, the standard models of the ImageNet testbed in grey "
    "with the line fitted to them in logit space (Taori et al. 2020), dashed where it is "
    "extrapolated. The height above the line is the effective robustness.",
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
"""The chart of the controls, which stands with them."""

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
    """Return the chart of one kind of representation alone, with a name and title of its own."""
    name = f"{chart.name}_{kind.partition(' ')[0]}"
    return msgspec.structs.replace(chart, name=name, title=f"{chart.title}: {kind}")


def chart_svg(
    chart: Chart, rows: Rows, templates: Path, panel: tuple[int, int] | None = None
) -> str:
    """Draw a chart of rows as one `<svg>` element; `panel` is a panel's size in pixels.

    Raises
    ------
    InputError
        The template is missing or broken, or holds an anchor that no chart fills.
    """
    anchors = {
        "data": [{"rev": "", **row} for row in rows],
        "title": "",
        "x": chart.x,
        "y": chart.y,
        "x_label": chart.x_label,
        "y_label": chart.y_label,
        "color": training_colour(rows),
    }
    spec = fill_template(read_template(templates, chart.table), anchors)
    del spec["title"]
    if panel:
        spec["spec"] |= dict(zip(("width", "height"), panel, strict=True))
    return draw_svg(spec, chart.name, f"{chart.title}. {chart.caption}")


TRAINING_COLOUR: dict[str, Any] = {
    "field": "training",
    "type": "nominal",
    "scale": {
        "domain": list(TRAININGS.values()),
        "range": ["#0072B2", "#D55E00", "#009E73", "#6B7280"],
    },
    "legend": {"title": "training"},
}
"""The report colours by kind of training where `dvc plots` colours by revision (Okabe–Ito)."""


def training_colour(rows: Rows) -> dict[str, Any]:
    """Return the colours, with a legend of only those kinds of training that the rows have."""
    drawn = {row.get("training") for row in rows}
    kinds = [kind for kind in TRAINING_COLOUR["scale"]["domain"] if kind in drawn]
    return TRAINING_COLOUR | {"legend": {"title": "training", "values": kinds}}


def read_template(folder: Path, name: str) -> dict[str, Any]:
    """Read the template `name` from a folder of templates.

    Raises
    ------
    InputError
        The template is missing or is no JSON object.
    """
    file = folder / f"{name}.json"
    try:
        template = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file}: no such plot template; `git restore {file}`") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{file}: not legal JSON ({error}); `git restore {file}`") from None
    if not isinstance(template, dict):
        raise InputError(f"{file}: expected a Vega-Lite object, got {type(template).__name__}")
    return template


_ANCHOR = re.compile(r"<DVC_METRIC_([A-Z_]+)>")


def fill_template(template: Any, anchors: Mapping[str, Any]) -> Any:
    """Return the template with each anchor `<DVC_METRIC_NAME>` replaced by `anchors["name"]`.

    An anchor that is a whole string becomes the value, of any type; an anchor inside a longer
    string needs a string. So does DVC; but where DVC leaves an unknown anchor, this refuses.

    Raises
    ------
    InputError
        The template holds an anchor that `anchors` lacks.
    """
    if isinstance(template, dict):
        return {key: fill_template(value, anchors) for key, value in template.items()}
    if isinstance(template, list):
        return [fill_template(value, anchors) for value in template]
    if not isinstance(template, str):
        return template
    names = [name.lower() for name in _ANCHOR.findall(template)]
    if unknown := [name for name in names if name not in anchors]:
        raise InputError(
            f"plot template: no value for <DVC_METRIC_{unknown[0].upper()}>; known: "
            f"{', '.join(anchors)}"
        )
    if _ANCHOR.fullmatch(template):
        return anchors[names[0]]
    return _ANCHOR.sub(lambda match: anchors[match[1].lower()], template)


def draw_svg(spec: Mapping[str, Any], name: str, alternative: str) -> str:
    """Draw a filled specification as one `<svg>` element that needs nothing from outside.

    Parameters
    ----------
    spec
        Vega-Lite with its data inside.
    name
        Prefix of the identifiers in the SVG, so that several can stand in one page.
    alternative
        What the picture shows, for those who do not see it.
    """
    import vl_convert

    quiet = {**spec.get("config", {}), "aria": False}
    svg = vl_convert.vegalite_to_svg(
        {**spec, "config": quiet, "background": "white"}, vl_version=VEGA_LITE, allowed_base_urls=[]
    )
    # Vega numbers identifiers per process and repeats them per chart: one page needs its own. They
    # stand in tags; a label may hold the same words.
    old = dict.fromkeys(re.findall(r'<[^<>]*\bid="([^"]+)"', svg))
    new = {one: f"{name}-{index}" for index, one in enumerate(old)}
    svg = re.sub(r'(<[^<>]*\bid=")([^"]+)', lambda m: f"{m[1]}{new[m[2]]}", svg)
    svg = re.sub(r"(<[^<>]*\burl\(#)([^)]+)", lambda m: f"{m[1]}{new.get(m[2], m[2])}", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label={quoteattr(alternative)} ', 1)
