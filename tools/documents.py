"""README.md and docs/results.md, written from the results and the templates in docs/templates.

`python -m tools.manual`, which is `make docs`, writes them. Every figure of a result is read and
rounded by the functions that the pages use; what no stage computes is in `clip_kurtosis`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from textwrap import fill
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

import interpreting_clip as ic
from interpreting_clip.config.params import Params
from interpreting_clip.errors import InputError
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.formats.baseline import Baseline
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.results import read_result
from interpreting_clip.formats.tables import records
from interpreting_clip.measures.kurtosis import OutlierFeatures, kurtosis_and_deviations
from interpreting_clip.measures.random_numbers import generator
from interpreting_clip.measures.result import Number
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.published.schema import Interval, PublishedModels
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.comparison_results import ComparisonResults
from interpreting_clip.study.dataset_entries import DatasetEntry, Shifts
from page.claims import PRUNABLE, study_claims
from page.differences import concept_difference, robustness_difference
from page.names import (
    format_estimate,
    format_interval,
    format_number,
    format_percent,
    format_spread,
    line_spans,
)
from page.provenance import study_names
from page.published_claims import published_claims
from page.published_findings import (
    finetuning_sentences,
    limit_sentence,
    line_sentences,
    scaling_sentences,
)
from page.published_results import SHIFT_ORDER, model_table, read_lines
from page.published_tables import default_lines
from page.replicas import ReplicatedEncoder, format_replicas, seed_differences
from page.verdicts import LEVEL, Claim, Verdict
from runner.fingerprint import listed_fingerprints
from runner.graph import read_entry
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from stages import report

TEMPLATES = Path("docs/templates")

DOCUMENTS = {Path("README.md"): "README.md.jinja", Path("docs/results.md"): "results.md.jinja"}
"""The documents by their file, and the template of each."""

CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
PARAGRAPH = re.compile(r"^(?![|#<]|\* |\[!)\S.*(?:\n\S.*)*", re.MULTILINE)
"""A paragraph of Markdown, but no row of a table, heading, comment, item of a list or picture."""

WIDTH = 120
"""Columns of a paragraph's lines."""

PLOTS = Path("plots")

CLIP, CLIP_ARRAYS = "clip_vit_b16", Path("data/arrays/clip_vit_b16_coco.safetensors")
"""The real CLIP: its entry in `arrays` of params.yaml, and its file."""

GAUSSIAN_DRAWS = 20
"""Sets of Gaussian images over which `ClipKurtosis.gaussian` is averaged."""


def documents() -> Iterator[tuple[Path, str]]:
    """Yield each document with its text.

    Raises
    ------
    InputError
        Results are missing, or those of another study.
    """
    environment = Environment(  # noqa: S701 - Markdown, of our own results
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "estimate": format_estimate,
        "interval": interval,
        "mean_accuracy": mean_accuracy,
        "number": format_number,
        "over_seeds": format_replicas,
        "percent": format_percent,
        "replicas": replicas,
        "span": span,
        "spread": format_spread,
    }
    values = values_of_results()
    for file, template in DOCUMENTS.items():
        try:
            yield file, wrapped(environment.get_template(template).render(values))
        except UndefinedError as error:
            raise InputError(
                f"{TEMPLATES / template}: {error}; it describes the study of the repository: get "
                "its params.yaml and results with `git checkout params.yaml plots`"
            ) from None


def wrapped(text: str) -> str:
    """Return Markdown with the lines of its paragraphs broken anew, and all else as it is."""
    parts = CODE.split(text)
    parts[::2] = [PARAGRAPH.sub(lambda one: _filled(one[0]), part) for part in parts[::2]]
    return "".join(parts)


def _filled(paragraph: str) -> str:
    whole = paragraph.replace(" %", "\N{NO-BREAK SPACE}%")  # a number stays with its unit
    lines = fill(whole, WIDTH, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\N{NO-BREAK SPACE}", " ")


def values_of_results() -> dict[str, Any]:
    """Return what the templates take their figures from, as the pages read it."""
    study = Params()
    entry = read_entry("report", "", study.tree)
    params = ListedParams(study, entry.params, entry.stage, listed_fingerprints(entry))
    inputs = Inputs(entry.deps, entry.stage)
    encoders, further = report.read_encoders(params, inputs)
    datasets = params.read("datasets", dict[str, DatasetEntry])
    names = study_names(datasets, params.read("shifts", Shifts))
    published = read_result(PLOTS / "published_models.json", PublishedModels)
    tables = {choice: model_table(published, choice) for choice in published.choices}
    findings = read_json(PLOTS / "published.json")
    claims = study_claims(encoders, names, further) + published_claims(published, tables)
    judged = {claim.key: claim for claim in claims}
    arrays = {one.key: one.results for one in report.read_arrays(params, inputs)}
    return {
        "study": study.tree,
        "encoders": {e.key: e for e in encoders},
        "further": {e.key: e for e in further},
        "comparisons": {
            key: read_result(PLOTS / f"comparisons/{key}.json", ComparisonResults)
            for key in study.tree["comparisons"]
        },
        "baseline": read_result(PLOTS / "baseline.json", Baseline),
        "controls": [
            control
            for measure in read_json(PLOTS / "controls.json").values()
            for control in measure["controls"]
        ],
        "arrays": arrays,
        "compared": compared,
        "clip_kurtosis": clip_kurtosis(arrays[CLIP]),
        "confidence": published.confidence,
        "models": {model["name"]: model for model in records(tables[DEFAULT])},
        "choices": published.choices,
        "sentences": {
            "finetuning": finetuning_sentences(findings),
            "scaling": scaling_sentences(findings),
            "spread": line_sentences(published)[DEFAULT]["spread_text"],
            "limit": limit_sentence(tables[DEFAULT], published.choices[DEFAULT].spread),
        },
        "spans": line_spans(default_lines(read_lines(PLOTS / "published_lines.csv"))),
        "probe_costs": findings["finetuning"]["start"]["all"] - findings["finetuning"]["probe"],
        "soups": {soup["name"]: soup for soup in findings["soups"]},
        "claims": judged,
        "cases": lambda key, verdict: cases(judged[key], verdict),
        "level": LEVEL,
        "prunable": PRUNABLE,
        "pruned_by_accuracy": pruned_by_accuracy,
        "replica_values": replica_values,
        "mean_accuracy": mean_accuracy,
        "seed_differences": seed_differences,
        "robustness_difference": robustness_difference,
        "concept_difference": concept_difference,
    }


def interval(found: Interval, digits: int = 1) -> str:
    """Return a value with its interval in words."""
    value, low, high = found
    return format_interval(value, low, high, digits)


def replicas(encoder: ReplicatedEncoder, name: str, digits: int = 1) -> str:
    """Return the mean of a number over seeds ± its standard deviation, and how many count."""
    found = encoder.replicas[name]
    spread = format_spread(list(found.by_seed.values()), digits)
    return f"{spread} ({found.remaining} ‡)" if found.remaining else spread


def span(values: Iterable[float], digits: int = 1, joint: str = " to ") -> str:
    """Return the lowest and the highest of values, such as `2.78 to 2.90`, or what all are."""
    found = sorted(values)
    low, high = format_number(found[0], digits), format_number(found[-1], digits)
    return low if low == high else f"{low}{joint}{high}"


def replica_values(encoders: Iterable[ReplicatedEncoder], *names: str) -> list[float]:
    """Return the numbers of these names of all replicas."""
    found = [e.replicas[name] for e in encoders for name in names]
    return [value for one in found for value in one.by_seed.values()]


def pruned_by_accuracy(encoders: Iterable[ReplicatedEncoder]) -> list[bool]:
    """Return of each replica that counts whether accuracy alone decides how much can be pruned."""
    return [
        share == e.replicas["prunable.by_accuracy"].by_seed[seed]
        for e in encoders
        for seed, share in e.replicas["prunable.prunable"].by_seed.items()
    ]


def compared(results: ArrayResults, other: str) -> dict[str, Number]:
    """Return the numbers of an array's comparison with another one, by name."""
    return {number.name: number for number in results.comparisons[other]}


def mean_accuracy(model: Mapping[str, float], without: str = "") -> float:
    """Return a published model's mean accuracy in percent over the shifts, without one or not."""
    return fmean(model[shift] for shift in SHIFT_ORDER if shift != without)


def cases(claim: Claim, verdict: Verdict) -> list[str]:
    """Return the names of a mixed claim's cases that have a verdict of their own."""
    return [one.partition(":")[0] for one in claim.findings if one.endswith(f"({verdict})")]


@dataclass(frozen=True, kw_only=True)
class ClipKurtosis:
    """Why the kurtosis of the real CLIP is high: one constant feature, and unequal variances.

    Attributes
    ----------
    without_outlier, centred_without_outlier : kurtosis without the outlier feature; minus the mean
        image, too
    variances : the largest variance of a feature over images, over the median feature's
    gaussian : kurtosis of Gaussian features with these variances
    equal_variances : kurtosis minus the mean image, each feature scaled to unit variance
    median_tail, largest_tail : kurtosis of one feature over images, the median and the largest
    bias, other_bias : points of accuracy that subtracting the mean image costs, and what it costs
        if the outlier feature keeps its mean
    captions : the outlier features of the captions
    """

    without_outlier: float
    centred_without_outlier: float
    variances: float
    gaussian: float
    equal_variances: float
    median_tail: float
    largest_tail: float
    bias: float
    other_bias: float
    captions: OutlierFeatures


def clip_kurtosis(results: ArrayResults) -> ClipKurtosis:
    """Compute the numbers of docs/results.md about the real CLIP that no stage has."""
    (outlier,) = results.kurtosis.outliers.feature
    arrays = read_tensors(CLIP_ARRAYS)
    images, captions = arrays["images"].astype(float), arrays["captions"]
    centred = images - images.mean(axis=0)
    deviations = centred.std(axis=0)
    scaled = centred / deviations
    tails = (scaled**4).mean(axis=0)
    with_outlier = centred.copy()
    with_outlier[:, outlier] = images[:, outlier]
    draws = generator(0, "gaussian features").standard_normal((GAUSSIAN_DRAWS, *images.shape))
    accuracy = _accuracy(images, captions)
    return ClipKurtosis(
        without_outlier=_kurtosis(np.delete(images, outlier, axis=1)),
        centred_without_outlier=_kurtosis(np.delete(centred, outlier, axis=1)),
        variances=float((deviations**2).max() / np.median(deviations**2)),
        gaussian=fmean(_kurtosis(one * deviations) for one in draws),
        equal_variances=_kurtosis(scaled),
        median_tail=float(np.median(tails)),
        largest_tail=float(tails.max()),
        bias=accuracy - _accuracy(centred, captions),
        other_bias=accuracy - _accuracy(with_outlier, captions),
        captions=ic.outlier_features(captions),
    )


def _kurtosis(activations: np.ndarray) -> float:
    return float(kurtosis_and_deviations(activations, 6.0)[0].mean())


def _accuracy(activations: np.ndarray, head: np.ndarray) -> float:
    classes = np.arange(len(head))
    found = ic.accuracy(activations, head=head, classes=classes, normalize_features=True)
    return found.accuracy.value
