"""The start of `make repro`: which results in dvc.lock are not here, and what that costs.

It deletes what a killed DVC has left unfinished, on which the next run would fail, and what is
damaged in DVC's cache: DVC never replaces an object, so it would link a file that was cut off in
place of the one computed again, and run a stage each time whose folder has a damaged listing.

It also keeps DVC from computing again what its run cache has. Results differ between some machines,
so a checkout may bring a dvc.lock with other results than those computed here. While a stage's
inputs are those in dvc.lock, DVC looks for the outputs in dvc.lock and not into its run cache, so
it would train again. For these stages, dvc.lock gets the outputs of the run. `dvc repro` still
checks every stage.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole
from runner.graph import GRAPH, loop_entries
from tools.cache import LOCK, Cache, locked_stages, open_cache
from tools.fsck import delete, examine, exclusive, leftovers, restore
from tools.jobs import TRAININGS
from tools.stage_lines import write

Output = dict[str, Any]
"""An output's entry in dvc.lock: its path, MD5 and size."""

FEW = 8
"""Up to how many stages are named one by one."""


def prepare() -> None:
    """Delete what hinders DVC, report what is missing and costs, and let DVC use its run cache."""
    root = Path.cwd()
    cache, locked, stages = open_cache(root), locked_stages(root), cached_outputs()
    cached = {
        name: [out for out in locked.get(name, {}).get("outs", ()) if out["path"] in paths]
        for name, paths in stages.items()
    }
    mend(root, cache, [out for outs in cached.values() for out in outs])
    lost = {
        name: [out["path"] for out in outs if not cache.has(out.get("md5", ""))]
        for name, outs in cached.items()
    }
    lost = {name: paths for name, paths in lost.items() if paths}
    if not lost:
        return
    entries = {name: locked[name] for name in lost}
    lost |= {name: sorted(paths) for name, paths in stages.items() if paths and name not in locked}
    # If another stage makes other inputs than those in dvc.lock, DVC looks for a run by itself.
    if found := earlier_runs(entries, cache):
        lock_outputs(root, found)
    runs, before = found, None
    while runs != before:  # with the inputs that these runs give the later stages
        before, made = runs, {out["path"]: out for outs in runs.values() for out in outs}
        runs = earlier_runs(
            {name: with_inputs(entry, made) for name, entry in entries.items()}, cache
        )
    write(forecast(lost, [name for name in lost if name not in runs], len(stages)))


def earlier_runs(entries: Mapping[str, Any], cache: Cache) -> dict[str, list[Output]]:
    """Return the outputs of those stages that DVC's run cache has a run of."""
    runs = {name: newest_run(entry, cache) for name, entry in entries.items()}
    return {name: run["outs"] for name, run in runs.items() if run}


def with_inputs(entry: dict[str, Any], made: Mapping[str, Output]) -> dict[str, Any]:
    """Return a stage's entry with other inputs, where `made` has them by path."""
    if "deps" not in entry:
        return entry
    return entry | {"deps": [dep | made.get(dep["path"], {}) for dep in entry["deps"]]}


def mend(root: Path, cache: Cache, outputs: Sequence[Output]) -> None:
    """Delete what is unfinished or damaged, and restore what the workspace still has."""
    damaged, whole = examine(root, cache, suspects(cache, outputs))
    if not damaged and not leftovers(cache):
        return
    hit = [out for out in outputs if not {*damaged}.isdisjoint(objects_of(cache, out))]
    with exclusive(root):
        delete([*damaged, *leftovers(cache)])
        restore(cache, whole)
    for out in hit:
        done = "restored from the workspace" if cache.has(out["md5"]) else "deleted"
        write(f"{out['path']}: damaged in DVC's cache, {done}\n")


def objects_of(cache: Cache, output: Output) -> list[Path]:
    """Return where the object of an output is, and those of the files in a folder."""
    md5 = output.get("md5", "")
    return [cache.file(one) for one in (md5, *cache.members(md5).values())]


def suspects(cache: Cache, outputs: Iterable[Output]) -> dict[str, Path]:
    """Return the objects to read: listings, and those of outputs of another size than recorded."""
    found = list[Path]()
    for out in outputs:
        own, *inside = objects_of(cache, out)
        files = [file for file in inside or [own] if file.is_file()]
        if sum(file.stat().st_size for file in files) != out.get("size"):
            found += files
        if inside:
            found.append(own)
    return {file.parent.name + file.name: file for file in found}


def forecast(lost: Mapping[str, Sequence[str]], stale: Sequence[str], of: int) -> str:
    """Say which outputs of which stages are missing, and which of these stages run."""
    lines = [f"Stages whose results DVC's cache does not have: {len(lost)} of {of}"]
    if len(lost) <= FEW:
        lines += [f"{name}: {', '.join(paths)}" for name, paths in lost.items()]
    else:
        kinds = Counter(name.partition("@")[0] for name in lost)
        lines.append(", ".join(f"{kind} ({number})" for kind, number in kinds.items()))
    if restored := len(lost) - len(stale):
        lines.append(f"Taken from earlier runs in DVC's cache: {restored}")
    if stale:
        lines.append(f"Of these, {len(stale)} will run; {trainings(stale)}")
    pull = f"git checkout {LOCK} && dvc pull" if restored else "dvc pull"
    lines.append(
        "In a new clone, this is normal. If a remote has the results, stop this and run "
        f"`{pull}` (docs/working.md#lost-results)."
    )
    return "\n  ".join(lines) + "\n"


def trainings(names: Iterable[str]) -> str:
    """Return how many of some stages are trainings, and their steps."""
    from interpreting_clip.study.check import check
    from tools.plan import count, training_steps
    from tools.reachable import image_count

    keys = [(kind, key) for kind, _, key in (n.partition("@") for n in names) if kind in TRAININGS]
    if not keys:
        return "trainings among them: none"
    study, steps = check(PARAMS), list[float]()
    for kind, key in keys:
        entry = getattr(study, kind)[key]
        images = image_count(entry.dataset, study.datasets[entry.dataset])
        steps.append(training_steps(study, entry, images))
    return f"trainings among them: {len(keys)}, steps: {count(*steps)}"


def cached_outputs() -> dict[str, set[str]]:
    """Return by stage the paths of its outputs that DVC caches: all without `cache: false`."""
    params, found = load_tree(PARAMS), {}
    for kind, stage in load_tree(GRAPH)["stages"].items():
        paths = [out for out in stage.get("do", stage).get("outs", ()) if isinstance(out, str)]
        for key in loop_entries(stage, params):
            filled = {re.sub(r"\$\{(key|item)\}", key, path) for path in paths}
            found[f"{kind}@{key}" if key else kind] = filled
    return found


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
