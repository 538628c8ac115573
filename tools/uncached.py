"""The start of `make repro`: which results in dvc.lock are not here, and what that takes.

It deletes what a killed DVC has left unfinished, on which the next run would fail.

It also keeps DVC from computing again what its run cache has. Results differ between some machines,
so a checkout may bring a dvc.lock with other results than those computed here. While a stage's
inputs are those in dvc.lock, DVC looks for the outputs in dvc.lock and not into its run cache, so
it would train again. For these stages, dvc.lock gets the outputs of the run. `dvc repro` still
checks every stage.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import humanize

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole
from runner.graph import GRAPH, loop_entries
from tools.cache import LOCK, Cache, locked_stages, open_cache
from tools.fsck import delete, exclusive, leftovers
from tools.jobs import TRAININGS
from tools.stage_lines import last_seconds, write


@dataclass(frozen=True)
class Rerun:
    """The stages that have to run, and those whose results the run cache has.

    `lock` has the outputs of the latter's runs where DVC would not look for a run.
    """

    computed: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    lock: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def prepare() -> None:
    """Delete leftovers, report results that are missing here, and let DVC use its run cache."""
    root = Path.cwd()
    cache = open_cache(root)
    if leftovers(cache):
        with exclusive(root):
            delete(leftovers(cache))
    locked = locked_stages(root)
    entries, missing = {}, set()
    for name, outputs in cached_outputs().items():
        entry = locked.get(name, {})
        if outs := entry.get("outs"):
            entries[name] = entry
            md5s = [out.get("md5", "") for out in outs if out["path"] in outputs]
            missing.update([name] if not all(map(cache.has, md5s)) else ())
    if not missing:
        return
    rerun = plan_rerun(entries, missing, cache)
    if rerun.lock:
        lock_outputs(root, rerun.lock)
    write("".join(f"{line}\n" for line in report(rerun, default_remote(root))))


def cached_outputs() -> dict[str, set[str]]:
    """Return by stage the paths of its outputs that DVC caches: all without `cache: false`."""
    params, found = load_tree(PARAMS), {}
    for kind, stage in load_tree(GRAPH)["stages"].items():
        paths = [out for out in stage.get("do", stage).get("outs", ()) if isinstance(out, str)]
        for key in loop_entries(stage, params):
            filled = {re.sub(r"\$\{(key|item)\}", key, path) for path in paths}
            found[f"{kind}@{key}" if key else kind] = filled
    return found


def plan_rerun(entries: Mapping[str, dict[str, Any]], missing: set[str], cache: Cache) -> Rerun:
    """Return what `dvc repro` has to do, given the stages whose cached outputs are `missing`.

    `entries` are those of dvc.lock by stage. Where a stage has to run, its results are not known
    yet, and the stages after it count only if their own outputs are missing: the results may be
    those of dvc.lock.
    """
    makers = {out["path"]: name for name, entry in entries.items() for out in entry["outs"]}
    waits = {
        name: {makers[dep["path"]] for dep in entry.get("deps", ()) if dep["path"] in makers}
        for name, entry in entries.items()
    }
    rerun, made = Rerun(), dict[str, str]()
    for name in TopologicalSorter(waits).static_order():
        entry = entries[name]
        locked, outs = entry.get("deps", []), entry["outs"]
        deps = [dep | {"md5": made.get(dep["path"], dep.get("md5", ""))} for dep in locked]
        known = all(dep["md5"] for dep in deps)
        if name in missing or deps != locked:
            asked = entry | ({"deps": deps} if deps else {})
            if run := newest_run(asked, cache) if known else None:
                rerun.found.append(name)
                outs = run["outs"]
                rerun.lock.update({name: outs} if deps == locked else {})
            elif known or name in missing:
                rerun.computed.append(name)
                outs = [{"path": out["path"], "md5": ""} for out in outs]
        made |= {out["path"]: out.get("md5", "") for out in outs}
    return rerun


def newest_run(entry: dict[str, Any], cache: Cache) -> dict[str, Any] | None:
    """Return the run that DVC would take from its run cache for a stage's command and inputs."""
    from dvc.utils import dict_sha256

    asked = entry | {"outs": [out["path"] for out in entry["outs"]]}
    key = dict_sha256(asked, exclude=["size", "nfiles"])  # as DVC names the folder
    runs = sorted((cache.runs / key[:2] / key).glob("*"), key=lambda file: file.stat().st_mtime)
    try:
        run = load_tree(runs[-1]) if runs else {}
    except InputError:
        return None  # DVC deletes a damaged one
    outs = run.get("outs", ())
    return run if outs and all(cache.has(out.get("md5", "")) for out in outs) else None


def lock_outputs(root: Path, outputs: Mapping[str, list[dict[str, Any]]]) -> None:
    """Write other outputs of some stages into dvc.lock; all else keeps its bytes and its order."""
    from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

    file = root / LOCK
    with exclusive(root):
        tree = parse_yaml_for_update(file.read_text("utf-8"), str(file))
        for name, outs in outputs.items():
            tree["stages"][name]["outs"] = outs
        write_whole(file, dumps_yaml(tree).encode())


def default_remote(root: Path) -> str | None:
    """Return the address or folder of DVC's default remote, if there is one."""
    from dvc.config import Config

    config = Config(str(root / ".dvc"))
    return config["remote"].get(config["core"].get("remote"), {}).get("url")


def report(rerun: Rerun, remote: str | None) -> Iterator[str]:
    """Yield the lines that report missing results, what will run, and how long that takes."""
    yield "dvc.lock lists results that are not on this machine."
    if rerun.found:
        yield f"  {counted(rerun.found)} ran here before on the same inputs and will not run again."
    if rerun.computed:
        yield f"  {counted(rerun.computed)} will run: {duration(rerun.computed)}."
    if remote and "://" not in remote and not Path(remote).is_dir():
        yield f"  The default remote may have them, but {remote} is not there: mount it first."
    elif remote:
        pull = "git checkout dvc.lock && dvc pull" if rerun.lock else "dvc pull"
        yield f"  To get them from the default remote instead: {pull}"


def counted(names: list[str]) -> str:
    """Return how many stages these are, and how many of them train."""
    trainings = sum(name.partition("@")[0] in TRAININGS for name in names)
    stages = f"{len(names)} stage{'s' if len(names) > 1 else ''}"
    return f"{stages} ({trainings or 'no'} training{'s' if trainings != 1 else ''})"


def duration(names: Iterable[str]) -> str:
    """Describe how long stages took when they last ran on this machine, one at a time."""
    taken = [last_seconds(name) for name in names]
    known = [one for one in taken if one is not None]
    if not known:
        return "they never ran here, so how long they take is unknown (README.md: the miniature)"
    total = humanize.naturaldelta(sum(known))
    if unknown := len(taken) - len(known):
        return f"at least {total}, one at a time; {unknown} of them have not run here yet"
    return f"about {total}, one at a time, as when they last ran here"
