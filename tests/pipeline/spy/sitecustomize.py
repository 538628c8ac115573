"""Python runs this in every process of a spied pipeline: it notes which files a stage touches.

A line of JSON per process goes to the file that `PIPELINE_SPY` names: the stage's command, the
files of the repository that it opened, those of its own modules that were loaded, and the
packages of others, two levels deep.
"""

import atexit
import json
import os
import sys
from pathlib import Path

ROOT = Path.cwd()
OPENED: set[str] = set()


def inside(path: object) -> str | None:
    """Return a path relative to the repository, or None for a path outside of it."""
    if not isinstance(path, str | os.PathLike):
        return None
    full = os.path.normpath(os.path.join(ROOT, os.fspath(path)))  # noqa: PTH118
    return os.path.relpath(full, ROOT) if full.startswith(f"{ROOT}{os.sep}") else None


def note(event: str, arguments: tuple) -> None:
    """Keep the path of every file that is opened."""
    if event == "open" and (path := inside(arguments[0])):
        OPENED.add(path)


def report() -> None:
    """Append what this process touched."""
    modules = [getattr(m, "__file__", None) for n, m in sys.modules.items() if "stages" in n]
    loaded = sorted({p for m in [*modules, sys.argv[0]] if m and (p := inside(m))})
    packages = sorted(name for name in sys.modules if name.count(".") < 2)
    line = {"argv": sys.argv, "opened": sorted(OPENED), "loaded": loaded, "packages": packages}
    with Path(os.environ["PIPELINE_SPY"]).open("a") as stream:
        stream.write(f"{json.dumps(line)}\n")


if "PIPELINE_SPY" in os.environ and any("stages." in word for word in sys.orig_argv):
    sys.addaudithook(note)
    atexit.register(report)
