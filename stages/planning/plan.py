"""`make plan`: what a study would download, store and compute, before anything is started.

    python -m stages.planning.plan [STUDY] [--offline] [--json] [--tflops N] [--cpu-tflops N]

It ends with 0 when every source can be reached, with 1 otherwise.
"""

import argparse
import json
import sys
from pathlib import Path

from stages.planning.speed import CPU, GPU, Speed
from stages.settings.check import check
from stages.storage.launch import launch
from stages.storage.machine import read_machine
from stages.storage.params import PARAMS


def main(*arguments: str) -> None:
    """Print the plan of a study."""
    from stages.planning.outlook import look_ahead
    from stages.planning.page import page, record

    asked = parser().parse_args(arguments)
    study, machine = check(asked.study), read_machine()
    outlook = look_ahead(study, machine, offline=asked.offline)
    speed = Speed(gpu=asked.tflops, cpu=asked.cpu_tflops)
    if asked.json:
        sys.stdout.write(json.dumps(record(outlook, speed), indent=1) + "\n")
    else:
        sys.stdout.write(page(asked.study, study, outlook, speed))
    if outlook.problems:
        sys.exit(1)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        prog="python -m stages.planning.plan",
        description="Say what a study would download, store and compute; start nothing.",
    )
    line.add_argument("study", nargs="?", type=Path, default=PARAMS, help="default: %(default)s")
    line.add_argument("--offline", action="store_true", help="ask no hub and no URL")
    line.add_argument("--json", action="store_true", help="print the plan as JSON")
    line.add_argument(
        "--tflops", type=positive, default=GPU, help="of your GPU; default %(default)s"
    )
    line.add_argument("--cpu-tflops", type=positive, default=CPU, help="default %(default)s")
    return line


def positive(text: str) -> float:
    """Return a throughput given on the command line."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


if __name__ == "__main__":
    launch(main)
