"""The reader of params.yaml: one dotted path at a time, strictly typed.

A stage names each parameter that it reads in a call of `Params.read` with a literal path. The same
paths stand under `params:` in dvc.yaml; a test holds the two against each other.
"""

import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, overload

import msgspec
import yaml

from stages.storage.errors import InputError

PARAMS = Path("params.yaml")

MSGSPEC = ("Expected", "Invalid", "Object")
"""How msgspec's own complaints begin; a struct's own checks say themselves what is legal."""

Value = TypeVar("Value")


class Params:
    """The parameters of a study, read leaf by leaf or entry by entry.

    Raises
    ------
    InputError
        The file is missing, is no YAML or holds no mapping.
    """

    def __init__(self, file: Path = PARAMS) -> None:
        self.file = file
        self.tree = load_tree(file)

    @overload
    def read(self, path: str, kind: type[Value]) -> Value: ...
    @overload
    def read(self, path: str, kind: Any) -> Any: ...
    def read(self, path: str, kind: Any) -> Any:
        """Return what stands at `path` (keys joined by dots) as a `kind`.

        Raises
        ------
        InputError
            Nothing stands there, or it is not a legal `kind`; names the key and what is legal.
        """
        node: Any = self.tree
        for depth, key in enumerate(path.split(".")):
            if not isinstance(node, dict) or key not in node:
                raise InputError(missing_key(self.file, path, depth, node))
            node = node[key]
        return convert(node, kind, path, self.file)


def load_tree(file: Path) -> dict[str, Any]:
    """Parse a parameter file with YAML's safe loader.

    Raises
    ------
    InputError
        The file is missing, is no YAML or holds no mapping.
    """
    try:
        tree = yaml.load(file.read_bytes(), Loader=SafeLoader)  # noqa: S506 - a safe loader
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; run from the root of the repository") from None
    except yaml.YAMLError as error:
        raise InputError(f"{file}: not legal YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        raise InputError(f"{file}: expected a mapping of sections, got {type(tree).__name__}")
    return tree


class SafeLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # pyright: ignore
    """YAML's safe loader (in C where there is one) that refuses a key given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping; a repeated key would silently replace the first."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"the key '{key.value}' is given twice,{key.start_mark}")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def convert(node: Any, kind: Any, path: str, file: Path | str = PARAMS) -> Any:
    """Return `node` as a `kind`, or say at which key it is not legal and what would be.

    Raises
    ------
    InputError
        An unknown key, a wrong type or a value out of range.
    """
    try:
        return msgspec.convert(node, kind, strict=True)
    except msgspec.ValidationError as error:
        raise InputError(f"{file}: {explain(str(error), kind, node, path)}") from None


def missing_key(file: Path, path: str, depth: int, node: Any) -> str:
    """Say which key of `path` is missing and which keys stand beside it."""
    *above, key = path.split(".")[: depth + 1]
    there = ", ".join(map(str, node)) if isinstance(node, dict) else repr(node)
    parent = f"'{'.'.join(above)}'" if above else "the top level"
    return f"{file}: '{path}' is missing: {parent} has no '{key}', only: {there}"


def explain(message: str, kind: Any, node: Any, path: str) -> str:
    """Turn msgspec's message into one that names the key, the value and the legal values."""
    text, _, where = message.partition(" - at `")
    value, legal = node, kind
    for field, index in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", where):
        step, value, legal = descend(value, legal, field, index)
        path += step
    if where.startswith("key"):
        legal = elements(legal)[0]
        value = next(name for name in value if not is_legal(name, legal))
        text = f"the name {value!r}: {text}"
    hints = [describe(legal)] if text.startswith(MSGSPEC) or where.startswith("key") else []
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        hints.append(f"YAML reads {value} as a word; write {float(value):.1e}")
    got = "" if isinstance(value, dict | list) else f" (got {value!r})"
    key = path.lstrip(".") or "the top level"
    return "; ".join([f"'{key}': {text}{got}", *filter(None, hints)])


def descend(value: Any, kind: Any, field: str, index: str) -> tuple[str, Any, Any]:
    """Follow one step of msgspec's error path through the value and the type beside it."""
    if field:
        fields = {f.encode_name: f.type for f in struct_fields(kind, value)}
        legal = fields.get(field, kind)  # the field that tells the members of a union is in none
        return f".{field}", value.get(field) if isinstance(value, dict) else None, legal
    kinds = elements(kind) or (None,)
    if index == "...":
        key = next((k for k, v in value.items() if not is_legal(v, kinds[-1])), None)
        return f".{key}", value.get(key), kinds[-1]
    return f"[{index}]", value[int(index)], kinds[min(int(index), len(kinds) - 1)]


def elements(kind: Any) -> tuple[Any, ...]:
    """Return the types inside a collection, which may stand in an annotation or in a union."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return elements(arguments[0])
    if origin in (Union, UnionType):
        return next((found for member in arguments if (found := elements(member))), ())
    return tuple(a for a in arguments if a is not ...) if origin in (list, tuple, dict) else ()


def is_legal(node: Any, kind: Any) -> bool:
    """Say whether `node` converts to a `kind`."""
    try:
        msgspec.convert(node, kind, strict=True)
    except msgspec.ValidationError:
        return False
    return True


def struct_fields(kind: Any, value: Any) -> tuple[Any, ...]:
    """Return the fields of a struct, or of the member of a tagged union that `value` names."""
    for member in getattr(kind, "__args__", (kind,)):
        if isinstance(member, type) and issubclass(member, msgspec.Struct):
            config = member.__struct_config__
            tag = (
                value.get(config.tag_field)
                if config.tag_field and isinstance(value, dict)
                else None
            )
            if config.tag_field is None or tag == config.tag:
                return msgspec.structs.fields(member)
    return ()


def describe(kind: Any) -> str:
    """Return the legal values of a type in words, or nothing where its name says enough."""
    info = msgspec.inspect.type_info(kind) if kind is not None else None
    if isinstance(info, msgspec.inspect.LiteralType):
        return "legal values: " + ", ".join(map(str, info.values))
    if isinstance(info, msgspec.inspect.StructType):
        return "legal keys: " + ", ".join(field.encode_name for field in info.fields)
    if isinstance(info, msgspec.inspect.UnionType):
        tagged = [i for i in info.types if isinstance(i, msgspec.inspect.StructType) and i.tag]
        tags = ", ".join(str(member.tag) for member in tagged)
        return f"legal values of `{tagged[0].tag_field}`: {tags}" if tagged else ""
    if isinstance(info, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        return "legal: " + bounds(info)
    return ""


def bounds(info: Any) -> str:
    """Return the range of a number in words."""
    name = "a whole number" if isinstance(info, msgspec.inspect.IntType) else "a number"
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [f"{s} {getattr(info, k)}" for k, s in signs.items() if getattr(info, k) is not None]
    return " ".join([name, ", ".join(limits)]).strip()
