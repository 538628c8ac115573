"""The templates of `dvc plots`: the page's charts, with DVC's anchors in place of columns and rows.

`python -m page.plot_templates` writes them, where DVC looks for them; with `--check` it writes
nothing and says whether they are up to date.
"""

import json
from pathlib import Path

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole
from page.charts import CHARTS, PLANTED_OUTLIERS, Chart
from page.published_charts import PUBLISHED
from page.vega_lite import Axes, Spec
from runner.process import launch

FOLDER = Path(".dvc/plots")
CHECK = "--check"

ANCHORS = Axes(
    x="<DVC_METRIC_X>",
    y="<DVC_METRIC_Y>",
    x_label="<DVC_METRIC_X_LABEL>",
    y_label="<DVC_METRIC_Y_LABEL>",
)
"""What DVC replaces with what `plots:` in dvc.yaml says of a chart."""


def plot_template(chart: Chart) -> Spec:
    """Return a chart's specification as DVC's template."""
    spec = chart.specify(ANCHORS)
    spec["data"] = {"values": "<DVC_METRIC_DATA>", **spec["data"]}
    return spec | {"title": {"text": "<DVC_METRIC_TITLE>", "anchor": "start"}}


def template_files() -> dict[Path, bytes]:
    """Return the content of each template by its file, which has the name of the chart's table."""
    charts = {chart.table: chart for chart in (*CHARTS, PLANTED_OUTLIERS, PUBLISHED)}
    return {
        FOLDER / f"{table}.json": f"{_compact(plot_template(chart))}\n".encode()
        for table, chart in charts.items()
    }


def main(option: str = "") -> None:
    """Write the templates, or with `--check` refuse those that are out of date.

    Raises
    ------
    InputError
        Another option was given, or a template is out of date; names the files.
    """
    if option not in ("", CHECK):
        raise InputError(f"expected {CHECK} or nothing, got {option!r}")
    files = template_files()
    if not option:
        for file, content in files.items():
            write_whole(file, content)
        return
    stale = [f.name for f, content in files.items() if not f.exists() or f.read_bytes() != content]
    if stale:
        raise InputError(
            f"{FOLDER}: out of date for {', '.join(stale)}; run `make docs` and commit"
        )


def _compact(spec: Spec) -> str:
    return json.dumps(spec, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    launch(main)
