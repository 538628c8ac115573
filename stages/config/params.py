"""The reader of params.yaml: one dotted path at a time, strictly typed.

A stage names each parameter that it reads in a call of `Params.read` with a literal path. The same
paths stand under `params:` in dvc.yaml; a test holds the two against each other.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, overload

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import ScalarEvent
from ruamel.yaml.reader import ReaderError

from stages.runtime.errors import InputError

PARAMS = Path("params.yaml")

MSGSPEC = ("Expected", "Invalid", "Object")
"""How msgspec's own complaints begin; a struct's own checks say themselves what is legal."""

LONGEST_VALUE, LONGEST_TEXT = 80, 300
"""How many characters of a value, and of another text from outside, a complaint shows."""

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
    """Parse a parameter file as DVC does: YAML 1.2, in which `010` is ten and `1e-4` a number.

    A stage that read a value differently could compute something else without DVC seeing a change.

    Raises
    ------
    InputError
        The file is missing, is no YAML or holds no mapping.
    """
    text = read_text(file)
    with legal_yaml(file, text):
        tree = YAML(typ="safe").load(text)
    if not isinstance(tree, dict):
        raise InputError(f"{file}: expected a mapping of sections, got {type(tree).__name__}")
    return tree


def read_text(file: Path) -> str:
    """Return the text of a parameter file.

    Raises
    ------
    InputError
        The file is missing or not in UTF-8.
    """
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; run from the root of the repository") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{file}: line {line}: not in UTF-8; save the file as UTF-8") from None


@contextmanager
def legal_yaml(file: Path, text: str) -> Iterator[None]:
    """Say in one line why the text of a file is no YAML.

    Raises
    ------
    InputError
        It is none, or holds an object of Python, a key twice, or a value that cannot be.
    """
    try:
        yield
    except DuplicateKeyError as error:
        key = str(error.problem).partition('"')[2].partition('" with value')[0]
        raise InputError(f"{marked(file, error)}: the key {short(key)} is given twice") from None
    except MarkedYAMLError as error:
        why = " ".join(filter(None, (error.context, error.problem)))
        raise InputError(f"{marked(file, error)}: not legal YAML: {escaped(why)}") from None
    except RecursionError:
        raise InputError(f"{file}: not legal YAML: nested too deeply") from None
    except ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1
        why = f"not legal YAML: the character U+{error.character:04X}; take it out"
        raise InputError(f"{file}: line {line}: {why}") from None
    except (ValueError, LookupError, TypeError) as error:
        why = f"{unreadable_line(text)}not legal YAML: {escaped(str(error))}"
        raise InputError(f"{file}: {why}") from None


def unreadable_line(text: str) -> str:
    """Name the line of the first value that looks like a date or a number and is none."""
    for event in YAML(typ="safe").parse(text):
        if isinstance(event, ScalarEvent) and event.implicit[0]:
            try:
                YAML(typ="safe").load(event.value)
            except (YAMLError, ValueError):
                return f"line {event.start_mark.line + 1}: "
    return ""


def marked(file: Path, error: MarkedYAMLError) -> str:
    """Return the file and the line at which a text is no YAML."""
    mark = error.problem_mark or error.context_mark
    return f"{file}: line {mark.line + 1}" if mark else str(file)


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
    there = escaped(", ".join(map(str, node))) if isinstance(node, dict) else short(node)
    parent = quoted(".".join(above))
    return f"{file}: {quoted(path)} is missing: {parent} has no {quoted(key)}, only: {there}"


def explain(message: str, kind: Any, node: Any, path: str) -> str:
    """Turn msgspec's message into one that names the key, the value and the legal values."""
    text, _, where = message.partition(" - at `")
    value, legal = node, kind
    for field, index in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", where):
        step, value, legal = descend(value, legal, field, index)
        path += step
    if where.startswith("key"):
        legal = (elements(legal) or (str,))[0]
        value = next(name for name in value if not is_legal(name, legal))
        text = f"the name {short(value)}: {text}"
    elif isinstance(value, str):
        text = text.replace(f"'{value}'", short(value))
    hint = describe(legal) if text.startswith(MSGSPEC) or where.startswith("key") else ""
    got = "" if isinstance(value, dict | list) else f" (got {short(value)})"
    return f"{quoted(path)}: {escaped(text)}{got}" + (f"; {hint}" if hint else "")


def quoted(path: str) -> str:
    """Return the path of a key as a complaint names it."""
    return f"'{escaped(path.lstrip('.'))}'" if path else "the top level"


def short(value: object) -> str:
    """Return a value from outside in one line of 80 characters at most."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write out more
        return "a number of more than 4,300 digits"
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def escaped(text: str) -> str:
    """Return a text in one line of 300 characters at most."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[:LONGEST_TEXT])
    return line if len(text) <= LONGEST_TEXT else f"{line}…"


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
    return f"[{index}]", list(value)[int(index)], kinds[min(int(index), len(kinds) - 1)]


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
