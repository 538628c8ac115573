"""The reader of params.yaml: one dotted path at a time, strictly typed.

A stage names each parameter that it reads in a call of `Params.read` with a literal path. The same
paths are listed under `params:` in dvc.yaml; a test compares the two.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, overload

import msgspec
from msgspec import inspect

from interpreting_clip.config.syntax import escaped, load_tree, quoted, short
from interpreting_clip.errors import InputError

PARAMS = Path("params.yaml")

Value = TypeVar("Value")


class Params:
    """The parameters of a study, read leaf by leaf or entry by entry."""

    def __init__(self, file: Path = PARAMS) -> None:
        self.file = file
        self.tree = load_tree(file)

    @overload
    def read(self, path: str, kind: type[Value]) -> Value: ...
    @overload
    def read(self, path: str, kind: Any) -> Any: ...
    def read(self, path: str, kind: Any) -> Any:
        """Return the value at `path` (keys joined by dots) as a `kind`."""
        node: Any = self.tree
        above: list[str] = []
        for key in path.split("."):
            if not isinstance(node, dict) or key not in node:
                there = ", ".join(map(str, node)) if isinstance(node, dict) else short(node)
                raise InputError(
                    f"{self.file}: {quoted(path)} is missing: {quoted('.'.join(above))} has no "
                    f"{quoted(key)}, only: {escaped(there)}"
                )
            node = node[key]
            above.append(key)
        return convert(node, kind, path, self.file)


def convert(node: Any, kind: Any, path: str, file: Path | str = PARAMS) -> Any:
    """Return `node` as a `kind`, or say of its first illegal key what would be legal."""
    for line in problems(node, kind, path):
        raise InputError(f"{file}: {line}")
    return msgspec.convert(node, kind, strict=True)


def problem(path: str, wrong: str, legal: str | Iterable[str] = ()) -> str:
    """Return what every complaint about a study says: the key, what is wrong, what is legal."""
    words = legal if isinstance(legal, str) else ", ".join(legal)
    return f"{quoted(path)}: {wrong}" + (f"; legal: {words}" if words else "")


def problems(value: Any, kind: Any, path: str) -> list[str]:
    """Return what is illegal in the parts of a value or, if nothing is, in the value as a whole."""
    if not (why := complaint(value, kind)):
        return []
    names = [
        f"{quoted(path)}: the name {short(name)}: {illegal}"
        for name in (value if isinstance(value, dict) else ())
        if (illegal := complaint(name, (element_types(kind, value) or (str,))[0]))
    ]
    inside = [
        line
        for step, part, legal in parts(value, kind)
        for line in problems(part, legal, f"{path}{step}")
    ]
    return names + inside or [f"{quoted(path)}: {why}"]


def complaint(value: Any, kind: Any) -> str:
    """Return why a value is not of a type, with what came and what is legal; nothing if it is.

    msgspec stops at the first illegal part and says where; `problems` finds all of them.
    """
    try:
        msgspec.convert(value, kind, strict=True)
    # a surrogate, half of a character
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        text = str(error).partition(" - at `")[0].partition(" matching regex")[0]
    else:
        return ""
    legal = legal_values(inspect.type_info(struct_type(kind, value) or kind))
    # a text in place of a URL may be a part of a URL, with a login
    shown = "…" if "http" in legal else short(value)
    if isinstance(value, str):
        text = text.replace(f"'{value}'", shown)
    got = "" if isinstance(value, dict | list) else f" (got {shown})"
    # The checks of a struct already say what is legal.
    said = not text.startswith(("Expected", "Invalid", "Object"))
    return f"{escaped(text)}{got}" + ("" if said or not legal else f"; legal: {legal}")


def parts(value: Any, kind: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the parts of a value, each with its step in the path and its expected type.

    A mapping whose tag names no member of a union has one part: the tag.
    """
    inside, structs = element_types(kind, value), struct_types(kind)
    if isinstance(value, list) and inside:
        for index, part in enumerate(value):
            yield f"[{index}]", part, inside[min(index, len(inside) - 1)]
    elif isinstance(value, dict) and inside:
        yield from ((f".{name}", part, inside[-1]) for name, part in value.items())
    elif isinstance(value, dict) and (struct := struct_type(kind, value)):
        for field in msgspec.structs.fields(struct):
            if field.encode_name in value:
                yield f".{field.encode_name}", value[field.encode_name], field.type
    elif isinstance(value, dict) and structs:
        tag_field = str(structs[0].__struct_config__.tag_field)
        if tag_field in value:
            tags = tuple(struct.__struct_config__.tag for struct in structs)
            yield f".{tag_field}", value[tag_field], Literal[tags]


def members(kind: Any) -> list[Any]:
    """Return the types of a union, or the one type, without annotations."""
    if get_origin(kind) is Annotated:
        return members(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [part for member in get_args(kind) for part in members(member)]
    return [kind]


def element_types(kind: Any, value: Any = None) -> tuple[Any, ...]:
    """Return the types inside a collection; of a union's, that of the value's type or the first."""
    collections = [member for member in members(kind) if get_origin(member) in (list, tuple, dict)]
    collections.sort(key=lambda member: get_origin(member) is not type(value))
    return tuple(a for a in get_args(collections[0]) if a is not ...) if collections else ()


def struct_types(kind: Any) -> list[type[msgspec.Struct]]:
    """Return a type that is a struct, or the members of a union that are structs."""
    return [m for m in members(kind) if isinstance(m, type) and issubclass(m, msgspec.Struct)]


def struct_type(kind: Any, value: Any) -> type[msgspec.Struct] | None:
    """Return a type that is a struct, or the member of a tagged union that a mapping names."""
    for struct in struct_types(kind):
        config = struct.__struct_config__
        named = value.get(config.tag_field) if isinstance(value, dict) else None
        if config.tag_field is None or named == config.tag:
            return struct
    return None


def legal_values(info: inspect.Type) -> str:
    """Return the legal values of a type in words, or nothing if its name says enough."""
    legal = ""
    match info:
        case inspect.Metadata(extra={"legal": str(words)}):
            legal = words
        case inspect.LiteralType(values=values):
            legal = ", ".join(map(str, values))
        case inspect.BoolType():
            legal = "true, false"
        case inspect.StructType(fields=fields):
            legal = "the keys " + ", ".join(field.encode_name for field in fields)
        case inspect.UnionType(types=types):
            legal = "; or ".join(filter(None, map(legal_values, types)))
            if tagged := [t for t in types if isinstance(t, inspect.StructType) and t.tag]:
                tags = ", ".join(str(member.tag) for member in tagged)
                legal = f"`{tagged[0].tag_field}` of {tags}"
        case inspect.IntType() | inspect.FloatType():
            name = "a whole number" if isinstance(info, inspect.IntType) else "a number"
            signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
            limits = [f"{s} {v}" for k, s in signs.items() if (v := getattr(info, k)) is not None]
            legal = f"{name} {', '.join(limits)}".strip()
    return legal
