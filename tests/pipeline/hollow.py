"""A repository in which every stage has run, with a few bytes in place of what it would write.

Whether a stage is stale depends on hashes, not on what it computed. `methods` alone runs for real.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import dvc.dependency.param
import dvc.utils.strictyaml
import pytest
import yaml
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.stage.serialize import to_single_stage_lockfile
from dvc.utils.serialize import dump_yaml, load_path

import stages.methods
from stages.storage.code import code_digest, import_closure
from tests.pipeline.workspace import new_workspace

CHEAP = ("study", "methods")
"""They run after each change, in two seconds, and so say which of the others are stale."""


class Hollow:
    """A clone with a study, all of whose stages are up to date; DVC runs in this process."""

    def __init__(self, folder: Path, study: dict[str, Any]) -> None:
        self.folder, self.study = folder, study
        new_workspace(folder)
        with working_in(folder), pytest.MonkeyPatch.context() as patch:
            remember(patch)
            self.write(study)
            stages.methods.main()
            with Repo(".") as repo:
                save(list(repo.index.stages))

    def write(self, study: dict[str, Any]) -> None:
        """Make a study the clone's."""
        text = yaml.dump(study, Dumper=yaml.CSafeDumper, sort_keys=False)
        (self.folder / "params.yaml").write_text(text)

    def stale(self, study: dict[str, Any]) -> set[str]:
        """Return the instances that DVC finds changed once `study` and `methods` have run.

        DVC itself resolves dvc.yaml, reads the lock files and compares: the command, every
        parameter, every method, and every dependency that the lock file does not know. All others
        are files that no parameter touches, and are not read each time.
        """
        with working_in(self.folder), pytest.MonkeyPatch.context() as patch:
            remember(patch)
            self.write(study)
            stages.methods.main()
            return {str(one.name) for one in instances() if is_stale(one)}

    def methods(self) -> dict[str, bytes]:
        """Run `methods` and return what it wrote, by the method's name."""
        with working_in(self.folder), pytest.MonkeyPatch.context() as patch:
            remember(patch)
            stages.methods.main()
            return {f.stem: f.read_bytes() for f in Path("data/methods").glob("*.json")}

    def stale_after(self, method: str) -> set[str]:
        """Return the instances that DVC finds changed when one method has another content."""
        file = self.folder / f"data/methods/{method}.json"
        content = file.read_bytes()
        with working_in(self.folder), pytest.MonkeyPatch.context() as patch:
            remember(patch)
            file.write_bytes(content + b" ")
            found = {str(one.name) for one in instances() if is_stale(one)}
        file.write_bytes(content)
        return found


def instances() -> Iterator[PipelineStage]:
    """Yield each instance of a stage, but for those that run after each change anyway."""
    with Repo(".") as repo:
        for stage in repo.index.stages:
            if isinstance(stage, PipelineStage) and stage.name not in CHEAP:
                yield stage


def is_stale(stage: PipelineStage) -> bool:
    """Say whether DVC would run a stage for what a parameter can have changed."""
    return stage.changed_stage() or any(dep.status() for dep in stage.deps if is_touched(dep))


def is_touched(dep: Any) -> bool:
    """Say whether a parameter can change what a dependency is."""
    is_param = isinstance(dep, ParamsDependency)
    return is_param or dep.def_path.startswith("data/methods/") or not dep.hash_info


def save(saved: list[Any]) -> None:
    """Write every output that is not there, and the lock files, as if all stages had run."""
    for out in (out for stage in saved for out in stage.outs):
        path = Path(out.fs_path)
        if not path.exists():
            file = path if path.suffix else path / "file"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(str(path.relative_to(Path.cwd())))
    locks: dict[str, dict[str, Any]] = {}
    for stage in saved:
        for one in (*stage.deps, *stage.outs):
            one.save()
        lock = str(Path(stage.path).with_name("dvc.lock"))
        locks.setdefault(lock, {})[stage.name] = to_single_stage_lockfile(stage)
    for lock, entries in locks.items():
        dump_yaml(lock, {"schema": "2.0", "stages": entries})


CLOSURE = cache(import_closure)
REMEMBERED: dict[tuple[Any, ...], Any] = {}


def remember(patch: pytest.MonkeyPatch) -> None:
    """Parse and digest a file once for all changes that leave it as it is."""
    patch.setattr(stages.methods, "code_digest", by_content(code_digest))
    patch.setattr(dvc.dependency.param, "load_path", by_content(load_path))
    patch.setattr(stages.methods, "import_closure", CLOSURE)
    patch.setattr(dvc.utils.strictyaml, "load", by_content(dvc.utils.strictyaml.load))


def by_content(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a file that is called once for each content of the file."""

    def remembered(file: Any, *rest: Any, **named: Any) -> Any:
        key = (function.__module__, function.__name__, str(file), Path(file).read_bytes())
        if key not in REMEMBERED:
            REMEMBERED[key] = function(file, *rest, **named)
        return deepcopy(REMEMBERED[key])

    return remembered


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Work in a folder for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
