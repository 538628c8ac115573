"""What a change reaches, derived from the code: which instance of which stage reads what."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from stages.methods import COMPUTES_NOTHING, DRAWING, READING, SETTINGS, SOURCES
from stages.storage.code import import_closure, imported_packages
from stages.storage.packages import computing_packages
from tests.reads import ROOT, read_paths

GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
CHECKED = "study"
"""The stage that reads all of params.yaml and whose output never changes."""

Reads = dict[str, set[str]]
"""By the name of an instance of a stage, as DVC has it, the paths in params.yaml that it reads."""


def instances(study: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Yield name, stage, key and entry of each instance; without key and entry where it is one."""
    for stage, body in GRAPH.items():
        if "foreach" not in body:
            yield stage, stage, "", {}
            continue
        for key, entry in study[section(stage)].items():
            yield f"{stage}@{key}", stage, key, entry


def section(stage: str) -> str:
    """Return the section of params.yaml that a stage has an instance for each entry of."""
    return GRAPH[stage]["foreach"].strip("${}")


def reads(study: Mapping[str, Any]) -> Reads:
    """Return what each instance reads, but for `study`, from the calls in its module.

    The names that DVC puts into an instance's command and paths are of its own entry; the kind of
    head among them brings the settings of this kind.
    """
    found: Reads = {}
    for name, stage, key, entry in instances(study):
        if stage != CHECKED:
            found[name] = {filled(path, key, entry) for path in templates(stage)}
            found[name] |= {f"{section(stage)}.{key}.{field}" for field in templated(stage)}
            if stage == "extract":
                found[name].add(f"heads.{entry['head']}")
    return found


@cache
def templates(stage: str) -> frozenset[str]:
    """Return the paths that a stage's code reads, with names in braces for what an entry says."""
    calls = read_paths(stage) | read_paths(stage, where="method")
    return frozenset(path for path, _ in calls)


@cache
def templated(stage: str) -> frozenset[str]:
    """Return the keys of an entry that stand in its instance's command or paths."""
    body = GRAPH[stage].get("do", {})
    return frozenset(re.findall(r"\$\{item\.(\w+)\}", f"{body.get('cmd')} {body.get('deps')}"))


def filled(path: str, key: str, entry: Mapping[str, Any]) -> str:
    """Return a path with an instance's key and its entry's values in place."""
    path = path.replace("{key}", key)
    return re.sub(r"\{item\.(\w+)\}", lambda found: str(entry[found[1]]), path)


def reached(path: str, found: Reads) -> set[str]:
    """Return the instances that read a leaf of params.yaml, alone or with what is around it."""
    return {
        name for name, paths in found.items() if any(f"{path}.".startswith(f"{p}.") for p in paths)
    }


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of each leaf of a study; lists are leaves, empty mappings are none."""
    if not isinstance(node, dict):
        yield path, node
        return
    for key, value in node.items():
        yield from leaves(value, f"{path}.{key}" if path else key)


@cache
def closures() -> dict[str, set[str]]:
    """Return by the name of each method with code the files that its instances can import."""
    found = {stage: import_closure(stage, ROOT) for stage in SETTINGS if stage != "fetch"}
    for source, own in SOURCES.items():
        found[f"fetch_{source}"] = import_closure("fetch", ROOT, {DRAWING, READING} - {own})
    return found


def packages() -> dict[str, set[str]]:
    """Return by the name of each method with code the packages that compute for it."""
    return {
        name: computing_packages(imported_packages(ROOT / file for file in files))
        for name, files in closures().items()
        if name not in COMPUTES_NOTHING
    }


def modules() -> list[str]:
    """Return every module of the stages, those of `methods` included."""
    files = (Path(file) for file in import_closure("methods", ROOT).union(*closures().values()))
    return sorted(file.as_posix() for file in files)
