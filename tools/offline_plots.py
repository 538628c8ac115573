"""The page that `dvc plots show` fills, with Vega inside instead of from a CDN.

`python -m tools.offline_plots .dvc/offline.html` writes it.
"""

import sys
from pathlib import Path

from stages.files.json import write_whole
from stages.reporting.charts import VEGA_LITE

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
</head>
<body>
{plot_divs}
</body>
</html>
"""


def write_offline_template(file: Path) -> None:
    """Write DVC's HTML template with the bundle of Vega, Vega-Lite and Vega-Embed inlined.

    About 900 kB, the same bytes for the same version of vl-convert-python: generated, not in git.
    DVC fills `{plot_divs}` and `{refresh_tag}` after `dvc config --local plots.html_template` has
    named the file, relative to `.dvc/`; without `{scripts}` it adds no link to a CDN.
    """
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)
    bundle = bundle.replace("</script", "<\\/script")
    write_whole(file, f"{_HEAD}{bundle}{_BODY}".encode())


if __name__ == "__main__":
    write_offline_template(Path(sys.argv[1]))
