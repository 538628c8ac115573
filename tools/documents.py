"""README.md, CITATION.cff and docs/results.md, written from the templates in docs/templates.

`python -m tools manual`, which is `make docs`, writes them. Every figure of a result is read and
rounded by the functions that the pages use; what no stage computes is in `clip_kurtosis`.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
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
from interpreting_clip.measures.kurtosis import kurtosis_and_deviations
from interpreting_clip.measures.random_numbers import generator
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.published.schema import PublishedModels
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.comparison_results import ComparisonResults
from interpreting_clip.study.dataset_entries import DatasetEntry, Shifts
from page.claims import PRUNABLE, study_claims
from page.differences import concept_difference, robustness_difference
from page.names import (
    format_estimate,
    format_number,
    format_percent,
    format_spread,
    line_spans,
)
from page.provenance import study_names
from page.published_claims import published_claims
from page.published_results import SHIFT_ORDER, interval, model_table, read_lines
from page.published_tables import default_lines
from page.replicas import ReplicatedEncoder, format_replicas, seed_differences
from page.verdicts import LEVEL, Claim, Verdict
from runner.fingerprint import listed_fingerprints
from runner.graph import read_entry
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from stages import report

TEMPLATES = Path("docs/templates")

DOCUMENTS = {
    Path("README.md"): "README.md.jinja",
    Path("CITATION.cff"): "CITATION.cff.jinja",
    Path("docs/results.md"): "results.md.jinja",
}
"""The documents by their file, and the template of each."""

CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
PARAGRAPH = re.compile(r"^(?![|#<]|\* |\[!)\S.*(?:\n\S.*)*", re.MULTILINE)
"""A paragraph of Markdown, but no row of a table, heading, comment, item of a list or picture."""

RELEASE = re.compile(r"^## (?P<version>\d\S*) \((?P<date>\S+)\)$", re.MULTILINE)
"""The heading of a version in CHANGELOG.md; newer changes may stand above it."""

WIDTH = 120
"""Columns of a paragraph's lines."""

PLOTS = Path("plots")

CLIP, CLIP_ARRAYS = "clip_vit_b16", Path("data/arrays/clip_vit_b16_coco.safetensors")
"""The real CLIP: its entry in `arrays` of params.yaml, and its file."""


def documents() -> Iterator[tuple[Path, str]]:
    """Yield each document with its text."""
    environment = Environment(  # noqa: S701 - Markdown, of our own results
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS
    values = values_of_results() | project()
    for file, template in DOCUMENTS.items():
        try:
            text = environment.get_template(template).render(values)
            yield file, wrapped(text) if file.suffix == ".md" else text
        except UndefinedError as error:
            raise InputError(
                f"{TEMPLATES / template}: {error}; it describes the study of the repository: get "
                "its params.yaml and results with `git checkout params.yaml plots`"
            ) from None


def about_project() -> dict[str, Any]:
    """Return the section `project` of pyproject.toml."""
    return tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]


def project() -> dict[str, Any]:
    """Return the version, its date and the repository's address for the templates."""
    about = about_project()
    release = RELEASE.search(Path("CHANGELOG.md").read_text("utf-8"))
    if release is None or release["version"] != about["version"]:
        raise InputError(
            f"CHANGELOG.md: expected the first version to be {about['version']}, as in "
            f"pyproject.toml, got {release['version'] if release else 'none'}; write both alike"
        )
    return {"repository": about["urls"]["Repository"], **release.groupdict()}


def wrapped(text: str) -> str:
    """Return Markdown with the lines of its paragraphs broken anew, and all else as it is."""

    def broken(paragraph: re.Match[str]) -> str:
        whole = paragraph[0].replace(" %", "\N{NO-BREAK SPACE}%")  # a number stays with its unit
        lines = fill(whole, WIDTH, break_long_words=False, break_on_hyphens=False)
        return lines.replace("\N{NO-BREAK SPACE}", " ")

    parts = CODE.split(text)
    parts[::2] = [PARAGRAPH.sub(broken, part) for part in parts[::2]]
    return "".join(parts)


def values_of_results() -> dict[str, Any]:
    """Return what the templates take their figures from, as the pages read it."""
    study = Params()
    entry = read_entry("report", "", study.tree)
    params = ListedParams(study, entry.params, entry.stage, listed_fingerprints(entry))
    inputs = Inputs(entry.deps, entry.stage)
    encoders, further, _ = report.read_encoders(params, inputs)
    datasets = params.read("datasets", dict[str, DatasetEntry])
    names = study_names(datasets, params.read("shifts", Shifts))
    published = read_result(PLOTS / "published_models.json", PublishedModels)
    tables = {choice: model_table(published, choice) for choice in published.choices}
    findings = read_json(PLOTS / "published.json")
    claims = study_claims(encoders, names, further) + published_claims(published, tables)
    judged = {claim.key: claim for claim in claims}
    arrays = report.read_each(params, inputs, "arrays", ArrayResults)
    return {
        "study": study.tree,
        "encoders": {e.key: e for e in encoders},
        "further": {e.key: e for e in further},
        "comparisons": {
            key: read_result(PLOTS / f"comparisons/{key}.json", ComparisonResults)
            for key in study.tree["comparisons"]
        },
        "baseline": read_result(PLOTS / "baseline.json", Baseline),
        "arrays": arrays,
        "compared": lambda results, other: {one.name: one for one in results.comparisons[other]},
        "clip_kurtosis": clip_kurtosis(arrays[CLIP]),
        "confidence": published.confidence,
        "models": {model["name"]: model for model in records(tables[DEFAULT])},
        "choices": published.choices,
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


def replicas(encoder: ReplicatedEncoder, name: str, digits: int = 1) -> str:
    """Return the mean of a number over seeds ± their deviation, and how many are left out."""
    found = encoder.replicas[name]
    spread = format_spread(list(found.by_seed.values()), digits)
    return f"{spread} ({found.without})" if found.without else spread


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


def mean_accuracy(model: Mapping[str, float], without: str = "") -> float:
    """Return a published model's mean accuracy in percent over the shifts, without one or not."""
    return fmean(model[shift] for shift in SHIFT_ORDER if shift != without)


def cases(claim: Claim, verdict: Verdict) -> list[str]:
    """Return the names of a mixed claim's cases that have a verdict of their own."""
    return [one.partition(":")[0] for one in claim.findings if one.endswith(f"({verdict})")]


def clip_kurtosis(results: ArrayResults) -> dict[str, Any]:
    """Return why the kurtosis of the real CLIP is high: numbers that no stage has.

    One feature is constant, and the others' variances are unequal. `variances` is the largest
    variance of a feature over images by the median feature's, `gaussian` the kurtosis of Gaussian
    features with these variances, `equal_variances` that of features scaled to unit variance. Tails
    are kurtoses of one feature over images. `bias` is what subtracting the mean image costs in
    points of accuracy, `other_bias` the same if the outlier feature keeps its mean.
    """
    (outlier,) = results.kurtosis.outliers.feature
    arrays = read_tensors(CLIP_ARRAYS)
    images, captions = arrays["images"].astype(float), arrays["captions"]
    centred = images - images.mean(axis=0)
    deviations = centred.std(axis=0)
    scaled = centred / deviations
    tails = (scaled**4).mean(axis=0)
    with_outlier = centred.copy()
    with_outlier[:, outlier] = images[:, outlier]
    draws = generator(0, "gaussian features").standard_normal((20, *images.shape))
    accuracy = _accuracy(images, captions)
    return {
        "without_outlier": _kurtosis(np.delete(images, outlier, axis=1)),
        "centred_without_outlier": _kurtosis(np.delete(centred, outlier, axis=1)),
        "variances": float((deviations**2).max() / np.median(deviations**2)),
        "gaussian": fmean(_kurtosis(one * deviations) for one in draws),
        "equal_variances": _kurtosis(scaled),
        "median_tail": float(np.median(tails)),
        "largest_tail": float(tails.max()),
        "bias": accuracy - _accuracy(centred, captions),
        "other_bias": accuracy - _accuracy(with_outlier, captions),
        "captions": ic.outlier_features(captions),
    }


def _kurtosis(activations: np.ndarray) -> float:
    return float(kurtosis_and_deviations(activations, 6.0)[0].mean())


def _accuracy(activations: np.ndarray, head: np.ndarray) -> float:
    classes = np.arange(len(head))
    found = ic.accuracy(activations, head=head, classes=classes, normalize_features=True)
    return found.accuracy.value


FILTERS = {
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
