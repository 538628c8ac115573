"""`plots/published_models.json`, its schema and its CSV: every model on every line."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float

from interpreting_clip.config.shifts import SHIFT_NAMES, TESTBED_SHIFTS
from interpreting_clip.formats.published_accuracies import Model, Settings
from interpreting_clip.measures.intervals import Estimate, percentile_interval
from interpreting_clip.measures.rank_correlation import MIN_ENCODERS, rank_correlation
from interpreting_clip.published.line_choices import (
    CHOICES,
    DEFAULT,
    MEANS,
    SHIFT_KINDS,
    Choice,
    Fit,
    Robustness,
    fit_choice,
    mean_shifts,
    robustness,
)
from interpreting_clip.published.sources import (
    ACCURACIES,
    KINDS,
    RECIPE,
    Published,
    Source,
    counterparts,
    distinct_models,
    largest_difference,
    timm_standard_models,
)

DIGITS = 3
"""Decimals of accuracies and of effective robustness, both in percent: those of the sources."""

NOTABLE = 0.3
"""A difference of two sources' accuracies of one model, in points, from which the page says so."""

Interval = tuple[float, float, float]
"""A value and the ends of its interval, in points."""


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A shift's name, and whether it is natural or one of style."""

    label: str
    kind: str


class SourceCard(msgspec.Struct, frozen=True, kw_only=True):
    """A source, as `data/published/` describes it."""

    title: str
    url: str
    commit: str
    path: str
    licence: str
    sets: list[str]
    measured: str
    note: str


class ChoiceCard(msgspec.Struct, frozen=True, kw_only=True):
    """A choice of the line.

    `rank_correlation` is Spearman's between the mean effective robustness here and on the default's
    lines, over the same shifts (without ObjectNet) and the `compared` models, which are those that
    are not standard; its interval is over these models. It is None for the default itself, and for
    fewer than four models. `leaders` are the zero-shot models within the lines' range that may be
    the most robust.
    """

    label: str
    text: str
    shifts: list[str]
    standard: str
    transform: str
    method: str
    second: str | None
    abscissa: str
    models: int
    families: int
    compared: int
    rank_correlation: Interval | None
    leaders: list[str]


class UnderChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A model's effective robustness under a choice, in points.

    `shifts` has each shift that was measured, `means` the means of `MEANS` with their intervals,
    None where a shift of the mean was not measured. `change` is what finetuning changed: the model
    minus the one that it started from, in the mean over the shifts that both were measured on, with
    the interval of the difference on the same lines; None for a model without a known start.
    `extrapolated` lists the shifts whose line is extrapolated to the model.
    """

    shifts: dict[str, float]
    means: dict[str, Interval | None]
    change: Interval | None
    extrapolated: list[str]


class Also(msgspec.Struct, frozen=True, kw_only=True):
    """The same weights in another source, and the largest difference of an accuracy, in points."""

    source: str
    name: str
    accuracy: dict[str, float]
    largest_difference: float


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """A published model: accuracies in percent, effective robustness by choice.

    `training` is one of `KINDS`, with `supervised` for standard models. `counterpart_of` is the
    backbone whose training regimes it stands for, `start` the model that it was finetuned from,
    `aliases` other names of the same weights in its source, `recipe` what the source says of its
    training, as text.
    """

    name: str
    source: str
    training: str
    architecture: str
    data: str
    image_size: str
    counterpart_of: str
    start: str
    note: str
    aliases: list[str]
    also: list[Also]
    recipe: dict[str, str]
    accuracy: dict[str, float]
    robustness: dict[str, UnderChoice]


class PublishedModels(msgspec.Struct, frozen=True, kw_only=True):
    """All published models that the page shows, their sources, and the choices of the line."""

    confidence: float
    shifts: dict[str, Shift]
    trainings: dict[str, str]
    sources: dict[str, SourceCard]
    choices: dict[str, ChoiceCard]
    models: list[ModelCard]


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """What stage `published` computes before it writes.

    Attributes
    ----------
    models : those that the table shows
    fits : by choice and shift
    left_out : by choice, family that was left out, and shift
    found : by choice
    """

    models: list[Model]
    also: dict[int, list[Also]]
    aliases: dict[str, list[str]]
    fits: dict[str, dict[str, Fit]]
    left_out: dict[str, dict[str, dict[str, Fit]]]
    found: dict[str, Robustness]


def analyse(published: Published, settings: Settings) -> Analysis:
    """Fit the line under every choice, and place every model that the table shows."""
    models, also, aliases = shown_models(published)
    standard = standard_models_by_source(published)
    fits = {k: fit_choice(c, standard[c.standard], settings) for k, c in CHOICES.items()}
    # Only of the plain lines: a choice departs from the default in one respect.
    left_out = {key: without_families(CHOICES[key], standard) for key in (DEFAULT, "timm")}
    found = {k: robustness(choice, fits[k], models) for k, choice in CHOICES.items()}
    return Analysis(
        models=models, also=also, aliases=aliases, fits=fits, left_out=left_out, found=found
    )


def standard_models_by_source(published: Published) -> dict[str, list[Model]]:
    """Return the standard models of each source that a line is fitted to."""
    return {
        "testbed": [m for m in published.of("testbed") if m["training"] == "standard"],
        "timm": timm_standard_models(published.of("timm")),
    }


def shown_models(
    published: Published,
) -> tuple[list[Model], dict[int, list[Also]], dict[str, list[str]]]:
    """Return the models of the table, each set of weights once.

    A model that several sources measured is shown as its first source in `same_models.csv` has it.
    The testbed's models only carry its line.

    Returns
    -------
    models : in the order of their sources
    also : what other sources measured of them, by the model's place
    aliases : other names of the same weights in OpenCLIP's table, by the name of the first
    """
    zoo, aliases = distinct_models(published.of("openclip"))
    once = {id(model) for model in (*zoo, *timm_standard_models(published.of("timm")))}
    repeated_kinds = {*(("openclip", kind) for kind in KINDS), ("timm", "standard")}
    models = [
        model
        for model in published.models
        if model["training"] in KINDS
        and model["source"] != "testbed"
        and (id(model) in once or (model["source"], model["training"]) not in repeated_kinds)
    ]
    places = {id(model): place for place, model in enumerate(models)}
    also: dict[int, list[Also]] = {}
    repeated = set()
    for first, other in published.same:
        if id(first) in places:
            also.setdefault(id(first), []).append(
                Also(
                    source=other["source"],
                    name=other["name"],
                    accuracy=known_accuracies(other),
                    largest_difference=round(largest_difference(first, other), DIGITS),
                )
            )
            repeated.add(id(other))
    models = [model for model in models if id(model) not in repeated]
    return models, {i: also[id(m)] for i, m in enumerate(models) if id(m) in also}, aliases


def known_accuracies(model: Model) -> dict[str, float]:
    """Return a model's accuracies that were published."""
    return {key: model[key] for key in ACCURACIES if model[key] is not None}


def without_families(
    choice: Choice, standard: Mapping[str, Sequence[Model]]
) -> dict[str, dict[str, Fit]]:
    """Fit the lines again without each family of standard models; these fits have no draws."""
    models = standard[choice.standard]
    fits = {}
    for family in sorted({model["family"] for model in models}):
        others = [model for model in models if model["family"] != family]
        fits[family] = fit_choice(choice, others, None)
    return fits


def published_models(
    published: Published, analysis: Analysis, settings: Settings
) -> PublishedModels:
    """Return the content of `plots/published_models.json`."""
    # OpenCLIP's table has no image sizes, those of timm's models tell two of a name apart.
    backbones = {
        (m["name"], m["image_size"] if m["source"] == "timm" else ""): m["backbone"]
        for m in counterparts(published.models)
    }
    under = {key: under_choice(key, analysis, settings) for key in CHOICES}
    return PublishedModels(
        confidence=settings.confidence,
        shifts={s: Shift(label=SHIFT_NAMES[s], kind=SHIFT_KINDS[s]) for s in TESTBED_SHIFTS},
        trainings={"supervised" if k == "standard" else k: text for k, text in KINDS.items()},
        sources={key: source_card(source) for key, source in published.sources.items()},
        choices={key: choice_card(key, analysis, settings) for key in CHOICES},
        models=[
            ModelCard(
                name=m["name"],
                source=m["source"],
                training="supervised" if m["training"] == "standard" else m["training"],
                architecture=m["architecture"],
                data=m["data"],
                image_size=m["image_size"],
                counterpart_of=backbones.get((m["name"], m["image_size"]), ""),
                start=m["start"],
                note=m["note"],
                aliases=analysis.aliases.get(m["name"], []) if m["source"] == "openclip" else [],
                also=analysis.also.get(i, []),
                recipe={key: m[key] for key in RECIPE if m[key] and key != "parameters_millions"},
                accuracy=known_accuracies(m),
                robustness={
                    key: found[i]
                    for key, found in under.items()
                    # On other lines than the default's, supervised models are what is fitted;
                    # counterparts are compared with their backbone's CLIPs under each.
                    if found[i].shifts
                    and (
                        key == DEFAULT
                        or m["training"] != "standard"
                        or (m["name"], m["image_size"]) in backbones
                    )
                },
            )
            for i, m in enumerate(analysis.models)
        ],
    )


def source_card(source: Source) -> SourceCard:
    """Return what the page says of a source."""
    return SourceCard(**{f: getattr(source, f) for f in SourceCard.__struct_fields__})


def under_choice(key: str, analysis: Analysis, settings: Settings) -> list[UnderChoice]:
    """Return the effective robustness of every model under a choice."""
    choice, found, models = CHOICES[key], analysis.found[key], analysis.models
    means = {
        name: intervals(*found.mean(shifts), settings.confidence)
        for name in MEANS
        if (shifts := mean_shifts(choice, name))
    }
    places = {m["name"]: i for i, m in enumerate(models) if m["source"] == "openclip"}
    results = []
    for i, model in enumerate(models):
        shifts = {s: round(float(v[i]), DIGITS) for s, v in found.values.items() if v[i] == v[i]}
        start = places.get(model["start"])
        results.append(
            UnderChoice(
                shifts=shifts,
                means={name: means[name][i] if name in means else None for name in MEANS},
                change=None if start is None else change_from(start, i, found, settings),
                extrapolated=[s for s in shifts if found.extrapolated[s][i]],
            )
        )
    return results


def change_from(start: int, end: int, found: Robustness, settings: Settings) -> Interval | None:
    """Return what finetuning the model at place `start` to that at `end` changed, in the mean."""
    both = [s for s, one in found.values.items() if not np.isnan(one[[start, end]]).any()]
    if not both:
        return None
    value = np.mean([np.diff(found.values[s][[start, end]]) for s in both], axis=0)
    draws = np.mean([np.diff(found.draws[s][:, [start, end]]) for s in both], axis=0)
    return intervals(value, draws, settings.confidence)[0]


def intervals(
    values: Float[np.ndarray, " model"],
    draws: Float[np.ndarray, "resample model"],
    confidence: float,
) -> list[Interval | None]:
    """Return each model's value and the ends of its percentile interval; None where unknown."""
    return [
        None
        if np.isnan(value)
        else rounded_interval(percentile_interval(value, resampled, confidence))
        for value, resampled in zip(values, draws.T, strict=True)
    ]


def choice_card(key: str, analysis: Analysis, settings: Settings) -> ChoiceCard:
    """Return what the page says of a choice."""
    choice, fits = CHOICES[key], analysis.fits[key]
    shifts = mean_shifts(choice, "without_objectnet")
    ours, _ = analysis.found[key].mean(shifts)
    default, _ = analysis.found[DEFAULT].mean(shifts)
    compared = np.array([m["training"] != "standard" for m in analysis.models]) & ~np.isnan(ours)
    return ChoiceCard(
        label=choice.label,
        text=choice.text,
        shifts=list(choice.shifts),
        standard=choice.standard,
        transform=choice.transform,
        method=choice.method,
        second=choice.second,
        abscissa=choice.abscissa,
        models=max(fit.models for fit in fits.values()),
        families=max(fit.families for fit in fits.values()),
        compared=int(compared.sum()),
        rank_correlation=None
        if key == DEFAULT or compared.sum() < MIN_ENCODERS
        else rounded_interval(
            rank_correlation(
                ours[compared],
                default[compared],
                settings.resamples,
                settings.confidence,
                settings.seed,
            )
        ),
        leaders=leaders(choice, analysis.found[key], analysis.models, settings.confidence),
    )


def rounded_interval(estimate: Estimate) -> Interval:
    """Return an estimate as value, low and high."""
    value, low, high = (round(float(x), DIGITS) for x in (estimate.value, *estimate.ends))
    return value, low, high


def leaders(
    choice: Choice, found: Robustness, models: Sequence[Model], confidence: float
) -> list[str]:
    """Return the names of the zero-shot models that may be the most robust, the highest first.

    These are the one with the highest mean effective robustness over all shifts of the choice, and
    those whose difference from it has an interval that includes 0. The difference is taken on each
    resampled line, so an error of the line that is common to both models cancels; the intervals of
    the two means would overlap because of it. Models to which a line is extrapolated, or that lack
    a shift, are left out.
    """
    values, draws = found.mean(choice.shifts)
    beyond = np.any([found.extrapolated[shift] for shift in choice.shifts], axis=0)
    judged = [
        i
        for i, m in enumerate(models)
        if m["training"] == "zero_shot" and values[i] == values[i] and not beyond[i]
    ]
    judged.sort(key=lambda i: (-values[i], models[i]["name"]))
    if not judged:
        return []
    first = judged[0]
    return [
        models[i]["name"]
        for i in judged
        if i == first
        or percentile_interval(
            values[first] - values[i], draws[:, first] - draws[:, i], confidence
        ).ends[0]
        <= 0
    ]


LINE_COLUMNS = (
    *("choice", "left_out", "shift", "slope", "second_slope", "intercept", "r_squared"),
    *("models", "families", "lowest_imagenet", "highest_imagenet"),
    *("lowest_second", "highest_second"),
)
"""Columns of `plots/published_lines.csv`; ranges are in percent, of each line's own abscissas."""


def line_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """Return every line and plane, for others to use.

    Slopes and intercepts have twelve decimals, so that anyone who uses them gets our numbers.
    """
    every = [(key, "", fits) for key, fits in analysis.fits.items()]
    every += [(k, family, f) for k, by in analysis.left_out.items() for family, f in by.items()]
    rows = []
    for choice, family, fits in every:
        for shift, fit in fits.items():
            slope, *second, intercept = (f"{one:.12f}" for one in fit.coefficients)
            row = {"choice": choice, "left_out": family, "shift": shift, "slope": slope}
            row |= {"second_slope": second[0] if second else "", "intercept": intercept}
            row |= {"r_squared": fit.r_squared, "models": fit.models, "families": fit.families}
            for name, (low, high) in zip(("imagenet", "second"), fit.ranges, strict=False):
                row |= {f"lowest_{name}": 100 * low, f"highest_{name}": 100 * high}
            rows.append({"lowest_second": "", "highest_second": "", **row})
    return rows


def draws_text(analysis: Analysis) -> dict[str, dict[str, dict[str, str]]]:
    """Return the resampled lines by choice and shift, as base64 of little-endian 32-bit floats.

    The page computes the intervals of a reader's own models from them.
    """
    return {
        choice: {
            shift: {
                name: base64.b64encode(column.astype("<f4").tobytes()).decode()
                for name, column in zip(
                    ("slope", *(("second_slope",) if fit.draws.shape[1] == 3 else ()), "intercept"),
                    fit.draws.T,
                    strict=True,
                )
            }
            for shift, fit in fits.items()
        }
        for choice, fits in analysis.fits.items()
    }


MODEL_COLUMNS = (
    *("name", "source", "training", "architecture", "data", "image_size", "counterpart_of"),
    *("start", "recipe", *ACCURACIES, *(f"robustness_{shift}" for shift in TESTBED_SHIFTS)),
    *(f"{end}_{mean}" for mean in MEANS for end in ("mean", "low", "high")),
    *("extrapolated", *(f"mean_{choice}" for choice in CHOICES if choice != DEFAULT)),
    *("source_url", "source_commit"),
)
"""Columns of `plots/published_models.csv`: accuracies in percent, effective robustness in points.

`robustness_…`, `mean_…`, `low_…` and `high_…` of the `MEANS` are on the default's lines;
`mean_<choice>` is the mean over the choice's shifts without ObjectNet. A cell is empty where
nothing is published.
"""


def model_rows(models: PublishedModels) -> list[dict[str, Any]]:
    """Return the rows of `plots/published_models.csv`."""
    rows = []
    for m in models.models:
        default = m.robustness[DEFAULT]
        row = {
            "name": m.name,
            "source": m.source,
            "training": m.training,
            "architecture": m.architecture,
            "data": m.data,
            "image_size": m.image_size,
            "counterpart_of": m.counterpart_of,
            "start": m.start,
            "recipe": "; ".join(f"{key}={value}" for key, value in m.recipe.items()),
            **{key: m.accuracy.get(key, "") for key in ACCURACIES},
            **{f"robustness_{s}": default.shifts.get(s, "") for s in TESTBED_SHIFTS},
            "extrapolated": " ".join(default.extrapolated),
            "source_url": models.sources[m.source].url,
            "source_commit": models.sources[m.source].commit,
        }
        for name, interval in default.means.items():
            for end, value in zip(("mean", "low", "high"), interval or ("",) * 3, strict=True):
                row[f"{end}_{name}"] = value
        for choice in CHOICES:
            if choice != DEFAULT:
                mean = (
                    under.means["without_objectnet"]
                    if (under := m.robustness.get(choice))
                    else None
                )
                row[f"mean_{choice}"] = mean[0] if mean else ""
        rows.append(row)
    return rows


def models_json(models: PublishedModels) -> bytes:
    """Return the models as JSON, each on a line of its own, as a diff shows them best."""
    rest = msgspec.to_builtins(models)
    rows = ",\n".join(msgspec.json.encode(m).decode() for m in rest.pop("models"))
    head = msgspec.json.format(msgspec.json.encode(rest), indent=1).decode()
    return f'{head.rstrip().removesuffix("}").rstrip()},\n "models": [\n{rows}\n]}}\n'.encode()


def schema() -> dict[str, Any]:
    """Return the JSON Schema of `plots/published_models.json`."""
    found = msgspec.json.schema(PublishedModels)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
