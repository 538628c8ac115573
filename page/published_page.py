"""The page of published models: it needs no network, and its table can be read without a script.

Its text is in `templates/published/page.html.jinja`, its script in `published.js` and what that
includes, and what it shares with the study's page in `templates/shared`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from interpreting_clip.config.shifts import on_classes
from interpreting_clip.formats.published_accuracies import FEWER_CLASSES
from interpreting_clip.published.findings import Findings
from interpreting_clip.published.models import NOTABLE, Also, ChoiceCard, Shift, SourceCard
from page.charts import Chart
from page.counterpart_chart import COUNTERPART_CHART, counterpart_rows
from page.names import format_interval, format_number, mark
from page.panels import PanelDrawing, panel_drawing
from page.published_charts import (
    FINETUNING,
    KINDS,
    PUBLISHED,
    PUBLISHED_FRAME,
    SCALING,
    SOUPS,
    points_outside_frame,
    published_on_page,
)
from page.published_claims import PublishedClaim, published_claims
from page.published_findings import (
    finetuning_sentences,
    kind_sentences,
    scaling_sentences,
    soup_sentences,
)
from page.published_results import (
    DEFAULT,
    MEANS,
    SHIFT_ORDER,
    TRAININGS,
    Draws,
    Line,
    Model,
    Published,
)
from page.published_tables import (
    Standard,
    finetuning_rows,
    is_listed,
    kind_rows,
    published_rows,
    scaling_rows,
    soup_rows,
)
from page.rendering import template_environment
from page.vega import Rows, script_json

REAL = "imagenet_real"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A chart with the sentences above it."""

    chart: Chart
    drawing: PanelDrawing
    sentences: list[str]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows.

    Attributes
    ----------
    choices, shifts, means, trainings : in the order of the page
    kinds : the shifts of each kind, with their names
    drawing : the chart, without rows, which the script makes from `numbers`
    outside : how many points lie outside the chart's frame
    figures : the further charts, by the section that each has; None without models for it
    charts : the names of all charts
    numbers : all models, lines, draws and standard models, for the script
    models : those of the table, the most robust first
    ranks : the rank by name, from 1, of the zero-shot models to which no line is extrapolated
    leaders : the zero-shot models that may be the most robust, the highest mean first
    data : the names of the pretraining sets, for the filter
    supervised : how many supervised models there are; the table has only counterparts
    claims : those about published models
    counterparts : models of one backbone, by backbone
    whole_lines : the lines without any family left out
    urls : the address of each source at its commit, empty if it has none for the web
    counts : how many models each source has
    twice : models that two sources measured
    differing : whether any of these differ by more than `notable` points
    backbones, backbones_caption : the chart of `counterparts`
    joined : models that have other names in their source
    main_sets, further_sets : the test sets of a reader's own model; the second need not be given
    labels : the name of each test set
    span : the ImageNet accuracies of the default's standard models
    """

    choices: dict[str, ChoiceCard]
    shifts: dict[str, Shift]
    kinds: dict[str, dict[str, str]]
    means: dict[str, str]
    trainings: dict[str, str]
    drawing: PanelDrawing
    outside: int
    figures: dict[str, Figure | None]
    charts: list[str]
    numbers: str
    models: list[Model]
    ranks: dict[str, int]
    leaders: list[Model]
    data: list[str]
    supervised: int
    claims: list[PublishedClaim]
    counterparts: list[Model]
    whole_lines: list[Line]
    urls: dict[str, str]
    counts: dict[str, int]
    twice: list[tuple[Model, Also]]
    differing: bool
    notable: float
    backbones: PanelDrawing
    backbones_caption: str
    joined: list[Model]
    main_sets: list[str]
    further_sets: list[str]
    labels: dict[str, str]
    span: str

    def marks(self, model: Model, mean: str) -> bool:
        """Return whether a line that the mean is over is extrapolated to the model."""
        return any(shift in SHIFTS_OF[mean] for shift in model.robustness[DEFAULT].extrapolated)


SHIFTS_OF = {
    "all": SHIFT_ORDER,
    "without_objectnet": tuple(s for s in SHIFT_ORDER if s != "objectnet"),
    "natural": ("imagenet_v2", "objectnet", "imagenet_a"),
    "style": ("imagenet_r", "imagenet_sketch"),
}
"""The shifts that each mean of the table is over."""


def published_page(
    published: Published,
    findings: Findings,
    lines: Sequence[Line],
    draws: Draws,
    standard: Sequence[Standard],
) -> str:
    """Return the whole page; the same results give the same bytes.

    Parameters
    ----------
    published
        The models, their sources and the choices of the line.
    findings
        The regressions over models.
    lines
        Every line, of `plots/published_lines.csv`.
    draws
        The resampled lines, which the script computes intervals from.
    standard
        The testbed's standard models, with their accuracies in percent.

    Raises
    ------
    InputError
        A regression lacks a variable that the page speaks of.
    """
    environment = template_environment("published", {"interval": format_interval, "mark": mark})
    view = published_view(published, findings, lines, draws, standard)
    return environment.get_template("page.html.jinja").render(view=view, published=published)


def published_view(
    published: Published,
    findings: Findings,
    lines: Sequence[Line],
    draws: Draws,
    standard: Sequence[Standard],
) -> View:
    """Return what the page shows, for the same parameters as `published_page`."""
    listed = sorted(filter(is_listed, published.models), key=_by_robustness)
    ranking = [
        m for m in listed if m.training == "zero_shot" and m.mean("all") and not m.is_extrapolated()
    ]
    named = {m.name: m for m in published.models}
    shifts = published.ordered_shifts
    order = [shift.label for shift in shifts.values()]
    rows = sorted(
        published_rows(standard, published, lines), key=lambda row: order.index(row["shift"])
    )
    figures = {
        "finetuning": _figure(
            FINETUNING, finetuning_rows(published), finetuning_sentences(findings)
        ),
        "soups": _figure(SOUPS, soup_rows(published), soup_sentences(findings)),
        "scaling": _figure(SCALING, scaling_rows(published), scaling_sentences(findings)),
        "kinds": _figure(KINDS, kind_rows(published), kind_sentences(published)),
    }
    counterparts = sorted(
        (m for m in published.models if m.counterpart_of),
        key=lambda m: (
            *(m.counterpart_of, m.training == "supervised", m.data),
            *(list(TRAININGS).index(m.training), m.name),
        ),
    )
    sets = _test_sets(published)
    default = [line for line in lines if line.choice == DEFAULT and not line.left_out]
    twice = [(m, other) for m in published.models for other in m.also]
    kinds = {
        kind: {key: shift.label for key, shift in shifts.items() if shift.kind == kind}
        for kind in ("natural", "style")
    }
    return View(
        choices=published.ordered_choices,
        shifts=shifts,
        kinds=kinds,
        means=MEANS,
        trainings={
            key: published.training(key)
            for key in dict.fromkeys((*TRAININGS, *published.trainings))
            if any(m.training == key for m in published.models)
        },
        drawing=panel_drawing(
            msgspec.structs.replace(PUBLISHED, specify=published_on_page),
            rows,
            holds_rows=False,
        ),
        outside=points_outside_frame(rows),
        figures=figures,
        charts=[
            *(PUBLISHED.name, COUNTERPART_CHART.name),
            *(one.chart.name for one in figures.values() if one),
        ],
        numbers=script_json(_numbers(published, sets, lines, draws, standard)),
        models=listed,
        ranks={m.name: rank for rank, m in enumerate(ranking, 1)},
        leaders=[named[name] for name in published.choices[DEFAULT].leaders if name in named],
        data=sorted({m.data for m in listed if m.data}, key=str.casefold),
        supervised=sum(m.training == "supervised" for m in published.models),
        claims=published_claims(published),
        counterparts=counterparts,
        whole_lines=sorted(
            (line for line in lines if not line.left_out),
            key=lambda line: (
                list(published.ordered_choices).index(line.choice),
                list(shifts).index(line.shift),
            ),
        ),
        urls={key: web_address(source) for key, source in published.sources.items()},
        counts={key: sum(m.source == key for m in published.models) for key in published.sources},
        twice=twice,
        differing=any(other.largest_difference > NOTABLE for _, other in twice),
        notable=NOTABLE,
        backbones=panel_drawing(
            COUNTERPART_CHART, counterpart_rows(_beside(counterparts, published))
        ),
        backbones_caption=COUNTERPART_CHART.caption,
        joined=[m for m in published.models if m.aliases],
        main_sets=["imagenet", *shifts],
        further_sets=[name for name in sets if name != "imagenet" and name not in shifts],
        labels=_labels(shifts),
        span=f"{format_number(min(x.lowest_imagenet for x in default))} to "
        f"{format_number(max(x.highest_imagenet for x in default))} %",
    )


def web_address(source: SourceCard) -> str:
    """Return the address of a source at its commit, empty if it is none of the web.

    Only GitHub's addresses of a commit are known; any other source has its own address.
    """
    parts = urlsplit(source.url)
    if parts.scheme not in ("http", "https"):
        return ""
    if parts.netloc == "github.com" and re.fullmatch("[0-9a-f]{7,40}", source.commit):
        return f"{source.url.rstrip('/')}/tree/{source.commit}"
    return source.url


def _by_robustness(model: Model) -> tuple[bool, bool, bool, float, str]:
    """Order models by their mean over all shifts, then those without one by that without ObjectNet.

    In both groups the highest comes first, but extrapolated models follow the others.
    """
    whole, part = model.mean("all"), model.mean("without_objectnet")
    mean = whole or part
    value = -mean[0] if mean else 0.0
    return whole is None, mean is None, model.is_extrapolated(), value, model.name


def _beside(models: Sequence[Model], published: Published) -> list[dict[str, Any]]:
    """Return the models of one backbone as their chart takes them."""
    return [
        {
            "backbone": m.counterpart_of,
            "name": m.name,
            "training": TRAININGS[m.training.removesuffix("_12k")],
            "how": published.training(m.training),
            "data": m.data,
            "imagenet": m.accuracy["imagenet"],
            "interval": m.mean("without_objectnet"),
            "extrapolated": m.is_extrapolated(),
        }
        for m in models
    ]


def _test_sets(published: Published) -> list[str]:
    """Return ImageNet, the shifts, and the further sets that any model was measured on."""
    first = ("imagenet", *published.ordered_shifts)
    known = {name for m in published.models for name in m.accuracy}
    known |= {on_classes(shift) for shift in FEWER_CLASSES}
    further = (REAL, *(on_classes(shift) for shift in published.ordered_shifts))
    return [*first, *(name for name in further if name in known)]


def _labels(shifts: Mapping[str, Shift]) -> dict[str, str]:
    return {
        "imagenet": "ImageNet",
        REAL: "ImageNet, ReaL labels",
        **{key: shift.label for key, shift in shifts.items()},
        **{on_classes(key): f"ImageNet, classes of {shift.label}" for key, shift in shifts.items()},
    }


def _figure(chart: Chart, rows: Rows, sentences: list[str]) -> Figure | None:
    if not rows:
        return None
    return Figure(chart=chart, drawing=panel_drawing(chart, rows), sentences=sentences)


def _numbers(
    published: Published,
    sets: Sequence[str],
    lines: Sequence[Line],
    draws: Draws,
    standard: Sequence[Standard],
) -> dict[str, Any]:
    """Return what the script computes everything else from, each number once."""
    fits: dict[str, dict[str, dict[str, Any]]] = {}
    for line in lines:
        ranges = [(line.lowest_imagenet, line.highest_imagenet)]
        if line.lowest_second is not None and line.highest_second is not None:
            ranges.append((line.lowest_second, line.highest_second))
        fits.setdefault(line.choice, {}).setdefault(line.left_out, {})[line.shift] = {
            "slope": line.slope,
            "second": line.second_slope,
            "intercept": line.intercept,
            "ranges": ranges,
        }
    return {
        "confidence": published.confidence,
        "accuracies": sets,
        "labels": _labels(published.shifts),
        "shifts": msgspec.to_builtins(published.ordered_shifts),
        "trainings": {key: published.training(key) for key in published.trainings},
        "sources": {
            key: {"title": source.title, "url": web_address(source)}
            for key, source in published.sources.items()
        },
        "choices": msgspec.to_builtins(published.ordered_choices),
        "lines": fits,
        "draws": draws,
        "subsets": {shift: on_classes(shift) for shift in FEWER_CLASSES},
        "frame": PUBLISHED_FRAME["imagenet"],
        "standard": [[m["name"], *(m.get(name) for name in sets)] for m in standard],
        "models": [
            [
                *(m.name, m.source, m.training, m.data),
                [m.accuracy.get(name) for name in sets],
                *(int(is_listed(m)), m.image_size, *m.aliases, *(other.name for other in m.also)),
            ]
            for m in sorted(published.models, key=_by_robustness)
        ],
    }
