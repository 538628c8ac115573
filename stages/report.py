"""Stage `report`: the tables behind the plots, the README's figure and the page to read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from stages.config.params import Params
from stages.config.study import EncoderEntry, Study
from stages.files.json import read_json, write_whole
from stages.files.tables import read_table, write_table
from stages.reporting.charts import CHARTS, chart_svg
from stages.reporting.page import report_page
from stages.reporting.results import read_comparisons, read_encoders, read_published
from stages.reporting.robustness_tables import PUBLISHED_COLUMNS
from stages.reporting.tables import COLUMNS, study_tables
from stages.runtime.launch import launch

METRICS, PLOTS, TEMPLATES = Path("metrics"), Path("plots"), Path(".dvc/plots")


def main() -> None:
    """Write `plots/*.csv`, `plots/effective_robustness.svg` and `plots/report.html`.

    The study's encoders and comparisons are those in params.yaml, in its order: the results of
    removed ones may still lie in the folders.
    """
    params = Params()
    study = params.read("study", Study)
    entries = params.read("encoders", dict[str, EncoderEntry])
    pairs = params.read("comparisons", dict[str, dict])
    labels = {
        key: {f"{side}_label": entries[encoder].label for side, encoder in pair.items()}
        for key, pair in pairs.items()
    }
    described = msgspec.to_builtins(entries)
    encoders = read_encoders(
        list(entries),
        read_results(METRICS / "encoders", described),
        read_results(PLOTS / "encoders", described),
    )
    comparisons = read_comparisons(list(pairs), read_results(PLOTS / "comparisons", labels))
    tables = study_tables(encoders, comparisons)
    for name, rows in tables.items():
        write_table(PLOTS / f"{name}.csv", rows, COLUMNS[name])
    chart = CHARTS[0]
    compact = chart_svg(chart, tables[chart.table], TEMPLATES, panel=(142, 200))
    write_whole(PLOTS / f"{chart.name}.svg", f"{compact}\n".encode())
    page = report_page(
        title=study.title,
        description=study.description,
        encoders=encoders,
        published=read_published(read_json(METRICS / "published.json")),
        tables=tables | {"published": read_table(PLOTS / "published.csv", PUBLISHED_COLUMNS)},
        templates=TEMPLATES,
    )
    write_whole(PLOTS / "report.html", page.encode())


def read_results(folder: Path, entries: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return by key the JSON result of each entry, together with what the study says of it."""
    return {key: read_json(folder / f"{key}.json") | entry for key, entry in entries.items()}


if __name__ == "__main__":
    launch(main)
