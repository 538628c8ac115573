"""`make repro`: DVC runs a study, and prints one line for each stage that ran.

    python -m tools.repro [--wait-for-lock] [options of dvc repro but --dry and --quiet]

On a terminal, a stage's line stands there from its start. Progress, warnings and errors are printed
as the stage and DVC word them. `dvc repro` itself prints what it always prints, and so does this if
DVC lacks one of the functions that are replaced.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import humanize

from runner.process import die_with_parent
from tools.fast_dvc import speed_up

LOGGERS = ("stage", "stage.cache", "stage.run", "dvcfile", "repo.reproduce", "repo.scm_context")
"""Those of DVC's loggers that report each stage in several lines."""

LAST = " last time  "
OVER = " " * len(LAST)
"""What stands behind the seconds while a stage runs, and what is printed over it in the end."""


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
            write(self.line(name) + last_time(name))
        elif name in self.numbers and "is cached" in record.msg:
            self.restored.add(name)
        return False

    def end(self, name: str, seconds: float | None) -> None:
        """Print the line of a stage that ran; None: it failed, or it did not have to run."""
        if seconds is not None:
            self.ran += 1
            note = "  (ran before, from DVC's cache)" if name in self.restored else ""
            line = f"{self.line(name)}{in_seconds(seconds)}{note}"
            write(f"\r{line}{OVER}\n" if self.open else f"{line}\n")
        elif self.open:
            write("\n")
        self.open = False

    def line(self, name: str) -> str:
        """Return the start of a stage's line: which one it is of all, and its name."""
        return stage_line(self.numbers[name], len(self.numbers), name)

    def summary(self) -> str:
        """Say how many stages ran, and how long they took together."""
        if not self.ran:
            return f"All {len(self.numbers)} stages are up to date."
        taken = humanize.precisedelta(time.monotonic() - self.start, format="%.0f")
        said = f"{self.ran} of {len(self.numbers)} stages ran, in {taken}."
        others = len(self.numbers) - self.ran
        return f"{said} The other {others} had results, from git or the cache." if others else said


def main() -> None:
    """Run `dvc repro`; end with make, which passes on SIGTERM and nothing else."""
    die_with_parent()
    from dvc.cli import main as run_dvc

    speed_up()
    lines = StageLines()
    if followed := follow_stages(lines.begin, lines.end):
        from dvc.ui import ui

        # Of what it would print here, "up to date" is ours, and `dvc push` is for those who share.
        ui.enable = lambda: None
        for name in LOGGERS:
            logging.getLogger(f"dvc.{name}").addFilter(lines)
    given = sys.argv[1:]
    waits = [word for word in given if word == "--wait-for-lock"]  # an option of dvc, not of repro
    status = run_dvc([*waits, "repro", *(word for word in given if word not in waits)])
    if followed and not status:
        write(f"{lines.summary()}\n")
    sys.exit(status)


def follow_stages(
    begin: Callable[[list[str]], None], end: Callable[[str, float | None], None]
) -> bool:
    """Let DVC in this process report stages; return whether it has the functions that this needs.

    `begin` gets the names of all stages that are checked, in order, and `end` each of them with its
    seconds, or None if it did not run.
    """
    try:
        from dvc.repo import reproduce

        plain, reproduce_stage = reproduce._reproduce, reproduce._reproduce_stage
    except (ImportError, AttributeError):
        return False

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
    return True


def stage_line(number: int, of: int, name: str) -> str:
    """Return the start of a stage's line: which one it is of all, and its name."""
    return f"[{number:>{len(str(of))}}/{of}] {name:<36}"


def in_seconds(seconds: float) -> str:
    """Return seconds as the lines of stages have them."""
    return f"{seconds:8.1f} s"


def last_time(name: str) -> str:
    """Say how long a stage took when it last ran here; nothing if it has not."""
    from tools.uncached import seconds

    before = seconds(name)
    return "" if before is None else f"{in_seconds(before)}{LAST}"


def write(text: str) -> None:
    """Print at once, before what the stage prints."""
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
