"""The YAML of a parameter file: parsed as DVC parses it, with errors of one line each."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.reader import ReaderError

from interpreting_clip.errors import InputError, one_line
from interpreting_clip.urls import public_url

LONGEST_VALUE, LONGEST_TEXT = 80, 300
"""How many characters of a value, or of other text from outside, a complaint shows."""

DEEPEST = 20
"""How deeply a study may be nested; DVC's reader is recursive and crashes far beyond this."""

SHARED = "`dvc exp run -S` would change one of the entries that share a value and not the others"
"""Why a study has no anchors."""


def load_tree(file: Path, *, may_be_empty: bool = False) -> dict[Any, Any]:
    """Parse a parameter file as DVC does: YAML 1.2, in which `010` is ten and `1e-4` a number.

    A stage that read a value differently could compute something else without DVC seeing a change.

    Raises
    ------
    InputError
        The file is missing, is not YAML or does not hold a mapping.
    """
    text = read_text(file)
    with yaml_errors(file, text):
        tree = YAML(typ="safe").load(text)
    if tree is None and may_be_empty:
        return {}
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
def yaml_errors(file: Path, text: str) -> Iterator[None]:
    """Explain in one line why the text of a file is not YAML.

    Raises
    ------
    InputError
        It is not YAML, or holds a Python object, a key twice, or an impossible date or number.
    """
    try:
        yield
    except DuplicateKeyError as error:
        key = str(error.problem).partition('"')[2].partition('" with value')[0]
        raise InputError(f"{marked(file, error)}: the key {short(key)} is given twice") from None
    except MarkedYAMLError as error:
        why = " ".join(filter(None, (error.context, error.problem)))
        why = re.sub("(the tag) '.*'", r"\1", why)  # a password may begin with an exclamation mark
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
    """Name the line of the first value that looks like a date or a number but is neither."""
    for event in YAML(typ="safe").parse(text):
        if isinstance(event, ScalarEvent) and event.implicit[0]:
            try:
                YAML(typ="safe").load(event.value)
            except (YAMLError, ValueError):
                return f"line {event.start_mark.line + 1}: "
    return ""


def marked(file: Path, error: MarkedYAMLError) -> str:
    """Return the file and the line at which a text stops being YAML."""
    mark = error.problem_mark or error.context_mark
    return f"{file}: line {mark.line + 1}" if mark else str(file)


def quoted(path: str) -> str:
    """Return the path of a key as complaints write it."""
    return f"'{escaped(path.lstrip('.'))}'" if path else "the top level"


def short(value: object) -> str:
    """Return a value from outside in one line of at most 80 characters, without logins."""
    if isinstance(value, str) and re.search(r":/|:.*@", value, re.DOTALL):
        value = public_url(value)
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print more digits
        return "a number of more than 4,300 digits"
    except RecursionError:
        return "a value that is nested too deeply"
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def escaped(text: str) -> str:
    """Return a text in one line of at most 300 characters."""
    line = one_line(text[:LONGEST_TEXT])
    return line if len(text) <= LONGEST_TEXT else f"{line}…"


def illegal_syntax(file: Path) -> Iterator[str]:
    """Yield where a study has anchors, aliases, merge keys or tags, or is nested too deeply.

    Raises
    ------
    InputError
        The file is missing or is not YAML.
    """
    text, depth = read_text(file), 0
    with yaml_errors(file, text):
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
