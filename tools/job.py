"""One job of `make repro JOBS=2`: a few stages, one after the other, with their own log."""

import argparse
import os
import sys
from collections.abc import Sequence

from interpreting_clip.formats.json import read_json, write_json
from tools.fast_dvc import run_dvc
from tools.jobs import FOLDER
from tools.stage_lines import follow_stages, seconds_left, stage_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("name", help="the job's")
    parser.add_argument("stages", nargs="+")


def main(name: str, stages: Sequence[str]) -> None:
    """Run a job; print its start, the stages that ran and, if it fails twice, the error."""
    log, screen = FOLDER / f"{name}.log", os.dup(1)
    repeated = log.exists()
    plan = read_json(FOLDER / "jobs.json")
    every = [stage for job in plan["jobs"].values() for stage in job["stages"]]

    def say(what: str) -> None:
        os.write(screen, f"{what}\n".encode())

    def end(stage: str, seconds: float | None) -> None:
        if seconds is not None:
            write_json(FOLDER / f"{stage}.ended", seconds)
        if seconds:
            taken = {file.stem: read_json(file) for file in FOLDER.glob("*.ended")}
            left = seconds_left(taken, every)
            left = left and left / plan["at_a_time"]
            say(stage_line(len(taken), len(every), stage, seconds, left))

    say(f"{name}: started, log in {log}")
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    follow_stages(lambda _: None, end)
    code = run_dvc(["--wait-for-lock", "repro", "--single-item", *stages])
    if code and not repeated:
        say(f"{name}: failed once")
    elif code:
        output = log.read_text("utf-8", "replace")
        lines = output[max(output.rfind("Running stage '"), 0) :].splitlines()
        say("\n  ".join([f"{name}: failed", *lines[-20:]]))
    sys.exit(code)
