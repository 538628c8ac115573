"""What an edit costs: the stages that run after it, and their processor time (edits.md).

Each edit is made in a temporary clone of the finished study, whose run cache is empty. Its cost is
the user and system time of `dvc repro` and of the `dvc status` that follows, over that of a
`dvc status` of the unchanged study. An edit that makes a training stale is not run.
"""

import json
import re
import resource
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.tables import ROOT, Row, write_table
from tests.pipeline.workspace import Workspace
from tools.jobs import TRAINING_STAGES

PARAMETERS = (
    ("a threshold", "concepts.threshold", 0.95),
    ("a tolerance", "prunable.harmless", 0.5),
    ("images of the browser", "browse.images", 10),
    ("a confidence level", "robustness.confidence", 0.9),
    ("the study's title", "study.title", "Another title"),
)
"""Edits of params.yaml: a name, the path of a value, and another value."""

KURTOSIS = "interpreting_clip/measures/kurtosis.py"
CODE = (
    ("an unused type", "interpreting_clip/quantities.py", '"""\n', '"""\n\nUnused = int\n'),
    ("a reworded label", KURTOSIS, '"mean kurtosis per image"', '"mean kurtosis of an image"'),
)
"""Edits of code: a name, a file, a text in it, and what replaces it."""


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        study = finished_study(Path(scratch, "study"))
        spent = processor_seconds(lambda: study.run("dvc", "status"))
        rows = [Row("`dvc status`, nothing edited", f"{spent:.1f} s")]
        for name, path, value in PARAMETERS:
            study.change(path, value)
            rows.append(cost(f"{name}, `{path}`", study, spent))
        for name, file, old, new in CODE:
            source = study.folder / file
            text = source.read_text()
            if old not in text:
                raise ValueError(f"{file}: expected {old!r} in it; update `CODE`")
            source.write_text(text.replace(old, new, 1))
            rows.append(cost(f"{name}, `{file}`", study, spent))
    write_table("edits", "An edit: processor time of `dvc repro` and `dvc status`", rows)


def finished_study(folder: Path) -> Workspace:
    """Clone the last commit of this checkout, with a copy of DVC's cache but not of its runs."""
    here, study = Workspace(ROOT), Workspace(folder)
    here.run("git", "clone", "--quiet", str(ROOT), str(folder))
    shutil.copytree(
        Path(here.run("dvc", "cache", "dir").strip(), "files"), folder / ".dvc/cache/files"
    )
    study.run("dvc", "checkout", "--quiet")
    if stale := json.loads(study.run("dvc", "status", "--json")):
        raise ValueError(f"the last commit: {len(stale)} stages are stale; `dvc repro`, commit")
    return study


def cost(name: str, study: Workspace, unchanged: float) -> Row:
    """Return the line of the edit that was just made, and undo the edit."""

    def repro() -> None:
        ran.extend(re.findall(r"^Running stage '(.+)':$", study.run("dvc", "repro"), re.M))
        study.run("dvc", "status")

    ran = list[str]()
    study.run("dvc", "repro", "code")
    stale = json.loads(study.run("dvc", "status", "--json"))
    trainings = sum(stage.partition("@")[0] in TRAINING_STAGES for stage in stale)
    if trainings:
        measured = f"not run: {len(stale)} stages are stale, {trainings} of them trainings"
    else:
        study.run("git", "checkout", "--quiet", "code.json", "dvc.lock")
        spent = processor_seconds(repro)
        measured = f"{spent:.0f} s, {spent / unchanged:.1f} times `dvc status`: {counted(ran)}"
    study.run("git", "checkout", "--quiet", "--force", ".")
    study.run("git", "clean", "--quiet", "--force")
    study.run("dvc", "checkout", "--quiet", "--force")
    return Row(name, measured)


def counted(stages: Iterable[str]) -> str:
    """Return the names of stages, and of a stage with several keys how many of them ran."""
    runs = Counter(stage.partition("@")[0] for stage in stages)
    return ", ".join(f"{name} × {n}" if n > 1 else name for name, n in runs.items()) or "nothing"


def processor_seconds(function: Callable[[], object]) -> float:
    """Return the user and system time of the processes that a call starts and waits for."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    start = spent()
    function()
    return spent() - start


if __name__ == "__main__":
    main()
