"""Another legal value for a leaf of a study."""

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from stages.settings.references import broken_references
from stages.settings.sections import Sections
from stages.storage.errors import InputError
from stages.storage.params import convert, elements, is_legal, struct_fields

Study = dict[str, Any]
Changes = Mapping[str, Any]
"""New values by path."""


TOGETHER = {
    r"(datasets\.\w+)\.(kind|source)": {"": {"kind": "absent", "source": "none"}},
    r"(datasets\..+)\.(exclude_preferred|preference\.\w+)": {
        "exclude_preferred": False,
        "preference": {"colour": 0.5, "texture": 0.5, "scene": 0.5},
    },
    r"(backbones\.\w+)\.kind": {"": {"kind": "timm", "model": "resnet18"}},
    r"(backbones\.\w+\.vision)\.kind": {
        "": {"kind": "vit", "patch": 16, "layers": 1, "width": 64, "head_width": 32}
    },
    r"(weights\.\w+)\.source": {"": {"source": "untrained", "backbone": "rn", "seed": 3}},
    r"(\w+\.\w+\.schedule)\.kind": {"": {"kind": "drops", "epochs": [1], "factor": 0.5}},
}
"""Keys that say which other keys there are, or what these may be: with what they change, for which
the empty name is the whole entry. A second table has another value where an entry is so already."""

OTHERWISE = {
    r"(datasets\..+)\.exclude_preferred": {
        "exclude_preferred": True,
        "preference": {"colour": 0.0, "texture": 0.0, "scene": 0.0},
    },
    r"(backbones\.\w+)\.kind": {"": {"kind": "open_clip", "model": "RN50"}},
    r"(backbones\.\w+\.vision)\.kind": {
        "": {"kind": "resnet", "layers": [1, 1, 1, 1], "width": 8, "head_width": 64}
    },
    r"(weights\.\w+)\.source": {
        "": {"source": "checkpoint", "backbone": "rn", "file": "x.pt", "sha256": "a" * 64}
    },
    r"(\w+\.\w+\.schedule)\.kind": {"": {"kind": "cosine"}},
}

ELSEWHERE = (
    *(r"datasets\.\w+\.(kind|source)", r"backbones\.\w+\.kind", r"weights\.\w+\.(source|backbone)"),
    *(r"encoders\.\w+\.head", r"(pretrain|finetune|supervise)\.\w+\.(dataset|start)"),
    *(r"interpolate\.\w+\.(first|second)", r"baseline\.source"),
)
"""Keys of which another value is legal only when another entry changes as well: sets are all drawn
or all real, an encoder's head is that of its training. The value alone has to be legal."""


def other_values(study: Study, path: str) -> Changes:
    """Return a change of one leaf, with the least beside it, that leaves the study legal.

    Raises
    ------
    LookupError
        Nothing that is tried is legal: the leaf's values have to be said here.
    """
    value, kind = found(study, path)
    tried = [{path: one} for one in candidates(value, kind, study) if one != value]
    tried += [change for table in (TOGETHER, OTHERWISE) for change in told(table, path)]
    tried = [change for change in tried if get(changed(study, change), path) != value]
    for change in tried:
        if is_legal_study(changed(study, change)):
            return change
    if any(re.fullmatch(pattern, path) for pattern in ELSEWHERE):
        for change in tried:
            if is_legal(changed(study, change), Sections):
                return change
    raise LookupError(
        f"'{path}': no other legal value than {value!r} was found; see tests/legal.py"
    )


def told(table: Mapping[str, Changes], path: str) -> Iterator[Changes]:
    """Yield the changes that a table has for a path."""
    for pattern, change in table.items():
        if match := re.fullmatch(pattern, path):
            yield {f"{match[1]}.{key}".rstrip("."): value for key, value in change.items()}


def get(study: Study, path: str) -> Any:
    """Return the value at a path, or None where nothing is."""
    node: Any = study
    for key in path.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    return node


def changed(study: Study, changes: Changes) -> Study:
    """Return a study with other values, and with every kind of source that they could need."""
    copy = study | {"sources": {"none": {}} | study["sources"]}
    for path, value in changes.items():
        *above, key = path.split(".")
        node = copy
        for name in above:
            node[name] = dict(node.get(name, {}))
            node = node[name]
        node[key] = value
    return copy


def is_legal_study(study: Study) -> bool:
    """Say whether `python -m stages.study` takes a study."""
    try:
        return not list(broken_references(convert(study, Sections, "")))
    except InputError:
        return False


def found(study: Study, path: str) -> tuple[Any, Any]:
    """Return the value at a path and its type."""
    value, kind = study, Sections
    for key in path.split("."):
        fields = {field.encode_name: field.type for field in struct_fields(kind, value)}
        inside = elements(kind)
        kind = fields.get(key, inside[-1] if inside else Any)
        value = value[key]
    return value, kind


def candidates(value: Any, kind: Any, study: Study) -> Iterator[Any]:
    """Yield other values: the type's own words, then neighbours of the value."""
    yield from members(kind)
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, 2 * value, value // 2)
    elif isinstance(value, float):
        yield from (value / 2, (value + 1) / 2, value + 1)
    elif isinstance(value, list):
        yield from (value[:-1], value[::-1], [*value, *value[-1:]])
        yield [2 * value[0], *value[1:]] if isinstance(value[0], int) else value
        yield [smaller(one) for one in value]
    elif isinstance(value, str):
        yield [word for inside in elements(kind) for word in members(inside)][:-1]
        yield from (f"{value}x", "c" * len(value))
        yield from (name for entries in study.values() for name in entries)


def smaller(value: Any) -> Any:
    """Return half of a number, and anything else as it is."""
    return value / 2 if isinstance(value, float) else value


def members(kind: Any) -> Iterator[Any]:
    """Yield the legal words of a type."""
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    elif get_origin(kind) in (Annotated, Union, UnionType):
        for member in get_args(kind):
            yield from members(member)
