"""Stage `report`: the tables behind the plots, the README's figure and the page to read."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from stages.config.params import Params
from stages.config.study import EncoderEntry, Study
from stages.files.json import read_json, write_whole
from stages.files.tables import read_table, write_table
from stages.reporting.page import effective_robustness_svg, report_page
from stages.reporting.published_table import PUBLISHED_COLUMNS
from stages.reporting.results import read_comparisons, read_encoders, read_published
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
    named = {key: msgspec.to_builtins(entry) for key, entry in entries.items()}
    labels = {
        key: {f"{side}_label": named[encoder]["label"] for side, encoder in pair.items()}
        for key, pair in pairs.items()
    }
    encoders = read_encoders(
        list(named), results(METRICS / "encoders", named), results(PLOTS / "encoders", named)
    )
    comparisons = read_comparisons(list(labels), results(PLOTS / "comparisons", labels))
    for name, rows in study_tables(encoders, comparisons).items():
        write_table(PLOTS / f"{name}.csv", rows, COLUMNS[name])
    figure = effective_robustness_svg(encoders, TEMPLATES)
    write_whole(PLOTS / "effective_robustness.svg", figure.encode())
    page = report_page(
        title=study.title,
        description=study.description,
        encoders=encoders,
        comparisons=comparisons,
        published=read_published(read_json(METRICS / "published.json")),
        published_rows=read_table(PLOTS / "published.csv", PUBLISHED_COLUMNS),
        templates=TEMPLATES,
    )
    write_whole(PLOTS / "report.html", page.encode())


def results(folder: Path, known: Mapping[str, dict]) -> dict[str, dict]:
    """Return by key the JSON result of each entry, and with it what the study says of it."""
    return {key: read_json(folder / f"{key}.json") | facts for key, facts in known.items()}


if __name__ == "__main__":
    launch(main)
