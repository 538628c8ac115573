"""Stage `code`: fingerprint the code and the packages that each stage computes with."""

from pathlib import Path

from interpreting_clip.formats.json import write_json
from runner.fingerprint import FINGERPRINTS, fingerprints
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(_params: ListedParams, _inputs: Inputs, outputs: Outputs) -> None:
    """Write code.json."""
    write_json(outputs[FINGERPRINTS], fingerprints(Path()))
