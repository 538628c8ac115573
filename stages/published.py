"""Stage `published`: effective robustness of real models, from published accuracies."""

from interpreting_clip.formats.csv_tables import write_table
from interpreting_clip.formats.json import write_json, write_whole
from interpreting_clip.published.analysis import analyse
from interpreting_clip.published.figures import read_published
from interpreting_clip.published.findings import (
    finetuning_table,
    published_findings,
    scaling_table,
)
from interpreting_clip.published.line_choices import DEFAULT
from interpreting_clip.published.models import (
    MODEL_COLUMNS,
    draws_text,
    line_table,
    model_table,
    models_json,
    published_models,
)
from interpreting_clip.published.schema import LINE_COLUMNS, schema
from interpreting_clip.statistics.published_accuracies import Settings
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write every published model on straight and on curved lines, and what they say together."""
    settings = params.read("published", Settings)
    published = read_published(inputs["data/published"])
    analysis = analyse(published, settings)
    models = published_models(published, analysis, settings)
    write_whole(outputs["plots/published_models.json"], models_json(models))
    write_json(outputs["plots/published_models.schema.json"], schema())
    write_json(outputs["plots/published_draws.json"], draws_text(analysis))
    lines = analysis.lines[DEFAULT]
    tuned, scaled = finetuning_table(published, lines), scaling_table(published, lines)
    write_json(outputs["plots/published.json"], published_findings(tuned, scaled, settings))
    for name, table, columns in (
        ("published_models", model_table(models, analysis), MODEL_COLUMNS),
        ("published_lines", line_table(analysis), LINE_COLUMNS),
    ):
        write_table(outputs[f"plots/{name}.csv"], table, columns)
