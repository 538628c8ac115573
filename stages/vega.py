"""Stage `vega`: the script that draws the charts of both pages, when they come into view."""

from pathlib import Path

from interpreting_clip.charts.pictures import vega_script
from interpreting_clip.formats.json import write_whole
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(_params: ListedParams, _inputs: Inputs, outputs: Outputs) -> None:
    """Write `plots/vega.js`."""
    write_whole(outputs[Path("plots/vega.js")], vega_script().encode())
