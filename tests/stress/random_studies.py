"""Random studies: one of ours with a few changes, most of them legal or nearly legal."""

import json
import math
import re
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

from interpreting_clip.config.syntax import load_tree
from tests.pipeline.workspace import NANO
from tests.reads import ROOT

ARCHIVE = {"url": "https://localhost/a.tar", "sha256": "0" * 64}
MARKS: dict[str, Any] = dict.fromkeys(("V2", "SKETCH", "OBJECTNET", "A", "BRODEN"), ARCHIVE)
MARKS["VIT_S"] = ARCHIVE["sha256"]
BASES = {
    NANO: 6,
    NANO.with_name("real.yaml"): 3,
    ROOT / "studies/laptop.yaml": 2,
    ROOT / "studies/claims.yaml": 1,
    ROOT / "params.yaml": 2,
    ROOT / "studies/paper.yaml": 1,
}
"""How often each of our studies is changed."""

SCALARS = r"""
2001-01-01  2001-99-99  2001-01-01T00:00:00Z  1:30  yes  on  ~  ''  []  {}  [1, 2
!!python/object/apply:os.system [ls]  !!python/name:os.system ''  !!set {a, b}  !mine x
!!binary aGk=  !!omap [a: 1]  !!str 5  ! 5  !!int x  !!bool maybe  <<  =  -_
.inf  -.inf  .nan  1e308  1e-320  1e400  -1  0  1  2  0.0  0.5  3.0  true
010  0o10  0x10  1_000  1e-4  1e3  {a: 1, a: 2}  {[a]: 1}  {1: 2}  &a 5  *a  {<<: {a: 1}}
"\e[31m"  "\0"  "a\nb"  "\x85"  "\u2028"  "a\u202eb"  "\ud800"
"${x}"  "${oc.env:HOME}"  "../../README"  "a;b"  "$(ls)"  "{}"  "a {}"
"""
"""Values as text: dates, tags, odd numbers, control characters, YAML that is refused."""

LONG = ["x" * 5000, "9" * 5000, "0x" + "f" * 5000, "1" + "0" * 30, "[" * 50 + "]" * 50]
BROKEN = ["\0", "\ud800"]

NAMES = r"""
"../../README"  "a;b"  A  ""  "a.b"  "é"  "a\nb"  "\e"  "${x}"  5  true  ~  1.5  .nan
2001-01-01  [a]  {a: b}  <<  &a b  !!str k
"""
"""Names of entries and keys, as text."""

WHOLE = (0, 2, 3, 4, 100, 256, 1024, 4096, 10**4, 10**5, 10**6, 10**7, 10**9, 10**11, 10**30)
REAL = (1e-320, 1e-6, 0.001, 0.01, 0.1, 1 - 2**-53, 10.0, 100.0, 360.0, 1e3, 1e6, 1e308, math.inf)
"""Numbers at some bound of what is legal, and beyond."""

KINDS = (
    *["neighbour"] * 15,
    *["scalar"] * 3,
    *["added"] * 2,
    "renamed",
    "removed",
    "twice",
)
"""The ways to change a value or a key; frequent ones are repeated."""

APART = re.compile(r"  |\n")
SOME_SCALARS = [*APART.split(SCALARS.strip()), *LONG, *BROKEN]
SOME_NAMES = [*APART.split(NAMES.strip()), "k" * 100, "k" * 200]


class Raw(str):
    """Text that is written into the YAML unquoted."""


def bases() -> list[tuple[dict[str, Any], int]]:
    """Return our studies with their marks filled in, and how often each is changed."""
    return [(filled(load_tree(file), MARKS), weight) for file, weight in BASES.items()]


def filled(node: Any, marks: dict[str, Any]) -> Any:
    """Replace the marks of the real study."""
    if isinstance(node, dict):
        return {key: filled(value, marks) for key, value in node.items()}
    if isinstance(node, list):
        return [filled(value, marks) for value in node]
    return marks.get(node, node) if isinstance(node, str) else node


def draw_study(trees: list[tuple[dict[str, Any], int]], rng: Random) -> str:
    weights = [weight for _, weight in trees]
    tree = deepcopy(rng.choices([tree for tree, _ in trees], weights)[0])
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        change(tree, rng)
    return "".join(f"{key(name)}: {written(value)}\n" for name, value in tree.items())


def change(tree: dict[str, Any], rng: Random) -> None:
    """Change something in one section of a study; all of its fields are equally likely."""
    kind, section = rng.choice(KINDS), rng.choice(list(tree))
    found = list(places(tree, section, section))
    if kind == "neighbour":
        found = [place for place in found if not isinstance(place[0][place[1]], dict)] or found
    field = rng.choice(sorted({str(name) for *_, name in found}))
    parent, at, _ = rng.choice([place for place in found if place[2] == field])
    if kind == "neighbour":
        parent[at] = neighbour(parent[at], tree, rng)
    elif kind == "scalar":
        parent[at] = Raw(rng.choice(SOME_SCALARS))
    elif isinstance(parent, dict):
        names = ["forgotten", "images", Raw(rng.choice(SOME_NAMES))]
        if kind != "removed":
            parent[Raw(f"{key(at)} ") if kind == "twice" else rng.choice(names)] = deepcopy(
                parent[at]
            )
        if kind in ("removed", "renamed"):
            del parent[at]


def places(tree: Any, at: Any, field: str) -> Iterator[tuple[Any, Any, str]]:
    """Yield every value at a key and below: its container, its key or index, and the last key."""
    yield tree, at, field
    node = tree[at]
    if isinstance(node, dict):
        for name in node:
            yield from places(node, name, name)
    elif isinstance(node, list):
        for index in range(len(node)):
            yield from places(node, index, field)


def neighbour(value: Any, tree: dict[str, Any], rng: Random) -> Any:
    """Return another value that may be legal in place of the given one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        values = [value + 1, value - 1, 2 * value, 1, rng.choice(WHOLE), rng.choice(WHOLE)]
    elif isinstance(value, float):
        values = [value / 2, 0.9 * value, 0.0, 1.0, rng.choice(REAL), rng.choice(REAL)]
    elif isinstance(value, list):
        values = [value[1:], value[:1], value[::-1], value + value[:1], []]
    elif isinstance(value, dict):
        values = [dict(list(value.items())[1:]), dict(list(value.items())[:1]), {}]
    else:
        values = list(words(tree))
    return rng.choice(values)


def words(node: Any) -> Iterator[str]:
    """Yield the names and texts of a study."""
    if isinstance(node, dict):
        yield from (name for name in node if type(name) is str)
        for value in node.values():
            yield from words(value)
    elif isinstance(node, list):
        for value in node:
            yield from words(value)
    elif type(node) is str:
        yield node


def written(node: Any) -> str:
    if isinstance(node, Raw):
        return node
    if isinstance(node, dict):
        pairs = [f"{key(name)}: {written(value)}" for name, value in node.items()]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(node, list):
        return "[" + ", ".join(map(written, node)) + "]"
    return ".inf" if node == math.inf else json.dumps(node, ensure_ascii=False)


def key(name: str) -> str:
    return name if isinstance(name, Raw) else json.dumps(name)
