"""The start of `make repro`: which results in dvc.lock are not here, and what that takes.

It deletes what a killed DVC has left unfinished, on which the next run would fail.

It also keeps DVC from computing again what its run cache has. Results differ between some machines,
so a checkout may bring a dvc.lock with other results than those computed here. While a stage's
inputs are those in dvc.lock, DVC looks for the outputs in dvc.lock and not into its run cache, so
it would train again. For these stages, dvc.lock gets the outputs of the run. `dvc repro` still
checks every stage.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole
from runner.graph import GRAPH, loop_entries
from tools.cache import LOCK, Cache, locked_stages, open_cache
from tools.fsck import delete, exclusive, leftovers
from tools.jobs import TRAININGS
from tools.stage_lines import write


def prepare() -> None:
    """Delete leftovers, report results that are missing here, and let DVC use its run cache."""
    root = Path.cwd()
    cache = open_cache(root)
    if leftovers(cache):
        with exclusive(root):
            delete(leftovers(cache))
    locked = locked_stages(root)
    missing = {}
    for name, outputs in cached_outputs().items():
        entry = locked.get(name, {})
        md5s = [out.get("md5", "") for out in entry.get("outs", ()) if out["path"] in outputs]
        if not all(map(cache.has, md5s)):
            missing[name] = entry
    if not missing:
        return
    # If another stage makes other inputs than those in dvc.lock, DVC looks for a run by itself.
    runs = {name: newest_run(entry, cache) for name, entry in missing.items()}
    found = {name: run["outs"] for name, run in runs.items() if run}
    if found:
        lock_outputs(root, found)
    trainings = sum(name.partition("@")[0] in TRAININGS for name in missing)
    pull = "git checkout dvc.lock && dvc pull" if found else "dvc pull"
    write(
        f"dvc.lock lists results of {len(missing)} stages (of them, {trainings} trainings) that "
        "are not on this machine.\n  What ran here before on the same inputs is taken from DVC's "
        f"cache; the rest will run. If a remote has them, this gets them instead: {pull}\n"
    )


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
