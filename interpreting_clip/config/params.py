"""The reader of params.yaml: one dotted path at a time, strictly typed.

A stage names each parameter that it reads in a call of `Params.read` with a literal path. The same
paths are listed under `params:` in dvc.yaml; a test compares the two.
"""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, overload

import msgspec
from msgspec import inspect

from interpreting_clip.config.syntax import escaped, load_tree, quoted, short
from interpreting_clip.errors import InputError
from interpreting_clip.quantities import Url

PARAMS = Path("params.yaml")

MSGSPEC = ("Expected", "Invalid", "Object")
"""The first words of msgspec's own complaints; the checks of a struct already say what is legal."""

Value = TypeVar("Value")


class Params:
    """The parameters of a study, read leaf by leaf or entry by entry.

    Raises
    ------
    InputError
        The file is missing, is not YAML or does not hold a mapping.
    """

    def __init__(self, file: Path = PARAMS) -> None:
        self.file = file
        self.tree = load_tree(file)

    @overload
    def read(self, path: str, kind: type[Value]) -> Value: ...
    @overload
    def read(self, path: str, kind: Any) -> Any: ...
    def read(self, path: str, kind: Any) -> Any:
        """Return the value at `path` (keys joined by dots) as a `kind`.

        Raises
        ------
        InputError
            There is no value, or it is not a legal `kind`; names the key and what is legal.
        """
        node: Any = self.tree
        above: list[str] = []
        for key in path.split("."):
            if not isinstance(node, dict) or key not in node:
                there = (
                    escaped(", ".join(map(str, node))) if isinstance(node, dict) else short(node)
                )
                raise InputError(
                    f"{self.file}: {quoted(path)} is missing: {quoted('.'.join(above))} has no "
                    f"{quoted(key)}, only: {there}"
                )
            node = node[key]
            above.append(key)
        return convert(node, kind, path, self.file)


def convert(node: Any, kind: Any, path: str, file: Path | str = PARAMS) -> Any:
    """Return `node` as a `kind`, or say which key is not legal and what would be.

    Raises
    ------
    InputError
        An unknown key, a wrong type or a value out of range.
    """
    for problem in problems(node, kind, path):
        raise InputError(f"{file}: {problem}")
    return msgspec.convert(node, kind, strict=True)


def problems(value: Any, kind: Any, path: str) -> list[str]:
    """Return what is illegal in the parts of a value or, if nothing is, in the value as a whole.

    Each complaint names the key, what is wrong, what came and what is legal.
    """
    if not (why := complaint(value, kind)):
        return []
    names = [
        f"{quoted(path)}: the name {short(name)}: {illegal}"
        for name in (value if isinstance(value, dict) else ())
        if (illegal := complaint(name, (element_types(kind, value) or (str,))[0]))
    ]
    inside = [
        problem
        for step, part, legal in parts(value, kind)
        for problem in problems(part, legal, f"{path}{step}")
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
        text = str(error).partition(" - at `")[0]
    else:
        return ""
    info = inspect.type_info(struct_type(kind, value) or kind)
    # what stands in the place of a URL may be a part of one, with a login
    shown = "…" if may_be_address(info) else short(value)
    if isinstance(value, str):
        text = text.replace(f"'{value}'", shown)
    got = "" if isinstance(value, dict | list) else f" (got {shown})"
    if text.startswith(MSGSPEC) and (legal := legal_values(info)):
        return f"{escaped(text.partition(' matching regex')[0])}{got}; {legal}"
    return f"{escaped(text)}{got}"


def may_be_address(info: inspect.Type) -> bool:
    """Say whether a URL is legal as a value of a type."""
    if isinstance(info, inspect.UnionType):
        return any(map(may_be_address, info.types))
    return info == inspect.type_info(Url)


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


def element_types(kind: Any, value: Any = None) -> tuple[Any, ...]:
    """Return the types inside a collection, which may be inside an annotation or a union.

    Of a union's collections, that of the value's own type counts, or else the first.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return element_types(arguments[0], value)
    if origin in (Union, UnionType):
        alike = sorted(arguments, key=lambda member: not _is_collection(member, type(value)))
        return next((found for member in alike if (found := element_types(member, value))), ())
    return tuple(a for a in arguments if a is not ...) if origin in (list, tuple, dict) else ()


def _is_collection(kind: Any, collection: type) -> bool:
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return get_origin(kind) is collection


def struct_types(kind: Any) -> list[type[msgspec.Struct]]:
    """Return a type that is a struct, or the members of a union that are structs."""
    members = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return [m for m in members if isinstance(m, type) and issubclass(m, msgspec.Struct)]


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
        case inspect.Metadata(extra={"legal": words}):
            legal = f"legal: {words}"
        case inspect.LiteralType(values=values):
            legal = "legal values: " + ", ".join(map(str, values))
        case inspect.BoolType():
            legal = "legal values: true, false"
        case inspect.StructType(fields=fields):
            legal = "legal keys: " + ", ".join(field.encode_name for field in fields)
        case inspect.UnionType(types=types):
            legal = "; or ".join(filter(None, map(legal_values, types)))
            if tagged := [t for t in types if isinstance(t, inspect.StructType) and t.tag]:
                tags = ", ".join(str(member.tag) for member in tagged)
                legal = f"legal values of `{tagged[0].tag_field}`: {tags}"
        case inspect.IntType() | inspect.FloatType():
            name = "a whole number" if isinstance(info, inspect.IntType) else "a number"
            signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
            limits = [f"{s} {v}" for k, s in signs.items() if (v := getattr(info, k)) is not None]
            legal = f"legal: {name} {', '.join(limits)}".strip()
    return legal
