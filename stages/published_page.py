"""Stage `published_page`: the page of published models, and the README's figure of them."""

from pathlib import Path

from interpreting_clip.formats.json import write_whole
from interpreting_clip.formats.published_accuracies import TESTBED, standard_models
from interpreting_clip.formats.published_models import (
    LINE_COLUMNS,
    MODEL_COLUMNS,
    numeric_row,
    read_lines,
)
from interpreting_clip.formats.tables import read_table, write_table
from page.drawing import chart_svg
from page.published_charts import PUBLISHED
from page.published_page import published_page
from page.results import PublishedResults, read_result
from page.robustness_tables import PUBLISHED_COLUMNS, published_rows
from runner.listed_params import ListedParams
from runner.outputs import Inputs, Outputs, require_checksums

PLOTS = Path("plots")


def main(_params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `plots/published.csv`, `plots/published.svg` and `plots/published.html`."""
    published = inputs[PLOTS / "published.json"]
    columns = {"published_models": MODEL_COLUMNS, "published_lines": LINE_COLUMNS}
    files = {name: inputs[PLOTS / f"{name}.csv"] for name in columns}
    require_checksums(inputs[PLOTS / "published.sha256"], published, *files.values())
    tables = {name: read_table(file, columns[name]) for name, file in files.items()}
    drawn = published_rows(
        standard_models(inputs[TESTBED]),
        map(numeric_row, tables["published_models"]),
        read_lines(tables["published_lines"], "testbed"),
    )
    write_table(outputs[PLOTS / "published.csv"], drawn, PUBLISHED_COLUMNS)
    tables["published"] = read_table(outputs[PLOTS / "published.csv"], PUBLISHED_COLUMNS)
    compact = chart_svg(PUBLISHED, tables["published"], panel=(142, 200))
    write_whole(outputs[PLOTS / "published.svg"], f"{compact}\n".encode())
    page = published_page(read_result(published, PublishedResults), tables)
    write_whole(outputs[PLOTS / "published.html"], page.encode())
