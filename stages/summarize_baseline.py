"""Stage `summarize_baseline`: the standard models and the line of each shift, in git.

Stage `baseline` may train these models, and outputs in git would keep DVC from its run cache.
"""

from pathlib import Path

from interpreting_clip.formats.json import read_json, write_json
from runner.outputs import open_outputs, write_checksums

BASELINE = Path("data/baseline")


def main() -> None:
    """Write what the report says about the baseline."""
    inputs = open_outputs(BASELINE)
    baseline = read_json(BASELINE / "baseline.json")
    inputs.require_whole()
    file = Path("plots/baseline.json")
    write_json(file, {name: baseline[name] for name in ("models", "lines", "abscissa")})
    write_checksums(file.with_suffix(".sha256"), file, inputs=inputs)
