"""Python runs this in every process of a recorded pipeline: it records a stage's files.

A line of JSON per process goes to the file that `PIPELINE_SPY` names: the stage's command, the
files of the repository that it opened, the modules of ours that it loaded, other packages two
levels deep, and the paths of parameters that it read.
"""

import atexit
import json
import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

ROOT = Path.cwd()
OPENED: set[str] = set()
READ: set[str] = set()
OURS = ("interpreting_clip", "page", "stages")
"""The packages that are fingerprinted."""

READER = "interpreting_clip.config.params"


def inside(path: object) -> str | None:
    """Return a path relative to the repository, or None for a path outside of it."""
    if not isinstance(path, str | os.PathLike):
        return None
    full = os.path.normpath(os.path.join(ROOT, os.fspath(path)))  # noqa: PTH118
    return os.path.relpath(full, ROOT) if full.startswith(f"{ROOT}{os.sep}") else None


def note(event: str, arguments: tuple) -> None:
    """Record the path of every file that is opened."""
    if event == "open" and (path := inside(arguments[0])):
        OPENED.add(path)


class ReaderFinder:
    """Find the module that reads parameters, to record which; find no other module."""

    @staticmethod
    def find_spec(name: str, path: Any, target: Any = None) -> Any:
        """Return the module's specification with another loader."""
        spec = PathFinder.find_spec(name, path, target) if name == READER else None
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def and_note(module: Any) -> None:
                execute(module)
                read = module.Params.read

                def noted(self: Any, path: str, kind: Any) -> Any:
                    READ.add(path)
                    return read(self, path, kind)

                module.Params.read = noted

            spec.loader.exec_module = and_note
        return spec


def report() -> None:
    """Append the record of this process."""
    named = sys.modules.items()
    modules = [getattr(m, "__file__", None) for n, m in named if n.partition(".")[0] in OURS]
    loaded = sorted({p for m in [*modules, sys.argv[0]] if m and (p := inside(m))})
    packages = sorted(name for name in sys.modules if name.count(".") < 2)
    seen = {"opened": sorted(OPENED), "loaded": loaded, "packages": packages, "read": sorted(READ)}
    line = {"argv": sys.argv, **seen}
    with Path(os.environ["PIPELINE_SPY"]).open("a") as stream:
        stream.write(f"{json.dumps(line)}\n")


if "PIPELINE_SPY" in os.environ and "stages" in sys.orig_argv:
    sys.addaudithook(note)
    sys.meta_path.insert(0, ReaderFinder)
    atexit.register(report)
