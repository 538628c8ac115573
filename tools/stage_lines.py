"""One line for each stage that DVC runs, in place of the several that DVC logs.

On a terminal, a stage's line stands there while it is checked and runs. Progress, warnings and
errors are printed as the stage and DVC word them.
"""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import humanize

from tools.fast_dvc import run_dvc

LOGGERS = ("stage", "stage.cache", "stage.run", "dvcfile", "repo.reproduce", "repo.scm_context")
"""DVC's loggers that report each stage in several lines."""


def run_with_lines(words: Sequence[str]) -> int:
    """Run `dvc repro` with a line for each stage that ran; return its exit status."""
    from dvc.ui import ui

    numbers, ran, began = dict[str, int](), list[str](), time.monotonic()
    terminal = sys.stdout.isatty()

    def begin(names: list[str]) -> None:
        numbers.update({name: number for number, name in enumerate(names, 1)})

    def start(name: str) -> None:
        if terminal:
            write(stage_line(numbers[name], len(numbers), name))

    def end(name: str, seconds: float | None) -> None:
        if terminal:
            write("\r\x1b[K")  # back to the start of the line, and clear it
        if seconds:
            ran.append(name)
            write(f"{stage_line(numbers[name], len(numbers), name, seconds)}\n")

    follow_stages(begin, end, start)
    # DVC's own summary would repeat ours, and advise a `dvc push`.
    ui.enable = lambda: None
    for name in LOGGERS:
        logging.getLogger(f"dvc.{name}").addFilter(lambda record: record.levelno > logging.INFO)
    status = run_dvc(words)
    if not status and ran:
        taken = humanize.precisedelta(time.monotonic() - began, format="%.0f")
        write(f"{len(ran)} of {len(numbers)} stages ran or came from DVC's cache, in {taken}; ")
        write(f"up to date: {len(numbers) - len(ran)}.\n")
    elif not status:
        write(f"All {len(numbers)} stages are up to date.\n")
    return status


def follow_stages(
    begin: Callable[[list[str]], None],
    end: Callable[[str, float | None], None],
    start: Callable[[str], None] = lambda _: None,
) -> None:
    """Let DVC in this process report stages.

    `begin` gets the names of all stages that are checked, in order. `start` gets each when it is
    checked, and `end` each with its seconds: 0 if it is up to date, None if it failed.
    """
    from dvc.repo import reproduce

    plain, reproduce_stage = reproduce._reproduce, reproduce._reproduce_stage

    def timed(stage: Any, **options: Any) -> Any:
        started, seconds = time.monotonic(), None
        start(stage.addressing)
        try:
            ran = reproduce_stage(stage, **options)
            seconds = time.monotonic() - started if ran else 0.0
            return ran
        finally:
            end(stage.addressing, seconds)

    def followed(stages: list[Any], *arguments: Any, **options: Any) -> Any:
        begin([stage.addressing for stage in stages])
        return plain(stages, *arguments, **{"repro_fn": timed} | options)

    reproduce._reproduce = followed


def stage_line(number: int, of: int, name: str, seconds: float | None = None) -> str:
    """Return a stage's line: which one it is of all, its name and, if known, its seconds."""
    line = f"[{number:>{len(str(of))}}/{of}] {name:<40}"
    return line if seconds is None else f"{line}{seconds:8.1f} s"


def write(text: str) -> None:
    """Print at once, before what the stage prints."""
    sys.stdout.write(text)
    sys.stdout.flush()
