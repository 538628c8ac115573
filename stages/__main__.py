"""`python -m stages <stage> [key]` runs a stage, as dvc.yaml does, from the source in this folder.

Python itself would run bytecode whose source has the recorded time and size, whatever that source
contains, and would look for every package in the working folder first.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import FileFinder, ModuleSpec, PathFinder, SourceFileLoader

ROOT = __file__.rpartition("/stages/")[0]
OURS = ("interpreting_clip", "page", "runner", "stages")


class SourceLoader(SourceFileLoader):
    """Compiles a module whenever it is imported, and neither reads nor writes bytecode."""

    def get_code(self, fullname: str):  # noqa: D102
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class OwnPackages:
    """Finds our packages, in this folder and nowhere else."""

    @staticmethod
    def find_spec(  # noqa: D102
        name: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] not in OURS:
            return None
        folder = path[0] if path else ROOT
        if spec := FileFinder(folder, (SourceLoader, [".py"])).find_spec(name):
            return spec
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if __name__ == "__main__":
    sys.path.sort(key=ROOT.__eq__)  # moves this folder to the end
    sys.meta_path.insert(sys.meta_path.index(PathFinder), OwnPackages)

    try:
        from runner.launcher import LAUNCHED
        from runner.process import DEBUG, explained, set_up
        from runner.run import main
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in OURS:
            raise
        sys.exit(
            f"error: {error.name}: not installed for {sys.executable}, so no stage can run; "
            "`make install` adds what stages need to .venv"
        )

    set_up()
    words = sys.argv[1:]
    given = [word for word in words if word not in (DEBUG, LAUNCHED)]
    with explained(" ".join(["python -m stages", *given]), DEBUG in words):
        main(*words)
