"""What no study holds, whatever the key: parts of YAML that DVC handles badly, odd values."""

import math
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    NodeEvent,
    ScalarEvent,
)

from stages.storage.params import legal_yaml, quoted, short
from stages.storage.quantities import LONGEST_KEY

DEEPEST = 20
"""How deep a study can be nested; DVC's reader, which is recursive, crashes far beyond."""

LARGEST = 10**18
"""No whole number of a study is larger."""

LINES = "study.description"
"""The one text of several lines."""

UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, halves of characters and ends of lines."""

SHARED = "`dvc exp run -S` would change one of the entries that share a value and not the others"
"""Why a study has no anchors."""


def illegal_syntax(text: str, file: Path) -> Iterator[str]:
    """Yield what a study says in parts of YAML that it does without, by line.

    Raises
    ------
    InputError
        The text is no YAML.
    """
    depth = 0
    with legal_yaml(file, text):
        for event in YAML(typ="safe").parse(text):
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)
            line = f"{file}: line {event.start_mark.line + 1}"
            if depth > DEEPEST:
                yield f"{line}: nested more than {DEEPEST} levels deep"
                return
            if isinstance(event, AliasEvent):
                yield f"{line}: the alias {short(event.anchor)}: {SHARED}; write the value out"
            elif isinstance(event, NodeEvent) and event.anchor:
                yield f"{line}: the anchor {short(event.anchor)}: {SHARED}; leave it out"
            if isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0]:
                yield f"{line}: the merge key '<<': {SHARED}; write the keys out"
            if tag := getattr(event, "tag", None):
                yield f"{line}: the tag {short(tag)}: a study has none; leave it out"


def illegal_scalars(node: Any, file: Path, path: str = "") -> Iterator[str]:
    """Yield the keys whose name or value is legal nowhere in a study."""
    key = f"{file}: {quoted(path)}"
    if isinstance(node, dict):
        for name, value in node.items():
            if why := illegal_name(name):
                yield f"{key}: the key {short(name)}: {why}"
            else:
                yield from illegal_scalars(value, file, f"{path}.{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from illegal_scalars(value, file, f"{path}[{index}]")
    elif why := illegal_value(node, several_lines=path == f".{LINES}"):
        yield f"{key}: {why}, got {short(node)}"


def illegal_name(name: object) -> str:
    """Say why nothing in a study is called so, or nothing."""
    if not isinstance(name, str):
        return f"expected a text, got the type {type(name).__name__}; quote it"
    if len(name) > LONGEST_KEY:
        return f"expected at most {LONGEST_KEY} characters, got {len(name)}"
    return illegal_value(name)


def illegal_value(value: object, several_lines: bool = False) -> str:
    """Say what was expected in place of a value that is legal nowhere, or nothing."""
    if isinstance(value, str):
        text = value.replace("\n", "") if several_lines else value
        if any(unicodedata.category(character) in UNPRINTABLE for character in text):
            return f"expected no control characters, and line ends in '{LINES}' alone"
        return "expected no `${`, which `dvc exp run -S` replaces" if "${" in text else ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else "expected a finite number"
    if isinstance(value, int):
        return "" if abs(value) <= LARGEST else "expected a number of at most 18 digits"
    return "" if value is None else f"expected no {type(value).__name__}; quote it if it is a text"
