"""One line for each stage that DVC runs, in place of the several that DVC logs.

On a terminal, a stage's line stands there while it is checked and runs. After a third of the
stages, it says how many minutes are left. Progress, warnings and errors are printed as the stage
and DVC word them.
"""

import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import mean, median
from typing import Any

import humanize

from tools.fast_dvc import run_dvc

LOGGERS = ("stage", "stage.cache", "stage.run", "dvcfile", "repo.reproduce", "repo.scm_context")
"""DVC's loggers that report each stage in several lines."""


def run_with_lines(words: Sequence[str]) -> int:
    """Run `dvc repro` with a line for each stage that ran; return its exit status."""
    from dvc.ui import ui

    numbers, taken, began = dict[str, int](), dict[str, float](), time.monotonic()
    terminal = sys.stdout.isatty()

    def begin(names: list[str]) -> None:
        numbers.update({name: number for number, name in enumerate(names, 1)})

    def start(name: str) -> None:
        if terminal:
            write(stage_line(numbers[name], len(numbers), name))

    def end(name: str, seconds: float | None) -> None:
        if terminal:
            write("\r\x1b[K")  # back to the start of the line, and clear it
        if seconds is None:
            return
        taken[name] = seconds
        if seconds:
            left = seconds_left(taken, numbers)
            write(f"{stage_line(numbers[name], len(numbers), name, seconds, left)}\n")

    follow_stages(begin, end, start)
    # DVC's own summary would repeat ours, and advise a `dvc push`.
    ui.enable = lambda: None
    for name in LOGGERS:
        logging.getLogger(f"dvc.{name}").addFilter(lambda record: record.levelno > logging.INFO)
    status = run_dvc(words)
    if not status and (ran := sum(map(bool, taken.values()))):
        whole = humanize.precisedelta(time.monotonic() - began, format="%.0f")
        write(f"{ran} of {len(numbers)} stages ran or came from DVC's cache, in {whole}; ")
        write(f"up to date: {len(numbers) - ran}.\n")
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


def seconds_left(taken: Mapping[str, float], names: Collection[str]) -> float | None:
    """Estimate how long the other stages take; None until a third of them is done.

    A stage takes as long as the others of its kind did on average, the first of a kind as long as
    the median stage.
    """
    if 3 * len(taken) < len(names):
        return None
    kinds = defaultdict[str, list[float]](list)
    for name, seconds in taken.items():
        kinds[name.partition("@")[0]].append(seconds)
    unknown = [median(taken.values())]
    return sum(mean(kinds.get(name.partition("@")[0], unknown)) for name in {*names} - {*taken})


def stage_line(
    number: int, of: int, name: str, seconds: float | None = None, left: float | None = None
) -> str:
    """Return a stage's line: which one it is of all, its name and, if known, its seconds.

    `left` are the seconds that the other stages take, if they are known.
    """
    line = f"[{number:>{len(str(of))}}/{of}] {name:<40}"
    if seconds is not None:
        line += f"{seconds:8.1f} s"
    if left:
        minutes = round(left / 60)
        line += f"   about {minutes} min left" if minutes else "   less than a minute left"
    return line


def write(text: str) -> None:
    """Print at once, before what the stage prints."""
    sys.stdout.write(text)
    sys.stdout.flush()
