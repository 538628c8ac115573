"""The templates of `dvc plots`: the page's charts, which DVC fills with the rows of its tables.

`python -m page.plot_templates` writes them, where DVC looks for them; with `--check` it writes
nothing and says whether they are up to date.
"""

import json
from pathlib import Path

from interpreting_clip.charts.panels import template
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole
from page.published_charts import PUBLISHED
from page.report_page import study_charts
from runner.process import launch

FOLDER = Path(".dvc/plots")
CHECK = "--check"


def template_files() -> dict[Path, bytes]:
    """Return the content of each template by its file, which has the name of the chart."""
    texts = {
        chart.name: json.dumps(template(chart), ensure_ascii=False, separators=(",", ":"))
        for chart in (*study_charts(), PUBLISHED)
    }
    return {FOLDER / f"{name}.json": f"{text}\n".encode() for name, text in texts.items()}


def main(option: str = "") -> None:
    """Write the templates, or with `--check` refuse those that are out of date."""
    if option not in ("", CHECK):
        raise InputError(f"expected {CHECK} or nothing, got {option!r}")
    files = template_files()
    stale = [f for f, content in files.items() if not f.exists() or f.read_bytes() != content]
    if option and stale:
        names = ", ".join(file.name for file in stale)
        raise InputError(f"{FOLDER}: out of date for {names}; run `make docs` and commit")
    for file in stale:
        write_whole(file, files[file])


if __name__ == "__main__":
    launch(main)
