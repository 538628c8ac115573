"""The manual, docs/reference/params.md, explains every key; all examples in docs/ are legal."""

import re
from collections import defaultdict
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, NamedTuple, get_args

import msgspec
import pytest
from dvc.utils.serialize import loads_yaml

from interpreting_clip.config.params import complaint, element_types
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.study.sections import EverySection
from tests.reads import ROOT
from tools.manual import span

MANUAL = ROOT / "docs/reference/params.md"
ENCODERS = ROOT / "docs/encoders.md"
DATA = ROOT / "docs/data.md"
HEADER = "| key | meaning | unit | legal values | paper |"
KINDS = {field.name: field.type for field in msgspec.structs.fields(EverySection)}


class Key(NamedTuple):
    """A key of an entry: its path below the section, and the kind or source that has it."""

    path: str
    tag: str
    legal: Any


class Row(NamedTuple):
    """A row of a table: the kinds or sources that have the key (none: all), and what is legal."""

    tags: frozenset[str]
    legal: str


def keys(kind: Any, path: str = "", tag: str = "", above: tuple[type, ...] = ()) -> Iterator[Key]:
    """Yield every key within a type, tags of unions included.

    An entry within an entry that has the keys of the outer one (`reference.train`) yields none.
    """
    if path:
        yield Key(path, tag, kind)
    for struct in structs(kind):
        if any(issubclass(outer, struct) for outer in above):
            continue
        config = struct.__struct_config__
        if config.tag_field:
            yield Key(f"{path}.{config.tag_field}".lstrip("."), "", Literal[config.tag])
        for field in msgspec.structs.fields(struct):
            below = f"{path}.{field.encode_name}".lstrip(".")
            yield from keys(field.type, below, str(config.tag or tag), (*above, struct))


def keys_of(section: str) -> list[Key]:
    """Return every key of a section; one that is a single value is a key itself."""
    kind = KINDS[section]
    return list(keys(kind)) or [Key(section, "", kind)]


def structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """Yield the structs that a type, a union, or a collection holds."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    elif isinstance(kind, UnionType):
        for member in get_args(kind):
            yield from structs(member)
    elif inside := element_types(kind):
        yield from structs(inside[-1])


def tables() -> dict[str, dict[str, list[Row]]]:
    """Return the rows of the manual by section and key."""
    found: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    section, inside = "", False
    for line in MANUAL.read_text().splitlines():
        if line.startswith("## "):
            section = line.strip("# `")
        inside = line == HEADER or (inside and line.startswith("|"))
        if inside and (key := re.match(r"\| `([\w.]+)`(?: \(([\w, ]+)\))? \|", line)):
            tags = frozenset(key[2].split(", ")) if key[2] else frozenset()
            found[section][key[1]].append(Row(tags, line.split(" | ")[3]))
    return found


def examples() -> list[tuple[str, Any]]:
    text = MANUAL.read_text() + ENCODERS.read_text() + DATA.read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return [section for block in blocks for section in loads_yaml(block).items()]


def words(info: Any) -> Iterator[str]:
    """Yield what the manual has to say of a type: ranges of numbers, and words."""
    if isinstance(info, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        yield span(info)
    elif isinstance(info, msgspec.inspect.LiteralType):
        yield from (f"`{value}`" for value in info.values)
    elif isinstance(info, msgspec.inspect.BoolType):
        yield from ("`true`", "`false`")
    inside = ("item_type", "key_type", "value_type")
    single = [getattr(info, name) for name in inside if hasattr(info, name)]
    for member in (*single, *getattr(info, "types", ()), *getattr(info, "item_types", ())):
        yield from words(member)


@pytest.mark.parametrize("section", KINDS)
def test_every_key_is_explained(section):
    rows = tables()[section]
    for key in keys_of(section):
        fitting = [row for row in rows[key.path] if not row.tags or key.tag in row.tags]
        assert fitting, f"'{section}: {key.path}' ({key.tag}) has no row in {MANUAL.name}"
        for word in words(msgspec.inspect.type_info(key.legal)):
            whole = re.compile(rf"(?<![\d.,]){re.escape(word)}(?!,?\d)")
            assert any(whole.search(row.legal) for row in fitting), (key.path, word, fitting)


@pytest.mark.parametrize("section", KINDS)
def test_every_row_is_of_a_key(section):
    known = defaultdict(set)
    for key in keys_of(section):
        known[key.path].add(key.tag)
    for path, rows in tables()[section].items():
        assert path in known, path
        assert all(row.tags <= known[path] for row in rows), path


def test_the_sections_are_those_of_a_study_in_their_order():
    assert list(tables()) == list(KINDS)


@pytest.mark.parametrize(("section", "example"), examples())
def test_an_example_is_legal(section, example):
    assert not complaint(example, KINDS[section])


def test_there_is_an_example_of_every_kind_and_source():
    """Those of drawn sets are in params.yaml itself."""
    shown = examples() + list(load_tree(ROOT / "params.yaml").items())
    for section, kind in KINDS.items():
        text = repr([example for name, example in shown if name == section])
        for key in keys(kind):
            name = key.path.rpartition(".")[2]
            if name in ("kind", "source") and section != "baseline":
                for word in get_args(key.legal):
                    assert f"'{name}': '{word}'" in text, (section, key.path, word)
