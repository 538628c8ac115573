"""Outputs of stages, which appear whole or not at all."""

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from interpreting_clip.errors import InputError
from runner.graph import GRAPH


class Outputs:
    """Where a stage writes the outputs that its entry in dvc.yaml lists.

    Each is written into a folder `<output>.partial`, and moves into place when all are written and
    nothing has failed. `files` are the outputs that are not folders.
    """

    def __init__(self, listed: Collection[str], files: Collection[str], stage: str = "") -> None:
        self.listed, self.files, self.stage = listed, files, stage
        self._at_end: list[Callable[[], None]] = []

    def __getitem__(self, path: str | Path) -> Path:
        """Return where to write an output: a folder that is there, or a file's path."""
        name = Path(path).as_posix()
        if name not in self.listed:
            raise InputError(
                f"{GRAPH}: stage {self.stage} writes {name} and does not list it; add the line "
                f"`- {name}` under its `outs`"
            )
        partial = partial_folder(Path(name))
        return partial / Path(name).name if name in self.files else partial

    def at_end(self, action: Callable[[], None]) -> None:
        """Do something when the outputs are in place, or will not be made of these inputs.

        That is, delete a training's checkpoint.
        """
        self._at_end.append(action)

    def end(self) -> None:
        """Do what `at_end` was given."""
        for action in self._at_end:
            action()

    def prepare(self) -> None:
        """Make the folders to write into, in place of what an interrupted run has left."""
        self.discard()
        for path in map(Path, self.listed):
            partial_folder(path).mkdir(parents=True)

    def keep(self) -> None:
        """Move what was written into place, over the outputs of an earlier run."""
        for path in self.listed:
            written = self[path]
            if not written.exists() or (written.is_dir() and not any(written.iterdir())):
                raise InputError(
                    f"{GRAPH}: stage {self.stage} did not write {path}, which it lists"
                )
        for path in map(Path, self.listed):
            if path.is_dir():
                shutil.rmtree(path)
            self[path].replace(path)
        self.end()

    def discard(self) -> None:
        """Remove what was written and not kept."""
        for path in map(Path, self.listed):
            shutil.rmtree(partial_folder(path), ignore_errors=True)


def partial_folder(path: Path) -> Path:
    """Return the folder in which an output is written before it is whole."""
    return path.with_name(f"{path.name}.partial")
