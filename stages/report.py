"""Stage `report`: the tables behind the plots, the README's figures and the report page."""

from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from interpreting_clip.charts.panels import PanelChart
from interpreting_clip.charts.pictures import chart_svg
from interpreting_clip.charts.profile import PROFILE
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.broden.labels import read_concepts
from interpreting_clip.encoders.encoder_entries import EncoderEntry
from interpreting_clip.formats.csv_tables import write_table
from interpreting_clip.formats.json import write_whole
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.kernels import Kernels
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.quantities import Key
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.comparison_results import ComparisonResults
from interpreting_clip.study.dataset_entries import DatasetEntry, ShiftEncoder, Shifts
from interpreting_clip.study.encoder_results import EncoderResults
from interpreting_clip.study.labelled_arrays import LabelledArrays, LabelledResults
from interpreting_clip.study.measured_arrays import MeasuredArrays
from interpreting_clip.study.shift_results import ShiftResults
from interpreting_clip.training.probes import Probe
from interpreting_clip.training.recipes import Finetune, Pretrain, Supervise, TrainingRecipe
from interpreting_clip.training.saved_baseline import Baseline
from page.array_sections import ArrayEntry, array_sections, array_tables, profile_table
from page.families import with_null
from page.further_encoders import FROM_SCRATCH, FURTHER, FurtherEncoder, read_further
from page.labelled_sections import LabelledEntry
from page.provenance import Provenance, study_names
from page.replicas import read_replicas
from page.report_page import Report, report_page, study_charts
from page.study_results import StudyEncoder, UntrainedNull, report_order
from page.study_tables import study_tables
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

PLOTS = Path("plots")

Kind = TypeVar("Kind")


def main(params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `plots/*.csv`, the README's figures and `plots/report.html`.

    The study's encoders, nulls and comparisons are listed in params.yaml: the folders may still
    hold results of removed entries.
    """
    provenance = read_provenance(params, inputs)
    names = study_names(provenance.datasets, provenance.shifts)
    encoders, further, outdated = read_encoders(params, inputs)
    comparisons = list(read_each(params, inputs, "comparisons", ComparisonResults).values())
    baseline = read_result(inputs[PLOTS / "baseline.json"], Baseline)
    entries = params.read("arrays", dict[str, MeasuredArrays])
    measured = read_each(params, inputs, "arrays", ArrayResults)
    arrays = [ArrayEntry(key=k, entry=entries[k], results=result) for k, result in measured.items()]
    heads = params.read("labelled_arrays", dict[str, LabelledArrays])
    counted = read_each(params, inputs, "array_concepts", Concepts, "labelled_arrays")
    measured_heads = read_each(params, inputs, "labelled_arrays", LabelledResults)
    labelled = [
        LabelledEntry(key=k, entry=heads[k], results=result, concepts=counted[k])
        for k, result in measured_heads.items()
    ]
    layers = [comparison.cka for comparison in comparisons]
    tables = study_tables(encoders, layers, baseline, names)
    for name, table in (tables | array_tables(arrays, labelled)).items():
        write_table(outputs[PLOTS / f"{name}.csv"], table, list(table.columns))
    report = Report(
        title=params.read("study.title", str),
        description=params.read("study.description", str),
        encoders=encoders,
        comparisons=comparisons,
        baseline=baseline,
        tables=tables,
        arrays=arrays,
        labelled=labelled,
        provenance=provenance,
        further=further,
        outdated=outdated,
        probed=read_probed(inputs.if_present("data/broden_labels"), encoders),
    )
    write_whole(outputs[PLOTS / "report.html"], report_page(report).encode())
    chart, *_ = study_charts(names["imagenet"])
    write_figure(outputs[PLOTS / f"{chart.name}.svg"], chart, tables[chart.name], (180, 200))
    first_section = next(iter(array_sections(arrays).values()), [])
    real_clip = profile_table(first_section)
    write_figure(outputs[PLOTS / "real_clip.svg"], PROFILE, real_clip, (330, 165))


def write_figure(file: Path, chart: PanelChart, table: pd.DataFrame, size: tuple[int, int]) -> None:
    """Write a chart as SVG, with panels of this size in pixels; without rows it is empty."""
    write_whole(file, f"{chart_svg(chart, table, size)}\n".encode())


def read_each(
    params: ListedParams, inputs: Inputs, name: str, kind: type[Kind], section: str = ""
) -> dict[str, Kind]:
    """Return the results in a folder of each entry of the section of this name, or of another."""
    folder, keys = inputs[PLOTS / name], params.read(section or name, dict[str, Any])
    return {k: read_result(folder / f"{k}.json", kind) for k in keys}


def read_encoders(
    params: ListedParams, inputs: Inputs
) -> tuple[list[StudyEncoder], list[FurtherEncoder], list[str]]:
    """Return the study's encoders in the report's order, and encoders that only the replicas have.

    Last are the measures whose replicas are out of date.
    """
    entries = params.read("encoders", dict[str, EncoderEntry])
    browsed = params.read("browse.encoders", list[Key])
    nulls = read_each(params, inputs, "untrained", UntrainedNull)
    results = read_each(params, inputs, "encoders", EncoderResults)
    own = read_own_shifts(params, inputs)
    recipes = params.read("recipes", dict[str, TrainingRecipe])
    seeds = {key: recipes[entry.recipe].seed for key, entry in read_trainings(params).items()}
    replicas, outdated = read_replicas(inputs["studies/replicas.csv"], seeds, results)
    encoders = []
    for number, key in enumerate(report_order(entries), 1):
        known = {"results": results[key], "replicas": replicas.get(key, {})}
        known["own"] = own.get(key, {})
        encoder = StudyEncoder(
            key=key, number=number, entry=entries[key], browsable=key in browsed, **known
        )
        encoders.append(with_null(encoder, nulls))
    sections = ("datasets", "recipes", *FROM_SCRATCH)
    study = {section: params.read(section, dict[str, Any]) for section in sections}
    further = read_further(load_tree(inputs[FURTHER]), study, replicas, encoders)
    return encoders, further, outdated


def read_own_shifts(params: ListedParams, inputs: Inputs) -> dict[str, dict[str, ShiftResults]]:
    """Return the results on shifts of the study's own, by encoder and shift."""
    entries = params.read("shift_encoders", dict[str, ShiftEncoder])
    folder, results = inputs[PLOTS / "shifts"], dict[str, dict[str, ShiftResults]]()
    for key, entry in sorted(entries.items(), key=lambda item: item[1].shift):
        result = read_result(folder / f"{key}.json", ShiftResults)
        results.setdefault(entry.encoder, {})[entry.shift] = result
    return results


def read_trainings(params: ListedParams) -> dict[str, Pretrain | Finetune | Supervise]:
    """Return the training of each encoder that the study trains."""
    return {
        **params.read("pretrain", dict[str, Pretrain]),
        **params.read("finetune", dict[str, Finetune]),
        **params.read("supervise", dict[str, Supervise]),
    }


def read_provenance(params: ListedParams, inputs: Inputs) -> Provenance:
    """Return where the results come from: data, trainings and packages."""
    weights = params.read("weights", dict[str, dict])
    return Provenance(
        datasets=params.read("datasets", dict[str, DatasetEntry]),
        shifts=params.read("shifts", Shifts),
        recipes=params.read("recipes", dict[str, TrainingRecipe]),
        trainings=read_trainings(params),
        probes=params.read("probe", dict[str, Probe]),
        given={key: entry for key, entry in weights.items() if entry["source"] == "activations"},
        versions=load_tree(inputs["versions.yaml"]),
        kernels=params.read("kernels", Kernels),
    )


def read_probed(folder: Path | None, encoders: list[StudyEncoder]) -> list[tuple[str, str]]:
    """Return name and category of every concept on enough images that encoders were probed for."""
    results = [e.results.concepts for e in encoders if e.results.concepts]
    concepts = read_concepts(folder, results[0].minimum_images) if folder and results else []
    return [(concept["name"], concept["category"]) for concept in concepts]
