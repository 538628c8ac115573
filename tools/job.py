"""One job of `make repro JOBS=2`: a few stages, one after the other, with their own log."""

import argparse
import os
import sys
from collections.abc import Sequence

from interpreting_clip.formats.json import read_json
from tools.fast_dvc import run_dvc
from tools.jobs import FOLDER
from tools.stage_lines import follow_stages, stage_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("name", help="the job's")
    parser.add_argument("stages", nargs="+")


def main(name: str, stages: Sequence[str]) -> None:
    """Run a job; print its start, the stages that ran and, if it fails twice, the error."""
    log, screen = FOLDER / f"{name}.log", os.dup(1)
    repeated = log.exists()
    of = sum(len(job["stages"]) for job in read_json(FOLDER / "jobs.json")["jobs"].values())

    def say(what: str) -> None:
        os.write(screen, f"{what}\n".encode())

    def end(stage: str, seconds: float | None) -> None:
        if seconds is not None:
            (FOLDER / f"{stage}.ended").touch()
        if seconds:
            say(stage_line(len([*FOLDER.glob("*.ended")]), of, stage, seconds))

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
