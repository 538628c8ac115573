"""One line for each stage that DVC runs, in place of the several that DVC logs.

On a terminal, a stage's line stands there from its start. Progress, warnings and errors are printed
as the stage and DVC word them.
"""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import humanize

from tools.fast_dvc import run_dvc

LOGGERS = ("stage", "stage.cache", "stage.run", "dvcfile", "repo.reproduce", "repo.scm_context")
"""Those of DVC's loggers that report each stage in several lines."""


class StageLines(logging.Filter):
    """Prints a line for each stage that ran, and drops what DVC logs instead, but no warning."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers, self.ran, self.open = dict[str, int](), 0, False
        self.restored, self.start = set[str](), time.monotonic()

    def begin(self, names: list[str]) -> None:
        """Take the stages that DVC is about to check, in order."""
        self.numbers = {name: number for number, name in enumerate(names, 1)}

    def filter(self, record: logging.LogRecord) -> bool:
        """Open a line when a stage starts, and note which stages DVC takes from its run cache."""
        if record.levelno > logging.INFO:
            return True
        name = str(record.args[0]) if isinstance(record.args, tuple) and record.args else ""
        if name in self.numbers and "Running stage" in record.msg and sys.stdout.isatty():
            self.open = True
            write(stage_line(self.numbers[name], len(self.numbers), name))
        elif name in self.numbers and "is cached" in record.msg:
            self.restored.add(name)
        return False

    def end(self, name: str, seconds: float | None) -> None:
        """Print the line of a stage that ran; None: it failed, or it did not have to run."""
        if seconds is not None:
            self.ran += 1
            note = "  (ran before, from DVC's cache)" if name in self.restored else ""
            write("\r" if self.open else "")
            write(f"{stage_line(self.numbers[name], len(self.numbers), name, seconds)}{note}\n")
        elif self.open:
            write("\n")
        self.open = False

    def summary(self) -> str:
        """Say how many stages ran, and how long they took together."""
        if not self.ran:
            return f"All {len(self.numbers)} stages are up to date."
        taken = humanize.precisedelta(time.monotonic() - self.start, format="%.0f")
        return (
            f"{self.ran} of {len(self.numbers)} stages ran, in {taken}. All others had results, "
            "from git or the cache."
        )


def run_with_lines(words: Sequence[str]) -> int:
    """Run `dvc repro` with a line for each stage; return its exit status."""
    from dvc.ui import ui

    lines = StageLines()
    follow_stages(lines.begin, lines.end)
    # Of what it would print here, "up to date" is ours, and `dvc push` is for those who share.
    ui.enable = lambda: None
    for name in LOGGERS:
        logging.getLogger(f"dvc.{name}").addFilter(lines)
    status = run_dvc(words)
    if not status:
        write(f"{lines.summary()}\n")
    return status


def follow_stages(
    begin: Callable[[list[str]], None], end: Callable[[str, float | None], None]
) -> None:
    """Let DVC in this process report stages.

    `begin` gets the names of all stages that are checked, in order, and `end` each of them with its
    seconds, or None if it did not run.
    """
    from dvc.repo import reproduce

    plain, reproduce_stage = reproduce._reproduce, reproduce._reproduce_stage

    def timed(stage: Any, **options: Any) -> Any:
        started, seconds = time.monotonic(), None
        try:
            if ran := reproduce_stage(stage, **options):
                seconds = time.monotonic() - started
            return ran
        finally:
            end(stage.addressing, seconds)

    def followed(stages: list[Any], *arguments: Any, **options: Any) -> Any:
        begin([stage.addressing for stage in stages])
        return plain(stages, *arguments, **{"repro_fn": timed} | options)

    reproduce._reproduce = followed


def stage_line(number: int, of: int, name: str, seconds: float | None = None) -> str:
    """Return a stage's line: which one it is of all, its name and, if known, its seconds."""
    line = f"[{number:>{len(str(of))}}/{of}] {name:<36}"
    return line if seconds is None else f"{line}{seconds:8.1f} s"


def write(text: str) -> None:
    """Print at once, before what the stage prints."""
    sys.stdout.write(text)
    sys.stdout.flush()
