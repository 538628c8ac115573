"""Stage `published_page`: the page of published models, and the README's figure of them."""

from pathlib import Path

from interpreting_clip.formats.json import write_whole
from interpreting_clip.formats.published_accuracies import TESTBED, standard_models
from interpreting_clip.formats.results import read_result
from interpreting_clip.formats.tables import read_table, write_table
from interpreting_clip.published.findings import Findings
from page.drawing import chart_svg
from page.published_charts import PUBLISHED
from page.published_page import published_page
from page.published_results import LINE_COLUMNS, Published, read_draws, read_lines
from page.published_tables import PUBLISHED_COLUMNS, published_rows
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

PLOTS = Path("plots")


def main(_params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `plots/published.csv`, `plots/published.svg` and `plots/published.html`."""
    names = ("published.json", "published_models.json", "published_draws.json")
    findings, models, draws = (inputs[PLOTS / name] for name in names)
    published = read_result(models, Published)
    lines = read_lines(read_table(inputs[PLOTS / "published_lines.csv"], LINE_COLUMNS))
    standard = standard_models(inputs[TESTBED])
    write_table(
        outputs[PLOTS / "published.csv"],
        published_rows(standard, published, lines),
        PUBLISHED_COLUMNS,
    )
    drawn = read_table(outputs[PLOTS / "published.csv"], PUBLISHED_COLUMNS)
    compact = chart_svg(PUBLISHED, drawn, panel=(142, 200))
    write_whole(outputs[PLOTS / "published.svg"], f"{compact}\n".encode())
    page = published_page(
        published, read_result(findings, Findings), lines, read_draws(draws), standard
    )
    write_whole(outputs[PLOTS / "published.html"], page.encode())
