"""Stage `study`: refuse an incomplete or inconsistent params.yaml before anything is computed.

Every stage checks what it reads; this stage checks the rest: unknown sections and names that refer
to nothing. Its output never changes, so that a valid change makes nothing else stale.
"""

from interpreting_clip.formats.json import write_json
from interpreting_clip.study.check import check
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(_params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write that the study is valid, or say in which keys it is not."""
    check(inputs["params.yaml"])
    write_json(outputs["data/study"] / "legal.json", {"legal": True})
