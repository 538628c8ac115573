"""The charts: the table that each draws, its axes and its caption."""

from collections.abc import Callable

import msgspec

from page import accuracy_charts, line_charts, measure_charts, panel_ranges
from page.panel_ranges import Domains, Row
from page.vega import Rows
from page.vega_lite import Axes, Spec


class Chart(Axes, frozen=True, kw_only=True):
    """One chart of the CSV `plots/<table>.csv`.

    `specify` returns its specification in Vega-Lite, without rows, for the columns on its axes.
    A chart drawn `by_representation` ranks encoders, so each kind of representation has its own.
    The page draws only the rows that have the cells `only`, as the specification does, and each
    panel alone: `panel` returns the title of the panel that a row is in, and `shared` the ends of
    the axes that all panels have in common, by the field that is drawn along them.
    """

    name: str
    title: str
    table: str
    specify: Callable[[Axes], Spec]
    caption: str
    by_representation: bool = False
    only: dict[str, str] = msgspec.field(default_factory=dict)
    panel: Callable[[Row], str] = panel_ranges.one_panel
    shared: Callable[[Rows], Domains] = panel_ranges.nothing_shared


CHARTS = (
    Chart(
        name="effective_robustness",
        title="Effective robustness",
        table="effective_robustness",
        specify=accuracy_charts.effective_robustness,
        x="imagenet",
        y="accuracy",
        x_label="ImageNet accuracy (%)",
        y_label="accuracy on the shift (%)",
        caption="Top-1 accuracy on each shift against top-1 accuracy on ImageNet, in percent on "
        "logit axes. Grey: standard models; black: the line fitted to them in logit space, β "
        "(Taori et al. 2020), dashed where it is extrapolated. The thin vertical line of an "
        "encoder is its effective robustness, acc(shift) − β(acc(ImageNet)); a point on the line "
        "has none. Numbers count the study's encoders, as in the tables. Accuracies of 0 or 100 % "
        "are drawn at 0.1 and 99.9 %; untrained encoders are left out.",
        panel=lambda row: row["shift"],
        shared=panel_ranges.same_logits,
    ),
    Chart(
        name="kurtosis",
        title="Kurtosis of the activations",
        table="kurtosis",
        specify=measure_charts.kurtosis,
        x="kurtosis",
        y="label",
        x_label="mean kurtosis per image",
        y_label="encoder",
        caption="Kurtosis of one image's activation vector, mean over features of ((h − μ)/σ)⁴ "
        "without unit and not excess, averaged over the ImageNet test images; bars are bootstrap "
        "intervals. The upright mark is the mean of untrained encoders of the same backbone, and "
        "the grey band reaches from the lowest to the highest of them. Linear and rectified "
        "representations stand apart: sparse ReLU features have a high kurtosis without any "
        "outlier feature.",
        panel=lambda row: row["representation"],
    ),
    Chart(
        name="importance",
        title="Importance of the directions",
        table="importance",
        specify=line_charts.importance,
        x="rank",
        y="importance",
        x_label="direction, by importance",
        y_label="importance / the largest",
        caption="Importance of the right singular vectors v of the head, σ · mean over images of "
        "|cos(v, h)|, sorted, as a share of the encoder's largest, on a logarithmic axis; a panel "
        "per backbone. The steeper a line, the fewer directions the head rests on. "
        "plots/importance.csv also has the other centring, and the mean over random heads.",
        only={"head": "head"},
        panel=lambda row: f"Backbone {row['backbone']}",
        shared=panel_ranges.same_share,
    ),
    Chart(
        name="pruning",
        title="Pruning the least important directions",
        table="pruning",
        specify=line_charts.pruning,
        x="fraction",
        y="accuracy",
        x_label="directions pruned",
        y_label="accuracy (%)",
        caption="Top-1 accuracy in percent after the least important fraction of the head's "
        "directions is projected out of the activations, on ImageNet and in the mean of the "
        "shifts; a panel per backbone. Dotted: the paper prunes up to 80 % without harm. "
        "plots/pruning.csv has each shift, the other centring, and the mean over random heads.",
        only={"head": "head"},
        panel=panel_ranges.by_accuracy_set,
    ),
    Chart(
        name="concepts",
        title="Broden concepts that are encoded",
        table="concepts",
        specify=measure_charts.concepts,
        x="unique",
        y="label",
        x_label="unique concepts",
        y_label="encoder",
        caption="Number of Broden concepts that at least one direction encodes (average precision "
        "of the projection at or above the threshold), by category; left for the "
        "right singular vectors of the head, right for single features. Bars and the totals beside "
        "them are of the first draw of the negatives; black rules and brackets span the totals of "
        "all draws. Grey ticks: the mean for as many random directions.",
        by_representation=True,
        panel=panel_ranges.by_basis,
        shared=panel_ranges.same_count,
    ),
    Chart(
        name="sweep",
        title="Unique concepts against the threshold",
        table="sweep",
        specify=line_charts.sweep,
        x="threshold",
        y="unique",
        x_label="threshold of average precision",
        y_label="unique concepts",
        caption="Number of unique concepts as the threshold of the average precision moves, of the "
        "right singular vectors of the head and of single features; a panel per backbone. "
        "plots/sweep.csv also has the spread over the draws of the negatives, and what permuted "
        "images and random directions give at each threshold.",
        panel=lambda row: f"Backbone {row['backbone']}: {panel_ranges.by_basis(row)}",
        shared=panel_ranges.same_threshold_and_count,
    ),
    Chart(
        name="correlation",
        title="Kurtosis and concepts against effective robustness",
        table="correlation",
        specify=measure_charts.correlation,
        x="value",
        y="effective_robustness",
        x_label="value of the measure",
        y_label="effective robustness (points)",
        caption="Mean effective robustness in points against mean kurtosis and the numbers of "
        "unique concepts, a point per encoder with its number; untrained encoders are left out. "
        "Hollow: the line is extrapolated to the encoder.",
        by_representation=True,
        panel=lambda row: row["measure"],
        shared=panel_ranges.same_robustness,
    ),
    Chart(
        name="cka",
        title="Similarity of layers (CKA)",
        table="cka",
        specify=measure_charts.cka,
        x="first_layer",
        y="second_layer",
        x_label="layer of the first encoder",
        y_label="layer of the second encoder",
        caption="Minibatch CKA with the unbiased HSIC₁ (Nguyen et al. 2021, eq. 3) between the "
        "layers of two encoders, input at the lower left; 1 is the same up to rotation and scale, "
        "0 unrelated. The shades are the same in all panels.",
        panel=lambda row: f"{row['first_label']} (across)\n{row['second_label']} (up)",
    ),
    Chart(
        name="training_loss",
        title="Training: loss",
        table="training",
        specify=line_charts.training_curves,
        x="step",
        y="loss",
        x_label="step",
        y_label="loss (nats)",
        caption="Training loss in nats, the unit of natural logarithms, per optimiser step of each "
        "encoder that was trained here. "
        "Contrastive and supervised losses differ in kind: each panel has its own axes.",
        panel=lambda row: row["label"],
    ),
    Chart(
        name="training_accuracy",
        title="Training: accuracy",
        table="training",
        specify=line_charts.training_curves,
        x="step",
        y="accuracy",
        x_label="step",
        y_label="accuracy (%)",
        caption="Accuracy in percent, of trainings that log it.",
        panel=lambda row: row["label"],
    ),
)
"""The study's charts in the order of the report; `plots:` in dvc.yaml names the same."""

PLANTED_OUTLIERS = Chart(
    name="planted_outliers",
    title="Planted outlier features",
    table="planted_outliers",
    specify=measure_charts.planted_outliers,
    x="size",
    y="found",
    x_label="raised by (standard deviations of the image)",
    y_label="share of the images (%)",
    caption="Features of real activations are raised by a multiple of their image's standard "
    "deviation; points: the share of images in which the measure finds them beyond the limit of "
    "outlier features, lines: what the formula predicts. Raised features widen the standard "
    "deviation that they are measured in, so that too many of them hide each other.",
)
"""The chart of the controls, which the page shows beside them."""
