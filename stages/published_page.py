"""Stage `published_page`: the page of published models, and the README's figure of them."""

from pathlib import Path

from interpreting_clip.charts.pictures import chart_svg
from interpreting_clip.formats.csv_tables import write_table
from interpreting_clip.formats.json import read_json, write_whole
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.published.schema import PublishedModels
from interpreting_clip.statistics.published_accuracies import TESTBED, standard_models
from page.published_charts import PUBLISHED
from page.published_page import published_page
from page.published_results import Draws, model_table, read_lines
from page.published_tables import PUBLISHED_COLUMNS, published_table
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

PLOTS = Path("plots")


def main(_params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `plots/published.csv`, `plots/published.svg` and `plots/published.html`."""
    published = read_result(inputs[PLOTS / "published_models.json"], PublishedModels)
    findings = read_json(inputs[PLOTS / "published.json"])
    draws = read_result(inputs[PLOTS / "published_draws.json"], Draws)
    lines = read_lines(inputs[PLOTS / "published_lines.csv"])
    standard = standard_models(inputs[TESTBED])
    points = published_table(standard, model_table(published), lines)
    write_table(outputs[PLOTS / "published.csv"], points, PUBLISHED_COLUMNS)
    compact = chart_svg(PUBLISHED, points, (142, 200))
    write_whole(outputs[PLOTS / "published.svg"], f"{compact}\n".encode())
    page = published_page(published, findings, lines, draws, standard)
    write_whole(outputs[PLOTS / "published.html"], page.encode())
