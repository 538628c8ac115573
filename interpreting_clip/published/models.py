"""`plots/published_models.json` and its CSV: every model on every line."""

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from interpreting_clip.config.shifts import SHIFT_NAMES, TESTBED_SHIFTS
from interpreting_clip.published.analysis import (
    DIGITS,
    Analysis,
    Robustness,
    as_tuples,
    intervals,
    rounded,
)
from interpreting_clip.published.figures import (
    ACCURACIES,
    KINDS,
    RECIPE,
    Published,
)
from interpreting_clip.published.limits import check_limit, limits
from interpreting_clip.published.line_choices import CHOICES, CURVED, DEFAULT, MEANS
from interpreting_clip.published.schema import (
    COMPARED,
    Also,
    ChoiceCard,
    Comparison,
    ModelCard,
    PublishedModels,
    SourceCard,
    UnderChoice,
)
from interpreting_clip.statistics.least_squares import standard_errors
from interpreting_clip.statistics.logit_line import ResampledLines
from interpreting_clip.statistics.published_accuracies import Settings
from interpreting_clip.statistics.standard_spread import standard_spread


def other_measurements(published: Published) -> dict[int, list[Also]]:
    """Return other sources' measurements of the same weights, by the index of the first."""
    measurements: dict[int, list[Also]] = {}
    for first, other, difference in published.same.itertuples(index=False):
        model = published.models.loc[other]
        also = Also(
            source=model["source"],
            name=model["name"],
            recipe=known_recipe(model.to_dict()),
            accuracy=known(model[list(ACCURACIES)].to_dict()),
            largest_difference=rounded(difference),
        )
        measurements.setdefault(first, []).append(also)
    return measurements


def known_recipe(model: Mapping[Any, Any]) -> dict[str, str]:
    """Return the recipe of a model's training, as far as its source has it."""
    return {key: model[key] for key in RECIPE if key != "parameters_millions" and model[key]}


def known(values: Mapping[Any, float]) -> dict[str, float]:
    """Return the values that are known, without NaN."""
    return {key: value for key, value in values.items() if not math.isnan(value)}


def published_models(
    published: Published, analysis: Analysis, settings: Settings
) -> PublishedModels:
    """Return the content of `plots/published_models.json`."""
    measurements = other_measurements(published)
    under = {key: under_choice(key, analysis, settings) for key in CHOICES}
    cards = analysis.models.to_dict("records")
    for i, card in enumerate(cards):
        card |= {"recipe": known_recipe(card), "accuracy": known({k: card[k] for k in ACCURACIES})}
        card["aliases"] = analysis.aliases.get(card["index"], [])
        card["also"] = measurements.get(card["index"], [])
        card["robustness"] = {
            key: results[i]
            for key, results in under.items()
            if results[i].shifts and (key == DEFAULT or card["compared"])
        }
    return PublishedModels(
        confidence=settings.confidence,
        shifts=SHIFT_NAMES,
        trainings={"supervised" if k == "standard" else k: text for k, text in KINDS.items()},
        sources={
            key: msgspec.convert(source, SourceCard, from_attributes=True)
            for key, source in published.sources.items()
        },
        choices={key: choice_card(key, analysis, settings) for key in CHOICES},
        limit_check=check_limit(published, analysis, settings),
        models=msgspec.convert(cards, list[ModelCard]),
    )


def under_choice(key: str, analysis: Analysis, settings: Settings) -> list[UnderChoice]:
    """Return the effective robustness of every model on a kind of line."""
    robustness = analysis.found[key]
    points = robustness.points.round(DIGITS).to_dict("records")
    extrapolated = robustness.extrapolated.to_dict("records")
    means = {name: as_tuples(analysis.means[key, name]) for name in MEANS}
    changes = as_tuples(finetuning_changes(analysis.models, robustness, settings.confidence))
    return [
        UnderChoice(
            shifts=known(points[i]),
            means={name: mean[i] for name, mean in means.items()},
            change=changes[i],
            extrapolated=[str(shift) for shift, beyond in extrapolated[i].items() if beyond],
        )
        for i in analysis.models.index
    ]


def finetuning_changes(
    models: pd.DataFrame, robustness: Robustness, confidence: float
) -> pd.DataFrame:
    """Return what finetuning changed, as `UnderChoice.change`: a row for each model."""
    openclip = models[models["source"] == "openclip"].drop_duplicates("name")
    starts = models["start"].map(pd.Series(openclip.index, openclip["name"])).dropna().astype(int)
    before, after = starts.to_numpy(), starts.index.to_numpy()
    values = robustness.points.loc[after] - robustness.points.loc[before].to_numpy()
    draws = [drawn[:, after] - drawn[:, before] for drawn in robustness.draws.values()]
    # Over the shifts that both were measured on.
    mean = np.ma.masked_invalid(draws).mean(axis=0).filled(np.nan)
    return intervals(values.mean(axis=1), mean, confidence).reindex(models.index)


def choice_card(key: str, analysis: Analysis, settings: Settings) -> ChoiceCard:
    """Return a kind of line as the page shows it."""
    standard, lines = analysis.standard, analysis.lines[key].lines
    residuals = standard.curved_residuals if key == CURVED else standard.residuals
    spread = standard_spread([*residuals.values()], settings.confidence)
    return ChoiceCard(
        **msgspec.structs.asdict(CHOICES[key]),
        models=max(line.models for line in lines.values()),
        families=max(analysis.families.values()),
        deviation=rounded(spread.deviation if spread else math.nan),
        largest=rounded(spread.largest if spread else math.nan),
        limits=limits(key, standard, settings.confidence),
        comparisons=comparisons(analysis.models, analysis.found[key], settings.confidence),
        leaders=leaders(
            analysis.found[key], analysis.freedom(key), analysis.models, settings.confidence
        ),
    )


def leaders(
    robustness: Robustness, freedom: int, models: pd.DataFrame, confidence: float
) -> list[str]:
    """Return the names of the zero-shot models that may be the most robust, the highest first.

    These are the model with the highest mean effective robustness over all shifts,
    and the models whose difference from it has an interval that includes 0. The difference is taken
    on each resampled line, so an error of the line that is common to both models cancels; the
    intervals of the two means would overlap because of it. The intervals have Bonferroni's
    correction for the number of models that are compared with the highest, so that the most robust
    model is among the leaders with at least this confidence. Resamples are too few for such
    quantiles, so these are Student's, with the draws' standard deviation. Models to which a line is
    extrapolated, or that lack a shift, are left out.
    """
    values, draws = robustness.mean([*robustness.draws])
    within = values.notna() & ~robustness.extrapolated.any(axis=1)
    judged = models.assign(mean=values)[within & (models["training"] == "zero_shot")]
    judged = judged.sort_values(["mean", "name"], ascending=[False, True])
    if judged.empty:
        return []
    from scipy.special import stdtrit  # takes longer to import than the library

    best = judged.index[0]
    behind = values[best] - judged["mean"]
    error = standard_errors(draws[:, [best]] - draws[:, judged.index], freedom)
    tail = (1 - confidence) / 2 / max(len(judged) - 1, 1)
    return judged.loc[behind <= stdtrit(freedom, 1 - tail) * error, "name"].tolist()


def comparisons(
    models: pd.DataFrame, robustness: Robustness, confidence: float
) -> list[Comparison]:
    """Compare zero-shot, finetuned and supervised models of one backbone, without ObjectNet.

    Each difference is taken on each resampled line, so an error of the line that is common to both
    models cancels. If a backbone has several models of a kind, the most robust model counts.
    """
    values, draws = robustness.mean(MEANS["without_objectnet"])
    known = models.assign(mean=values)[values.notna() & (models["counterpart_of"] != "")]
    known = known[known["training"].isin(COMPARED)].sort_values(
        "mean", ascending=False, kind="stable"
    )
    compared = []
    for backbone, group in known.groupby("counterpart_of"):
        supervised = group["training"] == "supervised"
        for data in sorted(group.loc[group["training"] == "zero_shot", "data"].unique()):
            best = group[supervised | (group["data"] == data)].drop_duplicates("training")
            best = best.sort_values("training", key=lambda kinds: kinds.map(COMPARED.index))
            first, second = best.index[:-1], best.index[1:]
            if len(first):
                # Row by row the difference of a model and the next.
                between = values[first] - values[second].to_numpy()
                table = intervals(between, draws[:, first] - draws[:, second], confidence)
                compared.append(
                    Comparison(
                        backbone=str(backbone),
                        data=data,
                        models=best["name"].tolist(),
                        differences=[row for row in as_tuples(table) if row],
                    )
                )
    return compared


def line_table(analysis: Analysis) -> pd.DataFrame:
    """Return every line, for others to use.

    Slopes and intercepts have twelve decimals, so that anyone who uses them gets our numbers.
    """
    rows = []
    for choice, lines in analysis.lines.items():
        for shift, line in lines.lines.items():
            bend = {} if line.knee is None else {"knee": 100 * line.knee, "bend": line.bend}
            rows.append(
                {"choice": choice, "shift": shift, "families": analysis.families[shift]}
                | asdict(line)
                | {"lowest_imagenet": 100 * line.low, "highest_imagenet": 100 * line.high}
                | {"knee": None, "bend": None}
                | bend
            )
    table = pd.DataFrame(rows)
    for name in ("slope", "intercept", "bend"):
        table[name] = table[name].map("{:.12f}".format, na_action="ignore")
    return table


def draws_text(analysis: Analysis) -> dict[str, dict[str, dict[str, str]]]:
    """Return the resampled lines by kind and shift, as base64 of little-endian 32-bit floats.

    The page computes the intervals of a reader's own models from them. A knee is in percent.
    """

    def encoded(lines: ResampledLines) -> dict[str, str]:
        columns = {"slope": lines.slope, "intercept": lines.intercept}
        if lines.knee is not None and lines.bend is not None:
            columns |= {"knee": 100 * lines.knee, "bend": lines.bend}
        return {
            name: base64.b64encode(column.astype("<f4").tobytes()).decode()
            for name, column in columns.items()
        }

    return {
        choice: {shift: encoded(drawn) for shift, drawn in lines.resampled.items()}
        for choice, lines in analysis.lines.items()
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


def model_table(models: PublishedModels, analysis: Analysis) -> pd.DataFrame:
    """Return the rows of `plots/published_models.csv`."""
    points = analysis.found[DEFAULT].points.round(DIGITS)
    table = analysis.models.join(points.add_prefix("robustness_"))
    for name in MEANS:
        table = table.join(analysis.means[DEFAULT, name].add_suffix(f"_{name}"))
    for choice in CHOICES:
        mean = analysis.means[choice, "without_objectnet"]["mean"]
        table[f"mean_{choice}"] = mean.where(table["compared"])
    cards = models.models
    return table.assign(
        recipe=["; ".join(f"{k}={v}" for k, v in card.recipe.items()) for card in cards],
        extrapolated=[" ".join(card.robustness[DEFAULT].extrapolated) for card in cards],
        source_url=[models.sources[card.source].url for card in cards],
        source_commit=[models.sources[card.source].commit for card in cards],
    )


def models_json(models: PublishedModels) -> bytes:
    """Return the models as JSON, each on a line of its own, as a diff shows them best."""
    rest = msgspec.to_builtins(models)
    rows = ",\n".join(msgspec.json.encode(m).decode() for m in rest.pop("models"))
    head = msgspec.json.format(msgspec.json.encode(rest), indent=1).decode()
    return f'{head.rstrip().removesuffix("}").rstrip()},\n "models": [\n{rows}\n]}}\n'.encode()
