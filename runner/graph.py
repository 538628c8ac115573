"""A stage's entry in dvc.yaml: what it reads, which parameters it takes and what it writes."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError, close_names

GRAPH = Path("dvc.yaml")


@dataclass(frozen=True)
class StageEntry:
    """What dvc.yaml lists under a stage, or under one instance of it.

    `params` are dotted paths in params.yaml, and `fingerprint` is the stage's key in code.json, or
    nothing. `files` are the outputs that are files: all others are folders. `makers` are the
    stages of the whole graph, by the outputs that they write; it is in `file`.
    """

    stage: str
    key: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    fingerprint: str
    outs: tuple[str, ...]
    files: tuple[str, ...]
    makers: Mapping[str, str] = field(compare=False)
    file: Path = field(compare=False)

    @property
    def name(self) -> str:
        """The name that DVC gives the stage or the instance."""
        return f"{self.stage}@{self.key}" if self.key else self.stage


def read_entry(stage: str, key: str, params: Mapping[str, Any], graph: Path = GRAPH) -> StageEntry:
    """Return a stage's entry with the names in it replaced by their values, as DVC does it."""
    stages = load_tree(graph)["stages"]
    if stage not in stages:
        raise InputError(
            f"expected the name of a stage, got {stage!r}; {close_names(stage, stages)}"
        )
    body, names = stages[stage], dict(params)
    if "foreach" in body:
        section, entries = _section(body), loop_entries(body, params)
        if not key:
            raise InputError(
                f"stage {stage}: expected an entry of '{section}', got none; "
                f"{close_names(key, list(entries))}"
            )
        if key not in entries:
            raise InputError(
                f"params.yaml: '{section}' has no '{key}'; {close_names(key, list(entries))}"
            )
        names |= {"key": key, "item": entries[key]}
        body = body["do"]
    elif key:
        raise InputError(f"stage {stage}: expected no arguments, got {key}")
    filled = {part: _filled(body.get(part, ()), names) for part in ("deps", "params", *OUTPUTS)}
    outs = [path for part in OUTPUTS for path in _paths(filled[part])]
    listed = [param for param in filled["params"] if isinstance(param, str)]
    files = [param for param in filled["params"] if isinstance(param, dict)]
    fingerprint = next((file["code.json"][0] for file in files if "code.json" in file), "")
    return StageEntry(
        stage=stage,
        key=key,
        deps=tuple(filled["deps"]),
        params=tuple(listed),
        fingerprint=fingerprint,
        outs=tuple(outs),
        files=tuple(path for path in outs if Path(path).suffix),
        makers=dict(_makers(stages, params)),
        file=graph,
    )


def _makers(stages: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for stage, body in stages.items():
        for key in loop_entries(body, params):
            for part in OUTPUTS:
                for path in _paths(body.get("do", body).get(part, ())):
                    names = {"key": key, "item": key}
                    yield _filled(path, names), f"{stage}@{key}" if key else stage


def _section(body: Mapping[str, Any]) -> str:
    """Return the path in params.yaml of what a stage runs over."""
    return str(body["foreach"]).strip("${}")


def loop_entries(body: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a stage runs over by key: a section's entries or a list's items, or "" once.

    It is nothing if params.yaml has neither there, so that stage `study` can say so.
    """
    if "foreach" not in body:
        return {"": None}
    node: Any = params
    for step in _section(body).split("."):
        node = node.get(step) if isinstance(node, Mapping) else None
    if isinstance(node, list):
        return {str(item): item for item in node}
    return node if isinstance(node, Mapping) else {}


OUTPUTS = ("outs", "metrics", "plots")
"""The keys of dvc.yaml under which a stage's outputs stand."""


def _paths(listed: Iterable[Any]) -> Iterable[str]:
    for item in listed:
        yield from [item] if isinstance(item, str) else item


def _filled(node: Any, names: Mapping[str, Any]) -> Any:
    """Return a part of dvc.yaml with `${name.of.a.value}` replaced."""

    def value(match: re.Match[str]) -> str:
        return json.dumps(str(_value(match[1], names)))[1:-1]

    # in its text as JSON, which has no other dollar signs and braces that are adjacent
    return json.loads(re.sub(r"\$\{([\w.]+)\}", value, json.dumps(node)))


def _value(path: str, names: Mapping[str, Any]) -> Any:
    node: Any = names
    for step in path.split("."):
        if not isinstance(node, Mapping) or step not in node:
            raise InputError(f"{GRAPH}: ${{{path}}}: params.yaml has no such value")
        node = node[step]
    return node
