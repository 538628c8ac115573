"""The page that `dvc plots show` fills, with Vega inside instead of from a CDN."""

import argparse
from pathlib import Path

from interpreting_clip.charts.pictures import vega_script
from interpreting_clip.formats.json import write_whole

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>Plots</title>
<script>"""

_BODY = """</script>
<style>
body { font-family: "Liberation Sans", Arial, Helvetica, sans-serif; margin: 2rem; }
body > div { margin-bottom: 2.5rem; }
</style>
<script>
addEventListener("DOMContentLoaded", () => {
  const filled = document.querySelector("plaintext");
  const plots = /var spec = (.*);\\s+vegaEmbed\\('#(.*)', spec\\);/g;
  for (const [, spec, id] of filled.textContent.matchAll(plots)) {
    const plot = document.body.appendChild(document.createElement("div"));
    plot.id = id;
    vegaEmbed(plot, JSON.parse(spec));
  }
  filled.remove();
});
</script>
</head>
<body>
<plaintext hidden>
{plot_divs}
"""
"""After `<plaintext>` no browser looks for tags. DVC inserts JSON into scripts unescaped, and a
label in it may contain `</script>`; our script reads it as text and draws each plot.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("file", type=Path, help="such as .dvc/offline.html")


def main(file: Path) -> None:
    """Write DVC's HTML template with the bundle of Vega, Vega-Lite and Vega-Embed inlined.

    About 900 kB, the same bytes for the same version of vl-convert-python: generated, not in git.
    DVC fills `{plot_divs}` and `{refresh_tag}` after `dvc config --local plots.html_template` has
    named the file, relative to `.dvc/`; without `{scripts}` it adds no link to a CDN.
    """
    bundle = vega_script().replace("</script", "<\\/script")
    write_whole(file, f"{_HEAD}{bundle}{_BODY}".encode())
