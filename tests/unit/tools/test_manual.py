"""The manual, docs/reference/params.md, explains every key; all examples in docs/ are legal."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest
from dvc.utils.serialize import loads_yaml

from interpreting_clip.config.params import complaint
from interpreting_clip.study.sections import Sections
from tests.reads import ROOT
from tools.manual import structs

MANUAL = ROOT / "docs/reference/params.md"
ENCODERS = ROOT / "docs/encoders.md"
DATA = ROOT / "docs/data.md"
HEADER = "| key | meaning | unit | legal values | paper |"
KINDS = {field.name: field.type for field in msgspec.structs.fields(Sections)}


class Key(NamedTuple):
    """A key of an entry: its path below the section, and the kind or source that has it."""

    path: str
    tag: str


def keys(kind: Any, path: str = "", tag: str = "", above: tuple[type, ...] = ()) -> Iterator[Key]:
    """Yield every key within a type, tags of unions included.

    An entry within an entry that has the keys of the outer one (`reference.train`) yields none.
    """
    if path:
        yield Key(path, tag)
    for struct in structs(kind):
        if any(issubclass(outer, struct) for outer in above):
            continue
        config = struct.__struct_config__
        if config.tag_field:
            yield Key(f"{path}.{config.tag_field}".lstrip("."), "")
        for field in msgspec.structs.fields(struct):
            below = f"{path}.{field.encode_name}".lstrip(".")
            yield from keys(field.type, below, str(config.tag or tag), (*above, struct))


def keys_of(section: str) -> list[Key]:
    """Return every key of a section; one that is a single value is a key itself."""
    kind = KINDS[section]
    return list(keys(kind)) or [Key(section, "")]


def tables() -> dict[str, dict[str, list[set[str]]]]:
    """Return by section and key the kinds or sources of each row of the manual (none: all)."""
    found: dict[str, dict[str, list[set[str]]]] = defaultdict(lambda: defaultdict(list))
    section, inside = "", False
    for line in MANUAL.read_text().splitlines():
        if line.startswith("## "):
            section = line.strip("# `")
        inside = line == HEADER or (inside and line.startswith("|"))
        if inside and (key := re.match(r"\| `([\w.]+)`(?: \(([\w, ]+)\))? \|", line)):
            found[section][key[1]].append({*key[2].split(", ")} if key[2] else set())
    return found


def examples() -> list[tuple[str, Any]]:
    text = MANUAL.read_text() + ENCODERS.read_text() + DATA.read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return [section for block in blocks for section in loads_yaml(block).items()]


@pytest.mark.parametrize("section", KINDS)
def test_every_key_is_explained_and_every_row_is_of_a_key(section):
    rows, known = tables()[section], defaultdict(set)
    for key in keys_of(section):
        known[key.path].add(key.tag)
        assert any(not tags or key.tag in tags for tags in rows[key.path]), key
    for path, found in rows.items():
        assert path in known and all(tags <= known[path] for tags in found), path


@pytest.mark.parametrize(("section", "example"), examples())
def test_an_example_is_legal(section, example):
    assert not complaint(example, KINDS[section])
